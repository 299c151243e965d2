"""Quantities: numbers, sizes, lengths of time and moments, as people write them.

Every reader raises ValueError for what it cannot read; its message says what to write.
"""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

from archive_tui.errors import UsageError
from archive_tui.text import clip
from archive_tui.wording.people import exact

DAY = 86_400
"""Seconds of a day."""

_SIZES = {
    "": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_SPANS = {"s": 1, "min": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
_LARGEST = 2**62
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([a-z]*)", re.IGNORECASE)
_MONTHS = ("m", "mo", "mon", "month", "months")


class UnclearUnitError(ValueError):
    """A unit that people mean in two ways; the message says what to write for either."""


class Moment(NamedTuple):
    """A point in time, or the day that a bare date means."""

    seconds: int
    """Unix seconds; of a day its beginning in UTC."""

    whole_day: bool
    """It was a date without a time."""


def number_of(text: str) -> int:
    """Read a whole number, which may be below 0: nothing keeps a message from saying so."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 15):
        raise ValueError("wants a whole number")
    return int(text)


def bytes_of(text: str) -> int:
    """Read a size in bytes; without a unit it is bytes."""
    return _amount(text, _SIZES)


def seconds_of(text: str) -> int:
    """Read a length of time in seconds. The unit `m` is refused: people mean minutes, and they mean months."""
    return _amount(text, _SPANS)


def _amount(text: str, units: dict[str, int]) -> int:
    quantity = _QUANTITY.fullmatch(text)
    if quantity is not None and units is _SPANS and quantity[2].lower() in _MONTHS:
        raise UnclearUnitError(f"{quantity[2]} may be minutes or months: write {quantity[1]}min, or days such as 90d")
    unit = units.get(quantity[2].lower()) if quantity is not None else None
    if quantity is None or unit is None:
        raise ValueError("wants a number and a unit")
    return min(int(float(quantity[1]) * unit), _LARGEST)


def moment_of(text: str) -> Moment:
    """Read a date or a time, in UTC unless it names an offset."""
    try:
        if "W" in text.upper():  # a week: nobody knows which day of it
            raise ValueError
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("wants a date or time in UTC") from None
    try:
        date.fromisoformat(text)
        whole_day = True
    except ValueError:
        whole_day = False
    return Moment(int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()), whole_day)


def span_of(text: str) -> int:
    """Read a length of time outside a filter, such as `30d` or `12h`, in seconds. Raises UsageError."""
    try:
        return seconds_of(text.strip())
    except UnclearUnitError as error:
        raise UsageError(f"“{clip(text, 20)}”: {error}") from None
    except ValueError:
        raise UsageError(f"“{clip(text, 20)}” is no length of time: write 30d, 12h, 90min or 2w") from None


def future_of(text: str, now: float) -> int:
    """Read a moment to come outside a filter, such as `2026-12-01T06:00`, in unix seconds. `now` is unix seconds.
    Raises UsageError.
    """
    try:
        seconds = moment_of(text.strip()).seconds
    except ValueError:
        raise UsageError(f"“{clip(text, 30)}” is no time: write 2026-12-01T06:00, in UTC") from None
    if seconds <= now:
        raise UsageError(f"{exact(seconds)} is in the past")
    return seconds
