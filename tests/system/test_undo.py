"""Undo and back through a real terminal: key by key, and with all keys in one packet."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.contents import content
from support.idle import calm, silent
from support.servers import Live, wait_until
from support.terminal import Terminal
from support.typist import CTRL_D, CTRL_R, ENTER, PATIENT, TAB, at_rest, confirm, picture, redrawn

Start = Callable[..., Terminal]


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with nine archived tasks, three orphans, and a ghost."""
    (now, _) = valkey.client.time()
    valkey.asynq.register("work")
    for number in range(9):
        valkey.asynq.add("work", f"task-{number}", score=now - 10.5 * 86_400 - number, error_msg="connection refused")
    for number in range(3):
        valkey.asynq.add("work", f"lost-{number}", referenced=False, last_failed_at=now - 10 * 86_400)
    return valkey


@pytest.fixture
def start(work: Live, tmp_path: Path) -> Iterator[Start]:
    """Starts the program at a size, until its queues are shown; what it writes is kept from one start to the next."""
    running: list[Terminal] = []

    def begin(size: tuple[int, int] = (100, 30)) -> Terminal:
        terminal = Terminal("--url", work.url, size=size, program=PATIENT, HOME=str(tmp_path))
        running.append(terminal)
        terminal.sees("/9,999")
        at_rest(terminal)
        return terminal

    yield begin
    for terminal in running:
        terminal.close()


def delete(terminal: Terminal, count: int) -> None:
    """Mark so many tasks of the list and delete them, up to the report."""
    terminal.type(" " * count + CTRL_D)
    confirm(terminal, count)
    terminal.sees(f"Deleted {count} of {count} tasks")
    silent(terminal, "a report")


def test_two_keys_bring_back_what_was_deleted(start: Start, work: Live) -> None:
    before = content(work)
    terminal = start()
    terminal.type(ENTER + "g" + CTRL_D)
    terminal.sees("Delete 1 task?")
    redrawn(terminal)
    terminal.type(TAB)
    redrawn(terminal)
    terminal.type(ENTER)
    terminal.sees("deleted 1 task; u undoes it")
    assert content(work) != before
    terminal.type("u")
    terminal.sees("Restore 1 task?")
    redrawn(terminal)
    terminal.type(ENTER)
    terminal.sees("restored 1 task")
    assert content(work) == before


def test_the_report_of_a_deletion_undoes_it_and_nothing_acts_unseen(start: Start, work: Live) -> None:
    before = content(work)
    terminal = start()
    terminal.type(ENTER)
    terminal.sees("task-8")
    delete(terminal, 2)
    deleted = content(work)
    assert deleted != before
    terminal.type("u2" + ENTER)  # in one packet: the plan is there, unanswered
    terminal.sees("2 keys dropped")
    redrawn(terminal)
    assert "Restore 2 tasks?" in terminal.drawn
    silent(terminal, "a plan of an undo")
    assert content(work) == deleted
    terminal.type("2" + ENTER)  # the number counts by now, but not an enter that came with it
    terminal.sees("enter came in one piece")
    assert content(work) == deleted
    terminal.type(ENTER)
    terminal.sees("Restored 2 of 2 tasks")
    assert content(work) == before
    terminal.type(ENTER)
    at_rest(terminal)

    terminal.type("  " + CTRL_D + "2" + ENTER + "u" + ENTER)  # no deletion without its plan
    terminal.sees("dropped")
    redrawn(terminal)
    assert "Delete 2 tasks?" in terminal.drawn
    assert content(work) == before
    terminal.type("2")
    redrawn(terminal)
    terminal.type(ENTER + "u")  # the key behind the confirmation is for the report, not for the marks of the list
    terminal.sees("Restore 2 tasks?")
    confirm(terminal, 2)
    terminal.sees("Restored 2 of 2 tasks")
    assert content(work) == before
    terminal.type(ENTER + "g  ")
    terminal.sees("2 marked")
    terminal.type("u")
    terminal.sees("marks forgotten")
    terminal.type("u")
    terminal.sees("2 marked")
    terminal.type("uu")
    at_rest(terminal)
    assert "2 marked" in terminal.drawn
    assert content(work) == before


