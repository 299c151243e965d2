"""The calendar: dates and times of day of any moment that Redis or a message can hold.

Proleptic Gregorian, in UTC. Years have four digits from 0 to 9999; beyond, a sign and at least six, as ISO 8601 expands
them and JavaScript reads them: `+292277026596-12-04`, `-000001-06-15`. Year 0 is the one before year 1.
"""

from datetime import UTC, datetime, timedelta

_CYCLE_YEARS = 400
_CYCLE = 146_097 * 86_400
"""Seconds after which the calendar repeats."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_and_time(seconds: int) -> tuple[str, str]:
    """Write the day of a moment (unix seconds) and its time of day to the second: `2026-11-29`, `01:54:16`."""
    cycles, rest = divmod(seconds, _CYCLE)
    moment = _EPOCH + timedelta(seconds=rest)
    year = moment.year + _CYCLE_YEARS * cycles
    written = f"{year:04}" if 0 <= year <= 9999 else f"{year:+07}"
    return f"{written}-{moment:%m-%d}", f"{moment:%H:%M:%S}"


def day_of(seconds: int) -> str:
    """Write the day of a moment (unix seconds)."""
    return day_and_time(seconds)[0]
