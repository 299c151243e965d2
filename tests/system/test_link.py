"""How many bytes the screens send through a terminal: a thin link must have room for what was asked for."""

import time
from collections.abc import Iterator

import pytest
from support.terminal import PATIENCE, Terminal

IDLE = 300
"""Bytes a second that a screen may send while nothing happens."""

_SECONDS = 1.5


@pytest.fixture(params=[(80, 24), (140, 40)], ids=["80x24", "140x40"])
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    terminal = Terminal("demo", size=request.param)
    try:
        terminal.sees("critical")
        yield terminal
    finally:
        terminal.type("\x03")
        terminal.ended()
        terminal.close()


def sent_in(terminal: Terminal, seconds: float) -> int:
    """Bytes that come in a while."""
    terminal.read()
    before, end = len(terminal.sent), time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read()
    return len(terminal.sent) - before


def calm(terminal: Terminal, what: str) -> None:
    """Wait until a screen sends no more than it may; what was to be drawn for the first time has been drawn by then."""
    give_up, rates = time.monotonic() + PATIENCE, []
    while (rate := sent_in(terminal, _SECONDS) / _SECONDS) > IDLE:
        rates.append(rate)
        assert time.monotonic() < give_up, f"{what}: {rates} bytes a second"
    assert sent_in(terminal, _SECONDS) / _SECONDS <= 1.5 * IDLE, what  # and it stays so


def silent(terminal: Terminal, what: str) -> None:
    """Wait until nothing at all is sent for a while."""
    give_up, counts = time.monotonic() + PATIENCE, []
    while count := sent_in(terminal, _SECONDS):
        counts.append(count)
        assert time.monotonic() < give_up, f"{what}: {counts} bytes each {_SECONDS} s"


def test_idle_screens_send_only_what_changes(terminal: Terminal) -> None:
    calm(terminal, "queues")
    for keys, seen, what in (
        ("\r", "Died", "tasks"),
        ("\r", "Payload", "task"),
        ("q", "Died", "tasks again"),
        ("/", "field:value", "filter"),
        ("\x1b", "Died", "without a filter"),
        ("q", "Findings", "queues again"),
        ("J", "No journals", "journals"),
        ("q", "Findings", "queues once more"),
        ("a", "complete in", "a scan that has ended"),
    ):
        terminal.type(keys)
        terminal.sees(seen)
        calm(terminal, what)


def test_a_dialog_with_nothing_to_say_sends_nothing(terminal: Terminal) -> None:
    for keys, seen, what in (
        ("?", "Keys: Queues", "help over the queues"),
        ("\x1bs", "Sort by", "sort"),
        ("\x1b\r", "Died", ""),
        ("s", "Sort by", "sort of tasks"),
        ("\x1b\x04", "Cancel", "a plan"),
        ("\x1b", "nothing was deleted", ""),
        ("\r", "Payload", ""),
        ("e", "Save the payload", "save"),
    ):
        terminal.type(keys)
        terminal.sees(seen)
        if what:
            silent(terminal, what)
