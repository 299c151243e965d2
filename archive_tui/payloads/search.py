"""Search in documents: every match of a text, with the places at which it is to be lit.

A text matches whatever its case, and however its accents are composed. Matches that are written as the text is, come
first: `Matches.exact_after`.
"""

import re
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from archive_tui.folding import folded, places
from archive_tui.payloads.nodes import Kind, Node, Positions, label_of, lines_of, offset_in, walk
from archive_tui.payloads.outline_rows import Row
from archive_tui.payloads.sieve import Sieve

_AT_ONCE = 2_000
"""Lines, or matches, between two questions whether anybody still wants to know."""

_CHUNK = 256 * 1024
"""Bytes that are looked through between two such questions."""

Cells = Callable[[int], tuple[int, int]]
"""Gives, for a byte of a line (from 0), the characters at which its digits begin, and the byte as text."""

Cancelled = Callable[[], bool]
"""Says that nobody wants to know any more."""

Within = Callable[[int, int], bool]
"""Tells whether all bytes from one to before another are shown."""


_LETTERS = 4
"""Characters for which one may stand that is looked for: a letter, and three accents that are not composed with it."""


class Matches(ABC):
    """The matches of one search, in their order, numbered from 0."""

    def __init__(self) -> None:
        self._exact = bytearray()

    def __len__(self) -> int:
        return len(self._exact)

    @abstractmethod
    def after(self, place: Any) -> int:
        """The number of the first match at a place of the document or behind it, as its view names places; the number
        of matches where there is none.
        """

    def exact_after(self, place: Any | None) -> int | None:
        """The same of those that are written exactly as what is looked for; None: there is none. `place` None: the
        beginning.
        """
        at = self._exact.find(1, self.after(place) if place is not None else 0)
        return at if at >= 0 else None


