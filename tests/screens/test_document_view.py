"""The view of a document whose lines are made one by one."""

import asyncio
from collections.abc import Callable

from support.stage import ThemedApp
from textual.app import ComposeResult

from archive_tui.payloads.rendering import Document
from archive_tui.payloads.search import TextMatches
from archive_tui.tui.widgets.document import DocumentView

LINE = "0123456789abcdef" * 1024
"""As long as one that large payloads are cut into."""


class Counted(Document):
    """A thousand lines; counts those that are made."""

    format = "text"

    def __init__(self) -> None:
        self.made: set[int] = set()

    def __len__(self) -> int:
        return 1_000

    def line(self, index: int) -> str:
        self.made.add(index)
        return LINE

    def plain(self) -> bytes:
        raise NotImplementedError

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> TextMatches | None:
        raise NotImplementedError


class Stage(ThemedApp):
    def compose(self) -> ComposeResult:
        yield DocumentView()


def test_few_lines_are_made_beyond_those_in_sight() -> None:
    async def play() -> None:
        app, document = Stage(), Counted()
        async with app.run_test(size=(80, 20)) as pilot:
            view = app.query_one(DocumentView)
            view.show(document)
            await pilot.pause()
            assert len(document.made) <= 20 + 2
            assert view.virtual_size == (len(LINE) + 1, 1_000)  # and the view goes as far sideways as they do

    asyncio.run(play())
