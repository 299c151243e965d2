"""The job that lists the tasks of one index into a catalog, the newest first."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.job import Job, JobState
from archive_tui.store.link.server import Server
from archive_tui.store.read import tasks


@dataclass(frozen=True, slots=True)
class ListProgress:
    """Progress of a listing."""

    state: JobState
    """State of the job."""

    listed: int = 0
    """Ids read."""

    complete: bool = False
    """The whole index was read."""

    read_at: float | None = None
    """When it had been read, in unix seconds; None: it has not yet."""

    trouble: str = ""
    """Why the job waits for the server; empty: it does not."""

    phase: str = ""
    """What it is doing, in words."""


class ListJob(Job):
    """List an index of a queue.

    In a catalog that was filled before, rows are updated and keep their numbers; at the end those are removed that the
    index no longer holds.
    """

    def __init__(
        self,
        server: Server,
        catalog: Catalog,
        queue: str,
        state: State = State.ARCHIVED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("list")
        self.catalog = catalog
        self.queue = queue
        self.index = state
        self._server = server
        self._listed = 0
        self._complete = False
        self._clock = clock
        self._read_at: float | None = None
        self._phase = "connecting"

    @property
    def progress(self) -> ListProgress:
        """The progress now; safe to read from any thread."""
        return ListProgress(self.state, self._listed, self._complete, self._read_at, self.trouble, self._phase)

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        self._listed = 0
        with self._server.pipe() as pipe:
            self.connected()
            self._phase = f"reading the {'archive' if self.index is State.ARCHIVED else self.index.value}'s ids"
            self.catalog.begin_listing()
            known_ids: set[bytes] = set()
            for piece in tasks.listed(pipe, self.queue, self.index):
                self.checkpoint()
                fresh = [(task_id, score) for task_id, score in piece if task_id not in known_ids]
                known_ids.update(task_id for task_id, _ in fresh)
                self._phase = "reading the tasks"
                for rows in tasks.rows(pipe, self.queue, self.index, fresh):
                    self.checkpoint()
                    self.catalog.add(rows, update=True)
                    self._listed += len(rows)
            self.catalog.end_listing()
        self._complete = True
        self._read_at = self._clock()
