"""Which columns a list shows, in which order, and how it writes times."""

from collections.abc import Mapping, Sequence

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.errors import UsageError
from archive_tui.tui.lists.appearance import COLUMNS, ListAppearance


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with two archived tasks and an orphan."""
    valkey.asynq.register("work")
    for number in range(2):
        valkey.asynq.add("work", f"task-{number}", score=NOW - 200 - number)
    valkey.asynq.add("work", "orphan", referenced=False, last_failed_at=NOW - 300)
    return valkey


def header(op: Operator) -> list[str]:
    """The titles of the columns in sight."""
    return op.part("VirtualTable")[0].translate(str.maketrans("▲▼›", "   ")).split()


def test_times_are_written_out_and_are_ages_again(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        assert "3 min" in op.cursor
        await op.press("@")
        assert "2026-11-18 11:03:20 Z  email:send" in op.cursor
        assert op.remarks[-1] == "times in UTC"
        begins = {row.index("email:send") for row in op.rows}
        assert len(begins) == 1
        await op.press("escape")
        await op.scan()  # every list of the run
        assert "2026-11-18 11:01:40 Z" in op.cursor
        await op.press("@")
        assert "5 min" in op.cursor

    operate(work.settings, play)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30)])
def test_a_time_that_is_written_out_is_whole_at_every_width(work: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("@")
        assert "2026-11-18 11:03:20 Z  email:send" in op.cursor
        assert "Error" in header(op)

    operate(work.settings, play, size=size)


def test_columns_are_chosen_and_moved_in_a_dialog(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        assert header(op) == ["Died", "Type", "Tries", "Error", "Size", "Id"]
        await op.press("C")
        assert op.where == "ColumnsDialog"
        await op.press("j", "space")  # not the type
        assert 'archive = ["died", "tries", "error", "size", "id"]' in op.dialog
        await op.press("end", "K", "K", "K", "K", "K", "enter")
        assert header(op) == ["Id", "Died", "Tries", "Error", "Size"]
        await op.press("escape")
        await op.tasks("work")  # kept for the run
        assert header(op) == ["Id", "Died", "Tries", "Error", "Size"]
        await op.press("C", "j", "space", "escape")
        assert header(op) == ["Id", "Died", "Tries", "Error", "Size"]
        await op.press("C", "r", "enter")
        assert header(op) == ["Died", "Type", "Tries", "Error", "Size", "Id"]

    operate(work.settings, play)


def test_one_column_has_to_stay(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("C", *["space", "j"] * 6)
        await op.sees("one column has to stay")
        await op.press("enter")
        assert header(op) == ["Id"]

    operate(work.settings, play, size=(60, 15))


def test_the_kinds_of_lists_are_chosen_for_by_themselves(work: Live) -> None:
    async def play(op: Operator) -> None:
        op.app.appearance.choose("scan", ["error", "kind", "id"])
        await op.scan("work")
        assert header(op) == ["Error", "Kind", "Id"]
        await op.press("escape")
        await op.tasks("work")
        assert header(op) == ["Died", "Type", "Tries", "Error", "Size", "Id"]

    operate(work.settings, play, size=(200, 40))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"archives": ["id"]}, "there is no list 'archives' (lists: archive, all-archives, scan, journal)"),
        ({"archive": ["id", "odd"]}, "archive has no column 'odd'"),
        ({"archive": []}, "archive needs at least one column"),
        ({"scan": ["id", "id"]}, "scan needs at least one column, and each only once"),
    ],
)
def test_columns_that_there_are_not_are_refused(columns: Mapping[str, Sequence[str]], reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        ListAppearance(columns, "[columns] in config.toml")
    assert str(raised.value).startswith("[columns] in config.toml: ")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_every_column_can_be_named(work: Live) -> None:
    async def play(op: Operator) -> None:
        seen: set[str] = set()
        await op.scan()
        seen |= {column.name for column in op.app.screen.tasks.table.columns}
        assert seen == set(COLUMNS)

    operate(work.settings, play)


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
def test_times_that_are_written_out_are_never_cut(work: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("@")
        assert "2026-11-18 11:03:20 Z  email" in op.cursor

    operate(work.settings, play, size=size)
