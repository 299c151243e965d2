"""The driver between Textual and the terminal: what is drawn goes through the painter, what is typed through the
keyboard.
"""

from __future__ import annotations

import os
import selectors
import sys
import time
from typing import Any, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from archive_tui.tui.terminal.background import QUESTION
from archive_tui.tui.terminal.keyboard import Keyboard
from archive_tui.tui.terminal.painter import Painter
from archive_tui.tui.terminal.picture import Picture

_LOOK = 0.05
"""Seconds between two looks whether an escape key stands alone, or whether the program ends."""


@runtime_checkable
class FollowsBackground(Protocol):
    """An app that may want to know the terminal's background; it is told by `BackgroundTold`."""

    @property
    def follows_background(self) -> bool:
        """Whether it wants to know."""


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal, with a painter and a keyboard of our own."""

    RATE: ClassVar[float] = 3_000.0
    """Bytes a second that may be sent without being asked for."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.painter = Painter(self._send, self._columns_and_lines, Picture(erases=_erases_in_colour()), self.RATE)

    def _columns_and_lines(self) -> tuple[int, int]:
        size = os.get_terminal_size(self.fileno)
        return size.columns, size.lines

    def _send(self, data: str) -> None:
        file = sys.__stderr__
        if file is not None:
            file.write(data)
            file.flush()

    def write(self, data: str) -> None:
        self.painter.draw(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.InputEvent | events.Paste):
            self.painter.ask()
        super().process_message(message)

    def start_application_mode(self) -> None:
        self.painter.forget()
        self.painter.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if isinstance(self._app, FollowsBackground) and self._app.follows_background and self.input_tty:
            self.write(QUESTION)
            self.flush()

    def close(self) -> None:
        self.painter.stop()
        super().close()

    def run_input_thread(self) -> None:
        """Read what is typed until the program ends or the terminal is gone."""
        keyboard = Keyboard()
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_LOOK):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:
                        return
                    if not data:
                        return  # the terminal is gone; who watches over it ends the program
                    messages = keyboard.feed(data)
                else:
                    messages = keyboard.rest()
                now = time.monotonic()
                for message in messages:
                    message.time = now  # what came in one piece bears one time
                    self.process_message(message)


class ThinLinkDriver(TerminalDriver):
    """For `--low-bandwidth`."""

    RATE = 1_400.0


def _erases_in_colour() -> bool:
    """Whether the terminal fills what it erases with the background of the moment, by its description."""
    try:
        import curses  # some pythons come without it

        curses.setupterm(fd=1)
        return curses.tigetflag("bce") > 0
    except Exception:  # curses.error, which there is no way to name where it cannot be imported
        return False
