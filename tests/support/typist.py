"""Types on a running program: one key at a time, each once the screen has come to rest, or in packets cut anywhere."""

import fcntl
import os
import random
import re
import sys
import termios
import time
from collections.abc import Iterable
from pathlib import Path

from pyte.screens import Char

from support import patient_program
from support.terminal import PATIENCE, Terminal

PATIENT = (sys.executable, str(Path(patient_program.__file__)))
"""The program that never gives up on a key."""

UP, DOWN, RIGHT, LEFT, HOME, END = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F"
PAGE_UP, PAGE_DOWN = "\x1b[5~", "\x1b[6~"
ENTER, TAB, BACK_TAB, BACKSPACE, ESCAPE, DELETE = "\r", "\t", "\x1b[Z", "\x7f", "\x1b", "\x1b[3~"
CTRL_D, CTRL_L, CTRL_R, CTRL_S, CTRL_U, CTRL_W = "\x04", "\x0c", "\x12", "\x13", "\x15", "\x17"

_BUSY = re.compile(r"sorting…|\b(?:reading|counting|marking)[\w' ]*…|looking for leftover")
_PASSES = re.compile(r"<?[\d.,]+ ?(?:µs|ms|s|min)\b")
"""How long something took, or how long ago it was: it is another figure in every run."""

_UNDRAWN = Char("▚")


def redrawn(terminal: Terminal) -> None:
    """Wait until all keys so far have been handled: `ctrl+l`, which has its turn behind them, draws every cell anew. It
    is pressed again where a dialog has dropped it that nobody had seen yet.
    """
    terminal.read()
    terminal.fill(_UNDRAWN)
    terminal.type(CTRL_L)
    give_up = time.monotonic() + PATIENCE
    while _UNDRAWN.data in terminal.drawn:
        assert time.monotonic() < give_up, f"not drawn anew:\n{terminal.drawn}"
        if not terminal.read_part(1.0):
            terminal.type(CTRL_L)


def picture(terminal: Terminal) -> list[object]:
    """What is drawn below the top line, line by line, but for figures that pass with time. Lines without one come with
    the background of each cell, which shows the cursor of a field.
    """
    lines: list[object] = []
    for number, text in list(enumerate(terminal.emulator.display))[1:]:
        steady = _PASSES.sub("…", text)
        cells = [terminal.emulator.buffer[number][column] for column in range(terminal.emulator.columns)]
        backs = [(cell.bg, cell.reverse) for cell in cells] if steady == text else []
        lines.append((re.sub(r" +", " ", steady).rstrip(), backs))
    return lines


def at_rest(terminal: Terminal) -> None:
    """Wait until what was pressed is done: twice in a row the same is drawn, and nothing is being read."""
    before: object = None
    give_up = time.monotonic() + PATIENCE
    while True:
        redrawn(terminal)
        now = picture(terminal)
        if now == before and not _BUSY.search(terminal.drawn):
            return
        assert time.monotonic() < give_up, f"never came to rest:\n{terminal.drawn}"
        before = now


def taken(terminal: Terminal) -> None:
    """Wait until the program has read all that was typed."""
    end = os.open(Path(f"/proc/{terminal.process.pid}/fd/0").readlink(), os.O_RDWR | os.O_NOCTTY)
    try:
        terminal.until(
            lambda: int.from_bytes(fcntl.ioctl(end, termios.FIONREAD, bytes(4)), sys.byteorder) == 0, "keys were taken"
        )
    finally:
        os.close(end)


def in_packets(terminal: Terminal, keys: Iterable[str], chance: random.Random, most: int = 40) -> None:
    """Type keys in packets of random length, each sent when the one before was read: cut anywhere, also amid the
    sequence of one key and amid a character.
    """
    data = "".join(keys).encode()
    while data:
        size = chance.randint(1, most)
        os.write(terminal.master, data[:size])
        data = data[size:]
        taken(terminal)


def confirm(terminal: Terminal, number: int) -> None:
    """Type the number that a plan asks for, and enter once it is seen: in one piece with it it would not be taken."""
    arrived = re.compile(rf"to confirm: +{number} ")
    terminal.sees(f"Type {number} to confirm")
    redrawn(terminal)  # what is typed in the very moment in which a plan appears is dropped
    terminal.type(str(number))
    terminal.until(lambda: arrived.search(terminal.text) is not None, f"{number} in the plan")
    terminal.type(ENTER)
