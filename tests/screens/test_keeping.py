"""Nothing is lost on the way: marks that a list was left with, findings before a new scan, and changes that were
interrupted.
"""

import fcntl
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.asynq_data import NOW, key, prefix
from support.changes import Run, interrupt
from support.pilot import PATIENCE, Operator, operate
from support.servers import Live

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_oldest
from archive_tui.jobs.listing import ListJob
from archive_tui.settings.model import Settings

_MAGIC = b"\x1f\x8b\x08"


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with nine archived tasks and three orphans, and another one."""
    valkey.asynq.register("work", "other")
    for number in range(9):
        valkey.asynq.add("work", f"task-{number}", score=NOW - number, error_msg="connection refused")
    for number in range(3):
        valkey.asynq.add("work", f"lost-{number}", referenced=False)
    return valkey


def with_journal(live: Live, folder: Path) -> Settings:
    return replace(live.settings, journal_dir=folder / "j")


# Marks


def test_marks_survive_leaving_a_list(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space", "q")
        await op.arrives("QueuesScreen")
        await op.sees("2 marks kept: there again when this list is opened again", "work ●2")
        work.client.delete(key("work", "task-0"))
        work.client.zrem("asynq:{work}:archived", "task-0")
        await op.tasks("work")
        await op.listed(8)
        await op.sees("1 marked")
        assert op.marked == ["task-1"]
        await op.press("u", "q")
        await op.arrives("QueuesScreen")
        await op.sees_no("●")
        await op.tasks("work")
        assert op.marked == []
        assert "marked" not in op.text

    operate(work.settings, play)


def test_a_list_that_was_left_with_marks_cleans_its_archive_as_any(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "q")
        await op.arrives("QueuesScreen")
        await op.press("c")
        await op.arrives("RetentionDialog")
        await op.press("escape")
        assert op.where == "TasksScreen"
        await op.sees("1 marked")

    operate(work.settings, play)


def test_an_older_count_of_hidden_marks_does_not_replace_a_newer_one(
    work: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each letter of a filter has the marks counted that it hides, off the UI loop. The counts may end in any order."""
    among, first, go_on = Marks.among, threading.Event(), threading.Event()

    def held_up(marks: Marks, seqs: Sequence[int]) -> int:
        count = among(marks, seqs)
        if not first.is_set():
            first.set()
            assert go_on.wait(PATIENCE)
        return count

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        monkeypatch.setattr(Marks, "among", held_up)
        with op.holding():
            await op.press("slash", "z")
            await op.until(first.is_set, "the count of a filter that hides both")
            await op.press("backspace", *"task")
            await op.sees("9 match of 9")
            go_on.set()
        await op.settle()
        await op.sees("2 marked")
        await op.holds(lambda: "hidden" not in op.lines[1])

    operate(work.settings, play)


# Findings


@pytest.mark.parametrize("again", ["r", "M"])
def test_scanning_again_asks_before_it_throws_anything_away(work: Live, again: str) -> None:
    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("space")
        await op.sees("1 marked")
        await op.press(again)
        await op.arrives("QuestionDialog")
        assert "forgets 3 findings and 1 mark" in op.dialog
        await op.press("enter")  # the careful answer has the focus
        await op.arrives("ScanScreen")
        await op.sees("1 marked", "3 found")
        assert "with messages" not in op.text
        await op.press(again, "tab", "enter")
        await op.sees_no("marked")
        await op.scanned()
        await op.sees("3 found")
        assert ("with messages" in op.text) == (again == "M")

    operate(work.settings, play)


def test_scanning_again_does_not_ask_where_there_is_nothing_to_lose(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("other")
        await op.press("r")
        await op.scanned()

    operate(work.settings, play)


# Changes


def cut_off(folder: Path) -> Path:
    """Take the end off the journal of this folder, as a killed process leaves it."""
    (path,) = (folder / "j").glob("*.journal.gz")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(_MAGIC)])
    return path


