"""No room, or no permission, for the table of rows in the temporary folder: a scan goes on counting, and says why."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agreement import check_agreement
from support.command_line import Command, Ended
from support.contents import content
from support.servers import Live

COUNT = 6000
LIMIT = 1024 * 512
"""Bytes of the largest file: the table of these tasks is larger, a journal of some of them is not."""


@pytest.fixture
def full(valkey: Live) -> Live:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%0200d" % number for number in range(COUNT)], referenced=False)
    valkey.asynq.add_many("q", [b"fine%0200d" % number for number in range(COUNT)])
    return valkey


@pytest.fixture
def cramped(full: Live, home: Path, tmp_path: Path) -> Callable[..., Ended]:
    """Runs a command where no file may grow larger than LIMIT; to a program that is what a full disk is."""

    def call(command: str, *arguments: str) -> Ended:
        line = [sys.executable, "-m", "archive_tui", command, "--url", full.url, *arguments]
        limited = ["sh", "-c", f'ulimit -f {LIMIT // 512} && exec "$@"', "sh", *line]
        ended = subprocess.run(limited, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())

    return call


def test_a_scan_goes_on_counting(full: Live, cramped: Callable[..., Ended]) -> None:
    before = content(full)
    ended = cramped("scan", "--pace", "full", "--json")
    assert ended.code == 0
    (queue,) = ended.json["queues"]
    assert (ended.json["complete"], queue["findings"]["orphan-archived"]["count"]) == (True, COUNT)
    (said,) = ended.err.splitlines()
    assert "is the disk of TMPDIR full?: what is found from now on is only counted" in said
    assert cramped("scan", "--pace", "full", "--check").code == 10
    assert content(full) == before


def test_what_is_printed_of_each_finding_is_only_a_part(cramped: Callable[..., Ended]) -> None:
    ended = cramped("scan", "--pace", "full", "--ndjson")
    assert ended.code == 4
    assert 0 < len(ended.lines) < COUNT
    assert "is the disk of TMPDIR full?" in ended.err


def test_a_deletion_takes_what_it_has(full: Live, cramped: Callable[..., Ended], home: Path) -> None:
    before = content(full)
    ended = cramped("delete", "--queue", "q", "--kind", "orphan-archived", "--pace", "full", "--yes", "--json")
    assert ended.code == 4, ended.err
    assert "is the disk of TMPDIR full?" in ended.err
    assert "delete these, and then run it again" in ended.err
    report = ended.json["report"]
    assert 0 < report["deleted"] < COUNT
    assert report["untouched"] == 0
    journals = list((home / "XDG_STATE_HOME").rglob("*.journal.gz"))
    check_agreement(full, before, journals, None)
    assert len(before) - len(content(full)) == report["deleted"]


def test_a_list_that_does_not_fit_is_not_deleted_from(full: Live, cramped: Callable[..., Ended]) -> None:
    """Which of them are the oldest, say, nobody knows then."""
    before = content(full)
    ended = cramped("delete", "--queue", "q", "--archived", "--limit", "5", "--yes")
    assert ended.code == 1
    assert "is the disk of TMPDIR full?" in ended.complaint
    assert content(full) == before


@pytest.mark.parametrize("command", ["scan", "delete", "export"])
def test_without_any_temporary_folder(
    full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    before = content(full)
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "file")])
    arguments = {
        "scan": ["--json"],
        "delete": ["--queue", "q", "--archived", "--yes"],
        "export": ["--queue", "q", "--archived", str(tmp_path / "out")],
    }
    ended = cli(command, "--url", full.url, *arguments[command])
    assert ended.code == 1
    assert "no room for the table of rows" in ended.complaint
    assert "set TMPDIR" in ended.complaint
    assert content(full) == before


def test_a_temporary_folder_that_may_not_be_written(full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for root, whom no mode of a folder stops."""
    monkeypatch.setattr(tempfile, "tempdir", "/proc/self/fdinfo")
    ended = cli("scan", "--url", full.url, "--json")
    assert ended.code == 1
    assert "no room for the table of rows in /proc/self/fdinfo" in ended.complaint
