"""Reading tasks: the ids of an index in pieces, rows for a list, and one task in full. Reads only."""

from collections.abc import Iterator, Sequence
from itertools import islice

from redis.exceptions import ResponseError

from archive_tui.asynq import findings, large_message, locks
from archive_tui.asynq.findings import GROUP, Kind
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import Task, UniqueLock, seconds_of
from archive_tui.errors import NotFoundError, RefusedError
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.consistent_read import read_together
from archive_tui.store.link.pipe import Command, Pipe, pack
from archive_tui.store.link.replies import Reply, is_not_permitted, is_wrong_type
from archive_tui.store.read import old_storage
from archive_tui.store.read.budget import within_budget
from archive_tui.store.read.indexes import Cursor, Order, aggregation_sets, pieces
from archive_tui.store.read.times import end_by, field_ends, field_times, life
from archive_tui.text import decode, line

PIECE = 1_000
"""Ids that one step takes from an index."""

_LPOS_LIMIT = 100_000

_BARE = [None, None]
"""The reply for a task that has no data, or at least no field that we ask for."""


def listed(pipe: Pipe, queue: str, state: State) -> Iterator[list[tuple[bytes, int | None]]]:
    """The ids of a sorted set with their scores (unix seconds), newest first, or of a list with None; in pieces. In a
    queue of before Asynq 0.18 these are whole messages.

    The index may change between pieces: an id may come twice, but none that stands there all the while is left out.
    Raises RefusedError where it is no index that Asynq writes.
    """
    scores = state not in LISTS
    order = Order.HIGHEST if scores else Order.LIST
    index = pipe.keys.index(queue, state)
    if state is State.PENDING:
        for piece in pieces(pipe, Cursor(pipe.keys.old_pending(queue), Order.LIST, PIECE)):
            yield [(member, None) for member in piece.ids]
    walk = pieces(pipe, Cursor(index, order, PIECE, scores=scores, strict=True))
    while True:
        try:
            found = next(walk, None)
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            raise RefusedError(_no_index(pipe, index)) from None
        if found is None:
            return
        if scores:
            yield list(zip(found.ids, map(seconds_of, found.scores), strict=True))
        else:
            yield [(task_id, None) for task_id in found.ids]


def _no_index(pipe: Pipe, index: bytes) -> str:
    """Why nothing can be listed of a key that is of another type than Asynq writes."""
    (kind,) = pipe.call([(b"TYPE", index)], errors="return")
    what = f"is a {line(kind)}" if isinstance(kind, bytes) else "is something else"
    return f"{line(index)} {what}, not the index that Asynq writes: nothing of it is a task"


def rows(pipe: Pipe, queue: str, state: State, piece: Sequence[tuple[bytes, int | None]]) -> Iterator[list[TaskRow]]:
    """The rows of listed tasks, read in batches whose replies stay within `REPLY_BUDGET`.

    A task whose data is no hash becomes a row with `readable` False and no state. So does one whose data is gone: where
    its id stood in the index at the same moment it is a ghost, and the row says so. A member that is a whole message
    becomes the row of that.
    """
    task_keys = [pipe.keys.task(queue, task_id) for task_id, _ in piece]
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in task_keys], errors="return")
    for batch in within_budget(list(zip(piece, task_keys, lengths, strict=True))):
        replies = pipe.call([(b"HMGET", key, b"state", b"msg") for _, key, _ in batch], errors="return")
        bare = {listed[0]: listed[1] for (listed, _, _), reply in zip(batch, replies, strict=True) if reply == _BARE}
        messages = old_storage.rows_of(pipe, queue, state, bare) if bare else {}
        listed = [
            messages.get(task_id) or _listed_row(queue, task_id, score, key, reply)
            for ((task_id, score), key, _), reply in zip(batch, replies, strict=True)
        ]
        dataless = [task_id for task_id in bare if task_id not in messages]
        ghosts = _ghosts(pipe, queue, state, dataless) if dataless and state in SORTED_SETS else set()
        yield [row._replace(kind=Kind.GHOST, index_name=state.value) if row.id in ghosts else row for row in listed]


