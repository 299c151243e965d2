"""The plan of a restore: what restoring a journal would touch, looked up before anything is written."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive_tui.asynq import findings
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.limits import Limits, default_limits
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.states import SORTED_SETS, State
from archive_tui.asynq.task import is_fixed
from archive_tui.asynq.task_copy import Copy
from archive_tui.errors import RefusedError, UsageError
from archive_tui.journal.outcomes import UNKNOWN, is_back, may_be_gone, restored_of
from archive_tui.journal.reader import Header, Journal, Outline
from archive_tui.store.link.clock import now_of
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.write import recall
from archive_tui.store.write import restore as store
from archive_tui.store.write.restore import Target
from archive_tui.text import line

if TYPE_CHECKING:
    from archive_tui.changes.change import Change

_TIMED = (State.SCHEDULED, State.RETRY, State.COMPLETED)
"""States in which Asynq does something at the moment that is the score."""

AS_LOST = "no index, as a lost task"
"""Counts, in `RestorePlan.places`, what a worker would take if it were restored to where it stood."""

AS_ORPHAN = "no index, as an orphan"
"""Counts there what stood in no index."""

AS_GHOST = "their indexes, as ids without data"
"""Counts there the ids of ghosts."""

AS_UNNAMED = "groups that are not named"
"""Counts there the lost tasks whose group was named by a repair."""

AS_HISTORY = "histories of schedulers"
"""Counts there the histories of schedulers."""

AS_LOCK = "a lock without a task"
"""Counts there the stale locks that were released."""

Chosen = frozenset[tuple[str, bytes]]
"""Queue and id of the tasks that were picked from a journal."""


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """The tasks of a journal that will be restored, and what a person should know before. Counts are of tasks."""

    journal: Journal
    """The journal."""

    outline: Outline
    """Its batches, with what became of them."""

    target: Target
    """The place where its tasks go."""

    chosen: Chosen | None
    """The tasks that were picked; None for all."""

    count: int
    """Tasks that will be restored."""

    places: dict[str, int]
    """Of these, how many go to each index, by its name; see also `AS_LOST` and `AS_ORPHAN`."""

    by_queue: dict[str, int]
    """Of these, how many go to each queue."""

    kept: int = 0
    """Tasks that the run did not delete; left out."""

    before: int = 0
    """Tasks that were restored before; left out unless `again`."""

    unsure: int = 0
    """Tasks of which nobody knows whether the run deleted them; restored where nothing stands in their place."""

    there: int = 0
    """Tasks whose id has task data in Redis now; it will not be overwritten. Of a run: those that still wait for a
    worker, and can be taken back.
    """

    locks: int = 0
    """Tasks that held a unique lock."""

    expired_locks: int = 0
    """Of these, those whose lock has run out since."""

    timed: int = 0
    """Tasks that had a time to live, as a whole or on a field."""

    expired: int = 0
    """Of these, those whose own has run out since: they go nowhere but into the archive, or to be run."""

    over: dict[str, int] = field(default_factory=dict)
    """For a queue, the ids that its archive would hold above its cap."""

    unregistered: tuple[str, ...] = ()
    """Queues that Asynq does not know."""

    elsewhere: str = ""
    """The server that the journal was written for; empty where it is this one."""

    bare: int = 0
    """Ids without data that are left out: those of foreign keys, and of ghosts where they are to be run or archived."""

    done_since: int = 0
    """Tasks whose group was named by a repair, and whose data is gone since: left alone unless `again`."""

    vanished: int = 0
    """Tasks that were restored, and were not there any more when another server had taken over."""

    again: bool = False
    """Whether what was restored before is restored once more."""

    due: dict[str, int] = field(default_factory=dict)
    """For an index of `places`, the tasks whose time has passed: they are run, or deleted, at once."""

    fixed_ids: int = 0
    """Tasks whose id was chosen by their producer."""

    limits: Callable[[str], Limits] = default_limits
    """Gives the limits of a queue's archive."""

    anywhere: bool = False
    """Whether it is carried out although the journal was written for another server; else that is refused."""

    def change(self) -> "Change[Any]":
        """The change that carries it out."""
        from archive_tui.changes.restore import RestoreChange

        return RestoreChange(self)

    def ids(self) -> Iterator[tuple[str, bytes]]:
        """Queue and id of each task that will be restored, in the order of the journal, which is read once more."""
        for batch, copies in self.journal.batches(self.outline):
            may = self.outline.restorable(batch, again=self.again)
            yield from (
                (copy.queue, copy.id) for copy, able in zip(copies, may, strict=False) if able and self.takes(copy)
            )

    def takes(self, copy: Copy) -> bool:
        """Tell whether a copy is one of those that were picked, and there is something to restore."""
        return is_restorable(copy, self.target) and (self.chosen is None or (copy.queue, copy.id) in self.chosen)

    @property
    def torn(self) -> bool:
        """Whether the journal was cut off by a crash; what it holds is whole."""
        return self.outline.torn or self.outline.ending is None


