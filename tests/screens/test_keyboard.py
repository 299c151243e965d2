"""Keys are read as they were pressed, in one piece or apart."""

import pytest
from textual import events
from textual.message import Message

from archive_tui.tui.terminal.background import BackgroundTold, background_is_dark
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
    assert names(list(keyboard.rest())) == []  # nobody has typed that
    assert names(list(keyboard.feed(b"j"))) == ["j"]


@pytest.mark.parametrize("sequence", [b"\x1b[A", b"\x1bOR", b"\x1b[1;5C", b"\x1b[15~"])
def test_the_pieces_of_an_arrow_key_are_no_letters(sequence: bytes) -> None:
    """However long the link stalls between them: `A`, `C` and `R` are commands."""
    for cut in range(1, len(sequence)):
        clock = Clock()
        keyboard = Keyboard(clock)
        read = list(keyboard.feed(sequence[:cut]))
        clock.now += 5 if sequence[:cut].startswith(b"\x1b[") else 0.9  # the rest could have been typed
        read += keyboard.rest()
        read += keyboard.feed(sequence[cut:])
        assert names(read) in ([], ["escape"], ["escape", "O"]), cut
        assert names(list(keyboard.feed(b"A"))) == ["A"]


@pytest.mark.parametrize("sequence", [b"\x1b[A", b"\x1bOR"])
def test_an_arrow_key_in_single_bytes_is_no_letter(sequence: bytes) -> None:
    clock = Clock()
    keyboard = Keyboard(clock)
    read: list[Message] = []
    for byte in sequence:
        read += keyboard.feed(bytes([byte]))
        clock.now += 0.3
        read += keyboard.rest()
    assert names(read) == ["escape"]


def test_a_key_after_escape_is_that_key() -> None:
    for key in "Ajq/":
        clock = Clock()
        keyboard = Keyboard(clock)
        read = list(keyboard.feed(b"\x1b"))
        clock.now = 0.2
        read += keyboard.rest()
        read += keyboard.feed(key.encode())
        assert names(read)[0] == "escape"
        assert len(names(read)) == 2


ANSWERS = {
    b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\": False,
    b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07": True,
    b"\x1b]11;rgb:00/00/00\x1b\\": True,
    b"\x1b]11;rgba:ff/ff/ff/ff\x07": False,
    b"\x1b]11;#fdf6e3\x07": False,
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_background_is_told_by_an_answer_in_any_pieces(answer: bytes) -> None:
    for cut in range(1, len(answer)):
        keyboard = Keyboard(Clock())
        read = [*keyboard.feed(b"j" + answer[:cut]), *keyboard.feed(answer[cut:] + b"k")]
        assert names(read) == ["j", "k"], cut
        assert [one.dark for one in read if isinstance(one, BackgroundTold)] == [ANSWERS[answer]]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_a_link_holds_up_becomes_no_key(answer: bytes) -> None:
    for cut in range(3, len(answer)):
        clock = Clock()
        keyboard = Keyboard(clock)
        read = list(keyboard.feed(answer[:cut]))
        clock.now += 4
        read += keyboard.rest()
        read += keyboard.feed(answer[cut:])
        assert names(read) == [], cut
        assert names(list(keyboard.feed(b"/a"))) == ["slash", "a"]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x1b]11;rgb:zz/zz/zz\x07",
        b"\x1b]11;\x07",
        b"\x1b]11;rgb:fffff/0/0\x07",
        b"\x1b]11;?\x1b\\",
        b"\x1b]4;1;rgb:0/0/0\x07",
    ],
)
def test_rubbish_tells_nothing_and_types_nothing(rubbish: bytes) -> None:
    read = list(Keyboard().feed(rubbish + b"j"))
    assert names(read) == ["j"]
    assert not [one for one in read if isinstance(one, BackgroundTold)]


@pytest.mark.parametrize(
    ("environment", "dark"),
    [
        ({}, None),
        ({"COLORFGBG": "15;0"}, True),
        ({"COLORFGBG": "0;15"}, False),
        ({"COLORFGBG": "0;default;7"}, False),
        ({"COLORFGBG": "12;8"}, True),
        ({"COLORFGBG": "default;default"}, None),
        ({"COLORFGBG": "7;99"}, None),
        ({"TERM": "linux"}, True),
    ],
)
def test_the_environment_tells_the_background(environment: dict[str, str], dark: bool | None) -> None:
    assert background_is_dark(environment) is dark