def _ghosts(pipe: Pipe, queue: str, state: State, ids: Sequence[bytes]) -> set[bytes]:
    """Those of some ids that stand in an index without task data, at one moment."""
    moments = read_together(
        pipe, [pack((b"EXISTS", pipe.keys.task(queue, one))) for one in ids], [(pipe.keys.index(queue, state), ids)]
    )
    return {
        task_id
        for number, task_id in enumerate(ids)
        if all(moment.replies[number] == 0 and moment.scores[0][number] is not None for moment in moments)
    }


def _listed_row(queue: str, task_id: bytes, score: int | None, key: bytes, reply: Reply) -> TaskRow:
    raw_state, raw_message = reply if isinstance(reply, list) else (None, None)
    return row_of(queue, task_id, State.parse(raw_state), raw_message, scored_at=score, key_bytes=len(key))


def read(pipe: Pipe, queue: str, task_id: bytes) -> Task:
    """One task in full, with what Redis holds for it.

    Raises NotFoundError where there is no task data, or where the key is no hash. In a queue of before Asynq 0.18 its
    indexes are searched for the message with this id.
    """
    key = pipe.keys.task(queue, task_id)
    kind, length = pipe.call([(b"TYPE", key), (b"HSTRLEN", key, b"msg")], errors="return")
    if isinstance(kind, Exception):
        raise kind
    large = isinstance(length, int) and length >= large_message.LARGE
    if kind == b"none":
        old = old_storage.find(pipe, queue, task_id) if old_storage.old_queues(pipe, [queue]) else None
        if old is not None:
            return Task(
                queue,
                old.message.id.encode(),
                old.state,
                {},
                old.message,
                {old.state.value: old.score},
                _lock(pipe, queue, old.message.id.encode(), None, old.message),
                member=old.member,
            )
        raise NotFoundError(
            f"queue {line(queue)!r} holds no data for task {line(task_id)!r}: it may have run or been deleted"
        )
    if kind != b"hash":
        raise NotFoundError(f"{line(key)!r} is a {line(kind)}, not task data: Asynq did not write it")
    fields_reply = pipe.large(b"HGETALL", key) if large else None
    commands: list[Command] = [] if large else [(b"HGETALL", key)]
    commands += [(b"ZSCORE", pipe.keys.index(queue, state), task_id) for state in SORTED_SETS]
    commands += [(b"ZSCORE", index, task_id) for index in (pipe.keys.lease(queue), pipe.keys.deadlines(queue))]
    replies = pipe.call(commands, errors="return")
    fields_reply, *replies = [fields_reply, *replies] if large else replies
    if isinstance(fields_reply, Exception):
        raise fields_reply
    fields = dict(zip(islice(fields_reply, 0, None, 2), islice(fields_reply, 1, None, 2), strict=True))
    if not fields:
        raise NotFoundError(f"task {line(task_id)!r} was deleted a moment ago, or all its fields have expired")
    raw_message = fields.get(b"msg")
    decoded, large_payload = large_message.read(raw_message)
    indexes = [*[state.value for state in SORTED_SETS], *findings.LEASES]
    stands_in: dict[str, float | None] = {
        name: float(reply) for name, reply in zip(indexes, replies, strict=True) if isinstance(reply, bytes)
    }
    unread = tuple(name for name, reply in zip(indexes, replies, strict=True) if _is_unread(reply))
    unchecked = unread + _search_lists(pipe, queue, task_id, stands_in)
    unchecked += _search_groups(pipe, queue, task_id, fields.get(b"group"), stands_in)
    names = list(fields)
    memory, left, clock, times = pipe.call(
        [(b"MEMORY", b"USAGE", key), (life(pipe), key), (b"TIME",), field_times(pipe.keys, queue, task_id, names)],
        errors="return",
    )
    end = end_by(pipe, left, seconds_in(clock))
    field_times_unknown = is_not_permitted(times)  # a server that does not know the command has no such times
    return Task(
        queue,
        task_id,
        State.parse(fields.get(b"state")),
        fields,
        decoded,
        stands_in,
        _lock(pipe, queue, task_id, fields.get(b"unique_key"), decoded, large_payload),
        memory if isinstance(memory, int) else None,
        unchecked,
        end / 1000 if end is not None else None,
        None if field_times_unknown else {name: at / 1000 for name, at in field_ends(names, times).items()},
        large_payload=large_payload,
    )


