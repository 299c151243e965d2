"""The outline of a tree: rows that are made when they are in sight, with what is folded and what is not.

Opening a tree of a million values costs what its first rows cost. Only what is unfolded has a state: for each unfolded
node the children that are unfolded in their turn, so that the row at any place is found by bisection. Values may come
from anywhere: an outline knows `nodes.Node` alone, never a whole tree.

A text of several lines, or one longer than the screen is wide, unfolds as well: folded it is its beginning on one row,
unfolded all of it on as many rows as it takes. What is unfolded at first is decided by size: see `_begin`.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from archive_tui.payloads.nodes import Node, Positions, node_at
from archive_tui.payloads.outline_rows import MEASURED, Cut, Measure, Part, Row, RowLayout, by_characters

_CONTAINER_ROWS = 40
_ROWS = 120
"""Rows up to which containers are unfolded at first, and then long texts."""

_MOST_AT_ONCE = 5_000
"""Rows that unfolding everything adds at once."""


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
        self.parts: list[Part] = []
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
        self, root: Node, measure: Measure = len, cut: Cut = by_characters, break_: Cut = by_characters
    ) -> None:
        """`measure`, `cut` and `break_`, which breaks long texts into rows, know how wide signs are on the screen;
        without them each takes one cell.
        """
        self.root = root
        self._layout = RowLayout(measure, cut, break_)
        self._column = 0
        self._top = _Unfolded(root, 0, None)

    # Size

    @property
    def width(self) -> int:
        """Cells for which it is laid out; 0 before it is."""
        return self._layout.width

    def lay_out(self, width: int) -> None:
        """Lay it out for a screen so many cells wide; the first time, unfold what there is room for."""
        layout = self._layout
        if width == layout.width:
            return
        first, layout.width = not layout.width, width
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
        if not self._top.size and self._layout.foldable(self.root, 0, 0):
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
            if not len(child) and self._foldable(child, parent):
                text = self._unfold(parent, position, child)
                if rows + text.rows > _ROWS:
                    self._drop(text)
                else:
                    rows += text.rows
        return rows

    def _lay_out_again(self) -> None:
        """Lay out what is unfolded for another width."""
        unfolded = list(self._all(self._top))
        columns = [self._layout.column_in(one.node, self._depth(one)) for one in unfolded]
        self._column = max(columns[:MEASURED])
        for one, column in zip(unfolded, columns, strict=True):
            one.column = max(self._column, column)
            if one.above is not None:
                one.parts = self._layout.parts(one.node, self._depth(one.above), one.above.column)
            elif one.parts:
                one.parts = self._layout.parts(one.node, 0, 0)
        for one in reversed(unfolded):
            one.count()

    def _foldable(self, node: Node, parent: _Unfolded) -> bool:
        """Whether a value in a node takes more than one row."""
        return self._layout.foldable(node, self._depth(parent), parent.column)

    def _all(self, one: _Unfolded) -> Iterator[_Unfolded]:
        """All that is unfolded, a node before what is in it."""
        yield one
        for below in one.below.values():
            yield from self._all(below)

    def _depth(self, parent: _Unfolded) -> int:
        """How deep the children of a node stand."""
        depth = 0
        while parent.above is not None:
            depth, parent = depth + 1, parent.above
        return depth

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
        if below is not None and below.parts:
            return self._layout.part(node, positions, depth, below.parts, part)
        return self._layout.folded(node, positions, depth, column)

    # Folding

    def unfold(self, positions: Positions) -> None:
        """Unfold a node, and all that it is in."""
        if not self._top.size:
            if self._layout.foldable(self.root, 0, 0):
                self._unfold_root()
            return
        parent = self._top
        for position in positions:
            below = parent.below.get(position)
            if below is None:
                (node,) = parent.node.children(position, position + 1)
                if not len(node) and not self._foldable(node, parent):
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
                    if there is None and (len(child) or self._foldable(child, parent)):
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
        self._top.parts = self._layout.parts(self.root, 0, 0)
        self._top.count()

    def _attach(self, parent: _Unfolded, position: int, node: Node) -> _Unfolded:
        """Unfold a child without counting the rows above."""
        below = _Unfolded(node, position, parent)
        if len(node):
            below.column = max(self._column, self._layout.column_in(node, self._depth(below)))
        below.parts = self._layout.parts(node, self._depth(parent), parent.column)
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
