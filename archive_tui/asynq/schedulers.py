"""Schedulers, and the histories of their entries: whose history nobody will ever clear (docs/asynq-storage.md).

A Scheduler, or a PeriodicTaskManager with its own, gives each of its entries a new random id at every start
(`Register` in scheduler.go, 0.14 to 0.26), so a history belongs to one process and to no later one. What a living one
has, it lists at every heartbeat: every 10 s for 20 s since 0.25, where the interval is a setting, and before that every
5 s for 5 s, so that the list is missing for an instant now and then. The first heartbeat comes one interval after the
start. A scheduler that is stopped deletes the histories of its entries (0.15 and newer); one that is killed does not,
nor does `Unregister`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import seconds_of
from archive_tui.wording.programs import moment

GRACE = 3_600
"""Seconds for which a scheduler counts as alive after its last sign: an event of its history, or the end of its list.

360 times the interval of its heartbeats, unless somebody set that: a network that is away, or a process that is held.
"""

MOST_EVENTS = 20_000
"""Events of a history that the server can compare in a few milliseconds. Asynq 0.15 and newer keeps 1,000."""

_MOMENT = 10.0
"""Seconds after its end for which the list of a scheduler before 0.25 may be written again."""

_HEARTBEAT_TAKES = 0.4
"""Seconds within which a heartbeat has written its list after its score."""

_SMALL = 128
"""Members up to which Redis packs a sorted set tightly."""

_PACKED, _LOOSE = 14, 104
"""Bytes that an event takes beside its own: in a packed set, in a large one. Measured on Redis 7.0."""


@dataclass(frozen=True, slots=True)
class Schedulers:
    """What schedulers said of themselves at one moment, or at several that were added up."""

    at: float
    """The last of these moments, in unix seconds by the server's clock."""

    listed: bytes = b""
    """The entries of those that live, as they wrote them: protobuf, or JSON before 0.18."""

    silent: Mapping[bytes, float] = field(default_factory=dict)
    """The keys of lists that are not there although their scheduler was not seen to stop; unix seconds at which they
    end.
    """

    empty: frozenset[bytes] = frozenset()
    """Those of schedulers that live and have no entry: they write no list."""

    unknown: str = ""
    """Why nobody can tell who lives, in words; empty where we can."""

    def lists(self, entry_id: bytes) -> bool:
        """Tell whether a living scheduler has this entry. An id that stands in a payload counts as well: rather one
        history too many than one too few.
        """
        return not entry_id or entry_id in self.listed

    @property
    def silent_until(self) -> float | None:
        """When the last list ended whose scheduler may live, in unix seconds; None: there is none."""
        return max((end for key, end in self.silent.items() if key not in self.empty), default=None)

    @property
    def between_heartbeats(self) -> bool:
        """Tell whether a list is missing that may be there a moment later."""
        return self.silent_until is not None and self.silent_until > self.at - _MOMENT

    @property
    def why_unsure(self) -> str:
        """Why no history can be called stale now, in words; empty where they can."""
        if self.unknown:
            return self.unknown
        end = self.silent_until
        if end is not None and end > self.at - GRACE:
            return f"a scheduler was last heard of at {moment(min(end, self.at))}, and counts as alive for an hour"
        return ""

    def __add__(self, later: "Schedulers") -> "Schedulers":
        """Add what was seen later: an entry that was listed at any of these moments is alive. Whose list is missing
        both times, and should be there, has no entry: a heartbeat writes it within a moment.
        """
        listed = self.listed if later.listed in self.listed else self.listed + b"\n" + later.listed
        empty = set(self.empty)
        if later.at - self.at >= _HEARTBEAT_TAKES:
            alive = [key for key, end in later.silent.items() if end > later.at]
            empty |= {key for key in alive if self.silent.get(key, 0.0) > self.at}
        return Schedulers(later.at, listed, later.silent, frozenset(empty), later.unknown)


@dataclass(frozen=True, slots=True)
class History:
    """A history as it stands in Redis."""

    entry_id: bytes

    events: int

    first_at: int
    """Unix seconds of its oldest event, and of its newest."""

    last_at: int

    event_bytes: int
    """Length of an event."""

    key_bytes: int
    """Length of its key."""

    @classmethod
    def of(cls, key: bytes, entry_id: bytes, events: int, first: Sequence[bytes], last: Sequence[bytes]) -> "History":
        """A history by its size and its two ends, each an event and its score."""
        event_bytes = max(len(first[0]), len(last[0]))
        return cls(entry_id, events, seconds_of(first[1]), seconds_of(last[1]), event_bytes, len(key))

    @property
    def stored_bytes(self) -> int:
        """Estimate of what it takes in Redis."""
        each = self.event_bytes + (_PACKED if self.events <= _SMALL else _LOOSE)
        return self.key_bytes + self.events * each

    def may_live(self, now: float) -> bool:
        """Tell whether its scheduler may be one that has not had its first heartbeat yet, by its newest event."""
        return self.last_at > now - GRACE

    def row(self, kind: Kind | None = Kind.STALE_HISTORY) -> TaskRow:
        """The row of it; None for `kind` where it is in a journal."""
        events = f"{self.events:,} event{'' if self.events == 1 else 's'}"
        return TaskRow(
            INSTALLATION,
            self.entry_id,
            None,
            kind,
            error=f"{events} from {moment(self.first_at)} to {moment(self.last_at)}",
            scored_at=self.last_at,
            stored_bytes=self.stored_bytes,
        )


def of_content(keys: Keys, entry_id: bytes, content: Sequence[bytes]) -> History:
    """A history by its events and their scores by turns, as a sorted set gives them: the oldest first. Not empty."""
    return History.of(keys.history(entry_id), entry_id, len(content) // 2, content[:2], content[-2:])


def digest(content: Sequence[bytes]) -> bytes:
    """SHA-1 of events and scores by turns, in hexadecimal, as the script that deletes them makes it."""
    joined = b"".join([b"%d:%b" % (len(part), part) for part in content])
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest().encode()
