"""A walk over MessagePack or CBOR of many MiB."""

from array import array
from collections.abc import Iterator

from archive_tui.payloads.large.binary_format import (
    BREAK,
    BYTES,
    CUT_OFF,
    ENDLESS,
    EXTENSION,
    LIST,
    MANY,
    MAP,
    TAG,
    TEXT,
    UNKNOWN,
    Format,
    Head,
    text_cut,
)  # fmt: skip
from archive_tui.payloads.large.binary_layout import item_lines
from archive_tui.payloads.large.containers import WINDOW, Container
from archive_tui.payloads.large.scan import PART, Mistake, Scan, Walk
from archive_tui.payloads.paths import key_text
from archive_tui.payloads.strange_bytes import strange_bytes
from archive_tui.payloads.tree import Tree, pairs_of
from archive_tui.wording.people import size

AS_TEXT, AS_BYTES, FIRST, LAST, COMMA = 1, 2, 4, 8, 16
"""What a piece of a long value is: of a text or of bytes, and whether it is the first one, the last one, and one with a
comma behind it.
"""


class BinaryContainer(Container):
    """A map or a list that is remembered."""

    __slots__ = ("above", "depth", "number", "size")

    def __init__(self, start: int, size: int, *, is_object: bool, above: "BinaryContainer | None") -> None:
        super().__init__(start, is_object=is_object)
        self.size = size
        """Items that it says it has; `ENDLESS`: it does not."""
        self.above = above
        """The one that it is in; None of the outermost."""
        self.number = above.count if above is not None else 0
        """Which item of that it is."""
        self.depth: int = above.depth + 1 if above is not None else 0
        """How many it is in."""

    def has(self, number: int, raw: bytes, at: int) -> bool:
        """Whether it has so many items and one more, which would begin there."""
        return raw[at : at + 1] != b"\xff" if self.size == ENDLESS else number < self.size


