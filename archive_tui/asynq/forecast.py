"""Forecast of the day on which an archive breaks Asynq, from the scores in its index (docs/asynq-storage.md).

Whenever a worker archives a task, Asynq 0.25 and newer deletes what has been in the archive for 90 days, in the same
script (`archiveCmd` in internal/rdb/rdb.go of 0.25.1 and 0.26.0): it deletes the data of every such id, and then hands
all the ids at once to `ZREM … unpack(old)`. Lua's `unpack` takes fewer than 8,000. With 8,000 or more the script fails
after the data is gone: the ids stay, so every later archiving fails in the same way. What counts as "together" is
therefore everything that crosses the line between one archiving and the next.

On a Redis before 6.2 the script's `ZRANGE … BYSCORE` is a syntax error, and every archiving fails half-way.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from archive_tui.asynq.limits import DEFAULTS, Limits, Origin
from archive_tui.wording.calendar import day_of

TOO_MANY = 8_000
"""How many ids at once break the script: Lua's stack takes 7,999 (tried with Redis 7.0 and Valkey 9)."""

_RECENT = 30 * 86_400  # seconds
_PACES = (7 * 86_400, 30 * 86_400)
_FAILS = "Asynq 0.25+ fails to archive the next task, and every one after it"
_VERSION = re.compile(r"(\d+)\.(\d+)")


class Cause(StrEnum):
    """Why archiving breaks."""

    TOGETHER = "together"
    EXPIRED = "expired"
    OVERFULL = "overfull"
    OLD_SERVER = "old-server"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The outlook for one archive. Times are unix seconds; the line is the age at which Asynq drops an id."""

    size: int
    """Ids in the archive."""

    oldest_at: float | None = None
    """When the oldest of them was archived; None: there is none."""

    expired: int = 0
    """Ids past the line, which Asynq drops when it next archives a task."""

    most: int = 0
    """Ids that cross the line on the day on which most do; 0: none is left to cross it."""

    most_at: float | None = None
    """When that day begins in UTC; None: there is none."""

    cause: Cause | None = None
    """Why archiving will break; None: it will not."""

    together: int = 0
    """Ids past the line, or in the archive, when it breaks; 0 without a cause, and for an old server."""

    breaks_at: float | None = None
    """When it breaks, for ids that cross together; None for every other cause: at the next archive operation."""

    limits: Limits = DEFAULTS
    """The limits that it is made for."""

    @property
    def breaks(self) -> bool:
        """Archiving will break unless somebody acts."""
        return self.cause is not None

    @property
    def stuck(self) -> bool:
        """The next archive operation fails; so did every one since the line was crossed."""
        return self.cause in (Cause.EXPIRED, Cause.OVERFULL)

    @property
    def preventable(self) -> bool:
        """Deleting the oldest tasks prevents it, or ends it."""
        return self.stuck or self.cause is Cause.TOGETHER

    @property
    def sentence(self) -> str:
        """The warning in one line; empty without a cause."""
        assumed = self.limits.cap_from if self.cause is Cause.OVERFULL else self.limits.days_from
        by = ", by its defaults" if assumed is Origin.DEFAULT else ""
        if self.cause is Cause.TOGETHER:
            when = _day(self.breaks_at)
            return (
                f"{self.together:,} archived tasks cross {self.limits.days} days together on {when}; "
                f"Asynq 0.25+ fails to archive then{by}"
            )
        if self.cause is Cause.EXPIRED:
            return f"{self.together:,} archived tasks are past {self.limits.days} days; {_FAILS}{by}"
        if self.cause is Cause.OVERFULL:
            return f"{self.size:,} ids in an archive for {self.limits.cap:,}; {_FAILS}{by}"
        if self.cause is Cause.OLD_SERVER:
            return "this Redis is older than 6.2; Asynq 0.25+ fails half-way whenever it archives"
        return ""


def is_too_old(product: str, version: str) -> bool:
    """Tell whether a server cannot run the archive script of Asynq 0.25 and newer. One of unknown version can."""
    match = _VERSION.match(version)
    return product == "redis" and match is not None and (int(match[1]), int(match[2])) < (6, 2)


def forecast(
    scores: Sequence[float],
    now: float,
    *,
    size: int | None = None,
    too_old: bool = False,
    limits: Limits = DEFAULTS,
) -> Forecast:
    """Make the forecast of an archive from its scores, the oldest first, at `now` (unix seconds).

    `size` counts the ids; None: `scores` has one of each. `too_old` is the answer of `is_too_old`.

    Which ids cross the line together depends on how long nothing is archived: the longest pause of the last 30 days
    is taken for that. Ids that the cap pushes out before, at the slower pace of the last 7 and 30 days, do not count.
    """
    size = len(scores) if size is None else size
    oldest = scores[0] if scores else None
    expired = bisect_right(scores, now - limits.seconds)
    days = Counter(int((score + limits.seconds) // 86_400) for score in scores[expired:])
    day, most = min(days.items(), key=lambda item: (-item[1], item[0])) if days else (0, 0)
    known = Forecast(size, oldest, expired, most, day * 86_400.0 if days else None, limits=limits)
    if too_old:
        return _breaking(known, Cause.OLD_SERVER)
    if expired >= TOO_MANY:
        return _breaking(known, Cause.EXPIRED, expired)
    if size + 1 - expired - limits.cap >= TOO_MANY:
        return _breaking(known, Cause.OVERFULL, size)
    return _together(known, scores, now)


def _breaking(known: Forecast, cause: Cause, together: int = 0, at: float | None = None) -> Forecast:
    return replace(known, cause=cause, together=together, breaks_at=at)


def _together(known: Forecast, scores: Sequence[float], now: float) -> Forecast:
    """Look for the first ids that cross the line within one pause."""
    pause, pace = _pause(scores, now), _pace(scores, now, known.limits.cap)
    crossings = [max(score + known.limits.seconds, now) for score in scores]
    for first in range(len(scores) - TOO_MANY + 1):
        begins, breaks_at = crossings[first], crossings[first + TOO_MANY - 1]
        pushed_out = known.size + pace * (breaks_at - now) - known.limits.cap
        if breaks_at - begins < pause and first >= pushed_out:
            together = bisect_left(crossings, begins + pause) - first
            return _breaking(known, Cause.TOGETHER, together, breaks_at)
    return known


def _pause(scores: Sequence[float], now: float) -> float:
    """The longest time of the last 30 days in which nothing was archived, in seconds, and never none at all."""
    recent = [score for score in scores[bisect_left(scores, now - _RECENT) :] if score <= now]
    marks = [now - _RECENT if len(recent) < len(scores) else recent[0] if recent else now, *recent, now]
    return max(1.0, *(after - before for before, after in pairwise(marks)))


def _pace(scores: Sequence[float], now: float, cap: int) -> float:
    """Tasks archived a second, in the slower of two periods. A full archive knows nothing before its oldest id."""
    paces = []
    for length in _PACES:
        period = min(length, now - scores[0]) if len(scores) >= cap else length
        paces.append((len(scores) - bisect_left(scores, now - length)) / max(period, 1.0))
    return min(paces)


def _day(moment: float | None) -> str:
    """A day in UTC."""
    return day_of(int(moment or 0))
