"""JSON and moments as programs read them: what commands print, and what journals and the audit hold."""

import json
from datetime import UTC, datetime


def json_line(value: object) -> str:
    """Write a value as one line of ASCII JSON.

    What a terminal would obey, and what would change the direction of its text, is escaped: also DEL, which JSON
    itself lets pass.
    """
    return json.dumps(value).replace("\x7f", "\\u007f")


def moment(seconds: float | None) -> str | None:
    """Write unix seconds as RFC 3339 in UTC, to the second: `2026-11-29T01:54:16Z`.

    A fraction of a second is cut off, towards the past. None stays None. So does what no calendar holds: anything
    before year 1 or after year 9999, an infinity, NaN; a score in Redis may be any of these, a clock never.

    No other function of this package writes a moment for programs.
    """
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
