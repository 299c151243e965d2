"""The frozen list of what a confirmed deletion will touch, and what it adds up to (DESIGN.md section 6)."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.selection import Selection, Totals
from archive_tui.wording.people import age, plural


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be deleted. `hidden` of its tasks are not shown by the current filter. `seen_at` is since when its rows
    may have changed: when the scan that found them began, or the list was read (unix seconds); None where nobody says.
    """

    selection: Selection
    totals: Totals
    hidden: int = 0
    seen_at: float | None = None

    @property
    def count(self) -> int:
        """How many tasks."""
        return self.totals.count

    def seen(self, now: float) -> str:
        """How old its rows are, in words; empty where nobody says."""
        if self.seen_at is None:
            return ""
        how = "read from the archive" if None in self.totals.by_kind else "found by a scan that began"
        return f"{how} {age(self.seen_at, now)} ago"

    @property
    def frees(self) -> str:
        """What becomes free when all of it is deleted, in words; empty where nothing does."""
        totals, freed = self.totals, []
        if totals.locked:
            freed.append(f"up to {plural(totals.locked, 'unique lock')} that these tasks still hold")
        if totals.fixed_ids:
            freed.append(
                f"{plural(totals.fixed_ids, 'fixed id')} that block{'s' if totals.fixed_ids == 1 else ''} new tasks"
            )
        return " and ".join(freed)

    @property
    def afterwards(self) -> str:
        """What Asynq will do, or no longer do, when all of it is deleted."""
        totals, one = self.totals, self.count == 1
        if totals.fixed_ids:
            ids = "this id" if one else "these ids"
            return f"Asynq can enqueue {ids} again{', and others under the locks' if totals.locked else ''}"
        if totals.locked:
            return f"Asynq can enqueue others under {'this lock' if one else 'these locks'} again"
        if None in totals.by_kind:
            return f"Asynq's tools list and run {'it' if one else 'them'} no more"
        return f"nothing changes for Asynq, which has lost track of {'it' if one else 'them'} already"


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


@dataclass(frozen=True, slots=True)
class Retention:
    """Which archived tasks to keep: those archived at `before` (unix seconds) or later, and the newest `keep`. None
    for a bound that is not wanted; where both are given, a task must be beyond both to go.
    """

    before: float | None = None
    keep: int | None = None


def plan_oldest(
    catalog: Catalog,
    query: Query,
    retention: Retention | None = None,
    limit: int | None = None,
    without: Collection[int] = (),
) -> Plan:
    """Freeze the rows that match a query and that a retention lets go: the oldest first, at most `limit` of them, and
    none of those in `without`.

    The newest `keep` are counted among the rows that match. Not for the UI loop.
    """
    newest_first = catalog.find(replace(query, sort=Sort.DIED, descending=True))
    if without:
        newest_first = array("q", [seq for seq in newest_first if seq not in without])
    start = 0
    if retention is not None:
        if retention.before is not None:
            start = _first_before(catalog, newest_first, retention.before)
        start = max(start, retention.keep or 0)
    chosen = newest_first[start:]
    chosen.reverse()
    selection = Selection(catalog, chosen[:limit] if limit is not None else chosen)
    return Plan(selection, selection.totals())


def _first_before(catalog: Catalog, newest_first: "array[int]", moment: float) -> int:
    """Where, among rows sorted from the newest to the oldest, those begin that were archived before a moment."""

    def is_before(at: int) -> bool:
        row = catalog.rows(newest_first[at : at + 1]).get(newest_first[at])
        return row is None or row.scored_at is None or row.scored_at < moment

    return bisect_left(range(len(newest_first)), True, key=is_before)
