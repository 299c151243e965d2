"""Watch over the terminal from a thread, so that the program ends even where its screens can no longer draw.

Textual draws through a queue of a few writes. Where the link stalls the queue fills, and the loop of the screens stands
still until somebody reads (seen with Textual 8.2.8). A terminal that is gone then, or a signal to end, reaches nobody:
the loop waits for ever, while the thread that reads keys spins. So neither is left to the loop alone.
"""

import asyncio
import os
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable

_CHECK_EVERY = 1.0
_PATIENCE = 10.0
"""Seconds that jobs and screens have to end by themselves: a batch that is under way needs no more."""


class TerminalWatch:
    """Ends the program when its terminal is gone (exit code 129) or a signal asks for it (128 and its number).

    `leave` is called on the loop with the exit code. Where that has not ended the program in time, the process ends
    at once: jobs have stopped by then, since `stop_jobs`, called from this thread, waits for them.
    """

    def __init__(self, leave: Callable[[int], object], stop_jobs: Callable[[], object]) -> None:
        self._leave = leave
        self._stop_jobs = stop_jobs
        self._ended = threading.Event()
        self._code: int | None = None
        self._until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch, and mind SIGHUP and SIGTERM; to be called from the thread of the loop. Does nothing outside
        of the main thread, as in tests.
        """
        self._loop = loop
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: self._ask(128 + number))
        threading.Thread(target=self._watch, name="terminal", daemon=True).start()

    def stop(self) -> None:
        """The program has ended by itself."""
        self._ended.set()

    @property
    def asked(self) -> bool:
        """Whether the end has come: true from the moment of the signal."""
        return self._code is not None

    def _ask(self, code: int) -> None:
        if self._code is None and self._loop is not None:
            self._until, self._code = time.monotonic() + _PATIENCE, code  # in this order: a thread waits for the code
            self._loop.call_soon_threadsafe(self._leave, code)

    def _watch(self) -> None:
        watched = _is_terminal()
        while not self._ended.wait(_CHECK_EVERY):
            if watched and self._code is None and _is_gone():
                self._ask(128 + signal.SIGHUP)
            if self._code is not None and time.monotonic() > self._until:
                self._stop_jobs()
                os._exit(self._code)


def _is_terminal() -> bool:
    return sys.__stdin__ is not None and sys.__stdin__.isatty()


def _is_gone() -> bool:
    """Whether the terminal is there no more. With SIGHUP ignored (nohup) nobody tells; asking for its settings does."""
    try:
        if sys.__stdin__ is not None:
            termios.tcgetattr(sys.__stdin__.fileno())
    except (OSError, termios.error):
        return True
    return False
