"""A scrollable view of a document of any length: only the visible lines are made and drawn."""

from array import array
from bisect import bisect_right

from rich.cells import chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from archive_tui.payloads.rendering import Document, TextDocument
from archive_tui.tui import commands

_WRAP_LINES = 100_000
_SIDEWAYS = 8
_CHOP_CHARACTERS = 100_000


class DocumentView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a `Document`. Long lines are broken at the edge (`wrap`) or scrolled sideways; nothing is cut off."""

    DEFAULT_CSS = """
    DocumentView { background: $surface; scrollbar-gutter: stable; }
    DocumentView > .document--match { color: $on-match; background: $match; text-style: bold; }
    """
    COMPONENT_CLASSES = {"document--match"}
    BINDINGS = [
        commands.Up.binding("scroll_up"),
        commands.Down.binding("scroll_down"),
        commands.PageUp.binding("page_up"),
        commands.PageDown.binding("page_down"),
        commands.First.binding("scroll_home"),
        commands.Last.binding("scroll_end"),
        commands.ScrollLeft.binding("scroll_left"),
        commands.ScrollRight.binding("scroll_right"),
        Binding("ctrl+pageup", "page_left", show=False, id="page-left"),
        Binding("ctrl+pagedown", "page_right", show=False, id="page-right"),
    ]

    wrap: reactive[bool] = reactive(True)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._document: Document = TextDocument("", "")
        self._starts: array[int] | None = None
        self._chopped: LRUCache[tuple[int, int], list[str]] = LRUCache(512)
        self._match: int | None = None
        self._needle = ""

    @property
    def document(self) -> Document:
        """What is shown."""
        return self._document

    @property
    def can_wrap(self) -> bool:
        """Whether the document is short enough to be wrapped; hexadecimal needs no wrapping."""
        return isinstance(self._document, TextDocument) and len(self._document) <= _WRAP_LINES

    def show(self, document: Document) -> None:
        """Show another document from its start."""
        self._document = document
        self._match, self._needle = None, ""
        self.scroll_to(0, 0, animate=False, force=True)
        self._lay_out()

    def search(self, needle: str, *, following: bool = False) -> bool:
        """Go to the next line that contains `needle`; False where there is none."""
        start = (self._match + 1) if following and self._match is not None else self._line_at(int(self.scroll_y))
        found = self._document.find(needle, start % len(self._document)) if needle else None
        self._match, self._needle = found, needle
        if found is not None:
            row = self._row_of(found)
            self.scroll_to_region(Region(0, row, 1, 1), animate=False, force=True, center=True)
        self.refresh()
        return found is not None

    # Keys act at once: Textual's own actions move a frame later

    def _scroll(self, x: float = 0, y: float = 0) -> None:
        self.scroll_relative(x, y, animate=False, immediate=True)

    def action_scroll_up(self) -> None:
        self._scroll(y=-1)

    def action_scroll_down(self) -> None:
        self._scroll(y=1)

    def action_scroll_left(self) -> None:
        self._scroll(x=-_SIDEWAYS)

    def action_scroll_right(self) -> None:
        self._scroll(x=_SIDEWAYS)

    def action_page_up(self) -> None:
        self._scroll(y=-self.scrollable_content_region.height)

    def action_page_down(self) -> None:
        self._scroll(y=self.scrollable_content_region.height)

    def action_scroll_home(self) -> None:
        self.scroll_to(0, 0, animate=False, immediate=True)

    def action_scroll_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def watch_wrap(self) -> None:
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        self._chopped.clear()
        width = max(self.scrollable_content_region.width, 1)
        document = self._document
        if self.wrap and self.can_wrap:
            starts, rows = array("q"), 0
            for index in range(len(document)):
                starts.append(rows)
                rows += len(self._pieces(index, width))
            self._starts = starts
            self.virtual_size = Size(width, rows)
        else:
            self._starts = None
            widest = max((len(document.line(index)) for index in range(min(len(document), 5000))), default=0)
            self.virtual_size = Size(widest + 1, len(document))
        self.refresh()

    def _pieces(self, index: int, width: int) -> list[str]:
        """One line broken to the width; what is ASCII is cut by counting, what is not by measuring."""
        known = self._chopped.get((index, width))
        if known is not None:
            return known
        line = self._document.line(index)
        if line.isascii():
            pieces = [line[start : start + width] for start in range(0, len(line), width)] or [""]
        elif len(line) <= _CHOP_CHARACTERS:
            pieces = chop_cells(line, width) or [""]
        else:
            half = max(width // 2, 1)
            pieces = [line[start : start + half] for start in range(0, len(line), half)]
        self._chopped[index, width] = pieces
        return pieces

    def _line_at(self, row: int) -> int:
        if self._starts is None:
            return min(row, max(len(self._document) - 1, 0))
        return max(bisect_right(self._starts, row) - 1, 0)

    def _row_of(self, line: int) -> int:
        return line if self._starts is None else self._starts[line]

    def render_line(self, y: int) -> Strip:
        scroll_x, scroll_y = self.scroll_offset
        width = self.scrollable_content_region.width
        row = y + scroll_y
        style: Style = self.rich_style
        if row >= self.virtual_size.height:
            return Strip.blank(width, style)
        line = self._line_at(row)
        if line == self._match:
            style += self.get_component_rich_style("document--match", partial=True)
        if self._starts is not None:
            text = self._pieces(line, self.virtual_size.width)[row - self._starts[line]]
            return Strip([Segment(text, style)]).adjust_cell_length(width, style)
        text = self._document.line(line)
        if text.isascii() or len(text) > _CHOP_CHARACTERS:  # never measure megabytes for one line of the screen
            part = text[scroll_x : scroll_x + width]
            if len(text) + 1 > self.virtual_size.width:
                self.call_later(self._widen, len(text) + 1)
            return Strip([Segment(part, style)]).adjust_cell_length(width, style)
        strip = Strip([Segment(text, style)])
        if strip.cell_length + 1 > self.virtual_size.width:
            self.call_later(self._widen, strip.cell_length + 1)
        return strip.crop(scroll_x, scroll_x + width).adjust_cell_length(width, style)

    def _widen(self, width: int) -> None:
        if width > self.virtual_size.width:
            self.virtual_size = Size(width, self.virtual_size.height)
