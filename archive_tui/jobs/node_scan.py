"""The scan of what one server process holds: its keys, then the indexes of its queues, then what could not be judged at
first sight. A scan of a cluster has one for each of its nodes.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from archive_tui.asynq.keys import keeps_together
from archive_tui.asynq.rows import RowBatch, TaskRow, batches_of
from archive_tui.jobs.pace import Pace, Stride
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.topology import slot_of_queue
from archive_tui.store.read.index_check import CheckStep, IndexCheck
from archive_tui.store.read.locks import stale_locks
from archive_tui.store.read.probe import Candidate
from archive_tui.store.read.unreferenced import settle
from archive_tui.store.read.walk import Scan, Step

_MOST_MEMBERS = 2_000
_SETTLED_AT_ONCE = 2_000
_MOST_UNSETTLED = 50_000
"""Candidates that wait for the end of the scan; a queue that lost more than these is settled meanwhile."""

_CHECK_COST = 4.0
"""About how much longer it takes to check an id in an index than to walk past a key."""


class Phase(StrEnum):
    """The three parts of a scan."""

    TASK_DATA = "task data"
    INDEXES = "checking indexes"
    SETTLING = "settling"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a scan looks for."""

    check_indexes: bool = True
    """Ghosts, mismatches and active tasks without a lease: without, only task data that no index explains."""

    messages: bool = False
    """The messages of tasks that stand where they should are read as well."""

    locks: bool = False
    """Stale unique locks."""


class Scanning(Protocol):
    """What the scan of a node needs of the job that it belongs to. Safe to use from its thread."""

    pace: Pace

    def hold(self) -> None:
        """A point at which the job may be held or stopped. Raises Stopped."""

    def rest(self, seconds: float) -> None:
        """Leave the server alone for a while. Raises Stopped."""

    def found(self, batches: Sequence[RowBatch]) -> None:
        """Take findings."""

    def met(self, histories: Sequence[bytes]) -> None:
        """Take the keys of histories of schedulers, which belong to no queue."""

    def progressed(self) -> None:
        """Note that there is progress."""


