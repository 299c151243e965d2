"""Formats whose values say in their heads what they are and how long: MessagePack and CBOR.

A walk goes from head to head. What a value stands for is decoded by the library of the format; what that refuses, such
as a time that is none, is shown as its parts.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from archive_tui.payloads.large.scan import Mistake
from archive_tui.payloads.tree import Pairs, Tree, object_of
from archive_tui.text import decode

OTHER, TEXT, BYTES, LIST, MAP, TAG, EXTENSION, BREAK = range(8)
"""Kinds of values: a number or word, a text, bytes, the two containers, a number that says how the value behind it is
meant, bytes of a kind that a number says, and the end of a value that does not say how long it is.
"""

ENDLESS = -1
"""Length of what ends with a `BREAK`."""

UNKNOWN = 1 << 60
"""Values that are taken to follow in an `ENDLESS` container: more than there can be, and even."""

Head = tuple[int, int, int]
"""The kind of a value, where its content begins, and how many bytes or items that has; of a tag the tag."""

MANY = 64
"""Numbers that are matched at once."""

CUT_OFF = "it is cut off"


class Format(ABC):
    """One format. Has no state; any thread may use it."""

    name: ClassVar[str]
    """Its name in paths."""

    short: Sequence[int]
    """For each first byte how many bytes the whole value has; of a container below 0: the complement of how many items
    follow. 0: the first byte does not tell, see `head`.
    """

    kinds: Sequence[int]
    """For each first byte of a `short` value its kind."""

    containers: frozenset[int]
    """The first bytes of maps and lists that are not `short`."""

    words: frozenset[int]
    """The first bytes of null, true and false."""

    unnamed: frozenset[int] = frozenset()
    """The first bytes of what is neither a word that is known nor a number."""

    numbers: "re.Pattern[bytes]"
    """Matches `MANY` numbers or words."""

    @abstractmethod
    def head(self, raw: bytes, at: int) -> Head:
        """Read the head of a value that is not `short`. Raises Mistake; one that is not there does, too."""

    @abstractmethod
    def whole(self, piece: bytes) -> Tree:
        """Decode one value with all that it holds by the library. Raises whatever that raises."""

    @abstractmethod
    def parts(self, head: Head, piece: bytes) -> Tree:
        """Give what the library refuses to decode as its parts: a value with a `TAG`, or an `EXTENSION`."""

    @abstractmethod
    def refers(self, tag: int) -> bool:
        """Whether a value with this tag is a text that stands elsewhere."""

    def read(self, raw: bytes, at: int) -> Head:
        """Read the head of any value. Raises Mistake."""
        if at >= len(raw):
            raise Mistake(at, CUT_OFF)
        code = raw[at]
        size = self.short[code]
        if size > 0:
            kind = self.kinds[code]
            start = at + 1 if kind in (TEXT, BYTES) else at
            return kind, start, at + size - start
        return (self.kinds[code], at + 1, ~size) if size else self.head(raw, at)

    def end(self, raw: bytes, at: int, limit: int) -> int | None:
        """Find where a value ends; None: beyond a limit, which is at most the length of `raw`. Raises Mistake."""
        short, kinds = self.short, self.kinds
        left = 1
        outer: list[int] = []
        while left:
            if at >= limit:
                return None
            code = raw[at]
            size = short[code]
            left -= 1
            if size > 0:
                at += size
                continue
            if size < 0:
                at += 1
                left += ~size * (2 if kinds[code] == MAP else 1)
                continue
            kind, start, number = self.head(raw, at)
            if kind in (LIST, MAP):
                at = start
                if number == ENDLESS:
                    outer.append(left)
                    left = UNKNOWN
                else:
                    left += number * (2 if kind == MAP else 1)
            elif kind == TAG:
                at = start
                left += 1
            elif kind == BREAK:
                if left < UNKNOWN // 2:
                    raise Mistake(at, "an end without a beginning")
                at = start
                left = outer.pop()
            else:
                at = start + number if number >= 0 else self._end_of_chunks(raw, at, limit)
        return at if at <= limit else None

    def _end_of_chunks(self, raw: bytes, at: int, limit: int) -> int:
        """Behind a text, or bytes, in chunks; anywhere beyond the limit where that is passed."""
        end = at + 1
        for _, end in self.chunks(raw, at):
            if end > limit:
                return end
        return end + 1

    def chunks(self, raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        """Give where the content of a text or of bytes stands: begin and end of one stretch, or of each chunk. Raises
        Mistake.
        """
        kind, start, number = self.read(raw, at)
        if number >= 0:
            if start + number > len(raw):
                raise Mistake(at, CUT_OFF)
            yield start, start + number
            return
        while True:
            chunk, begin, number = self.read(raw, start)
            if chunk == BREAK:
                if start == at + 1:
                    yield start, start
                return
            if chunk != kind or number < 0 or begin + number > len(raw):
                raise Mistake(start, "a chunk of something else" if chunk != kind else CUT_OFF)
            start = begin + number
            yield begin, start

    def content(self, raw: bytes, at: int, most: int) -> bytes:
        """The beginning of a text or of bytes, at least so much of it as is there."""
        pieces: list[bytes] = []
        for begin, end in self.chunks(raw, at):
            pieces.append(raw[begin : min(end, begin + most)])
            if sum(map(len, pieces)) >= most:
                break
        return b"".join(pieces)

    def tree(self, piece: bytes) -> Tree:
        """Decode one value with all that it holds. What has heads that are right is never refused."""
        try:
            return self.whole(piece)
        except Exception:  # whatever the library raises: a key that stands twice, a time that is none
            return self._tree(piece)

    def _tree(self, piece: bytes) -> Tree:
        head = kind, start, number = self.read(piece, 0)
        if kind in (TEXT, BYTES):
            content = self.content(piece, 0, len(piece))
            return decode(content) if kind == TEXT else content
        if kind not in (LIST, MAP):
            return self.parts(head, piece) if kind != OTHER else piece
        values: list[Tree] = []
        at = start
        while len(values) != number * (2 if kind == MAP else 1):
            if number == ENDLESS and self.read(piece, at)[0] == BREAK:
                break
            end = self.end(piece, at, len(piece)) or len(piece)
            values.append(self.tree(piece[at:end]))
            at = end
        return values if kind == LIST else object_of(list(zip(values[::2], values[1::2], strict=False)))


def many_numbers(alone: bytes, *followed: bytes) -> "re.Pattern[bytes]":
    """Match `MANY` numbers or words by their first bytes, written as in a class of a pattern: of those that stand
    alone, and of those before 1, 2, 4 and 8 bytes more.
    """
    widths = zip((alone, *followed), (b"", b".", b"..", b".{4}", b".{8}"), strict=True)
    one = b"|".join(b"[%b]%b" % width for width in widths)
    return re.compile(b"(?:%b){%d}+" % (one, MANY), re.DOTALL)


def labelled(name: str, number: int, label: str, value: Tree) -> Tree:
    """A value with the number that says how it is meant."""
    return Pairs([(name, number), (label, value)])


def text_cut(raw: bytes, begin: int, end: int, stop: int) -> int:
    """Where a piece of a text ends that stands up to `stop`: at `end`, or before the character that is cut there."""
    while begin + 4 < end < stop and 0x80 <= raw[end] < 0xC0:
        end -= 1
    return end
