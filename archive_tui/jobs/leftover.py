"""The job that cleans up a leftover queue, and the one that looks into an archive that is stuck."""

import time
from dataclasses import dataclass

from archive_tui.asynq import keys
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.errors import RefusedError
from archive_tui.jobs.delete import Record
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.store import leftover
from archive_tui.store.check import IndexCheck
from archive_tui.store.connection import Server


@dataclass(frozen=True, slots=True)
class CleanUpProgress:
    """What was done so far: tasks whose data was deleted, and all keys, theirs included."""

    state: JobState
    tasks: int = 0
    keys: int = 0
    trouble: str = ""
    error: str = ""


class CleanUpJob(Job):
    """Delete every key of a leftover queue. Before each step the server confirms that it still is one."""

    def __init__(self, server: Server, queue: str, pace: Pace = Pace.POLITE, record: Record | None = None) -> None:
        super().__init__("clean up")
        if server.settings.read_only:
            raise RefusedError("this is a read-only session: nothing can be deleted")
        self.queue = queue
        self.pace = pace
        self._server = server
        self._record = record
        self._tasks = self._keys = 0

    @property
    def progress(self) -> CleanUpProgress:
        """What was done so far; safe to read from any thread."""
        error = str(self.error) if self.error else ""
        return CleanUpProgress(self.state, self._tasks, self._keys, self.trouble, error)

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        """Tasks first: while their indexes stand, a queue that is cut off half-way is still known for what it is."""
        with self._server.pipe() as pipe:
            self.connected()
            for tasks_only in (True, False):
                for found in leftover.leavings(pipe, self.queue):
                    self.checkpoint()
                    began = time.monotonic()
                    doomed = [keys.task(self.queue, row.id) for row in found.rows]
                    if not tasks_only:
                        doomed += found.others
                    if found.rows and self._record is not None:
                        self._record(pipe, found.rows)
                    self._keys += leftover.remove(pipe, self.queue, doomed)
                    self._tasks += len(found.rows)
                    self.rest(self.pace.rest_after(time.monotonic() - began))


class ArchiveCheckJob(Job):
    """Look at every id of one archive, and put what is wrong into a catalog."""

    def __init__(self, server: Server, catalog: Catalog, queue: str, pace: Pace = Pace.POLITE) -> None:
        super().__init__("check")
        self.catalog = catalog
        self.queue = queue
        self.pace = pace
        self._server = server
        self._check = IndexCheck([queue], {}, indexes=[State.ARCHIVED.value])

    @property
    def fraction(self) -> float:
        """How far the check is, from 0 to 1."""
        return self._check.fraction

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        with self._server.pipe() as pipe:
            self.connected()
            while not self._check.done:
                self.checkpoint()
                began = time.monotonic()
                self.catalog.add(self._check.step(pipe).rows)
                self.rest(self.pace.rest_after(time.monotonic() - began))
