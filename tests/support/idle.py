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
    """Wait until a screen sends no more than it may, for as many seconds as it is to go `on`: what was to be drawn for
    the first time, by and by on a busy machine, has been drawn by then.
    """
    give_up, rates = time.monotonic() + PATIENCE, []
    while True:
        rate = sent_in(terminal, _SECONDS) / _SECONDS
        if on and rate <= IDLE:
            rate = sent_in(terminal, on) / on
        if rate <= IDLE:
            return
        rates.append(rate)
        assert time.monotonic() < give_up, f"{what}: {rates} bytes a second"


def silent(terminal: Terminal, what: str) -> None:
    """Wait until nothing at all is sent for a while."""
    give_up, counts = time.monotonic() + PATIENCE, []
    while count := sent_in(terminal, _SECONDS):
        counts.append(count)
        assert time.monotonic() < give_up, f"{what}: {counts} bytes each {_SECONDS} s"
