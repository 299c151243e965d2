"""What is typed is what arrives, through a real terminal: keys in packets cut anywhere do what they do slowly."""

import itertools
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.contents import content
from support.servers import Live
from support.terminal import PATIENCE, Terminal
from support.typist import (
    BACK_TAB,
    BACKSPACE,
    CTRL_D,
    CTRL_S,
    CTRL_U,
    CTRL_W,
    DELETE,
    DOWN,
    END,
    ENTER,
    ESCAPE,
    HOME,
    LEFT,
    PATIENT,
    RIGHT,
    TAB,
    UP,
    at_rest,
    in_packets,
    picture,
    redrawn,
)

WALKS = int(os.environ.get("TYPING_WALKS", "2"))
"""Walks of each pair of programs; people may ask for more."""

STEPS = 30
"""Keys of a walk."""

ALPHABET = [
    *"abx:?sjkGgqnvüé語wCAJTo@t*u", *"//", " ", " ", UP, DOWN, DOWN, LEFT, RIGHT, HOME, END, BACKSPACE, DELETE, TAB,
    ENTER, ENTER, ENTER, ESCAPE, ESCAPE, ESCAPE, CTRL_U, CTRL_W,
]  # fmt: skip
"""Keys of a random walk. None changes anything in Redis, ends the program or writes a file."""


@pytest.fixture
def work(valkey: Live) -> Live:
    """Two queues with archived tasks of three types and some orphans, whose ages read the same for a day."""
    (now, _) = valkey.client.time()
    valkey.asynq.register("other", "work")
    for number in range(12):
        kind = ("mail:send", "report:make", "x:y")[number % 3]
        at = now - 10.5 * 86_400 - number
        facts = {"type": kind, "error_msg": f"error {number}", "last_failed_at": int(at)}
        valkey.asynq.add("work", f"task-{number:02}", score=at, **facts)
        valkey.asynq.add("work", f"lost-{number:02}", referenced=False, **facts)
    valkey.asynq.add("other", "single", score=now - 10.5 * 86_400)
    return valkey


@pytest.fixture
def terminal(work: Live, tmp_path: Path) -> Iterator[Terminal]:
    running = Terminal("--url", work.url, program=PATIENT, HOME=str(tmp_path))
    try:
        running.sees("12/9,999")
        yield running
    finally:
        running.close()


EDITS = [
    ("abx\x7fc", "abc"),
    (f"abc{CTRL_U}def", "def"),
    (f"bc{HOME}a{END}d", "abcd"),
    (f"ac{LEFT}b", "abc"),
    (f"one two{CTRL_W}three", "one three"),
    (f"abc{HOME}{DELETE}", "bc"),
    (f"é語x{LEFT}{BACKSPACE}", "éx"),
]
"""What is typed in one packet, and what stands in the field then."""


def typed_into(terminal: Terminal, text: str) -> None:
    """Wait until this is all that stands in the field."""
    field = re.compile(rf"(?:^|[/:│]|search) *{re.escape(text)} *(?:│|  |$)", re.MULTILINE)
    terminal.until(lambda: field.search(terminal.text) is not None, f"{text!r} in the field")


FIELDS = [
    ("", "Findings", ("/", ":")),  # a filter of queues, the palette
    (f"{DOWN}{ENTER}", "Died", ("/", f"/x{CTRL_S}", f"e{CTRL_U}")),  # a filter, its name, a file to export to
    (ENTER, "Payload", ("/", f"e{CTRL_U}")),  # a search, a file to save to
]
"""Ways to a screen, a text on it, and the keys that open its fields."""


def test_keys_in_one_packet_act_in_their_order_in_every_field(terminal: Terminal, work: Live) -> None:
    before = content(work)
    edits = itertools.cycle(EDITS)
    leave = ""
    for way, seen, fields in FIELDS:
        terminal.type(leave + way)
        terminal.sees(seen)
        at_rest(terminal)
        leave = ""
        for field in fields:
            for keys, expected in itertools.islice(edits, 4):
                terminal.type(leave + field + keys)
                typed_into(terminal, expected)
                leave = ESCAPE * (2 if CTRL_S in field else 1)
    terminal.type(f"{leave}q  {CTRL_D}")
    terminal.sees("Type 2 to confirm")
    redrawn(terminal)
    terminal.type(BACK_TAB * 2)
    for keys, expected in itertools.islice(edits, 4):  # the reason
        terminal.type(END + CTRL_U + keys)
        typed_into(terminal, expected)
    terminal.type(f"{TAB}13{BACKSPACE}9{HOME}{DELETE}2{END}{BACKSPACE}")  # the number
    terminal.until(lambda: re.search(r"to confirm: +2 ", terminal.text) is not None, "the number of tasks")
    assert content(work) == before
    terminal.type(ENTER)
    terminal.sees("Deleted 2 of 2 tasks")
    assert content(work) != before


@pytest.mark.parametrize(("seed", "size"), [(1, (100, 30)), (2, (60, 15))], ids=["100x30", "60x15"])
def test_random_keys_do_in_packets_what_they_do_slowly(
    work: Live, tmp_path: Path, seed: int, size: tuple[int, int]
) -> None:
    chance = random.Random(seed)
    slow, fast = (
        Terminal("--url", work.url, "--read-only", size=size, program=PATIENT, HOME=str(tmp_path)) for _ in range(2)
    )
    try:
        for terminal in (slow, fast):
            terminal.sees("/9,999")
            at_rest(terminal)
        for _ in range(WALKS):
            pressed = [key for _ in range(STEPS) if (key := one_more(slow, chance)) is not None]
            in_packets(fast, pressed, chance)
            redrawn(fast)
            same(slow, fast, pressed)
    finally:
        slow.close()
        fast.close()


def one_more(terminal: Terminal, chance: random.Random) -> str | None:
    """Press a random key and wait until it has done what it does. One that would end the program is not pressed."""
    key = chance.choice(ALPHABET)
    if key == "q" and " q quit" in terminal.drawn:
        return None
    terminal.type(key)
    at_rest(terminal)
    return key


def same(slow: Terminal, fast: Terminal, pressed: list[str]) -> None:
    """Wait until both show the same."""
    give_up = time.monotonic() + PATIENCE
    while (one := picture(slow)) != (other := picture(fast)):
        different = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
        assert time.monotonic() < give_up, f"{pressed}\n{slow.drawn}\n{fast.drawn}\n{different}"
        slow.read()
        fast.read()
