"""The tree of a payload on the screen: a cursor, branches that fold, and only the rows in sight made and drawn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size, clamp
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from archive_tui.payloads.nodes import Node, Positions, path_to
from archive_tui.payloads.outline import Outline
from archive_tui.payloads.outline_rows import Row
from archive_tui.payloads.paths import Path
from archive_tui.payloads.rendering import TreeDocument
from archive_tui.payloads.search import Matches, OutlineMatches
from archive_tui.tui import commands
from archive_tui.tui.widgets.breaking import broken, cells, cut

_LEAST_WIDTH = 16


@dataclass(frozen=True, slots=True)
class PointedAt:
    """A node of a payload, as whoever copies it or filters by it needs it."""

    path: Path
    """Its path, as filters write it behind `payload`."""

    node: Node
    """The node: `value` gives all that it holds."""


class _Bookmark(NamedTuple):
    """Where the cursor of a tree stood."""

    positions: Positions
    part: int
    """The line of the node."""
    below_top: int
    """Lines from the top of the view to the cursor."""


class OutlineView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a `TreeDocument`. Posts `Moved` when the cursor stands on another node, or the tree is another."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    OutlineView { background: $background; scrollbar-gutter: stable; }
    OutlineView > .outline--text { color: $foreground; }
    OutlineView > .outline--sign { color: $text-accent; }
    OutlineView > .outline--label { color: $text-muted; }
    OutlineView > .outline--aside { color: $text-muted; text-style: italic; }
    OutlineView > .outline--cursor { background: $cursor-blurred; }
    OutlineView > .outline--match { text-style: reverse; }
    OutlineView > .outline--current { color: $on-match; background: $match; text-style: bold underline; }
    OutlineView:focus > .outline--cursor { background: $cursor; }
    OutlineView:ansi > .outline--cursor { background: $background; text-style: underline; }
    OutlineView:ansi:focus > .outline--cursor { background: $background; text-style: bold underline; }
    OutlineView:nocolor > .outline--current { text-style: bold underline reverse; }
    """
    COMPONENT_CLASSES = {
        "outline--text",
        "outline--sign",
        "outline--label",
        "outline--aside",
        "outline--cursor",
        "outline--match",
        "outline--current",
    }
    BINDINGS = [
        commands.Up.binding("move(-1)"),
        commands.Down.binding("move(1)"),
        commands.PageUp.binding("page(-1)"),
        commands.PageDown.binding("page(1)"),
        commands.First.binding("first"),
        commands.Last.binding("last"),
        commands.ScrollLeft.binding("out"),
        commands.ScrollRight.binding("into"),
    ]

    class Moved(Message):
        """The cursor stands on another node."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, OutlineView.Moved)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._document: TreeDocument | None = None
        self._outline: Outline | None = None
        self._cursor = 0
        self._matches: OutlineMatches | None = None
        self._match: int | None = None

    @property
    def document(self) -> TreeDocument | None:
        """What is shown."""
        return self._document

    def show(self, document: TreeDocument | None) -> None:
        """Show another tree from its start; None: nothing."""
        self._document = document
        self._outline = Outline(document.root, cells, cut, broken) if document is not None else None
        self._cursor = 0
        self._matches = self._match = None
        self.scroll_to(0, 0, animate=False, force=True)
        self._lay_out()

    def grow(self) -> None:
        """Show what the tree has got meanwhile, too: a large one is looked over while it is shown."""
        outline = self._outline
        if outline is not None and outline.width:
            row = self._row_here()
            outline.grow()
            self._resize()
            if row is not None:
                self._cursor = min(outline.index_of(row.positions) + row.part, len(outline) - 1)
            self.refresh()

    # The cursor

    @property
    def pointed_at(self) -> PointedAt | None:
        """The node under the cursor; None where there is no tree."""
        row = self._row_here()
        if row is None or self._outline is None:
            return None
        return PointedAt(path_to(self._outline.root, row.positions), row.node)

    def _row_here(self) -> Row | None:
        outline = self._outline
        return outline.row(self._cursor) if outline is not None and outline.width else None

    @property
    def place(self) -> Positions | None:
        """Where the operator looks; None: at the beginning."""
        row = self._row_here()
        return row.positions if row is not None and self._cursor else None

    @property
    def bookmark(self) -> object:
        """What `return_to` needs to show again what is in view."""
        row = self._row_here()
        return _Bookmark(row.positions, row.part, self._cursor - int(self.scroll_y)) if row is not None else None

    def return_to(self, bookmark: object) -> None:
        """Put the cursor where it was then; what was unfolded since stays so."""
        outline = self._outline
        if isinstance(bookmark, _Bookmark) and outline is not None and outline.width:
            index = outline.index_of(bookmark.positions) + bookmark.part
            self._move_to(index)
            self.scroll_to(y=index - bookmark.below_top, animate=False, force=True, immediate=True)

    def _move_to(self, index: int) -> None:
        outline = self._outline
        if outline is None:
            return
        self._cursor = clamp(index, 0, len(outline) - 1)
        height = self.scrollable_content_region.height
        top = int(self.scroll_y)
        if not top <= self._cursor < top + height:
            below = self._cursor >= top + height
            self.scroll_to(
                y=self._cursor - height + 1 if below else self._cursor, animate=False, force=True, immediate=True
            )
        self.refresh()
        self.post_message(self.Moved())

    def action_move(self, rows: int) -> None:
        """Move down by so many rows; below 0 up."""
        self._move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move by so many pages."""
        self._move_to(self._cursor + pages * max(self.scrollable_content_region.height - 1, 1))

    def action_first(self) -> None:
        """Go to the first row."""
        self._move_to(0)

    def action_last(self) -> None:
        """Go to the last row."""
        if self._outline is not None:
            self._move_to(len(self._outline) - 1)

    # Folding

    @property
    def foldable(self) -> bool:
        """Whether what the cursor stands on can be folded or unfolded."""
        row = self._row_here()
        return row is not None and row.unfolded is not None

    def toggle(self) -> None:
        """Unfold what the cursor stands on, or fold it."""
        row = self._row_here()
        if row is not None and row.unfolded is not None:
            self._fold(row.positions, not row.unfolded)

    def action_into(self) -> None:
        """Unfold; where that is done, go to what is in it."""
        row = self._row_here()
        if row is None or row.unfolded is None:
            return
        if row.unfolded:
            self._move_to(self._cursor + 1)
        else:
            self._fold(row.positions, True)

    def action_out(self) -> None:
        """Fold; where that is done, go to what it is in."""
        row = self._row_here()
        if row is None or self._outline is None:
            return
        if row.unfolded:
            self._fold(row.positions, False)
        elif len(row.positions) > 1:
            self._move_to(self._outline.index_of(row.positions[:-1]))

    def _fold(self, positions: Positions, unfold: bool) -> None:
        outline = self._outline
        if outline is None:
            return
        (outline.unfold if unfold else outline.fold)(positions)
        self._resize()
        self._move_to(outline.index_of(positions))

    def unfold_all(self) -> bool:
        """Unfold everything; False: that was too much for once, and what the cursor stands on was unfolded alone."""
        row, outline = self._row_here(), self._outline
        if row is None or outline is None:
            return True
        done = outline.unfold_all()
        if not done:
            outline.unfold_all(row.positions)
        self._resize()
        self._move_to(outline.index_of(row.positions))
        return done

    def fold_all(self) -> None:
        """Fold everything, and stay where the cursor was, as far as that is in sight."""
        row, outline = self._row_here(), self._outline
        if row is not None and outline is not None:
            outline.fold_all()
            self._resize()
            self._move_to(outline.index_of(row.positions))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a row; on a sign, or on the row where it stood, unfold or fold."""
        offset = event.get_content_offset(self)
        outline = self._outline
        if offset is None or outline is None or not outline.width:
            return
        index = offset.y + int(self.scroll_y)
        if index >= len(outline):
            return
        row = outline.row(index)
        on_sign = bool(row.sign) and offset.x <= row.indent + 1
        there_already = index == self._cursor
        self._move_to(index)
        if on_sign or there_already:
            self.toggle()

    # Matches of a search

    def light(self, matches: Matches | None, current: int | None = None) -> None:
        """Light the matches of a search, and move the cursor to the current one; None: light nothing."""
        self._matches = matches if isinstance(matches, OutlineMatches) else None
        self._match = current
        outline = self._outline
        if self._matches is not None and current is not None and outline is not None and outline.width:
            place = self._matches.place(current)
            outline.reveal(place.positions, whole=True)
            self._resize()
            index = outline.index_of(place.positions)
            while index + 1 < len(outline) and current not in self._lit_on(outline.row(index)):
                if outline.row(index + 1).positions != place.positions:
                    break
                index += 1
            self._move_to(index)
        self.refresh()

    def _lit_on(self, row: Row) -> list[int]:
        """The numbers of the matches that are lit on a row."""
        if self._matches is None:
            return []
        return [number for label in (True, False) for number, _, _ in self._matches.on(row, label=label)]

    # Drawing

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        """Lay the tree out for the width that there is, with the cursor where it was."""
        outline = self._outline
        width = self.scrollable_content_region.width
        if outline is None:
            self.virtual_size = Size(0, 0)
        elif width:
            row = self._row_here()
            outline.lay_out(max(width, _LEAST_WIDTH))
            self._resize()
            self._move_to(outline.index_of(row.positions) if row is not None else 0)
        self.refresh()

    def _resize(self) -> None:
        if self._outline is not None:
            self.virtual_size = Size(self.scrollable_content_region.width, len(self._outline))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + int(self.scroll_y)
        outline = self._outline
        if outline is None or not outline.width or index >= len(outline):
            return Strip.blank(width, self.rich_style)
        row = outline.row(index)
        cursor = self._style("cursor") if index == self._cursor else Style()
        base = self._style("text") + cursor
        strip = Strip(segment for segment in self._segments(row, base, cursor) if segment.text)
        return strip.adjust_cell_length(width, base)

    def _segments(self, row: Row, base: Style, cursor: Style) -> Iterator[Segment]:
        text = self._style("text")
        label, aside, sign = (text + self._style(name) + cursor for name in ("label", "aside", "sign"))
        yield Segment(" " * row.indent, base)
        yield Segment(f"{row.sign or ' '} ", sign)
        yield from self._lit(row, label, in_label=True)
        before = row.indent + 2 + cells(row.label)
        yield Segment(" " * max(row.value_at - before, 0), base)
        holds = bool(len(row.node))
        yield from self._lit(row, label if holds else base, in_label=False)
        yield Segment("…" if row.more else "", aside)
        yield Segment(f"  ({row.aside})" if row.aside else "", aside)
        yield Segment(f"  {row.preview}" if row.preview else "", aside)

    def _lit(self, row: Row, style: Style, *, in_label: bool) -> Iterator[Segment]:
        """The label of a row or its value, with its matches lit."""
        text = row.label if in_label else row.value
        found: Iterable[tuple[int, int, int]] = ()
        if self._matches is not None:
            found = self._matches.on(row, label=in_label)
        done = 0
        for number, begin, end in found:
            yield Segment(text[done:begin], style)
            lit = self._style("current" if number == self._match else "match")
            yield Segment(text[begin:end], style + lit)
            done = end
        yield Segment(text[done:], style)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"outline--{name}", partial=name != "text")
