"""The plan of a repair: the rows of a plan, and the repairs that fit their kinds."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.limits import Limits, default_limits
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import Plan
from archive_tui.store.link.server import Server
from archive_tui.store.write import repair as store

if TYPE_CHECKING:
    from archive_tui.changes.change import Change


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """The rows of a plan with a repair for some of their kinds. Other kinds are left alone."""

    plan: Plan
    """The rows, those that are left alone included."""

    repairs: Mapping[Kind | None, Repair]
    """The repair for each kind."""

    types: store.Types = field(default_factory=dict)
    """The types of foreign keys when the plan was made: a key that is of another type later is not deleted."""

    limits: Callable[[str], Limits] = default_limits
    """Gives the limits of a queue's archive."""

    @classmethod
    def of(
        cls,
        plan: Plan,
        repair: Repair,
        types: store.Types | None = None,
        limits: Callable[[str], Limits] = default_limits,
    ) -> "RepairPlan":
        """One repair for every kind that it fits."""
        return cls(plan, {kind: repair for kind in Kind if repair in offered(kind)}, types or {}, limits)

    def change(self) -> "Change[Any]":
        """The change that carries it out."""
        from archive_tui.changes.repair import RepairChange

        return RepairChange(self)

    def ids(self) -> Iterator[tuple[str, bytes]]:
        """Queue and id of each finding that will be repaired, in the order of the plan."""
        for rows in self.plan.selection.batches():
            yield from ((row.queue, row.id) for _, row in rows if row.kind in self.repairs)

    @property
    def count(self) -> int:
        """How many findings will be repaired."""
        return sum(self.counts.values())

    @property
    def counts(self) -> dict[Repair, int]:
        """How many findings get each repair."""
        counts = Counter[Repair]()
        for kind, count in self.plan.totals.by_kind.items():
            if kind in self.repairs:
                counts[self.repairs[kind]] += count
        return dict(counts)

    @property
    def label(self) -> str:
        """Its repairs, in a few words."""
        return ", ".join(repair.label for repair in self.counts)

    @property
    def by_kind(self) -> dict[Kind | None, int]:
        """How many findings of each kind will be repaired."""
        return {kind: count for kind, count in self.plan.totals.by_kind.items() if kind in self.repairs}

    @property
    def deletes_data(self) -> bool:
        """Whether it deletes any data."""
        return any(repair in (Repair.CLEAN, Repair.DELETE_KEY) for repair in self.counts)

    @property
    def undoable(self) -> bool:
        """Whether restoring from its journal brings back anything that it takes away: data, ids or locks."""
        return bool(set(self.counts) & {Repair.CLEAN, Repair.REMOVE_ID, Repair.RELEASE})

    @property
    def lets_live(self) -> bool:
        """Whether any of its repairs puts task data where Asynq works on it."""
        return bool(set(self.counts) - {Repair.CLEAN, Repair.DELETE_KEY, Repair.REMOVE_ID})

    @property
    def by_hand(self) -> bool:
        """Whether it destroys what no copy is kept of, so that its findings must have been picked one by one."""
        return any(repair.by_hand for repair in self.counts)

    @property
    def others(self) -> int:
        """How many rows of the plan will be left alone, because no repair fits their kind."""
        return self.plan.count - self.count

    def why_not(self) -> str | None:
        """The reason why it must not be done at all; None where there is none."""
        ghosts = self.plan.totals.by_kind.get(Kind.GHOST, 0)
        if ghosts and any(repair.runs for repair in self.repairs.values()):
            return (
                f"{ghosts:,} of these are ghosts: running them would make husks, on which workers choke. "
                "Remove their ids first, or choose without them"
            )
        return None

    def beyond_cap(self, archived: Mapping[str, int], limits: Callable[[str], Limits] = default_limits) -> int:
        """How many ids more than Asynq keeps the archives would hold; `archived` are their sizes now, and `limits`
        gives what each keeps.
        """
        archived_later = sum(count for repair, count in self.counts.items() if repair.archives)
        if not archived_later:
            return 0
        # Of a queue's rows only some may be of a kind that goes there
        by_queue = {queue: min(count, archived_later) for queue, count in self.plan.totals.by_queue.items()}
        return sum(max(0, archived.get(queue, 0) + count - limits(queue).cap) for queue, count in by_queue.items())


ARCHIVE_REPAIRS: Mapping[Kind | None, Repair] = {
    Kind.GHOST: Repair.REMOVE_ID,
    Kind.MISMATCH: Repair.FOLLOW_INDEX,
    Kind.HUSK: Repair.CLEAN,
}
"""The repairs of an archive that is stuck: without its ghosts Asynq's script has room again, and the tasks that it
failed to archive count as archived.
"""


def choices(
    plan: Plan, types: store.Types | None = None, limits: Callable[[str], Limits] = default_limits
) -> list[RepairPlan]:
    """The repairs that fit at least one row of a plan, in the order in which they suit the commonest kind, then the
    next one; what deletes data comes last. Foreign keys are for deletion only where their `types` are known.
    """
    fitting = [repair for repair in Repair if types or repair is not Repair.DELETE_KEY]
    plans = [RepairPlan.of(plan, repair, types, limits) for repair in fitting]
    by_kind = list(plan.totals.by_kind)  # the commonest first
    order = list(dict.fromkeys(repair for kind in by_kind for repair in offered(kind)))
    fitting_some = [one for one in plans if one.count]
    return sorted(fitting_some, key=lambda one: (one.deletes_data, order.index(next(iter(one.counts)))))


def not_picked(catalog: Catalog, marks: Marks, picked: Marks) -> list[int]:
    """The marked findings whose repairs are only for rows that a person picked one by one. Not for the UI loop."""
    kinds = [kind for kind in Kind if any(repair.by_hand for repair in offered(kind))]
    return [seq for kind in kinds for seq in catalog.find(Query(kind=kind)) if seq in marks and seq not in picked]


def types_of(server: Server, plan: Plan) -> store.Types:
    """The types of the foreign keys of a plan. Blocks. Raises ConnectError and kin."""
    types: dict[tuple[str, bytes], bytes] = {}
    if Kind.FOREIGN not in plan.totals.by_kind:
        return types
    with server.pipe() as pipe:
        for rows in plan.selection.batches():
            types |= store.types_of(pipe, [row for _, row in rows if row.kind is Kind.FOREIGN])
    return types


def not_deletable(catalog: Catalog) -> list[int]:
    """The row numbers of findings that a deletion must leave alone: it takes only what no index references. Not for the
    UI loop.
    """
    seqs: list[int] = []
    for kind in catalog.counts().by_kind:
        if kind is Kind.HUSK:
            rows = catalog.rows(catalog.find(Query(kind=kind)))
            seqs += [seq for seq, row in rows.items() if row.index_name]
        elif kind not in (Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED):
            seqs += catalog.find(Query(kind=kind))
    return seqs
