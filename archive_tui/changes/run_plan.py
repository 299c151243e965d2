"""The plan of a run: the archived tasks that Asynq will run, in which way, and what they will meet."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.runs import RunMode, attempts
from archive_tui.asynq.states import State
from archive_tui.catalog.selection import Selection
from archive_tui.catalog.seqs import seqs_of
from archive_tui.changes.plan import Plan
from archive_tui.store.link.clock import now_of
from archive_tui.store.link.server import Server
from archive_tui.store.read.readiness import Lock, Readiness, Service, readiness, service
from archive_tui.wording.people import plural

if TYPE_CHECKING:
    from archive_tui.changes.change import Change

_MOST_TASKS = 10_000
_MOST_BYTES = 64 * 1024 * 1024
"""The most that is read of a plan to foretell what its tasks meet: less than a second of the server's time."""


@dataclass(frozen=True, slots=True)
class Prospects:
    """Counts of the tasks of a plan by what they will meet."""

    looked_at: int | None = None
    """How many tasks of the plan the counts of deadlines, groups and locks are of; None: of all."""

    overdue: int = 0
    """Tasks whose deadline is past when they begin: they fail at once."""

    grouped: int = 0
    """Tasks that were enqueued into a group: they run alone."""

    unlocked: int = 0
    """Tasks whose unique lock nobody holds any more."""

    duplicated: int = 0
    """Tasks whose unique lock another task holds: the same work may be queued already."""

    single: int = 0
    """Tasks that get exactly one attempt, of all in the plan."""

    services: Mapping[str, Service] = field(default_factory=dict)
    """The facts about the queues of the plan, by name."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Archived tasks to run, in the order in which they begin."""

    plan: Plan
    """The rows."""

    mode: RunMode

    prospects: Prospects = field(default_factory=Prospects)

    def change(self) -> "Change[Any]":
        """The change that carries it out."""
        from archive_tui.changes.run import RunChange

        return RunChange(self)

    def ids(self) -> Iterator[tuple[str, bytes]]:
        """Queue and id of each, in the order of the plan."""
        return self.plan.ids()

    @property
    def count(self) -> int:
        """How many tasks."""
        return self.plan.count


def can_run(row: TaskRow) -> bool:
    """Whether a row of an archive is a task that Asynq can run: no ghost, no husk, and in no other state. Running those
    would make what a worker chokes on.
    """
    return row.kind is None and row.state is State.ARCHIVED and row.readable


def runnable(plan: Plan, limit: int | None = None) -> tuple[Plan, int]:
    """The same plan without the rows that cannot be run, and how many those are; of what is left at most the first
    `limit`. Not for the UI loop.
    """
    selection = plan.selection
    kept = seqs_of(seq for rows in selection.batches() for seq, row in rows if can_run(row))
    left_out = len(selection) - len(kept)
    kept = kept[:limit]
    if len(kept) == len(selection):
        return plan, 0
    hidden = set(selection.seqs[len(selection) - plan.hidden :])
    chosen = Selection(selection.catalog, kept)
    hidden_count = sum(seq in hidden for seq in kept)
    words = f"{plural(left_out, 'row')} left out: no archived task that Asynq could run" if left_out else ""
    return replace(plan, selection=chosen, totals=chosen.totals(), hidden=hidden_count, left_out=words), left_out


def plan_run(server: Server, plan: Plan, mode: RunMode) -> RunPlan:
    """Look at what the tasks of a plan will meet when they run. Blocks. Raises ConnectError and kin."""
    counts = Counter[str]()
    looked_at = size = single = 0
    with server.pipe() as pipe:
        started_at = now_of(pipe)
        for rows in plan.selection.batches():
            single += sum(attempts(0 if mode.afresh else row.retried, row.retry) == 1 for _, row in rows)
            for queue, same in groupby(rows, key=lambda numbered: numbered[1].queue):
                if looked_at >= _MOST_TASKS or size >= _MOST_BYTES:
                    break
                for task in chain.from_iterable(readiness(pipe, queue, [row.id for _, row in same])):
                    if task is not None:
                        counts.update(_meets(task, mode.due(looked_at, started_at) or started_at))
                        size += task.size
                    looked_at += 1
        services = service(pipe, list(plan.totals.by_queue))
    return RunPlan(
        plan,
        mode,
        Prospects(looked_at if looked_at < plan.count else None, single=single, services=services, **counts),
    )


def _meets(task: Readiness, begins: float) -> Iterator[str]:
    """The counts of `Prospects` that a task adds to."""
    if 0 < task.deadline <= begins:
        yield "overdue"
    if task.grouped:
        yield "grouped"
    if task.lock is Lock.FREE:
        yield "unlocked"
    elif task.lock is Lock.OTHER:
        yield "duplicated"
