"""The frozen list of what a confirmed deletion will touch, and what it adds up to (DESIGN.md section 6)."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from archive_tui.catalog.catalog import Catalog
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


def plan_rows(catalog: Catalog, seqs: Iterable[int], shown: Iterable[int] | None = None) -> Plan:
    """Freeze a choice of rows; `shown` are those the filter shows, to count the hidden ones. Not for the UI loop."""
    chosen = array("q", seqs)
    hidden = len(set(chosen).difference(shown)) if shown is not None else 0
    selection = Selection(catalog, chosen)
    return Plan(selection, selection.totals(), hidden)


def plan_matching(catalog: Catalog, query: Query) -> Plan:
    """Freeze every row that matches a query at this moment. Not for the UI loop."""
    return plan_rows(catalog, catalog.find(query))
