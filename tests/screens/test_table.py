"""The virtual table: what is read, what is drawn, and that the cursor stays where the operator put it."""

import asyncio
import itertools
import time
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.stage import ThemedApp
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Button

from archive_tui.tui.widgets.columns import Cell, Column, fit, lay_out
from archive_tui.tui.widgets.source import PAGE_ROWS
from archive_tui.tui.widgets.table import VirtualTable

MILLIONS = 2_000_000
HOSTILE = [
    "\x1b]52;c;ZXZpbA==\x07",  # writes the clipboard
    "\x1b[2J\x1b[31mred",
    "\x9b31m\x9d0;title\x9c",  # C1
    "[/x] [bold]no[/bold] [@click=app.quit]quit[/]",
    "first\r\nsecond\ttab\x00\x7f",
    "\u202egnp.exe\u2066",  # bidirectional
    "\udcff\udc80",  # bytes that are not UTF-8
    "\u2028\u2029\ufeff\u200b",
]
WIDE_TEXT = [
    "日本語のエラーメッセージ",
    "日本語のエラーメッセージ" * 20,
    "😀😀😀 smile",
    "👍🏽 thumb ❤️ heart ⚠️ warn 1️⃣",
    "🇩🇪🇫🇷 flags",
    "👨\u200d👩\u200d👧 family",
    "e\u0301\u0301\u0301 accents",
    "\u0301\u0301 alone",
    "z" + "\u0336" * 5000,
    "नमस्ते दुनिया",
    "한국어 \u1112\u1161\u11ab",
    "",
    "x" * 100_000,
]


@dataclass(frozen=True)
class Task:
    number: int
    text: str = ""


@dataclass
class Counted:
    """Rows numbered from 0, made when asked for, with a record of what was asked."""

    count: int
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def page(self, start: int, count: int) -> Sequence[Task]:
        assert start >= 0
        assert start + count <= self.count
        self.asked.append((start, count))
        return [Task(number) for number in range(start, start + count)]

    def key(self, index: int) -> int:
        assert 0 <= index < self.count
        return index

    def find(self, key: int) -> int | None:
        return key if key < self.count else None


@dataclass
class Listed:
    """Rows with given keys."""

    keys: Sequence[int]
    texts: Sequence[str] = ()
    searched: int = 0

    def __len__(self) -> int:
        return len(self.keys)

    def page(self, start: int, count: int) -> Sequence[Task]:
        texts = self.texts or [""] * len(self.keys)
        return [
            Task(key, text)
            for key, text in zip(self.keys[start : start + count], texts[start : start + count], strict=True)
        ]

    def key(self, index: int) -> int:
        return self.keys[index]

    def find(self, key: int) -> int | None:
        self.searched += 1
        return self.keys.index(key) if key in self.keys else None


NUMBER: Column[Task] = Column("number", "Number", lambda task: f"row {task.number}", 12)
TEXT: Column[Task] = Column("text", "Text", lambda task: task.text, 10, grow=1)
EDGE: Column[Task] = Column("edge", "Edge", lambda task: "|", 1)


class Stage(ThemedApp):
    """A table between two buttons, and every message that it posts."""

    CSS = "Screen { layout: vertical; } Button { height: 1; border: none; min-height: 1; }"
    BINDINGS = [Binding("left", "note('left')"), Binding("right", "note('right')")]

    def __init__(self, columns: Sequence[Column[Task]], **options: Any) -> None:
        super().__init__()
        self.table: VirtualTable[Task] = VirtualTable[Task](columns, **options)
        self.heard: list[Any] = []
        self.notes: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.table
        yield Button("other")

    def on_mount(self) -> None:
        self.table.focus()

    def action_note(self, what: str) -> None:
        self.notes.append(what)

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        self.heard.append(("moved", message.key, message.index))

    def on_virtual_table_opened(self, message: VirtualTable.Opened) -> None:
        self.heard.append(("opened", message.key, message.index))

    def on_virtual_table_follow_stopped(self, message: VirtualTable.FollowStopped) -> None:
        self.heard.append(("follow stopped",))

    def on_virtual_table_sort_wanted(self, message: VirtualTable.SortWanted) -> None:
        self.heard.append(("sort", message.name))

    def take(self, *kinds: str) -> list[Any]:
        """What was heard of these kinds since it was asked last."""
        taken = [entry for entry in self.heard if entry[0] in kinds]
        self.heard = [entry for entry in self.heard if entry[0] not in kinds]
        return taken


Scenario = Callable[[Stage, VirtualTable[Task], Pilot[None]], Awaitable[None]]


def staged(
    *columns: Column[Task], size: tuple[int, int] = (80, 22), **options: Any
) -> Callable[[Scenario], Callable[[], None]]:
    """Play a scenario on a stage: a header and 20 rows at the usual size."""

    def wrap(scenario: Scenario) -> Callable[[], None]:
        def test() -> None:
            async def play() -> None:
                stage = Stage(columns or (NUMBER, TEXT), **options)
                async with stage.run_test(size=size) as pilot:
                    await pilot.pause()
                    await scenario(stage, stage.table, pilot)

            asyncio.run(play())

        test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
        return test

    return wrap


