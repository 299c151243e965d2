"""Search in documents: every match of a text, with the places on the lines where it is to be lit."""

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from archive_tui.folding import folded, places

_AT_ONCE = 2_000
"""Lines, or matches, between two questions whether anybody still wants to know."""

Cells = Callable[[int], tuple[int, int]]
"""Gives, for a byte of a line (from 0), the characters at which its digits begin, and the byte as text."""


class Matches(ABC):
    """The matches of one search, in their order, numbered from 0."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def place(self, number: int) -> tuple[int, int, int]:
        """Line of a match, and where on it the match begins and ends, in characters."""

    @abstractmethod
    def on(self, line: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The places to light on a line that lie in part between two of its characters, in their order: number of the
        match, begin and end in characters.
        """

    @abstractmethod
    def after(self, line: int) -> int:
        """The number of the first match on this line or below; the number of matches where there is none."""


class TextMatches(Matches):
    """Matches within lines of text."""

    def __init__(self) -> None:
        self._lines, self._starts, self._ends = array("q"), array("q"), array("q")

    @classmethod
    def of(cls, lines: Iterable[str], needle: str, cancelled: Callable[[], bool]) -> "TextMatches | None":
        """Look through lines; None: called off."""
        matches, wanted = cls(), folded(needle)
        for number, line in enumerate(lines):
            if not number % _AT_ONCE and cancelled():
                return None
            matches.look(number, line, needle, wanted)
        return matches

    def look(self, number: int, line: str, needle: str, wanted: str) -> None:
        """Look through one line, behind all others; `wanted` is the needle folded."""
        for start, end in places(line, wanted):
            self._lines.append(number)
            self._starts.append(start)
            self._ends.append(end)

    def __len__(self) -> int:
        return len(self._lines)

    def place(self, number: int) -> tuple[int, int, int]:
        return self._lines[number], self._starts[number], self._ends[number]

    def on(self, line: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        low, high = bisect_left(self._lines, line), bisect_right(self._lines, line)
        for number in range(bisect_right(self._ends, begin, low, high), bisect_left(self._starts, end, low, high)):
            yield number, self._starts[number], self._ends[number]

    def after(self, line: int) -> int:
        return bisect_left(self._lines, line)


class ByteMatches(Matches):
    """Matches in bytes that are shown as `columns` of them a line; one may run over the end of a line."""

    def __init__(self, offsets: Sequence[int], length: int, columns: int, cells: Cells) -> None:
        """Matches of `length` bytes begin at `offsets`."""
        self._offsets = offsets
        self._length = length
        self._columns = columns
        self._cells = cells

    @classmethod
    def of(
        cls, raw: bytes, needle: str, columns: int, cells: Cells, cancelled: Callable[[], bool]
    ) -> "ByteMatches | None":
        """Look for a text, and where there is none for hexadecimal digits; None: called off."""
        wanted = needle.lower().encode("utf-8", "replace")
        offsets = _offsets(raw.lower(), wanted, cancelled)
        if offsets is not None and not offsets:
            wanted = _digits(needle)
            offsets = _offsets(raw, wanted, cancelled)
        return cls(offsets, len(wanted), columns, cells) if offsets is not None else None

    def __len__(self) -> int:
        return len(self._offsets)

    def place(self, number: int) -> tuple[int, int, int]:
        line, first = divmod(self._offsets[number], self._columns)
        last = min(first + self._length, self._columns) - 1
        return line, self._cells(first)[0], self._cells(last)[0] + 2

    def on(self, line: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        first_byte = line * self._columns
        first = bisect_right(self._offsets, first_byte - self._length)
        numbers = range(first, bisect_left(self._offsets, first_byte + self._columns))
        begins = [(number, self._offsets[number] - first_byte) for number in numbers]
        parts = [(number, max(at, 0), min(at + self._length, self._columns)) for number, at in begins]
        for number, low, high in parts:
            yield number, self._cells(low)[0], self._cells(high - 1)[0] + 2
        for number, low, high in parts:
            yield number, self._cells(low)[1], self._cells(high - 1)[1] + 1

    def after(self, line: int) -> int:
        return bisect_left(self._offsets, line * self._columns)


def _digits(needle: str) -> bytes:
    """The bytes that hexadecimal digits stand for; empty where these are none."""
    try:
        return bytes.fromhex(needle)
    except ValueError:
        return b""


def _offsets(raw: bytes, needle: bytes, cancelled: Callable[[], bool]) -> "array[int] | None":
    found = array("q")
    at = raw.find(needle) if needle else -1
    while at >= 0:
        found.append(at)
        if not len(found) % _AT_ONCE and cancelled():
            return None
        at = raw.find(needle, at + len(needle))
    return found
