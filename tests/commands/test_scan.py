"""`archive-tui scan`: what it finds, in every form, and how it ends."""

import base64
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import asynq_data
from support.asynq_data import NOW, key
from support.command_line import Command, at, finish
from support.servers import Live, wait_until

from archive_tui.catalog.catalog import Catalog
from archive_tui.commands import foreground, scan
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

KINDS = {"orphan-archived", "orphan-completed", "lost", "ghost", "mismatch", "husk", "foreign"}


@pytest.fixture
def damaged(any_server: Live) -> Live:
    """An installation with findings of every kind, and with nasty names."""
    asynq = any_server.asynq
    asynq.register("q", "fine", "empty")
    asynq.add_many("fine", [b"%d" % number for number in range(10)])
    asynq.add("q", "one", referenced=False, error_msg="user 42: boom", last_failed_at=NOW, payload=b"x" * 100)
    asynq.add("q", b"\xff\x1b", referenced=False)
    asynq.add("q", "indexed", score=NOW - 5)
    asynq.add("q", "done", "completed", referenced=False)
    asynq.add("q", "broken", referenced=False, message=b"\xff\xff\xff")
    any_server.client.hset(key("q", "husk"), "state", "archived")
    asynq.add("left", "l1", "completed")
    asynq.add("left", "l2", "completed")
    return any_server


def test_a_scan_as_json(damaged: Live, cli: Command) -> None:
    ended = cli(*at(damaged, "scan", "--json"))
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.text.splitlines()
    report = json.loads(line)
    assert set(report) == {
        "server", "started_at", "finished_at", "complete", "caution", "keys_scanned", "queues",
        "installation",
    }  # fmt: skip
    assert report["installation"] == {
        "findings": {"stale-history": {"count": 0, "bytes": 0}}, "unsure": 0, "why_unsure": None,
    }  # fmt: skip
    info = damaged.client.info()
    assert report["server"] == {
        "version": info.get("valkey_version", info["redis_version"]), "mode": "standalone",
        "address": f"{damaged.settings.socket}/0",
    }  # fmt: skip
    assert TIME.fullmatch(report["started_at"])
    assert TIME.fullmatch(report["finished_at"])
    assert report["started_at"] <= report["finished_at"]
    assert (report["complete"], report["keys_scanned"]) == (True, 18)
    queues = {queue["queue"]: queue for queue in report["queues"]}
    assert list(queues) == ["empty", "fine", "left", "q"]
    for queue in queues.values():
        assert set(queue) == {"queue", "registered", "tasks", "archived", "ghosts_elsewhere", "findings"}
        assert set(queue["findings"]) == KINDS
        assert all(set(found) == {"count", "bytes"} for found in queue["findings"].values())
    assert {name: queue["tasks"] for name, queue in queues.items()} == {"empty": 0, "fine": 10, "left": 2, "q": 6}
    assert [queue["registered"] for queue in queues.values()] == [True, True, False, True]
    assert queues["q"]["archived"] == {
        "size": 1,
        "cap": 9999,
        "cap_from": "default",
        "days": 90,
        "days_from": "default",
        "oldest_at": "2026-11-18T11:06:35Z",
    }
    assert queues["q"]["findings"]["orphan-archived"]["count"] == 2
    assert queues["q"]["findings"]["orphan-archived"]["bytes"] > 2 * 200
    assert queues["q"]["findings"]["husk"]["count"] == 2
    assert queues["q"]["findings"]["orphan-completed"]["count"] == 1
    assert queues["left"]["findings"]["orphan-completed"]["count"] == 2
    assert queues["fine"]["findings"]["orphan-archived"] == {"count": 0, "bytes": 0}


def test_a_scan_as_lines_of_json(damaged: Live, cli: Command) -> None:
    ended = cli(*at(damaged, "scan", "--ndjson"))
    assert (ended.code, ended.err) == (0, "")
    found = {json.dumps(line["id"]): line for line in ended.lines}
    for line in found.values():
        assert set(line) == {
            "queue", "id", "kind", "state", "type", "error", "signature", "last_failed_at", "payload_bytes", "bytes",
            "index", "elsewhere",
        }  # fmt: skip
        assert line["kind"] in KINDS
        assert line["kind"] in ("husk", f"orphan-{line['state']}")
    one = found['"one"']
    assert isinstance(one.pop("bytes"), int)
    assert one == {
        "queue": "q", "id": "one", "kind": "orphan-archived", "state": "archived", "type": "email:send",
        "error": "user 42: boom", "signature": "user <n>: boom", "last_failed_at": "2026-11-18T11:06:40Z",
        "payload_bytes": 100, "index": None, "elsewhere": False,
    }  # fmt: skip
    husk = found['"husk"']
    assert {name for name, value in husk.items() if value is not None} == {"queue", "id", "kind", "state", "elsewhere"}
    broken = found['"broken"']
    assert {name for name, value in broken.items() if value is not None} == {
        "queue",
        "id",
        "kind",
        "state",
        "bytes",
        "elsewhere",
    }
    nasty = found[json.dumps({"base64": base64.b64encode(b"\xff\x1b").decode()})]
    assert nasty["last_failed_at"] is None
    assert nasty["error"] == ""
    assert len(found) == 7


