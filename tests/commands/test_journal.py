"""`archive-tui journal`: the journals listed, shown and removed."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command_line import Command
from support.journals import delete_again, deleted
from support.servers import Live


def test_list_and_show_need_no_server(valkey: Live, cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    path = deleted(valkey, folder)
    valkey.asynq.add("q", b"\xff\x1b[31m", error_msg="a\x1b]0;b\x07")
    second = delete_again(valkey, folder)
    folder_flag = ("--journal-dir", str(folder))
    listed = cli("journal", *folder_flag)
    assert listed.code == 0
    assert path.name in listed.text
    assert "30 delete" in listed.text
    (one, two) = cli("journal", *folder_flag, "list", "--json").json
    assert {one["file"], two["file"]} == {str(path), str(second)}
    assert two["counts"] == {"deleted": 30}
    assert (two["reason"], two["planned"], two["state"]) == ("night shift", 30, "done")
    shown = cli("journal", *folder_flag, "show", path.name)
    assert shown.code == 0
    assert "q  archived  7  email:send  dial tcp" in shown.text
    (odd,) = cli("journal", *folder_flag, "show", second.name, "--json").lines
    assert odd["id"] == {"base64": "/xtbMzFt"}
    assert odd["outcome"] == "deleted"
    assert "\x1b" not in cli("journal", *folder_flag, "show", second.name).text


def test_nothing_is_listed_where_there_is_nothing(cli: Command) -> None:
    ended = cli("journal")
    assert (ended.code, ended.out) == (0, b"")
    assert "no journals in" in ended.err
    assert cli("journal", "--json").json == []


def test_prune_removes_only_what_was_confirmed(valkey: Live, cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    old = deleted(valkey, folder)
    valkey.asynq.add("q", "later")
    new = delete_again(valkey, folder)
    os.utime(old, (time.time() - 10 * 86_400,) * 2)
    flag = ("--journal-dir", str(folder))
    assert cli("journal", *flag, "prune").code == 2
    dry = cli("journal", *flag, "prune", "--keep-days", "5", "--dry-run")
    assert (dry.code, "1 journal to remove" in dry.text) == (0, True)
    assert cli("journal", *flag, "prune", "--keep-days", "5").code == 5
    assert old.exists()
    assert cli("journal", *flag, "prune", "--keep-days", "5", "--yes").code == 0
    assert not old.exists()
    assert new.exists()
    assert cli("journal", *flag, "prune", "--keep-mb", "0", "--yes").code == 0
    assert not new.exists()


def test_a_pipe_or_a_device_among_the_journals_keeps_nobody_waiting(valkey: Live, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    path = deleted(valkey, folder)
    os.mkfifo(folder / "pipe.journal.gz")
    (folder / "device.journal.gz").symlink_to("/dev/zero")
    (folder / "folder.journal.gz").mkdir()

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":  # a process: one that waits for ever can be ended
        return subprocess.run(
            [sys.executable, "-m", "archive_tui", "--journal-dir", str(folder), *arguments],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    shown = run("journal", "--json")
    assert shown.returncode == 0, shown.stderr
    problems = {Path(one["file"]).name: one["problem"] for one in json.loads(shown.stdout)}
    assert problems.pop(path.name) is None
    assert len(problems) == 3
    assert all(problem.endswith("is no journal: it is not a file") for problem in problems.values())
    one = run("journal", "show", "pipe")
    assert (one.returncode, one.stderr.count("\n")) == (5, 1)


READERS = [
    ["gzip", "-dc"],
    ["zcat"],
    [sys.executable, "-c", "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())"],
]


@pytest.mark.parametrize("reader", READERS, ids=["gzip", "zcat", "python"])
def test_a_journal_is_read_by(valkey: Live, cli: Command, tmp_path: Path, reader: list[str]) -> None:
    """Each batch is a gzip member of its own, so that a crash leaves the others readable: some readers stop there."""
    if shutil.which(reader[0]) is None:
        pytest.skip(f"{reader[0]} is missing")
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(2_000)])
    flags = ("--archived", "--yes", "--json", "--journal-dir", str(tmp_path))
    report = cli("delete", "--url", valkey.url, "--queue", "q", *flags).json["report"]
    read = subprocess.run([*reader, report["journal"]], check=True, capture_output=True)
    lines = [json.loads(line) for line in read.stdout.splitlines()]
    assert len([line for line in lines if "batch" in line]) > 1
    assert {line["id"] for line in lines if "fields" in line} == {str(number) for number in range(2_000)}
    assert lines[-1]["counts"] == {"deleted": 2_000}
