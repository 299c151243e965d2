"""The queue that a key belongs to, where it can be read in several ways.

A queue's name may itself hold `}:t:`, `}:g:` or the like, and so may a task's id: `asynq:{a}:t:b}:t:c` is task `c` of
the queue `a}:t:b`, or task `b}:t:c` of `a`. What a registered name explains belongs to no queue that is not
registered. Where that leaves several readings, the task's own message says which is right; without one nobody can tell,
and then it is nobody's: a live task must not pass for the orphan of another queue.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from archive_tui.asynq.keys import NAME_END, Keys
from archive_tui.text import decode

_REST = re.compile(
    rb"(?:t:|unique:|g:|(?:groups|aggregation_sets|lease|paused|pending|active|scheduled|retry|archived|completed|dead"
    rb"|deadlines)$|(?:processed|failed)(?:$|:))",
    re.DOTALL,
)


class Reading(NamedTuple):
    """One way to read a key."""

    queue: str

    rest: bytes
    """What follows the start that all keys of this queue have."""

    @property
    def task_id(self) -> bytes | None:
        """The id of the task whose data it is; None: it is something else."""
        return self.rest[2:] if self.rest.startswith(b"t:") else None

    @property
    def group(self) -> bytes | None:
        """The name of the group, or of the set that is being aggregated; None: it is no such set."""
        return self.rest[2:] if self.rest.startswith(b"g:") else None

    @property
    def is_known(self) -> bool:
        """Tell whether Asynq writes such a key."""
        return _REST.match(self.rest) is not None


def is_tangled(key: bytes) -> bool:
    """Tell whether a key may be read in several ways at all."""
    return key.count(NAME_END) > 1


class Ownership:
    """Decides between the readings of keys. Made for the queues of one namespace that were registered at one moment."""

    def __init__(self, keys: Keys, registered: Iterable[str]) -> None:
        self._keys = keys
        self._registered = frozenset(registered)

    def claims(self, key: bytes) -> Sequence[Reading]:
        """The readings between which only the content of the key can decide, the shortest name first. None for a key
        that is not one of a queue's.
        """
        return self.registered_claims(key) or readings(self._keys, key)

    def registered_claims(self, key: bytes) -> Sequence[Reading]:
        """The readings by registered names. A key that Asynq does not write counts as the queue's with that start,
        unless a longer name explains it.
        """
        splits = _splits(self._keys, key)
        longest = max((len(one.queue) for one in splits if one.is_known), default=0)
        return [one for one in splits if one.queue in self._registered and (one.is_known or len(one.queue) > longest)]

    def sole(self, key: bytes) -> Reading | None:
        """The reading that stands whatever the key holds; None where there is none, or its content must be asked."""
        claims = self.claims(key)
        return claims[0] if len(claims) == 1 else None

    def reading(self, key: bytes, raw_message: bytes | None, *, is_hash: bool) -> Reading | None:
        """The reading that is right, by what the key holds: whether that is a hash, and the message in it (None: it has
        none). None: nobody can tell, or the message contradicts the names.
        """
        claims = self.claims(key)
        tasks = [one for one in claims if one.task_id is not None]
        others = [one for one in claims if one.task_id is None]
        if not (is_hash and tasks):
            return next(iter([*others[::-1], *tasks[::-1]]), None)
        from archive_tui.asynq import message

        decoded = message.decode(raw_message) if raw_message else None
        if decoded is None:
            return tasks[0] if len(tasks) == 1 else None
        return next((one for one in tasks if (one.queue, one.task_id) == (decoded.queue, decoded.id.encode())), None)


def readings(keys: Keys, key: bytes) -> list[Reading]:
    """Every way to read a key as one that Asynq writes, the shortest name first."""
    return [one for one in _splits(keys, key) if one.is_known]


def _splits(keys: Keys, key: bytes) -> list[Reading]:
    around = len(keys.start) + len(NAME_END)
    return [Reading(decode(name), key[len(name) + around :]) for name in keys.queues_in(key)]
