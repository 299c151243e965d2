"""The limits of an archive: how many ids it keeps, and for how long; Asynq's defaults, or what is known better.

Up to Asynq 0.26.0 they are constants (`maxArchiveSize`, `archivedExpirationInDays` in internal/rdb/rdb.go): 10,000 and
90. It trims with rank `0 -10000`, which leaves one less than it says. The Rust crate asynq 0.1.8 keeps 10,239. Other
builds may have others, and nothing in Redis says which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

CAP = 9_999
"""Ids that an archive keeps by default."""

DAYS = 90
"""Days that an id stays by default."""

DAY = 86_400
_TRIMS = 3
"""Trims in a row to the same size that show a cap."""


class Origin(StrEnum):
    """Where a limit is known from."""

    DEFAULT = "default"
    """Asynq's constants; the servers of this installation may have others."""

    PROFILE = "profile"
    """The profile says so."""

    SEEN = "seen"
    """The archive was seen to stay at this size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one archive."""

    cap: int = CAP
    """Ids that it keeps."""

    days: int = DAYS
    """Days after which Asynq drops an id when it next archives a task."""

    cap_from: Origin = Origin.DEFAULT

    days_from: Origin = Origin.DEFAULT

    @property
    def seconds(self) -> int:
        """Seconds after which Asynq drops an id. It counts calendar days of its own time zone: an hour more or less."""
        return self.days * DAY

    @property
    def size(self) -> str:
        """The number of ids that it keeps, in words that say when it is only the default."""
        return f"{self.cap:,}" + (" (Asynq's default)" if self.cap_from is Origin.DEFAULT else "")

    def share(self, size: int, *, briefly: bool = False) -> str:
        """How much of the archive some ids fill: "65 of 9,999 by default"; `briefly` leaves the default out."""
        if self.denies(size):
            return f"{size:,}, above the default {self.cap:,}"
        return f"{size:,} of {self.cap:,}" + (" by default" if self.cap_from is Origin.DEFAULT and not briefly else "")

    def denies(self, size: int) -> bool:
        """Tell whether an archive is larger than the default, so that its limit may be another."""
        return self.cap_from is Origin.DEFAULT and size > self.cap

    def with_cap(self, seen: int | None) -> "Limits":
        """The limits with a cap that was seen (None: none was); what the profile says stays."""
        if seen is None or self.cap_from is Origin.PROFILE:
            return self
        return replace(self, cap=seen, cap_from=Origin.SEEN)


CAP_IS_DEFAULT = f"{CAP:,} is Asynq's default; Redis does not say what your servers keep, a profile may: `archive_cap`"
"""What is to be said beside a cap that is only the default."""

DEFAULTS = Limits()
"""The limits of Asynq up to 0.26.0."""


def default_limits(queue: str) -> Limits:
    """The limits of a queue's archive of which nothing is known."""
    return DEFAULTS


def limits_of(cap: int | None, days: int | None) -> Limits:
    """Make the limits that a profile gives; None: it does not."""
    return Limits(
        CAP if cap is None else cap,
        DAYS if days is None else days,
        Origin.DEFAULT if cap is None else Origin.PROFILE,
        Origin.DEFAULT if days is None else Origin.PROFILE,
    )


@dataclass(frozen=True, slots=True)
class _Level:
    """The size at which an archive stands."""

    size: int
    oldest_at: int
    trims: int = 0


class CapWatch:
    """Finds the cap of archives from how they change: an archive that is trimmed keeps its size while its oldest id is
    another one.
    """

    def __init__(self) -> None:
        self._levels: dict[str, _Level] = {}
        self._caps: dict[str, int] = {}

    def note(self, queue: str, size: int | None, oldest_at: int | None, now: float, limits: Limits) -> None:
        """Take note of an archive as it is now; None: it is not known, or empty."""
        if size is None or oldest_at is None:
            self._levels.pop(queue, None)
            return
        known = self._levels.get(queue)
        if known is None or known.size != size or oldest_at < known.oldest_at:
            known = _Level(size, oldest_at)
        elif oldest_at > known.oldest_at:
            known = _Level(size, oldest_at, known.trims + 1)
        # Near the other limit it may be that what is dropped has expired
        if known.trims >= _TRIMS and now - oldest_at < limits.seconds - DAY:
            self._caps[queue] = size
        elif size > self._caps.get(queue, size):
            del self._caps[queue]
        self._levels[queue] = known

    @property
    def caps(self) -> Mapping[str, int]:
        """The caps that were seen, by queue."""
        return dict(self._caps)
