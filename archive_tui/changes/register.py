"""Registering a leftover queue again: the change that puts its name back into `asynq:queues`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import REGISTER, Outcome
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch
from archive_tui.jobs.job import Leaving
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write import cleanup as store
from archive_tui.text import encode


@dataclass(frozen=True, slots=True)
class RegisterPlan:
    """A leftover queue that is to be registered again."""

    queue: str

    def change(self) -> Change[Any]:
        """The change that carries it out."""
        return RegisterChange(self.queue)


class RegisterChange(Change[ChangeBatch]):
    """Registers one queue. Nothing of it is touched but its name, so no journal is kept; doing it twice is harmless."""

    verb = REGISTER
    action = Action.RESTORE
    leaving = Leaving("A queue is being registered", "That takes a moment.")
    caution = "another server took over meanwhile, and may not know the queue"
    after_demotion = "the new one may not know the queue"
    journaled = False
    ordinary = frozenset({Outcome.DONE, Outcome.ALREADY})
    doubtful = frozenset()
    count = 1

    def __init__(self, queue: str) -> None:
        self.queues = [queue]
        self._left = [ChangeBatch(queue=queue, ids=[encode(queue)])]

    def facts(self) -> Facts:
        return {"queue": self.queues[0]}

    def report(self, progress: ChangeProgress) -> Facts:
        return {"new": progress.made == 1, **({"caution": progress.caution} if progress.caution else {})}

    def next_batch(self, pipe: Pipe) -> ChangeBatch | None:
        return self._left.pop() if self._left else None

    def take(self, pipe: Pipe, batch: ChangeBatch) -> Iterator[Call]:
        for call in batch.open_calls:
            with batch.trying():
                new = store.register(pipe, batch.queue)
            call.outcomes = [Outcome.DONE if new else Outcome.ALREADY]
            yield call
