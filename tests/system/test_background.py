"""The theme follows the terminal's background, on a real terminal that answers at once, late, never or with rubbish."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from support.terminal import Terminal

from archive_tui.asynq.keys import ASYNQ
from archive_tui.embedded.server import EmbeddedServer

QUESTION = b"\x1b]11;?"
LIGHT = b"\x1b]11;rgb:fafa/f4f4/eded\x1b\\"
DARK = b"\x1b]11;rgb:0000/0000/0000\x1b\\"
WHITE_BACKGROUND = b"48;5;231"
DARK_BACKGROUND = b"48;5;233"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        client.sadd(ASYNQ.queues, "q")
        yield server.url


@pytest.fixture
def start(url: str) -> Iterator[Callable[..., Terminal]]:
    running: list[Terminal] = []

    def begin(*arguments: str, **options: Any) -> Terminal:
        terminal = Terminal("--url", url, *arguments, **options)
        running.append(terminal)
        return terminal

    yield begin
    for terminal in running:
        terminal.close()


def nothing_was_typed(terminal: Terminal) -> None:
    """The start screen is as it was, and obeys keys."""
    terminal.sees("orphan scan")
    assert "Keys" not in terminal.text
    assert not re.search(r"^ ?/ ", terminal.text, re.M)  # the line of a filter
    terminal.type("?")
    terminal.sees("Keys")


def test_a_light_terminal_gets_the_light_theme(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.until(lambda: QUESTION in terminal.sent, "the question")
    terminal.type(LIGHT.decode())
    terminal.until(lambda: WHITE_BACKGROUND in terminal.sent, "the light theme")
    nothing_was_typed(terminal)


def test_an_answer_that_comes_late_and_in_pieces_is_heard_all_the_same(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    assert WHITE_BACKGROUND not in terminal.sent
    terminal.type(LIGHT[:9].decode())
    terminal.until(lambda: True, "a moment")
    terminal.type(LIGHT[9:].decode())
    terminal.until(lambda: WHITE_BACKGROUND in terminal.sent, "the light theme")
    nothing_was_typed(terminal)


@pytest.mark.parametrize("answer", [b"", DARK, b"\x1b]11;rgb:zz/zz\x07", b"\x1b]11;\x1b\\", b"\x1b[?62;22c"])
def test_without_an_answer_that_says_light_it_stays_dark(start: Callable[..., Terminal], answer: bytes) -> None:
    terminal = start()
    terminal.until(lambda: QUESTION in terminal.sent, "the question")
    terminal.type(answer.decode())
    nothing_was_typed(terminal)
    assert WHITE_BACKGROUND not in terminal.sent
    assert DARK_BACKGROUND in terminal.sent


def test_the_environment_is_heard_where_the_terminal_says_nothing(start: Callable[..., Terminal]) -> None:
    terminal = start(COLORFGBG="0;15")
    terminal.until(lambda: WHITE_BACKGROUND in terminal.sent, "the light theme")
    assert DARK_BACKGROUND not in terminal.sent


@pytest.mark.parametrize(
    ("arguments", "environment", "shown"),
    [
        (["--theme", "dark"], {}, DARK_BACKGROUND),
        (["--theme", "light"], {}, WHITE_BACKGROUND),
        ([], {"NO_COLOR": "1"}, b"orphan scan"),
        ([], {"TERM": "linux"}, b"orphan scan"),
    ],
)
def test_nobody_is_asked_where_the_answer_changes_nothing(
    start: Callable[..., Terminal], arguments: list[str], environment: dict[str, str], shown: bytes
) -> None:
    terminal = start(*arguments, **environment)
    terminal.sees("orphan scan")
    assert QUESTION not in terminal.sent
    assert shown in terminal.sent or shown.decode() in terminal.text


def test_no_color_sends_no_colours(start: Callable[..., Terminal]) -> None:
    terminal = start(NO_COLOR="1", COLORTERM="truecolor")
    nothing_was_typed(terminal)
    assert b"38;2;" not in terminal.sent
    assert b"48;2;" not in terminal.sent
    assert b"38;5;" not in terminal.sent
    assert b"48;5;" not in terminal.sent


def test_a_theme_that_is_none_is_refused(start: Callable[..., Terminal]) -> None:
    terminal = start("--theme", "pink")
    assert terminal.ended() == 2
