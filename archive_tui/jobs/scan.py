"""The job that scans queues for everything that is wrong with them, and keeps what it finds in a catalog.

First the task data that no index explains, then every index, then what could not be judged at first sight: on each node
of a cluster for itself, side by side.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from archive_tui.asynq.rows import RowBatch, batches_of, own
from archive_tui.asynq.schedulers import Schedulers
from archive_tui.catalog.catalog import Catalog
from archive_tui.errors import DisconnectedError, MovedError
from archive_tui.jobs.cluster_scan import ClusterScan
from archive_tui.jobs.expectation import Expectation, expectation
from archive_tui.jobs.far_scan import FarScan, Process, Processes, ProcessLostError
from archive_tui.jobs.job import Contact, Job, JobState
from archive_tui.jobs.node_scan import NodeScan, Phase, Wish
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan_messages import Assignment
from archive_tui.settings.model import Settings
from archive_tui.store.link.clock import round_trip
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.link.topology import slot_of_queue
from archive_tui.store.read.histories import stale_among
from archive_tui.store.read.queues import discover, registered
from archive_tui.store.read.schedulers import look, settled

_STORED_BYTES = own("stored_bytes")
_RATE_WINDOW = 5.0
_ROWS_AT_ONCE = 5_000
_KEEP_EVERY = 0.2
_MOST_HISTORIES = 50_000
"""Histories that wait for the end of the scan."""


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

    expected: Expectation | None = None
    """What the walk will most likely have found in the end; None: nobody can tell yet, or it is known."""


class ScanJob(Job):
    """Scan some queues, or all. Findings go to the catalog batch by batch; what is found first of a task stays.

    Without `check_indexes`, as benchmarks want it, it looks only at task data that no index explains: not for ghosts,
    mismatches and active tasks without a lease. With `messages` it also reads the messages of tasks
    that stand where they should. With `locks` it meets the unique locks on its way and finds the stale ones; where
    every task holds one that makes it half as long again. A scan of all queues also finds the stale histories of
    schedulers, which belong to none. `also` are queues whose indexes are checked although they may
    have no task data, for a scan of all meets only those that have some, or are registered; None: the keyspace is
    walked for them. `beside_screens` says that this process draws some meanwhile.
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
        beside_screens: bool = False,
    ) -> None:
        super().__init__("scan")
        self.catalog = catalog
        self.queues = tuple(queues) if queues is not None else None
        self.pace = pace
        self.messages = messages
        self.locks = locks
        self._wish = Wish(check_indexes, messages, locks)
        self._server = server
        self._also = also
        self._beside_screens = beside_screens
        self._lock = threading.RLock()
        self._others_lock = threading.Lock()
        self._others: frozenset[str] | None = None
        self._alone: NodeScan | FarScan = self._make(self.queues)
        self._begun = False
        self._cluster: ClusterScan | None = None
        self._histories: dict[bytes, None] = {}  # SCAN may return a key twice
        self._schedulers: Schedulers | None = None
        self._unsure, self._why_unsure = 0, ""
        self._complete = False
        self._caution = ""
        self._info: ServerInfo | None = None
        self._restarts = 0
        self._stopwatch = stopwatch
        self._started_at, self._began = clock(), stopwatch()
        self._finished_at: float | None = None
        self._recent: list[tuple[float, int, float]] = []
        self._waiting: list[RowBatch] = []
        self._found = self._found_bytes = 0
        self._kept_at = 0.0

    def _make(self, queues: Sequence[str] | None, slots: frozenset[int] | None = None) -> NodeScan:
        return NodeScan(self, self._wish, queues, self._other_queues, slots)

    def _make_far(
        self, process: Process, settings: Settings, queues: Sequence[str] | None, slots: frozenset[int] | None = None
    ) -> FarScan:
        return FarScan(self, process, Assignment(settings, self._wish, queues, slots), self._other_queues)

    @property
    def _scans(self) -> Sequence[NodeScan | FarScan]:
        return [self._alone] if self._cluster is None else [share.scan for share in self._cluster.shares]

    @property
    def progress(self) -> ScanProgress:
        """The progress now; cheap, and safe to read from any thread."""
        rate, left = self._speed()
        waits_for = self._cluster.waits_for if self._cluster is not None else ""
        return ScanProgress(
            self.state,
            self._keys,
            self.catalog.counts().total,
            self._fraction,
            rate,
            left,
            self.pace,
            self._restarts + (self._cluster.restarts if self._cluster is not None else 0),
            sum(one.not_tasks for one in self._scans),
            self._started_at,
            self._finished_at,
            self._complete and not self._caution,
            self.trouble or waits_for or self.catalog.trouble,
            min((one.phase for one in self._scans), key=list(Phase).index, default=Phase.TASK_DATA),
            sum(one.members for one in self._scans),
            self._caution,
            self._unsure,
            self._why_unsure,
            self._expected,
        )

    @property
    def _expected(self) -> Expectation | None:
        """What to expect, as long as task data is walked past. Not of a cluster, which mostly walks slot by slot."""
        if self._cluster is not None or self._alone.phase is not Phase.TASK_DATA:
            return None
        return expectation(self._found, self._found_bytes, self._alone.walked)

    @property
    def _keys(self) -> int:
        return sum(one.keys for one in self._scans)

    @property
    def keys_by_queue(self) -> Counter[str]:
        """Number of task keys that were met, by queue."""
        total: Counter[str] = Counter()
        for one in self._scans:
            total.update(one.keys_by_queue)
        return total

    @property
    def _met(self) -> set[str]:
        """The queues whose indexes were checked."""
        return {queue for one in self._scans for queue in one.queues}

    @property
    def groups(self) -> Mapping[str, set[bytes]]:
        """By queue, the names of the group and aggregation sets that were met, without `g:`."""
        return {queue: names for one in self._scans for queue, names in one.groups.items()}

    @property
    def doing(self) -> str:
        return f"scan {self._fraction:.0%}" + (" paused" if self.state is JobState.PAUSED else "")

    @property
    def contacts(self) -> Sequence[Contact]:
        return (self._cluster.contacts if self._cluster is not None else ()) or super().contacts

    @property
    def _fraction(self) -> float:
        if self._complete:
            return 1.0
        return self._alone.fraction if self._cluster is None else self._cluster.fraction

    def work(self) -> None:
        try:
            with Process(Processes(), alone=True, beside_screens=self._beside_screens) as process:
                self.reconnecting(partial(self._attempt, process))
        finally:
            self._keep()
            self.catalog.complete()
            self._finished_at = self._started_at + self._stopwatch() - self._began  # the clock may have been set

    def _attempt(self, process: Process) -> None:
        before, self._info = self._info, self._server.identify()
        if self._server.cluster is not None:
            self._scan_cluster(self._info)
            return
        self._caution = self._info.staleness
        if before is not None and (self._info.is_another(before) or not self._info.tells):
            self._restart()
        with self._server.pipe() as pipe:
            trip = round_trip(pipe)
            self.connected()
            self._look_for_schedulers(pipe)
            if not self._begun:
                self._begun, self._alone = True, self._best(pipe, process)
            try:
                self._alone.go_on(pipe, trip, self._server.pipe)
            except ProcessLostError:
                self._begin_anew()
                raise MovedError("a process that scans was lost") from None
            self._judge_histories(pipe)
            self._caution = self._server.look(pipe).staleness or self._caution
        self._complete = True

    def _best(self, pipe: Pipe, process: Process) -> NodeScan | FarScan:
        """The scan of a single server, from its start: by a process where that pays."""
        (size,) = pipe.call([(b"DBSIZE",)], errors="return")
        if not process.pays(size if isinstance(size, int) else None):
            return self._make(self.queues)
        return self._make_far(process, replace(self._server.at, sentinels=None), self.queues)

    def _scan_cluster(self, info: ServerInfo) -> None:
        """The same of a cluster: what is with one node is no matter for the others."""
        if self._cluster is None:
            self._cluster = ClusterScan(self, self._server, info, self.queues, self._make, self._make_far, self._forget)
        with suppress(DisconnectedError), self._server.pipe() as pipe:
            self._look_for_schedulers(pipe)
        self._cluster.run()
        self.connected()
        try:
            with self._server.pipe() as pipe:
                if self.queues is None and self._others is None:
                    self._other_queues(pipe)
                    self._cluster.run_also(sorted({*registered(pipe), *(self._others or ())} - self._met))
                self._judge_histories(pipe)
        except DisconnectedError as error:
            self._cluster.note(f"queues without task data and histories of schedulers may be missing: {error}")
        self._caution = self._cluster.caution
        self._complete = True

    def _restart(self) -> None:
        """Begin again: another server process answers here now, or may do so, and our cursor means nothing to it."""
        self._begin_anew()
        self._histories, self._schedulers, self._others = {}, None, None
        self._unsure, self._why_unsure = 0, ""
        self._recent, self._waiting = [], []
        self.catalog.clear()
        self._restarts += 1

    def _begin_anew(self) -> None:
        """Have the walk of a single server begin from its start."""
        self._begun, self._alone = False, self._make(self.queues)
        self._found = self._found_bytes = 0

    def _look_for_schedulers(self, pipe: Pipe) -> None:
        if self._schedulers is None and self.queues is None:
            self._schedulers = look(pipe)

    # What the scans of the nodes need, from any thread

    def hold(self) -> None:
        """Hold if somebody asked for it; what was found so far is shown first."""
        if not self._go.is_set():
            self._keep()
        self.checkpoint()

    def found(self, batches: Sequence[RowBatch]) -> None:
        """Take findings."""
        with self._lock:
            self._waiting += batches
            for batch in batches:
                self._found += len(batch.values)
                self._found_bytes += sum(filter(None, map(_STORED_BYTES, batch.values)))
            late = time.monotonic() - self._kept_at >= _KEEP_EVERY
            if self._waiting and (late or sum(len(batch.values) for batch in self._waiting) >= _ROWS_AT_ONCE):
                self._keep()

    def met(self, histories: Sequence[bytes]) -> None:
        """Take the keys of histories of schedulers, which belong to no queue; too many of them are judged at once."""
        if not histories:
            return
        with self._lock:
            self._histories |= dict.fromkeys(histories)
            if len(self._histories) >= _MOST_HISTORIES:
                with self._server.pipe() as other:
                    self._judge_histories(other)

    def progressed(self) -> None:
        """Note the progress, from which the speed follows."""
        now = time.monotonic()
        if not self._recent or now - self._recent[-1][0] >= 0.1:
            with self._lock:
                self._recent = [mark for mark in self._recent if now - mark[0] <= _RATE_WINDOW]
                self._recent.append((now, self._keys, self._fraction))

    def _forget(self, slots: frozenset[int]) -> None:
        """Forget what was found in these slots."""
        with self._lock:
            self._keep()
            queues = [queue for queue in self.catalog.counts().by_queue if slot_of_queue(queue) in slots]
            self.catalog.remove_queues(queues)

    def _other_queues(self, pipe: Pipe) -> Collection[str]:
        """The queues that may have ids in indexes and no task data; walks over the keyspace where nobody named them. In
        a cluster nobody waits here for another node: `_scan_cluster` asks again in the end.
        """
        with self._others_lock:
            if self._others is None:
                try:
                    self._others = frozenset({*self._discovered(pipe), *registered(pipe)})
                except DisconnectedError:
                    if self._cluster is None:
                        raise
            return self._others or ()

    def _discovered(self, pipe: Pipe) -> Sequence[str]:
        if self._also is not None:
            return self._also
        names: list[str] = []
        began = time.monotonic()
        for name in discover(pipe):
            if name is not None:
                names.append(name)
            else:
                self.hold()
                self.rest(self.pace.rest_after(time.monotonic() - began))
                began = time.monotonic()
        return names

    def _judge_histories(self, pipe: Pipe) -> None:
        """Find the stale ones among the histories that were met, by what was seen of schedulers at both ends of the
        scan.
        """
        if not self._histories:
            return
        schedulers = settled(pipe, self.rest, self._schedulers)
        unsure = 0
        for found in stale_among(pipe, list(self._histories), schedulers):
            self.hold()
            self.found(batches_of([one.row() for one in found.stale]))
            unsure += found.unsure
        if unsure:
            self._unsure, self._why_unsure = self._unsure + unsure, schedulers.why_unsure
        self._histories = {}

    def _keep(self) -> None:
        """Put the findings into the catalog; a few thousand rows at once cost half of what they cost in hundreds."""
        with self._lock:
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
