"""The job that carries out a plan: journal place, verified deletion, report (DESIGN.md section 6).

One path for one row and for two million, for the screen and for the command line.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from archive_tui.asynq.task import TaskRow
from archive_tui.errors import RefusedError
from archive_tui.jobs.job import Job, JobState, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan
from archive_tui.store import delete as store
from archive_tui.store.connection import Server
from archive_tui.store.delete import Doomed, Outcome, Standing
from archive_tui.store.pipe import Pipe

_CHUNK = 5_000
_BATCH_TASKS = 200
_BATCH_BYTES = 1024 * 1024
"""The server hashes each message it checks: a batch of a mebibyte keeps it busy for a few milliseconds."""

_EXAMPLES = 200

Batch = list[tuple[int, TaskRow]]
Record = Callable[[Pipe, Sequence[TaskRow]], None]
"""Writes a batch to the journal and returns when it is safe on disk; raises where it cannot, and nothing is deleted."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One task that was not deleted, with the reason."""

    queue: str
    id: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DeleteProgress:
    """What was done so far; once `state` has ended, this is the report.

    `unknown` tasks were in a batch whose answer had not come when the job was stopped: they were deleted, or not.
    `unconfirmed` tasks were gone when a batch was sent again after the connection had broken in the middle of it: that
    batch deleted them, or somebody else did.
    """

    state: JobState
    planned: int
    done: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    unknown: int = 0
    unconfirmed: int = 0
    skipped: tuple[Skipped, ...] = ()
    rate: float = 0.0
    trouble: str = ""
    error: str = ""

    @property
    def deleted(self) -> int:
        """How many tasks were deleted."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.deleted)

    @property
    def unlocked(self) -> int:
        """How many unique locks were released with them."""
        return self.outcomes.get(Outcome.DELETED_AND_UNLOCKED, 0)

    @property
    def gone(self) -> int:
        """How many were gone already."""
        return self.outcomes.get(Outcome.GONE, 0)

    @property
    def changed(self) -> int:
        """How many were left alone because they are no longer what the plan was made for."""
        return sum(self.outcomes.values()) - self.deleted - self.gone

    @property
    def untouched(self) -> int:
        """How many the job did not come to."""
        return self.planned - self.done - self.unknown

    @property
    def in_part(self) -> bool:
        """Whether anything of the plan was not done."""
        return self.untouched > 0 or self.changed > 0 or self.unknown > 0


class DeleteJob(Job):
    """Carry out a plan. A stop, or a server that stays away, leaves a clean prefix done and the rest untouched."""

    def __init__(self, server: Server, plan: Plan, pace: Pace = Pace.POLITE, record: Record | None = None) -> None:
        super().__init__("delete")
        if server.settings.read_only:
            raise RefusedError("this is a read-only session: nothing can be deleted")
        self.plan = plan
        self.pace = pace
        self._server = server
        self._record = record
        self._outcomes: Counter[Outcome] = Counter()
        self._skipped: list[Skipped] = []
        self._unconfirmed = self._unknown = 0
        self._done = 0
        self._began = time.monotonic()
        self._ended_at: float | None = None

    @property
    def progress(self) -> DeleteProgress:
        """What was done so far; safe to read from any thread."""
        seconds = (self._ended_at or time.monotonic()) - self._began
        return DeleteProgress(
            self.state,
            self.plan.count,
            self._done,
            dict(self._outcomes),
            self._unknown,
            self._unconfirmed,
            tuple(self._skipped),
            self._done / seconds if seconds > 0 else 0.0,
            self.trouble,
            str(self.error) if self.error else "",
        )

    def work(self) -> None:
        self._began = time.monotonic()
        try:
            for batch in self._batches():
                self.checkpoint()
                began = time.monotonic()
                self._delete(batch)
                self.rest(self.pace.rest_after(time.monotonic() - began))
        finally:
            self._ended_at = time.monotonic()

    def _batches(self) -> Iterator[Batch]:
        """The plan, some thousand tasks at a time, cut so that a batch is of one queue and one standing, and small for
        the server.
        """
        batch: Batch = []
        size = 0
        for rows in self.plan.selection.batches(_CHUNK):
            for seq, row in sorted(rows, key=lambda one: (one[1].queue, _standing(one[1]))):
                weight = row.stored_bytes or 0
                if batch and (
                    len(batch) >= _BATCH_TASKS
                    or size + weight > _BATCH_BYTES
                    or row.queue != batch[0][1].queue
                    or _standing(row) is not _standing(batch[0][1])
                ):
                    yield batch
                    batch, size = [], 0
                batch.append((seq, row))
                size += weight
        if batch:
            yield batch

    def _delete(self, batch: Batch) -> None:
        """Delete one batch, again where the connection breaks: what the first try deleted is then gone."""
        tries = 0
        outcomes: list[Outcome] = []

        def attempt() -> None:
            nonlocal tries, outcomes
            with self._server.pipe() as pipe:
                self.connected()
                if self._record is not None and not tries:
                    self._record(pipe, [row for _, row in batch])
                tries += 1
                outcomes = store.delete(pipe, batch[0][1].queue, [_doomed(row) for _, row in batch])

        try:
            self.reconnecting(attempt)
        except Stopped:
            if tries:
                self._unknown = len(batch)
            raise
        for (_, row), outcome in zip(batch, outcomes, strict=True):
            if outcome is Outcome.GONE and tries > 1:
                self._unconfirmed += 1
            if not outcome.deleted and outcome is not Outcome.GONE and len(self._skipped) < _EXAMPLES:
                self._skipped.append(Skipped(row.queue, row.id, outcome))
        self._outcomes.update(outcomes)
        self._done += len(batch)
        self.plan.selection.catalog.remove(
            seq for (seq, _), outcome in zip(batch, outcomes, strict=True) if outcome.deleted or outcome is Outcome.GONE
        )


def _standing(row: TaskRow) -> Standing:
    """Where the task was found: a finding is an orphan, unless its leftover queue still has the index."""
    if row.kind is None:
        return Standing.INDEXED
    return Standing.ORPHAN if row.scored_at is None else Standing.LEFTOVER


def _doomed(row: TaskRow) -> Doomed:
    return Doomed(row.id, row.state, row.fingerprint, _standing(row))