def test_a_scan_for_prometheus(damaged: Live, cli: Command) -> None:
    damaged.asynq.register('a"b\\c\nd')
    ended = cli(*at(damaged, "scan", "--prometheus"))
    assert (ended.code, ended.err) == (0, "")
    metrics: dict[str, float] = {}
    announced: set[str] = set()
    for line in ended.text.splitlines():
        if line.startswith("#"):
            found = re.fullmatch(r"# (HELP|TYPE) (\w+) .+", line)
            assert found, line
            announced.add(found[2])
            continue
        found = re.fullmatch(r'(\w+)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\d+(?:\.\d+)?)', line)
        assert found, line
        assert found[1] in announced
        metrics[line.rpartition(" ")[0]] = float(found[3])
    assert metrics['archive_tui_findings{queue="q",kind="orphan-archived"}'] == 2
    assert metrics['archive_tui_findings{queue="left",kind="orphan-completed"}'] == 2
    assert metrics['archive_tui_findings{queue="fine",kind="orphan-archived"}'] == 0
    assert metrics['archive_tui_archived_tasks{queue="fine"}'] == 10
    assert metrics['archive_tui_archived_tasks{queue="a\\"b\\\\c\\nd"}'] == 0
    assert metrics["archive_tui_scan_complete"] == 1
    assert metrics["archive_tui_scan_keys"] == 18
    assert time.time() - 60 < metrics["archive_tui_scan_timestamp_seconds"] < time.time() + 60
    assert 0 <= metrics["archive_tui_scan_duration_seconds"] < 60
    assert metrics['archive_tui_findings_bytes{queue="q",kind="orphan-archived"}'] > 0
    assert metrics['archive_tui_findings_bytes{queue="fine",kind="orphan-archived"}'] == 0
    assert metrics['archive_tui_archive_breaks{queue="fine"}'] == 0
    assert 'archive_tui_archive_breaks_timestamp_seconds{queue="fine"}' not in metrics


def test_prometheus_foretells_when_an_archive_breaks(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    soon = int(time.time()) - 89 * 86_400
    any_server.asynq.add_many("q", [b"%d" % number for number in range(9_000)], score=soon)
    ended = cli(*at(any_server, "scan", "--prometheus"))
    assert 'archive_tui_archive_breaks{queue="q"} 1' in ended.text
    (at_,) = re.findall(r'^archive_tui_archive_breaks_timestamp_seconds{queue="q"} ([\d.]+)$', ended.text, re.MULTILINE)
    assert abs(float(at_) - (soon + 90 * 86_400)) < 60


@pytest.mark.parametrize("days", ["", "archive_days = 120"])
def test_prometheus_foretells_by_the_profile(any_server: Live, cli: Command, tmp_path: Path, days: str) -> None:
    any_server.asynq.register("q")
    archived = int(time.time()) - 95 * 86_400
    any_server.asynq.add_many("q", [b"%d" % number for number in range(9_000)], score=archived)
    profiles = tmp_path / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f"[here]\n{days}\n")
    text = cli(*at(any_server, "scan", "--prometheus", "--profile", "here")).text
    found = re.findall(r'^archive_tui_archive_breaks_timestamp_seconds{queue="q"} ([\d.]+)$', text, re.MULTILINE)
    assert [abs(float(at_) - (archived + 120 * 86_400)) < 60 for at_ in found] == ([True] if days else [])


