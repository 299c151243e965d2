"""The journals on the screens: what was deleted is seen, looked into, and brought back."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.asynq_data import NOW, key, lock_key
from support.contents import content
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.journal import folder as journal_folder
from archive_tui.journal.folder import Listed
from archive_tui.settings.model import Settings


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with nine archived tasks, one of them with a lock, and three orphans."""
    valkey.asynq.register("work")
    for number in range(9):
        error = "connection refused" if number % 3 == 0 else "deadline exceeded"
        lock = lock_key("work", payload=b"7") if number == 7 else None
        valkey.asynq.add("work", f"task-{number}", score=NOW - number, error_msg=error, unique=lock)
    for number in range(3):
        valkey.asynq.add("work", f"lost-{number}", referenced=False)
    return valkey


def with_journal(live: Live, folder: Path, **changes: object) -> Settings:
    return replace(live.settings, journal_dir=folder / "j", **changes)


async def confirm(op: Operator, count: int) -> None:
    await op.type(str(count))
    await op.press("enter")


async def delete_archive(op: Operator, reason: str = "") -> None:
    """Delete the whole archive, and come back to the queues."""
    await op.tasks("work")
    await op.press("asterisk")
    await op.sees("9 marked")
    await op.plan()
    if reason:
        await op.press("tab")  # Delete is dead yet: round to the reason
        await op.until(lambda: op.app.focused is not None and op.app.focused.id == "reason", "reason has the focus")
        await op.type(reason)
        await op.press("enter")
        await op.until(lambda: op.app.focused is not None and op.app.focused.id == "count", "count has the focus")
    await confirm(op, 9)
    await op.arrives("ReportDialog")
    assert "a copy is in the journal" in op.dialog
    await op.press("enter")
    await op.arrives("TasksScreen")
    await op.sees_no(" marked")  # with the tasks their marks go
    await op.sees("The archive is empty")
    await op.press("escape")
    await op.arrives("QueuesScreen")


async def open_journal(op: Operator) -> None:
    await op.press("J")
    await op.arrives("JournalsScreen")
    await op.until(lambda: any(row.startswith("▌") for row in op.rows), "journals listed")


async def look_inside(op: Operator) -> None:
    """Open the journal of the whole archive, and wait until its tasks are drawn and not only counted."""
    await op.press("enter")
    await op.arrives("JournalScreen")
    await op.sees("9 to restore", "task-8")


