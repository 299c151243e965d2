"""The job that scans queues for everything that is wrong with them, and keeps what it finds in a catalog.

First the task data that no index explains, then every index, then what could not be judged at first sight.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

from archive_tui.asynq.rows import RowBatch, TaskRow, batches_of
from archive_tui.asynq.schedulers import Schedulers
from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace, Stride
from archive_tui.store.link.clock import round_trip
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read.histories import stale_among
from archive_tui.store.read.index_check import CheckStep, IndexCheck
from archive_tui.store.read.locks import stale_locks
from archive_tui.store.read.probe import Candidate
from archive_tui.store.read.queues import discover, registered
from archive_tui.store.read.schedulers import look, settled
from archive_tui.store.read.unreferenced import settle
from archive_tui.store.read.walk import Scan, Step

_RATE_WINDOW = 5.0
_ROWS_AT_ONCE = 5_000
_KEEP_EVERY = 0.2
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
class ScanProgress:
    """Progress of a scan. Every count is a lower bound until it is complete."""

    state: JobState
    """State of the job."""

    keys: int = 0
    """Task keys met."""

    found: int = 0
    """Findings."""

    fraction: float = 0.0
    """Part of the work that is done, from 0 to 1."""

    rate: float = 0.0
    """Task keys a second, over the last seconds; of the whole scan when it has ended."""

    seconds_left: float | None = None
    """Estimate of the time left; None: unknown."""

    pace: Pace = Pace.POLITE
    """The pace."""

    restarts: int = 0
    """Times that the scan began again, because another server process answered."""

    not_tasks: int = 0
    """Keys under `t:` that are no hashes."""

    started_at: float = 0.0
    """When the scan began, in unix seconds."""

    finished_at: float | None = None
    """When it ended, in unix seconds; None: it has not."""

    complete: bool = False
    """Everything was walked, checked and settled."""

    trouble: str = ""
    """Why the job waits for the server, or why not every row is kept; empty: neither is so."""

    phase: Phase = Phase.TASK_DATA
    """The part of the scan."""

    members: int = 0
    """Ids in indexes that were checked."""

    caution: str = ""
    """Why what was found may not be true any more, in words: such a scan is not complete; empty where it is."""

    unsure: int = 0
    """Histories of schedulers of which nobody can tell whether they are stale; they are no findings."""

    why_unsure: str = ""
    """Why, in words; empty where there are none."""


class ScanJob(Job):
    """Scan some queues, or all. Findings go to the catalog batch by batch; what is found first of a task stays.

    Without `check_indexes`, as benchmarks want it, it looks only at task data that no index explains: not for ghosts,
    mismatches and active tasks without a lease. With `messages` it also reads the messages of tasks
    that stand where they should. With `locks` it meets the unique locks on its way and finds the stale ones; where
    every task holds one that makes it half as long again. A scan of all queues also finds the stale histories of
    schedulers, which belong to none. `also` are queues whose indexes are checked although they may
    have no task data, for a scan of all meets only those that have some, or are registered; None: the keyspace is
    walked for them.
    """

    def __init__(
        self,
        server: Server,
        catalog: Catalog,
        queues: Sequence[str] | None = None,
        pace: Pace = Pace.POLITE,
        clock: Callable[[], float] = time.time,
        *,
        stopwatch: Callable[[], float] = time.monotonic,
        check_indexes: bool = True,
        messages: bool = False,
        locks: bool = False,
        also: Sequence[str] | None = (),
    ) -> None:
        super().__init__("scan")
        self.catalog = catalog
        self.queues = tuple(queues) if queues is not None else None
        self.pace = pace
        self.keys_by_queue: Counter[str] = Counter()
        self._server = server
        self._stride = Stride(pace)
        self._checks_indexes = check_indexes
        self.messages = messages
        self.locks = locks
        self._also = also
        self._scan = Scan(
            queues, count=self._stride.keys, meet_groups=check_indexes, meet_locks=locks, meet_histories=True
        )
        self._check: IndexCheck | None = None
        self._unsettled: list[Candidate] = []
        self._locks: list[bytes] = []
        self._histories: dict[bytes, None] = {}  # SCAN may return a key twice
        self._schedulers: Schedulers | None = None
        self._unsure, self._why_unsure = 0, ""
        self._members = 0
        self._complete = False
        self._caution = ""
        self._run_id = ""
        self._keys = self._not_tasks = self._restarts = self._attempts = 0
        self._stopwatch = stopwatch
        self._started_at, self._began = clock(), stopwatch()
        self._finished_at: float | None = None
        self._recent: list[tuple[float, int, float]] = []
        self._waiting: list[RowBatch] = []
        self._kept_at = 0.0

    @property
    def progress(self) -> ScanProgress:
        """The progress now; cheap, and safe to read from any thread."""
        rate, left = self._speed()
        return ScanProgress(
            self.state,
            self._keys,
            self.catalog.counts().total,
            self._fraction,
            rate,
            left,
            self.pace,
            self._restarts,
            self._not_tasks,
            self._started_at,
            self._finished_at,
            self._complete and not self._caution,
            self.trouble or self.catalog.trouble,
            self._phase,
            self._members,
            self._caution,
            self._unsure,
            self._why_unsure,
        )

    @property
    def groups(self) -> Mapping[str, set[bytes]]:
        """By queue, the names of the group and aggregation sets that were met, without `g:`."""
        return dict(self._scan.groups)

    @property
    def doing(self) -> str:
        return f"scan {self._fraction:.0%}" + (" paused" if self.state is JobState.PAUSED else "")

    @property
    def _phase(self) -> Phase:
        if not self._scan.done:
            return Phase.TASK_DATA
        if self._checks_indexes and (self._check is None or not self._check.done):
            return Phase.INDEXES
        return Phase.SETTLING

    @property
    def _fraction(self) -> float:
        """The part of the work that is done. Settling does not count: its length is unknown, and short."""
        if self._complete:
            return 1.0
        walked = self._scan.fraction
        checked = self._check.fraction if self._check is not None else 0.0
        cost = _CHECK_COST * self._scan.indexed if self._checks_indexes else 0.0
        keys = self._keys / walked if walked else 0.0
        share = cost / (cost + keys) if cost else 0.0
        return (1 - share) * walked + share * checked

    def work(self) -> None:
        try:
            self.reconnecting(self._attempt)
        finally:
            self._keep()
            self.catalog.settle()
            self._finished_at = self._started_at + self._stopwatch() - self._began  # the clock may have been set

    def _attempt(self) -> None:
        info = self._server.identify()
        run_id, self._caution = info.run_id, info.staleness
        if self._attempts and (run_id != self._run_id or not run_id):
            # Another server process answers here now, or may do so: our cursor means nothing to it.
            self._scan.restart()
            self._check, self._unsettled, self._locks = None, [], []
            self._histories, self._schedulers = {}, None
            self._unsure, self._why_unsure = 0, ""
            self._keys = self._not_tasks = self._members = 0
            self._recent, self._waiting = [], []
            self.catalog.clear()
            self.keys_by_queue.clear()
            self._restarts += 1
        self._run_id = run_id
        self._attempts += 1
        with self._server.pipe() as pipe:
            self._stride.round_trip = round_trip(pipe)
            self.connected()
            if self._schedulers is None and self.queues is None:
                self._schedulers = look(pipe)
            while not self._scan.done:
                self._hold()
                began = time.monotonic()
                self._stride.pace = self.pace
                self._scan.count = self._stride.keys
                self._take(self._scan.step(pipe))
                self._rest(began)
                if len(self._unsettled) + len(self._locks) >= _MOST_UNSETTLED:
                    with self._server.pipe() as other:  # the scan has asked ahead on its own
                        self._settle(other)
                if len(self._histories) >= _MOST_UNSETTLED:
                    with self._server.pipe() as other:
                        self._judge_histories(other)
            if self._checks_indexes:
                self._check_indexes(pipe)
            self._settle(pipe)
            self._judge_histories(pipe)
            self._caution = self._server.look(pipe).staleness or self._caution
        self._complete = True

    def _hold(self) -> None:
        """Hold if somebody asked for it; what was found so far is shown first."""
        if not self._go.is_set():
            self._keep()
        self.checkpoint()

    def _check_indexes(self, pipe: Pipe) -> None:
        if self._check is None:
            wanted = self.queues
            if wanted is None:
                wanted = tuple(sorted({*self._scan.queues, *self._known(pipe), *registered(pipe)}))
            self._check = IndexCheck(wanted, self._scan.groups, messages=self.messages)
        while not self._check.done:
            self._hold()
            began = time.monotonic()
            self._stride.pace = self.pace
            self._check.count = min(self._stride.keys, _MOST_MEMBERS)
            step: CheckStep = self._check.step(pipe)
            self._members += step.members
            self._unsettled += step.unsettled
            self._found(step.rows)
            self._mark(self._fraction)
            self._rest(began)

    def _known(self, pipe: Pipe) -> Sequence[str]:
        """The queues that may have ids in indexes and no task data; walks over the keyspace where nobody named them."""
        if self._also is not None:
            return self._also
        names: list[str] = []
        began = time.monotonic()
        for name in discover(pipe):
            if name is not None:
                names.append(name)
            else:
                self._hold()
                self.rest(self.pace.rest_after(time.monotonic() - began))
                began = time.monotonic()
        return names

    def _rest(self, began: float) -> None:
        """Leave the server alone after a step, and adapt the next to the time that this one took."""
        took = time.monotonic() - began
        self._stride.took(took)
        self.rest(self.pace.rest_after(took))

    def _settle(self, pipe: Pipe) -> None:
        """Settle the candidates. Those that were begun when the connection was lost are begun again."""
        while self._unsettled:
            part = self._unsettled[-_SETTLED_AT_ONCE:]
            # Closed before the connection is given back, whatever happens: it may be watching keys
            with closing(settle(pipe, part, self._scan.leftover)) as steps:
                self._take_rows(steps)
            del self._unsettled[-_SETTLED_AT_ONCE:]
            self._mark(self._fraction)
        while self._locks:
            self._take_rows(stale_locks(pipe, self._locks[-_SETTLED_AT_ONCE:]))
            del self._locks[-_SETTLED_AT_ONCE:]

    def _judge_histories(self, pipe: Pipe) -> None:
        """Find the stale ones among the histories that were met, by what was seen of schedulers at both ends of the
        scan.
        """
        if not self._histories:
            return
        schedulers = settled(pipe, self.rest, self._schedulers)
        unsure = 0
        for found in stale_among(pipe, list(self._histories), schedulers):
            self._hold()
            self._found([one.row() for one in found.stale])
            unsure += found.unsure
        if unsure:
            self._unsure, self._why_unsure = self._unsure + unsure, schedulers.why_unsure
        self._histories = {}

    def _take_rows(self, steps: Iterator[list[TaskRow]]) -> None:
        """Take what some steps find, with a rest after each."""
        while True:
            self._hold()
            began = time.monotonic()
            rows = next(steps, None)
            if rows is None:
                return
            self._found(rows)
            self.rest(self.pace.rest_after(time.monotonic() - began))

    def _found(self, rows: Sequence[TaskRow]) -> None:
        self._waiting += batches_of(rows)
        if self._waiting and time.monotonic() - self._kept_at >= _KEEP_EVERY:
            self._keep()

    def _take(self, step: Step) -> None:
        self._keys += step.keys
        self._not_tasks += step.not_tasks
        self.keys_by_queue.update(step.keys_by_queue)
        self._waiting += step.batches
        self._unsettled += step.unsettled
        self._locks += step.locks
        self._histories |= dict.fromkeys(step.histories)
        now = time.monotonic()
        waiting = sum(len(batch.values) for batch in self._waiting)
        if waiting >= _ROWS_AT_ONCE or (waiting and now - self._kept_at >= _KEEP_EVERY):
            self._keep()
        self._mark(self._fraction)

    def _mark(self, fraction: float) -> None:
        """Note the progress, from which the speed follows."""
        now = time.monotonic()
        if not self._recent or now - self._recent[-1][0] >= 0.1:
            self._recent = [mark for mark in self._recent if now - mark[0] <= _RATE_WINDOW]
            self._recent.append((now, self._keys, fraction))

    def _keep(self) -> None:
        """Put the findings into the catalog; a few thousand rows at once cost half of what they cost in hundreds."""
        batches, self._waiting = self._waiting, []
        self._kept_at = time.monotonic()
        if batches:
            self.catalog.append(batches)

    def _speed(self) -> tuple[float, float | None]:
        """Task keys a second over the last seconds, and how many seconds are left at that speed."""
        recent = self._recent
        if self._finished_at is not None:
            seconds = self._finished_at - self._started_at
            return self._keys / seconds if seconds > 0 else 0.0, None
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return 0.0, None
        seconds = recent[-1][0] - recent[0][0]
        rate = (recent[-1][1] - recent[0][1]) / seconds
        progress = (recent[-1][2] - recent[0][2]) / seconds
        return rate, (1 - recent[-1][2]) / progress if progress > 0 else None
