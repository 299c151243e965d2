"""A walk over JSON of many MiB, or over lines of it."""

import re
from array import array

from archive_tui.payloads.large import json_grammar as grammar
from archive_tui.payloads.large.containers import EVERY, WINDOW, Container
from archive_tui.payloads.large.json_strings import string_cut, string_of
from archive_tui.payloads.large.scan import PART, Mistake, Scan, Walk
from archive_tui.payloads.strange_bytes import strange_bytes

LARGE_CONTAINER = 16 * 1024
"""Bytes from which a container is remembered. A smaller one is decoded where somebody looks at it."""

_DENSE = 2 * 1024
"""Bytes of as many items below which they are matched many at once."""

_SLICE = 256 * 1024
"""Bytes that are counted at once."""

_BOM = b"\xef\xbb\xbf"
_CONTROLS = bytes(range(0x20))
_CONTINUATIONS = bytes(range(0x80, 0xC0))
_ESCAPE = re.compile(rb"\\(?:[^nu]|u(?!000[aA])|(n|u000[aA]))")
"""An escape; a group where it is a line end."""

_WORD = re.compile(rb"NaN|-?Infinity")
_KEY = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t\r\n]*+:')


class JsonScan(Scan):
    """One walk, for any thread."""

    def __init__(self, raw: bytes, *, depth: int, by_lines: bool = False) -> None:
        """`depth` is how many containers may nest; `by_lines` says that it is NDJSON."""
        super().__init__(raw)
        self.depth = depth
        self.by_lines = by_lines
        self.depths: array[int] = array("h", [0])
        """How deep each part begins; of a piece of a long string the complement (~) of that."""
        self.containers: dict[int, Container] = {}
        """Those that are remembered, by where they begin."""
        self._stack: list[Container] = []
        self._rows_before = 0
        self._after_piece = False

    def _key_text(self, written: bytes) -> str:
        return string_of(b'"%b"' % written)

    def _place(self, at: int) -> str:
        return _place(self.raw, at)

    # Walking

    def _walk(self) -> Walk:
        at = len(_BOM) if self.raw.startswith(_BOM) else 0
        if at:
            self._remark("it begins with a byte order mark, which JSON does not allow")
        self.starts[0] = at
        if self.by_lines:
            at = yield from self._walk_lines(at)
        else:
            at = self._space((yield from self._walk_value(self._space(at))))
            self._close_part(at, 1)
            if at < len(self.raw):
                raise Mistake(at, "extra data")
        self._remark_on_strange()
        return at

    def _walk_lines(self, at: int) -> Walk:
        raw, line = self.raw, grammar.line()
        rows = self.root = Container(at, is_object=False)
        while (at := self._space(at)) < len(raw):
            rows.note(at)
            matched = line.match(raw, at, at + WINDOW)
            end = matched.end() if matched is not None else -1
            if at < end < at + WINDOW and raw.find(b"\n", at, end - 1) < 0:
                at = end
            else:
                try:
                    end = yield from self._walk_value(at)
                    if raw.find(b"\n", at, end) >= 0:
                        raise Mistake(at, "this line is no object or array by itself")
                    behind = self._space(end, grammar.BLANKS)
                    if raw[behind : behind + 1] not in (b"\n", b""):
                        raise Mistake(end, "extra data")
                except Mistake:
                    if rows.count < 2 or raw.find(b"\n", at) >= 0:
                        raise
                    self._remark(f"line {rows.count + 1:,}, the last, is not JSON: cut off?")
                    end = len(raw)
                    self._stack.clear()
                at = end
            rows.count += 1
            if at - self.starts[-1] >= PART:
                self._close_part(at)
                yield
        self._close_part(at)
        rows.end = at
        return at

    def _walk_value(self, at: int) -> Walk:
        """Walk over one object or array, whatever it holds."""
        raw, bottom = self.raw, len(self._stack)
        if raw[at : at + 1] not in (b"{", b"["):
            raise Mistake(at, "expecting value")
        empty = grammar.EMPTY.match(raw, at)
        at = self._open(at)
        if empty is not None:
            return self._close(empty.end() - 1)
        streak, streak_at = 0, at
        while True:
            container = self._stack[-1]
            container.note(at)
            items = grammar.members() if container.is_object else grammar.elements()
            if streak >= EVERY:
                many = items.many.match(raw, at, at + WINDOW) if at - streak_at < _DENSE else None
                streak, streak_at = (streak, at) if many is not None else (0, at)
                if many is not None:
                    container.count += grammar.MANY
                    at = many.end()
                    if at - self.starts[-1] >= PART:
                        self._close_part(at)
                        yield
                    continue
            shallow = len(self._stack) + grammar.LEVELS <= self.depth
            one = items.one.match(raw, at, at + WINDOW) if shallow else None
            if one is not None:
                at, more = one.end(), one[1] is not None
                streak += 1
            else:
                streak, streak_at = 0, at
                at, into = self._walk_item(at, container)
                if into:
                    container.count += 1  # now: what is walked over for seconds can be looked at meanwhile
                    if at - self.starts[-1] >= PART:
                        self._close_part(at)
                        yield
                    continue
                at, more = self._after(at, container)
            container.count += 1
            while not more:
                at = self._close(at)
                streak, streak_at = 0, at
                if len(self._stack) == bottom:
                    return at
                at, more = self._after(at, self._stack[-1])
            if at - self.starts[-1] >= PART:
                self._close_part(at)
                yield

    def _walk_item(self, at: int, container: Container) -> tuple[int, bool]:
        """Walk over an item that is long, deep, or a mistake. Gives its end and False; of one that holds others where
        the first of them begins, and True.
        """
        raw, begin = self.raw, at
        at = self._space(at)
        if container.is_object:
            if raw[at : at + 1] != b'"':
                raise Mistake(at, "expecting property name enclosed in double quotes")
            at = self._space(self._string_end(at))
            if raw[at : at + 1] != b":":
                raise Mistake(at, "expecting ':' delimiter")
            at = self._space(at + 1)
        sign = raw[at : at + 1]
        if sign in (b"{", b"["):
            empty = grammar.EMPTY.match(raw, at)
            inner = self._open(at)
            return (inner, True) if empty is None else (self._close(empty.end() - 1), False)
        if sign == b'"':
            end = self._string_end(at)
            if end - at > WINDOW:
                self._long_string(begin, at, end)
            return end, False
        scalar = grammar.SCALAR.match(raw, at)
        if scalar is None:
            raise Mistake(at, "expecting value")
        return scalar.end(), False

    def _after(self, at: int, container: Container) -> tuple[int, bool]:
        """Where to go on behind an item, and whether another one has to follow."""
        at = self._space(at)
        sign = self.raw[at : at + 1]
        if sign == b",":
            return at + 1, True
        if sign == (b"}" if container.is_object else b"]"):
            return at, False
        raise Mistake(at, "expecting ',' delimiter")

    def _open(self, at: int) -> int:
        if len(self._stack) >= self.depth:
            raise Mistake(at, f"it nests deeper than {self.depth} levels")
        container = Container(at, is_object=self.raw[at : at + 1] == b"{")
        self._stack.append(container)
        self.containers[at] = container
        if self.root is None:
            self.root = container
        return at + 1

    def _close(self, at: int) -> int:
        container = self._stack.pop()
        if self.raw[at : at + 1] != (b"}" if container.is_object else b"]"):
            raise Mistake(at, "expecting ',' delimiter")
        container.end = at + 1
        if container.end - container.start < LARGE_CONTAINER and container is not self.root:
            del self.containers[container.start]
        return at + 1

    def _space(self, at: int, space: "re.Pattern[bytes]" = grammar.SPACE) -> int:
        """Where the next sign stands."""
        while True:
            matched = space.match(self.raw, at, at + _SLICE)
            end = matched.end() if matched is not None else at
            if end - at < _SLICE:
                return end
            at = end

    def _string_end(self, at: int) -> int:
        """Behind the closing quote of a string that begins here."""
        inside = at + 1
        while True:
            matched = grammar.INSIDE.match(self.raw, inside, inside + _SLICE)
            end = matched.end() if matched is not None else inside
            if end == inside:
                break
            inside = end
        sign = self.raw[inside : inside + 1]
        if sign == b'"':
            return inside + 1
        if sign == b"\\" and inside + 6 <= len(self.raw):
            raise Mistake(inside, "invalid \\escape")
        raise Mistake(at, "unterminated string starting at")

    # The layout

    def _long_string(self, item: int, at: int, end: int) -> None:
        """Make parts of a string, each a piece of it, and of the key before it. A comma behind it belongs to it."""
        if item > self.starts[-1]:
            self._close_part(item)
        depth = ~len(self._stack)
        if item < at:
            self._close_part(at, 1 if self._space(item) < at else 0)
        comma = self._space(end)
        last = comma + 1 if self.raw[comma : comma + 1] == b"," else end
        while at < last:
            cut = string_cut(self.raw, at, end, WINDOW)
            self.depths[-1] = depth
            at = cut if cut < end else last
            self._close_part(at, 1, behind=max(at - end, 0))
        self._after_piece = last == end

    def _close_part(self, at: int, more_lines: int = 0, *, behind: int = 0) -> None:
        """End a part of the layout at a place at which a line ends; `more_lines` end in it without a comma or bracket
        to show for it. `behind` bytes of a piece of a string are behind that string.
        """
        begin = self.starts[-1]
        part = self.raw[begin:at]
        lines = more_lines
        if self.root is not None and self.by_lines:
            lines += self.root.count - self._rows_before
            self._rows_before = self.root.count
        if self.depths[-1] < 0:
            skeleton, part = b"", part[: len(part) - behind]
        else:
            skeleton = grammar.STRING.sub(b'"', part)
            empty = len(grammar.EMPTY.findall(skeleton))
            brackets = skeleton.count(b"{") + skeleton.count(b"[") + skeleton.count(b"}") + skeleton.count(b"]")
            lines += skeleton.count(b",") + brackets - 2 * empty
            if self._after_piece and skeleton.lstrip()[:1] in (b"}", b"]"):
                lines -= 1  # the line before it has ended with the piece
            if b"N" in skeleton or b"I" in skeleton:
                for word in set(_WORD.findall(skeleton)):
                    self._remark(f"it holds {word.decode()}, which JSON does not have")
            keys = _KEY.findall(part)
            self._note_keys(keys)
            if b"\\" in part:  # of the line ends in strings, those of keys are no lines
                lines -= sum(_ends_in(key) for key in keys if b"\\" in key)
        self._after_piece = False
        if b"\\" in part:
            lines += _ends_in(part)
        if _controls(part) != _controls(skeleton):
            lines += part.count(b"\n") - skeleton.count(b"\n")
            self._remark("strings hold control characters, which JSON wants escaped")
        self._strange += strange_bytes(part)
        self.depths.append(len(self._stack))
        self._end_part(at, lines)


def _ends_in(part: bytes) -> int:
    """Line ends in strings that are written as escapes."""
    return sum(map(bool, _ESCAPE.findall(part)))


def _controls(part: bytes) -> int:
    return len(part) - len(part.translate(None, _CONTROLS))


def _place(raw: bytes, at: int) -> str:
    """Line and column, from 1, of a byte."""
    line, begin, characters = 1, 0, 1
    for start in range(0, at, _SLICE):
        piece = raw[start : min(start + _SLICE, at)]
        ends = piece.count(b"\n")
        line += ends
        begin = piece.rfind(b"\n") + 1 if ends else 0
        shown = len(piece[begin:].translate(None, _CONTINUATIONS))
        characters = (1 if ends else characters) + shown
    if line == 1 and raw.startswith(_BOM):
        characters -= 1
    return f"line {line:,}, column {characters:,}"
