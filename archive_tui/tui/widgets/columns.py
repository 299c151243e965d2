"""The columns of a table: what they show, and how wide each is drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from rich.cells import cell_len, set_cell_size

from archive_tui import text

Row = TypeVar("Row")

Align = Literal["left", "right"]
Tone = Literal[
    "warn", "bad", "dim", "good", "accent", "production", "green", "yellow", "blue", "magenta", "cyan"
]  # fmt: skip
"""The last six are badges: that of production, and those of other profiles."""

GAP = 2  # cells between columns
ELLIPSIS = "…"

_LEAST = 4
"""Cells in which a value that is cut still says something."""

# Characters whose width terminals disagree about, so that no padding would be right everywhere: variation selectors,
# keycaps and skin tones go, and the letters of a flag become plain letters.
STEADY: dict[int, str | None] = {
    **dict.fromkeys([0x20E3, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400)]),
    **{0x1F1E6 + letter: chr(ord("A") + letter) for letter in range(26)},
}


class Cell(NamedTuple):
    """Safe text in one of the tones. The tone only repeats what the text says: colour alone carries no meaning."""

    text: str
    """Safe to show, on one line."""

    tone: Tone
    """Its colour, by meaning."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its name, its width, and its cells."""

    name: str
    """Identity, and the name to sort by."""
    title: str
    """Header text."""
    cell: Callable[[Row], str | Cell]
    """What stands in the cell of a row: text that passed `archive_tui.text`, shown as it is, never as markup."""
    width: int
    """Cells it needs at least."""
    align: Align = "left"
    least: int = 0
    """Cells below which it says too little: what `yields`, or stands beside the table, goes first; 0 for none."""
    enough: int = 0
    """Cells that it should have before any column is shown whole, or grows; 0 for its `width`."""
    whole: int = 0
    """Cells that show all of it, which it gets in one step or not at all; 0 for none."""
    grow: int = 0
    """Its share of the width that is left over."""
    most: int | None = None
    """The width up to which it grows; None for no limit."""
    priority: int = 0
    """Where the terminal is too narrow, the highest number goes first; 0 never goes."""
    yields: bool = False
    """Whether it goes where another column would have less than its `least`."""
    sortable: bool = True
    help: str = ""
    """What it says, for the help of the screen."""
    exact: Callable[[Row], str | Cell] | None = None
    """What stands in the cell where times are written out; None: the same as else."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are drawn, with their widths, as `lay_out` decided."""

    slots: tuple[tuple[Column[Any], int], ...]
    """Each column that is drawn, with its width in cells."""

    width: int
    """Cells of all of them, the gaps included."""

    def at(self, x: int) -> Column[Any] | None:
        """The column at cell `x`, counted from the right end of the gutter."""
        edge = 0
        for column, width in self.slots:
            if edge <= x < edge + width:
                return column
            edge += width + GAP
        return None


def fit(value: str, width: int, align: Align = "left") -> str:
    """`value` as one safe line of exactly `width` cells: padded, or cut with an ellipsis."""
    if width <= 0:
        return ""
    most = 8 * width  # a cell takes one character and perhaps some accents: never measure a megabyte
    safe, cut = text.line(value[:most]), len(value) > most
    if not safe.isascii():
        safe = safe.translate(STEADY)
    cells = cell_len(safe)
    if cut or cells > width:
        return set_cell_size(safe, width - 1) + ELLIPSIS
    padding = " " * (width - cells)
    return padding + safe if align == "right" else safe + padding


def needed(columns: Iterable[Column[Any]]) -> int:
    """The cells that columns take as long as none of those goes that have no priority."""
    widths = [column.least or column.width for column in columns if not column.priority]
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def lay_out(columns: Iterable[Column[Any]], room: int, natural: Mapping[str, int] | None = None) -> Layout:
    """Decide which columns are drawn and how wide, in `room` cells.

    Columns are hidden by priority until the minimum widths fit. What cannot be hidden shrinks: first what has a
    `least`, down to that; then what `yields` goes; then the others shrink, the widest first, and go where they would
    say nothing, but for the last. What is left over goes first to what has not `enough`, in the order of the columns,
    then to what can be shown `whole`, and is then shared by `grow`. With `natural` widths (wide mode) nothing is hidden
    or shrunk: the table scrolls.
    """
    shown = list(columns)
    if natural is None:
        widths = {column.name: column.width for column in shown}
    else:
        widths = {column.name: max(column.width, natural.get(column.name, 0)) for column in shown}

    def spare() -> int:
        return room - sum(widths[column.name] for column in shown) - GAP * max(len(shown) - 1, 0)

    if natural is None:
        while spare() < 0 and (dispensable := [column for column in shown if column.priority]):
            shown.remove(max(reversed(dispensable), key=lambda column: column.priority))
        while spare() < 0 and shown:
            above_least = [column for column in shown if column.least and widths[column.name] > column.least]
            yielding = [column for column in shown if column.yields]
            if not above_least and yielding:
                shown.remove(yielding[-1])
                widths |= {column.name: column.width for column in shown}
                continue
            shrinking = above_least or [column for column in shown if not column.least] or shown
            widest = max(reversed(shrinking), key=lambda column: widths[column.name])
            widths[widest.name] -= 1
            if widths[widest.name] < (min(_LEAST, widest.width) if len(shown) > 1 else 1):
                shown.remove(widest)
    left = max(spare(), 0)
    for column in shown:
        more = min(max(column.enough - widths[column.name], 0), left)
        widths[column.name] += more
        left -= more
    for column in shown:
        more = max(column.whole - widths[column.name], 0)
        if more <= left:
            widths[column.name] += more
            left -= more
    growing = [column for column in shown if column.grow]
    while growing:
        shares = sum(column.grow for column in growing)
        full = [
            column
            for column in growing
            if column.most is not None and widths[column.name] + left * column.grow // shares > column.most
        ]
        for column in full or growing:  # what rounding leaves goes to the later columns, so that the sum is exact
            room_to_grow = left * column.grow // shares
            if full and column.most is not None:
                room_to_grow = max(column.most - widths[column.name], 0)
            widths[column.name] += room_to_grow
            left, shares = left - room_to_grow, shares - column.grow
        growing = [column for column in growing if column not in full] if full else []
    slots = tuple((column, widths[column.name]) for column in shown)
    return Layout(slots, sum(width for _, width in slots) + GAP * max(len(slots) - 1, 0))
