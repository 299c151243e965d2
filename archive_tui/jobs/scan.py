"""The job that scans queues for task data that Asynq has lost track of, and keeps what it finds in a catalog."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive_tui.asynq.task import RowBatch
from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace, Stride
from archive_tui.store.connection import Server
from archive_tui.store.scan import Scan, Step, round_trip

_RATE_WINDOW = 5.0
_ROWS_AT_ONCE = 5_000
_KEEP_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is. `fraction` is 0 to 1, `rate` task keys a second, times unix seconds.

    `complete` says that the whole keyspace was walked: before that every count is a lower bound. `not_tasks` are keys
    under `t:` that are no hashes.
    """

    state: JobState
    keys: int = 0
    found: int = 0
    fraction: float = 0.0
    rate: float = 0.0
    seconds_left: float | None = None
    pace: Pace = Pace.POLITE
    restarts: int = 0
    not_tasks: int = 0
    started_at: float = 0.0
    finished_at: float | None = None
    complete: bool = False
    trouble: str = ""


class ScanJob(Job):
    """Scan some queues, or all. Findings go to the catalog batch by batch."""

    def __init__(
        self,
        server: Server,
        catalog: Catalog,
        queues: Sequence[str] | None = None,
        pace: Pace = Pace.POLITE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("scan")
        self.catalog = catalog
        self.queues = tuple(queues) if queues is not None else None
        self.pace = pace
        self.keys_by_queue: dict[str, int] = {}
        self._server = server
        self._clock = clock
        self._stride = Stride(pace)
        self._scan = Scan(queues, count=self._stride.keys)
        self._run_id = ""
        self._keys = self._not_tasks = self._restarts = self._attempts = 0
        self._started_at = clock()
        self._finished_at: float | None = None
        self._recent: list[tuple[float, int, float]] = []
        self._waiting: list[RowBatch] = []
        self._kept_at = 0.0

    @property
    def progress(self) -> ScanProgress:
        """How far the scan is now; cheap, and safe to read from any thread."""
        rate, left = self._speed()
        return ScanProgress(
            self.state,
            self._keys,
            self.catalog.counts().total,
            self._scan.fraction,
            rate,
            left,
            self.pace,
            self._restarts,
            self._not_tasks,
            self._started_at,
            self._finished_at,
            self._scan.done,
            self.trouble or self.catalog.trouble,
        )

    def work(self) -> None:
        try:
            self.reconnecting(self._attempt)
        finally:
            self._keep()
            self.catalog.settle()
            self._finished_at = self._clock()

    def _attempt(self) -> None:
        run_id = self._server.identify().run_id
        if self._attempts and (run_id != self._run_id or not run_id):
            # Another server process answers here now, or may do so: our cursor means nothing to it.
            self._scan.restart()
            self._keys = self._not_tasks = 0
            self._recent, self._waiting = [], []
            self.catalog.clear()
            self.keys_by_queue.clear()
            self._restarts += 1
        self._run_id = run_id
        self._attempts += 1
        with self._server.pipe() as pipe:
            self._stride.round_trip = round_trip(pipe)
            self.connected()
            while not self._scan.done:
                if not self._go.is_set():
                    self._keep()
                self.checkpoint()
                began = time.monotonic()
                self._stride.pace = self.pace
                self._scan.count = self._stride.keys
                self._take(self._scan.step(pipe))
                took = time.monotonic() - began
                self._stride.took(took)
                self.rest(self.pace.rest_after(took))

    def _take(self, step: Step) -> None:
        self._keys += step.keys
        self._not_tasks += step.not_tasks
        for queue, count in step.keys_by_queue.items():
            self.keys_by_queue[queue] = self.keys_by_queue.get(queue, 0) + count
        self._waiting += step.batches
        now = time.monotonic()
        waiting = sum(len(batch.facts) for batch in self._waiting)
        if waiting >= _ROWS_AT_ONCE or (waiting and now - self._kept_at >= _KEEP_EVERY):
            self._keep()
        if not self._recent or now - self._recent[-1][0] >= 0.1:
            self._recent = [mark for mark in self._recent if now - mark[0] <= _RATE_WINDOW]
            self._recent.append((now, self._keys, step.fraction))

    def _keep(self) -> None:
        """Put what was found into the catalog; a few thousand rows at once cost half of what they cost in hundreds."""
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
