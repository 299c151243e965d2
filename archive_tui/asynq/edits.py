"""Edits of tasks: another payload in a message, and what follows from it for the unique lock.

The name of a lock ends with the MD5 of the payload (docs/asynq-storage.md), so another payload has another lock. Asynq
releases a lock when the task is done by the name that the message has, and its inspector by the one in the hash: both
must name the lock that the task holds, or the old one stays until its time runs out and the new work is not unique.
"""

from typing import NamedTuple

from archive_tui.asynq import locks, message
from archive_tui.asynq.keys import Keys


class Edited(NamedTuple):
    """A message with another payload."""

    message: bytes

    lock: bytes
    """The unique lock that it names, where that is another than before; empty: it is not."""


def edited(
    keys: Keys, queue: str, raw_message: bytes, unique_key: bytes | None, payload: bytes, *, afresh: bool = False
) -> Edited | None:
    """Give a message another payload, which is not empty, and keep everything else, fields that we do not know
    included; with `afresh` also set `retried` to 0. None where it does not decode. `unique_key` is the field of the
    hash.

    A lock that is not named by Asynq's rule for the old payload stays as it is: whoever named it so means no payload.
    """
    decoded = message.decode(raw_message)
    if decoded is None:
        return None
    old = locks.named(keys, queue, unique_key, raw_message)
    ruled = old is not None and old in locks.by_rule(keys, queue, decoded.type, decoded.payload)
    decoded.payload = payload
    if afresh:
        decoded.retried = 0
    lock = locks.by_rule(keys, queue, decoded.type, decoded.payload)[0] if ruled else b""
    if lock == old:
        lock = b""
    if lock:
        decoded.unique_key = lock.decode("utf-8", "replace")
    return Edited(message.encode(decoded), lock)
