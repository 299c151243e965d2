"""Restore deleted tasks: one script call a batch, never over anything that stands there."""

from collections.abc import Sequence
from enum import StrEnum

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.states import LISTS, State
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import error_of
from archive_tui.store.write import histories
from archive_tui.store.write.scripts import load
from archive_tui.text import encode


class Target(StrEnum):
    """Places where restored tasks go; the values are those of restore.lua."""

    BACK = "back"
    ARCHIVE = "archive"
    RUN = "run"


def restore(pipe: Pipe, batch: Sequence[Copy], target: Target, now: float) -> tuple[list[Outcome], Exception | None]:
    """Write tasks of one queue, or histories of the installation, back in one step; one outcome for each, in order.
    `now` is unix seconds.

    Where the server refuses in the middle, the outcomes up to there, and what it said; asking again is harmless, what
    is there is found there.
    """
    if not batch:
        return [], None
    queue = batch[0].queue
    if any(copy.queue != queue for copy in batch):
        raise ValueError("a batch is of one queue")
    if queue == INSTALLATION:
        return histories.restore(pipe, batch, now)
    zsets = (State.ARCHIVED, State.COMPLETED, State.SCHEDULED, State.RETRY)
    named = [
        *[pipe.keys.index(queue, state) for state in zsets],
        pipe.keys.lease(queue),
        pipe.keys.index(queue, State.PENDING),
    ]
    milliseconds = int(now * 1000)
    arguments = [pipe.keys.unique_prefix(queue), target.value.encode(), b"%d" % milliseconds]
    for copy in batch:
        left = b"" if copy.lock_until is None else b"%d" % (copy.lock_until - milliseconds)
        stood = encode(copy.index_name)
        until = b"" if copy.until is None else b"%d" % copy.until
        ends = [one for name, end in (copy.field_until or {}).items() for one in (name, b"%d" % end)]
        arguments += (stood, copy.score or b"0", copy.lock or b"", left, until, b"%d" % len(ends), *ends)
        arguments += (b"%d" % len(copy.fields), *copy.fields)
    if target is Target.RUN:
        pipe.one(b"SADD", pipe.keys.queues, encode(queue))  # in a cluster it lives elsewhere: not part of the script
    hashes = [pipe.keys.task(queue, copy.id) for copy in batch]
    reply = pipe.script(*load("restore"), [*named, *hashes], arguments)
    outcomes = [Outcome(number) for number in reply if isinstance(number, int)]
    failure = None
    if len(outcomes) < len(batch):
        failure = error_of(reply[-1])
    return outcomes, failure


def exist(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these have task data in Redis now, or are a history there; of a lock without a task, whether it is held
    by the same id.
    """
    commands = [
        (b"GET", copy.lock) if copy.lock is not None and not copy.fields else (b"EXISTS", _key_of(pipe.keys, copy))
        for copy in copies
    ]
    replies = pipe.call(commands, errors="return")
    return [reply in (1, copy.id) for copy, reply in zip(copies, replies, strict=True)]


def are_back(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these are in Redis now: their task data, or where they had none the id in its index."""
    back = exist(pipe, copies)
    bare = [at for at, copy in enumerate(copies) if not copy.fields and copy.lock is None]
    commands: list[Command] = [
        (b"LPOS" if copies[at].place in LISTS else b"ZSCORE", _index_of(pipe.keys, copies[at]), copies[at].id)
        for at in bare
    ]
    for at, place in zip(bare, pipe.call(commands, errors="return"), strict=True):
        back[at] = isinstance(place, int | bytes)
    return back


def _key_of(keys: Keys, copy: Copy) -> bytes:
    return keys.history(copy.id) if copy.queue == INSTALLATION else keys.task(copy.queue, copy.id)


def _index_of(keys: Keys, copy: Copy) -> bytes:
    return keys.prefix(copy.queue) + encode(copy.place)


def unchanged(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these have the very same task data, or events, in Redis now."""
    found = exist(pipe, copies)
    for at, copy in enumerate(copies):
        if found[at] and copy.queue == INSTALLATION:
            (found[at],) = histories.unchanged(pipe, [copy])
        elif found[at]:
            (fields,) = pipe.call([(b"HGETALL", pipe.keys.task(copy.queue, copy.id))], errors="return")
            found[at] = isinstance(fields, list) and _pairs(fields) == _pairs(copy.fields)
    return found


def _pairs(fields: Sequence[bytes]) -> set[tuple[bytes, bytes]]:
    return set(zip(fields[::2], fields[1::2], strict=True))


def archived_count(pipe: Pipe, queue: str) -> int | None:
    """How many ids the archive holds now; None where it is no sorted set."""
    (count,) = pipe.call([(b"ZCARD", pipe.keys.index(queue, State.ARCHIVED))], errors="return")
    return count if isinstance(count, int) else None


def is_registered(pipe: Pipe, queue: str) -> bool:
    """Whether Asynq knows the queue."""
    return bool(pipe.one(b"SISMEMBER", pipe.keys.queues, encode(queue)))
