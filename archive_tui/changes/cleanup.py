"""Cleaning up a leftover queue: the change that deletes every key of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import CLEAN_UP, Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch
from archive_tui.jobs.job import Leaving
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import snapshots
from archive_tui.store.read.leftover import leavings
from archive_tui.store.write import cleanup as store


@dataclass(frozen=True, slots=True)
class CleanUpPlan:
    """A leftover queue that is to be cleaned up. What it holds is seen only while it is deleted."""

    queue: str

    def change(self) -> Change[Any]:
        """The change that carries it out."""
        return CleanUpChange(self.queue)


@dataclass(slots=True, eq=False, kw_only=True)
class CleanUpBatch(ChangeBatch):
    """Tasks of the queue, or other keys of it."""

    others: Sequence[bytes] = ()


class CleanUpChange(Change[CleanUpBatch]):
    """Deletes every key of a leftover queue. Before each step the server confirms that it still is one.

    Tasks go first: while their indexes stand, a queue that is cut off half-way is still known for what it is. Their
    data is in the journal before it is deleted. Indexes, groups, locks and counters come back with the tasks or not at
    all.
    """

    verb = CLEAN_UP
    action = Action.DELETE
    leaving = Leaving("A clean-up is running", "What was deleted stays deleted; the rest can be deleted later.")
    caution = "another server took over meanwhile: what it had not heard of was deleted again, and is counted twice"
    after_demotion = "what was deleted last may not have reached the new one, and be there again"
    starts_over = True
    count = None

    def __init__(self, queue: str) -> None:
        self.queues = [queue]
        self._queue = queue
        self._journaled = False
        self._batches: Iterator[CleanUpBatch] = iter(())

    def facts(self) -> Facts:
        return {"queue": self._queue}

    def report(self, progress: ChangeProgress) -> Facts:
        return {
            "tasks": progress.made,
            "keys": progress.keys,
            "unknown": progress.unknown,
            "journal": str(progress.journal) if progress.journal is not None else None,
            **({"caution": progress.caution} if progress.caution else {}),
        }

    def begin(self, *, journaled: bool) -> None:
        self._journaled = journaled

    def connected(self, pipe: Pipe) -> None:
        self._batches = self._walk(pipe)

    def _walk(self, pipe: Pipe) -> Iterator[CleanUpBatch]:
        for tasks_only in (True, False):
            for met in leavings(pipe, self._queue):
                if met.rows:
                    ids = [row.id for row in met.rows]
                    yield CleanUpBatch(queue=self._queue, ids=ids, unsized=self._journaled)
                if met.others and not tasks_only:
                    yield CleanUpBatch(queue=self._queue, ids=(), copies=[], others=met.others)

    def next_batch(self, pipe: Pipe) -> CleanUpBatch | None:
        return next(self._batches, None)

    def check(self, batch: CleanUpBatch, copies: list[Copy]) -> None:
        # What is no hash is no task data, and nothing that could be restored: only its id is kept
        batch.copies = [copy._replace(fields=()) if copy.fields is snapshots.NOT_A_HASH else copy for copy in copies]
        batch.places = [at for at, copy in enumerate(copies) if copy.fields]
        batch.left_out = {at: Outcome.GONE for at, copy in enumerate(copies) if not copy.fields}

    def slice(self, batch: CleanUpBatch) -> None:
        batch.calls = [Call(batch.chosen)] if len(batch.chosen) or batch.others or batch.left_out else []

    def take(self, pipe: Pipe, batch: CleanUpBatch) -> Iterator[Call]:
        for call in batch.open_calls:
            # What is left out may still be a key: a hash whose fields have all expired (Valkey 9)
            tasks = [pipe.keys.task(batch.queue, batch.ids[at]) for at in (*call.at, *batch.left_out)]
            with batch.trying():
                self.keys += store.remove(pipe, batch.queue, [*tasks, *batch.others])
            call.outcomes = [Outcome.DONE] * len(call.at)
            yield call
