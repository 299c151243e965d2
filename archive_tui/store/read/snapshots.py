"""Reading task data whole, as it goes into the journal: every field, score, lock and time to live."""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import NamedTuple

from archive_tui.asynq import findings, locks
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.pipe import Command, Pipe, pack, pack_around, pack_each
from archive_tui.store.link.replies import Reply, raise_unless_wrong_type
from archive_tui.store.read.times import end_of, field_ends, field_times
from archive_tui.text import encode

_HGETALL, _ = pack_around(b"HGETALL")
_PTTL, _ = pack_around(b"PTTL")
_TIME = pack((b"TIME",))
_OTHER_FIELDS = 100
"""Bytes that the fields beside message and result are taken for."""

NOT_A_HASH: Sequence[bytes] = (b"", b"")
"""Stands for the fields of a key that is no hash."""


def request(
    keys: Keys, queue: str, ids: Sequence[bytes], indexes: Sequence[State | None], *, times: bool = True
) -> tuple[list[bytes], int]:
    """The packed commands that read these tasks, each with its score in one index or none, and with their `times` to
    live; and how many commands they are. `answer` takes the replies.
    """
    start = keys.task_prefix(queue)
    packed = [pack_each(_HGETALL, ids, start=start)]
    count = len(ids)
    if times:
        packed += [pack_each(_PTTL, ids, start=start), _TIME]
        count += len(ids) + 1
    for one, index in zip(ids, indexes, strict=True):
        if index in SORTED_SETS:
            packed.append(pack((b"ZSCORE", keys.index(queue, index), one)))
            count += 1
    return packed, count


def answer(
    pipe: Pipe, queue: str, ids: Sequence[bytes], indexes: Sequence[State | None], *, times: bool = True
) -> list[Copy]:
    """The tasks that were asked for, but for what `completed` adds; `times` as in the request."""
    hashes = pipe.receive(len(ids))
    *lives, clock = pipe.receive(len(ids) + 1) if times else [None]
    fields = hashes if set(map(type, hashes)) == {list} else list(map(_fields, hashes))
    wanted = [index in SORTED_SETS for index in indexes]
    if not any(wanted):
        copies = list(map(Copy, repeat(queue), ids, fields))
    else:
        scores = iter(pipe.receive(sum(wanted)))
        stood = [
            _stood(index, next(scores)) if want else (None, None) for index, want in zip(indexes, wanted, strict=True)
        ]
        copies = list(map(Copy, repeat(queue), ids, fields, *zip(*stood, strict=True)))
    return copies if lives.count(_FOR_EVER) == len(lives) else _with_ends(copies, lives, clock)


_FOR_EVER = -1
"""The answer of `PTTL` for a key that does not expire."""


def _with_ends(copies: list[Copy], times: Sequence[Reply], clock: Reply) -> list[Copy]:
    """The same copies, with the moments at which they expire: `times` to live in milliseconds, as of `clock`."""
    now = seconds_in(clock)
    ends = [end_of(left, now) for left in times]
    return [copy if end is None else copy._replace(until=end) for copy, end in zip(copies, ends, strict=True)]


def _fields(reply: Reply) -> Sequence[bytes]:
    if isinstance(reply, list):
        return reply
    raise_unless_wrong_type([reply])
    return NOT_A_HASH


def _stood(index: State | None, score: Reply) -> tuple[State | None, bytes | None]:
    """The index where a task stood and its score; None and None where it did not stand there."""
    return (index, score) if isinstance(score, bytes) else (None, None)


_DECODED_FOR_LOCKS = 8 * 1024 * 1024
"""Bytes of a message up to which it is decoded to look for a lock that it does not name: decoded it takes three times
its room.
"""


class Missing(NamedTuple):
    """What is still to be read of some copies."""

    locks: Sequence[tuple[int, bytes]] = ()
    """The unique locks that they name, or may hold, by position; whether they hold them is another question."""

    times: bool = False
    """Whether fields may expire by themselves."""


def missing(pipe: Pipe, copies: Sequence[Copy], *, unnamed: bool = False) -> Missing:
    """Find out what is still to be read of these; empty values where nothing is. With `unnamed`, also the locks that
    a task may hold without naming them.
    """
    named: list[tuple[int, bytes]] = []
    if locks.may_be_named(chain.from_iterable([copy[2] for copy in copies])):
        named = [(at, lock) for at, copy in enumerate(copies) if (lock := lock_of(pipe.keys, copy)) is not None]
    if unnamed:
        named += [(at, lock) for at, copy in enumerate(copies) for lock in _unnamed_locks(pipe.keys, copy)]
    return Missing(named, pipe.abilities.has(Ability.FIELD_TIMES))


def _unnamed_locks(keys: Keys, copy: Copy) -> list[bytes]:
    if not copy.fields or copy.fields is NOT_A_HASH:
        return []
    raw = copy.field(b"msg")
    if raw is None or len(raw) > _DECODED_FOR_LOCKS:
        return []
    return locks.unnamed(keys, copy.queue, copy.field(b"unique_key"), raw)


