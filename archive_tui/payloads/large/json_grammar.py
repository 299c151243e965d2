"""JSON as regular expressions over bytes, which match whole values of a few levels at once and never backtrack.

A value of up to `LEVELS` levels is one match in C: 50 MiB a second, faster than decoding it. What is deeper, or longer
than whoever matches wants to look, is taken bracket by bracket. The grammar is the one of Python's `json` with what
`JsonDecoder` lets pass: NaN and the infinities, and control characters in strings.
"""

import re
from functools import cache

LEVELS = 2
"""Levels of containers in one match."""

MANY = 64
"""Items that `Items.many` matches."""

_W = rb"[ \t\r\n]*+"
_INSIDE = rb'(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_STRING = b'"' + _INSIDE + b'"'
_NUMBER = rb"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+"
_SCALAR = _STRING + b"|" + _NUMBER + rb"|true|false|null|NaN|-?Infinity"
_KEY = _STRING + _W + b":" + _W


def _value(levels: int) -> bytes:
    """A value of at most so many levels."""
    if not levels:
        return b"(?:" + _SCALAR + b")"
    element = _value(levels - 1)
    inside = [_W + rb"(?:%b|%b%b(?:,%b%b%b)*+%b)" % (end, one, _W, _W, one, _W, end)
              for one, end in ((_KEY + element, rb"\}"), (element, rb"\]"))]  # fmt: skip
    return b"(?:" + _SCALAR + rb"|\{" + inside[0] + rb"|\[" + inside[1] + b")"


SPACE = re.compile(_W)
BLANKS = re.compile(rb"[ \t\r]*+")
STRING = re.compile(_STRING)
INSIDE = re.compile(_INSIDE)
"""The inside of a string, as far as it goes."""

KEY = re.compile(_W + b"(" + _STRING + b")" + _W + b":" + _W)
SCALAR = re.compile(b"(?:" + _SCALAR + b")")
EMPTY = re.compile(rb"\{" + _W + rb"\}|\[" + _W + rb"\]")
"""A container that holds nothing."""


BRACKET = re.compile(_STRING + rb"|([\[{])|([\]}])")
"""A string, or in groups a bracket that opens and one that closes."""


class Items:
    """Items of a container, each with the comma behind it, or up to the closing bracket."""

    def __init__(self, before: bytes) -> None:
        item = _W + before + _value(LEVELS) + _W
        self.one = re.compile(item + rb"(?:(,)|(?=[\]}]))")
        """One item; a group for the comma."""
        self.many = re.compile(b"(?:%b,){%d}+" % (item, MANY))
        """So many items with their commas."""


@cache
def value() -> "re.Pattern[bytes]":
    """A value of at most `LEVELS` levels."""
    return re.compile(_value(LEVELS))


@cache
def elements() -> Items:
    """The elements of an array."""
    return Items(b"")


@cache
def members() -> Items:
    """The members of an object."""
    return Items(_KEY)


@cache
def line() -> "re.Pattern[bytes]":
    """An object or array, and the end of its line."""
    return re.compile(rb"(?=[\[{])" + _value(LEVELS) + rb"[ \t\r]*+(?:\n|\Z)")
