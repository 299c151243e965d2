"""Draws the facts of a task: all of them, label by label, or the most telling on a line or two."""

from collections.abc import Iterable, Sequence

from textual.content import Content

from archive_tui.tui import commands
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
        broken = hang(body, room, _LABEL) + text[len(body) :] if len(body) > room and body.strip() else text
        pieces.append(Content.styled(broken, style))
    return Content("").join(pieces).rstrip()


def folded(pieces: Sequence[str], lines: int, width: int) -> Content:
    """The summary on so many lines at most, with the key for the rest of the facts at the end of the last."""
    rows: list[str] = [""]
    for piece in pieces:
        grown = f"{rows[-1]}{_BETWEEN}{piece}" if rows[-1] else piece
        room = width - (len(_hint()) + 2 if len(rows) == lines else 0)
        if len(grown) <= room or not rows[-1]:
            rows[-1] = grown
        elif len(rows) < lines:
            rows.append(piece)
        else:
            rows[-1] = f"{rows[-1]}{_BETWEEN}…"
            break
    *above, last = [Content(row) for row in rows]
    room = max(width - len(_hint()) - 2, 0)
    last = last.truncate(room, ellipsis=True)
    gap = " " * (width - last.cell_length - len(_hint()))
    first = [above_row.truncate(width, ellipsis=True) for above_row in above]
    return Content("\n").join([*first, Content.assemble(last, gap, (_hint(), "$text-muted"))])
