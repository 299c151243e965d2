"""Whose keys are whose: asks the registered names, and the messages of keys that these do not decide. Reads only."""

from collections.abc import Sequence

from archive_tui.asynq.ownership import Ownership, Reading
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_wrong_type, raise_unless_wrong_type
from archive_tui.text import decode


def ownership(pipe: Pipe) -> Ownership:
    """Ownership by the queues that are registered now; by none where that cannot be read."""
    (names,) = pipe.call([(b"SMEMBERS", pipe.keys.queues)], errors="return")
    return Ownership(pipe.keys, map(decode, names) if isinstance(names, list) else ())


def readings_of(pipe: Pipe, ownership_: Ownership, some_keys: Sequence[bytes]) -> list[Reading | None]:
    """The right reading of each key; None for one that belongs to no queue, or of which nobody can tell."""
    found = {key: ownership_.sole(key) for key in some_keys}
    open_ = [key for key, one in found.items() if one is None and ownership_.claims(key)]
    replies = pipe.call([(b"HGET", key, b"msg") for key in open_], errors="return")
    raise_unless_wrong_type(replies)
    for key, reply in zip(open_, replies, strict=True):
        wrong = is_wrong_type(reply)
        found[key] = ownership_.reading(key, None if wrong else reply, is_hash=not wrong)
    return [found[key] for key in some_keys]


def keys_of(pipe: Pipe, ownership_: Ownership, queue: str, some_keys: Sequence[bytes]) -> list[bytes]:
    """Those of some keys that start like the keys of a queue, and belong to no other. What Asynq does not write is the
    queue's as well.
    """
    right = readings_of(pipe, ownership_, some_keys)
    return [
        key
        for key, one in zip(some_keys, right, strict=True)
        if (one.queue == queue if one is not None else not ownership_.claims(key))
    ]
