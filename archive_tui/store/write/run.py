"""Put archived tasks where Asynq runs them, as they are or with another message: one script call for some of one queue,
each checked again by the server.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.states import State
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write.scripts import load

_OTHERS = (State.COMPLETED, State.SCHEDULED, State.RETRY)


class Runnable(NamedTuple):
    """An archived task, with what must still be true of it when it is moved."""

    id: bytes

    digest: str
    """SHA-1 of its message in hexadecimal, or the start of it."""

    due: int | None
    """When it is due, in unix seconds; None: it goes to `pending`."""

    message: bytes = b""
    """The message that replaces its own; empty: it stays as it is."""

    lock: bytes = b""
    """The unique lock that this message names, where that is another than its own did; empty: it is not. The task holds
    it afterwards if it held the other, for as long as that had left. Where another task holds it, this one is left
    alone.
    """

    stays: bool = False
    """Whether it stays in the archive with its new message."""


def digest_of(raw_message: bytes) -> str:
    """The SHA-1 of a message, as the script compares it."""
    return hashlib.sha1(raw_message, usedforsecurity=False).hexdigest()


def run(pipe: Pipe, queue: str, tasks: Sequence[Runnable], now: float) -> list[Outcome]:
    """Move tasks of one queue, none twice, out of the archive; one outcome for each, in order. `now` is unix seconds.
    The first of them is the first that a worker takes.
    """
    indexes = [
        pipe.keys.index(queue, State.ARCHIVED),
        *[pipe.keys.index(queue, state) for state in _OTHERS],
        pipe.keys.lease(queue),
        pipe.keys.index(queue, State.PENDING),
    ]
    arguments = [pipe.keys.prefix(queue), b"%d" % int(now * 1e9)]
    for task in tasks:
        due = b"stays" if task.stays else b"" if task.due is None else b"%d" % task.due
        arguments += (task.id, task.digest.encode(), due, task.message, task.lock)
    hashes = [pipe.keys.task(queue, task.id) for task in tasks]
    return [Outcome(number) for number in pipe.script(*load("run"), [*indexes, *hashes], arguments)]