def _search_lists(pipe: Pipe, queue: str, task_id: bytes, stands_in: dict[str, float | None]) -> tuple[str, ...]:
    """Search the lists for the id, and return those whose end was not reached: the first hundred thousand ids of each
    are searched, for a list has no cheap membership test.
    """
    unchecked = []
    for state in LISTS:
        index = pipe.keys.index(queue, state)
        position, size = pipe.call(
            [(b"LPOS", index, task_id, b"MAXLEN", b"%d" % _LPOS_LIMIT), (b"LLEN", index)], errors="return"
        )
        if isinstance(position, int):
            stands_in[state.value] = None
        elif _is_unread(position) or (isinstance(size, int) and size > _LPOS_LIMIT):
            unchecked.append(state.value)
    return tuple(unchecked)


def _search_groups(
    pipe: Pipe, queue: str, task_id: bytes, group: bytes | None, stands_in: dict[str, float | None]
) -> tuple[str, ...]:
    """Search the group of a task, and the sets in which groups are aggregated; returns `aggregating` where one of them
    could not be read.
    """
    if not group:
        return ()
    own = pipe.keys.group(queue, group)
    sets = [own, *aggregation_sets(pipe, queue)]
    named, *scores = pipe.call(
        [(b"SISMEMBER", pipe.keys.groups(queue), group), *[(b"ZSCORE", key, task_id) for key in sets]], errors="return"
    )
    for key, score in zip(sets, scores, strict=True):
        if isinstance(score, bytes):
            looked_into = key != own or named != 0
            stands_in[State.AGGREGATING.value if looked_into else GROUP + decode(group)] = float(score)
    return (State.AGGREGATING.value,) if any(map(_is_unread, scores)) else ()


def _is_unread(reply: Reply) -> bool:
    """Whether an index was not searched; one of another type holds no ids."""
    return isinstance(reply, Exception) and not is_wrong_type(reply)


def _lock(
    pipe: Pipe,
    queue: str,
    task_id: bytes,
    field: bytes | None,
    decoded: TaskMessage | None,
    large_payload: bytes | None = None,
) -> UniqueLock | None:
    """The lock that a task names, whoever holds it; else one that it holds by Asynq's rule, as other writers do."""
    name = field or (decoded.unique_key.encode() if decoded is not None else b"")
    if name:
        return _held(pipe, name)
    if decoded is None:
        return None
    payload = decoded.payload if large_payload is None else large_payload
    found = (_held(pipe, key, named=False) for key in locks.by_rule(pipe.keys, queue, decoded.type, payload))
    return next((lock for lock in found if lock.holder == task_id), None)


def _held(pipe: Pipe, key: bytes, *, named: bool = True) -> UniqueLock:
    holder, reply, clock = pipe.call([(b"GET", key), (life(pipe), key), (b"TIME",)], errors="return")
    now = seconds_in(clock)
    end = end_by(pipe, reply, now)
    shown = now if pipe.snapshot is None else pipe.snapshot.taken_at
    return UniqueLock(
        key,
        holder if isinstance(holder, bytes) else None,
        max(end / 1000 - shown, 0.0) if end is not None else None,
        named,
    )
