"""Keys are read as they were pressed, in one piece or apart."""

import pytest
from textual import events
from textual.message import Message

from archive_tui.tui.terminal.keyboard import Keyboard


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def names(messages: list[Message]) -> list[str]:
    """Keys by name, and pastes by text."""
    return [one.key if isinstance(one, events.Key) else repr(one.text) for one in messages
            if isinstance(one, events.Key | events.Paste)]  # fmt: skip


def typed(data: bytes) -> list[str]:
    """What is read when this comes in one piece and nothing after it."""
    clock = Clock()
    keyboard = Keyboard(clock)
    read = list(keyboard.feed(data))
    clock.now += 2
    return names([*read, *keyboard.rest()])


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"abx\x7fc", ["a", "b", "x", "backspace", "c"]),
        (b"\x1bj", ["escape", "j"]),
        (b"\x1bb\x1bf", ["escape", "b", "escape", "f"]),
        (b"\x1b/abc", ["escape", "slash", "a", "b", "c"]),
        (b"\x1b\x1b[B", ["escape", "down"]),
        (b"\x1b\x1b\x1b", ["escape", "escape", "escape"]),
        (b"\x1b\r", ["escape", "enter"]),
        (b"\x1b[B\r/x\x1b", ["down", "enter", "slash", "x", "escape"]),
        (b"\x1bOP\x1bOA\x1b[15~", ["f1", "up", "f5"]),
        (b"\x1bOK", ["escape", "O", "K"]),
        (b"\x1b[1;3D", ["alt+left"]),
        (b"\x1b[27u\x1b[106u", ["escape", "j"]),
        ("é日".encode(), ["é", "日"]),
        (b"\xffa", ["replacement_character", "a"]),
        (b"\x1b[200~a\x1bb\r\x1b[201~c", ["'a\\x1bb\\r'", "c"]),
        (b"\x1b[200~never ending", []),
        (b"a\x1b[?997;1nb", ["a", "b"]),  # an answer to a question that another program asked
        (b"a\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\b", ["a", "b"]),
        (b"\x1bP>|tmux 3.4\x1b\\b", ["b"]),
        (b"\x1b]x", ["escape", "right_square_bracket", "x"]),
    ],
)
def test_keys_in_one_piece(data: bytes, keys: list[str]) -> None:
    assert typed(data) == keys


@pytest.mark.parametrize(
    "data", [b"a\x1b[Bb\x1b[1;5Cc\x1bOAd", b"\x1b[200~paste\x1b[201~e\xc3\xa9", b"\x1b[A\x1b[<0;3;4M"]
)
def test_a_sequence_that_a_link_tears_apart_is_whole(data: bytes) -> None:
    whole = names(list(Keyboard().feed(data)))
    for cut in range(1, len(data)):
        keyboard = Keyboard(Clock())
        torn = [*keyboard.feed(data[:cut]), *keyboard.rest(), *keyboard.feed(data[cut:])]
        assert names(torn) == whole, cut


def test_an_escape_waits_a_moment_for_its_sequence() -> None:
    clock = Clock()
    keyboard = Keyboard(clock)
    assert names(list(keyboard.feed(b"\x1b"))) == []
    assert names(list(keyboard.rest())) == []
    clock.now = 0.11
    assert names(list(keyboard.rest())) == ["escape"]
    assert names(list(keyboard.rest())) == []


def test_a_sequence_that_never_ends_is_given_up() -> None:
    clock = Clock()
    keyboard = Keyboard(clock)
    assert names(list(keyboard.feed(b"\x1b[1;"))) == []
    clock.now = 0.5
    assert names(list(keyboard.rest())) == []
    clock.now = 1.1
    assert names(list(keyboard.rest()))[0] == "escape"
    assert names(list(keyboard.feed(b"j"))) == ["j"]
