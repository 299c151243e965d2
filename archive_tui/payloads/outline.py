"""The outline of a tree: rows that are made when they are in sight, with what is folded and what is not.

Opening a tree of a million values costs what its first rows cost. Only what is unfolded has a state: for each unfolded
node the children that are unfolded in their turn, so that the row at any place is found by bisection. Values may come
from anywhere: an outline knows `nodes.Node` alone, never a whole tree.

A text of several lines, or one longer than the screen is wide, unfolds as well: folded it is its beginning on one row,
unfolded all of it on as many rows as it takes. What is unfolded at first is decided by size: see `_begin`.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from archive_tui.payloads.meanings import meaning
from archive_tui.payloads.nodes import Kind, Node, Positions, label_of, lines_of, node_at
from archive_tui.payloads.writing import INDENT
from archive_tui.wording.people import plural, size

UNFOLDED, FOLDED = "▾", "▸"

_CONTAINER_ROWS = 40
_ROWS = 120
"""Rows up to which containers are unfolded at first, and then long texts."""

_MOST_AT_ONCE = 5_000
"""Rows that unfolding everything adds at once."""

_SIGN = 2
"""Cells of the sign and the space after it."""

_GAP = 2
_MEASURED = 100
"""Children whose labels decide where the values of all begin."""

_LEAST_VALUE = 12
"""Cells that a value has at least, however long its key is."""

_LOOKED_AT = 2_000
"""Characters of a long text that are looked at while it is folded; no screen is wider."""

_PREVIEWED = 6

Measure = Callable[[str], int]
"""Gives the cells that a text takes."""

Cut = Callable[[str, int], Sequence[str]]
"""Cuts a text into pieces of at most so many cells."""


def _by_characters(text: str, width: int) -> Sequence[str]:
    return [text[at : at + width] for at in range(0, len(text), width)] or [""]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an outline, laid out for its width. All texts are safe to show."""

    node: Node
    positions: Positions
    """The way to the node."""

    part: int
    """Which of the rows of an unfolded text this is; 0 for the first."""

    unfolded: bool | None
    """Whether the node is unfolded; None: there is nothing to fold."""

    indent: int
    """Cells before the sign."""

    label: str
    """The key or the position, or the part of a long one that stands on this row."""

    label_from: int
    """Where that part begins in the whole label, in characters."""

    value_at: int
    """Cells before the value."""

    value: str
    """The part of the value that stands on this row; of an array, and of what is folded, how many children it has."""

    line: int
    """The line of the value that it is of."""

    value_from: int
    """Where it begins in that line, in characters."""

    more: bool
    """Whether an ellipsis is to stand behind it, since the rest is folded away."""

    aside: str
    """What is said of it, and is not in the payload: a reading of a number, the size of a text. Empty for nothing."""

    preview: str
    """The beginning of what is folded away; empty for nothing."""

    @property
    def sign(self) -> str:
        """The sign of what can be folded, or unfolded."""
        return "" if self.unfolded is None or self.part else UNFOLDED if self.unfolded else FOLDED

    def __str__(self) -> str:
        before = f"{' ' * self.indent}{self.sign or ' '} {self.label}"
        value = f"{self.value}{'…' if self.more else ''}"
        after = f"{f'  ({self.aside})' if self.aside else ''}{f'  {self.preview}' if self.preview else ''}"
        return f"{before:<{self.value_at}}{value}{after}" if value or after else before


@dataclass(frozen=True, slots=True)
class _Part:
    """A row of what is unfolded."""

    label: str
    label_from: int
    value_at: int
    value: str
    line: int
    value_from: int


