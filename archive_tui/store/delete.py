"""Deleting task data: one script call a batch, each task checked again by the server (DESIGN.md section 6)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from importlib.resources import files

from archive_tui.asynq import keys
from archive_tui.asynq.states import LISTS, State
from archive_tui.store.pipe import Pipe
from archive_tui.store.queues import is_leftover


class Outcome(IntEnum):
    """What became of one task of a batch; the numbers are those of delete.lua."""

    GONE = 0
    DELETED = 1
    DELETED_AND_UNLOCKED = 2
    STATE_CHANGED = 3
    MESSAGE_CHANGED = 4
    NOW_REFERENCED = 5
    NOT_IN_INDEX = 6
    NOT_A_TASK = 7
    QUEUE_AWAKE = 8

    @property
    def deleted(self) -> bool:
        """Whether this call deleted the task."""
        return self in (Outcome.DELETED, Outcome.DELETED_AND_UNLOCKED)

    @property
    def sentence(self) -> str:
        """What happened, in words for a report."""
        return _SENTENCES[self]


_SENTENCES = {
    Outcome.GONE: "already gone",
    Outcome.DELETED: "deleted",
    Outcome.DELETED_AND_UNLOCKED: "deleted, unique lock released",
    Outcome.STATE_CHANGED: "skipped: its state has changed",
    Outcome.MESSAGE_CHANGED: "skipped: its message has changed",
    Outcome.NOW_REFERENCED: "skipped: an index references it now",
    Outcome.NOT_IN_INDEX: "skipped: it left the index",
    Outcome.NOT_A_TASK: "skipped: it is not task data",
    Outcome.QUEUE_AWAKE: "skipped: its queue is no leftover any more",
}


class Standing(StrEnum):
    """Where a task must still stand, or not stand, when it is deleted; the values are those of delete.lua."""

    ORPHAN = "orphan"
    INDEXED = "indexed"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True)
class Doomed:
    """One task of a plan: what must still be true of it when it is deleted."""

    id: bytes
    state: State | None
    fingerprint: bytes
    standing: "Standing"


@cache
def _script() -> tuple[bytes, bytes]:
    source = files(__package__).joinpath("delete.lua").read_bytes()
    return source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()


def delete(pipe: Pipe, queue: str, batch: Sequence[Doomed]) -> list[Outcome]:
    """Delete tasks of one queue and one standing in one atomic step; one outcome for each, in order.

    A connection lost meanwhile leaves open whether the batch was deleted: asking again is harmless, what is gone is
    reported as gone.
    """
    if not batch:
        return []
    standing = batch[0].standing
    if any(doomed.standing is not standing for doomed in batch):
        raise ValueError("a batch is of one standing")
    if standing is Standing.LEFTOVER and not is_leftover(pipe, queue):
        return [Outcome.QUEUE_AWAKE] * len(batch)
    zsets = (State.ARCHIVED, State.COMPLETED, State.SCHEDULED, State.RETRY)
    indexes = [*[keys.index(queue, state) for state in zsets], keys.lease(queue)]
    lists = [keys.index(queue, state) for state in LISTS]
    arguments = [keys.unique_prefix(queue), standing.value.encode()]
    for doomed in batch:
        arguments += [doomed.id, (doomed.state or "").encode(), doomed.fingerprint.hex().encode()]
    hashes = [keys.task(queue, doomed.id) for doomed in batch]
    reply = pipe.script(*_script(), [*indexes, *lists, *hashes], arguments)
    return [Outcome(number) for number in reply]
