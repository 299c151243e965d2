"""Matching: comparing text without regard to case or to how accents are composed, in SQL and in Python alike.

SQLite folds the letters a to z only. Text that is all ASCII, as nearly all is, is folded by SQLite itself; any other
goes through `folded`, a function in Python that every connection is given (`prepare`).
"""

import fnmatch
import re
import sqlite3
from dataclasses import dataclass
from functools import lru_cache

from archive_tui.folding import folded
from archive_tui.text import decode, encode

_CACHED = 10_000
"""Texts whose folded form is remembered: errors and types repeat."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text to look for."""

    text: str

    part: bool = False
    """It may stand anywhere in the other text; False: it is all of it."""

    wild: bool = False
    """`*` stands for any text and `?` for any character."""

    exact: bool = False
    """Case and composition count, too."""

    def sql(self, expression: str) -> tuple[str, list[object]]:
        """The condition that the text of an SQL expression matches, which is never NULL if that is not."""
        if self.wild:
            return self._glob(expression)
        if self.exact:
            return f"{expression} = CAST(? AS TEXT)", [_bytes(self.text)]
        # Not LIKE: it ends at a NUL, and takes no pattern above 50,000 characters
        text = f"CASE WHEN {_is_ascii(expression)} THEN lower({expression}) ELSE {_folded(expression)} END"
        parameters: list[object] = [_bytes(folded(self.text))]
        if self.part:
            return f"instr({text}, CAST(? AS TEXT)) > 0", parameters
        return f"{text} = CAST(? AS TEXT)", parameters

    def _glob(self, expression: str) -> tuple[str, list[object]]:
        pattern = _bytes(self.glob)
        slow = f"wild(?, CAST({expression} AS BLOB))"
        if b"\0" in pattern:
            return slow, [pattern]
        fast = f"lower({expression}) GLOB CAST(? AS TEXT)"
        return f"CASE WHEN {_is_ascii(expression)} THEN {fast} ELSE {slow} END", [pattern, pattern]

    @property
    def glob(self) -> str:
        """The pattern as SQLite's GLOB and Python's `fnmatch` read it, for a folded text."""
        pattern = re.sub(r"\*+", "*", folded(self.text).replace("[", "[[]"))
        return f"*{pattern}*".replace("**", "*") if self.part else pattern

    def matches(self, value: str) -> bool:
        """Tell whether a text matches."""
        if self.exact:
            return self.text == value
        if self.wild:
            return bool(_compiled(_bytes(self.glob)).match(folded(value)))
        return folded(self.text) in folded(value) if self.part else folded(self.text) == folded(value)


def _is_ascii(expression: str) -> str:
    """The condition that a text has as many characters as bytes; it has not where a NUL stands in it."""
    return f"length({expression}) = length(CAST({expression} AS BLOB))"


def _folded(expression: str) -> str:
    return f"CAST(folded(CAST({expression} AS BLOB)) AS TEXT)"


def _bytes(value: str) -> bytes:
    """Encode a text as a parameter; bytes, because a NUL would end a text."""
    try:
        return encode(value)
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


@lru_cache(_CACHED)
def _folded_bytes(value: bytes) -> bytes:
    return _bytes(folded(decode(value)))


@lru_cache(64)
def _compiled(glob: bytes) -> "re.Pattern[str]":
    return re.compile(fnmatch.translate(decode(glob)))


@lru_cache(_CACHED)
def _wild(glob: bytes, value: bytes) -> bool:
    return bool(_compiled(glob).match(folded(decode(value))))


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the conditions of patterns call."""
    connection.create_function("folded", 1, _folded_bytes, deterministic=True)
    connection.create_function("wild", 2, _wild, deterministic=True)