@dataclass(slots=True)
class _Review:
    """The counts of a `RestorePlan`, while the journal is read."""

    target: Target

    now: float
    """Unix seconds by the server's clock."""

    export: bool
    """Whether the journal is an export: of its tasks nobody can be unsure."""

    places: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    due: Counter[str] = field(default_factory=Counter)

    to_archive: Counter[str] = field(default_factory=Counter)
    """For each queue, the tasks that its archive will hold in addition."""

    kept: int = 0
    before: int = 0
    unsure: int = 0
    there: int = 0
    locks: int = 0
    expired_locks: int = 0
    timed: int = 0
    expired: int = 0
    bare: int = 0
    vanished: int = 0
    done_since: int = 0
    fixed: int = 0

    def wants(self, copy: Copy, able: bool, outcome: str, back: str) -> bool:
        """Count a copy; True where it is to be restored. `outcome` and `back` are its codes in the journal."""
        if not is_restorable(copy, self.target):
            self.bare += 1
        elif able:
            self._count(copy, outcome, back)
            return True
        elif may_be_gone(outcome):
            self.before += 1
        else:
            self.kept += 1
        return False

    def _count(self, copy: Copy, outcome: str, back: str) -> None:
        self.before += is_back(back)
        self.vanished += restored_of(back) is Outcome.VANISHED
        self.unsure += outcome == UNKNOWN and not self.export
        self.queues[copy.queue] += 1
        self._count_lock(copy)
        if copy.queue == INSTALLATION:
            self.places[AS_HISTORY] += 1
            return
        if not copy.fields:
            self.places[AS_GHOST if copy.lock is None else AS_LOCK] += 1
            return
        if copy.in_unnamed_group and self.target is Target.BACK:
            self.places[AS_UNNAMED] += 1
            return
        place = _place(copy, self.target)
        self.places[place.value if place is not None else _nowhere(copy)] += 1
        self.fixed += is_fixed(copy.id)
        if place in _TIMED and copy.score is not None and float(copy.score) <= self.now:
            self.due[place.value] += 1

    def _count_lock(self, copy: Copy) -> None:
        if copy.lock is not None:
            self.locks += 1
            self.expired_locks += copy.lock_until is not None and copy.lock_until <= self.now * 1000
        self.timed += copy.until is not None or bool(copy.field_until)
        self.expired += copy.until is not None and copy.until <= self.now * 1000

    def found(self, copy: Copy, there: bool, *, run: bool) -> None:
        """Count one that is to be restored by whether task data stands in Redis; of a `run`, whether it waits there for
        a worker.
        """
        if copy.in_unnamed_group and self.target is Target.BACK:
            self.done_since += not there
            return
        self.there += there
        comes = (there if run else not there) and copy.queue != INSTALLATION
        self.to_archive[copy.queue] += comes and bool(copy.fields) and _place(copy, self.target) is State.ARCHIVED

    def beyond_cap(self, pipe: Pipe, limits: Callable[[str], Limits]) -> dict[str, int]:
        """For each queue, the ids that its archive would hold above its cap."""
        over = {}
        for queue, more in self.to_archive.items():
            there_now = store.archived_count(pipe, queue) or 0
            if more and there_now + more > limits(queue).cap:
                over[queue] = there_now + more - limits(queue).cap
        return over


