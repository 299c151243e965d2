"""One task in full, and what tells tasks and their messages apart."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State

FINGERPRINT_BYTES = 8
_sha1 = hashlib.sha1
_FARTHEST = 2**53


def fingerprint(raw_message: bytes) -> bytes:
    """Eight bytes that change when a message changes: how the server recognises the message that a plan was made for.

    The start of the SHA-1, because that is what Redis can compute itself (`redis.sha1hex`).
    """
    return _sha1(raw_message, usedforsecurity=False).digest()[:FINGERPRINT_BYTES]


def fingerprints(raw_messages: Iterable[bytes]) -> list[bytes]:
    """The fingerprint of each."""
    return [_sha1(one, usedforsecurity=False).digest()[:FINGERPRINT_BYTES] for one in raw_messages]


GENERATED_ID = "-".join("[0-9a-f]" * length for length in (8, 4, 4, 4, 12))
"""The ids that Asynq makes itself (`uuid.NewString`, client.go), as a pattern for GLOB and for regular expressions."""

_generated = re.compile(GENERATED_ID.encode())


def is_fixed(task_id: bytes) -> bool:
    """Whether a producer chose this id; then Asynq enqueues no other under it while there is data."""
    return _generated.fullmatch(task_id) is None


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
