"""Reading the messages of a queue's completed tasks, those that expire last first. Reads only."""

from collections.abc import Iterator

from archive_tui.asynq.states import State
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.budget import within_budget
from archive_tui.store.read.tasks import listed

LARGEST = 1024 * 1024
"""Bytes of a message above which it is left out."""

_AT_ONCE = 200
"""Tasks whose sizes are asked for together."""


def completed_messages(pipe: Pipe, queue: str) -> Iterator[list[tuple[bytes, bytes | None]]]:
    """The ids in `completed` with their messages, in batches, each id once. None: the message is gone or too large, or
    the task names another state by now. Raises RefusedError where it is no index that Asynq writes.
    """
    known: set[bytes] = set()
    for piece in listed(pipe, queue, State.COMPLETED):
        ids = [task_id for task_id, _ in piece if task_id not in known]
        known.update(ids)
        for start in range(0, len(ids), _AT_ONCE):
            yield from _batches(pipe, queue, ids[start : start + _AT_ONCE])


def _batches(pipe: Pipe, queue: str, ids: list[bytes]) -> Iterator[list[tuple[bytes, bytes | None]]]:
    keys = [pipe.keys.task(queue, task_id) for task_id in ids]
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in keys], errors="return")
    sized = list(zip(ids, keys, lengths, strict=True))
    yield [(task_id, None) for task_id, _, length in sized if not _is_read(length)]
    for batch in within_budget([one for one in sized if _is_read(one[2])]):
        replies = pipe.call([(b"HMGET", key, b"state", b"msg") for _, key, _ in batch], errors="return")
        yield [
            (task_id, reply[1] if isinstance(reply, list) and State.parse(reply[0]) is State.COMPLETED else None)
            for (task_id, _, _), reply in zip(batch, replies, strict=True)
        ]


def _is_read(length: object) -> bool:
    return isinstance(length, int) and 0 < length <= LARGEST