def test_prometheus_sends_a_terminal_nothing_that_it_obeys(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("a\x1b[31m\rb\x9bc\u202ed\ne")
    text = cli(*at(any_server, "scan", "--prometheus")).text
    assert text.replace("\n", "").isprintable()
    assert 'queue="a␛[31m␍b\\\\x9bc⟨U+202E⟩d\\ne"' in text


def test_a_scan_for_people(damaged: Live, cli: Command) -> None:
    damaged.client.set(key("q", "string"), "x")
    ended = cli(*at(damaged, "scan"))
    assert ended.code == 0
    head, *lines = ended.text.splitlines()
    assert re.split(r"  +", head) == [
        "QUEUE", "TASKS", "ORPHAN, ARCHIVED", "ORPHAN, COMPLETED", "HUSK", "FOREIGN", "BYTES",
    ]  # fmt: skip
    cells = {row[0]: row[1:-1] for row in (re.split(r"  +", line) for line in lines)}
    assert cells == {
        "empty": ["0", "0", "0", "0", "0"], "fine": ["10", "0", "0", "0", "0"],
        "left (leftover)": ["2", "0", "2", "0", "0"], "q": ["7", "2", "1", "2", "1"],
    }  # fmt: skip
    assert ended.err.splitlines() == ["1 key under t: that hold no task data"]


def test_a_scan_of_all_queues_finds_ids_of_a_queue_without_task_data(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.client.zadd(asynq_data.prefix("forgotten") + b"archived", {"gone": NOW})
    report = cli("scan", "--url", any_server.url, "--json").json
    found = {queue["queue"]: queue["findings"] for queue in report["queues"]}
    assert found["forgotten"]["ghost"]["count"] == 1


def test_a_scan_of_named_queues(damaged: Live, cli: Command) -> None:
    ended = cli(*at(damaged, "scan", "--json", "--queue", "left", "--queue", "fine"))
    assert {queue["queue"]: queue["tasks"] for queue in ended.json["queues"]} == {"left": 2, "fine": 10}
    assert ended.json["keys_scanned"] == 12
    ended = cli(*at(damaged, "scan", "--ndjson", "--queue", "left"))
    assert {line["id"] for line in ended.lines} == {"l1", "l2"}


@pytest.mark.parametrize("form", [[], ["--json"], ["--ndjson"], ["--prometheus"]])
def test_check_says_whether_anything_was_found(damaged: Live, cli: Command, form: list[str]) -> None:
    assert cli(*at(damaged, "scan", "--check", *form)).code == 10
    assert cli(*at(damaged, "scan", "--check", "--queue", "fine", *form)).code == 0


@pytest.mark.parametrize("pace", ["full", "polite", "gentle"])
def test_every_pace_finds_the_same(damaged: Live, cli: Command, pace: str) -> None:
    assert len(cli(*at(damaged, "scan", "--ndjson", "--pace", pace)).lines) == 7


def test_a_scan_that_reads_messages(damaged: Live, cli: Command) -> None:
    damaged.asynq.add("fine", "shell", "scheduled", message=b"\xff\xff")

    def husks(*flags: str) -> list[tuple[str, str]]:
        lines = cli(*at(damaged, "scan", "--queue", "fine", "--ndjson", *flags)).lines
        return [(one["id"], one["index"]) for one in lines if one["kind"] == "husk"]

    assert husks() == []
    assert husks("--messages") == [("shell", "scheduled")]


def test_a_scan_changes_nothing(damaged: Live, cli: Command) -> None:
    before = asynq_data.everything(damaged.client)
    for form in ("--json", "--ndjson", "--prometheus"):
        cli(*at(damaged, "scan", form))
    cli(*at(damaged, "queues"))
    cli(*at(damaged, "show", "q", "one"))
    assert asynq_data.everything(damaged.client) == before


def test_ctrl_c_ends_a_scan_with_what_it_has(
    own_server: Callable[..., Live], process: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    live = own_server()
    live.asynq.register("q")
    live.client.mset({key("q", f"{number}"): "x" for number in range(100_000)})
    live.client.config_resetstat()
    started = process("scan", "--url", live.url, "--json", "--pace", "gentle")
    wait_until(lambda: live.calls().get("scan", 0) >= 10)  # the first few measure the way to the server
    started.send_signal(signal.SIGINT)
    ended = finish(started)
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert ended.json["complete"] is False
    assert 0 < ended.json["keys_scanned"] < 100_000


@pytest.mark.parametrize(("form", "code"), [("--json", 0), ("--ndjson", 4)])
def test_findings_that_could_not_be_kept_are_said(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, form: str, code: int
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"1", b"2", b"3"], referenced=False)
    monkeypatch.setattr(Catalog.__init__, "__defaults__", (None, 2))
    ended = cli(*at(any_server, "scan", form))
    assert (ended.code, ended.err.strip()) == (
        code,
        "archive-tui: only the first 2 rows are kept, the rest is counted",
    )
    if form == "--json":
        assert json.loads(ended.out)["queues"][0]["findings"]["orphan-archived"]["count"] == 3
    else:
        assert len(ended.out.splitlines()) == 2


def test_progress_is_shown_to_a_person_and_wiped_away(
    valkey: Live, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.register("q")
    valkey.client.mset({key("q", b"%d" % number): "x" for number in range(20_000)})
    monkeypatch.setattr(foreground, "_PROGRESS_EVERY", 0.01)
    session = Session(valkey.settings)
    session.open()
    code = scan.scan(session, names=[], pace=Pace.GENTLE, form="json", check=False, out=sys.stdout, progress=True)
    session.close()
    captured = capsys.readouterr()
    assert code == 0
    assert json.loads(captured.out)["complete"]
    *shown, wiped = captured.err.split("\r\x1b[K")
    assert wiped == ""
    fractions = [int(line.strip().partition("%")[0]) for line in shown if "%" in line]
    assert len(fractions) > 3
    assert fractions == sorted(fractions)


def test_metrics_read_the_figures_of_the_queues_once(
    damaged: Live, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = scan.store.stats, [0]

    def counting(*arguments: Any) -> Any:
        calls[0] += 1
        return real(*arguments)

    monkeypatch.setattr(scan.store, "stats", counting)
    assert cli(*at(damaged, "scan", "--prometheus")).code == 0
    assert calls[0] == 1
