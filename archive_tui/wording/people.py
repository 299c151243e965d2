"""Numbers, sizes and times as people read them, on a screen and on the command line."""

import math
from datetime import timedelta

import humanize

from archive_tui.wording.calendar import day_and_time

UNKNOWN = "–"
"""Sign for a value that is not measured yet; 0 is one that is, and is nothing."""

_YEAR = 365.2425 * 86_400
_BLOCKS = " ▏▎▍▌▋▊▉█"
_SPARKS = "▁▂▃▄▅▆▇█"


def number(value: int | None) -> str:
    """Write a count with its thousands separated."""
    return UNKNOWN if value is None else f"{value:,}"


def position(index: int, count: int, *, final: bool) -> str:
    """Write where a row (from 0) stands in a list: row 2 of 1,204, or of ≥ 1,204 where more may come."""
    return f"row {index + 1:,} of {'' if final else '≥ '}{count:,}"


def briefly(value: int) -> str:
    """Write a count in at most five characters, above 9,999 rounded down: 1,204, 12k, 1.2M."""
    if value < 10_000:
        return f"{value:,}"
    if value < 1_000_000:
        return f"{value // 1000}k"
    return f"{value // 100_000 / 10:.1f}M" if value < 10_000_000 else f"{value // 1_000_000}M"


def size(value: int | None) -> str:
    """Write a number of bytes, short: 312 B, 1.1 MB."""
    if value is None:
        return UNKNOWN
    return humanize.naturalsize(value).replace(" Bytes", " B").replace(" Byte", " B")


def roughly(value: int, error: int) -> str:
    """Write an estimate of bytes in as many digits as its error bears: ~41.2 MB, ~40 MB; ~0–82 MB where it says no
    more than that.
    """
    if not error:
        return f"~{size(value)}"
    if error >= value:
        return f"~0–{size(_rounded(value + error, 2))}".replace(".0 ", " ")
    digits = max(1, math.floor(math.log10(value / error)) + 1)
    return f"~{size(_rounded(value, digits))}".replace(".0 ", " ")


def _rounded(value: int, digits: int) -> int:
    """Round to so many leading digits."""
    return round(value, digits - len(str(value)))


def span(seconds: float) -> str:
    """Write a length of time in its largest unit, short: 45 s, 3 min, 11 h, 87 d."""
    if seconds < 0:
        return "-" + span(-seconds)
    if seconds == math.inf:
        return "∞"
    for unit, length, limit in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 48 * 3600)):
        if seconds < limit:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds // 86400):,} d"


def milliseconds(seconds: float) -> str:
    """Write how long an answer took, in two digits: 0.42 ms, 3.1 ms, 48 ms, 1.2 s."""
    value = seconds * 1000
    if value >= 1000:
        return f"{seconds:.1f} s"
    return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms" if value >= 0.995 else f"{value:.2f} ms"


def age(moment: float | None, now: float) -> str:
    """Write how long ago a moment was (both in unix seconds), short; a moment to come is `in …`."""
    if moment is None:
        return UNKNOWN
    return span(now - moment) if moment <= now else f"in {span(moment - now)}"


def exact(moment: float | None) -> str:
    """Write a moment (unix seconds) in UTC, to the second."""
    if moment is None:
        return UNKNOWN
    if not math.isfinite(moment):
        return "never" if moment > 0 else "before all time"
    return f"{' '.join(day_and_time(math.floor(moment)))} Z"


def ago(moment: float | None, now: float) -> str:
    """Write how long ago a moment was (both in unix seconds) in words, beside `exact`: 3 minutes ago."""
    if moment is None:
        return UNKNOWN
    try:
        return humanize.naturaltime(timedelta(seconds=now - moment))
    except OverflowError:
        years = abs(moment - now) / _YEAR
        counted = f"{int(years):,} years" if math.isfinite(years) else "endless time"
        return f"{counted} ago" if moment < now else f"{counted} from now"


def duration(seconds: float) -> str:
    """Write a length of time in words: 30 minutes, 1 hour and 5 minutes."""
    try:
        return humanize.precisedelta(timedelta(seconds=seconds), minimum_unit="seconds", format="%0.0f")
    except OverflowError:
        return f"{seconds:,} s" if isinstance(seconds, int) else f"{seconds:,.0f} s"


def bar(fraction: float, width: int) -> str:
    """Draw a bar of up to `width` cells, to an eighth of a cell; a fraction above 0 shows at least a sliver."""
    fraction = min(max(fraction, 0.0), 1.0)
    eighths = max(round(fraction * width * 8), 1 if fraction > 0 else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(width)


def sparkline(values: tuple[int, ...]) -> str:
    """Draw one column a value; the highest value fills it, and 0 is a flat line."""
    top = max(values, default=0)
    if top == 0:
        return _SPARKS[0] * len(values)
    return "".join(_SPARKS[0 if not value else max(1, round(value / top * 7))] for value in values)


def plural(count: int, word: str) -> str:
    """Write a counted word: 1 task, 1,204 tasks; 2 histories."""
    if count == 1:
        return f"{count:,} {word}"
    return f"{count:,} {word[:-1]}ies" if word.endswith("ry") else f"{count:,} {word}s"
