"""What the lines at the edge of a small terminal say: what a person acts by is there at 60 and at 80 columns."""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.idle import calm
from support.servers import Live
from support.terminal import Terminal
from support.typist import CTRL_D, DOWN, ENTER, PATIENT, at_rest, confirm, redrawn

Start = Callable[[], Terminal]
MANY = 6_000


@pytest.fixture
def work(valkey: Live) -> Live:
    """Four queues, one of which Asynq no longer knows and one of which is paused, with archived tasks and orphans."""
    (now, _) = valkey.client.time()
    valkey.asynq.register("alpha", "bravo", "work")
    valkey.client.set("asynq:{bravo}:paused", now)
    valkey.asynq.add("gone", "left", "completed")
    for number in range(9):
        kind = ("mail:send", "report:make")[number % 2]
        valkey.asynq.add("work", f"task-{number}", score=now - 10.5 * 86_400 - number, type=kind)
    valkey.asynq.add_many("alpha", [f"old-{number}" for number in range(MANY)], referenced=False)
    return valkey


@pytest.fixture
def terminal(work: Live, tmp_path: Path) -> Iterator[Terminal]:
    """The program at 80x24, its queues shown."""
    running = Terminal("--url", work.url, size=(80, 24), program=PATIENT, HOME=str(tmp_path))
    try:
        running.sees("leftover: gone")
        at_rest(running)
        yield running
    finally:
        running.close()


def lines(terminal: Terminal) -> list[str]:
    """The lines of the screen as they are drawn now."""
    redrawn(terminal)
    return terminal.drawn.split("\n")


def names(terminal: Terminal) -> list[str]:
    """The queues, in their order."""
    return [found[1] for line in lines(terminal) if (found := re.match(r"[▌ ]  (alpha|bravo|gone|work)\b", line))]


@pytest.mark.parametrize("size", [(80, 24), (60, 15)], ids=["80x24", "60x15"])
def test_queues_stand_by_their_trouble_and_warnings_outlive_a_filter(terminal: Terminal, size: tuple[int, int]) -> None:
    terminal.resize(*size)
    at_rest(terminal)
    assert names(terminal) == ["gone", "bravo", "alpha", "work"]
    assert "row 1 of 4" in terminal.drawn
    terminal.type("/work" + ENTER)
    terminal.until(lambda: names(terminal) == ["work"], "the filtered queues")
    assert "leftover: gone" in terminal.drawn
    assert "row 1 of 1" in terminal.drawn
    calm(terminal, "filtered queues", on=0)
    terminal.type("\x1bs" + DOWN + ENTER)  # in one packet: all again, by name
    terminal.until(lambda: names(terminal) == ["alpha", "bravo", "gone", "work"], "by name")


@pytest.mark.parametrize("size", [(80, 24), (60, 15)], ids=["80x24", "60x15"])
def test_marks_and_what_the_filter_hides_are_never_cut(terminal: Terminal, size: tuple[int, int]) -> None:
    terminal.resize(*size)
    at_rest(terminal)
    terminal.type("G" + ENTER)
    terminal.sees("mail:send")
    at_rest(terminal)
    terminal.type("   ")
    terminal.sees("3 marked")
    terminal.type("/type==mail:send tries<30 tries<31 tries<32" + ENTER)
    at_rest(terminal)
    hidden = re.compile(r"work.* 3 marked, 1 hidden by filter")  # each letter hides others
    terminal.until(lambda: hidden.search(lines(terminal)[1]) is not None, "what the filter hides in the head")
    assert "/ type==mail:send tries<30" in terminal.drawn
    assert re.search(r"row \d of 5", terminal.drawn)  # which, is up to the letters that were seen by themselves
    calm(terminal, "marks and a filter", on=0)


@contextlib.contextmanager
def unanswered(work: Live) -> Iterator[None]:
    """The server answers nothing: whatever is said meanwhile was said at once."""
    server = int(work.client.info("server")["process_id"])
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)


def test_a_job_says_its_phase_at_once_and_the_server_is_named_while_something_is_deleted(
    terminal: Terminal, work: Live
) -> None:
    with unanswered(work):
        terminal.type("G" + ENTER)
        terminal.sees("reading the archive's tasks…")
    terminal.sees("task-0")
    at_rest(terminal)
    terminal.type("qgjj")
    at_rest(terminal)
    with unanswered(work):
        terminal.type("o")
        terminal.sees("reading the indexes")
    terminal.sees("6,000 found")
    terminal.sees("complete")
    terminal.resize(60, 15)
    terminal.type("p*" + CTRL_D)
    confirm(terminal, MANY)
    terminal.until(lambda: "deleting" in terminal.text, "that something is deleted")
    os.kill(terminal.process.pid, signal.SIGSTOP)  # amid it, to look at it at leisure
    shown = terminal.text
    os.kill(terminal.process.pid, signal.SIGCONT)
    assert "deleting" in shown
    assert f" {work.settings.address} " in shown.split("\n")[0]
    terminal.sees("Deleted 6,000 of 6,000 tasks")
