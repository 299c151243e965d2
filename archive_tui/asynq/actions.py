"""Actions on a queue, and the commands of the server that each needs."""

from collections.abc import Iterator
from enum import StrEnum

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.states import State

_PROBE = b"archive-tui:probe"
_NO_SCRIPT = b"0" * 40


class Action(StrEnum):
    """Something that a user of the server may or may not be permitted to do.

    RESTORE stands for everything that writes task data or ids: restore, repair, run, clean up.
    """

    READ = "read"
    DELETE = "delete"
    RESTORE = "restore"


def needs(keys: Keys, action: Action, queue: str) -> Iterator[tuple[bytes, ...]]:
    """The commands of an action, with keys of this queue; for the installation, with the history of a scheduler.

    None of them changes anything, but for the last three of RESTORE. So they are sent only inside a transaction that
    is discarded, or as an argument of ACL DRYRUN.
    """
    if queue == INSTALLATION:
        yield from _needs_of_histories(keys, action)
        return
    task, index = keys.task(queue, _PROBE), keys.index(queue, State.ARCHIVED)
    pending = keys.index(queue, State.PENDING)
    if action is Action.READ:
        yield from (
            (b"TYPE", task), (b"EXISTS", task), (b"HSTRLEN", task, b"msg"), (b"HMGET", task, b"state", b"msg"),
            (b"HGETALL", task), (b"ZCARD", index), (b"ZRANGE", index, b"0", b"0"), (b"ZREVRANGE", index, b"0", b"0"),
            (b"ZSCORE", index, _PROBE), (b"ZSCAN", index, b"0"), (b"LLEN", pending), (b"LRANGE", pending, b"0", b"0"),
            (b"SCARD", keys.groups(queue)), (b"SISMEMBER", keys.groups(queue), _PROBE), (b"GET", keys.paused(queue)),
            (b"SCAN", b"0", b"COUNT", b"1"),
        )  # fmt: skip
        return
    yield (b"EVALSHA", _NO_SCRIPT, b"1", task)
    yield (b"EVAL", b"return 0", b"1", task)
    yield from ((b"UNLINK", task), (b"DEL", task), (b"ZREM", index, _PROBE))
    yield (b"PTTL", task)  # a journal without the time of a lock, or of a task, could not bring it back as it was
    if action is Action.RESTORE:
        yield from (
            (b"HDEL", task, _PROBE), (b"PERSIST", task), (b"PEXPIREAT", task, b"1"),
            (b"LREM", pending, b"0", _PROBE),
            (b"SREM", keys.groups(queue), _PROBE), (b"ZADD", index, b"XX", b"0", _PROBE),
            (b"SET", keys.paused(queue), b"", b"XX"), (b"SADD", keys.groups(queue), _PROBE),
            (b"LPUSH", pending, _PROBE), (b"HSET", task, b"a", b"b"),
        )  # fmt: skip


def _needs_of_histories(keys: Keys, action: Action) -> Iterator[tuple[bytes, ...]]:
    key, schedulers = keys.history(_PROBE), keys.schedulers
    if action is Action.READ:
        yield from ((b"ZRANGE", schedulers, b"0", b"0"), (b"ZRANGE", key, b"0", b"0"), (b"ZCARD", key), (b"PTTL", key))
        return
    yield from ((b"EVALSHA", _NO_SCRIPT, b"1", key), (b"EVAL", b"return 0", b"1", key))
    yield from ((b"UNLINK", key), (b"DEL", key), (b"ZREVRANGE", schedulers, b"0", b"0"))
    if action is Action.RESTORE:
        yield from ((b"PEXPIREAT", key, b"1"), (b"ZADD", key, b"XX", b"0", _PROBE))