class NodeScan:
    """The scan of one node, of some queues or of all (None), but for those that are not in some `slots` (None: no
    cluster). `others` gives more queues whose indexes are checked, with or without task data. Call `go_on` with a pipe
    until it returns; where the connection is lost, again with another one to the same server process: a cursor means
    nothing to another.
    """

    def __init__(
        self,
        job: Scanning,
        wish: Wish,
        queues: Sequence[str] | None,
        others: Callable[[Pipe], Collection[str]],
        slots: frozenset[int] | None = None,
    ) -> None:
        self._job = job
        self._wish = wish
        self._queues = queues
        self._others = others
        self._slots = slots
        self._stride = Stride(job.pace)
        self._scan = Scan(
            queues,
            count=self._stride.keys,
            meet_groups=wish.check_indexes,
            meet_locks=wish.locks,
            meet_histories=True,
            wanted=None if slots is None else self._wants,
        )
        self.keys_by_queue: Counter[str] = Counter()
        """Task keys met, by queue."""
        self.apart: set[str] = set()
        """Queues that were passed over, because their keys do not lie together in a cluster."""
        self._check: IndexCheck | None = None
        self._unsettled: list[Candidate] = []
        self._locks: list[bytes] = []
        self.keys = 0
        """Task keys met."""
        self.not_tasks = 0
        """Keys under `t:` that are no hashes."""
        self.members = 0
        """Ids in indexes that were checked."""
        self.complete = False
        """Everything was walked, checked and settled."""

    def _wants(self, queue: str) -> bool:
        if self._slots is None:
            return True
        if keeps_together(queue):
            return slot_of_queue(queue) in self._slots
        self.apart.add(queue)
        return False

    def measure(self, fraction_of: Callable[[int], float]) -> None:
        """Let this tell from a cursor how much is walked."""
        self._scan.fraction_of = fraction_of

    @property
    def queues(self) -> Collection[str]:
        """The queues whose task data, or whose groups, were met so far."""
        return self._scan.queues

    @property
    def groups(self) -> Mapping[str, set[bytes]]:
        """By queue, the names of the group and aggregation sets that were met, without `g:`."""
        return self._scan.groups

    @property
    def phase(self) -> Phase:
        """The part of the scan that it is in."""
        if not self._scan.done:
            return Phase.TASK_DATA
        if self._wish.check_indexes and (self._check is None or not self._check.done):
            return Phase.INDEXES
        return Phase.SETTLING

    @property
    def walked(self) -> float:
        """The part of the keyspace that was walked past."""
        return self._scan.fraction

    @property
    def fraction(self) -> float:
        """The part of the work that is done. Settling does not count: its length is unknown, and short."""
        if self.complete:
            return 1.0
        walked = self.walked
        checked = self._check.fraction if self._check is not None else 0.0
        cost = _CHECK_COST * self._scan.indexed if self._wish.check_indexes else 0.0
        keys = self.keys / walked if walked else 0.0
        share = cost / (cost + keys) if cost else 0.0
        return (1 - share) * walked + share * checked

    def go_on(self, pipe: Pipe, round_trip: float, another: Callable[[], AbstractContextManager[Pipe]]) -> None:
        """Scan until all is done. `round_trip`: seconds that a question takes which is no work; `another` opens a pipe
        beside this one, on which the walk has asked ahead.
        """
        self._stride.round_trip = round_trip
        while not self._scan.done:
            self._job.hold()
            began = time.monotonic()
            self._stride.pace = self._job.pace
            self._scan.count = self._stride.keys
            self._take(self._scan.step(pipe))
            self._rest(began)
            if len(self._unsettled) + len(self._locks) >= _MOST_UNSETTLED:
                with another() as other:
                    self._settle(other)
        if self._wish.check_indexes:
            self._check_indexes(pipe)
        self._settle(pipe)
        self.complete = True

    def _check_indexes(self, pipe: Pipe) -> None:
        if self._check is None:
            wanted = self._queues
            if wanted is None:
                wanted = sorted({*self._scan.queues, *filter(self._wants, self._others(pipe))})
            self._check = IndexCheck(wanted, self._scan.groups, messages=self._wish.messages)
        while not self._check.done:
            self._job.hold()
            began = time.monotonic()
            self._stride.pace = self._job.pace
            self._check.count = min(self._stride.keys, _MOST_MEMBERS)
            step: CheckStep = self._check.step(pipe)
            self.members += step.members
            self._unsettled += step.unsettled
            self._job.found(batches_of(step.rows))
            self._job.progressed()
            self._rest(began)

    def _rest(self, began: float) -> None:
        """Leave the server alone after a step, and adapt the next to the time that this one took."""
        took = time.monotonic() - began
        self._stride.took(took)
        self._job.rest(self._job.pace.rest_after(took))

    def _settle(self, pipe: Pipe) -> None:
        """Settle the candidates. Those that were begun when the connection was lost are begun again."""
        while self._unsettled:
            part = self._unsettled[-_SETTLED_AT_ONCE:]
            # Closed before the connection is given back, whatever happens: it may be watching keys
            with closing(settle(pipe, part, self._scan.leftover)) as steps:
                self._take_rows(steps)
            del self._unsettled[-_SETTLED_AT_ONCE:]
            self._job.progressed()
        while self._locks:
            self._take_rows(stale_locks(pipe, self._locks[-_SETTLED_AT_ONCE:]))
            del self._locks[-_SETTLED_AT_ONCE:]

    def _take_rows(self, steps: Iterator[list[TaskRow]]) -> None:
        """Take what some steps find, with a rest after each."""
        while True:
            self._job.hold()
            began = time.monotonic()
            rows = next(steps, None)
            if rows is None:
                return
            self._job.found(batches_of(rows))
            self._job.rest(self._job.pace.rest_after(time.monotonic() - began))

    def _take(self, step: Step) -> None:
        self.keys += step.keys
        self.not_tasks += step.not_tasks
        self.keys_by_queue.update(step.keys_by_queue)
        self._unsettled += step.unsettled
        self._locks += step.locks
        self._job.met(step.histories)
        self._job.found(step.batches)
        self._job.progressed()
