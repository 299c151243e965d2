"""How many bytes a screen sends while nobody does anything."""

import time

from support.terminal import PATIENCE, Terminal

IDLE = 300
"""Bytes a second that a screen may send while nothing happens."""

_SECONDS = 1.5

_COUNTING_ON = 5.5
"""Seconds in which the ages on a screen count on once: a line or two then change together."""


def sent_in(terminal: Terminal, seconds: float) -> int:
    """Bytes that come in a while."""
    terminal.read()
    before, end = len(terminal.sent), time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read()
    return len(terminal.sent) - before


def calm(terminal: Terminal, what: str, *, on: float = _COUNTING_ON) -> None:
    """Wait until a screen sends no more than it may; what was to be drawn for the first time has been drawn by then.
    For as many seconds as it is to go `on`, it stays so.
    """
    give_up, rates = time.monotonic() + PATIENCE, []
    while (rate := sent_in(terminal, _SECONDS) / _SECONDS) > IDLE:
        rates.append(rate)
        assert time.monotonic() < give_up, f"{what}: {rates} bytes a second"
    assert not on or sent_in(terminal, on) / on <= IDLE, what


def silent(terminal: Terminal, what: str) -> None:
    """Wait until nothing at all is sent for a while."""
    give_up, counts = time.monotonic() + PATIENCE, []
    while count := sent_in(terminal, _SECONDS):
        counts.append(count)
        assert time.monotonic() < give_up, f"{what}: {counts} bytes each {_SECONDS} s"