class _Unfolded:
    """A node that is unfolded: the parts of its key and its value, and the children below them."""

    __slots__ = ("_at", "_starts", "above", "below", "column", "node", "parts", "position", "rows", "size")

    def __init__(self, node: Node, position: int, above: "_Unfolded | None") -> None:
        self.node = node
        self.position = position
        """Which child of the one above it is."""
        self.above = above
        self.below: dict[int, _Unfolded] = {}
        """The children that are unfolded, by their positions."""
        self.parts: list[_Part] = []
        """Its own rows; none of the root, unless it is a value."""
        self.column = 0
        """Cells before the values of its children."""
        self._at: array[int] = array("q")
        self._starts: array[int] = array("q")
        self.rows = 0
        """Rows below its own."""
        self.size = 0
        """Children that are counted: a source that is still read may have more by now."""
        self.count()

    def count(self) -> None:
        """Count the rows again, after a change below."""
        self._at = array("q", sorted(self.below))
        more = list(accumulate((self.below[at].rows for at in self._at), initial=0))
        self._starts = array("q", (at + before for at, before in zip(self._at, more[:-1], strict=True)))
        self.size = len(self.node)
        self.rows = self.own + self.size + more[-1]

    @property
    def own(self) -> int:
        """Rows below the first that are its own, and not its children's."""
        return max(len(self.parts) - 1, 0)

    def child_at(self, row: int) -> tuple[int, int]:
        """The child at a row below its own (from 0), and which row of it and what is below it that is."""
        number = bisect_right(self._starts, row) - 1
        if number < 0:
            return row, 0
        at = self._at[number]
        beyond = row - self._starts[number] - self.below[at].rows
        return (at + beyond, 0) if beyond > 0 else (at, row - self._starts[number])

    def row_of(self, position: int) -> int:
        """The row (from 0) below its own at which a child stands."""
        number = bisect_right(self._at, position - 1) - 1
        if number < 0:
            return position
        at = self._at[number]
        return self._starts[number] + self.below[at].rows + position - at


