"""Lends the terminal to another program, such as a pager or an editor, until that has ended.

The screens go on meanwhile, unseen: jobs are watched, and a signal that asks for the end ends both programs. Keys that
a terminal turns into signals are the other program's: ctrl+c does not end us, and ctrl+z stops both for the shell.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from textual.app import App

from archive_tui.outside.programs import others_environment
from archive_tui.tui.terminal.driver import TerminalDriver

_AT_ONCE = 0.5
"""Seconds within which nobody has read a page: `cat`, and a pager that ends at the end of a short text."""

_LAST_MOMENT = 1.0
"""Seconds that a program has to end when it is asked to."""

_LOOK = 0.1
"""Seconds between two looks whether we end."""


async def lend_terminal(app: App[Any], command: Sequence[str], *, shows: bool = False) -> int:
    """Run a program on the terminal and return its exit code, below 0 the number of the signal that ended it. One that
    `shows` something and ends at once stays in sight until enter is pressed.

    Raises OSError where it cannot be started. Cancelled, it ends the program.
    """
    driver = app._driver  # Textual has no other way to it
    terminal = driver if isinstance(driver, TerminalDriver) else None
    program: subprocess.Popen[bytes] | None = None
    given_up = threading.Event()
    if terminal is not None:
        terminal.lend()
    try:
        with _keys_of_signals():
            began = time.monotonic()
            environment = others_environment(os.environ)
            program = subprocess.Popen(command, env=environment)  # noqa: ASYNC220 # it is started in a moment; the operator's own
            code = await asyncio.to_thread(program.wait)
            if shows and terminal is not None and code == 0 and time.monotonic() - began < _AT_ONCE:
                await asyncio.to_thread(_until_enter, given_up)
            return code
    finally:
        given_up.set()
        if program is not None and program.returncode is None:
            _end(program)
        if terminal is not None:
            terminal.take_back()
            app.refresh(layout=True)


@contextmanager
def _keys_of_signals() -> Iterator[None]:
    """Leave ctrl+c and ctrl+backslash to the other program. Not by ignoring them: it would inherit that."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():  # not so in tests
        for number in (signal.SIGINT, signal.SIGQUIT):
            before[number] = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(_LAST_MOMENT)
    except subprocess.TimeoutExpired:
        program.kill()


def _until_enter(given_up: threading.Event) -> None:
    """Wait for a line; the end of the terminal, and our own, end it, too."""
    if sys.__stdin__ is None or sys.__stderr__ is None:
        return
    try:
        sys.__stderr__.write("\n[archive-tui: enter goes back]")
        sys.__stderr__.flush()
        while not given_up.is_set():
            if select.select([sys.__stdin__], [], [], _LOOK)[0]:
                os.read(sys.__stdin__.fileno(), 4096)
                return
    except (OSError, ValueError):
        return  # whoever watches over the terminal ends the program
