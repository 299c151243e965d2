"""ctrl+c, a polite kill and the end of the SSH session, while something is under way: it ends at a point that leaves
nothing half-done, and journal, audit, report and Redis agree afterwards.
"""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agreement import check_agreement, journals_in
from support.asynq_data import lock_key
from support.changes import put_back
from support.command_line import finish
from support.contents import content
from support.servers import Live, wait_until
from support.terminal import Terminal, sane

from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.job import Job
from archive_tui.journal.audit import default_file
from archive_tui.journal.reader import Journal

Run = Callable[[Job], Job]
Process = Callable[..., "subprocess.Popen[bytes]"]
COUNT = 6000
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
FIND = ("--queue", "q", "--kind", "orphan-archived")


@pytest.fixture
def full(valkey: Live) -> Live:
    """Orphans, and others that nobody asked to delete."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(COUNT)], referenced=False)
    for number in range(0, COUNT, 500):
        valkey.asynq.add("q", f"{number}", referenced=False, unique=lock_key("q", payload=b"%d" % number))
    valkey.asynq.add_many("q", [b"fine%d" % number for number in range(50)])
    return valkey


@pytest.fixture
def journal_dir(home: Path) -> Path:
    """Where a process of its own keeps its journals."""
    return home / "XDG_STATE_HOME" / "archive-tui" / "journal"


def audit() -> list[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line) for line in default_file().read_text().splitlines()]
    return []


def tasks(live: Live) -> int:
    return sum(1 for _ in live.client.scan_iter(match="asynq:{q}:t:*", count=10_000))


def commands(live: Live) -> int:
    """How many commands the server has had from others than this test."""
    return sum(count for name, count in live.calls().items() if name not in ("info", "config|resetstat", "flushall"))


def orderly(ended: Any, code: int = 130) -> None:
    """It ended by our own hand, with nothing that looks like a defect."""
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert "unexpected" not in ended.err


def deleted(full: Live, process: Process, journal_dir: Path) -> Path:
    """All orphans, in one journal."""
    orderly(finish(process("delete", "--url", full.url, *FIND, "--pace", "full", "--yes")), 0)
    (path,) = journals_in(journal_dir)
    return path


# Without the screens


@pytest.mark.parametrize("number", SIGNALS)
def test_while_a_command_scans(full: Live, process: Process, number: int) -> None:
    before = content(full)
    full.client.config_resetstat()
    started = process("scan", "--url", full.url, "--pace", "gentle", "--json")
    wait_until(lambda: full.calls().get("scan", 0) > 5)
    started.send_signal(number)
    ended = finish(started)
    orderly(ended)
    assert (ended.json["complete"], "minimums" in ended.err) == (False, False)
    assert content(full) == before
    assert audit() == []


@pytest.mark.parametrize("number", [signal.SIGHUP])
def test_while_a_command_deletes(full: Live, process: Process, journal_dir: Path, run_job: Run, number: int) -> None:
    before = content(full)
    started = process("delete", "--url", full.url, *FIND, "--pace", "gentle", "--yes", "--json")
    wait_until(lambda: tasks(full) < COUNT)
    started.send_signal(number)
    ended = finish(started)
    orderly(ended)
    report = ended.json["report"]
    assert report["state"] == "stopped"
    assert 0 < report["deleted"] == COUNT + 50 - tasks(full)
    assert report["deleted"] + report["untouched"] == COUNT
    check_agreement(full, before, journals_in(journal_dir), None)
    (path,) = journals_in(journal_dir)
    ending = Journal(path).ending()
    assert ending is not None
    assert ending.state == "stopped"
    assert (audit()[-1]["result"], audit()[-1]["deleted"]) == ("stopped", report["deleted"])
    put_back(full, run_job, plan_restore(full.connect(), Journal(path)))
    assert content(full) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_while_a_command_restores(full: Live, process: Process, journal_dir: Path, run_job: Run, number: int) -> None:
    before = content(full)
    path = deleted(full, process, journal_dir)
    started = process("restore", "--url", full.url, str(path), "--pace", "gentle", "--yes")
    wait_until(lambda: tasks(full) > 50)
    started.send_signal(number)
    ended = finish(started)
    orderly(ended)
    back = tasks(full) - 50
    assert 0 < back < COUNT
    assert f"restored {back:,} of {COUNT:,} tasks" in ended.text
    assert f"{COUNT - back:,}  not touched" in ended.text
    assert (audit()[-1]["result"], audit()[-1]["restored"]) == ("stopped", back)
    plan = plan_restore(full.connect(), Journal(path))
    assert (plan.count, plan.before) == (COUNT - back, back)
    put_back(full, run_job, plan)
    assert content(full) == before


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_while_a_command_exports(full: Live, process: Process, tmp_path: Path, number: int) -> None:
    before = content(full)
    path = tmp_path / "x.journal.gz"
    full.client.config_resetstat()
    started = process("export", "--url", full.url, *FIND, "--pace", "gentle", str(path))
    wait_until(lambda: full.calls().get("hgetall", 0) > 500)
    started.send_signal(number)
    ended = finish(started)
    orderly(ended)
    journal = Journal(path)
    outline = journal.outline()
    assert 0 < outline.count < COUNT
    assert f"{outline.count:,} tasks written" in ended.text
    assert outline.ending is not None
    assert outline.ending.state == "stopped"
    assert content(full) == before


@pytest.mark.parametrize(
    ("after", "number"), list(zip([1, 4, 12, 18, 24, 40, 120, 2000, 6100], itertools.cycle(SIGNALS), strict=False))
)
def test_at_any_moment(full: Live, process: Process, journal_dir: Path, run_job: Run, after: int, number: int) -> None:
    """Wherever it was: at the greeting, in the scan, between scan and plan, in the journal, in a batch, at the end."""
    before = content(full)
    full.client.config_resetstat()
    started = process("delete", "--url", full.url, *FIND, "--pace", "polite", "--yes", "--json")
    wait_until(lambda: commands(full) >= after or started.poll() is not None)
    started.send_signal(number)
    ended = finish(started)
    if ended.code in (-signal.SIGTERM, -signal.SIGHUP):  # it had not begun anything: nobody minds signals yet
        assert audit() == []
    elif ended.code != 0:
        orderly(ended)
    check_agreement(full, before, journals_in(journal_dir), None)
    events = [line["event"] for line in audit()]
    assert events in ([], ["confirmed", "ended"])
    if events:
        assert audit()[1]["deleted"] == COUNT + 50 - tasks(full)
    for path in journals_in(journal_dir):
        ending = Journal(path).ending()
        assert ending is not None
        put_back(full, run_job, plan_restore(full.connect(), Journal(path)))
    assert content(full) == before


def test_a_second_signal_ends_it_at_once_and_loses_nothing(
    full: Live, process: Process, journal_dir: Path, run_job: Run
) -> None:
    before = content(full)
    started = process("delete", "--url", full.url, *FIND, "--pace", "gentle", "--yes", "--json")
    wait_until(lambda: tasks(full) < COUNT)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        started.send_signal(number)
    ended = finish(started)
    orderly(ended)
    check_agreement(full, before, journals_in(journal_dir), None)
    put_back(full, run_job, plan_restore(full.connect(), Journal(journals_in(journal_dir)[0])))
    assert content(full) == before


def test_the_terminal_goes_while_a_command_deletes(full: Live, home: Path, journal_dir: Path, run_job: Run) -> None:
    """The SSH session is cut: there is nobody to report to, and no place to write to."""
    before = content(full)
    terminal = Terminal(
        "delete", "--url", full.url, *FIND, "--pace", "gentle", "--yes", controlling=True,
        HOME=str(home), XDG_STATE_HOME=os.environ["XDG_STATE_HOME"],
    )  # fmt: skip
    try:
        wait_until(lambda: tasks(full) < COUNT)
        os.close(terminal.master)
        assert terminal.process.wait(30) in (1, 130)
    finally:
        terminal.close()
    check_agreement(full, before, journals_in(journal_dir), None)
    (path,) = journals_in(journal_dir)
    ending = Journal(path).ending()
    assert ending is not None
    assert ending.state == "stopped"
    assert audit()[-1]["result"] == "stopped"
    put_back(full, run_job, plan_restore(full.connect(), Journal(path)))
    assert content(full) == before


# In the screens


@pytest.fixture
def screens(full: Live, home: Path) -> Iterator[Terminal]:
    state = os.environ["XDG_STATE_HOME"]
    terminal = Terminal("--url", full.url, controlling=True, HOME=str(home), XDG_STATE_HOME=state)
    yield terminal
    terminal.close()


def interrupted(terminal: Terminal, how: str) -> None:
    """End it in one of four ways, and see how it went."""
    if how == "hangup":
        os.close(terminal.master)
        assert terminal.process.wait(30) != 0
        return
    if how == "ctrl+c":
        terminal.type("\x03")
    else:
        terminal.process.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGHUP)
    assert terminal.ended() == {"ctrl+c": 130, "SIGTERM": 143, "SIGHUP": 129}[how]
    assert sane(terminal.sent)
    assert b"Traceback" not in terminal.sent


def scanning(terminal: Terminal) -> None:
    terminal.sees("orphan scan")
    terminal.type("o")
    terminal.sees("keys")


HOW = ["ctrl+c", "SIGTERM", "SIGHUP", "hangup"]


@pytest.mark.parametrize("how", HOW)
def test_while_the_screens_scan(screens: Terminal, full: Live, how: str) -> None:
    before = content(full)
    scanning(screens)
    interrupted(screens, how)
    assert content(full) == before
    assert audit() == []


def agreed(terminal: Terminal) -> None:
    """Type the count, and enter once it is seen: in one piece with the count it would not be taken. What was typed in
    the very moment in which the plan appeared is dropped, and said to be.
    """
    arrived = re.compile(r"to confirm: +6000 ")
    terminal.type("6000")
    terminal.until(lambda: arrived.search(terminal.text) or "dropped" in terminal.text, "the count, or a word on it")
    if not arrived.search(terminal.text):
        terminal.type("6000")
        terminal.until(lambda: arrived.search(terminal.text), "the count")
    terminal.type("\r")


def confirmed(terminal: Terminal, live: Live) -> None:
    """Have all that a scan finds deleted, gently."""
    scanning(terminal)
    terminal.sees("complete")
    terminal.type("*")
    terminal.sees("6,000 marked")
    terminal.type("\x04")
    terminal.sees("Cancel")
    agreed(terminal)
    wait_until(lambda: terminal.read() or tasks(live) < COUNT)


@pytest.mark.parametrize("how", HOW)
def test_while_the_screens_delete(screens: Terminal, full: Live, journal_dir: Path, run_job: Run, how: str) -> None:
    before = content(full)
    confirmed(screens, full)
    interrupted(screens, how)
    check_agreement(full, before, journals_in(journal_dir), None)
    (path,) = journals_in(journal_dir)
    ending = Journal(path).ending()
    assert ending is not None
    assert audit()[-1]["result"] == ending.state
    assert audit()[-1]["deleted"] == COUNT + 50 - tasks(full)
    put_back(full, run_job, plan_restore(full.connect(), Journal(path)))
    assert content(full) == before


@pytest.mark.parametrize("how", HOW)
def test_while_the_screens_restore(
    screens: Terminal, full: Live, process: Process, journal_dir: Path, run_job: Run, how: str
) -> None:
    before = content(full)
    path = deleted(full, process, journal_dir)
    screens.sees("orphan scan")
    screens.type("J")
    screens.sees("6,000")
    screens.type("\r")
    screens.sees("6,000 to restore")
    screens.type("*")
    screens.sees("6,000 marked")
    screens.type("\x12")
    screens.sees("Back where each stood")
    screens.type("\r")
    screens.sees("Cancel")
    agreed(screens)
    wait_until(lambda: screens.read() or tasks(full) > 50)
    interrupted(screens, how)
    back = tasks(full) - 50
    assert (audit()[-1]["action"], audit()[-1]["restored"]) == ("restore", back)
    plan = plan_restore(full.connect(), Journal(path))
    assert (plan.count, plan.before) == (COUNT - back, back)
    put_back(full, run_job, plan)
    assert content(full) == before
