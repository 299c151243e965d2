"""What the screens send to a terminal, in bytes, and how soon a key is answered over a thin link."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import Any

from others import archive_tui

RATE = 16_000
"""Bytes a second of the thin link."""

ROUND_TRIP = 0.3
"""Seconds there and back on the thin link."""

_SIZE = (24, 80)
_PATIENCE = 60.0
_QUIET = 0.03
"""Seconds without a byte after which what a key set off has ended."""

_OPENING = 1.5
"""Seconds in which a screen has opened."""

_WATCHED = 5.0
_PAUSE = 3.0
_FIRST = 500
"""Bytes that the first screen takes at least: about 900, of which setting up the terminal is a small part."""

_COUNTING = 100
"""Bytes a second that a screen takes which does no more than count on."""

_ECHOES = "worker"


class _Wire:
    """The screens on a terminal of our own."""

    def __init__(self, url: str, *flags: str) -> None:
        self._near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE, 0, 0))
        self._process = subprocess.Popen(
            [*archive_tui(), "--url", url, *flags], stdin=far, stdout=far, stderr=far, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(far)
        self.taken = 0

    def take(self, seconds: float) -> int:
        """Take what comes for a while; how many bytes that was."""
        before, end = self.taken, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._near], [], [], left)[0]:
                self.taken += len(os.read(self._near, 65_536))
        return self.taken - before

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._near, keys.encode())

    def sent_for(self, keys: str) -> int:
        """Press keys; how many bytes come for them, until all has come."""
        self.press(keys)
        return self.take(_OPENING)

    def settle(self) -> None:
        """Take what comes until the first screen has found all that it looks for, and only counts on."""
        end = time.monotonic() + _PATIENCE
        while (self.taken < _FIRST or self.take(_PAUSE) > _COUNTING * _PAUSE) and time.monotonic() < end:
            self.take(0.5)

    def answered(self, keys: str) -> tuple[float, int]:
        """Press keys; seconds until the answer left the program, and how many bytes it took."""
        self.press(keys)
        began = last = time.monotonic()
        count = 0
        while select.select([self._near], [], [], _QUIET if count else _PATIENCE)[0]:
            count += len(os.read(self._near, 65_536))
            last = time.monotonic()
        return last - began, count

    def end(self) -> None:
        """End the screens as a person would."""
        with contextlib.suppress(OSError):
            self.press("\x03")
            self.take(1)
        self._process.kill()
        self._process.wait()
        os.close(self._near)


def measure(url: str, figures: dict[str, Any]) -> None:
    """Bytes a second idle, beneath a dialog and while a scan brings rows, with and without `--low-bandwidth`; how many
    a page, a line and a screen take that a key asks for; and how long a letter takes to its echo over the thin link.
    """
    for name, flags in (("", ()), ("thin_", ("--low-bandwidth",))):
        wire = _Wire(url, *flags)
        try:
            wire.settle()
            figures[f"{name}idle"] = wire.take(_WATCHED) / _WATCHED
            figures[f"{name}help"] = wire.sent_for("?")
            figures[f"{name}dialog"] = wire.take(_WATCHED) / _WATCHED
            wire.press("\x1b")
            wire.take(1)
            wire.press("/")
            wire.take(1)
            echoes = []
            for letter in _ECHOES:
                seconds, count = wire.answered(letter)
                echoes.append(ROUND_TRIP + seconds + count / RATE)
            figures[f"{name}echo"] = max(echoes)
            wire.press("\x1b")
            wire.take(1)
            wire.press("o")
            wire.take(2)
            figures[f"{name}scan"] = wire.take(_WATCHED) / _WATCHED
            wire.settle()
            figures[f"{name}page"] = wire.sent_for("\x1b[6~")
            figures[f"{name}line"] = wire.sent_for("\x1b[B")
            figures[f"{name}task"] = wire.sent_for("\r")
            wire.press("q")
            wire.take(1)
            figures[f"{name}plan"] = wire.sent_for("\x04")
        finally:
            wire.end()
