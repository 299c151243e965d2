"""The queues of an installation: which there are, and how each is doing. Reads only."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from archive_tui.asynq import keys, message
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.errors import NotAsynqError
from archive_tui.store.connection import Server
from archive_tui.store.pipe import Command, Pipe, Reply
from archive_tui.text import decode, line

FAILURE_DAYS = 14
_SAMPLE = 20
_COUNTER = re.compile(rb"-?\d{1,20}")
_DISCOVERY_COUNT = 1000


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How one queue is doing. `oldest_archived_at` is unix seconds; `failed` counts a day each, the oldest day first.

    `memory` is an estimate in bytes from a sample of its tasks, None where the server would not tell. `unreadable`
    names indexes that are not of the type Asynq writes.
    """

    name: str
    registered: bool
    counts: dict[State, int] = field(default_factory=dict)
    groups: int = 0
    oldest_archived_at: int | None = None
    failed: tuple[int, ...] = ()
    processed_today: int = 0
    paused: bool = False
    memory: int | None = None
    unreadable: tuple[str, ...] = ()


def registered(pipe: Pipe) -> list[str]:
    """The names in `asynq:queues`, sorted."""
    reply = pipe.one(b"SMEMBERS", keys.QUEUES)
    return sorted(decode(name) for name in reply)


def recognise(server: Server) -> list[str]:
    """The registered queues of an Asynq installation that we can read.

    Raises NotAsynqError where the database holds none, or where Asynq before 0.18 wrote it.
    """
    with server.pipe() as pipe:
        (kind,) = pipe.call([(b"TYPE", keys.QUEUES)])
        if kind == b"set":
            names = registered(pipe)
            for name in names:
                _refuse_legacy(pipe, server, name)
            return names
        if kind != b"none":
            raise NotAsynqError(
                f"{server.address}: {keys.QUEUES.decode()} is a {line(kind)}, not Asynq's set of queues"
            )
        leftover = next((name for name in discover(pipe) if name is not None), None)
        if leftover is not None:
            _refuse_legacy(pipe, server, leftover)
            return []  # only leftover queues: damaged, but Asynq's
        (size,) = pipe.call([(b"DBSIZE",)], errors="return")
        holds = f"holds {size:,} keys, none of them Asynq's" if isinstance(size, int) and size else "is empty"
        raise NotAsynqError(f"{server.address} {holds}: check the database number (--db) and the address")


def _refuse_legacy(pipe: Pipe, server: Server, queue: str) -> None:
    """Recognise storage of Asynq before 0.18, where the lists hold whole messages (DESIGN.md section 2)."""
    dead, deadlines = keys.legacy(queue)
    old, older, sample = pipe.call(
        [(b"EXISTS", dead), (b"EXISTS", deadlines), (b"LINDEX", keys.index(queue, State.PENDING), b"0")],
        errors="return",
    )
    if old == 1 or older == 1 or (isinstance(sample, bytes) and _is_message(sample, queue)):
        raise NotAsynqError(
            f"{server.address}: queue {line(queue)!r} was written by Asynq before 0.18, whose storage is different: "
            "migrate it with that version's `asynq migrate` first"
        )


def _is_message(member: bytes, queue: str) -> bool:
    if member[:1] == b"{" and b'"Queue"' in member:
        return True
    decoded = message.decode(member)
    return decoded is not None and decoded.queue == queue and bool(decoded.id)


def discover(pipe: Pipe) -> Iterator[str | None]:
    """Walk the whole keyspace and yield each queue name when its first key is met, leftover queues included.

    After each step comes a None, so that whoever drives the walk can rest between steps.
    """
    known: set[str] = set()
    cursor = b"0"
    while True:
        cursor, found = pipe.one(
            b"SCAN", cursor, b"MATCH", keys.everything_pattern(), b"COUNT", b"%d" % _DISCOVERY_COUNT
        )
        for key in found:
            name = keys.queue_of(key)
            if name is not None and name not in known:
                known.add(name)
                yield name
        if cursor == b"0":
            return
        yield None