def test_what_was_deleted_comes_back(work: Live, tmp_path: Path) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await delete_archive(op, "wrong config")
        assert len(work.client.keys("asynq:{work}:t:*")) == 3
        await open_journal(op)
        assert "wrong config" in op.cursor
        assert " 9 " in op.cursor
        assert "work" in op.cursor
        await look_inside(op)
        await op.press("asterisk")
        await op.sees("9 marked")
        await op.press("ctrl+r")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "Restore 9 tasks?" in op.text
        for part in ("queue work", "where they stood: archived", "1 unique lock taken again"):
            assert part in op.dialog
        await op.press("enter")  # Cancel has the focus
        await op.hears("nothing was restored")
        assert len(work.client.keys("asynq:{work}:t:*")) == 3
        await op.read()
        await op.press("b", "enter")
        await op.arrives("ConfirmDialog")
        await confirm(op, 9)
        await op.arrives("ReportDialog")
        assert "Restored 9 of 9 tasks" in op.text
        await op.press("enter")
        await op.sees("Nothing is left to restore", "9 restored")

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_one_task_of_a_journal_in_full(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await delete_archive(op)
        await open_journal(op)
        await look_inside(op)
        await op.press("slash", *"deadline", "enter")
        await op.sees("6 match of 9 to restore")
        await op.point_at("task-7")
        await op.press("enter")
        await op.arrives("JournalTaskScreen")
        await op.sees("Payload ·", "deadline exceeded", "Deleted", "Stood in", "held")
        assert "In Redis" not in op.text
        await op.press("p")
        await op.sees("4 of 6")
        await op.press("escape")
        await op.arrives("JournalScreen")
        await op.read()
        await op.press("b", "enter")
        await op.arrives("ConfirmDialog")
        assert "Restore 1 task?" in op.text
        await op.press("tab", "enter")
        await op.hears("restored 1 task")
        await op.sees("8 to restore")

    operate(with_journal(work, tmp_path), play)
    assert len(work.client.keys("asynq:{work}:t:*")) == 4


def test_exactly_the_task_that_is_shown_is_restored(work: Live, tmp_path: Path) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await delete_archive(op)
        await open_journal(op)
        await look_inside(op)
        await op.point_at("task-3")
        await op.press("space")  # a mark in the list below is not what is shown
        await op.sees("1 marked")
        await op.point_at("task-7")
        await op.press("enter")
        await op.arrives("JournalTaskScreen")
        await op.sees("Payload ·", "8 of 9")
        await op.press("b", "escape")
        await op.hears("nothing was restored")
        for task, position in (("task-7", "8 of 8"), ("task-8", "7 of 7")):  # each is followed by the next, or the last
            await op.sees(task, "Payload ·")
            await op.press("ctrl+r", "enter")
            await op.arrives("ConfirmDialog")
            assert "Restore 1 task?" in op.text
            await op.press("tab", "enter")
            await op.hears("restored 1 task")
            await op.arrives("JournalTaskScreen")
            await op.sees(position, "Payload ·")
            assert work.client.exists(key("work", task))
        await op.press("escape")
        await op.arrives("JournalScreen")
        await op.sees("7 to restore", "2 restored")
        await op.sees_no("task-7")

    operate(with_journal(work, tmp_path), play)
    there = {name for name in content(work) if b"}:t:task-" in name}
    assert there == {key("work", "task-7"), key("work", "task-8")}
    assert content(work).items() >= {name: before[name] for name in there}.items()


def test_some_of_a_journal_run_once(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await delete_archive(op)
        await open_journal(op)
        await look_inside(op)
        await op.press("g", "space", "space")
        await op.sees("2 marked")
        await op.press("b", "down", "down", "enter")
        await op.arrives("ConfirmDialog")
        assert "to run once: pending" in op.dialog
        await confirm(op, 2)
        await op.arrives("ReportDialog")

    operate(with_journal(work, tmp_path), play)
    assert work.client.llen("asynq:{work}:pending") == 2


def test_what_was_restored_can_be_shown_and_restored_once_more(work: Live, tmp_path: Path) -> None:
    before = content(work)

    async def play(op: Operator) -> None:
        await delete_archive(op)
        await open_journal(op)
        await look_inside(op)
        await op.read()
        await op.press("a")
        assert "nothing of this journal was restored before" in op.remarks[-1]
        await op.press("asterisk")
        await op.sees("9 marked")
        await op.read()
        await op.press("b", "enter")
        await op.arrives("ConfirmDialog")
        await confirm(op, 9)
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.sees("Nothing is left to restore")
        work.client.delete(*work.client.keys("asynq:{work}:*"))  # as a failover may lose them
        await op.read()
        await op.press("a")
        await op.sees("9 to restore, 9 again ", "task-8")
        await op.press("asterisk")
        await op.sees("9 marked")
        await op.read()
        await op.press("b", "enter")
        await op.arrives("ConfirmDialog")
        assert "9 were restored before: those that have run since come back once more" in " ".join(op.dialog.split())
        await confirm(op, 9)
        await op.arrives("ReportDialog")
        assert "Restored 9 of 9 tasks" in op.text
        await op.press("enter")
        await op.read()
        await op.press("a")
        await op.sees("Nothing is left to restore", "9 restored")

    operate(with_journal(work, tmp_path), play)
    archived = [name for name in before if b":{work}:t:task-" in name or name.endswith(b"{work}:archived")]
    assert archived
    assert {name: content(work).get(name) for name in archived} == {name: before[name] for name in archived}


def test_a_read_only_session_may_look(work: Live, tmp_path: Path) -> None:
    async def first(op: Operator) -> None:
        await delete_archive(op)

    operate(with_journal(work, tmp_path), first)
    before = content(work)

    async def play(op: Operator) -> None:
        await op.queues()
        await open_journal(op)
        await look_inside(op)
        assert "restore…" not in op.lines[-1]
        await op.read()
        await op.press("b")
        assert "read-only" in op.remarks[-1]

    operate(with_journal(work, tmp_path, read_only=True), play)
    assert content(work) == before


def test_without_a_journal_the_plan_says_so(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.plan()
        assert "cannot be undone" in op.dialog
        assert "Why" not in op.dialog
        await op.press("tab", "enter")
        await op.hears("deleted 1 task")
        await op.press("escape")
        await op.press("J")
        await op.arrives("JournalsScreen")
        await op.sees("No journals in")

    operate(with_journal(work, tmp_path, journal=False), play)
    assert not work.client.exists(key("work", "task-0"))


def test_nothing_is_deleted_where_there_can_be_no_journal(work: Live, tmp_path: Path) -> None:
    (tmp_path / "j").write_text("a file stands where the folder should be")
    before = content(work)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("asterisk")
        await op.sees("9 marked")
        await op.plan()
        await confirm(op, 9)
        await op.arrives("ReportDialog")
        assert "cannot be written" in op.dialog
        assert "Deleted 0 of 9 tasks" in op.text

    operate(with_journal(work, tmp_path), play)
    assert content(work) == before


def test_a_narrow_terminal_shows_it_all(work: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await delete_archive(op)
        await open_journal(op)
        await look_inside(op)
        await op.press("asterisk")
        await op.sees("9 marked")
        await op.read()
        await op.press("b", "enter")
        await op.arrives("ConfirmDialog")
        await op.sees("Type 9 to confirm", "Cancel")

    operate(with_journal(work, tmp_path), play, size=(80, 24))


def test_journals_that_are_still_being_read_are_not_said_to_be_none(
    valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.register("work")
    go_on = threading.Event()
    reading = journal_folder.listed

    def held(folder: Path) -> list[Listed]:
        assert go_on.wait(20)
        return reading(folder)

    monkeypatch.setattr(journal_folder, "listed", held)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("J")
        await op.sees("Reading…")
        go_on.set()
        await op.sees("No journals in")

    operate(with_journal(valkey, tmp_path), play)


def test_a_journal_that_cannot_be_read_is_called_by_its_name(valkey: Live, tmp_path: Path) -> None:
    """The path stood where the eye found nothing but the folder, the same for all of them."""
    valkey.asynq.register("work")
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "odd.journal.gz").write_text("not gzip")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.resize(120, 30)
        await op.press("J")
        await op.sees("unreadable")
        assert "odd.journal.gz" in op.cursor
        assert "is no journal" in op.cursor
        assert str(tmp_path)[:6] not in op.cursor
        await op.resize(80, 24)
        await op.sees("odd.journ")

    operate(with_journal(valkey, tmp_path), play)
