"""A line made of pieces, some of which give way where it is too narrow; the rest is cut only with a sign."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.content import Content

_LEAST = 6
"""Cells that a piece keeps when it is cut."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line."""

    content: Content

    gives_way: int = 0
    """The order in which pieces leave a line that is too narrow, from 1; 0 stays."""

    cut: bool = False
    """Whether it may end in an ellipsis where all that gives way is gone."""

    insists: int | None = None
    """Cells that others give way for, where it may be cut; None: as many as it has."""

    @property
    def claim(self) -> int:
        """The cells that others give way for."""
        length = self.content.cell_length
        return length if self.insists is None else min(length, self.insists)


def piece(text: str, style: str = "", *, gives_way: int = 0, cut: bool = False, insists: int | None = None) -> Piece:
    """A piece of one style."""
    return Piece(Content.styled(text, style) if style else Content(text), gives_way, cut, insists)


def cells(pieces: Sequence[Piece]) -> int:
    """The cells that some pieces take."""
    return sum(one.content.cell_length for one in pieces)


def fitting(pieces: Sequence[Piece], width: int) -> list[Piece]:
    """The pieces that are left, in their order, when as many have given way as it takes to fit them into `width` cells,
    and those that may be cut are cut, the last one first.
    """
    kept = list(pieces)
    for one in sorted((one for one in pieces if one.gives_way), key=lambda one: one.gives_way):
        if sum(other.claim for other in kept) <= width:
            break
        kept.remove(one)
    for at in range(len(kept) - 1, -1, -1):
        excess = cells(kept) - width
        if excess > 0 and kept[at].cut:
            content = kept[at].content
            room = max(content.cell_length - excess, min(_LEAST, content.cell_length))
            kept[at] = replace(kept[at], content=content.truncate(room, ellipsis=True))
    return kept


def assembled(pieces: Sequence[Piece], width: int) -> Content:
    """The line that some pieces make, in `width` cells."""
    return Content.assemble(*(one.content for one in fitting(pieces, width)))
