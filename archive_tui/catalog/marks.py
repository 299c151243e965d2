"""Marks: the set of rows that a person has marked."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count

from archive_tui.catalog.seqs import seqs_of

_AT_ONCE = 20_000
"""Row numbers handled in one piece: no other thread gets a turn at the interpreter meanwhile."""


class Marks:
    """A set of row numbers (`seq`), one byte each, so that marking two million rows costs 2 MB and no time."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, seq: object) -> bool:
        return isinstance(seq, int) and 0 <= seq < len(self._bits) and self._bits[seq] == 1

    def __iter__(self) -> Iterator[int]:
        return compress(count(), self._bits)

    @property
    def seqs(self) -> "array[int]":
        """The numbers of the marked rows, from the lowest on. To make an array of the set itself takes as long, but for
        two million rows that is a quarter of a second in which no other thread gets a turn.
        """
        found = seqs_of()
        for start in range(0, len(self._bits), _AT_ONCE):
            piece = self._bits[start : start + _AT_ONCE]
            found.extend(compress(range(start, start + len(piece)), piece))
        return found

    def add(self, seqs: Sequence[int]) -> None:
        """Mark rows; those marked already stay so."""
        bits = self._bits
        for part in _pieces(seqs):
            size = max(part) + 1
            if size > len(bits):
                bits.extend(bytes(max(size, 2 * len(bits)) - len(bits)))
            for seq in part:
                bits[seq] = 1
        self._count = bits.count(1)

    def discard(self, seqs: Iterable[int]) -> None:
        """Unmark rows; those not marked stay so."""
        for seq in seqs:
            if 0 <= seq < len(self._bits):
                self._count -= self._bits[seq]
                self._bits[seq] = 0

    def subtract(self, other: "Marks") -> None:
        """Unmark the rows that another set marks."""
        mine, theirs = self._as_numbers(other)
        self._take(mine & ~theirs)

    def intersect(self, other: "Marks") -> None:
        """Unmark the rows that another set does not mark."""
        mine, theirs = self._as_numbers(other)
        self._take(mine & theirs)

    def _as_numbers(self, other: "Marks") -> tuple[int, int]:
        """The bits of both sets, those of the other as far as this one goes: numbers, since these combine at once."""
        mine, theirs = self._bits, other._bits[: len(self._bits)]
        return int.from_bytes(mine, "little"), int.from_bytes(theirs, "little")

    def _take(self, bits: int) -> None:
        self._bits = bytearray(bits.to_bytes(len(self._bits), "little"))
        self._count = self._bits.count(1)

    def among(self, seqs: Sequence[int]) -> int:
        """How many of these rows are marked."""
        return len(self.chosen(seqs))

    def chosen(self, seqs: Sequence[int]) -> "array[int]":
        """Those of these rows that are marked, in their order."""
        size = len(self._bits)
        marked = seqs_of()
        for part in _pieces(seqs):
            known = part if max(part) < size else [seq for seq in part if seq < size]
            marked.extend(compress(known, map(self._bits.__getitem__, known)))
        return marked

    def others(self, seqs: Sequence[int]) -> "array[int]":
        """Those of these rows that are not marked, in their order."""
        size = len(self._bits)
        unmarked = seqs_of()
        for part in _pieces(seqs):
            unmarked.extend([seq for seq in part if seq >= size or not self._bits[seq]])
        return unmarked

    def copy(self) -> "Marks":
        """A copy that can be changed on its own."""
        marks = Marks()
        marks._bits = self._bits.copy()
        marks._count = self._count
        return marks


def _pieces(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    return (seqs[start : start + _AT_ONCE] for start in range(0, len(seqs), _AT_ONCE))