def strips(table: VirtualTable[Task]) -> list[Strip]:
    """What is drawn, line by line."""
    return table.render_lines(Region(0, 0, *table.outer_size))


def lines(table: VirtualTable[Task]) -> list[str]:
    return [strip.text for strip in strips(table)]


def cursor_line(table: VirtualTable[Task]) -> int:
    """The screen line with the cursor bar."""
    (line,) = (y for y, text in enumerate(lines(table)) if text.startswith("▌"))
    return line


def wheel(table: VirtualTable[Task], kind: type[events.MouseEvent]) -> None:
    table.post_message(kind(table, 5, 5, 0, 0, 0, False, False, False))


# Moving


@staged()
async def test_every_key_moves_the_cursor_where_it_says(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(MILLIONS))
    await pilot.pause()
    last = MILLIONS - 1
    for keys, index, first in [
        ("down", 1, 0),
        ("j", 2, 0),
        ("up", 1, 0),
        ("k", 0, 0),
        ("k", 0, 0),
        ("pagedown", 20, 20),
        ("pagedown", 40, 40),
        ("pageup", 20, 20),
        ("end", last, MILLIONS - 20),
        ("j", last, MILLIONS - 20),
        ("pagedown", last, MILLIONS - 20),
        ("pageup", last - 20, MILLIONS - 40),
        ("home", 0, 0),
        ("G", last, MILLIONS - 20),
        ("g", 0, 0),
    ]:
        await pilot.press(keys)
        await pilot.pause()
        assert (table.cursor_index, table.visible_range.start) == (index, first), keys
        assert table.cursor_key == index
        assert table.cursor_row == Task(index)
        assert f"row {index} " in lines(table)[cursor_line(table)]
        assert stage.heard[-1][0] == "moved"


@staged()
async def test_at_the_edge_the_view_scrolls_by_one(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Counted(MILLIONS))
    await pilot.press(*["j"] * 19)
    assert (cursor_line(table), table.visible_range) == (20, range(20))
    await pilot.press("j")
    assert (cursor_line(table), table.visible_range) == (20, range(1, 21))
    await pilot.press(*["k"] * 19)
    assert (cursor_line(table), table.visible_range) == (1, range(1, 21))
    await pilot.press("k")
    assert (cursor_line(table), table.visible_range) == (1, range(20))


@staged()
async def test_page_keys_keep_the_line_of_the_cursor(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(MILLIONS))
    await pilot.press(*["j"] * 7, "pagedown", "pagedown")
    assert (table.cursor_index, cursor_line(table)) == (47, 8)
    await pilot.press("pageup")
    assert (table.cursor_index, cursor_line(table)) == (27, 8)


