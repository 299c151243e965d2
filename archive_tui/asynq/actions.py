"""What can be done to a queue, and the commands that each needs of the server."""

from collections.abc import Iterator
from enum import StrEnum

from archive_tui.asynq import keys
from archive_tui.asynq.states import State

_PROBE = b"archive-tui:probe"
_NO_SCRIPT = b"0" * 40


class Action(StrEnum):
    """What a user may be permitted to do, or not. Restoring stands for all that writes task data back."""

    READ = "read"
    DELETE = "delete"
    RESTORE = "restore"


def needs(action: Action, queue: str) -> Iterator[tuple[bytes, ...]]:
    """The commands of an action, each with arguments of this queue, and such that none would change anything but for
    the last three of restoring. They are put to the server only inside a transaction that is given up, or as a
    question.
    """
    task, index = keys.task(queue, _PROBE), keys.index(queue, State.ARCHIVED)
    pending = keys.index(queue, State.PENDING)
    if action is Action.READ:
        yield from (
            (b"TYPE", task), (b"EXISTS", task), (b"HSTRLEN", task, b"msg"), (b"HMGET", task, b"state", b"msg"),
            (b"HGETALL", task), (b"ZCARD", index), (b"ZRANGE", index, b"0", b"0"), (b"ZREVRANGE", index, b"0", b"0"),
            (b"ZSCORE", index, _PROBE), (b"ZSCAN", index, b"0"), (b"LLEN", pending), (b"LRANGE", pending, b"0", b"0"),
            (b"SCARD", keys.groups(queue)), (b"GET", keys.paused(queue)), (b"SCAN", b"0", b"COUNT", b"1"),
        )  # fmt: skip
        return
    yield (b"EVALSHA", _NO_SCRIPT, b"1", task)
    yield (b"EVAL", b"return 0", b"1", task)
    yield from ((b"UNLINK", task), (b"DEL", task), (b"ZREM", index, _PROBE))
    if action is Action.RESTORE:
        yield from (
            (b"HDEL", task, _PROBE), (b"LREM", pending, b"0", _PROBE), (b"SREM", keys.groups(queue), _PROBE),
            (b"ZADD", index, b"XX", b"0", _PROBE), (b"SET", keys.paused(queue), b"", b"XX"),
            (b"SADD", keys.groups(queue), _PROBE), (b"LPUSH", pending, _PROBE), (b"HSET", task, b"a", b"b"),
        )  # fmt: skip