def plan_restore(
    server: Server,
    journal: Journal,
    target: Target = Target.BACK,
    chosen: Chosen | None = None,
    *,
    again: bool = False,
    limits: Callable[[str], Limits] = default_limits,
) -> RestorePlan:
    """Look through a journal and at the server. May take seconds: not for the UI loop. Raises UsageError where the
    tasks of the journal cannot go there, and RefusedError where they belong into another namespace.
    """
    refuse_other_namespace(journal.header, server.keys)
    is_run = journal.header.is_run
    if is_run and target is Target.RUN:
        raise UsageError("this journal is of tasks that were queued to run: they can only go back into the archive")
    exist = recall.can_be_taken_back if is_run else store.exist
    outline = journal.outline()
    with server.pipe() as pipe:
        review = _Review(target, now_of(pipe), journal.header.is_export)
        for batch, copies in journal.batches(outline):
            may = outline.restorable(batch, again=again)
            outcomes = outline.outcomes.get(batch, "").ljust(len(copies), UNKNOWN)
            backs = outline.restored.get(batch, "").ljust(len(copies), UNKNOWN)
            wanted = [
                copy
                for copy, able, outcome, back in zip(copies, may, outcomes, backs, strict=False)
                if (chosen is None or (copy.queue, copy.id) in chosen) and review.wants(copy, able, outcome, back)
            ]
            for copy, there in zip(wanted, exist(pipe, wanted), strict=True):
                review.found(copy, there, run=is_run)
            del copies, wanted  # they may be large, and so may be the next
        over = review.beyond_cap(pipe, limits)
        strangers = tuple(
            queue for queue in review.queues if queue != INSTALLATION and not store.is_registered(pipe, queue)
        )
    other = not journal.header.is_of(server.settings, server.node_names)
    return RestorePlan(
        journal,
        outline,
        target,
        chosen,
        review.queues.total(),
        dict(review.places.most_common()),
        dict(review.queues.most_common()),
        kept=review.kept,
        before=review.before,
        unsure=review.unsure,
        there=review.there,
        locks=review.locks,
        expired_locks=review.expired_locks,
        timed=review.timed,
        expired=review.expired,
        over=over,
        unregistered=strangers,
        elsewhere=(journal.header.server or "an unknown server") if other else "",
        bare=review.bare,
        vanished=review.vanished,
        done_since=review.done_since,
        again=again,
        due=dict(review.due),
        fixed_ids=review.fixed,
    )


def refuse_other_namespace(header: Header, keys: Keys) -> None:
    """Raise RefusedError where a journal is of another namespace: keys, locks and ids in it are of that alone."""
    if header.namespace != keys.namespace:
        own = shlex.quote(line(header.namespace))
        raise RefusedError(
            f"this journal is of the namespace {line(header.namespace)}, and its tasks belong nowhere else: this is "
            f"{line(keys.namespace)}; say --namespace {own}"
        )


def is_restorable(copy: Copy, target: Target) -> bool:
    """Tell whether there is something to restore: task data, a lock alone, or the id of a ghost or a history where that
    stood.
    """
    if copy.queue == INSTALLATION:
        return bool(copy.fields) and target is Target.BACK
    return bool(copy.fields) or copy.lock is not None or (bool(copy.place) and target is Target.BACK)


def _place(copy: Copy, target: Target) -> State | None:
    if target is Target.RUN:
        return State.PENDING
    if target is Target.ARCHIVE:
        return State.ARCHIVED
    return copy.stood if copy.stood in SORTED_SETS else None  # to a list or a group nothing goes back by itself


def _nowhere(copy: Copy) -> str:
    """The name, in `places`, of a task that goes back to no index."""
    state = State.parse(copy.field(b"state"))
    return AS_LOST if findings.judge(state, referenced=False) is Kind.LOST else AS_ORPHAN
