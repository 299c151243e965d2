"""A table of which single cells can be chosen, in some of its columns."""

from collections.abc import Sequence
from typing import Any

from textual.reactive import reactive

from archive_tui.tui.widgets.columns import Column, Row, Tone
from archive_tui.tui.widgets.table import VirtualTable


class CellTable(VirtualTable[Row]):
    """Left and right go through the `choosable` columns; at either end the cursor stands on the whole row."""

    cell: reactive[str | None] = reactive(None, always_update=True)
    """The name of the column that is chosen; None: the whole row is."""

    def __init__(self, columns: Sequence[Column[Row]], choosable: Sequence[str], **options: Any) -> None:
        super().__init__(columns, **options)
        self.choosable = tuple(choosable)

    def action_pan(self, direction: int) -> None:
        """Choose the next column, or the whole row."""
        stops: list[str | None] = [None, *self.choosable]
        at = stops.index(self.cell) if self.cell in stops else 0
        self.cell = stops[(at + direction) % len(stops)]

    def watch_cell(self) -> None:
        """Draw the cell that is chosen now."""
        self.refresh()

    def content_at(self, index: int, column: Column[Row], row: Row) -> tuple[str, Tone | None]:
        text, tone = super().content_at(index, column, row)
        if column.name == self.cell and index == self.cursor_index:
            return f"▸{text}", "accent"  # a sign, since colour alone says nothing
        return text, tone
