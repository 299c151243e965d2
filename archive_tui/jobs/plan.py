"""The frozen list of what a confirmed deletion will touch, and what it adds up to (DESIGN.md section 6)."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection, Totals


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be deleted. `hidden` of its tasks are not shown by the current filter."""

    selection: Selection
    totals: Totals
    hidden: int = 0

    @property
    def count(self) -> int:
        """How many tasks."""
        return self.totals.count


def plan_rows(catalog: Catalog, marks: Marks, shown: Sequence[int]) -> Plan:
    """Freeze the marked rows, those shown first and in their order, then the hidden ones. Not for the UI loop."""
    visible = marks.chosen(shown)
    hidden = array("q")
    if len(visible) < len(marks):
        seen = Marks()
        seen.add(visible)
        hidden = array("q", (seq for seq in marks if seq not in seen))
    selection = Selection(catalog, visible + hidden)
    return Plan(selection, selection.totals(), len(hidden))


def plan_matching(catalog: Catalog, query: Query) -> Plan:
    """Freeze every row that matches a query at this moment. Not for the UI loop."""
    selection = Selection(catalog, catalog.find(query))
    return Plan(selection, selection.totals())