def test_journals_are_one_key_away_from_every_screen_and_restore_from_their_row(start: Start, work: Live) -> None:
    before = content(work)
    terminal = start()
    terminal.type(ENTER)
    terminal.sees("task-8")
    delete(terminal, 9)
    terminal.type(ENTER + "q")
    terminal.sees("Findings")
    for way, seen in (
        ("", "Findings"),
        ("o", "complete"),
        (ENTER, "Payload"),
        ("qT", "triage"),
        ("q" + TAB, "Kind"),
        (TAB + "q", "Findings"),
        ("A", "all queues"),
    ):
        terminal.type(way)
        terminal.sees(seen)
        at_rest(terminal)
        calm(terminal, seen, on=0)
        here = picture(terminal)[:-2]  # above the line of remarks
        terminal.type("J")
        terminal.sees("1 journal")  # not only the place of the cursor: the list before may have a single row, too
        at_rest(terminal)
        terminal.type("qJq")  # in one packet
        at_rest(terminal)
        assert picture(terminal)[:-2] == here, seen
    terminal.type("J")
    terminal.sees("row 1 of 1")
    calm(terminal, "journals", on=0)
    terminal.type("qJ" + CTRL_R)
    terminal.sees("Back where each stood")
    silent(terminal, "where to restore to")
    terminal.type(ENTER)
    confirm(terminal, 9)
    terminal.sees("Restored 9 of 9 tasks")
    assert content(work) == before


def test_a_change_that_was_killed_is_told_at_the_next_start_with_the_way_on(start: Start, work: Live) -> None:
    count = 6_000
    work.asynq.add_many("work", [f"old-{number}" for number in range(count)], referenced=False)
    before = content(work)
    terminal = start((80, 24))
    terminal.type("o")
    terminal.sees("complete")
    terminal.type("p*" + CTRL_D)
    confirm(terminal, count + 3)
    wait_until(lambda: terminal.read() or work.client.dbsize() < len(before))
    terminal.process.kill()
    terminal.process.wait()
    assert work.client.dbsize() > len(before) - count, "it was faster than the signal"

    terminal = start((80, 24))
    terminal.sees(f"deleting {count + 3:,} tasks of work was interrupted")
    for part in ("J lists it", "enter shows what is gone", "ctrl+r goes on with the rest, or restores it"):
        assert part in " ".join(terminal.text.split()), part
    terminal.type("J" + CTRL_R)
    terminal.sees("Back where each stood")
    terminal.type(ENTER)
    terminal.sees("the run did not end by itself")
    number = re.search(r"Type (\d+) to confirm", terminal.text)
    assert number is not None
    confirm(terminal, int(number.group(1)))
    terminal.sees("Restored")
    assert content(work) == before
    terminal.type(ENTER + "q")
    terminal.until(lambda: "Findings" in terminal.text and "interrupted" not in terminal.text, "dealt with")


def test_marks_outlive_their_list_and_a_scan_asks_before_it_forgets_them(start: Start, work: Live) -> None:
    terminal = start((80, 24))
    terminal.type(ENTER)
    terminal.sees("task-8")
    terminal.type("  ")
    terminal.sees("2 marked")
    terminal.type("q")
    terminal.sees("work ●2")
    terminal.type(ENTER)
    terminal.sees("2 marked")
    terminal.type("q" + ENTER + "q" + ENTER + " ")  # in one packet
    terminal.sees("3 marked")
    terminal.type("qo")
    terminal.sees("complete")
    terminal.type("*")
    terminal.sees("3 marked")
    for again in "rM":
        terminal.type(again + TAB + ENTER)  # in one packet: the question stays
        terminal.sees("forgets 3 findings and 3 marks")
        redrawn(terminal)
        assert "forgets 3 findings and 3 marks" in " ".join(terminal.drawn.split())
        silent(terminal, "a question")
        terminal.type(ENTER)  # the careful answer has the focus
        at_rest(terminal)
        assert "3 marked" in terminal.drawn
    terminal.type("r")
    terminal.sees("forgets")
    redrawn(terminal)
    terminal.type(TAB)
    redrawn(terminal)
    terminal.type(ENTER)
    terminal.until(lambda: "marked" not in terminal.text and "complete" in terminal.text, "scanned again")
