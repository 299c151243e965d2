"""Sends the picture to the terminal, from a thread: a link that stalls holds up neither keys nor jobs.

Whatever was drawn while the link was busy is skipped: the next bytes lead from what the terminal shows to what is to be
shown by then. What nobody asked for, such as rows that a scan brings, is sent at a limited rate. What follows a key is
sent as soon as the key has done all that it does, or else after a moment: a screen that opens is laid out three or four
times before it is what it is to be, and only that is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from archive_tui.tui.terminal.picture import Picture

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
"""Around an update, for terminals that show it in one piece; Textual sends it where the terminal said that it can."""

_PROMPT = 0.6
"""Seconds after a key in which what is drawn counts as its answer."""

_HELD = 0.15
"""Seconds after a key for which what it does is awaited."""

_LAST_TOUCH = 0.03
"""Seconds in which what a key did is drawn, once it has done it."""

_IN_ONE_PIECE = range(240, 1_500)
"""Bytes of an update that is put between the signs for one piece. A longer one takes a thin link so long that its first
lines are worth to be seen before its last ones have come.
"""

_ENTER, _LEAVE = "\x1b[?1049h", "\x1b[?1049l"
"""Before and after the screen that is ours to draw on."""


class Painter:
    """Takes what Textual writes and sends what the terminal lacks. `write` may block for as long as it likes; `size`
    gives columns and lines of the terminal; `rate` is how many bytes a second may be sent without being asked for.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        size: Callable[[], tuple[int, int]],
        picture: Picture,
        rate: float,
    ) -> None:
        self._write = write
        self._size = size
        self._picture = picture
        self._rate = rate
        self._changed = threading.Condition()
        self._as_is: list[str] = []
        self._ending = False
        self._ours = False
        self._in_one_piece = False
        self._asked_until = 0.0
        self._held_until = 0.0
        self._saved = rate
        self._saved_at = time.monotonic()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def draw(self, data: str) -> None:
        """Take what Textual writes; never waits for the terminal."""
        with self._changed:
            if data in (SYNC_START, SYNC_END):
                self._in_one_piece = True
                return
            if not self._picture.take(data):
                if self._thread is not None:  # else the terminal is somebody else's for now
                    self._as_is.append(data)
                if _ENTER in data or _LEAVE in data:
                    self._ours = _ENTER in data
                    self._picture.forget()
            self._changed.notify()

    def forget(self) -> None:
        """Send all of the picture again, with whatever is drawn next: something else wrote on the terminal."""
        with self._changed:
            self._picture.forget()
            self._asked_until = time.monotonic() + _PROMPT
            self._changed.notify()

    def ask(self, *, at_once: bool = True) -> None:
        """The operator did something: what is drawn next is sent before anything else. Not `at_once`: when `rested`
        says that it is whole, or after a moment.
        """
        with self._changed:
            now = time.monotonic()
            self._asked_until = now + _PROMPT
            if not at_once and now >= self._held_until:  # else a key that is held down would put it off for ever
                self._held_until = now + _HELD
            self._changed.notify()

    def rested(self) -> None:
        """The keys that were pressed have done what they do."""
        with self._changed:
            self._held_until = min(self._held_until, time.monotonic() + _LAST_TOUCH)
            self._changed.notify()

    def _run(self) -> None:
        while (data := self._next()) is not None:
            try:
                self._write(data)
            except (OSError, ValueError):  # the terminal has gone: who watches over it ends the program
                return

    def _next(self) -> str | None:
        """Wait for what is to be sent; None at the end."""
        with self._changed:
            while True:
                if self._as_is:
                    data, self._as_is = "".join(self._as_is), []
                    return data
                if self._picture.changed and self._ours:
                    wait = 0.0 if self._ending else self._wait()
                    if wait <= 0:
                        data = self._picture.changes(self._size())
                        if data:
                            return self._whole(data)
                    else:
                        self._changed.wait(wait)
                elif self._ending:
                    return None
                else:
                    self._changed.wait()

    def _wait(self) -> float:
        """Seconds until something may be sent."""
        now = time.monotonic()
        self._saved = min(self._saved + (now - self._saved_at) * self._rate, self._rate)
        self._saved_at = now
        if now < self._held_until:
            return self._held_until - now
        if now < self._asked_until or self._saved > 0:
            return 0.0
        return -self._saved / self._rate + 0.01

    def _whole(self, data: str) -> str:
        if time.monotonic() >= self._asked_until:
            self._saved -= len(data)
        if self._in_one_piece and len(data) in _IN_ONE_PIECE:
            return f"{SYNC_START}{data}{SYNC_END}"
        return data
