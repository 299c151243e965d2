"""Undoing on the screens: what was just deleted comes back with two keys, journals are one key away from everywhere,
and marks that were forgotten come back.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from support.asynq_data import NOW, key, lock_key
from support.contents import content
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.settings.model import Settings


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with nine archived tasks, one of them with a lock, and a ghost that a scan finds."""
    valkey.asynq.register("work")
    for number in range(9):
        lock = lock_key("work", payload=b"7") if number == 7 else None
        valkey.asynq.add("work", f"task-{number}", score=NOW - number, error_msg="connection refused", unique=lock)
    return valkey


def with_journal(live: Live, folder: Path, **changes: object) -> Settings:
    return replace(live.settings, journal_dir=folder / "j", **changes)


async def delete(op: Operator, count: int) -> None:
    """Mark so many tasks and delete them, up to the report."""
    await op.press(*["space"] * count)
    await op.plan()
    if count > 1:
        await op.type(str(count))
        await op.press("enter")
        await op.arrives("ReportDialog")
    else:
        await op.press("tab", "enter")
        await op.hears("deleted 1 task; u undoes it")
        await op.sees_no("deleting")


async def undone(op: Operator, *keys: str) -> None:
    """Press keys in the plan of an undo, once it is seen."""
    await op.arrives("ConfirmDialog")
    await op.press(*keys)


@pytest.mark.parametrize("count", [2, 9])
def test_u_on_the_report_of_a_deletion_undoes_exactly_that(work: Live, tmp_path: Path, count: int) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await delete(op, count)
        assert "u Undo…" in op.text
        await op.press("u")
        await op.arrives("ConfirmDialog")
        assert f"Restore {count} tasks?" in op.text
        assert "where they stood: archived" in op.dialog
        await undone(op, "enter")  # Cancel has the focus: several tasks want their number typed
        await op.hears("nothing was restored")
        assert content(work) != before
        await op.press("u")  # with nothing marked it still undoes what was made last
        await undone(op, *str(count), "enter")
        await op.arrives("ReportDialog")
        assert f"Restored {count} of {count} tasks" in op.text
        assert "Undo" not in op.text
        await op.press("enter")
        await op.listed(9)

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_one_task_comes_back_with_two_keys(work: Live, tmp_path: Path) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await delete(op, 1)
        assert not work.client.exists(key("work", "task-0"))
        await op.press("u")
        await undone(op, "enter")
        await op.hears("restored 1 task")
        await op.listed(9)

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_where_every_change_is_typed_an_undo_is_as_well(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space")
        await op.plan()
        await op.press("1", "enter")
        await op.hears("deleted 1 task")
        await op.press("u")
        await undone(op, "enter")
        await op.hears("nothing was restored")
        await op.press("u")
        await undone(op, "1", "enter")
        await op.hears("restored 1 task")

    operate(with_journal(work, tmp_path, production=True, profile="prod"), play)
    assert work.client.exists(key("work", "task-0"))


def test_an_enter_that_came_with_the_u_undoes_nothing(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await delete(op, 1)
        await op.burst("u", "enter", "enter")
        await op.arrives("ConfirmDialog")
        await op.holds(lambda: op.where == "ConfirmDialog")
        await op.press("y")
        assert "other keys were pressed here" in op.dialog
        await op.press("escape")

    operate(with_journal(work, tmp_path), play)
    assert not work.client.exists(key("work", "task-0"))


def test_without_a_journal_no_undo_is_offered(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        await op.plan()
        assert "undoes" not in op.dialog
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")
        assert "Undo" not in op.text
        await op.press("u")
        assert op.where == "ReportDialog"
        await op.press("enter")
        await op.listed(7)
        await op.press("u")
        await op.hears("unmark: nothing is marked")

    operate(replace(work.settings, journal=False), play)


def test_ids_that_a_repair_removed_come_back(work: Live, tmp_path: Path) -> None:
    for number in range(2):
        work.client.delete(key("work", f"task-{number}"))
    before = content(work)

    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("asterisk")
        await op.sees("2 marked")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "u undoes it" in op.dialog
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")
        assert content(work) != before
        await op.press("u")
        await undone(op, "2", "enter")
        await op.arrives("ReportDialog")
        assert "Restored 2 of 2 tasks" in op.text

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_a_task_that_has_not_run_yet_is_taken_back(work: Live, tmp_path: Path) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("R")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.press("tab", "enter")
        await op.hears("queued 1 task; u undoes it")
        await op.listed(8)
        await op.press("u")
        await op.arrives("ConfirmDialog")
        await op.press("enter")
        await op.listed(9)

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_journals_are_one_key_away_from_every_screen(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await delete(op, 1)
        await op.press("J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: len(op.rows) == 1, "one journal")
        await op.press("J")
        assert op.remarks[-1] == "journal: this is the list of journals"
        await op.press("enter")
        await op.read()
        await op.until(lambda: len(op.rows) == 1, "its task is drawn")
        await op.task_in_journal()
        await op.press("J")
        await op.arrives("JournalsScreen")
        assert op.below.count("JournalsScreen") == 1
        await op.press("q")
        await op.arrives("TasksScreen")
        await op.task()
        await op.press("J")
        await op.arrives("JournalsScreen")

    operate(with_journal(work, tmp_path), play)


def test_a_journal_is_restored_from_its_row_in_the_list(work: Live, tmp_path: Path) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await delete(op, 9)
        await op.press("enter", "J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: len(op.rows) == 1, "one journal")
        await op.press("b")
        await op.arrives("ChoiceDialog")
        await op.press("escape")
        await op.hears("nothing was restored")
        await op.press("ctrl+r", "enter")
        await op.arrives("ConfirmDialog")
        assert "Restore 9 tasks?" in op.text
        await op.press("9", "enter")
        await op.arrives("ReportDialog")
        assert "Restored 9 of 9 tasks" in op.text
        await op.press("enter")
        await op.until(lambda: len(op.rows) == 1, "listed again")
        await op.press("b", "enter")
        await op.hears("these tasks were restored meanwhile")

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_forgotten_marks_come_back(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "j", "space")
        await op.sees("2 marked")
        for forget in ("u", "escape"):
            await op.press(forget)
            await op.sees_no("2 marked")
            assert op.remarks[-1] == "2 marks forgotten: u brings them back"
            await op.press("u")
            await op.sees("2 marked")
        assert len(op.marked) == 2

    operate(with_journal(work, tmp_path), play)
