"""Strings of JSON: what they stand for, and where a long one may be cut, which is shown and decoded in pieces."""

import json
import re

from archive_tui.text import decode

_PAIR = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..")
"""Two escapes that are one character."""


def string_cut(raw: bytes, at: int, end: int, size: int) -> int:
    """Give where a piece of about `size` bytes of a string ends, `end` at most: not within a character or an escape,
    and not right before the closing quote.
    """
    cut = at + size
    if cut >= end - 1:
        return end
    while 0x80 <= raw[cut] < 0xC0 and cut > at + size - 4:
        cut -= 1
    unicode = raw.rfind(b"\\u", cut - 5, cut)
    if unicode >= 0 and _escaped(raw, unicode + 1, at):
        cut = unicode
    elif _escaped(raw, cut, at):
        cut -= 1
    pair = _PAIR.match(raw, cut - 6, cut + 6)
    return cut - 6 if pair is not None and _escaped(raw, cut - 5, at) else cut


def _escaped(raw: bytes, at: int, begin: int) -> bool:
    """Whether a sign follows a backslash that is none of its own."""
    first = at
    while first > begin and raw[first - 1] == 0x5C:
        first -= 1
    return (at - first) % 2 == 1


def string_of(literal: bytes) -> str:
    """The text that a string of JSON stands for, whatever is in it."""
    text = decode(literal)
    if "\\" not in text:
        return text[1:-1]
    return str(json.loads(text, strict=False))
