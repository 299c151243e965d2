"""Differences of two texts, line by line, and of bytes, row by row of sixteen."""

from itertools import zip_longest

from archive_tui.comparison.alignment import aligned
from archive_tui.comparison.rows import Row, Section, Verdict
from archive_tui.text import readable
from archive_tui.wording.people import number

_LONG = 400
"""Characters of a text above which a part of it is shown: the one with the first difference."""

_BEFORE = 40
"""Characters of that part that stand before the difference."""

_WIDTH = 16


def add_lines(section: Section, first: str, second: str, path: str = "") -> None:
    """Add two texts line by line; `path` says where in a payload they stand."""
    mine, theirs = _lines(first), _lines(second)
    before = f"{path}, " if path else ""
    for at, other in aligned(mine, theirs):
        one = mine[at] if at is not None else None
        two = theirs[other] if other is not None else None
        if at is None or other is None:
            label = f"line {number((at if at is not None else other or 0) + 1)}"
            verdict = Verdict.ONLY_SECOND if at is None else Verdict.ONLY_FIRST
        else:
            label = f"line {number(at + 1)}" + (f"→{number(other + 1)}" if at != other else "")
            verdict = Verdict.SAME if one == two else Verdict.VALUE
        shown, other_shown, note = one, two, ""
        if verdict is Verdict.VALUE and one is not None and two is not None:
            shown, other_shown, note = excerpts(one, two)
        section.add(Row(before + label, shown, other_shown, verdict, note, one, two))


def _lines(text: str) -> list[str]:
    """The lines of a text; one without a character has none."""
    return text.split("\n") if text else []


def add_bytes(section: Section, first: bytes, second: bytes) -> None:
    """Add two payloads row by row, each at the same offset of both."""
    starts = zip_longest(range(0, len(first), _WIDTH), range(0, len(second), _WIDTH))
    for at, other in starts:
        start = at if at is not None else other or 0
        mine, theirs = first[start : start + _WIDTH], second[start : start + _WIDTH]
        verdict = Verdict.SAME if mine == theirs else Verdict.VALUE
        if not mine or not theirs:
            verdict = Verdict.ONLY_FIRST if mine else Verdict.ONLY_SECOND
        if (section.same_left_out if verdict is Verdict.SAME else section.left_out) > 0:
            _count(section, verdict)
            continue
        values = (readable(mine) if mine else None, readable(theirs) if theirs else None)
        section.add(Row(f"{start:08x}", _hex(mine) or None, _hex(theirs) or None, verdict, "", *values))


def _count(section: Section, verdict: Verdict) -> None:
    """Count a row that nobody will see."""
    if verdict is Verdict.SAME:
        section.same += 1
    else:
        section.differing += 1


def _hex(row: bytes) -> str:
    if not row:
        return ""
    return f"{row.hex(' '):<{3 * _WIDTH - 1}}  {''.join(chr(byte) if 0x20 <= byte < 0x7F else '·' for byte in row)}"


def excerpts(first: str, second: str) -> tuple[str, str, str]:
    """The parts of two texts in which they differ first, with a note where that is not all of them."""
    if len(first) <= _LONG and len(second) <= _LONG:
        return first, second, ""
    at = next((place for place, (one, two) in enumerate(zip(first, second, strict=False)) if one != two),
        min(len(first), len(second)))  # fmt: skip
    start = max(at - _BEFORE, 0)
    note = f"they differ from character {number(at + 1)} on, of {number(len(first))} and {number(len(second))}"
    return _part(first, start), _part(second, start), note


def _part(text: str, start: int) -> str:
    end = start + _LONG
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