def stats(pipe: Pipe, names: Sequence[str], registered_names: Iterable[str], today: datetime) -> list[QueueStats]:
    """How the queues are doing, in one round trip for all of them; groups cost a second one."""
    commands: list[Command] = []
    days = [(today.astimezone(UTC) - timedelta(days=back)).strftime("%Y-%m-%d") for back in range(FAILURE_DAYS)][::-1]
    for name in names:
        commands += [(b"LLEN", keys.index(name, state)) for state in LISTS]
        commands += [(b"ZCARD", keys.index(name, state)) for state in SORTED_SETS]
        commands += [
            (b"ZRANGE", keys.index(name, State.ARCHIVED), b"0", b"0", b"WITHSCORES"),
            (b"EXISTS", keys.paused(name)),
            (b"MGET", *[keys.failed_on(name, day) for day in days]),
            (b"GET", keys.processed_on(name, days[-1])),
            (b"SMEMBERS", keys.groups(name)),
            (b"ZRANGE", keys.aggregation_sets(name), b"0", b"-1"),
        ]
    replies = pipe.call(commands, errors="return")
    width = len(replies) // len(names) if names else 0
    known = set(registered_names)
    result = []
    for number, name in enumerate(names):
        part = replies[number * width : (number + 1) * width]
        _raise_refusal(part)
        result.append(_stats_of(pipe, name, name in known, part))
    return result


def _raise_refusal(replies: Iterable[Reply]) -> None:
    """A wrong type is a fact about the queue; a missing permission concerns the operator."""
    for reply in replies:
        if isinstance(reply, Exception) and not str(reply).startswith("WRONGTYPE"):
            raise reply


def _stats_of(pipe: Pipe, name: str, is_registered: bool, replies: Sequence[Reply]) -> QueueStats:
    states = (*LISTS, *SORTED_SETS)
    sizes, (oldest, paused, failed, processed, groups, staged) = replies[: len(states)], replies[len(states) :]
    counts = {state: size for state, size in zip(states, sizes, strict=True) if isinstance(size, int)}
    group_keys = [keys.group(name, group) for group in groups] if isinstance(groups, list) else []
    staged_keys = list(staged) if isinstance(staged, list) else []
    waiting = pipe.call([(b"ZCARD", key) for key in (*group_keys, *staged_keys)], errors="return")
    counts[State.AGGREGATING] = sum(size for size in waiting if isinstance(size, int))
    return QueueStats(
        name,
        is_registered,
        counts,
        groups=len(group_keys),
        oldest_archived_at=seconds_of(oldest[1]) if isinstance(oldest, list) and oldest else None,
        failed=tuple(_number(count) for count in failed) if isinstance(failed, list) else (),
        processed_today=_number(processed),
        paused=paused == 1,
        unreadable=tuple(state.value for state, size in zip(states, sizes, strict=True) if isinstance(size, Exception)),
    )


def _number(reply: Reply) -> int:
    """A counter; what is no number counts as none."""
    return int(reply) if isinstance(reply, bytes) and _COUNTER.fullmatch(reply) else 0


def memory(pipe: Pipe, queue: str) -> int | None:
    """About how many bytes the referenced tasks and the indexes of a queue take: each state's average over a sample
    of its tasks times its size. None where the server refuses `MEMORY USAGE`.
    """
    samples: list[tuple[int, list[bytes]]] = []
    index_keys = [keys.index(queue, state) for state in (*LISTS, *SORTED_SETS)]
    commands: list[Command] = []
    for state in LISTS:
        index = keys.index(queue, state)
        commands += [(b"LLEN", index), (b"LRANGE", index, b"0", b"%d" % (_SAMPLE - 1))]
    for state in SORTED_SETS:
        index = keys.index(queue, state)
        commands += [(b"ZCARD", index), (b"ZRANGE", index, b"0", b"%d" % (_SAMPLE - 1))]
    replies = pipe.call(commands, errors="return")
    for size, ids in zip(replies[::2], replies[1::2], strict=True):
        if isinstance(size, int) and isinstance(ids, list) and ids:
            samples.append((size, [keys.task(queue, task_id) for task_id in ids]))
    asked = [key for _, sample in samples for key in sample]
    usage = pipe.call([(b"MEMORY", b"USAGE", key) for key in (*index_keys, *asked)], errors="return")
    if any(isinstance(reply, Exception) for reply in usage):
        return None
    total = float(sum(reply or 0 for reply in usage[: len(index_keys)]))
    position = len(index_keys)
    for size, sample in samples:
        weights = [reply for reply in usage[position : position + len(sample)] if reply is not None]
        position += len(sample)
        total += size * sum(weights) / len(weights) if weights else 0
    return int(total)


def exists(pipe: Pipe, queue: str) -> bool:
    """Whether a queue is registered or has at least one key of its own; may walk the keyspace."""
    if pipe.one(b"SISMEMBER", keys.QUEUES, queue.encode("utf-8", "surrogateescape")):
        return True
    indexes = [keys.index(queue, state) for state in (*LISTS, *SORTED_SETS)]
    if any(pipe.call([(b"EXISTS", key) for key in indexes])):
        return True
    cursor = b"0"
    while True:
        cursor, found = pipe.one(b"SCAN", cursor, b"MATCH", keys.tasks_pattern(queue), b"COUNT", b"1000")
        if found:
            return True
        if cursor == b"0":
            return False
