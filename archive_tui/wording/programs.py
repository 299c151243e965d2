"""JSON and moments as programs read them: what commands print, and what journals and the audit hold."""

import json
import math

from archive_tui.wording.calendar import day_and_time, day_of


def json_line(value: object) -> str:
    """Write a value as one line of ASCII JSON.

    What a terminal would obey, and what would change the direction of its text, is escaped: also DEL, which JSON
    itself lets pass.
    """
    return json.dumps(value).replace("\x7f", "\\u007f")


def moment(seconds: float | None) -> str | None:
    """Write unix seconds as RFC 3339 in UTC, to the second: `2026-11-29T01:54:16Z`.

    A fraction of a second is cut off, towards the past. None stays None. Years before 0 and after 9999, which RFC 3339
    has not, are written as ISO 8601 expands them (`calendar`); an infinity, which a score in Redis may be, as `inf` or
    `-inf`.

    No other function of this package writes a moment for programs.
    """
    if seconds is None or not math.isfinite(seconds):
        return None if seconds is None else str(seconds)
    day, time = day_and_time(math.floor(seconds))
    return f"{day}T{time}Z"


def day(seconds: float | None) -> str | None:
    """Write the day of a moment (unix seconds) in UTC, as `moment` writes it. None stays None."""
    if seconds is None or not math.isfinite(seconds):
        return None if seconds is None else str(seconds)
    return day_of(math.floor(seconds))
