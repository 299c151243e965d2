"""The benchmark says what it promises to say. What it measures is no business of the tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State

HERE = Path(__file__).parents[1] / "benchmarks"
TASKS = 2_000


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What is measured in which order; its other modules can be imported, too."""
    monkeypatch.syspath_prepend(str(HERE))
    import schedule

    return schedule


def run(*arguments: str | Path, seconds: float = 840) -> "subprocess.CompletedProcess[str]":
    """Run the benchmark. Where it fails to end in time, it ends with every process that it has started."""
    process = subprocess.Popen(
        [sys.executable, HERE, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=seconds)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_says_something_about_every_subject_and_every_requirement(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    import verdicts

    kept = tmp_path / "figures.json"
    ended = run("--tasks", str(TASKS), "--repeat", "1", "--json", kept)
    assert ended.returncode in (0, 1), ended.stderr
    figures = json.loads(kept.read_text())
    size = figures["sizes"][str(TASKS)]
    assert {*size["results"], *size["left_out"]} == {subject.slug for subject in benchmark.SUBJECTS}
    for subject in benchmark.SUBJECTS:
        assert subject.title in ended.stdout or subject.slug in size["left_out"]
    for slug, reason in size["left_out"].items():
        assert f"{slug}: {reason}" in ended.stdout
    assert [one["what"] for one in size["verdicts"]] == [line.what for line in verdicts.LINES]
    for line in verdicts.LINES:
        assert line.what in ended.stdout
    assert ended.returncode == any(one["met"] is False for one in size["verdicts"])
    assert figures["machine"]["cores"] == os.cpu_count()
    assert f"{size['results']['scan']['keys']:,}" == "2,000"
    assert size["results"]["screen"]["stalls"].keys() >= {"scanning", "deleting", "filtering", "marking all"}
    assert set(size["start"]) == {
        "importing click", "--version", "importing textual.app and redis", "first queues on screen",
    }  # fmt: skip


def test_one_subject_brings_what_it_is_compared_with_and_nothing_else(tmp_path: Path) -> None:
    kept = tmp_path / "figures.json"
    ended = run("--tasks", "2000", "--only", "healthy-scan", "--repeat", "2", "--json", kept, "--markdown")
    assert ended.returncode == 0, ended.stderr
    size = json.loads(kept.read_text())["sizes"]["2000"]
    assert {slug: len(runs) for slug, runs in size["runs"].items()} == {"healthy-floor": 2, "healthy-scan": 2}
    assert [one["what"] for one in size["verdicts"]] == ["scan, healthy queue"]
    assert "| healthy queue | our scan of task data |" in ended.stdout


@pytest.mark.slow
def test_another_version_runs_in_turn_with_this_one(tmp_path: Path) -> None:
    """The other version is this one here: what matters is that its own interpreter runs it, and how often."""
    kept = tmp_path / "figures.json"
    subjects = ["healthy-scan", "delete-journal", "start"]
    small = ("--tasks", "1000", "--repeat", "2")
    ended = run(*small, "--only", *subjects, "--against", sys.prefix, "--json", kept)
    figures = json.loads(kept.read_text())
    size = figures["sizes"]["1000"]
    assert {slug: len(runs) for slug, runs in size["their_runs"].items()} == {"healthy-scan": 2, "delete-journal": 2}
    titles = ["healthy: our scan of task data", "leaky: our deletion", "--version", "first queues on screen"]
    assert list(size["against"]) == titles
    for title, found in size["against"].items():
        assert found["ratios"]["seconds"] > 0
        assert title in ended.stdout
    assert f"against {figures['against']['name']}" in ended.stdout


def test_ratios_are_medians_of_pairs_and_leave_out_what_was_not_measured(benchmark: ModuleType) -> None:
    import measure

    ours = [{"seconds": 2.0, "peak_mib": 10}, {"seconds": 6.0, "peak_mib": 10}, {"seconds": 3.0, "peak_mib": 10}]
    theirs = [{"seconds": 1.0, "peak_mib": 20}, {"seconds": 2.0, "peak_mib": None}, {"seconds": 3.0, "peak_mib": 20}]
    assert measure.ratios(ours, theirs) == {"seconds": 2.0}


def test_a_benchmark_that_does_not_end_leaves_no_process_behind(tmp_path: Path) -> None:
    """Some of its processes would go on by themselves: they hold its output open, so it would never end."""
    with pytest.raises(subprocess.TimeoutExpired):
        run("--tasks", "200000", "--only", "screen", "--json", tmp_path / "figures.json", seconds=2)


def test_a_folder_without_another_version_is_refused(tmp_path: Path) -> None:
    ended = run("--quick", "--against", tmp_path)
    assert (ended.returncode, ended.stderr) == (2, f"--against: no virtual environment in {tmp_path}\n")


@pytest.mark.parametrize("arguments", [["--tasks", "10"], ["--repeat", "0"], ["--only", "nonsense"]])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_whatever_is_compared_runs_right_after_what_it_is_compared_with(benchmark: ModuleType) -> None:
    for shape in benchmark.Shape:
        subjects = [subject for subject in benchmark.SUBJECTS if subject.shape is shape]
        order = benchmark.rounds(subjects, 3)
        for before, subject in zip([None, *order], order, strict=False):
            if subject.against is not None and not subject.destroys:
                assert before is not None
                assert before.slug == subject.against
        runs = {subject.slug: order.count(subject) for subject in subjects}
        assert all(runs.values())
        assert all(runs[subject.slug] == (1 if subject.once else 3) for subject in subjects if subject.against)
        destroying = [subject.destroys for subject in order]
        assert destroying == sorted(destroying)


@pytest.mark.parametrize("shape", ["healthy", "leaky", "large", "archive"])
def test_the_data_is_what_asynq_would_have_written(benchmark: ModuleType, valkey: Live, shape: str) -> None:
    import data

    tasks = 20 if shape == "large" else 3_000
    assert valkey.settings.socket is not None
    data.load(valkey.settings.socket, data.Shape(shape), tasks)
    assert len(list(valkey.client.scan_iter(match="asynq:{bench}:t:*", count=1_000))) == tasks
    rows = valkey.scan([data.QUEUE]).rows
    assert len(rows) == data.orphans(data.Shape(shape), tasks)
    assert all(row.kind is Kind.ORPHAN_ARCHIVED and row.readable and row.state is State.ARCHIVED for row in rows)
    assert all((row.payload_bytes or 0) > (1_000_000 if shape == "large" else 100) for row in rows)
    if shape == "leaky":
        assert len({row.error for row in rows}) > 10
        assert len({row.type for row in rows}) > 3


def test_the_same_seed_makes_the_same_data(benchmark: ModuleType) -> None:
    import data

    made = [b"".join(data.commands(data.Shape.HEALTHY, 2_000, seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_a_line_is_met_missed_or_not_judged(benchmark: ModuleType) -> None:
    import verdicts

    def words(figures: dict[str, dict[str, object]], tasks: int, **left_out: str) -> list[str]:
        return [one.word for one in verdicts.judge(figures, left_out, tasks)]

    assert words({"scan": {"ratio": 5.9, "found": 1}}, 100_000) == ["met"]
    assert words({"scan": {"ratio": 6.1, "found": 1}}, 100_000) == ["NOT met"]
    assert words({"scan": {"ratio": 6.1, "found": 1}}, 99_999) == ["not judged: fewer than 100,000 tasks"]
    assert words({"delete": {"ratio": 3.1, "ping_p99_ms": 4.9}}, 100_000) == ["NOT met", "met"]
    headless = {"headless": {"peak_mib": 105, "found": 990_000}}
    assert words(headless, 1_000_000) == ["not judged: 990,000 rows are too few"]
    headless["headless"]["peak_mib"] = 111
    assert words(headless, 1_000_000) == ["NOT met"]
    assert words({}, 1_000_000, **{"large-scan": "no room"}) == ["NOT met: no room"]
    assert words({}, 1_000_000) == []


def test_the_slow_link_delays_without_holding_anything_up(benchmark: ModuleType, tmp_path: Path) -> None:
    """Many pieces are under way at once; were each to wait for the one before, this would take ten times as long."""
    import link

    target = tmp_path / "echo"
    with socket.socket(socket.AF_UNIX) as echo, socket.create_server(("127.0.0.1", 0)) as entrance:
        echo.bind(str(target))
        echo.listen()

        def answer() -> None:
            near, _ = echo.accept()
            with near:
                while piece := near.recv(65_536):
                    near.sendall(piece)

        threading.Thread(target=answer, daemon=True).start()
        threading.Thread(target=link.serve, args=(entrance, str(target), 0.05), daemon=True).start()
        with socket.create_connection(entrance.getsockname()) as client:
            began = time.monotonic()
            sent = b"".join(b"%07d\n" % number for number in range(40_000))
            client.sendall(sent)
            received = b""
            while len(received) < len(sent):
                received += client.recv(65_536)
            assert received == sent
            assert time.monotonic() - began >= 0.1
