"""One task in full; fingerprints of messages, and ids that a producer chose."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive_tui.asynq.states import State

if TYPE_CHECKING:
    from archive_tui.asynq.message import TaskMessage

FINGERPRINT_BYTES = 8
"""Length of a fingerprint."""

_sha1 = hashlib.sha1
_FARTHEST = 2**63 - 1


def fingerprint(raw_message: bytes) -> bytes:
    """Compute eight bytes that change when a message changes: the server recognises by them what a plan was made for.

    They are the start of the SHA-1, because Redis can compute that itself (`redis.sha1hex`).
    """
    return _sha1(raw_message, usedforsecurity=False).digest()[:FINGERPRINT_BYTES]


def fingerprints(raw_messages: Iterable[bytes]) -> list[bytes]:
    """Compute the fingerprint of each message."""
    return [_sha1(message, usedforsecurity=False).digest()[:FINGERPRINT_BYTES] for message in raw_messages]


GENERATED_ID = "-".join("[0-9a-f]" * length for length in (8, 4, 4, 4, 12))
"""Ids that Asynq makes itself (`uuid.NewString` in client.go of 0.26.0), as a pattern for GLOB and for `re`."""

_generated = re.compile(GENERATED_ID.encode())


def is_fixed(task_id: bytes) -> bool:
    """Tell whether a producer chose this id: while there is data under it, Asynq refuses to enqueue it again."""
    return _generated.fullmatch(task_id) is None


def seconds_of(score: bytes) -> int:
    """Read a score as unix seconds, a fraction cut off. A sorted set takes any float: what a signed number of 64 bits
    cannot hold, infinities too, becomes the farthest that it can.
    """
    value = float(score)
    if abs(value) < _FARTHEST:  # which is 2⁶³ as a float
        return int(value)
    return _FARTHEST if value > 0 else -_FARTHEST


@dataclass(frozen=True, slots=True)
class UniqueLock:
    """The unique lock that a task names, or holds without naming it."""

    key: bytes
    """Key of the lock."""

    holder: bytes | None
    """Id of the task that holds it; None: nobody does, it has expired or was released."""

    seconds_left: float | None
    """Time to live in seconds; None: it has none, or nobody holds the lock."""

    named: bool = True
    """The task names it. False: only Asynq's rule leads to it, and no tool releases it together with the task."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task in full, as it was in Redis at one moment."""

    queue: str
    """Name of the queue."""

    id: bytes
    """Id, by the key."""

    state: State | None
    """State that the task data names; None: none, or none that Asynq writes."""

    fields: dict[bytes, bytes]
    """All fields of the hash."""

    message: TaskMessage | None
    """The field `msg`; None: it is missing or does not decode. Without its payload where `large_payload` has that."""

    stands_in: dict[str, float | None] = field(default_factory=dict)
    """Indexes that hold the id, each with the score there; None: a list, which has no scores."""

    lock: UniqueLock | None = None
    """The unique lock; None: the task names none."""

    memory: int | None = None
    """Bytes that the hash takes, from MEMORY USAGE; None: the server refuses it."""

    unchecked: tuple[str, ...] = ()
    """Indexes that could not be searched to their end: lists that are too long, and what this user may not read."""

    expires_at: float | None = None
    """Unix seconds when Redis deletes all of it by itself; None: never."""

    fields_expire_at: Mapping[bytes, float] | None = field(default_factory=dict)
    """Unix seconds when it deletes single fields, by name; None: the server does not tell."""

    member: bytes | None = None
    """The member of an index that is the whole task, as Asynq before 0.18 kept it; None: it has task data."""

    large_payload: bytes | None = None
    """The payload of a message of `large_message.LARGE` bytes and more; None: the message holds it."""

    payload_size: int | None = None
    """Bytes of the payload in Redis, where `message` has another one to be shown; None: those of `message`."""

    @property
    def referenced(self) -> bool | None:
        """The id stands in the index that the task's state names; None where that could not be searched."""
        if self.state is None or self.state.value in self.stands_in:
            return self.state is not None
        return None if self.state.value in self.unchecked else False

    @property
    def payload(self) -> bytes:
        """The payload; empty where the message does not decode."""
        if self.large_payload is not None:
            return self.large_payload
        return self.message.payload if self.message is not None else b""

    @property
    def payload_bytes(self) -> int:
        """Length of the payload in Redis."""
        return len(self.payload) if self.payload_size is None else self.payload_size

    @property
    def type(self) -> str:
        """Type of the task; empty where the message does not decode."""
        return self.message.type if self.message is not None else ""