class LineMatches(Matches):
    """Matches in a document of lines. A place is the number of a line."""

    @abstractmethod
    def place(self, number: int) -> tuple[int, int, int]:
        """Line of a match, and where on it the match begins and ends, in characters."""

    @abstractmethod
    def on(self, line: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The places to light on a line that lie in part between two of its characters, in their order: number of the
        match, begin and end in characters.
        """


class TextMatches(LineMatches):
    """Matches within lines of text."""

    def __init__(self) -> None:
        super().__init__()
        self._lines, self._starts, self._ends = array("q"), array("q"), array("q")

    @classmethod
    def of(cls, lines: Iterable[str], needle: str, cancelled: Cancelled) -> "TextMatches | None":
        """Look through lines; None: called off."""
        matches, wanted = cls(), folded(needle)
        for number, line in enumerate(lines):
            if not number % _AT_ONCE and cancelled():
                return None
            matches.look(number, line, needle, wanted)
        return matches

    def look(self, number: int, line: str, needle: str, wanted: str, begin: int = 0) -> None:
        """Look through one line from its character at `begin` on, behind all others; `wanted` is the needle folded."""
        for start, end in places(line[begin:] if begin else line, wanted):
            self._append(number, start + begin, end + begin, line[start + begin : end + begin] == needle)

    def look_across(self, number: int, line: str, behind: str, at: int, needle: str, wanted: str) -> int:
        """Look for what begins in a line and ends in the one behind it, which goes on at its character `at`: where a
        longer line was broken. What of it is in the first is lit. To be called between the looks through these two;
        returns where the second begins.
        """
        reach = _LETTERS * len(needle)
        begin = max(len(line) - reach, 0)
        if self._lines and self._lines[-1] == number:
            begin = max(begin, self._ends[-1])
        border = len(line) - begin
        together = line[begin:] + behind[at : at + reach]
        for start, end in places(together, wanted):
            if start < border < end:
                self._append(number, begin + start, len(line), together[start:end] == needle)
                return at + end - border
        return 0

    def _append(self, line: int, begin: int, end: int, exact: bool) -> None:
        self._lines.append(line)
        self._starts.append(begin)
        self._ends.append(end)
        self._exact.append(exact)

    def place(self, number: int) -> tuple[int, int, int]:
        return self._lines[number], self._starts[number], self._ends[number]

    def on(self, line: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        low, high = bisect_left(self._lines, line), bisect_right(self._lines, line)
        for number in range(bisect_right(self._ends, begin, low, high), bisect_left(self._starts, end, low, high)):
            yield number, self._starts[number], self._ends[number]

    def after(self, place: int) -> int:
        return bisect_left(self._lines, place)


# Bytes


class ByteMatches(LineMatches):
    """Matches in bytes that are shown as `columns` of them a line; one may run over the end of a line."""

    def __init__(self, found: "_Found", columns: int, cells: Cells) -> None:
        super().__init__()
        self._starts, self._ends, self._exact = found.starts, found.ends, found.exact
        self._columns = columns
        self._cells = cells

    @classmethod
    def of(
        cls, raw: bytes, needle: str, columns: int, cells: Cells, cancelled: Cancelled, within: "Within | None" = None
    ) -> "ByteMatches | None":
        """Look for a text as UTF-8 has it, where there is none as UTF-16 has it, and then for hexadecimal digits; None:
        called off. What is not `within` counts for nothing.
        """
        found = _in_bytes(raw, needle, cancelled, within)
        return cls(found, columns, cells) if found is not None else None

    def place(self, number: int) -> tuple[int, int, int]:
        line, first = divmod(self._starts[number], self._columns)
        last = min(first + self._ends[number] - self._starts[number], self._columns) - 1
        return line, self._cells(first)[0], self._cells(last)[0] + 2

    def on(self, line: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        first_byte = line * self._columns
        first = bisect_right(self._ends, first_byte)
        numbers = range(first, bisect_left(self._starts, first_byte + self._columns))
        spans = [(number, self._starts[number] - first_byte, self._ends[number] - first_byte) for number in numbers]
        parts = [(number, max(low, 0), min(high, self._columns)) for number, low, high in spans]
        for number, low, high in parts:
            yield number, self._cells(low)[0], self._cells(high - 1)[0] + 2
        for number, low, high in parts:
            yield number, self._cells(low)[1], self._cells(high - 1)[1] + 1

    def after(self, place: int) -> int:
        return bisect_left(self._starts, place * self._columns)


class _Found:
    """Where bytes are found: begins and ends, in their order, and whether they are exactly those looked for."""

    def __init__(self) -> None:
        self.starts, self.ends, self.exact = array("q"), array("q"), bytearray()


def _in_bytes(raw: bytes, needle: str, cancelled: Cancelled, within: "Within | None" = None) -> _Found | None:
    """Where bytes hold a text; None: called off."""
    for wanted, exact in _ways(needle):
        found = _matches(raw, wanted, exact, cancelled, within)
        if found is None or found.starts:
            return found
    return _Found()


@lru_cache(8)
def _ways(needle: str) -> Sequence[tuple["re.Pattern[bytes]", bytes]]:
    """The ways in which bytes may hold a text: what to look for, and the bytes that are exactly it."""
    if not needle:
        return ()
    ways = []
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        exact = needle.encode(encoding, "replace")
        forms = dict.fromkeys([needle, normalize("NFC", needle), normalize("NFD", needle)])
        ways.append((re.compile(b"|".join(_any_case(form, encoding) for form in forms)), exact))
    try:
        digits = bytes.fromhex(needle)
    except ValueError:
        return ways
    return [*ways, (re.compile(re.escape(digits)), digits)] if digits else ways


def _any_case(text: str, encoding: str) -> bytes:
    """The pattern of a text in small and capital letters."""
    return b"".join(_letter(character, encoding) for character in text)


def _letter(character: str, encoding: str) -> bytes:
    cases = {character, character.lower(), character.upper(), character.casefold(), character.title()}
    encoded = sorted({re.escape(case.encode(encoding, "replace")) for case in cases}, key=lambda one: (-len(one), one))
    return encoded[0] if len(encoded) == 1 else b"(?:" + b"|".join(encoded) + b")"


def _matches(
    raw: bytes, wanted: "re.Pattern[bytes]", exact: bytes, cancelled: Cancelled, within: "Within | None"
) -> _Found | None:
    found = _Found()
    at = 0
    overlap = 8 * len(exact)
    while at < len(raw):
        if cancelled():
            return None
        end = at + _CHUNK
        for number, match in enumerate(wanted.finditer(raw, at, end + overlap)):
            if match.start() >= end:
                break
            if not number % _AT_ONCE and cancelled():
                return None
            if within is not None and not within(*match.span()):
                continue
            found.starts.append(match.start())
            found.ends.append(match.end())
            found.exact.append(match[0] == exact)
            at = match.end()
        at = max(at, end)
    return found


# Trees


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a tree a match is."""

    positions: Positions
    """The node."""

    in_label: bool
    """Whether it is in the key, and not in the value."""

    line: int
    """The line of the value."""

    begin: int
    """Where on that line, or in the key, it begins and ends, in characters."""

    end: int


class OutlineMatches(Matches):
    """Matches in the keys and values of a tree, also in those folded away. A place is the positions of a node."""

    def __init__(self) -> None:
        super().__init__()
        self._nodes: list[Positions] = []
        self._in_label = bytearray()
        self._lines, self._starts, self._ends = array("q"), array("q"), array("q")

    @classmethod
    def of(cls, root: Node, needle: str, cancelled: Cancelled) -> "OutlineMatches | None":
        """Look through a tree; None: called off."""
        matches, wanted = cls(), folded(needle)
        sieve = Sieve(wanted)
        for number, (positions, node) in enumerate(walk(root, within=lambda node: node.may_hold(sieve))):
            if not number % _AT_ONCE and cancelled():
                return None
            if isinstance(node.step, str):
                label = label_of(node)
                for start, end in places(label, wanted):
                    matches._append(positions, True, 0, (start, end), label[start:end] == needle)
            if node.kind in (Kind.OBJECT, Kind.ARRAY) or not node.may_hold(sieve):
                continue
            if node.kind is Kind.BYTES:
                found = _in_bytes(bytes.fromhex(node.text()), needle, cancelled)
                if found is None:
                    return None
                for start, end, exact in zip(found.starts, found.ends, found.exact, strict=True):
                    matches._append(positions, False, 0, (2 + 2 * start, 2 + 2 * end), bool(exact))
                continue
            before = offset_in(node)
            for at, line in enumerate(lines_of(node)):
                body = line[before : len(line) - before] if before else line
                for start, end in places(body, wanted):
                    span = (start + before, end + before)
                    matches._append(positions, False, at, span, body[start:end] == needle)
        return matches

    def _append(self, positions: Positions, in_label: bool, line: int, span: tuple[int, int], exact: bool) -> None:
        self._nodes.append(positions)
        self._in_label.append(in_label)
        self._lines.append(line)
        self._starts.append(span[0])
        self._ends.append(span[1])
        self._exact.append(exact)

    def place(self, number: int) -> Place:
        """Where a match is."""
        in_label = bool(self._in_label[number])
        return Place(self._nodes[number], in_label, self._lines[number], self._starts[number], self._ends[number])

    def on(self, row: Row, *, label: bool) -> Iterator[tuple[int, int, int]]:
        """The places to light in the label of a row, or in its value, in their order: number of the match, begin and
        end in characters of what stands there.
        """
        text, offset = (row.label, row.label_from) if label else (row.value, row.value_from)
        for number in range(bisect_left(self._nodes, row.positions), bisect_right(self._nodes, row.positions)):
            if bool(self._in_label[number]) is label and (label or self._lines[number] == row.line):
                begin, end = self._starts[number] - offset, self._ends[number] - offset
                if begin < len(text) and end > 0:
                    yield number, max(begin, 0), min(end, len(text))

    def after(self, place: Positions) -> int:
        return bisect_left(self._nodes, place)
