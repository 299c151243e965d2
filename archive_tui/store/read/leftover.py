"""Leftover queues: whether a queue is one, and every key that it has left. Reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import LISTS, State
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply
from archive_tui.store.read import owners
from archive_tui.store.read.budget import within_budget
from archive_tui.store.read.keyspace import pages
from archive_tui.store.read.servers import served_queues
from archive_tui.text import encode

_COUNT = 500


@dataclass(frozen=True, slots=True)
class Leavings:
    """Keys of a leftover queue that were met together."""

    rows: list[TaskRow]
    """Its task data; of a key that is no hash a row without state and message."""

    others: list[bytes]
    """Its other keys: indexes, locks, counters."""


def is_leftover(pipe: Pipe, queue: str) -> bool:
    """Tell whether a queue is missing from `asynq:queues`, has nothing left to do, and is served by nobody. A queue
    that was deleted while a client goes on enqueueing is not registered again until that client restarts, but it lives.
    """
    known, *sizes = pipe.call(
        [
            (b"SISMEMBER", pipe.keys.queues, encode(queue)),
            *[(b"LLEN", pipe.keys.index(queue, state)) for state in LISTS],
            (b"ZCARD", pipe.keys.index(queue, State.SCHEDULED)),
            (b"ZCARD", pipe.keys.index(queue, State.RETRY)),
        ],
        errors="return",
    )
    return known == 0 and all(size == 0 for size in sizes) and not _is_served(pipe, queue)


def _is_served(pipe: Pipe, queue: str) -> bool:
    """Tell whether a running Asynq server serves a queue: it expires completed tasks even if that is not registered.
    Where that cannot be read, it may be so.
    """
    served = served_queues(pipe)
    return served is None or queue in served


def leavings(pipe: Pipe, queue: str) -> Iterator[Leavings]:
    """Every key of a queue, in steps; a key may come twice. A key that a registered name explains, or a message of
    another queue, is none of them.
    """
    start = pipe.keys.task_prefix(queue)
    ownership = owners.ownership(pipe)
    for page in pages(pipe, pipe.keys.queue_pattern(queue), _COUNT):
        found = owners.keys_of(pipe, ownership, queue, page)
        if found:
            tasks = [key for key in found if key.startswith(start)]
            yield Leavings(_rows(pipe, queue, tasks), [key for key in found if not key.startswith(start)])


def _rows(pipe: Pipe, queue: str, task_keys: Sequence[bytes]) -> list[TaskRow]:
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in task_keys], errors="return")
    rows = []
    for batch in within_budget(list(zip(task_keys, lengths, strict=True))):
        replies = pipe.call([(b"HMGET", key, b"state", b"msg") for key, _ in batch], errors="return")
        rows += [
            _row(queue, key, len(pipe.keys.task_prefix(queue)), reply)
            for (key, _), reply in zip(batch, replies, strict=True)
        ]
    return rows


def _row(queue: str, key: bytes, prefix_bytes: int, reply: Reply) -> TaskRow:
    raw_state, raw_message = reply if isinstance(reply, list) else (None, None)
    task_id = key[prefix_bytes:]
    return row_of(queue, task_id, State.parse(raw_state), raw_message, key_bytes=len(key))
