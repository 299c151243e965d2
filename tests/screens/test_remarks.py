"""Remarks have a line of their own: they cover nothing, and urgent ones stay until they were seen."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from support.asynq_data import NOW
from support.pilot import PATIENCE, Operator, operate
from support.servers import Live
from support.stage import ThemedApp
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from archive_tui.demo import DEMO_SEED, fill
from archive_tui.tui.widgets.remarks import RemarkLine

LONG = "the journal cannot be written: no room is left on the disk, and without it nothing is deleted. " * 2


@pytest.fixture
def shop(valkey: Live) -> Live:
    """A server with a small edition of the demo's installation."""
    fill(valkey.client, seed=DEMO_SEED, now=NOW, scale=0.006)
    return valkey


class Stage(ThemedApp):
    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("rows", id="rows")
        yield RemarkLine()

    @property
    def line(self) -> RemarkLine:
        return self.screen_stack[0].query_one(RemarkLine)

    async def until(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, self.line.texts
            await asyncio.sleep(0.02)


def on_stage(play: Callable[[Stage], Awaitable[None]], width: int = 60) -> None:
    async def run() -> None:
        stage = Stage()
        async with stage.run_test(size=(width, 15)):
            await play(stage)

    asyncio.run(run())


def test_a_remark_goes_by_itself_and_an_urgent_one_does_not() -> None:
    async def play(stage: Stage) -> None:
        stage.line.say("cannot be deleted", urgent=True)
        stage.line.say("gentle pace", seconds=0.5)
        assert stage.line.texts == ["cannot be deleted", "gentle pace"]
        await stage.until(lambda: stage.line.texts == ["cannot be deleted"])

    on_stage(play)


def test_an_urgent_remark_goes_with_the_next_command_once_it_was_seen() -> None:
    async def play(stage: Stage) -> None:
        stage.line.say("cannot be deleted", urgent=True)
        stage.line.make_way()
        assert stage.line.texts == ["cannot be deleted"], "a key typed ahead took it away"

        def gone() -> bool:
            stage.line.make_way()
            return not stage.line.texts

        await stage.until(gone)

    on_stage(play)


def test_no_time_passes_for_a_remark_beneath_a_dialog() -> None:
    async def play(stage: Stage) -> None:
        stage.line.say("scan ended", seconds=0.3)
        dialog: ModalScreen[None] = ModalScreen()
        await stage.push_screen(dialog)
        for _ in range(4):
            stage.line._pass_time()
        assert stage.line.texts == ["scan ended"]
        await stage.pop_screen()
        await stage.until(lambda: not stage.line.texts)

    on_stage(play)


def test_the_line_grows_for_a_long_remark_and_shrinks_again() -> None:
    async def play(stage: Stage) -> None:
        rows = stage.screen.query_one(Vertical)
        assert rows.size.height == 14
        stage.line.say(LONG, urgent=True)
        await stage.until(lambda: rows.size.height == 11)
        shown = " ".join(stage.line.render().plain.split())
        assert shown == LONG.strip()
        stage.line.forget()
        await stage.until(lambda: rows.size.height == 14)

    on_stage(play)


def test_no_remark_takes_more_than_four_rows_and_a_cut_shows() -> None:
    async def play(stage: Stage) -> None:
        stage.line.say(LONG * 3, urgent=True)
        await stage.until(lambda: stage.line.size.height == 4)
        assert stage.line.render().plain.endswith("…")

    on_stage(play)


def test_text_in_brackets_is_no_markup() -> None:
    async def play(stage: Stage) -> None:
        stage.line.say("[red]no[/] [/x] queue")
        assert stage.line.render().plain.startswith("[red]no[/] [/x] queue")

    on_stage(play)


def test_every_list_says_where_the_cursor_stands(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("g", "j")
        await op.sees("row 2 of 8")
        await op.tasks("default")
        await op.sees("row 1 of 65 ")
        await op.press("j")
        await op.sees("row 2 of 65 ")
        await op.press("G")
        await op.sees("row 65 of 65 ")

    operate(shop.settings, play, size=(60, 15))


def test_a_remark_stands_above_the_footer_and_covers_nothing(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        before = op.lines
        await op.press("x")
        await op.sees("stop: nothing is running")
        assert op.lines[-2].strip().startswith("stop: nothing is running")
        assert [line.strip() for line in op.lines[1:-2]] == [line.strip() for line in before[1:-2]]

    operate(shop.settings, play, size=(80, 24))
