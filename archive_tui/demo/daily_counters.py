"""The daily counters of a queue: what ninety ordinary days look like, with their weekends and their bad weeks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from archive_tui.demo.layout import Layout

_KEPT_DAYS = 90
_DAY = 86_400
_WEEKEND = 0.55
"""The share of the traffic that is left on Saturdays and Sundays."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A bad time."""

    days_ago: float
    """Its worst moment."""

    spread: float
    """Days before and after it in which the extra failures fall to about a third."""

    failures: int
    """Extra failures a day at the worst moment."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic of a queue."""

    processed: int
    """Tasks on an ordinary weekday."""

    failing: float = 0.01
    """The share of them that fails, from 0 to 1."""

    incidents: tuple[Incident, ...] = ()

    ended_days_ago: int = 0
    """Days since the queue was used last; 0 for one that is in use."""

    before: int = 0
    """Tasks processed before the ninety days of which there are counters."""


def record(layout: Layout, traffic: Traffic, now: int, random: Random) -> None:
    """Write the counters of a queue, each day's with the time that Asynq would still keep it."""
    processed_ever, failed_ever = traffic.before, round(traffic.before * traffic.failing)
    for day, seconds_left, processed, failed in _days(traffic, now, random):
        processed_ever += processed
        failed_ever += failed
        layout.counter(f"processed:{day}", processed, seconds_left)
        if failed:  # Asynq makes a counter when there is something to count
            layout.counter(f"failed:{day}", failed, seconds_left)
    layout.counter("processed", processed_ever)
    if failed_ever:
        layout.counter("failed", failed_ever)


def _days(traffic: Traffic, now: int, random: Random) -> Iterator[tuple[str, int, int, int]]:
    """Each day that had traffic, today first: its date, the seconds until its counters go, processed and failed."""
    today = datetime.fromtimestamp(now, UTC)
    for days_ago in range(traffic.ended_days_ago, _KEPT_DAYS):
        day = today - timedelta(days=days_ago)
        passed = (now % _DAY) / _DAY if days_ago == 0 else 1.0
        level = passed * random.uniform(0.9, 1.1) * (_WEEKEND if day.weekday() >= 5 else 1.0)
        ordinary = round(traffic.processed * level)
        extra = sum(
            incident.failures * math.exp(-(((days_ago - incident.days_ago) / incident.spread) ** 2))
            for incident in traffic.incidents
        )
        failed = round(ordinary * traffic.failing * random.uniform(0.7, 1.3) + extra * passed)
        if ordinary + failed:
            yield f"{day:%Y-%m-%d}", (_KEPT_DAYS - days_ago) * _DAY, ordinary + failed, failed
