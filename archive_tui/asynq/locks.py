"""The name of a task's unique lock: where it stands, and the rule by which Asynq makes it (docs/asynq-storage.md)."""

import hashlib
import re
from collections.abc import Iterable
from itertools import repeat
from operator import contains
from typing import NamedTuple

from archive_tui.asynq import message
from archive_tui.asynq.keys import Keys
from archive_tui.text import decode, encode

_PART_OF_A_NAME = b":unique:"

_NAME = re.compile(rb"([^}]+)\}:unique:(.*):(?:[0-9a-f]{32})?", re.DOTALL)


class LockName(NamedTuple):
    """What the name of a lock says."""

    queue: str

    type: str
    """Type of the task; what is not UTF-8 of it is replaced."""


def named(keys: Keys, queue: str, field: bytes | None, raw_message: bytes | None) -> bytes | None:
    """The lock that a task names in the field `unique_key` of its hash, else in its message; None: it names none of its
    queue.

    Tasks with Group and Unique name it in the message alone (0.23.0, 0.24.1 and 0.26.0).
    """
    name = name_in(field, raw_message)
    return name if name is not None and name.startswith(keys.unique_prefix(queue)) else None


def name_in(field: bytes | None, raw_message: bytes | None) -> bytes | None:
    """The lock that a task names in the same places, whosesoever it is; None: it names none."""
    name = field
    if not name and raw_message is not None and _PART_OF_A_NAME in raw_message:  # decoding all of them would be slow
        decoded = message.decode(raw_message)
        name = decoded.unique_key.encode() if decoded is not None else None
    return name or None


def may_be_named(fields: Iterable[bytes]) -> bool:
    """Tell whether any of these names and values of hashes may name a lock; False is certain. Far quicker than `named`
    for each task, and most tasks name none.
    """
    return any(map(contains, fields, repeat(_PART_OF_A_NAME)))


def unnamed(keys: Keys, queue: str, field: bytes | None, raw_message: bytes | None) -> list[bytes]:
    """The locks that a task may hold by the payload's rule although it names none at all, as foreign writers have it.
    Whether it holds one is for Redis to say.
    """
    decoded = message.decode(raw_message) if raw_message is not None and not field else None
    if decoded is None or decoded.unique_key:
        return []
    return by_rule(keys, queue, decoded.type, decoded.payload)


def read(keys: Keys, key: bytes) -> LockName | None:
    """Read a lock's name as Asynq 0.18 and newer makes it by its rule (`by_rule`); None for any other key. Queues whose
    names hold a brace are left out: their keys can be read in several ways.
    """
    found = _NAME.fullmatch(key, len(keys.start)) if key.startswith(keys.start) else None
    return LockName(decode(found[1]), found[2].decode("utf-8", "replace")) if found else None


def by_rule(keys: Keys, queue: str, task_type: str, payload: bytes) -> list[bytes]:
    """The locks that a task without a name for it may hold: the MD5 of the payload follows the type. For no payload Go
    writes nothing in its place where it is nil, and the MD5 of nothing where it is empty; Rust always writes nothing.
    """
    start = keys.unique_prefix(queue) + encode(task_type) + b":"
    digest = hashlib.md5(payload, usedforsecurity=False).hexdigest().encode()
    return [start + digest] if payload else [start + digest, start]
