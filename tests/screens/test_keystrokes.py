"""What becomes of keys and failures while the program ends."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from support.pilot import Operator, operate
from support.servers import Live
from textual import events
from textual.app import App, ScreenStackError

from archive_tui.tui.app import ArchiveApp
from archive_tui.tui.keystrokes import Keystrokes


class Ending:
    """An app whose screens go with the first key."""

    def __init__(self) -> None:
        self.is_running = True
        self.focused = None

    @property
    def screen(self) -> object:
        if not self.is_running:
            raise ScreenStackError("No screens on stack")
        return SimpleNamespace()


def test_a_key_that_ends_the_program_is_no_failure() -> None:
    app, failures, handled = Ending(), [], []

    async def handle(event: events.Event) -> None:
        handled.append(event)
        app.is_running = False

    async def play() -> None:
        keystrokes = Keystrokes(cast("App[Any]", app), handle, lambda _: None, failures.append)
        for key in ("q", "j"):
            keystrokes.put(events.Key(key, key))
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    asyncio.run(play())
    assert len(handled) == 1
    assert failures == []


def test_a_widget_that_is_mounted_as_the_program_ends_is_no_failure(valkey: Live) -> None:
    """A terminal that went away while the help opened: the help found none of its parts, and the exit code was 1."""
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        app = cast("ArchiveApp", op.app)
        app.exit(return_code=129)
        app._handle_exception(RuntimeError("no parts"))
        assert app.failure is None
        assert app.return_code == 129

    operate(valkey.settings, play)
