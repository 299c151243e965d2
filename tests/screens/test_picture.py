"""What leaves for the terminal shows the same as all that Textual wrote, in a fraction of the bytes."""

import random
import threading
import time
from collections.abc import Callable

import pyte
import pytest
from rich.cells import cell_len

from archive_tui.tui.terminal.painter import SYNC_END, SYNC_START, Painter
from archive_tui.tui.terminal.picture import Abilities, Picture

COLUMNS, LINES = 40, 8
SIZE = (COLUMNS, LINES)
RATE = 3_000.0
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
SLOT = 10
"""Cells of a widget; no wide sign is cut in halves, which terminals show differently."""

STYLES = ["", "1", "2;31", "4;38;5;120", "1;38;2;1;2;3;48;2;9;9;9", "48;2;9;9;9", "7", "3;9;97;48;5;17", "21;53;91"]
WORDS = ["task", "   ", "│", "…", "日本", "é", "🔥", "▌● ", "x" * 9, " " * 12, "ne\u0301e", "⚠ full"]


class Screen:
    """A terminal, by pyte."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.screen.reset_mode(pyte.modes.DECAWM)
        self.stream = pyte.Stream(self.screen)

    def feed(self, data: str) -> None:
        self.stream.feed(data)

    @property
    def cells(self) -> list[list[object]]:
        """What can be seen: on a space, neither the colour of the text nor bold."""
        seen: list[list[object]] = []
        for y in range(LINES):
            line: list[object] = []
            for x in range(COLUMNS):
                cell = self.screen.buffer[y][x]
                if cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough):
                    line.append((" ", cell.bg))
                else:
                    line.append(cell)
            seen.append(line)
        return seen


def piece(chance: random.Random, room: int) -> str:
    """Some words in one or two styles, in exactly so many cells."""
    words = []
    while cell_len("".join(words) + (word := chance.choice(WORDS))) <= room and chance.random() < 0.8:
        words.append(word)
    words.append(" " * (room - cell_len("".join(words))))
    cut = chance.randrange(len(words))
    styled = ""
    for part in ("".join(words[:cut]), "".join(words[cut:])):
        style = chance.choice(STYLES)
        styled += f"\x1b[{style}m{part}\x1b[0m" if style else part
    return styled


def scrolled(chance: random.Random, lines: list[str]) -> str:
    """An update of a list that has moved; `lines` are its lines, and those that the update shows afterwards."""
    up = chance.choice([-3, -2, -1, 1, 2, 3])
    fresh = ["".join(piece(chance, SLOT) for _ in range(COLUMNS // SLOT)) for _ in range(abs(up))]
    lines[:] = [*lines[up:], *fresh] if up > 0 else [*fresh, *lines[:up]]
    return "".join(f"\x1b[{y + 2};1H{line}" for y, line in enumerate(lines)) + "\x1b[1;1H"


def update(chance: random.Random) -> str:
    """An update as Textual writes them."""
    parts = []
    for _ in range(chance.randint(1, 6)):
        slot, y = chance.randrange(COLUMNS // SLOT), chance.randrange(LINES)
        pieces = chance.randint(1, COLUMNS // SLOT - slot)
        parts += [f"\x1b[{y + 1};{slot * SLOT + 1}H", *(piece(chance, SLOT) for _ in range(pieces))]
    return "".join(parts) + "\x1b[1;1H"


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_the_terminal_shows_what_was_written(seed: int, able: bool) -> None:
    chance = random.Random(seed)
    picture, ours, theirs = Picture(Abilities(able, able, able)), Screen(), Screen()
    blank = "".join(f"\x1b[{y + 1};1H\x1b[48;5;3m{' ' * COLUMNS}\x1b[0m" for y in range(LINES))
    for written in [blank, *(update(chance) for _ in range(60))]:
        theirs.feed(written)
        assert picture.take(written)
        if chance.random() < 0.7:  # else the link is busy: the next bytes lead on from what is shown
            ours.feed(picture.changes(SIZE))
            assert ours.cells == theirs.cells
            assert picture.changes(SIZE) == ""


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_a_list_that_moves_shows_what_was_written(seed: int, able: bool) -> None:
    chance = random.Random(seed)
    picture, ours, theirs = Picture(Abilities(able, able, able)), Screen(), Screen()
    lines = [f"\x1b[48;5;3m{' ' * COLUMNS}\x1b[0m" for _ in range(LINES - 2)]
    scrolls = 0
    for _ in range(60):
        written = scrolled(chance, lines) + (update(chance) if chance.random() < 0.3 else "")
        theirs.feed(written)
        assert picture.take(written)
        sent = picture.changes(SIZE)
        scrolls += "\x1b[r" in sent
        ours.feed(sent)
        assert ours.cells == theirs.cells
    assert (scrolls > 20) is able


def test_a_list_that_moves_by_a_line_sends_that_line() -> None:
    def page(first: int) -> str:
        rows = (f"{number:>6}  task of some type  {number * 7919 % 1000:>4} B" for number in range(first, first + 21))
        return "".join(f"\x1b[{y + 2};1H\x1b[38;5;9m{row:<80}\x1b[0m" for y, row in enumerate(rows)) + "\x1b[1;1H"

    lengths = {}
    for scrolls in (True, False):
        picture = Picture(Abilities(scrolls=scrolls))
        picture.take(page(100))
        picture.changes((80, 24))
        picture.take(page(101))
        lengths[scrolls] = len(picture.changes((80, 24)))
    assert lengths[True] < 150 < 2 * lengths[True] < lengths[False], lengths


def test_blanks_are_erased_where_the_terminal_can() -> None:
    def drawn(abilities: Abilities) -> str:
        picture = Picture(abilities)
        picture.take(f"\x1b[1;1H\x1b[48;5;9m│{'x' * 38}│\x1b[0m\x1b[1;1H")
        picture.changes(SIZE)
        picture.take(f"\x1b[1;1H\x1b[48;5;9m│{' ' * 38}│\x1b[0m\x1b[1;1H")
        return picture.changes(SIZE)

    assert "\x1b[38X" in drawn(Abilities(erases_in_colour=True, erases_within=True))
    for abilities in (Abilities(), Abilities(erases_in_colour=True), Abilities(erases_within=True)):
        assert " " * 38 in drawn(abilities)  # erased, it would not have the colour that it is to have


def test_what_is_shown_already_is_not_sent_again() -> None:
    picture = Picture()
    line = f"\x1b[3;1H\x1b[1;38;5;9mtask 1\x1b[0m{' ' * 20}\x1b[38;5;9m12 s\x1b[0m\x1b[1;1H"
    picture.take(line)
    assert "task 1" in picture.changes(SIZE)
    picture.take(line)
    assert picture.changes(SIZE) == ""
    picture.take(line.replace("12 s", "13 s"))
    sent = picture.changes(SIZE)
    assert "3" in sent
    assert "task" not in sent
    assert len(sent) < 30


def test_nothing_is_written_beside_a_terminal_that_was_made_smaller() -> None:
    picture = Picture()
    picture.take(f"\x1b[1;1H{'x' * 40}\x1b[8;1Hlast\x1b[1;1H")
    picture.changes(SIZE)
    sent = picture.changes((10, 4))
    assert sent.count("x") == 10
    assert "last" not in sent


@pytest.mark.parametrize("data", ["\x1b[?25l", "\x1b]52;c;aGk=\x07", "\x07", "\x1b[2J", "text", "\x1b[1;1H\x1b[5C"])
def test_what_is_no_update_is_left_alone(data: str) -> None:
    assert not Picture().take(data)


class Link:
    """A terminal's end of a link, which can be held up."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def write(self, data: str) -> None:
        self.open.wait(20)
        self.sent.append(data)

    def until(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < give_up, self.sent
            time.sleep(0.005)


@pytest.fixture
def link() -> Link:
    return Link()


def test_what_was_drawn_while_the_link_stood_still_is_skipped(link: Link) -> None:
    painter = Painter(link.write, lambda: SIZE, Picture(), RATE)
    painter.start()
    painter.draw(ENTER)
    link.open.clear()
    painter.ask()
    for number in range(2000):
        painter.draw(f"\x1b[1;1Hnumber {number:04}\x1b[1;1H")
    link.open.set()
    painter.stop()
    assert len(link.sent) <= 4
    screen = Screen()
    screen.feed("".join(link.sent))
    assert screen.screen.display[0].startswith("number 1999")


def test_what_nobody_asked_for_is_sent_at_a_limited_rate(link: Link) -> None:
    painter = Painter(link.write, lambda: (80, 24), Picture(), 20_000)
    painter.start()
    painter.draw(ENTER)
    began = time.monotonic()
    for number in range(200):
        painter.draw("".join(f"\x1b[{y + 1};1H{chr(65 + number % 26) * 80}" for y in range(24)) + "\x1b[1;1H")
        time.sleep(0.005)
    took = time.monotonic() - began
    sent = sum(map(len, link.sent))
    assert sent <= 20_000 * (took + 1) + 3_000
    painter.ask()
    painter.draw("\x1b[1;1H!")
    link.until(lambda: "!" in "".join(link.sent))
    assert time.monotonic() - began < took + 1
    painter.stop()


@pytest.mark.parametrize(("lines", "in_one_piece"), [(1, False), (12, True), (24, False)])
def test_an_update_comes_in_one_piece_where_the_terminal_can(link: Link, lines: int, in_one_piece: bool) -> None:
    """A short one does anyway; of a long one a thin link shows the first lines while the last are under way."""
    painter = Painter(link.write, lambda: (80, 24), Picture(), RATE)
    painter.start()
    painter.draw(ENTER)
    painter.draw(SYNC_START)
    painter.draw("".join(f"\x1b[{y + 1};1H{'abcdefgh' * 10}" for y in range(lines)))
    painter.draw(SYNC_END)
    painter.stop()
    assert link.sent[0] == ENTER
    assert len(link.sent) == 2
    assert link.sent[1].startswith(SYNC_START) is in_one_piece
    assert link.sent[1].endswith(SYNC_END) is in_one_piece


def test_what_a_key_does_is_sent_when_it_is_whole(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.tui.terminal.painter._HELD", 3_600.0)
    painter = Painter(link.write, lambda: SIZE, Picture(), RATE)
    painter.start()
    painter.draw(ENTER)
    painter.ask(at_once=False)
    painter.draw("\x1b[1;1Hhalf\x1b[1;1H")
    painter.draw("\x1b[1;1Hwhole\x1b[1;1H")
    link.until(lambda: link.sent == [ENTER])
    painter.rested()
    link.until(lambda: len(link.sent) == 2)
    assert "whole" in link.sent[1]
    painter.stop()


def test_a_key_that_is_held_down_does_not_put_off_what_it_does(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.tui.terminal.painter._HELD", 0.05)
    painter = Painter(link.write, lambda: SIZE, Picture(), RATE)
    painter.start()
    painter.draw(ENTER)
    painter.draw("\x1b[1;1Hnumber\x1b[1;1H")

    def shown() -> bool:
        painter.ask(at_once=False)  # the key comes again before the last has come to rest
        return len(link.sent) == 2

    link.until(shown)
    painter.stop()


def test_a_picture_that_was_written_over_is_sent_again(link: Link) -> None:
    painter = Painter(link.write, lambda: SIZE, Picture(), RATE)
    painter.start()
    painter.draw(ENTER)
    painter.draw("\x1b[1;1Hhello\x1b[1;1H")
    link.until(lambda: len(link.sent) == 2)
    painter.forget()
    painter.stop()
    assert "hello" in link.sent[2]


def test_nothing_is_drawn_on_a_screen_that_is_not_ours(link: Link) -> None:
    painter = Painter(link.write, lambda: SIZE, Picture(), RATE)
    painter.start()
    painter.draw("\x1b[1;1Hearly\x1b[1;1H")
    painter.draw(ENTER)
    link.until(lambda: len(link.sent) == 2)
    assert link.sent[0] == ENTER
    painter.draw(LEAVE)
    painter.draw("\x1b[1;1Hlate\x1b[1;1H")
    painter.stop()
    assert link.sent[2:] == [LEAVE]
