"""The plan of a deletion of histories: which, how much they hold, and what was seen of the schedulers."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.schedulers import Schedulers
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import Plan
from archive_tui.store.link.server import Server
from archive_tui.store.read import histories
from archive_tui.store.read.schedulers import settled

if TYPE_CHECKING:
    from archive_tui.changes.change import Change


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """Histories of schedulers that will be deleted."""

    plan: Plan
    """Their rows, all of this kind."""

    schedulers: Schedulers
    """What was seen of the schedulers when the plan was made."""

    events: int = 0
    """How many events they hold."""

    first_at: int | None = None
    """Unix seconds of the oldest event, and of the newest; None where there are none any more."""

    last_at: int | None = None

    def ids(self) -> Iterator[tuple[str, bytes]]:
        """Queue and id of each, in the order of the plan."""
        return self.plan.ids()

    @property
    def count(self) -> int:
        """How many histories."""
        return self.plan.count

    def change(self) -> "Change[Any]":
        """The change that carries it out."""
        from archive_tui.changes.history import HistoryChange

        return HistoryChange(self)


def plan_histories(server: Server, plan: Plan) -> HistoryPlan:
    """Add up the histories of a plan as they stand now, and look at the schedulers. Takes up to two seconds where one
    is between two heartbeats: not for the UI loop. Raises ConnectError and kin.
    """
    events = 0
    first: list[int] = []
    last: list[int] = []
    with server.pipe() as pipe:
        for rows in plan.selection.batches():
            found = histories.sizes(pipe, [row.id for _, row in rows])
            events += sum(one.events for one in found)
            first += [one.first_at for one in found]
            last += [one.last_at for one in found]
        schedulers = settled(pipe, time.sleep)
    return HistoryPlan(plan, schedulers, events, min(first, default=None), max(last, default=None))


def of_histories(catalog: Catalog) -> set[int]:
    """The row numbers of histories. They are deleted by themselves, not together with tasks. Not for the UI loop."""
    return set(catalog.find(Query(kind=Kind.STALE_HISTORY)))
