"""A comparison as lines, safe to show: in columns where there is room, else one side below the other."""

import unicodedata
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import zip_longest

from archive_tui.comparison.rows import Comparison, Row, Section, Verdict
from archive_tui.text import block, line
from archive_tui.wording.people import plural

COLUMNS_FROM = 100
"""Width in characters from which on the two sides stand beside each other."""

FIRST, SECOND = "‹", "›"
"""The signs of the two sides."""

_SIGNS = {
    Verdict.SAME: "=",
    Verdict.VALUE: "≠",
    Verdict.TYPE: "≠",
    Verdict.ONLY_FIRST: FIRST,
    Verdict.ONLY_SECOND: SECOND,
}
_LEAST = 8
_MOST_ALIGNED = 20
"""Characters of a label up to which values stand below each other."""

_LABEL_SHARE = 4
"""The label has so many parts of the room: a fourth."""


class Tint(Enum):
    """What a line is, for whoever has colours. The line says it without them, too: by its sign, or in capitals."""

    PLAIN = auto()
    HEADING = auto()
    SAME = auto()
    DIFFERS = auto()
    """Both sides have it, and not the same."""
    FIRST = auto()
    """What the first side has alone, or has instead."""
    SECOND = auto()


_TINTS = {
    Verdict.SAME: Tint.SAME,
    Verdict.VALUE: Tint.DIFFERS,
    Verdict.TYPE: Tint.DIFFERS,
    Verdict.ONLY_FIRST: Tint.FIRST,
    Verdict.ONLY_SECOND: Tint.SECOND,
}
_SIDES = {FIRST: Tint.FIRST, SECOND: Tint.SECOND}

Tinted = tuple[str, Tint]
"""A line and what it is."""


def lines_of(comparison: Comparison, width: int, *, everything: bool) -> list[str]:
    """Lay a comparison out as text; see `tinted_lines`."""
    return [text for text, _ in tinted_lines(comparison, width, everything=everything)]


def tinted_lines(comparison: Comparison, width: int, *, everything: bool) -> list[Tinted]:
    """Lay a comparison out; `everything` shows also what is the same. Nothing is cut off: what is long is broken."""
    lines = [
        *_plain(f"{FIRST} {comparison.first}", width, Tint.FIRST),
        *_plain(f"{SECOND} {comparison.second}", width, Tint.SECOND),
    ]
    for remark in comparison.remarks:
        lines += _plain(line(remark), width)
    for section in comparison.sections:
        lines += [("", Tint.PLAIN), *_plain(_heading(section, comparison.alike), width, Tint.HEADING)]
        if section.note:
            lines += _plain(f"  ({line(section.note)})", width)
        rows = list(section.shown(everything=everything))
        label = min(max((len(line(row.label)) for row in rows), default=0), _MOST_ALIGNED)
        for row in rows:
            lines += _columns(row, width) if width >= COLUMNS_FROM else _stacked(row, width, label)
        if section.left_out:
            lines += _plain(f"  … and {plural(section.left_out, 'difference')} more, not shown", width)
        if everything and section.same_left_out:
            lines += _plain(f"  … and {section.same_left_out:,} more that are {comparison.alike}, not shown", width)
    return lines


def _plain(text: str, width: int, tint: Tint = Tint.PLAIN) -> Iterator[Tinted]:
    return ((part, tint) for part in _broken(text, width))


def _heading(section: Section, alike: str) -> str:
    title = section.title.upper()
    if not section.differing and not section.same:
        return title if section.note else f"{title}   none"
    if not section.differing:
        return f"{title}   {alike}"
    return f"{title}   {plural(section.differing, 'difference')}, {section.same:,} {alike}"


def _columns(row: Row, width: int) -> Iterator[Tinted]:
    """A row with its label, and both sides beside it."""
    tint = _TINTS[row.verdict]
    label = max((width - 4) // _LABEL_SHARE, _LEAST)
    side = max((width - label - 6) // 2, _LEAST)
    cells = (_cell(line(row.label), label), _side(row.first, side), _side(row.second, side))
    for number, (name, first, second) in enumerate(zip_longest(*cells, fillvalue="")):
        sign = _SIGNS[row.verdict] if not number else " "
        yield f"{sign} {_padded(name, label)}  {_padded(first, side)}  {second}".rstrip(), tint
    if row.note:
        yield from _plain(f"{'':{label + 4}}({line(row.note)})", width, tint)


def _stacked(row: Row, width: int, label: int) -> Iterator[Tinted]:
    """A row with its label, which takes `label` characters at least, and the sides, each of them on a line of its own
    where one line has no room for all.
    """
    sides = [(FIRST, row.first), (SECOND, row.second)]
    if row.verdict is Verdict.SAME and row.first == row.second:
        sides = sides[:1]
    opening = f"{_SIGNS[row.verdict]} {line(row.label)}"
    note = f"({line(row.note)})" if row.note else ""
    pieces = [f"{sign} {block(text)}" for sign, text in sides if text is not None]
    if row.verdict in (Verdict.ONLY_FIRST, Verdict.ONLY_SECOND) or len(sides) == 1:
        pieces = [piece[2:] for piece in pieces]  # the sign stands before the label
    whole = "   ".join([opening.ljust(label + 2), *pieces, *([note] if note else [])])
    tint = _TINTS[row.verdict]
    if len(whole) <= width and "\n" not in whole and len(_broken(whole, width)) == 1:
        yield whole, tint
        return
    yield from _plain(f"{opening}  {note}".rstrip(), width, tint)
    for sign, text in sides:
        if text is not None:
            for number, part in enumerate(_cell(text, max(width - 4, _LEAST))):
                yield f"  {sign if not number else ' '} {part}", _SIDES[sign] if row.differs else tint


def _side(text: str | None, width: int) -> Sequence[str]:
    return ["–"] if text is None else _cell(text, width)


def _cell(text: str, width: int) -> Sequence[str]:
    """A text as lines that fit."""
    return [part for one in block(text).split("\n") for part in _broken(one, width)]


def _broken(text: str, width: int) -> list[str]:
    """A safe line in pieces that are no wider, cut behind a space if there is one near the end; together they are the
    line. One without characters is a piece, too.
    """
    if len(text) <= width and (text.isascii() or 2 * len(text) <= width):
        return [text]
    pieces: list[str] = []
    start = at = cells = 0
    while at < len(text):
        wide = _cells(text[at])
        if cells + wide > width and at > start:
            space = text.rfind(" ", start + (at - start) // 2, at)
            cut = space + 1 if space >= 0 else at
            pieces.append(text[start:cut])
            start = at = cut
            cells = 0
        else:
            cells += wide
            at += 1
    return [*pieces, text[start:]]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - sum(map(_cells, text)))


def _cells(character: str) -> int:
    """The cells of a terminal that a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
