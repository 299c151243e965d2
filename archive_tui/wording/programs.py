"""How foreign bytes, times and objects are written for programs (DESIGN.md section 10)."""

import json
from datetime import UTC, datetime


def json_line(value: object) -> str:
    """JSON in ASCII: what a terminal would obey, or what would change the direction of its text, is escaped."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def moment(seconds: float | None) -> str | None:
    """Unix seconds as RFC 3339 in UTC; None where there are none, or where no calendar goes that far."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