def completed(pipe: Pipe, copies: list[Copy], lacking: Missing) -> list[Copy]:
    """The same copies, with the unique locks that they hold and the times of their fields; costs a round trip where one
    names a lock, and one where the server knows fields that expire.
    """
    copies = _with_locks(pipe, copies, lacking.locks)
    return _with_field_times(pipe, copies) if lacking.times else copies


def _with_field_times(pipe: Pipe, copies: list[Copy]) -> list[Copy]:
    asked = [at for at, copy in enumerate(copies) if copy.fields and copy.fields is not NOT_A_HASH]
    commands = [field_times(pipe.keys, copies[at].queue, copies[at].id, copies[at].fields[::2]) for at in asked]
    replies = pipe.call(commands, errors="return")
    for at, reply in zip(asked, replies, strict=True):
        pipe.abilities.lose(reply, Ability.FIELD_TIMES)
        ends = field_ends(copies[at].fields[::2], reply)
        if ends:
            copies[at] = copies[at]._replace(field_until=ends)
    return copies


def _with_locks(pipe: Pipe, copies: list[Copy], named: Sequence[tuple[int, bytes]]) -> list[Copy]:
    if not named:
        return copies
    for (at, lock), (holder, until) in zip(named, _holders(pipe, [lock for _, lock in named]), strict=True):
        if holder == copies[at].id:
            copies[at] = copies[at]._replace(lock=lock, lock_until=until)
    return copies


def _holders(pipe: Pipe, lock_keys: Sequence[bytes]) -> list[tuple[bytes | None, int | None]]:
    """For each lock the id that holds it (None: nobody does) and the moment at which it runs out, in unix milliseconds
    (None: never).
    """
    commands: list[Command] = []
    for key in lock_keys:
        commands += [(b"GET", key), (b"PTTL", key)]
    *replies, clock = pipe.call([*commands, (b"TIME",)], errors="return")
    now = seconds_in(clock)
    return [
        (holder, end_of(left, now))
        if isinstance(holder, bytes) and isinstance(left, int) and left != -2
        else (None, None)
        for holder, left in zip(replies[::2], replies[1::2], strict=True)
    ]


def lock_of(keys: Keys, copy: Copy) -> bytes | None:
    """The unique lock that a task names; None: none. Whether it holds it is another question."""
    fields = copy.fields
    if len(fields) == 4 and fields[0] == b"msg":
        return locks.named(keys, copy.queue, None, fields[1])
    return locks.named(keys, copy.queue, copy.field(b"unique_key"), copy.field(b"msg"))


def sizes(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> list[int]:
    """About how many bytes each task's data has: its message and its result, which may be large as well."""
    task_keys = [pipe.keys.task(queue, one) for one in ids]
    replies = pipe.call([(b"HSTRLEN", key, name) for key in task_keys for name in (b"msg", b"result")], errors="return")
    lengths = [reply if isinstance(reply, int) else 0 for reply in replies]
    return [message + result + _OTHER_FIELDS for message, result in zip(lengths[::2], lengths[1::2], strict=True)]


def whole(
    pipe: Pipe,
    queue: str,
    ids: Sequence[bytes],
    index_names: Sequence[str] | None = None,
    *,
    unnamed_locks: bool = False,
) -> list[Copy]:
    """Tasks with all that goes into a journal, locks included. `index_names` are the indexes in which they stand, each
    the last part of its key, "" for none; without it, each is searched for in the index that its own state names. With
    `unnamed_locks`, a lock that a task holds without naming it belongs to it, too.

    A group's set counts as `aggregating`, its name is a field of the task; the lease counts as `active`. An id without
    task data keeps the name of its index as `place`.
    """
    task_keys = [pipe.keys.task(queue, one) for one in ids]
    commands: list[Command] = [(b"HGETALL", key) for key in task_keys]
    *replies, clock = pipe.call([*commands, *[(b"PTTL", key) for key in task_keys], (b"TIME",)], errors="return")
    hashes, times = replies[: len(ids)], replies[len(ids) :]
    copies = [Copy(queue, one, _fields(reply)) for one, reply in zip(ids, hashes, strict=True)]
    copies = _with_ends(copies, times, clock)
    if index_names is None:
        index_names = [_named_index(copy) for copy in copies]
    prefix = pipe.keys.prefix(queue)
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
    return completed(pipe, copies, missing(pipe, copies, unnamed=unnamed_locks))


def held_locks(pipe: Pipe, queue: str, lock_keys: Sequence[bytes]) -> list[Copy]:
    """Unique locks as they go into a journal: each under its holder's id, without task data. One that nobody holds has
    no lock, and stands under its own key.
    """
    return [
        Copy(queue, holder, lock=key, lock_until=until) if holder is not None else Copy(queue, key)
        for key, (holder, until) in zip(lock_keys, _holders(pipe, lock_keys), strict=True)
    ]


def _named_index(copy: Copy) -> str:
    state = State.parse(copy.field(b"state"))
    if state is State.AGGREGATING:
        group = copy.field(b"group")
        return findings.GROUP + group.decode("utf-8", "surrogateescape") if group else ""
    return state.value if state in SORTED_SETS else ""