class Outline:
    """The rows of a tree. The root itself has none, unless it holds nothing: everything is in it.

    Not safe for threads: one shows it, and folds it.
    """

    def __init__(
        self, root: Node, measure: Measure = len, cut: Cut = _by_characters, break_: Cut = _by_characters
    ) -> None:
        """`measure`, `cut` and `break_`, which breaks long texts into rows, know how wide signs are on the screen;
        without them each takes one cell.
        """
        self.root = root
        self._measure = measure
        self._cut = cut
        self._break = break_
        self._width = 0
        self._column = 0
        self._top = _Unfolded(root, 0, None)

    # Size

    @property
    def width(self) -> int:
        """Cells for which it is laid out; 0 before it is."""
        return self._width

    def lay_out(self, width: int) -> None:
        """Lay it out for a screen so many cells wide; the first time, unfold what there is room for."""
        if width == self._width:
            return
        first, self._width = not self._width, width
        if first:
            self._begin()
        else:
            self._lay_out_again()

    def grow(self) -> None:
        """Count again what is unfolded, since a source that is still read has more children by now."""
        for one in reversed(list(self._all(self._top))):
            one.count()

    def _begin(self) -> None:
        """Unfold level by level what fits into a page, the children of a node all or none; then texts that do."""
        rows = len(self._top.node)
        level = unfolded = [self._top]
        while level:
            below: list[_Unfolded] = []
            for parent in level:
                more = self._begin_below(parent, _CONTAINER_ROWS - rows)
                rows += sum(len(one.node) for one in more)
                below += more
            unfolded = [*unfolded, *below]
            level = below
        self._lay_out_again()
        for parent in unfolded:
            rows = self._begin_texts(parent, rows)
        if not self._top.size and self._foldable(self.root, 0, 0):
            self._unfold_root()

    def _begin_below(self, parent: _Unfolded, room: int) -> list[_Unfolded]:
        """Unfold the containers in one, if there is room for all that are no larger than a page."""
        if len(parent.node) > _CONTAINER_ROWS:
            return []
        children = enumerate(parent.node.children(0, len(parent.node)))
        holding = [(position, child) for position, child in children if 0 < len(child) <= _CONTAINER_ROWS]
        if sum(len(child) for _, child in holding) > room:
            return []
        return [self._unfold(parent, position, child) for position, child in holding]

    def _begin_texts(self, parent: _Unfolded, rows: int) -> int:
        """Unfold the long texts in a node that there is room for, and return how many rows there are then."""
        if len(parent.node) > _ROWS:
            return rows
        for position, child in enumerate(parent.node.children(0, len(parent.node))):
            if not len(child) and self._foldable(child, self._depth(parent), parent.column):
                text = self._unfold(parent, position, child)
                if rows + text.rows > _ROWS:
                    self._drop(text)
                else:
                    rows += text.rows
        return rows

    def _lay_out_again(self) -> None:
        """Lay out what is unfolded for another width."""
        unfolded = list(self._all(self._top))
        columns = [self._own_column(one) for one in unfolded]
        self._column = max(columns[:_MEASURED])
        for one, column in zip(unfolded, columns, strict=True):
            one.column = max(self._column, column)
            if one.above is not None:
                one.parts = self._parts(one.node, self._depth(one.above), one.above.column)
            elif one.parts:
                one.parts = self._parts(one.node, 0, 0)
        for one in reversed(unfolded):
            one.count()

    def _all(self, one: _Unfolded) -> Iterator[_Unfolded]:
        """All that is unfolded, a node before what is in it."""
        yield one
        for below in one.below.values():
            yield from self._all(below)

    def _own_column(self, one: _Unfolded) -> int:
        """Where the values of the children of a node begin, by the longest of its shorter labels."""
        most = max(min(34, self._width * 2 // 5), 8)
        indent = self._indent(self._depth(one)) + _SIGN + _GAP
        children = one.node.children(0, min(len(one.node), _MEASURED))
        widths = [indent + self._measure(label_of(child)) for child in children]
        if len(one.node) > _MEASURED and one.node.kind is Kind.ARRAY:
            widths.append(indent + len(f"[{len(one.node) - 1}]"))
        return max((width for width in widths if width <= most), default=0)

    def _depth(self, parent: _Unfolded) -> int:
        """How deep the children of a node stand."""
        depth = 0
        while parent.above is not None:
            depth, parent = depth + 1, parent.above
        return depth

    def _indent(self, depth: int) -> int:
        return min(len(INDENT) * depth, self._width // 3)

    # Rows

    def __len__(self) -> int:
        return self._top.rows if self._top.size else 1 + self._top.rows

    def row(self, index: int) -> Row:
        """The row at an index. The outline must be laid out."""
        if not self._top.size:
            return self._row(self.root, (), 0, 0, self._top if self._top.parts else None, index)
        parent, depth = self._top, 0
        positions: Positions = ()
        while True:
            position, within = parent.child_at(index)
            positions = (*positions, position)
            below = parent.below.get(position)
            if below is None or within <= below.own:
                (node,) = parent.node.children(position, position + 1) if below is None else (below.node,)
                return self._row(node, positions, depth, parent.column, below, within)
            parent, index, depth = below, within - 1 - below.own, depth + 1

    def rows(self) -> Iterator[Row]:
        """All rows that are unfolded."""
        return map(self.row, range(len(self)))

    def index_of(self, positions: Positions) -> int:
        """The row of a node; where that is folded away, of the innermost that it is in and that is not."""
        parent, row = self._top, -1
        for position in positions:
            row += 1 + parent.own + parent.row_of(position)
            if (below := parent.below.get(position)) is None:
                break
            parent = below
        return max(row, 0)

    def _row(
        self, node: Node, positions: Positions, depth: int, column: int, below: _Unfolded | None, part: int
    ) -> Row:
        indent = self._indent(depth)
        if below is not None and below.parts:
            this = below.parts[part]
            aside = meaning(node) if part == below.own else ""
            return Row(
                node, positions, part, True, indent, this.label, this.label_from, this.value_at, this.value, this.line,
                this.value_from, False, aside, "",
            )  # fmt: skip
        label, value_at, room = self._place(node, depth, column)
        shown = self._clipped(label, value_at - indent - _SIGN - _GAP) if label else ""
        if len(node):
            (value,) = lines_of(node)
            left = room - len(value) - _GAP
            preview = self._preview(node, left) if left >= _LEAST_VALUE else ""
            return Row(node, positions, 0, False, indent, shown, 0, value_at, value, 0, 0, False, "", preview)
        lines = lines_of(node, _LOOKED_AT)
        value = lines[0]
        more = len(lines) > 1 or self._measure(value) > room
        aside = self._size(node) if more else meaning(node)
        left = room - self._measure(aside) - _GAP - 2 if aside else room
        if more:
            value = self._cut(value, max(left, _LEAST_VALUE) - 1)[0]
        elif aside and self._measure(value) > left:
            aside = self._clipped(aside, room - self._measure(value) - _GAP - 2)
        unfolded = False if more or shown != label else None
        return Row(node, positions, 0, unfolded, indent, shown, 0, value_at, value, 0, 0, more, aside, "")

    def _place(self, node: Node, depth: int, column: int) -> tuple[str, int, int]:
        """The label of a node, where its value begins, and how many cells there are for that."""
        label = label_of(node)
        indent = self._indent(depth) + _SIGN
        most = max(self._width - _LEAST_VALUE, indent + _LEAST_VALUE)
        own = indent + self._measure(label) + _GAP if label else indent
        value_at = min(max(column, own), most)
        return label, value_at, max(self._width - value_at, _LEAST_VALUE)

    def _clipped(self, text: str, room: int) -> str:
        """A text on one row, with an ellipsis where it is cut; empty where there is no room."""
        if self._measure(text) <= room:
            return text
        return f"{self._cut(text, room - 1)[0]}…" if room > 1 else "…"[: max(room, 0)]

    def _size(self, node: Node) -> str:
        """How much of a text there is, folded away."""
        text = node.text()
        if node.kind is Kind.BYTES:
            return size(len(text) // 2)
        lines = text.count("\n") + 1
        return plural(lines, "line") if lines > 1 else plural(len(text), "character")

    def _preview(self, node: Node, room: int) -> str:
        """The beginning of what is in a folded node, as far as there is room."""
        count = min(len(node), _PREVIEWED)
        parts: list[str] = []
        for child in node.children(0, count):
            label = f"{label_of(child)} " if node.kind is Kind.OBJECT else ""
            if len(child):
                value = "{…}" if child.kind is Kind.OBJECT else "[…]"
            elif child.kind in (Kind.OBJECT, Kind.ARRAY):
                value = "{}" if child.kind is Kind.OBJECT else "[]"
            else:
                lines = lines_of(child, _LOOKED_AT)
                value = lines[0] if len(lines) == 1 else f"{lines[0]}…"
            parts.append(f"{label}{value}")
            if sum(map(len, parts)) > room:
                break
        return self._clipped(", ".join(parts) + (", …" if len(parts) < len(node) else ""), room)

    # Parts of long texts

    def _foldable(self, node: Node, depth: int, column: int) -> bool:
        """Whether a value takes more than one row."""
        label, value_at, room = self._place(node, depth, column)
        lines = lines_of(node, _LOOKED_AT)
        too_long = self._measure(label) > value_at - self._indent(depth) - _SIGN - _GAP if label else False
        return too_long or len(lines) > 1 or self._measure(lines[0]) > room

    def _parts(self, node: Node, depth: int, column: int) -> list[_Part]:
        """The rows of its own that a node has where it is unfolded."""
        label, value_at, room = self._place(node, depth, column)
        label_room = value_at - self._indent(depth) - _SIGN - _GAP
        labels: list[tuple[str, int]] = [(label, 0)]
        if label and self._measure(label) > label_room:
            value_at = self._indent(depth) + 2 * _SIGN
            room = max(self._width - value_at, _LEAST_VALUE)
            labels = list(self._pieces(label, max(self._width - self._indent(depth) - _SIGN, _LEAST_VALUE)))
        parts = [_Part(piece, begin, value_at, "", 0, 0) for piece, begin in labels[:-1]]
        if len(labels) > 1 or (label and value_at <= self._indent(depth) + 2 * _SIGN):
            parts.append(_Part(*labels[-1], value_at, "", 0, 0))
            labels = [("", len(label))]
        lines = lines_of(node) if not len(node) or node.kind is Kind.ARRAY else [""]
        for number, one in enumerate(lines):
            for piece, begin in self._pieces(one, room):
                parts.append(_Part(*labels[-1], value_at, piece, number, begin))
                labels = [("", len(label))]
        return parts

    def _pieces(self, text: str, width: int) -> Iterator[tuple[str, int]]:
        """The pieces of a text, each with the character at which it begins."""
        begin = 0
        for piece in self._break(text, width) or [""]:
            yield piece, begin
            begin += len(piece)

    # Folding

    def unfold(self, positions: Positions) -> None:
        """Unfold a node, and all that it is in."""
        if not self._top.size:
            if self._foldable(self.root, 0, 0):
                self._unfold_root()
            return
        parent = self._top
        for position in positions:
            below = parent.below.get(position)
            if below is None:
                (node,) = parent.node.children(position, position + 1)
                if not len(node) and not self._foldable(node, self._depth(parent), parent.column):
                    return
                below = self._unfold(parent, position, node)
            parent = below

    def reveal(self, positions: Positions, *, whole: bool = False) -> None:
        """Unfold all that a node is in; the `whole` of a long text, too."""
        self.unfold(positions if whole and not len(node_at(self.root, positions)) else positions[:-1])

    def fold(self, positions: Positions) -> None:
        """Fold a node away, with all in it that was unfolded."""
        one = self._unfolded_at(positions)
        if one is not None and one is not self._top:
            self._drop(one)
        elif one is self._top and self._top.parts:
            self._top.parts = []
            self._top.count()

    def unfold_all(self, positions: Positions = ()) -> bool:
        """Unfold a node and everything in it, level by level. False: that is too much for once, and the rest of it is
        still folded.
        """
        self.unfold(positions)
        first = self._unfolded_at(positions)
        if first is None:
            return True
        room = _MOST_AT_ONCE - len(first.node)
        level, done = [first] if room >= 0 else [], room >= 0
        levels: list[list[_Unfolded]] = []
        while level:
            levels.append(level)
            below: list[_Unfolded] = []
            for parent in level:
                for position, child in enumerate(parent.node.children(0, len(parent.node))):
                    there = parent.below.get(position)
                    if there is None and room < len(child):
                        done = False
                        continue
                    if there is None and (len(child) or self._foldable(child, self._depth(parent), parent.column)):
                        there = self._attach(parent, position, child)
                    if there is not None:
                        room -= there.own + len(child)
                        below.append(there)
            level = [one for one in below if len(one.node)]
        for one in (one for level in reversed(levels) for one in level):
            one.count()
        self._count_up(first.above)
        return done

    def fold_all(self) -> None:
        """Fold everything away but what the root holds."""
        self._top.below.clear()
        self._top.parts = []
        self._top.count()

    def _unfolded_at(self, positions: Positions) -> _Unfolded | None:
        one: _Unfolded | None = self._top
        for position in positions:
            one = one.below.get(position) if one is not None else None
        return one

    def _unfold_root(self) -> None:
        self._top.parts = self._parts(self.root, 0, 0)
        self._top.count()

    def _attach(self, parent: _Unfolded, position: int, node: Node) -> _Unfolded:
        """Unfold a child without counting the rows above."""
        below = _Unfolded(node, position, parent)
        if len(node):
            below.column = max(self._column, self._own_column(below))
        below.parts = self._parts(node, self._depth(parent), parent.column)
        below.count()
        parent.below[position] = below
        return below

    def _unfold(self, parent: _Unfolded, position: int, node: Node) -> _Unfolded:
        below = self._attach(parent, position, node)
        self._count_up(parent)
        return below

    def _drop(self, one: _Unfolded) -> None:
        assert one.above is not None  # noqa: S101 - the root is never dropped
        del one.above.below[one.position]
        self._count_up(one.above)

    def _count_up(self, one: _Unfolded | None) -> None:
        while one is not None:
            one.count()
            one = one.above
