"""How many bytes the screens send through a terminal: a thin link must have room for what was asked for."""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from support.asynq_data import Asynq
from support.idle import calm, sent_in, silent
from support.terminal import Terminal
from support.thin_link import ThinLink

from archive_tui.embedded.server import EmbeddedServer


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """The demo on a small terminal and on a large one."""
    terminals = [Terminal("demo", size=size) for size in ((80, 24), (140, 40))]
    try:
        for terminal in terminals:
            terminal.sees("critical")
        yield terminals
        for terminal in terminals:
            terminal.type("\x03")
            terminal.ended()
    finally:
        for terminal in terminals:
            terminal.close()


def on_each(terminals: list[Terminal], look: Callable[[Terminal], None]) -> None:
    """Look at all of them at the same time: for nearly all of it, nothing happens there."""
    with ThreadPoolExecutor(len(terminals)) as lookers:
        for looking in [lookers.submit(look, terminal) for terminal in terminals]:
            looking.result()


@pytest.mark.slow
def test_idle_screens_send_only_what_changes(terminals: list[Terminal]) -> None:
    def look(terminal: Terminal) -> None:
        size = terminal.emulator.columns
        calm(terminal, f"queues at {size}")
        for keys, seen, what in (
            ("\r", "Died", "tasks"),
            ("\r", "Payload", "task"),
            ("q", "Died", "tasks again"),
            ("/", "field:value", "filter"),
            ("\x1b", "Died", "without a filter"),
            ("q", "Findings", "queues again"),
            ("i", "Eviction", "connection page"),
            ("q", "Findings", ""),
            ("J", "No journals", "journals"),
            ("q", "Findings", "queues once more"),
            ("a", "complete in", "a scan that has ended"),
        ):
            terminal.type(keys)
            terminal.sees(seen)
            if what:
                calm(terminal, f"{what} at {size}")

    on_each(terminals, look)


@pytest.mark.slow
def test_a_dialog_with_nothing_to_say_sends_nothing(terminals: list[Terminal]) -> None:
    def look(terminal: Terminal) -> None:
        for keys, seen, what in (
            ("?", "Keys: Queues", "help over the queues"),
            ("\x1bs", "Sort by", "sort"),
            ("\x1b\r", "Died", ""),
            ("s", "Sort by", "sort of tasks"),
            ("\x1b", "row 1 of", ""),
            ("\x04", "Cancel", "a plan"),
            ("\x1b", "nothing was deleted", ""),
            ("\r", "Payload", ""),
            ("e", "Save the payload", "save"),
        ):
            terminal.type(keys)
            terminal.sees(seen)
            if what:
                silent(terminal, f"{what} at {terminal.emulator.columns}")
            else:  # keys that came while a list is still being read would be dropped after a while
                calm(terminal, f"after {keys!r}", on=0)

    on_each(terminals, look)


OPENED = 15
"""How often each screen is opened at most."""

TITLE = 800
"""Bytes within which the first line of what was opened must come: a thin link shows it while the rest is under way."""


@pytest.mark.slow
def test_what_a_key_opens_takes_little_of_the_link() -> None:
    terminal = Terminal("demo", "--quiet-workers", size=(80, 24))
    try:
        terminal.sees("critical")
        calm(terminal, "queues")
        assert fewest(terminal, "?", "Keys: Queues", "\x1b", 3_000) <= 3_000
        terminal.type("\r")
        terminal.sees("Died")
        calm(terminal, "tasks")
        assert fewest(terminal, "\x04", "WHAT", "\x1b", 2_300) <= 2_300
        assert fewest(terminal, "\r", "1 of 9,9", "q", 3_000) <= 3_000
        assert fewest(terminal, "\x1b[6~", "", "\x1b[5~", 1_600) <= 1_600
    finally:
        terminal.close()


def fewest(terminal: Terminal, keys: str, seen: str, back: str, enough: int) -> int:
    """Open a screen and go back, until it took no more than `enough` bytes and began with what says what it is, or
    often enough: on a busy machine half-drawn ones are sent as well. The fewest bytes of those that began so.
    """
    taken: list[int] = []
    for _ in range(OPENED):
        sent = answer(terminal, keys, seen)
        if seen.encode() in sent[:TITLE]:
            taken.append(len(sent))
        answer(terminal, back, "")
        if taken and min(taken) <= enough:
            break
    assert taken, f"{seen} never came first"
    return min(taken)


def answer(terminal: Terminal, keys: str, seen: str) -> bytes:
    """Press a key; what was sent until something was seen, and then nothing more for a while."""
    terminal.read()
    before = len(terminal.sent)
    terminal.type(keys)
    if seen:
        terminal.sees(seen)
    quiet_since, count = time.monotonic(), 0
    while time.monotonic() - quiet_since < 0.5:
        terminal.read()
        if len(terminal.sent) - before > count + 100:  # ages that count on are no answer
            quiet_since, count = time.monotonic(), len(terminal.sent) - before
    return terminal.sent[before:]


MOVING = 4_000
"""Bytes a second that a scan which brings rows may send at 80 by 24."""


@pytest.fixture(scope="module")
def many() -> Iterator[str]:
    """A server with so many orphans that a gentle scan takes a while."""
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        asynq = Asynq(client)
        asynq.register("work")
        for start in range(0, 150_000, 10_000):
            asynq.add_many("work", (f"lost-{start + number:06}" for number in range(10_000)), referenced=False)
        yield server.url


@pytest.mark.parametrize(("flags", "limit"), [((), MOVING), (("--low-bandwidth",), MOVING / 2)], ids=["", "thin"])
def test_a_scan_that_brings_rows_leaves_room_on_the_link(many: str, flags: tuple[str, ...], limit: float) -> None:
    terminal = Terminal("--url", many, *flags, size=(80, 24))
    try:
        terminal.sees("work")
        terminal.type("op")  # together: a whole scan at the polite pace is short
        terminal.sees("gentle pace")
        sent_in(terminal, 1.0)  # what was asked for by the key
        began, before = time.monotonic(), len(terminal.sent)
        while time.monotonic() - began < 4 and "complete in" not in terminal.text:
            terminal.read()
        took = time.monotonic() - began
        assert took > 1, "the scan was too short to measure"
        assert len(terminal.sent) - before > 100  # it moves
        assert (len(terminal.sent) - before) / took <= limit
    finally:
        terminal.close()


ROUND_TRIP = 0.3
RATE = 16_000.0


def test_a_key_is_seen_within_a_round_trip_and_a_moment(many: str) -> None:
    """Two hundred milliseconds are for drawing and for the way through the narrow place; half a second more is for a
    machine that is busy with other things.
    """
    size = (80, 24)
    terminal = Terminal("--url", many, size=size)
    try:
        link = ThinLink(terminal, rate=RATE, round_trip=ROUND_TRIP, size=size)
        link.seconds_until("work")
        link.seconds_until("quit")
        echoes = []
        for number in range(6):
            link.type("/" if not number else "")
            if not number:
                link.seconds_until("queue name")
            typed = "worker"[: number + 1]
            link.type(typed[-1])
            echoes.append(link.seconds_until(f"/ {typed}"))
            link.carry(0.3)
        link.type("\x1b")
        link.seconds_until("work")
        link.type("?")
        echoes.append(link.seconds_until("Keys: Queues"))
        assert statistics.median(echoes) <= ROUND_TRIP + 0.2 + 0.5, echoes
    finally:
        terminal.close()
