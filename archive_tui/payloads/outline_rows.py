"""Rows of an outline, laid out for a width: what stands in each, and over how many a long text goes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archive_tui.payloads.meanings import meaning
from archive_tui.payloads.nodes import Kind, Node, Positions, label_of, lines_of
from archive_tui.payloads.writing import INDENT
from archive_tui.wording.people import plural, size

UNFOLDED, FOLDED = "▾", "▸"

MEASURED = 100
"""Children whose labels decide where the values of all begin."""

_SIGN = 2
"""Cells of the sign and the space after it."""

_GAP = 2
_LEAST_VALUE = 12
"""Cells that a value has at least, however long its key is."""

_LOOKED_AT = 2_000
"""Characters of a long text that are looked at while it is folded; no screen is wider."""

_PREVIEWED = 6

Measure = Callable[[str], int]
"""Gives the cells that a text takes."""

Cut = Callable[[str, int], Sequence[str]]
"""Cuts a text into pieces of at most so many cells."""


def by_characters(text: str, width: int) -> Sequence[str]:
    """Cut a text whose signs take one cell each."""
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
class Part:
    """One of the rows of what is unfolded; its fields are those of a `Row`."""

    label: str
    label_from: int
    value_at: int
    value: str
    line: int
    value_from: int


class RowLayout:
    """Lays rows out. A node stands so deep, and the values beside it begin at a column."""

    def __init__(self, measure: Measure, cut: Cut, break_: Cut) -> None:
        """`break_` breaks long texts into rows; all know how wide signs are on the screen."""
        self.width = 0
        """Cells for which rows are laid out; 0 before there are any."""
        self._measure = measure
        self._cut = cut
        self._break = break_

    def column_in(self, node: Node, depth: int) -> int:
        """Where the values of the children of a node begin, which stand so deep, by the longest of its shorter
        labels.
        """
        most = max(min(34, self.width * 2 // 5), 8)
        indent = self._indent(depth) + _SIGN + _GAP
        children = node.children(0, min(len(node), MEASURED))
        widths = [indent + self._measure(label_of(child)) for child in children]
        if len(node) > MEASURED and node.kind is Kind.ARRAY:
            widths.append(indent + len(f"[{len(node) - 1}]"))
        return max((width for width in widths if width <= most), default=0)

    def _indent(self, depth: int) -> int:
        return min(len(INDENT) * depth, self.width // 3)

    def part(self, node: Node, positions: Positions, depth: int, parts: Sequence[Part], number: int) -> Row:
        """One of the rows of a node that is unfolded."""
        this = parts[number]
        aside = meaning(node) if number == len(parts) - 1 else ""
        return Row(
            node, positions, number, True, self._indent(depth), this.label, this.label_from, this.value_at, this.value,
            this.line, this.value_from, False, aside, "",
        )  # fmt: skip

    def folded(self, node: Node, positions: Positions, depth: int, column: int) -> Row:
        """The row of a node that is not unfolded."""
        indent = self._indent(depth)
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
        most = max(self.width - _LEAST_VALUE, indent + _LEAST_VALUE)
        own = indent + self._measure(label) + _GAP if label else indent
        value_at = min(max(column, own), most)
        return label, value_at, max(self.width - value_at, _LEAST_VALUE)

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

    def foldable(self, node: Node, depth: int, column: int) -> bool:
        """Whether a value takes more than one row."""
        label, value_at, room = self._place(node, depth, column)
        lines = lines_of(node, _LOOKED_AT)
        too_long = self._measure(label) > value_at - self._indent(depth) - _SIGN - _GAP if label else False
        return too_long or len(lines) > 1 or self._measure(lines[0]) > room

    def parts(self, node: Node, depth: int, column: int) -> list[Part]:
        """The rows of its own that a node has where it is unfolded."""
        label, value_at, room = self._place(node, depth, column)
        label_room = value_at - self._indent(depth) - _SIGN - _GAP
        labels: list[tuple[str, int]] = [(label, 0)]
        if label and self._measure(label) > label_room:
            value_at = self._indent(depth) + 2 * _SIGN
            room = max(self.width - value_at, _LEAST_VALUE)
            labels = list(self._pieces(label, max(self.width - self._indent(depth) - _SIGN, _LEAST_VALUE)))
        parts = [Part(piece, begin, value_at, "", 0, 0) for piece, begin in labels[:-1]]
        if len(labels) > 1 or (label and value_at <= self._indent(depth) + 2 * _SIGN):
            parts.append(Part(*labels[-1], value_at, "", 0, 0))
            labels = [("", len(label))]
        lines = lines_of(node) if not len(node) or node.kind is Kind.ARRAY else [""]
        for number, one in enumerate(lines):
            for piece, begin in self._pieces(one, room):
                parts.append(Part(*labels[-1], value_at, piece, number, begin))
                labels = [("", len(label))]
        return parts

    def _pieces(self, text: str, width: int) -> Iterator[tuple[str, int]]:
        """The pieces of a text, each with the character at which it begins."""
        begin = 0
        for piece in self._break(text, width) or [""]:
            yield piece, begin
            begin += len(piece)
