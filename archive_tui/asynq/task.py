"""One task: as a row of a list, and in full."""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

from archive_tui.asynq import message
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State

_HASH_OVERHEAD = 250
"""Bytes that Redis needs for a task's hash beside its key and message; measured on Redis 7.0 and Valkey 9."""

FINGERPRINT_BYTES = 8
_FARTHEST = 2**53


def fingerprint(raw_message: bytes) -> bytes:
    """Eight bytes that change when a message changes: how the server recognises the message that a plan was made for.

    The start of the SHA-1, because that is what Redis can compute itself (`redis.sha1hex`).
    """
    return hashlib.sha1(raw_message, usedforsecurity=False).digest()[:FINGERPRINT_BYTES]


def estimate_bytes(key: bytes | int, message_bytes: int) -> int:
    """About how many bytes of Redis memory a task takes, from the lengths of its key and message."""
    return (key if isinstance(key, int) else len(key)) + message_bytes + _HASH_OVERHEAD


class TaskRow(NamedTuple):
    """What a list shows of one task: everything but the payload. Times are unix seconds, sizes bytes.

    A named tuple, because a scan makes millions of them.

    `stored_bytes` estimates what the task takes in Redis.
    `fingerprint` is empty where there is no message; `readable` is False where it is missing or does not decode, and
    the fields that come from it are then empty.
    """

    queue: str
    id: bytes
    state: State | None
    kind: Kind | None = None
    type: str = ""
    error: str = ""
    retried: int = 0
    retry: int = 0
    last_failed_at: int | None = None
    scored_at: int | None = None
    payload_bytes: int | None = None
    stored_bytes: int | None = None
    fingerprint: bytes = b""
    readable: bool = True
    unique: bool = False


def row_of(
    queue: str,
    task_id: bytes,
    state: State | None,
    raw_message: bytes | None,
    *,
    kind: Kind | None = None,
    scored_at: int | None = None,
    key_bytes: int = 0,
) -> TaskRow:
    """Make the row of a task from what its hash holds; `scored_at` is its score in the index, in unix seconds."""
    decoded = message.decode(raw_message) if raw_message is not None else None
    if raw_message is None or decoded is None:
        return TaskRow(
            queue,
            task_id,
            state,
            kind,
            scored_at=scored_at,
            stored_bytes=estimate_bytes(key_bytes, len(raw_message)) if raw_message is not None else None,
            fingerprint=fingerprint(raw_message) if raw_message is not None else b"",
            readable=False,
        )
    return TaskRow(
        queue,
        task_id,
        state,
        kind,
        decoded.type,
        decoded.error_msg,
        decoded.retried,
        decoded.retry,
        decoded.last_failed_at or None,
        scored_at,
        len(decoded.payload),
        estimate_bytes(key_bytes, len(raw_message)),
        fingerprint(raw_message),
        True,
        bool(decoded.unique_key),
    )


def seconds_of(score: bytes) -> int:
    """A score as unix seconds. A sorted set takes any float, also infinity: what is absurd stays at the far end."""
    value = float(score)
    return int(min(max(value, -_FARTHEST), _FARTHEST))


@dataclass(frozen=True, slots=True)
class UniqueLock:
    """The lock named by a task's `unique_key`: who holds it, and for how many seconds yet (None: for ever)."""

    key: bytes
    holder: bytes | None
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Task:
    """One task in full, as it stood in Redis at one moment.

    `fields` are all fields of the hash; `message` is None where it is missing or does not decode; `stands_in` names
    every index that holds the id, with its score where the index has scores; `memory` is what the server says the
    hash takes (bytes), None where it would not tell.
    """

    queue: str
    id: bytes
    state: State | None
    fields: dict[bytes, bytes]
    message: TaskMessage | None
    stands_in: dict[str, float | None] = field(default_factory=dict)
    lock: UniqueLock | None = None
    memory: int | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def raw_message(self) -> bytes | None:
        """The field `msg` as stored."""
        return self.fields.get(b"msg")

    @property
    def referenced(self) -> bool:
        """Whether the id stands in the index that the task's state names."""
        return self.state is not None and self.state.value in self.stands_in

    @property
    def payload(self) -> bytes:
        """The payload; empty where the message does not decode."""
        return self.message.payload if self.message is not None else b""
