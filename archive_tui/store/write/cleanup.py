"""What can be done about a leftover queue: register it again, or clean all of it up, as long as it is one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive_tui.asynq import keys
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import State
from archive_tui.errors import RefusedError
from archive_tui.store.link.pipe import Pipe, Reply, is_refusal, raise_first
from archive_tui.store.read.queues import is_leftover
from archive_tui.store.read.tasks import within_budget
from archive_tui.text import encode, line

_COUNT = 500


@dataclass(frozen=True, slots=True)
class Leavings:
    """Keys of a leftover queue that were met together: rows of its task data, and the other keys."""

    rows: list[TaskRow]
    others: list[bytes]


def register(pipe: Pipe, queue: str) -> bool:
    """Put a queue back into `asynq:queues`, so that Asynq's tools show it and a server that serves it expires what is
    completed. False where it was registered already.
    """
    return bool(pipe.one(b"SADD", keys.QUEUES, encode(queue)))


def leavings(pipe: Pipe, queue: str) -> Iterator[Leavings]:
    """Every key of a queue, in steps."""
    cursor = b"0"
    while True:
        pattern = keys.queue_pattern(queue)
        cursor, found = pipe.one(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"%d" % _COUNT)
        tasks = [key for key in found if key.startswith(keys.task_prefix(queue))]
        others = [key for key in found if not key.startswith(keys.task_prefix(queue))]
        if found:
            yield Leavings(_rows(pipe, queue, tasks), others)
        if cursor == b"0":
            return


def _rows(pipe: Pipe, queue: str, task_keys: Sequence[bytes]) -> list[TaskRow]:
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in task_keys], errors="return")
    rows = []
    for batch in within_budget(list(zip(task_keys, lengths, strict=True))):
        replies = pipe.call([(b"HMGET", key, b"state", b"msg") for key, _ in batch], errors="return")
        rows += [_row(queue, key, reply) for (key, _), reply in zip(batch, replies, strict=True)]
    return rows


def _row(queue: str, key: bytes, reply: Reply) -> TaskRow:
    raw_state, raw_message = reply if isinstance(reply, list) else (None, None)
    task_id = key[len(keys.task_prefix(queue)) :]
    return row_of(queue, task_id, State.parse(raw_state), raw_message, key_bytes=len(key))


def remove(pipe: Pipe, queue: str, found: Sequence[bytes]) -> int:
    """Delete keys of a queue in one atomic step, provided that it is a leftover queue at that moment; returns how many
    there were. Raises RefusedError where it is none any more.
    """
    if not found:
        return 0
    watched = [keys.QUEUES, *[keys.index(queue, state) for state in _TO_DO]]
    (reply,) = pipe.call([(b"WATCH", *watched)], errors="return")
    # In a cluster the set of queues lives elsewhere: then what was looked at a moment ago must do
    if isinstance(reply, Exception) and not (is_refusal(reply) or str(reply).startswith("CROSSSLOT")):
        raise reply
    try:
        if not is_leftover(pipe, queue):
            raise RefusedError(f"queue {line(queue)!r} is no leftover any more: somebody uses it")
        *queued, result = pipe.call([(b"MULTI",), (b"UNLINK", *found), (b"EXEC",)], errors="return")
        raise_first([*queued, result])
    finally:
        pipe.call([(b"UNWATCH",)], errors="return")
    if result is None:
        raise RefusedError(f"queue {line(queue)!r} is no leftover any more: somebody has just used it")
    return int(result[0])


_TO_DO = (State.PENDING, State.ACTIVE, State.SCHEDULED, State.RETRY)
