"""Whether the terminal's background is dark: it is asked, and its environment.

The answer comes whenever it comes, among the keys: nobody waits for it. The keyboard takes answers out of what is
typed, however late and in however many pieces, so none becomes a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from textual.message import Message

QUESTION = "\x1b]11;?\x1b\\"
"""OSC 11. What does not know it says nothing."""

_ANSWER = re.compile(
    r"\x1b\]11;(?:rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?"
    r"|#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2}))(?:\x07|\x1b\\)"
)
_LIGHT = frozenset({"7", "9", "10", "11", "12", "13", "14", "15"})
"""The light ones of the 16 colours."""


class BackgroundTold(Message):
    """The terminal has told its background."""

    def __init__(self, dark: bool) -> None:
        super().__init__()
        self.dark = dark


def read_answer(sequence: str) -> bool | None:
    """Whether the background in an answer of the terminal is dark; None where it is no such answer."""
    if (found := _ANSWER.fullmatch(sequence)) is None:
        return None
    parts = [part for part in found.groups() if part is not None]
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in parts)
    return bool(0.299 * red + 0.587 * green + 0.114 * blue < 0.5)


def background_is_dark(environment: Mapping[str, str]) -> bool | None:
    """What the environment says of the background; None where it says nothing. COLORFGBG is text and background of the
    16 colours, such as `15;0`; the console of Linux is dark.
    """
    if environment.get("TERM") == "linux":
        return True
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return background not in _LIGHT if background.isdecimal() and int(background) < 16 else None


def may_be_asked(environment: Mapping[str, str]) -> bool:
    """Whether the terminal can be asked. The console of Linux could print the question."""
    return environment.get("TERM") != "linux"
