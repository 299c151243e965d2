"""Reading task data whole, as it goes into the journal: every field, score and lock, byte for byte."""

from collections.abc import Sequence
from itertools import repeat

from archive_tui.asynq import findings, keys, locks
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.pipe import Command, Pipe, pack, pack_around, pack_each
from archive_tui.store.link.replies import Reply, raise_unless_wrong_type
from archive_tui.text import encode

_HGETALL, _ = pack_around(b"HGETALL")
_OTHER_FIELDS = 100
"""Bytes that the fields beside message and result are taken for."""

NOT_A_HASH: Sequence[bytes] = (b"", b"")
"""Stands for the fields of a key that is no hash."""


def request(queue: str, ids: Sequence[bytes], indexes: Sequence[State | None]) -> tuple[list[bytes], int]:
    """The packed commands that read these tasks, each with its score in one index or none, and how many they are;
    `answer` takes the replies.
    """
    packed = [pack_each(_HGETALL, ids, start=keys.task_prefix(queue))]
    for one, index in zip(ids, indexes, strict=True):
        if index in SORTED_SETS:
            packed.append(pack((b"ZSCORE", keys.index(queue, index), one)))
    return packed, len(ids) + len(packed) - 1


def answer(pipe: Pipe, queue: str, ids: Sequence[bytes], indexes: Sequence[State | None]) -> list[Copy]:
    """The tasks that were asked for, without their locks."""
    wanted = [index in SORTED_SETS for index in indexes]
    replies = pipe.receive(len(ids) + sum(wanted))
    hashes = replies[: len(ids)]
    fields = hashes if set(map(type, hashes)) == {list} else list(map(_fields, hashes))
    if not any(wanted):
        return list(map(Copy, repeat(queue), ids, fields))
    scores = iter(replies[len(ids) :])
    stood = [_stood(index, next(scores)) if want else (None, None) for index, want in zip(indexes, wanted, strict=True)]
    return list(map(Copy, repeat(queue), ids, fields, *zip(*stood, strict=True)))


def _fields(reply: Reply) -> Sequence[bytes]:
    if isinstance(reply, list):
        return reply
    raise_unless_wrong_type([reply])
    return NOT_A_HASH


def _stood(index: State | None, score: Reply) -> tuple[State | None, bytes | None]:
    """The index where a task stood and its score; None and None where it did not stand there."""
    return (index, score) if isinstance(score, bytes) else (None, None)


def name_locks(copies: Sequence[Copy]) -> bool:
    """Tell whether any of these may hold a unique lock."""
    return any(lock_of(copy) is not None for copy in copies)


def with_locks(pipe: Pipe, copies: list[Copy]) -> list[Copy]:
    """The same copies, with the unique locks that they hold; costs a round trip where one names a lock."""
    named = [(at, lock) for at, copy in enumerate(copies) if (lock := lock_of(copy)) is not None]
    if not named:
        return copies
    commands: list[Command] = []
    for _, lock in named:
        commands += [(b"GET", lock), (b"PTTL", lock)]
    *replies, clock = pipe.call([*commands, (b"TIME",)], errors="return")
    now = int(seconds_in(clock) * 1000)
    for (at, lock), holder, left in zip(named, replies[::2], replies[1::2], strict=True):
        if holder == copies[at].id and isinstance(left, int) and left != -2:
            copies[at] = copies[at]._replace(lock=lock, lock_until=now + left if left >= 0 else None)
    return copies


def lock_of(copy: Copy) -> bytes | None:
    """The unique lock that a task names; None: none. Whether it holds it is another question."""
    fields = copy.fields
    if len(fields) == 4 and fields[0] == b"msg":
        return locks.named(copy.queue, None, fields[1])
    return locks.named(copy.queue, copy.field(b"unique_key"), copy.field(b"msg"))


def sizes(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> list[int]:
    """About how many bytes each task's data has: its message and its result, which may be large as well."""
    task_keys = [keys.task(queue, one) for one in ids]
    replies = pipe.call([(b"HSTRLEN", key, name) for key in task_keys for name in (b"msg", b"result")], errors="return")
    lengths = [reply if isinstance(reply, int) else 0 for reply in replies]
    return [message + result + _OTHER_FIELDS for message, result in zip(lengths[::2], lengths[1::2], strict=True)]


def whole(pipe: Pipe, queue: str, ids: Sequence[bytes], index_names: Sequence[str] | None = None) -> list[Copy]:
    """Tasks with all that goes into a journal, locks included. `index_names` are the indexes in which they stand, each
    the last part of its key, "" for none; without it, each is searched for in the index that its own state names.

    A group's set counts as `aggregating`, its name is a field of the task; the lease counts as `active`. An id without
    task data keeps the name of its index as `place`.
    """
    replies = pipe.call([(b"HGETALL", keys.task(queue, one)) for one in ids], errors="return")
    copies = [Copy(queue, one, _fields(reply)) for one, reply in zip(ids, replies, strict=True)]
    if index_names is None:
        index_names = [_named_index(copy) for copy in copies]
    prefix = keys.prefix(queue)
    scored = [at for at, name in enumerate(index_names) if name and name not in LISTS]
    scores = pipe.call([(b"ZSCORE", prefix + encode(index_names[at]), ids[at]) for at in scored], errors="return")
    for at, score in zip(scored, scores, strict=True):
        if isinstance(score, bytes):
            copies[at] = copies[at]._replace(stood=findings.state_of(index_names[at]), score=score)
    for at, name in enumerate(index_names):
        if name in LISTS:
            copies[at] = copies[at]._replace(stood=State(name))
        if copies[at].stood is not None and not copies[at].fields:
            copies[at] = copies[at]._replace(place=name)
    return with_locks(pipe, copies)


def _named_index(copy: Copy) -> str:
    state = State.parse(copy.field(b"state"))
    if state is State.AGGREGATING:
        group = copy.field(b"group")
        return findings.GROUP + group.decode("utf-8", "surrogateescape") if group else ""
    return state.value if state in SORTED_SETS else ""
