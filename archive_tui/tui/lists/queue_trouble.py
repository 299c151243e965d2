"""The order in which queues need attention: what is broken first, then what will break, then what can wait."""

from enum import IntEnum

from archive_tui.asynq.forecast import Forecast
from archive_tui.asynq.limits import Limits
from archive_tui.asynq.states import State
from archive_tui.session import ScanSummary
from archive_tui.store.read.queues import QueueStats

FILLING = 0.8
"""Share of what an archive keeps from which on it is worth a look."""


class Trouble(IntEnum):
    """Degrees of trouble, the worst first. Queues of one degree stand by their names."""

    BROKEN = 0
    """Every archiving fails, or a key has a type that Asynq cannot read."""

    BREAKING = 1
    """A day is known from which on every archiving will fail."""

    FULL = 2
    """What is archived pushes out what was archived before."""

    FINDINGS = 3
    """The last scan found something."""

    LEFTOVER = 4
    """It has keys, and Asynq does not know it; or Asynq before 0.18 wrote it."""

    FILLING = 5
    """Its archive is nearly full."""

    PAUSED = 6
    """Its workers take nothing."""

    NONE = 7


ORDER = (
    ("broken", "archiving fails now, or a key has the wrong type"),
    ("will break", "the day on which archiving fails is known"),
    ("full", "the archive holds what it can"),
    ("findings", "the last scan found some"),
    ("leftover", "Asynq does not know the queue any more, or wrote it before 0.18"),
    ("filling", f"the archive is more than {FILLING:.0%} full"),
    ("paused", "then all others; alike ones by name"),
)
"""The same in words, for the help."""


def trouble(stats: QueueStats, scan: ScanSummary | None, forecast: Forecast | None, limits: Limits) -> Trouble:
    """Judge a queue by what is known of it."""
    archived = stats.counts.get(State.ARCHIVED, 0)
    if stats.unreadable or (forecast is not None and forecast.stuck):
        return Trouble.BROKEN
    if forecast is not None and forecast.preventable:
        return Trouble.BREAKING
    if archived >= limits.cap and not limits.denies(archived):
        return Trouble.FULL
    if scan is not None and scan.findings:
        return Trouble.FINDINGS
    if stats.old or stats.leftover:
        return Trouble.LEFTOVER
    if archived >= limits.cap * FILLING and not limits.denies(archived):
        return Trouble.FILLING
    return Trouble.PAUSED if stats.paused else Trouble.NONE