class BinaryScan(Scan):
    """One walk, for any thread."""

    def __init__(self, raw: bytes, format_: Format, *, begin: int, depth: int) -> None:
        """`begin` is where the value begins; `depth` is how many containers may nest."""
        super().__init__(raw)
        self.format = format_
        self.depth = depth
        self.begin = begin
        self.containers: dict[int, BinaryContainer] = {}
        """Those that are remembered, by where they begin, behind their tags."""
        self.root: BinaryContainer | None = None
        self.long_ends: dict[int, int] = {}
        """Where the texts and bytes end that are longer than what is looked at together, by where they begin."""
        self.chunked = False
        """Whether there are texts that do not stand in one piece, as far as it is walked over."""
        self.ends: array[int] = array("q")
        """Where each part ends: the next one begins behind the head of a long value."""
        self.owners: list[BinaryContainer | None] = [None]
        """The container of whose items each part begins with one; None: with the outermost container."""
        self.numbers: array[int] = array("q", [0])
        """Which of its items that is."""
        self.pieces: array[int] = array("b", [0])
        """What a part is a piece of, see `AS_TEXT`; 0: of nothing."""
        self._stack: list[BinaryContainer] = []
        self._lines_now = 0
        self._texts: list[bytes] = []
        self._keys: list[bytes] = []

    def _place(self, at: int) -> str:
        return f"offset {at:08x}"

    def _key_text(self, written: bytes) -> str:
        return key_text(self.format.tree(written))

    # Walking

    def _walk(self) -> Walk:
        at = self.starts[0] = self.begin
        at = self._close_all(self._open(self._without_tags(at)))
        while self._stack:
            container = self._stack[-1]
            container.note(at)
            end = self._many_numbers(at, container)
            if end is None:
                end = self._measured(at, container)
            at = self._close_all(end) if end is not None else (yield from self._walk_long(at, container))
            if at - self.starts[-1] >= PART:
                self._close_part(at)
                yield
        if self._lines_now:
            self._close_part(at)
        if at < len(self.raw):
            raise Mistake(at, f"{size(len(self.raw) - at)} follow that are no part of it")
        self._remark_on_strange()
        return at

    def _many_numbers(self, at: int, container: BinaryContainer) -> int | None:
        """Walk over many numbers of a list at once; gives where they end, None where what follows is something else."""
        if container.is_object or (container.size != ENDLESS and container.size - container.count < MANY):
            return None
        matched = self.format.numbers.match(self.raw, at)
        if matched is None:
            return None
        container.count += MANY
        self._lines_now += MANY
        return matched.end()

    def untagged(self, at: int) -> int:
        """Where a value begins behind its tags. Raises Mistake."""
        for _ in range(self.depth):
            if self.format.short[self.raw[at]]:
                return at
            kind, start, _ = self.format.read(self.raw, at)
            if kind != TAG:
                return at
            at = start
        raise self._too_deep(at)

    def _without_tags(self, at: int) -> int:
        """The same of a large value: they are left out."""
        inner = self.untagged(at) if at < len(self.raw) else at
        while at < inner:
            _, at, number = self.format.read(self.raw, at)
            self._remark(f"tag {number} of a large value is left out")
        return inner

    def _too_deep(self, at: int) -> Mistake:
        return Mistake(at, f"it nests deeper than {self.depth} levels")

    def _open(self, at: int) -> int:
        """Begin a container that is remembered; gives where its first item begins."""
        kind, start, number = self.format.read(self.raw, at)
        if kind not in (LIST, MAP):
            raise Mistake(at, "neither a map nor a list")
        if len(self._stack) >= self.depth:
            raise self._too_deep(at)
        above = self._stack[-1] if self._stack else None
        container = BinaryContainer(at, number, is_object=kind == MAP, above=above)
        self._stack.append(container)
        self.containers[at] = container
        self.root = self.root or container
        self._lines_now += 1
        return start

    def _close_all(self, at: int) -> int:
        """End the containers that have no further item; gives where to go on."""
        while self._stack and not self._stack[-1].has(self._stack[-1].count, self.raw, at):
            container = self._stack.pop()
            at += container.size == ENDLESS
            container.end = at
            self._lines_now += 1
        return at

    def _walk_long(self, at: int, container: BinaryContainer) -> Walk:
        """Walk over an item that is too long to be looked at together: over all of it, or to the first in it."""
        raw, item = self.raw, at
        if container.is_object:
            end = self.format.end(raw, at, min(at + WINDOW, len(raw)))
            if end is None:
                raise Mistake(at, CUT_OFF if at + WINDOW > len(raw) else f"a key is longer than {size(WINDOW)}")
            kind, _, number = self.format.read(raw, at)
            if kind not in (LIST, MAP):
                self._keys.append(self._key(at, end, kind, number))
            at = end
        at = self._without_tags(at)
        kind, *_ = self.format.read(raw, at)
        if kind in (LIST, MAP):
            at = self._open(at)
            container.count += 1  # now: what is walked over for seconds can be looked at meanwhile
            yield
            return at
        if kind not in (TEXT, BYTES, EXTENSION):
            raise Mistake(at, CUT_OFF if kind != BREAK else "an end without a beginning")
        if kind == EXTENSION:
            self._remark("the number of a large extension is left out")
        if container.is_object:
            self._lines_now += 1
        if self._lines_now:
            self._close_part(at if container.is_object else item)
        end = yield from self._long_value(at, container, kind)
        self.long_ends[at] = end
        return self._close_all(end)

    def _long_value(self, at: int, container: BinaryContainer, kind: int) -> Walk:
        """Make parts of a long value, each a piece of it. Gives where the value ends."""
        what = FIRST | (AS_TEXT if kind == TEXT else AS_BYTES)
        pieces = self._pieces(at, kind)
        endless = self.format.read(self.raw, at)[2] == ENDLESS
        self.chunked = self.chunked or endless
        begin, end = next(pieces)
        self.starts[-1] = begin
        for next_begin, next_end in pieces:
            self.pieces[-1] = what
            self._end_piece(end, next_begin, begin)
            what &= ~FIRST
            begin, end = next_begin, next_end
            yield
        behind = end + endless
        container.count += 1
        self.pieces[-1] = what | LAST | (COMMA if container.has(container.count, self.raw, behind) else 0)
        self._end_piece(end, behind, begin)
        return behind

    def _pieces(self, at: int, kind: int) -> Iterator[tuple[int, int]]:
        """Begin and end of each piece of a long value: no character of a text is cut."""
        raw, width = self.raw, WINDOW if kind == TEXT else WINDOW // 2
        for begin, stop in self.format.chunks(raw, at):
            at = begin
            while True:
                end = min(at + width, stop)
                end = text_cut(raw, at, end, stop) if kind == TEXT else end
                yield at, end
                at = end
                if at == stop:
                    break

    def _measured(self, at: int, container: BinaryContainer) -> int | None:
        """Walk over an item, with its key where it has one, and note what it takes. Gives where it ends; None: it is
        too long to be looked at together.
        """
        texts, keys = len(self._texts), len(self._keys)
        end, lines = self._measure(at, min(at + WINDOW, len(self.raw)), in_map=container.is_object)
        if end is not None:
            self._lines_now += lines
            container.count += 1
        else:
            del self._texts[texts:], self._keys[keys:]
        return end

    def _measure(self, at: int, limit: int, *, in_map: bool) -> tuple[int | None, int]:
        """Where an item ends, None where that is beyond the limit, and its lines without line ends within texts."""
        raw, format_ = self.raw, self.format
        short, kinds, texts, keys = format_.short, format_.kinds, self._texts, self._keys
        room = self.depth - len(self._stack)
        stack: list[tuple[int, bool, int]] = []
        left, lines = 2 if in_map else 1, 0
        while True:
            while not left:
                if not stack:
                    return at if at <= limit else None, lines
                left, in_map, of_key = stack.pop()
                lines = of_key if of_key >= 0 else lines + 1
            if at >= limit:
                return None, 0
            code = raw[at]
            length = short[code]
            is_key = in_map and not left & 1
            left -= 1
            if length > 0:
                end = at + length
                if end > limit:
                    return None, 0
                if is_key:
                    keys.append(raw[at:end])
                else:
                    lines += 1
                    if kinds[code] == TEXT:
                        texts.append(raw[at + 1 : end])
                at = end
                continue
            kind, start, number = (kinds[code], at + 1, ~length) if length else format_.head(raw, at)
            if kind in (LIST, MAP):
                if len(stack) >= room:
                    raise self._too_deep(at)
                at = start
                if number:
                    stack.append((left, in_map, lines if is_key else -1))
                    in_map = kind == MAP
                    left = UNKNOWN if number == ENDLESS else number * 2 if in_map else number
                lines += not is_key
            elif kind == BREAK:
                if left < UNKNOWN // 2 or (in_map and not is_key):
                    raise Mistake(at, "an end without a beginning")
                at = start
                # An empty one ends on the line on which it begins
                left, lines = 0, lines - (left == UNKNOWN - 1)
            else:
                at, more = self._other(at, limit, (kind, start, number), is_key=is_key)
                lines += more

    def _other(self, at: int, limit: int, head: Head, *, is_key: bool) -> tuple[int, int]:
        """Walk over a value that is neither `short` nor a container. Gives where it ends, anywhere behind the limit
        where that is beyond it, and its lines.
        """
        raw, format_ = self.raw, self.format
        kind, start, number = head
        end = format_.end(raw, at, limit) if kind == TAG or number < 0 else start + number
        if end is None or end > limit:
            return limit + 1, 0
        self.chunked = self.chunked or number == ENDLESS or (kind == TAG and b"\x7f" in raw[at:end])
        if is_key:
            self._keys.append(self._key(at, end, kind, number))
            return end, 0
        if kind in (TAG, EXTENSION):
            tree = format_.tree(raw[at:end])
            for key in _keys_in(tree):
                self._note_key(key)
            return end, len(item_lines(tree, 0))
        if kind == TEXT:
            self._texts.append(raw[start:end] if number >= 0 else format_.content(raw, at, end - at))
        return end, 1

    def _key(self, at: int, end: int, kind: int, number: int) -> bytes:
        """A key as it is written."""
        if kind == TAG and self.format.refers(number):
            raise Mistake(at, "its keys are references to others, which are read in small payloads alone")
        return self.raw[at:end]

    # The layout

    def _close_part(self, at: int) -> None:
        texts = b"".join(self._texts)
        if not texts.isascii():
            self._strange += sum(map(strange_bytes, self._texts))
        lines = self._lines_now + texts.count(b"\n")
        self._note_keys(self._keys)
        self._texts.clear()
        self._keys.clear()
        self._lines_now = 0
        self._end(at, at, lines)

    def _end_piece(self, end: int, next_begin: int, begin: int) -> None:
        """End a part that is a piece of a long value."""
        lines = 1
        if self.pieces[-1] & AS_TEXT:
            piece = self.raw[begin:end]
            lines += piece.count(b"\n")
            self._strange += strange_bytes(piece)
        self._end(end, next_begin, lines)

    def _end(self, end: int, next_begin: int, lines: int) -> None:
        container = self._stack[-1] if self._stack else self.root
        self.ends.append(end)
        self.owners.append(container)
        self.numbers.append(container.count if container is not None else 0)
        self.pieces.append(0)
        self._end_part(next_begin, lines)


def _keys_in(tree: Tree) -> Iterator[str]:
    """The keys in a value that is decoded."""
    if isinstance(tree, list):
        for value in tree:
            yield from _keys_in(value)
    for key, value in pairs_of(tree):
        yield key_text(key)
        yield from _keys_in(value)
