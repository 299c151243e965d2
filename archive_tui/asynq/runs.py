"""Runs of archived tasks: when each begins, how many attempts it gets, and what Asynq does with it.

Asynq's own RunTask (0.24.1 and 0.26.0 alike) moves the id from `archived` to `pending` and sets the state, no more:
`retried` stays, `pending_since` is not written, the unique lock is not taken, and the hash keeps its `group`. Two of
these are traps. Without `pending_since` Asynq cannot tell how long its oldest pending task has waited. And a task with
a `group` that comes due in `retry` or `scheduled` goes to the set of that group, where nobody looks for it once the
group is empty: seen as lost tasks. So a run of ours writes the one and takes the other away.
"""

import math
from dataclasses import dataclass

from archive_tui.asynq import message

LOOKS_EVERY = 5
"""Seconds between two looks of an Asynq server for scheduled tasks that are due (its DelayedTaskCheckInterval)."""


@dataclass(frozen=True, slots=True)
class RunMode:
    """The way in which archived tasks are run."""

    afresh: bool = False
    """Whether `retried` goes back to 0; else a task keeps its count, and often has one attempt left."""

    delay: float | None = None
    """Seconds until the first begins, from the moment when the change starts; None: no delay was asked for."""

    at: float | None = None
    """When the first begins, in unix seconds; None: no moment was named. Goes before `delay`."""

    per_second: float | None = None
    """How many begin in a second, above 0; None: all at once."""

    @property
    def scheduled(self) -> bool:
        """Whether tasks go to `scheduled`, from which Asynq takes them when they are due; else to `pending`."""
        return (self.delay, self.at, self.per_second) != (None, None, None)

    @property
    def label(self) -> str:
        """The mode in a few words, for a journal's header."""
        return ", ".join([
            "with retries reset" if self.afresh else "once",
            *(["later"] if self.delay is not None or self.at is not None else []),
            *([f"{self.per_second:g} a second"] if self.per_second is not None else []),
        ])  # fmt: skip

    def first(self, started_at: float) -> float:
        """When the first task begins, in unix seconds, for a change that starts at `started_at`."""
        return self.at if self.at is not None else started_at + (self.delay or 0)

    def spread(self, count: int) -> int:
        """Seconds from the first of `count` tasks to the last."""
        return int((count - 1) / self.per_second) if self.per_second is not None and count else 0

    def due(self, position: int, started_at: float) -> int | None:
        """When the task at a position of the plan begins, in unix seconds; None: as soon as a worker is free. Whole
        seconds, which is all that Asynq reads.
        """
        if not self.scheduled:
            return None
        behind = position / self.per_second if self.per_second is not None else 0
        return math.ceil(self.first(started_at)) + int(behind)


def afresh(raw_message: bytes) -> bytes | None:
    """The message with `retried` at 0 and everything else as it was, fields that we do not know included; None where it
    does not decode.
    """
    decoded = message.decode(raw_message)
    if decoded is None:
        return None
    decoded.retried = 0
    return message.encode(decoded)


def attempts(retried: int, retry: int) -> int:
    """How many attempts Asynq gives a task that failed so often, of `retry` allowed failures."""
    return max(1, retry - retried + 1)
