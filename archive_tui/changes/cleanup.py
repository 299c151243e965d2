"""The job that cleans up a leftover queue, and the one that looks into an archive that is stuck."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archive_tui.asynq import keys
from archive_tui.asynq.rows import TaskRow
from archive_tui.changes.delete import Record
from archive_tui.changes.failover import Witness
from archive_tui.changes.recorder import Ledger, portions
from archive_tui.errors import RefusedError
from archive_tui.jobs.job import Job, JobState, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.journal.outcomes import DONE, UNTRIED
from archive_tui.journal.recorder import Keeping
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots as reading
from archive_tui.store.read.leftover import leavings
from archive_tui.store.write import cleanup

COMMAND = "clean up"
"""How the journal of a clean-up names the run."""

_COUNTED_TWICE = "another server took over meanwhile: what it had not heard of was deleted again, and is counted twice"


@dataclass(frozen=True, slots=True)
class CleanUpProgress:
    """What was done so far: tasks whose data was deleted, and all keys, theirs included. `caution` says in words why
    the counts may not be true any more.
    """

    state: JobState
    tasks: int = 0
    keys: int = 0
    trouble: str = ""
    error: str = ""
    journal: Path | None = None
    caution: str = ""


class CleanUpJob(Job):
    """Delete every key of a leftover queue. Before each step the server confirms that it still is one.

    With `keeping`, the data of every task is in the journal and on disk before it is deleted. Indexes, groups, locks
    and counters come back with the tasks or not at all.
    """

    def __init__(
        self,
        server: Server,
        queue: str,
        pace: Pace = Pace.POLITE,
        record: Record | None = None,
        keeping: Keeping | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("clean up")
        if server.settings.read_only:
            raise RefusedError("this is a read-only session: nothing can be deleted")
        self.queue = queue
        self.pace = pace
        self.keeping = replace(keeping, command=COMMAND) if keeping is not None else None
        self._server = server
        self._record = record
        self._clock = clock
        self._ledger: Ledger | None = None
        self._witness = Witness(server)
        self._caution = ""
        self._tasks = self._keys = 0

    @property
    def progress(self) -> CleanUpProgress:
        """What was done so far; safe to read from any thread."""
        error = str(self.error) if self.error else ""
        journal = self._ledger.path if self._ledger is not None else None
        return CleanUpProgress(self.state, self._tasks, self._keys, self.trouble, error, journal, self._caution)

    def work(self) -> None:
        state = JobState.FAILED
        try:
            if self.keeping is not None:
                self._ledger = Ledger(self.keeping, self._server.settings, [self.queue], None, clock=self._clock)
            self.reconnecting(self._attempt)
            state = JobState.DONE
        except Stopped:
            state = JobState.STOPPED
            raise
        finally:
            if self._ledger is not None:
                self._ledger.close(state, {"deleted": self._tasks})

    def _attempt(self) -> None:
        """Tasks first: while their indexes stand, a queue that is cut off half-way is still known for what it is."""
        if self._witness.look() and self._keys:
            self._caution = _COUNTED_TWICE
        with self._server.pipe() as pipe:
            self.connected()
            for tasks_only in (True, False):
                for found in leavings(pipe, self.queue):
                    self.checkpoint()
                    began = time.monotonic()
                    self._remove_tasks(pipe, found.rows)
                    if not tasks_only:
                        self._keys += cleanup.remove(pipe, self.queue, found.others)
                    self.rest(self.pace.rest_after(time.monotonic() - began))

    def _remove_tasks(self, pipe: Pipe, rows: Sequence[TaskRow]) -> None:
        if rows and self._record is not None:
            self._record(pipe, rows)
        ids = [row.id for row in rows]
        if self._ledger is None:
            self._remove(pipe, ids)
            return
        for part in list(portions(pipe, self.queue, ids)):
            self._remove_kept(pipe, [ids[at] for at in part], self._ledger)

    def _remove_kept(self, pipe: Pipe, ids: Sequence[bytes], ledger: Ledger) -> None:
        """Write down, then delete; of a batch whose answer never comes the journal says nothing."""
        copies = [copy for copy in reading.whole(pipe, self.queue, ids) if copy.fields]
        if not copies:
            return
        ids = [copy.id for copy in copies]
        # What is no hash is no task data, and nothing that could be put back: only its id is kept
        batch = ledger.keep([one._replace(fields=()) if one.fields is reading.NOT_A_HASH else one for one in copies])
        try:
            self._remove(pipe, ids)
        except RefusedError:
            ledger.done(batch, UNTRIED * len(ids))
            raise
        ledger.done(batch, DONE * len(ids))

    def _remove(self, pipe: Pipe, ids: Sequence[bytes]) -> None:
        self._keys += cleanup.remove(pipe, self.queue, [keys.task(self.queue, one) for one in ids])
        self._tasks += len(ids)
