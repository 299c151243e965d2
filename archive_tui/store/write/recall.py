"""Take back what was put where Asynq runs it, or edited: into the archive again as it was there, if no worker has it
yet.
"""

from collections.abc import Sequence

from archive_tui.asynq import runs
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.write.run import digest_of
from archive_tui.store.write.scripts import load

_CHANGED = (b"state", b"msg", b"group", b"pending_since", b"unique_key")
"""The fields that a run or an edit may change."""

_SEARCHED = 200_000
"""Ids of the list that one script call may search: about two milliseconds of the server's time."""


def recall(pipe: Pipe, batch: Sequence[Copy], now: float, known: list[Outcome] | None = None) -> list[Outcome]:
    """Move tasks of one queue from `pending` or `scheduled` back into the archive, where their copies say they stood;
    one outcome for each, in order. `now` is unix seconds. A task that a worker has taken is left alone, whatever became
    of it. Outcomes are put into `known` as soon as they are there: with many pending tasks the batch takes several
    calls, and one of them may be refused when others have been carried out.
    """
    outcomes: list[Outcome] = [] if known is None else known
    if not batch:
        return outcomes
    queue = batch[0].queue
    waiting = pipe.call([(b"LLEN", pipe.keys.index(queue, State.PENDING))], errors="return")[0]
    size = max(1, _SEARCHED // waiting) if isinstance(waiting, int) and waiting else len(batch)
    for start in range(0, len(batch), size):
        outcomes += _call(pipe, queue, batch[start : start + size], now)
    return outcomes


def _call(pipe: Pipe, queue: str, batch: Sequence[Copy], now: float) -> list[Outcome]:
    indexes = [pipe.keys.index(queue, state) for state in (State.ARCHIVED, State.SCHEDULED, State.PENDING)]
    edited = any(copy.lock is not None and copy.edited is not None for copy in batch)
    arguments = [pipe.keys.prefix(queue), b"%d" % int(now * 1000), b"locks" if edited else b""]
    for copy in batch:
        lock_until = b"" if copy.lock_until is None else b"%d" % copy.lock_until
        fields = [part for name in _CHANGED if (value := copy.field(name)) is not None for part in (name, value)]
        arguments += (
            copy.id,
            digest_of(copy.field(b"msg") or b"").encode(),
            _digest_afterwards(copy).encode(),
            copy.score or b"0",
            b"" if copy.until is None else b"%d" % copy.until,
            copy.lock or b"",
            lock_until,
            b"%d" % len(fields),
            *fields,
        )
    hashes = [pipe.keys.task(queue, copy.id) for copy in batch]
    return [Outcome(number) for number in pipe.script(*load("recall"), [*indexes, *hashes], arguments)]


def _digest_afterwards(copy: Copy) -> str:
    """The SHA-1 of the message that a task has if the run, or the edit, gave it another; empty where it could not."""
    if copy.edited is not None:
        return copy.edited
    afresh = runs.afresh(copy.field(b"msg") or b"")
    return digest_of(afresh) if afresh is not None else ""


def are_archived(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these stand in the archive of their queue now."""
    replies = pipe.call(
        [(b"ZSCORE", pipe.keys.index(copy.queue, State.ARCHIVED), copy.id) for copy in copies], errors="return"
    )
    return [isinstance(reply, bytes) for reply in replies]


def not_queued(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these stand in the archive just as before they were queued. One that has run since and failed again has
    another message.
    """
    commands: list[Command] = []
    for copy in copies:
        commands += (
            (b"HMGET", pipe.keys.task(copy.queue, copy.id), b"state", b"msg"),
            (b"ZSCORE", pipe.keys.index(copy.queue, State.ARCHIVED), copy.id),
        )
    replies = pipe.call(commands, errors="return")
    before = [[copy.field(b"state"), copy.field(b"msg")] for copy in copies]
    return [
        fields == was and score == copy.score
        for copy, was, fields, score in zip(copies, before, replies[::2], replies[1::2], strict=True)
    ]


def can_be_taken_back(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these wait for a worker now, or stay in the archive, with the message that the run or the edit gave
    them, so far as one look can tell.
    """
    replies = pipe.call(
        [(b"HMGET", pipe.keys.task(copy.queue, copy.id), b"state", b"msg") for copy in copies], errors="return"
    )
    waiting = []
    for copy, reply in zip(copies, replies, strict=True):
        state, raw_message = reply if isinstance(reply, list) else (None, None)
        digest = digest_of(raw_message) if raw_message is not None else None
        same = digest in (digest_of(copy.field(b"msg") or b""), _digest_afterwards(copy))
        stays = copy.edited is not None and digest == copy.edited and State.parse(state) is State.ARCHIVED
        waiting.append(stays or (same and State.parse(state) in (State.PENDING, State.SCHEDULED)))
    return waiting
