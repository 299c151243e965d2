"""The archives of all queues as one list: reading, narrowing, triage, marks, and changes over several queues."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.asynq_data import NOW, key
from support.contents import content
from support.pilot import Operator, operate
from support.servers import Live


@pytest.fixture
def shop(valkey: Live) -> Live:
    """Two queues with archived tasks, and one without."""
    valkey.asynq.register("email", "report", "empty")
    for number in range(3):
        valkey.asynq.add("email", f"mail-{number}", score=NOW - 2 * number, error_msg="connection refused")
        valkey.asynq.add("report", f"page-{number}", score=NOW - 2 * number - 1, error_msg="connection refused")
    return valkey


async def everything(op: Operator, count: int = 6) -> None:
    """Open the list from the queues."""
    await op.queues()
    await op.press("A")
    await op.listed(count)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (140, 40)])
def test_all_archives_are_one_list_with_a_column_of_queues(shop: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.sees("all queues ▸ archived   6")
        assert "/9,999" not in op.text
        assert "≥" not in op.lines[1]
        assert "email" in op.rows[0]
        assert "report" in op.rows[1], op.text
        await op.press("slash", *"queue:report", "enter")
        await op.sees("3 match")
        assert all("report" in row for row in op.rows)

    operate(shop.settings, play, size=size)


@pytest.mark.parametrize("width", [60, 80, 101, 102, 140])
def test_the_error_has_room_at_every_width(shop: Live, width: int) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        header = op.part("VirtualTable")[0]
        begin = header.index("Error")
        others = [at for title in (" Size", " Id") if (at := header.find(title)) > begin]
        assert min([*others, len(header)]) - begin >= 16, op.text
        beside = bool(op.part("GroupsPanel")) and op.app.screen.groups.panel.display
        assert beside == (width >= 102)
        await op.press("tab")  # where it does not stand beside the list, in its place
        await op.until(lambda: any(" 3 " in one for one in op.part("GroupsPanel")), "groups")

    operate(shop.settings, play, size=(width, 30))


def test_queues_are_a_group_beside_the_list(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.until(lambda: op.app.screen.groups.drawn, "groups counted")
        assert any("report" in one and " 3 " in one for one in op.part("GroupsPanel"))

    operate(shop.settings, play, size=(160, 50))


def test_marked_tasks_of_two_queues_are_deleted_together(shop: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("space", "space")
        await op.sees("2 marked")
        await op.plan()
        assert "email" in op.dialog
        assert "report" in op.dialog
        await op.press("2", "enter")
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.listed(4)

    operate(replace(shop.settings, journal_dir=tmp_path), play)
    assert not shop.client.exists(key("email", "mail-0"), key("report", "page-0"))
    assert shop.client.zcard("asynq:{email}:archived") == shop.client.zcard("asynq:{report}:archived") == 2


def test_what_was_deleted_of_two_queues_comes_back_to_both(shop: Live, tmp_path: Path) -> None:
    before = content(shop)

    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("space", "space", "space")
        await op.plan()
        await op.press("3", "enter")
        await op.arrives("ReportDialog")
        assert content(shop) != before
        await op.press("u")
        await op.arrives("ConfirmDialog")
        assert "Restore 3 tasks?" in op.text
        assert "email 2, report 1" in op.words()
        await op.press("3", "enter")
        await op.arrives("ReportDialog")
        assert "Restored 3 of 3 tasks" in op.text
        await op.press("enter")
        await op.listed(6)

    operate(replace(shop.settings, journal_dir=tmp_path), play)
    assert content(shop) == before


def test_marked_tasks_of_two_queues_are_run_together_and_taken_back(shop: Live, tmp_path: Path) -> None:
    before = content(shop)

    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("space", "space", "space", "R")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "Run 3 tasks again?" in op.text
        assert "email 2, report 1" in op.words()
        await op.press("3", "enter")
        await op.arrives("ReportDialog")
        assert "Queued 3 of 3 tasks" in op.text
        assert shop.client.llen("asynq:{email}:pending") == 2
        assert shop.client.llen("asynq:{report}:pending") == 1
        await op.press("u")
        await op.arrives("ConfirmDialog")
        assert "Take 3 tasks back into the archive?" in op.text
        await op.press("3", "enter")
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.listed(6)

    operate(replace(shop.settings, journal_dir=tmp_path), play)
    assert content(shop) == before


def test_marks_wait_for_the_list_and_the_queues_tell_of_them(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("space", "space", "q")
        await op.arrives("QueuesScreen")
        await op.sees("2 marks kept in the list of all archives: A")
        shop.asynq.run("email", "mail-0")
        await everything(op, 5)
        await op.sees("1 marked")
        assert op.marked == ["page-0"]
        await op.press("u", "q")
        await op.arrives("QueuesScreen")
        await op.sees_no("kept in the list")

    operate(shop.settings, play, size=(140, 40))


def test_the_triage_view_of_all_has_a_column_of_queues(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("T")
        await op.arrives("ArchiveTriageScreen")
        await op.triaged()
        await op.sees("all queues ▸ archived ▸ triage", "2 queues")
        await op.press("enter")
        await op.listed()
        await op.press("escape")
        await op.arrives("ArchiveTriageScreen")

    operate(shop.settings, play, size=(160, 40))


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_a_queue_that_cannot_be_read_is_named_and_the_count_is_a_minimum(shop: Live, size: tuple[int, int]) -> None:
    shop.client.delete("asynq:{empty}:archived")
    shop.client.set("asynq:{empty}:archived", "a string")

    async def play(op: Operator) -> None:
        await everything(op)
        await op.sees("archived   ≥ 6", "not read: empty (asynq:{empty}:archived is a string")
        shop.client.set("asynq:{also}:archived", "a string")
        shop.asynq.register("also")
        await op.press("r")
        await op.sees("not read: also, empty (also: ")
        shop.client.delete("asynq:{also}:archived", "asynq:{empty}:archived")
        await op.press("r")
        await op.sees_no("not read")
        await op.sees("archived   6")

    operate(shop.settings, play, size=size)


def test_a_queue_that_is_met_later_is_named_until_it_is_read(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        shop.asynq.add("fresh", "one", score=NOW)
        shop.asynq.register("fresh")
        await op.sees("archived   ≥ 6", "not read: fresh (found since, r reads again)")
        await op.press("r")
        await op.sees("archived   7")
        await op.sees_no("not read")

    operate(shop.settings, play)


def test_what_belongs_to_one_queue_is_that_of_the_task_or_is_refused(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("c")
        await op.hears("one archive at a time")
        assert op.where == "TasksScreen"
        await op.press("j", "enter")
        await op.sees("all queues ▸ archived")
        await op.press("q")
        await op.arrives("TasksScreen")
        await op.press("o")
        await op.arrives("ScanScreen")
        await op.scanned()
        assert op.app.screen.queue == "report"

    operate(shop.settings, play, size=(140, 40))


def test_a_read_only_session_reads_all_archives_and_deletes_nothing(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await everything(op)
        await op.press("ctrl+d")
        await op.hears("read-only")
        assert op.where == "TasksScreen"
        shop.asynq.add("empty", "fresh", score=NOW)
        await op.press("r")
        await op.listed(7)

    operate(replace(shop.settings, read_only=True), play)