@staged()
async def test_pieces_of_an_arrow_key_do_nothing(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    """On a slow link an arrow key arrives as escape, [ and a letter."""
    table.show(Counted(MILLIONS))
    await pilot.press("pagedown")
    before = (table.cursor_index, table.scroll_offset, table.follow, table.wide)
    stage.heard.clear()
    await pilot.press("escape", "[", *"ABCDFHPQRSO")
    await pilot.pause()
    assert (table.cursor_index, table.scroll_offset, table.follow, table.wide) == before
    assert stage.heard == []
    bound = {key for binding in table._bindings for key in binding[1].key.split(",")}
    assert not bound & {"left_square_bracket", *"ABCDFHPQRSO"}


@staged()
async def test_move_to_finds_the_nearest_row_and_the_key(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(1000))
    table.move_to(5000)
    assert table.cursor_index == 999
    table.move_to(-5)
    assert table.cursor_index == 0
    assert table.move_to_key(500)
    assert (table.cursor_index, 500 in table.visible_range) == (500, True)
    assert not table.move_to_key(1000)
    assert table.cursor_index == 500


@staged()
async def test_moved_is_posted_when_something_changed_and_only_then(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Listed([10, 11, 12]))
    await pilot.pause()
    assert stage.take("moved") == [("moved", 10, 0)]
    table.show(Listed([10, 11, 12]))
    table.move_to(0)
    await pilot.pause()
    assert stage.take("moved") == []
    table.show(Listed([9, 10, 11]))  # the same row, another index
    await pilot.pause()
    assert stage.take("moved") == [("moved", 10, 1)]
    for index in (2, 0, 2):
        table.move_to(index)
    await pilot.pause()
    assert stage.take("moved") == [("moved", 11, 2)]  # where it came to rest
    table.show(Listed([]))
    await pilot.pause()
    assert stage.take("moved") == [("moved", None, None)]


# Reading


@staged()
async def test_only_rows_in_view_are_read(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    source = Counted(MILLIONS)
    table.show(source)
    await pilot.pause()
    assert source.asked == [(0, PAGE_ROWS)]
    await pilot.press(*["pagedown"] * 8, *["j"] * 10, "pageup")
    assert source.asked == [(0, PAGE_ROWS)]  # the page is kept
    await pilot.press("G")
    await pilot.pause()
    assert source.asked == [(0, PAGE_ROWS), (MILLIONS - PAGE_ROWS, PAGE_ROWS)]
    await pilot.press("g", "G", "g")
    await pilot.pause()
    assert len(source.asked) == 2
    again = Counted(MILLIONS - 1)
    table.show(again)
    await pilot.pause()
    assert again.asked == [(0, PAGE_ROWS)]  # nothing of the old source is kept
    await pilot.press("G")
    await pilot.pause()
    assert again.asked[1:] == [(MILLIONS - PAGE_ROWS, PAGE_ROWS - 1)]  # never beyond the end


@staged()
async def test_pages_are_kept_within_bounds(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    source = Counted(MILLIONS)
    table.show(source)
    for index in range(0, 40 * PAGE_ROWS, PAGE_ROWS):
        table.move_to(index)
        await pilot.pause()
    assert len(source.asked) >= 40
    before = len(source.asked)
    table.move_to(0)
    await pilot.pause()
    assert source.asked[before:] == [(0, PAGE_ROWS)]  # which had been let go


@staged()
async def test_millions_of_rows_cost_no_time(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    """No step may stall the screen for 50 ms. The best of five: the machine may be busy."""
    table.show(Counted(MILLIONS))
    await pilot.press("G")

    async def best(step: Callable[[], Any]) -> float:
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            step()
            lines(table)
            taken.append(time.perf_counter() - start)
            await pilot.pause()
        return min(taken)

    sizes = itertools.count(MILLIONS)
    assert await best(lambda: table.show(Counted(next(sizes)))) < 0.05
    assert await best(table.action_last) < 0.05
    assert await best(table.action_first) < 0.05
    assert await best(table.refresh) < 0.05


@staged()
async def test_rows_that_cannot_be_read_are_blank_and_asked_for_again(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    class Broken(Counted):
        broken = True

        def page(self, start: int, count: int) -> Sequence[Task]:
            self.asked.append((start, count))
            if self.broken:
                raise OSError("disk gone")
            return super().page(start, count)

    source = Broken(MILLIONS)
    table.show(source)
    await pilot.pause()
    drawn = lines(table)
    assert drawn[0].split() == ["Number", "Text"]
    assert drawn[1].strip() == "▌"
    assert not "".join(drawn[2:]).strip()
    assert table.cursor_row is None
    assert len(source.asked) < 10  # once a redraw, not once a line
    source.broken = False
    table.refresh()
    await pilot.pause()
    assert "row 0" in lines(table)[1]


@staged()
async def test_vanished_rows_are_blank(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    class Short(Counted):
        def page(self, start: int, count: int) -> Sequence[Task]:
            return super().page(start, count)[:3]

    table.show(Short(10))
    await pilot.press("G")
    await pilot.pause()
    drawn = lines(table)
    assert ["row" in line for line in drawn[1:11]] == [True] * 3 + [False] * 7
    assert (table.cursor_row, table.cursor_key) == (None, 9)
    assert drawn[10].startswith("▌")


def _fragile(task: Task) -> str:
    if task.number == 1:
        raise OverflowError("a date beyond the year 9999")
    return "fine"


@staged(NUMBER, Column("fragile", "Fragile", _fragile, 8))
async def test_a_row_that_a_column_cannot_show_takes_nothing_else_away(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(3))
    await pilot.pause()
    assert [line.split()[-1] for line in lines(table)[1:4]] == ["fine", "?", "fine"]


# The steady cursor


@staged()
async def test_the_cursor_keeps_its_row_and_its_line(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    keys = list(range(1000, 2000))
    table.show(Listed(keys))
    table.move_to(500)
    await pilot.press("k", "k", "k")
    line = cursor_line(table)
    assert (table.cursor_key, line) == (1497, 17)
    for changed in [
        [*range(300), *keys],  # rows come above
        keys[200:],  # rows go above
        keys[:510],  # rows go below
        list(reversed(keys)),  # another order
        keys,
    ]:
        table.show(Listed(changed))
        await pilot.pause()
        assert table.cursor_key == 1497
        assert table.cursor_index == changed.index(1497)
        assert "row 1497" in lines(table)[cursor_line(table)]
        if len(changed) != 510:  # there, the end of the rows pulls the view up
            assert cursor_line(table) == line


@staged()
async def test_a_cursor_whose_row_is_gone_stays_at_its_index(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    keys = list(range(100))
    table.show(Listed(keys))
    table.move_to(50)
    await pilot.pause()
    line = cursor_line(table)
    table.show(Listed([key for key in keys if key != 50]))
    await pilot.pause()
    assert (table.cursor_index, table.cursor_key, cursor_line(table)) == (50, 51, line)
    table.show(Listed(keys[:10]))
    await pilot.pause()
    assert (table.cursor_index, table.cursor_key) == (9, 9)
    table.show(Listed([]))
    await pilot.pause()
    assert (table.cursor_index, table.cursor_key, table.cursor_row) == (None, None, None)
    assert (table.row_count, table.visible_range) == (0, range(0))
    stage.heard.clear()
    await pilot.press("j", "k", "g", "G", "pageup", "pagedown", "enter")
    await pilot.pause()
    assert stage.heard == []
    table.show(Listed(keys))
    await pilot.pause()
    assert table.cursor_key == 0


@staged()
async def test_a_view_scrolled_away_from_the_cursor_stands_still(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    keys = list(range(1000, 2000))
    table.show(Listed(keys))
    table.move_to(5)
    await pilot.pause()
    for _ in range(10):
        wheel(table, events.MouseScrollDown)
        await pilot.pause()
    top = lines(table)[1]
    assert table.cursor_index == 5
    assert 5 not in table.visible_range
    table.show(Listed([*range(7), *keys]))
    await pilot.pause()
    assert lines(table)[1] == top
    assert table.cursor_key == 1005
    await pilot.press("j")  # and the first key brings the cursor back
    assert table.cursor_key == 1006
    assert table.cursor_index in table.visible_range


@staged()
async def test_rows_that_come_at_one_end_cost_no_search(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    keys = list(range(100, 200))
    table.show(Listed(keys))
    table.move_to(50)
    for changed, searches in [
        ([*keys, 200, 201], 0),
        ([1, 2, *keys, 200, 201], 0),
        ([1, 2, *keys], 0),
        (keys, 0),
        ([*range(10), *keys, *range(200, 230)], 1),
    ]:
        source = Listed(changed)
        table.show(source)
        assert (table.cursor_key, table.cursor_index) == (150, changed.index(150))
        assert source.searched == searches


@staged()
async def test_a_hidden_table_keeps_its_place(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    keys = list(range(1000, 2000))
    table.show(Listed(keys))
    table.move_to(500)
    await pilot.press("k", "k", "k")
    line = cursor_line(table)
    table.display = False
    await pilot.pause()
    table.show(Listed([*keys[:490], *range(100), *keys[490:]]))  # between the first line and the cursor
    await pilot.pause()
    table.display = True
    await pilot.pause()
    assert (table.cursor_key, table.cursor_index, cursor_line(table)) == (1497, 597, line)


@staged()
async def test_until_it_is_moved_the_cursor_stays_on_top(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Listed([100, 101]))
    table.show(Listed([*range(50), 100, 101]))
    await pilot.pause()
    assert (table.cursor_key, table.visible_range.start) == (0, 0)
    await pilot.press("j", "k")  # from here on somebody holds the row
    table.show(Listed([*range(200, 250), *range(50)]))
    await pilot.pause()
    assert (table.cursor_key, table.cursor_index, cursor_line(table)) == (0, 50, 1)


@staged()
async def test_a_smaller_terminal_keeps_the_cursor_in_view(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(MILLIONS))
    await pilot.press(*["j"] * 19)
    await pilot.resize_terminal(60, 10)
    await pilot.pause()
    assert len(table.visible_range) == 8
    assert 19 in table.visible_range
    await pilot.resize_terminal(80, 22)
    await pilot.press("G")
    await pilot.resize_terminal(80, 40)
    await pilot.pause()
    assert table.visible_range == range(MILLIONS - 38, MILLIONS)  # no empty lines below the last row


def test_rows_may_be_shown_before_there_is_a_screen() -> None:
    async def play() -> None:
        stage = Stage([NUMBER, TEXT])
        table = stage.table
        table.wide = True
        table.follow = True
        table.show(Counted(100))
        assert (table.row_count, table.cursor_index) == (100, 99)
        async with stage.run_test(size=(80, 22)) as pilot:
            await pilot.pause()
            assert "row 99" in lines(table)[cursor_line(table)]
            assert stage.take("moved") == [("moved", 99, 99)]
            table.follow = False
            table.show(Counted(200))
            assert table.cursor_key == 99

    asyncio.run(play())


# Following


@staged()
async def test_following_stays_at_the_end(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Counted(100))
    table.follow = True
    await pilot.pause()
    for count in (100, 101, 150, 10, 5000):
        table.show(Counted(count))
        await pilot.pause()
        assert table.cursor_index == count - 1
        assert "row" in lines(table)[min(count, 20)]
        assert table.visible_range.stop == count
    await pilot.press("j", "G", "pagedown")
    await pilot.resize_terminal(80, 40)
    await pilot.resize_terminal(80, 12)
    await pilot.pause()
    assert table.follow
    assert table.visible_range == range(4990, 5000)
    assert stage.take("follow stopped") == []
    table.follow = False  # by the operator: nothing to tell
    await pilot.pause()
    assert stage.take("follow stopped") == []
    table.show(Counted(6000))
    assert table.cursor_index == 4999


def test_any_upward_move_ends_following() -> None:
    async def play(up: Callable[[VirtualTable[Task], Pilot[None]], Awaitable[Any]]) -> None:
        stage = Stage([NUMBER, TEXT])
        async with stage.run_test(size=(80, 22)) as pilot:
            stage.table.show(Counted(1000))
            stage.table.follow = True
            await pilot.pause()
            await up(stage.table, pilot)
            await pilot.pause()
            assert not stage.table.follow
            assert stage.take("follow stopped") == [("follow stopped",)]
            index, view = stage.table.cursor_index, stage.table.visible_range
            stage.table.show(Counted(2000))
            await pilot.pause()
            assert (stage.table.cursor_index, stage.table.visible_range) == (index, view)

    async def scrolled(table: VirtualTable[Task], pilot: Pilot[None]) -> None:
        wheel(table, events.MouseScrollUp)

    async def dragged(table: VirtualTable[Task], pilot: Pilot[None]) -> None:
        table.scroll_to(y=300, animate=False)

    async def clicked(table: VirtualTable[Task], pilot: Pilot[None]) -> None:
        await pilot.click(table, offset=(10, 5))

    for key in ("up", "k", "pageup", "home", "g"):
        asyncio.run(play(lambda table, pilot, key=key: pilot.press(key)))  # type: ignore[misc]
    for up in (scrolled, dragged, clicked):
        asyncio.run(play(up))


# Mouse and opening


@staged()
async def test_enter_and_a_double_click_open(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Listed([10, 11, 12, 13]))
    await pilot.press("j", "enter")
    assert stage.take("opened") == [("opened", 11, 1)]
    await pilot.click(table, offset=(10, 4))
    assert table.cursor_index == 3
    assert stage.take("opened") == []
    await pilot.click(table, offset=(10, 1), times=2)
    await pilot.pause()
    assert (table.cursor_index, stage.take("opened")) == (0, [("opened", 10, 0)])
    assert not stage.screen.selections
    await pilot.click(table, offset=(10, 9), times=2)  # below the last row
    await pilot.pause()
    assert (table.cursor_index, stage.take("opened")) == (0, [])


@staged()
async def test_a_double_click_never_opens_a_row_that_slid_under_it(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Listed(range(100)))
    await pilot.click(table, offset=(10, 5))
    assert table.cursor_key == 4
    table.scroll_to(y=1, animate=False)
    second = events.Click(table, 10, 5, 0, 0, 1, False, False, False, 10, 5, chain=2)
    table.post_message(second)
    await pilot.pause()
    assert (table.cursor_key, stage.take("opened")) == (5, [])
    table.post_message(second)  # now it is the row that was chosen
    await pilot.pause()
    assert (table.cursor_key, stage.take("opened")) == (5, [("opened", 5, 5)])


@staged(NUMBER, Column("fixed", "Fixed", lambda task: "x", 8, sortable=False), TEXT)
async def test_a_click_on_the_header_asks_for_sorting(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(100))
    for x in (4, 18, 40):
        await pilot.click(table, offset=(x, 0))
    await pilot.click(table, offset=(0, 0))  # the gutter
    await pilot.pause()
    assert stage.take("sort") == [("sort", "number"), ("sort", "text")]
    assert table.cursor_index == 0


# Columns


COLUMNS: list[Column[Task]] = [
    Column("id", "Id", lambda task: f"id-{task.number:030}", 12, grow=2),
    Column("type", "Type", lambda task: "email:deliver", 14, priority=2),
    Column("died", "Died", lambda task: "3 min", 8, "right", priority=1),
    Column("size", "Size", lambda task: "312 B", 8, "right", priority=2),
    Column("error", "Error", lambda task: "dial tcp 10.0.0.7:587: connect: connection refused", 20, grow=3),
]


def widths(room: int, columns: Sequence[Column[Task]] = COLUMNS, **options: Any) -> dict[str, int]:
    layout = lay_out(columns, room, **options)
    assert layout.width == sum(width for _, width in layout.slots) + 2 * max(len(layout.slots) - 1, 0)
    return {column.name: width for column, width in layout.slots}


def test_layout_hides_by_priority_then_shrinks_and_shares_what_is_left() -> None:
    minimum = 12 + 14 + 8 + 8 + 20 + 4 * 2
    assert widths(minimum) == {"id": 12, "type": 14, "died": 8, "size": 8, "error": 20}
    assert widths(minimum + 11) == {"id": 16, "type": 14, "died": 8, "size": 8, "error": 27}
    assert widths(minimum - 1) == {"id": 15, "type": 14, "died": 8, "error": 26}  # the later of two equals
    assert widths(59) == {"id": 18, "died": 8, "error": 29}
    assert widths(43) == {"id": 15, "error": 26}
    assert widths(20) == {"id": 9, "error": 9}
    assert widths(8) == {"id": 8}  # in three cells each, neither would say anything
    assert widths(3) == {"id": 3}
    assert widths(0) == {}
    assert widths(50, natural={"id": 40, "error": 70, "type": 3}) == {
        "id": 40,
        "type": 14,
        "died": 8,
        "size": 8,
        "error": 70,
    }


def test_layout_gives_what_is_enough_then_what_shows_all_then_the_rest() -> None:
    columns: list[Column[Task]] = [
        Column("type", "Type", lambda task: "", 8, enough=10, grow=1, most=12),
        Column("error", "Error", lambda task: "", 10, enough=30, grow=2),
        Column("id", "Id", lambda task: "", 9, whole=36),
    ]
    minimum = 8 + 10 + 9 + 2 * 2
    assert widths(minimum, columns) == {"type": 8, "error": 10, "id": 9}
    assert widths(minimum + 3, columns) == {"type": 10, "error": 11, "id": 9}
    assert widths(minimum + 2 + 20, columns) == {"type": 10, "error": 30, "id": 9}
    assert widths(minimum + 2 + 20 + 26, columns) == {"type": 12, "error": 54, "id": 9}  # one cell short of a whole id
    assert widths(minimum + 2 + 20 + 27, columns) == {"type": 10, "error": 30, "id": 36}
    assert widths(minimum + 2 + 20 + 27 + 6, columns) == {"type": 12, "error": 34, "id": 36}


@given(
    room=st.integers(0, 300),
    shapes=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5), st.integers(0, 3)), max_size=8),
)
def test_layout_never_exceeds_the_room_and_uses_all_of_it(room: int, shapes: list[tuple[int, int, int]]) -> None:
    columns: list[Column[Task]] = [
        Column(str(number), "T", lambda task: "", width, grow=grow, priority=priority)
        for number, (width, grow, priority) in enumerate(shapes)
    ]
    layout = lay_out(columns, room)
    assert layout.width <= room
    assert all(width > 0 for _, width in layout.slots)
    if any(column.grow for column, _ in layout.slots):
        assert layout.width == room


@staged(*COLUMNS, size=(60, 12))
async def test_a_narrow_terminal_hides_columns_and_says_so(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(MILLIONS))
    await pilot.pause()
    assert table.hidden_columns == ("Type", "Size")
    header = lines(table)[0]
    assert header.split() == ["Id", "Died", "Error", "›"]
    assert not table.show_horizontal_scrollbar
    await pilot.press("left", "right")  # not ours: the keys go on to whoever wants them
    assert stage.notes == ["left", "right"]
    await pilot.resize_terminal(100, 12)
    await pilot.pause()
    assert not table.hidden_columns
    assert lines(table)[0].split() == ["Id", "Type", "Died", "Size", "Error"]


@staged(*COLUMNS, size=(60, 12), is_marked=lambda key: key == 1)
async def test_wide_shows_all_columns_and_scrolls(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Counted(MILLIONS))
    await pilot.press("j")
    table.wide = True
    await pilot.pause()
    assert table.hidden_columns == ()
    assert table.virtual_size.width == 3 + 33 + 14 + 8 + 8 + 50 + 4 * 2 + 1
    assert f"id-{1:030}" in lines(table)[2]
    assert table.show_horizontal_scrollbar
    seen = set()
    for _ in range(12):
        drawn = lines(table)
        assert drawn[2].startswith("▌● ")  # the gutter stays
        assert drawn[1].startswith("   ")
        assert {strip.cell_length for strip in strips(table)} == {60}
        seen |= set(drawn[0].split())
        await pilot.press("right")
        await pilot.pause()
    assert {"Id", "Type", "Died", "Size", "Error", "‹", "›"} <= seen
    assert "connection refused" in lines(table)[2]
    assert "›" not in lines(table)[0]
    assert stage.notes == []
    await pilot.press(*["left"] * 12)
    await pilot.pause()
    assert lines(table)[0].split()[0] == "Id"
    await pilot.press("right")
    table.wide = False
    await pilot.pause()
    assert table.scroll_offset.x == 0
    assert table.virtual_size.width == 0
    assert lines(table)[0].split() == ["Id", "Died", "Error", "›"]


@staged(NUMBER, TEXT, EDGE, size=(40, 12))
async def test_wide_columns_grow_with_what_comes_into_view_up_to_a_limit(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    texts = ["short"] * 100 + ["x" * 50] + ["y" * 5000]
    table.show(Listed(range(102), texts))
    table.wide = True
    await pilot.pause()
    assert not table.show_horizontal_scrollbar
    table.move_to(100)
    await pilot.pause()
    assert table.virtual_size.width == 3 + 12 + 2 + 50 + 2 + 6 + 1
    await pilot.press("G")
    await pilot.pause()
    assert table.virtual_size.width == 3 + 12 + 2 + 120 + 2 + 6 + 1
    assert 101 in table.visible_range
    table.wide_width = 30
    await pilot.pause()
    assert table.virtual_size.width == 3 + 12 + 2 + 30 + 2 + 6 + 1
    table.show(Listed(range(102), ["z" * 28] * 102))  # they do not shrink while the operator looks
    await pilot.pause()
    assert table.virtual_size.width == 3 + 12 + 2 + 30 + 2 + 6 + 1


@staged(NUMBER, TEXT)
async def test_wide_measures_new_rows_and_keeps_the_cursor_above_the_scroll_bar(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Listed(range(100)))
    table.move_to(19)
    table.wide = True
    await pilot.pause()
    assert cursor_line(table) == 20
    assert not table.show_horizontal_scrollbar
    table.show(Listed(range(100), ["x" * 90] * 100))
    await pilot.pause()
    assert table.virtual_size.width == 3 + 12 + 2 + 90 + 1
    assert table.show_horizontal_scrollbar
    assert 19 in table.visible_range
    table.wide = False
    await pilot.pause()
    table.move_to(50)
    assert cursor_line(table) == 20
    table.wide = True
    await pilot.pause()
    assert table.show_horizontal_scrollbar
    assert 50 in table.visible_range
    table.set_columns([Column("text", "Other", lambda task: "", 5)])
    await pilot.pause()
    assert table.virtual_size.width == 3 + len("Other") + 2 + 1


@staged()
async def test_columns_can_be_replaced(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Counted(10))
    table.set_columns([EDGE, NUMBER])
    await pilot.pause()
    assert lines(table)[0].split() == ["…", "Number"]
    assert lines(table)[1].split() == ["▌", "|", "row", "0"]
    assert table.columns == (EDGE, NUMBER)


@staged(*COLUMNS, size=(100, 12))
async def test_the_header_shows_what_the_rows_are_sorted_by(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(10))
    table.sorted_by = ("id", False)
    await pilot.pause()
    assert "   Id ▲ " in lines(table)[0]
    table.sorted_by = ("size", True)
    await pilot.pause()
    header, row = lines(table)[:2]
    assert "▼ Size" in header
    assert header.index("Size") + 4 == row.index("312 B") + 5  # title and number end alike
    assert "▲" not in header
    table.set_columns([Column("long", "A very long title", lambda task: "", 8)])
    table.sorted_by = ("long", True)
    await pilot.pause()
    assert lines(table)[0].strip() == "A ver… ▼"
    table.sorted_by = None
    await pilot.pause()
    assert lines(table)[0].strip() == "A very …"


# Drawing


def cell_styles(table: VirtualTable[Task], y: int) -> dict[str, Any]:
    """The style of each word on a line."""
    return {word: segment.style for segment in strips(table)[y] for word in segment.text.split() or [segment.text]}


@staged(is_marked=lambda key: key in {1, 3})
async def test_cursor_and_marks_are_signs_not_only_colours(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(5))
    await pilot.press("j")
    await pilot.pause()
    assert [line[:3] for line in lines(table)[1:6]] == ["   ", "▌● ", "   ", " ● ", "   "]
    await pilot.press("j")
    await pilot.pause()
    assert [line[:3] for line in lines(table)[1:6]] == ["   ", " ● ", "▌  ", " ● ", "   "]
    table.is_marked = lambda key: key == 0
    table.refresh()
    await pilot.pause()
    assert [line[:3] for line in lines(table)[1:6]] == [" ● ", "   ", "▌  ", "   ", "   "]


@staged()
async def test_the_cursor_row_stands_out_and_less_so_without_focus(
    stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]
) -> None:
    table.show(Counted(5))
    await pilot.pause()
    focused, other = cell_styles(table, 1)["row"], cell_styles(table, 2)["row"]
    assert focused.bold
    assert not other.bold
    assert focused.bgcolor != other.bgcolor
    await pilot.press("tab")
    await pilot.pause()
    blurred = cell_styles(table, 1)["row"]
    assert not blurred.bold
    assert blurred.bgcolor not in (focused.bgcolor, other.bgcolor)
    stage.theme = "textual-light"
    await pilot.pause()
    assert cell_styles(table, 2)["row"].bgcolor != other.bgcolor


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "nocolor"])
def test_the_cursor_row_stands_out_without_colours(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if theme == "nocolor":
        monkeypatch.setenv("NO_COLOR", "1")

    async def play() -> None:
        stage = Stage([NUMBER, Column("bad", "Bad", lambda task: Cell("panic", "bad"), 8)])
        if theme != "nocolor":
            stage.theme = theme
        async with stage.run_test(size=(80, 22)) as pilot:
            stage.table.show(Counted(5))
            await pilot.pause()
            cursor, other = cell_styles(stage.table, 1), cell_styles(stage.table, 2)
            for word in ("row", "panic"):
                assert cursor[word].reverse
                assert cursor[word].bold
                assert not other[word].reverse
            assert cursor["row"].color == cursor["panic"].color  # no patches in a reversed line
            assert not cursor["▌"].reverse

    asyncio.run(play())


TONES: list[Column[Task]] = [
    NUMBER,
    *(
        Column(tone, tone, lambda task, tone=tone: Cell(f"is-{tone}", tone), 10)  # type: ignore[misc]
        for tone in ("warn", "bad", "dim", "good", "accent")
    ),
]


@staged(*TONES, size=(100, 12), row_style=lambda task: "dim" if task.number == 2 else None)
async def test_tones_colour_cells_and_rows(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Counted(5))
    await pilot.pause()
    cursor, plain, dimmed = (cell_styles(table, y) for y in (1, 2, 3))
    assert all(segment.text for strip in strips(table) for segment in strip)
    assert dimmed["row"].color == plain["is-dim"].color != plain["row"].color
    assert dimmed["is-bad"].color == plain["is-bad"].color  # what a cell says of itself counts more
    assert len({plain[word].color for word in ("row", "is-bad", "is-dim", "is-good", "is-warn")}) == 5
    assert len({style.bgcolor for style in cursor.values()}) == 1  # the cursor line is one colour
    assert cursor["is-bad"].bgcolor == cursor["row"].bgcolor != plain["row"].bgcolor


@staged(size=(40, 11))
async def test_an_empty_table_says_why(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.empty_text = "The archive is empty."
    table.waiting_text = "Reading…"
    table.show(Listed([]), complete=False)
    await pilot.pause()
    drawn = lines(table)
    assert "".join(drawn[1:]).strip() == "Reading…"
    table.show(Listed([]))
    await pilot.pause()
    (y,) = (y for y, line in enumerate(lines(table)) if "The archive is empty." in line)
    assert y in (5, 6)
    assert 8 <= lines(table)[y].index("The") <= 10
    assert lines(table)[0].split() == ["Number", "Text"]
    table.empty_text = "[/x] \x1b[31m 日本語" * 20
    await pilot.pause()
    assert {strip.cell_length for strip in strips(table)} == {40}
    assert "\x1b" not in "".join(lines(table))
    table.show(Counted(1))
    await pilot.pause()
    assert "row 0" in lines(table)[1]


# Foreign text


@given(value=st.text(), width=st.integers(0, 40), align=st.sampled_from(["left", "right"]))
def test_text_fits_exactly_and_carries_nothing_that_moves_the_cursor(value: str, width: int, align: Any) -> None:
    fitted = fit(value, width, align)
    assert cell_len(fitted) == width
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in fitted)


def test_text_is_cut_by_cells_and_says_so() -> None:
    assert fit("abc", 5) == "abc  "
    assert fit("abc", 5, "right") == "  abc"
    assert fit("abcde", 5) == "abcde"
    assert fit("abcdef", 5) == "abcd…"
    assert fit("日本語", 6) == "日本語"
    assert fit("日本語", 5) == "日本…"
    assert fit("日本語", 4) == "日 …"
    assert fit("日本語", 1) == "…"
    assert fit("日本語", 0) == ""
    assert fit("x\ny", 4) == "x␊y "
    assert fit("a❤\ufe0fb", 4) == "a❤b "
    assert fit("🇩🇪", 4) == "DE  "
    assert fit("👍🏽!", 4) == "👍! "
    towering = fit("z" + "\u0336" * 5000, 4)  # thousands of marks on one letter
    assert len(towering) < 50
    assert towering.endswith("…")


@pytest.mark.parametrize("wide", [False, True])
def test_every_line_is_exactly_as_wide_as_the_table(wide: bool) -> None:
    texts = [*HOSTILE, *WIDE_TEXT]

    async def play() -> None:
        stage = Stage([TEXT, NUMBER, EDGE])
        table = stage.table
        async with stage.run_test(size=(80, len(texts) + 3)) as pilot:
            table.show(Listed(range(len(texts)), texts))
            table.wide = wide
            for columns in (80, 79, 41, 30, 20, 12, 5, 3, 1):
                await pilot.resize_terminal(columns, len(texts) + 3)
                await pilot.pause()
                for x in range(0, 30, 7) if wide else (0,):
                    table.scroll_to(x=x, animate=False, force=True)
                    for strip in strips(table):
                        assert strip.cell_length == columns
                        assert sum(cell_len(segment.text) for segment in strip) == columns

    asyncio.run(play())


def test_the_columns_stand_still_in_a_real_terminal() -> None:
    """A terminal emulator, which measures with a table of its own, finds the last column where it belongs."""
    texts = [*HOSTILE, *WIDE_TEXT]

    async def play() -> None:
        stage = Stage([NUMBER, TEXT, EDGE])
        async with stage.run_test(size=(60, len(texts) + 3)) as pilot:
            stage.table.show(Listed(range(len(texts)), texts))
            await pilot.pause()
            screen = pyte.Screen(60, len(texts) + 2)
            stream = pyte.Stream(screen)
            for y, strip in enumerate(strips(stage.table)):
                for character in f"\x1b[{y + 1};1H{strip.render(stage.console)}":
                    stream.feed(character)  # one by one: pyte drops what follows a mark that it does not know
            edge = screen.display[1].index("|")
            assert edge == 60 - 1 - 1 - 1
            for y in range(1, len(texts) + 1):
                assert screen.buffer[y][edge].data == "|", texts[y - 1][:20]
            assert screen.title == ""

    asyncio.run(play())


@staged(NUMBER, Column("text", "[/x]\x1b[31m", lambda task: task.text, 60), size=(100, 24))
async def test_hostile_text_is_shown_not_obeyed(stage: Stage, table: VirtualTable[Task], pilot: Pilot[None]) -> None:
    table.show(Listed(range(len(HOSTILE)), HOSTILE))
    await pilot.pause()
    drawn = "".join(lines(table))
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in drawn)
    assert "[/x] [bold]no[/bold] [@click=app.quit]quit[/]" in drawn  # as it is: never markup
    assert "␛]52;c;ZXZpbA==␇" in drawn
    assert "[/x]␛[31m" in lines(table)[0]
    styles = [segment.style for strip in strips(table) for segment in strip if segment.style]
    assert styles
    assert not any(style.meta or style.link for style in styles)
    for y in range(len(HOSTILE)):
        await pilot.click(table, offset=(25, y + 1))
    assert stage.is_running
    assert table.cursor_index == len(HOSTILE) - 1
