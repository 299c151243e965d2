"""The driver between Textual and the terminal: what is drawn goes through the painter, what is typed through the
keyboard.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from archive_tui.tui.terminal.background import QUESTION
from archive_tui.tui.terminal.keyboard import Keyboard
from archive_tui.tui.terminal.painter import Painter
from archive_tui.tui.terminal.picture import Abilities, Picture

_LAST_CHANCE = 0.3
"""Seconds after SIGCONT in the background before we stop again."""

_LOOK = 0.05
"""Seconds between two looks whether an escape key stands alone, or whether the program ends."""

_POINTER = "\x1b]22;"
"""Begins what Textual says about the shape of the mouse's pointer with each screen that opens, whoever uses a mouse."""


@runtime_checkable
class FollowsBackground(Protocol):
    """An app that may want to know the terminal's background; it is told by `BackgroundTold`."""

    @property
    def follows_background(self) -> bool:
        """Whether it wants to know."""


@runtime_checkable
class Leaves(Protocol):
    """An app that signals may ask to end."""

    @property
    def leaving(self) -> bool:
        """Whether it was asked to end."""


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal, with a painter and a keyboard of our own."""

    RATE: ClassVar[float] = 3_000.0
    """Bytes a second that may be sent without being asked for."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.painter = Painter(self._send, self._columns_and_lines, Picture(_abilities()), self.RATE)
        self._drawing = False
        self._lent = False
        # On the loop, not in the handlers: a handler may run while the main thread holds the painter's lock
        signal.signal(signal.SIGTSTP, lambda *_: self._soon(self._stop))
        signal.signal(signal.SIGCONT, lambda *_: self._soon(self._go_on))

    def _soon(self, act: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the program ends with it
            self._loop.call_soon_threadsafe(act)

    def _columns_and_lines(self) -> tuple[int, int]:
        size = shutil.get_terminal_size()  # as Textual asks: consoles without a size have 80 by 24
        return size.columns, size.lines

    def _send(self, data: str) -> None:
        file = sys.__stderr__
        if file is not None:
            file.write(data)
            file.flush()

    def write(self, data: str) -> None:
        if self._mouse or not data.startswith(_POINTER):
            self.painter.draw(data)

    @property
    def _leaving(self) -> bool:
        return isinstance(self._app, Leaves) and self._app.leaving

    def _stop(self) -> None:
        """SIGTSTP: give the terminal back, and stop."""
        if not self._leaving:
            if not self._lent:
                self.suspend_application_mode()
            os.kill(os.getpid(), signal.SIGSTOP)

    def lend(self) -> None:
        """Leave the terminal to another program. Whatever is drawn until `take_back` is kept, and shown then."""
        self._lent = True
        self.suspend_application_mode()

    def take_back(self) -> None:
        """Take the terminal again after `lend`. To be called on the loop."""
        self._lent = False
        if not self._leaving:
            self.resume_application_mode()

    def _go_on(self) -> None:
        """SIGCONT: take the terminal again, if it is ours. Brought back into the background we stop again, but not
        before a signal that asks us to end has had its time: shells send it behind the other.
        """
        if self._leaving or self._lent:
            return
        if self._in_front():
            if self._drawing:  # stopped by SIGSTOP, which tells nobody
                self.suspend_application_mode()
            self.resume_application_mode()
        else:
            self._loop.call_later(_LAST_CHANCE, self._stop_behind)

    def _stop_behind(self) -> None:
        if not self._leaving and not self._in_front():
            self._stop()

    def _in_front(self) -> bool:
        """Whether the terminal lets us draw; also true where it is gone, which others notice."""
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:
            return True

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.InputEvent | events.Paste):
            self.painter.ask(at_once=not isinstance(message, events.Key | events.Paste))
        super().process_message(message)

    def start_application_mode(self) -> None:
        self._drawing = True
        self.painter.forget()
        self.painter.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if isinstance(self._app, FollowsBackground) and self._app.follows_background and self.input_tty:
            self.write(QUESTION)
            self.flush()

    def stop_application_mode(self) -> None:
        if self._drawing:  # else the terminal is the shell's, and to touch its settings would stop us
            super().stop_application_mode()

    def disable_input(self) -> None:
        if self._drawing:
            super().disable_input()

    def close(self) -> None:
        self._drawing = False
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


def _abilities() -> Abilities:
    """What the terminal knows, by its description."""
    try:
        import curses  # some pythons come without it

        curses.setupterm(fd=1)
        return Abilities(
            erases_in_colour=curses.tigetflag("bce") > 0,
            erases_within=curses.tigetstr("ech") == b"\x1b[%p1%dX",
            scrolls=(curses.tigetstr("csr") or b"").startswith(b"\x1b[%i%p1%d;%p2%dr"),
        )
    except Exception:  # curses.error, which there is no way to name where it cannot be imported
        return Abilities()
