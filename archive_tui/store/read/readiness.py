"""Readiness of archived tasks to run: their deadline, group and unique lock, and whether anybody serves their queue."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from archive_tui.asynq import locks, message
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply
from archive_tui.store.read.budget import within_budget
from archive_tui.store.read.servers import served_queues
from archive_tui.text import encode


class Lock(Enum):
    """Holders of the unique lock that a task names."""

    NONE = "none"
    """It names none."""
    OWN = "own"
    FREE = "free"
    OTHER = "other"
    """Another task: the same work may be queued already."""


class Readiness(NamedTuple):
    """Facts about one task, as they are now."""

    deadline: int
    """When Asynq gives up on it, in unix seconds; 0: never."""
    grouped: bool
    """Whether it was enqueued into a group."""
    lock: Lock
    size: int
    """Bytes of its message."""


class Service(NamedTuple):
    """Facts about one queue, as they are now."""

    registered: bool
    paused: bool
    served: bool | None
    """Whether a running server serves it; None where that cannot be read."""


def readiness(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> Iterator[list[Readiness | None]]:
    """The facts about some tasks of a queue, in their order and in pieces of which each fits into memory; None for what
    has no readable message.
    """
    task_keys = [pipe.keys.task(queue, task_id) for task_id in ids]
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in task_keys], errors="return")
    for batch in within_budget(list(zip(ids, task_keys, lengths, strict=True))):
        replies = pipe.call([(b"HMGET", key, b"msg", b"unique_key", b"group") for _, key, _ in batch], errors="return")
        yield _facts(pipe, queue, [task_id for task_id, _, _ in batch], replies)


def _facts(pipe: Pipe, queue: str, ids: Sequence[bytes], replies: Sequence[Reply]) -> list[Readiness | None]:
    fields = [reply if isinstance(reply, list) else (None, None, None) for reply in replies]
    named = [locks.named(pipe.keys, queue, unique_key, raw_message) for raw_message, unique_key, _ in fields]
    holders = iter(pipe.call([(b"GET", lock) for lock in named if lock is not None], errors="return"))
    found: list[Readiness | None] = []
    for task_id, (raw_message, _, group), lock in zip(ids, fields, named, strict=True):
        state = _lock(task_id, next(holders)) if lock is not None else Lock.NONE
        decoded = message.decode(raw_message) if raw_message is not None else None
        found.append(
            Readiness(decoded.deadline, bool(group or decoded.group_key), state, len(raw_message or b""))
            if decoded is not None
            else None
        )
    return found


def _lock(task_id: bytes, holder: Reply) -> Lock:
    if not isinstance(holder, bytes):
        return Lock.FREE
    return Lock.OWN if holder == task_id else Lock.OTHER


def service(pipe: Pipe, queues: Sequence[str]) -> dict[str, Service]:
    """The facts about some queues, by name."""
    served = served_queues(pipe)
    registered = pipe.call([(b"SISMEMBER", pipe.keys.queues, encode(queue)) for queue in queues], errors="return")
    paused = pipe.call([(b"EXISTS", pipe.keys.paused(queue)) for queue in queues], errors="return")
    return {
        queue: Service(is_registered != 0, is_paused == 1, None if served is None else queue in served)
        for queue, is_registered, is_paused in zip(queues, registered, paused, strict=True)
    }
