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
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from archive_tui.asynq.states import ARCHIVE_CAP

EXPIRY_DAYS = 90
EXPIRY = EXPIRY_DAYS * 86_400
"""Seconds that an id stays in the archive. Asynq counts calendar days of its own time zone: an hour more or less."""

TOO_MANY = 8_000
"""How many ids at once break the script: Lua's stack takes 7,999 (tried with Redis 7.0 and Valkey 9)."""

_RECENT = 30 * 86_400
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
    """What is foreseeable for one archive; times in unix seconds.

    `expired` ids are past the line already, and go with the next archiving. `most` ids cross on the day that begins at
    `most_at` (UTC), more than on any other. With a `cause` archiving breaks: at `breaks_at` (None: at the next
    archiving), when `together` ids are past the line at once.
    """

    size: int
    oldest_at: float | None = None
    expired: int = 0
    most: int = 0
    most_at: float | None = None
    cause: Cause | None = None
    together: int = 0
    breaks_at: float | None = None

    @property
    def breaks(self) -> bool:
        """Whether archiving will break unless something is done."""
        return self.cause is not None

    @property
    def stuck(self) -> bool:
        """Whether the next archiving fails, and, if tasks were archived since, the last ones did."""
        return self.cause in (Cause.EXPIRED, Cause.OVERFULL)

    @property
    def mendable(self) -> bool:
        """Whether deleting the oldest tasks beforehand prevents it."""
        return self.stuck or self.cause is Cause.TOGETHER

    @property
    def sentence(self) -> str:
        """What will happen, in one line; empty where all is well."""
        if self.cause is Cause.TOGETHER:
            when = _day(self.breaks_at)
            return (
                f"{self.together:,} archived tasks cross 90 days together on {when}; Asynq 0.25+ fails to archive then"
            )
        if self.cause is Cause.EXPIRED:
            return f"{self.together:,} archived tasks are past 90 days; {_FAILS}"
        if self.cause is Cause.OVERFULL:
            return f"{self.size:,} ids in an archive for {ARCHIVE_CAP:,}; {_FAILS}"
        if self.cause is Cause.OLD_SERVER:
            return "this Redis is older than 6.2; Asynq 0.25+ fails half-way whenever it archives"
        return ""


def is_too_old(product: str, version: str) -> bool:
    """Whether a server cannot run the archive script of Asynq 0.25 and newer. An unknown version can."""
    found = _VERSION.match(version)
    return product == "redis" and found is not None and (int(found[1]), int(found[2])) < (6, 2)


def forecast(scores: Sequence[float], now: float, *, size: int | None = None, too_old: bool = False) -> Forecast:
    """Foretell from the scores of an archive, the oldest first. `size` is given where not all scores are.

    Which ids cross together depends on how long nothing is archived: taken is the longest pause of the last 30 days.
    Ids that the cap is expected to push out before, at the slower of the last 7 and 30 days' pace, are not counted.
    """
    size = len(scores) if size is None else size
    oldest = scores[0] if scores else None
    expired = bisect_right(scores, now - EXPIRY)
    days = Counter(int((score + EXPIRY) // 86_400) for score in scores[expired:])
    day, most = min(days.items(), key=lambda item: (-item[1], item[0])) if days else (0, 0)
    known = Forecast(size, oldest, expired, most, day * 86_400.0 if days else None)
    if too_old:
        return _breaking(known, Cause.OLD_SERVER)
    if expired >= TOO_MANY:
        return _breaking(known, Cause.EXPIRED, expired)
    if size + 1 - expired - ARCHIVE_CAP >= TOO_MANY:
        return _breaking(known, Cause.OVERFULL, size)
    return _together(known, scores, now)


def _breaking(known: Forecast, cause: Cause, together: int = 0, at: float | None = None) -> Forecast:
    return replace(known, cause=cause, together=together, breaks_at=at)


def _together(known: Forecast, scores: Sequence[float], now: float) -> Forecast:
    """Look for the first ids that cross the line within one pause."""
    pause, pace = _pause(scores, now), _pace(scores, now)
    crossings = [max(score + EXPIRY, now) for score in scores]
    for first in range(len(scores) - TOO_MANY + 1):
        begins, breaks_at = crossings[first], crossings[first + TOO_MANY - 1]
        pushed_out = known.size + pace * (breaks_at - now) - ARCHIVE_CAP
        if breaks_at - begins < pause and first >= pushed_out:
            together = bisect_left(crossings, begins + pause) - first
            return _breaking(known, Cause.TOGETHER, together, breaks_at)
    return known


def _pause(scores: Sequence[float], now: float) -> float:
    """The longest time of the last 30 days in which nothing was archived, in seconds, and never none at all."""
    recent = [score for score in scores[bisect_left(scores, now - _RECENT) :] if score <= now]
    marks = [now - _RECENT if len(recent) < len(scores) else recent[0] if recent else now, *recent, now]
    return max(1.0, *(after - before for before, after in pairwise(marks)))


def _pace(scores: Sequence[float], now: float) -> float:
    """How many tasks a second are archived, by the slower of two periods. A full archive has forgotten what was before
    its oldest id.
    """
    paces = []
    for length in _PACES:
        period = min(length, now - scores[0]) if len(scores) >= ARCHIVE_CAP else length
        paces.append((len(scores) - bisect_left(scores, now - length)) / max(period, 1.0))
    return min(paces)


def _day(moment: float | None) -> str:
    """A day in UTC."""
    moments = moment if moment is not None else 0.0
    try:
        return datetime.fromtimestamp(moments, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "a day that no calendar has"
