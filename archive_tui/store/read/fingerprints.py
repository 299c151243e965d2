"""State and message of tasks as they are now, for a comparison with what was seen before. Reads only."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.budget import within_budget


class Fingerprint(NamedTuple):
    """A task in short; two are alike where state and message are the same."""

    state: State | None
    """None: the task data names none that Asynq writes."""

    message: bytes
    """As in a row: eight bytes that change when the message does; empty: there is none."""


def fingerprints_now(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> Iterator[list[Fingerprint | None]]:
    """The fingerprints of some tasks of a queue, in their order and in pieces of which each fits into memory; None for
    what has no task data.
    """
    task_keys = [pipe.keys.task(queue, task_id) for task_id in ids]
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in task_keys], errors="return")
    for batch in within_budget(list(zip(task_keys, lengths, strict=True))):
        replies = pipe.call([(b"HMGET", key, b"state", b"msg") for key, _ in batch], errors="return")
        yield [
            Fingerprint(State.parse(reply[0]), fingerprint(reply[1]) if reply[1] is not None else b"")
            if isinstance(reply, list) and reply != [None, None]
            else None
            for reply in replies
        ]
