"""The plan of a deletion: the frozen list of the rows it will touch, and what they add up to."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.selection import Selection, Totals
from archive_tui.catalog.seqs import seqs_of
from archive_tui.changes.expiry import Expiring
from archive_tui.changes.other_installations import OtherInstallations

if TYPE_CHECKING:
    from archive_tui.changes.change import Change


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen choice of rows. A deletion takes all of them, a repair those whose kind it fits."""

    selection: Selection
    """The rows, by number."""

    totals: Totals
    """What they add up to."""

    hidden: int = 0
    """Rows that the current filter does not show."""

    seen_at: float | None = None
    """Unix seconds since when the rows may have changed: when the scan that found them began, or the list was read;
    None where that is not known.
    """

    left_out: str = ""
    """Chosen rows that it leaves out, with the reason, in words; empty for none."""

    expiring: Expiring = field(default_factory=Expiring)
    """The tasks that have a time to live, as far as they were looked at."""

    others: OtherInstallations = field(default_factory=OtherInstallations)
    """Its ghosts that are tasks of another installation, as far as anybody looked."""

    def change(self) -> "Change[Any]":
        """The change that carries it out."""
        from archive_tui.changes.delete import DeleteChange

        return DeleteChange(self)

    def ids(self) -> Iterator[tuple[str, bytes]]:
        """Queue and id of each task, in the order of the plan; some thousand are in memory at a time."""
        for rows in self.selection.batches():
            yield from ((row.queue, row.id) for _, row in rows)

    @property
    def count(self) -> int:
        """How many tasks."""
        return self.totals.count


def plan_rows(catalog: Catalog, marks: Marks, shown: Sequence[int]) -> Plan:
    """Freeze the marked rows, those shown first and in their order, then the hidden ones. Not for the UI loop."""
    visible = marks.chosen(shown)
    hidden = seqs_of()
    if len(visible) < len(marks):
        seen = Marks()
        seen.add(visible)
        hidden = seen.others(marks.seqs)
    selection = Selection(catalog, visible + hidden)
    return Plan(selection, selection.totals(), len(hidden))


def plan_matching(catalog: Catalog, query: Query) -> Plan:
    """Freeze every row that matches a query at this moment. Not for the UI loop."""
    selection = Selection(catalog, catalog.find(query))
    return Plan(selection, selection.totals())


@dataclass(frozen=True, slots=True)
class Retention:
    """Bounds of what an archive keeps. Where both are given, a task must be beyond both to go."""

    before: float | None = None
    """Unix seconds: what was archived then or later is kept; None sets no bound."""

    keep: int | None = None
    """The newest tasks to keep, 0 for none of them; None sets no bound."""


def plan_oldest(
    catalog: Catalog,
    query: Query,
    retention: Retention | None = None,
    limit: int | None = None,
    without: Collection[int] = (),
    *,
    ghosts: bool = False,
) -> Plan:
    """Freeze the rows that match a query and that a retention lets go: the oldest first, at most `limit` of them, and
    none of those in `without`. Ghosts have no data to delete, and are in the plan only where `ghosts` are asked for.

    The newest `keep` are counted among the rows that match. Not for the UI loop.
    """
    newest_first = catalog.find(replace(query, sort=Sort.DIED, descending=True))
    if without:
        newest_first = seqs_of([seq for seq in newest_first if seq not in without])
    start = 0
    if retention is not None:
        if retention.before is not None:
            start = _first_before(catalog, newest_first, retention.before)
        start = max(start, retention.keep or 0)
    chosen = newest_first[start:]
    chosen.reverse()
    if not ghosts and (dataless := catalog.find(Query(kind=Kind.GHOST))):
        left_out = Marks()
        left_out.add(dataless)
        chosen = left_out.others(chosen)
    selection = Selection(catalog, chosen[:limit] if limit is not None else chosen)
    return Plan(selection, selection.totals())


def _first_before(catalog: Catalog, newest_first: "array[int]", moment: float) -> int:
    """Where, among rows sorted from the newest to the oldest, those begin that were archived before a moment."""

    def is_before(at: int) -> bool:
        row = catalog.rows(newest_first[at : at + 1]).get(newest_first[at])
        return row is None or row.scored_at is None or row.scored_at < moment

    return bisect_left(range(len(newest_first)), True, key=is_before)
