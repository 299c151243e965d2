"""Queues that Asynq 0.17 or before wrote: which are, and their tasks, which are members of indexes. Reads only.

It is a matter of each queue by itself: one that was never migrated says nothing of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.asynq.whole_messages import message_in
from archive_tui.errors import RefusedError
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import Reply, members_in
from archive_tui.store.read.indexes import Cursor, Order, pieces
from archive_tui.text import line

if TYPE_CHECKING:
    from archive_tui.asynq.message import TaskMessage
    from archive_tui.asynq.rows import TaskRow

_ENDS = (b"0", b"-1")

_RANGES = 20
"""Ranges of a sorted set that are asked for at once."""

_MEMBERS = 100
"""Members of a range at most: whole messages, seldom of more than a kilobyte."""


def old_queues(pipe: Pipe, names: Sequence[str]) -> dict[str, int]:
    """Those queues whose tasks are whole messages, by the keys that only such a queue has, or by the members at both
    ends of an index; each with the number of messages in its own list of pending ones. One round trip, and a second
    where a member looks like a message.
    """
    commands: list[Command] = []
    for name in names:
        commands += _sampling(pipe.keys, name)
    replies = pipe.call(commands, errors="return")
    width = len(replies) // len(names) if names else 0
    old: dict[str, int] = {}
    suspects: list[tuple[str, bytes]] = []
    for number, name in enumerate(names):
        pending, archive, *ends = replies[number * width : (number + 1) * width]
        if any(isinstance(reply, int) and reply for reply in (pending, archive)):
            old[name] = pending if isinstance(pending, int) else 0
        else:
            suspects += [(name, member) for member in _members(ends) if message_in(member, name) is not None]
    return old | {name: 0 for name, _ in without_data(pipe, suspects)}


def _sampling(keys: Keys, queue: str) -> Iterator[Command]:
    yield b"LLEN", keys.old_pending(queue)
    yield b"EXISTS", keys.old_archive(queue)
    for state in LISTS:
        yield from ((b"LINDEX", keys.index(queue, state), end) for end in _ENDS)
    for index in (*[keys.index(queue, state) for state in SORTED_SETS], keys.deadlines(queue)):
        yield from ((b"ZRANGE", index, end, end) for end in _ENDS)


def _members(replies: Iterable[Reply]) -> Iterator[bytes]:
    for reply in replies:
        if isinstance(reply, bytes):
            yield reply
        elif isinstance(reply, list):
            yield from reply


def without_data(pipe: Pipe, members: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Those of some members, each with its queue, that have nothing under `t:`."""
    found = pipe.call([(b"EXISTS", pipe.keys.task(queue, member)) for queue, member in members], errors="return")
    return [member for member, exists in zip(members, found, strict=True) if exists == 0]


def refuse(pipe: Pipe, queue: str) -> None:
    """Raise RefusedError where a queue must not be changed, because its tasks are whole messages. What belongs to no
    queue has no tasks.
    """
    if queue != INSTALLATION and old_queues(pipe, [queue]):
        raise RefusedError(why_not(queue))


def why_not(queue: str) -> str:
    """The reason why such a queue cannot be changed, and what to do."""
    return (
        f"queue {line(queue)!r} was written by Asynq before 0.18, whose storage is different: it can only be read; "
        "migrate it with `asynq migrate` of Asynq 0.18 first"
    )


# Its tasks


def rows_of(pipe: Pipe, queue: str, state: State, members: Mapping[bytes, int | None]) -> dict[bytes, TaskRow]:
    """The rows of those members of an index that are messages, by member; `members` have their scores, in unix seconds,
    or None in a list.
    """
    from archive_tui.asynq.message import encode
    from archive_tui.asynq.rows import row_of

    messages = {member: message for member in members if (message := message_in(member, queue)) is not None}
    return {
        member: row_of(
            queue, messages[member].id.encode(), state, encode(messages[member]), scored_at=members[member]
        )._replace(stored_bytes=len(member))
        for _, member in without_data(pipe, [(queue, member) for member in messages])
    }