def delete_two(work: Live, folder: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        await op.plan()
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.press("enter", "q")
        await op.arrives("QueuesScreen")
        await op.holds(lambda: "interrupted" not in op.text)

    operate(with_journal(work, folder), play)


@pytest.mark.parametrize("deal_with_it", ["enter", "b"])
def test_a_change_that_was_interrupted_is_told_until_it_is_dealt_with(
    work: Live, tmp_path: Path, deal_with_it: str
) -> None:
    delete_two(work, tmp_path)
    cut_off(tmp_path)

    async def told(op: Operator) -> None:
        await op.queues()
        await op.sees("⚠ deleting 2 tasks of work was interrupted, begun ")
        assert "J lists it, enter shows what is gone, ctrl+r restores it" in op.words("#notice")
        await op.press("J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: len(op.rows) == 1, "listed")
        assert "cut off" in op.cursor
        await op.press("q")
        await op.sees("was interrupted")

    async def dealt_with(op: Operator) -> None:
        await told(op)
        await op.press("J")
        await op.until(lambda: len(op.rows) == 1, "listed")
        await op.press(deal_with_it)
        if deal_with_it == "b":
            await op.press("enter")
            await op.arrives("ConfirmDialog")
            assert "the run did not end by itself" in op.dialog
            await op.press("2", "enter")
            await op.arrives("ReportDialog")
            await op.press("enter")
        else:
            await op.read()
            await op.press("q")
        await op.press("q")
        await op.arrives("QueuesScreen")
        await op.sees_no("was interrupted")

    async def silent(op: Operator) -> None:
        await op.queues()
        await op.holds(lambda: "was interrupted" not in op.text)

    operate(with_journal(work, tmp_path), told)
    operate(with_journal(work, tmp_path), dealt_with)
    operate(with_journal(work, tmp_path), silent)
    assert work.client.exists(key("work", "task-0")) == (deal_with_it == "b")


def test_a_change_that_was_interrupted_is_resumed_from_the_journals(
    valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"task-{number:03}" for number in range(230)], score=NOW)
    assert run_job(ListJob(valkey.connect(), catalog, "q")).wait(20)
    path = interrupt(valkey, run_job, plan_oldest(catalog, Query()), tmp_path / "j").journal
    assert path is not None

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("⚠ deleting 230 tasks of q was interrupted, begun ")
        assert "ctrl+r goes on with the rest, or restores it" in op.words("#notice")
        await op.press("J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: len(op.rows) == 1, "listed")
        await op.press("b")
        await op.arrives("ChoiceDialog")
        await op.press("up", "enter")
        await op.arrives("ConfirmDialog")
        assert "Go on: delete 30 tasks?" in op.text
        assert "200 of 230 tasks deleted" in op.dialog
        await op.type("30")
        await op.press("enter")
        await op.arrives("ReportDialog")
        assert "Deleted 30 of 30 tasks" in op.text
        await op.press("enter")
        await op.until(lambda: len(op.rows) == 2, "listed again")
        await op.press("q")
        await op.arrives("QueuesScreen")
        await op.sees_no("was interrupted")

    operate(with_journal(valkey, tmp_path), play)
    assert not valkey.client.exists(prefix("q") + b"archived")
    assert not list((tmp_path / "j").glob("*.plan"))


def test_a_change_that_goes_on_elsewhere_is_not_told_as_interrupted(work: Live, tmp_path: Path) -> None:
    delete_two(work, tmp_path)
    path = cut_off(tmp_path)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.holds(lambda: "was interrupted" not in op.text)

    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        operate(with_journal(work, tmp_path), play)


def test_a_change_of_another_server_is_not_told(work: Live, tmp_path: Path) -> None:
    delete_two(work, tmp_path)
    cut_off(tmp_path)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.holds(lambda: "was interrupted" not in op.text)

    operate(replace(with_journal(work, tmp_path), label="elsewhere:6379/0"), play)
