"""Draws the facts of a task: all of them, label by label, or the most telling on a line or two."""

from collections.abc import Iterable, Sequence

from textual.content import Content

from archive_tui.tui import commands
from archive_tui.tui.widgets.breaking import cells
from archive_tui.tui.widgets.fitted import hang

_LABEL = 12
_LEAST = 8
"""Cells for values, however narrow the box is."""
_BETWEEN = " · "


def _hint() -> str:
    """How to unfold the facts, or fold them again."""
    return f"{commands.FoldFacts} facts"


Part = tuple[str, str]
"""A text and its style."""


def parts_of(facts: Iterable[tuple[str, str]]) -> list[Part]:
    """Labels and values in their styles; every part but a label ends with its line."""
    parts: list[Part] = []
    for label, value in facts:
        first, *rest = value.split("\n")
        parts += [(f"{label:<{_LABEL}}", "$text-muted"), (f"{first}\n", "")]
        for more in rest:
            parts += [(" " * _LABEL, ""), (f"{more}\n", "$text-muted")]
    return parts


def whole(parts: Sequence[Part], width: int) -> Content:
    """All facts as one text; long values are broken, at words if they have any, and indented."""
    pieces: list[Content] = []
    room = max(width - _LABEL, _LEAST)
    for text, style in parts:
        body = text.removesuffix("\n")
        broken = hang(body, room, _LABEL) + text[len(body) :] if cells(body) > room and body.strip() else text
        pieces.append(Content.styled(broken, style))
    return Content("").join(pieces).rstrip()


def folded(pieces: Sequence[str], lines: int, width: int) -> Content:
    """The summary on so many lines at most, with the key for the rest of the facts at the end of the last."""
    hint = _hint()
    beside = len(hint) + 2
    rows: list[list[str]] = [[]]
    for piece in pieces:
        grown = _BETWEEN.join([*rows[-1], piece])
        if not rows[-1] or cells(grown) <= width - (beside if len(rows) == lines else 0):
            rows[-1].append(piece)
        elif len(rows) < lines:
            rows.append([piece])
        else:
            rows[-1].append("…")
            break
    if len(rows) < lines and len(rows[-1]) > 1 and cells(_BETWEEN.join(rows[-1])) > width - beside:
        rows.append([rows[-1].pop()])  # there is a line for it, and the hint needs its place
    *above, last = [Content(_BETWEEN.join(row)) for row in rows]
    last = last.truncate(max(width - beside, 0), ellipsis=True)
    gap = " " * (width - last.cell_length - len(hint))
    first = [above_row.truncate(width, ellipsis=True) for above_row in above]
    return Content("\n").join([*first, Content.assemble(last, gap, (hint, "$text-muted"))])