def messages_of(pipe: Pipe, rows: Sequence[TaskRow]) -> list[bytes | None]:
    """The messages of listed tasks that have no task data, as Asynq would write them by now, in the order of the rows.
    None: gone, or of a queue of a later Asynq.
    """
    from archive_tui.asynq.message import encode

    old = old_queues(pipe, sorted({row.queue for row in rows}))
    by_index: dict[tuple[str, State], dict[bytes, int | None]] = {}
    for row in rows:
        if row.queue in old and row.state is not None:
            by_index.setdefault((row.queue, row.state), {})[row.id] = row.scored_at
    found: dict[tuple[str, State, bytes], bytes] = {}
    for (queue, state), wanted in by_index.items():
        for message in _messages(pipe, queue, state, wanted):
            found[queue, state, message.id.encode()] = encode(message)
    return [found.get((row.queue, row.state, row.id)) if row.state is not None else None for row in rows]


def _messages(pipe: Pipe, queue: str, state: State, wanted: Mapping[bytes, int | None]) -> Iterator[TaskMessage]:
    """The messages in an index that have some ids, each once; `wanted` has their scores, in unix seconds, or None in a
    list, which is walked until all are met.
    """
    scores = {score for score in wanted.values() if score is not None}
    left = set(wanted)
    for members in _scored(pipe, pipe.keys.index(queue, state), scores) if scores else _walk(pipe, queue, state):
        for member in members:
            message = message_in(member, queue)
            if message is not None and (task_id := message.id.encode()) in left:
                left.discard(task_id)
                yield message
        if not left:
            return


def _scored(pipe: Pipe, index: bytes, seconds: Iterable[int]) -> Iterator[Sequence[bytes]]:
    """The members of a sorted set with scores about these seconds, some at a time."""
    bounds = [(b"(%d" % (second - 1), b"(%d" % (second + 1)) for second in sorted(seconds)]
    counting: list[Command] = [
        (b"ZCOUNT", index, *ends) for after, before in bounds for ends in ((b"-inf", after[1:]), (after, before))
    ]
    counts = [count if isinstance(count, int) else 0 for count in pipe.call(counting, errors="return")]
    ranks = [
        (first, min(first + _MEMBERS, end) - 1)
        for start, size in zip(counts[::2], counts[1::2], strict=True)
        for end in [start + size]
        for first in range(start, end, _MEMBERS)
    ]
    for at in range(0, len(ranks), _RANGES):
        some = ranks[at : at + _RANGES]
        asked: list[Command] = [(b"ZRANGE", index, b"%d" % first, b"%d" % last) for first, last in some]
        yield from map(members_in, pipe.call(asked, errors="return"))


def _walk(pipe: Pipe, queue: str, state: State) -> Iterator[Sequence[bytes]]:
    """The members of the lists that hold the tasks in a state."""
    own = [pipe.keys.old_pending(queue)] if state is State.PENDING else []
    for key in (*own, pipe.keys.index(queue, state)):
        for piece in pieces(pipe, Cursor(key, Order.LIST)):
            yield piece.ids


class Found(NamedTuple):
    """A task that is a member of an index."""

    member: bytes
    message: TaskMessage
    state: State
    """The state that the index stands for."""
    score: float | None
    """None: the index is a list."""


def find(pipe: Pipe, queue: str, task_id: bytes) -> Found | None:
    """Walk over the indexes of a queue for the message with this id; None where none has it."""
    walks = [
        (State.PENDING, Cursor(pipe.keys.old_pending(queue), Order.LIST)),
        *[(state, Cursor(pipe.keys.index(queue, state), Order.LIST)) for state in LISTS],
        *[(state, Cursor(pipe.keys.index(queue, state), Order.LOWEST, scores=True)) for state in SORTED_SETS],
    ]
    for state, cursor in walks:
        for ids, scores in pieces(pipe, cursor):
            for at, member in enumerate(ids):
                if task_id not in member and task_id != member:
                    continue
                message = message_in(member, queue)
                if message is not None and task_id in (message.id.encode(), member):
                    return Found(member, message, state, float(seconds_of(scores[at])) if scores else None)
    return None
