"""A scrollable view of a document of any length: only the visible lines are made and drawn."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.cache import LRUCache
from textual.geometry import Offset, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from archive_tui.payloads.rendering import Document, TextDocument
from archive_tui.payloads.search import LineMatches, Matches
from archive_tui.tui import commands
from archive_tui.tui.widgets.breaking import broken, cells, cut

_WRAP_LINES = 100_000
_MEASURED, _MEASURED_LARGE = 5_000, 200
_MEASURED_CHARACTERS = 20_000
"""Lines that are measured for the width; of a document that makes them one by one, fewer, and only until they have so
many characters. A wider one widens the view when it comes in sight.
"""

_SIDEWAYS = 8
_COUNTED = 500
"""Characters of a line from which on it is drawn a character a column, however wide they are, unless it is broken: a
screen full of such lines could not be measured within a moment.
"""
_AT_WORDS = 300_000
"""Characters of a document above which its lines are cut at the edge, wherever words end: laying it out has to wait for
nothing.
"""
_MOST_CHARACTERS_A_CELL = 4
"""Characters that a cell is taken to hold at most, accents and all; matches beyond that many are not lit."""


class DocumentView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a `Document`. Long lines are broken at the edge (`wrap`) or scrolled sideways; nothing is cut off."""

    DEFAULT_CSS = """
    DocumentView { background: $surface; scrollbar-gutter: stable; }
    DocumentView > .document--match { text-style: reverse; }
    DocumentView > .document--current { color: $on-match; background: $match; text-style: bold underline; }
    DocumentView:nocolor > .document--current { text-style: bold underline reverse; }
    """
    COMPONENT_CLASSES = {"document--match", "document--current"}
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
        self._at_words = True
        self._chopped: LRUCache[tuple[int, int], list[str]] = LRUCache(512)
        self._matches: LineMatches | None = None
        self._match: int | None = None

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
        self._matches = self._match = None
        self.scroll_to(0, 0, animate=False, force=True)
        self._lay_out()

    def grow(self) -> None:
        """Show the lines, too, that the document has got meanwhile."""
        if self._starts is None and len(self._document) != self.virtual_size.height:
            self.virtual_size = Size(self.virtual_size.width, len(self._document))
            self.refresh()

    # Matches of a search

    @property
    def place(self) -> int | None:
        """Where the operator looks: the line at the top of the view; None: at the beginning."""
        return self._line_at(int(self.scroll_y)) or None

    @property
    def bookmark(self) -> object:
        """What `return_to` needs to show again what is in view."""
        return self.scroll_offset

    def return_to(self, bookmark: object) -> None:
        """Show what was in view then."""
        if isinstance(bookmark, Offset):
            self.scroll_to(*bookmark, animate=False, force=True, immediate=True)

    def light(self, matches: Matches | None, current: int | None = None) -> None:
        """Light the matches of a search, and move the view to the current one; None: light nothing."""
        self._matches, self._match = matches if isinstance(matches, LineMatches) else None, current
        if self._matches is not None and current is not None:
            self._reveal(*self._matches.place(current))
        self.refresh()

    def _reveal(self, line: int, start: int, end: int) -> None:
        """Scroll so that a part of a line is in sight: not at all where it is, and to the middle where it is not."""
        text = self._document.line(line)
        view = self.scrollable_content_region
        room = view.width
        if self._starts is None:
            row, column, width = line, start, end - start
            if not _is_counted(text):
                column, width = cells(text[:start]), cells(text[start:end])
            elif not text.isascii():
                room //= 2  # that many characters are in sight for certain
            self._widen(column + width + 1)
        else:
            pieces = self._pieces(line, self.virtual_size.width)
            row, column, width = self._starts[line] + _piece_at(pieces, start), 0, 0
        x, y = self.scroll_offset
        if not y <= row < y + view.height:
            y = row - view.height // 2
        if column + width > x + room or column < x:
            x = 0 if column + width <= room else column - max((room - width) // 2, 0)
        self.scroll_to(max(x, 0), max(y, 0), animate=False, force=True, immediate=True)

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
            self._at_words = self._few_characters()
            for index in range(len(document)):
                starts.append(rows)
                rows += len(self._pieces(index, width))
            self._starts = starts
            self.virtual_size = Size(width, rows)
        else:
            self._starts = None
            self.virtual_size = Size(self._widest() + 1, len(document))
        self.refresh(layout=self.styles.is_auto_height)

    def _few_characters(self) -> bool:
        """Whether the document is short enough for its lines to be broken between words."""
        left = _AT_WORDS
        for index in range(len(self._document)):
            left -= len(self._document.line(index))
            if left < 0:
                return False
        return True

    def _widest(self) -> int:
        """The characters of the widest line among those that are measured."""
        document, widest, measured = self._document, 0, 0
        made = isinstance(document, TextDocument)
        for index in range(min(len(document), _MEASURED if made else _MEASURED_LARGE)):
            length = len(document.line(index))
            widest, measured = max(widest, length), measured + length
            if measured > _MEASURED_CHARACTERS and not made:
                break
        return widest

    def _pieces(self, index: int, width: int) -> list[str]:
        """One line broken to the width."""
        known = self._chopped.get((index, width))
        if known is not None:
            return known
        line = self._document.line(index)
        pieces = broken(line, width) if self._at_words else cut(line, width)
        self._chopped[index, width] = pieces
        return pieces

    def _line_at(self, row: int) -> int:
        if self._starts is None:
            return min(row, max(len(self._document) - 1, 0))
        return max(bisect_right(self._starts, row) - 1, 0)

    def render_line(self, y: int) -> Strip:
        scroll_x, scroll_y = self.scroll_offset
        width = self.scrollable_content_region.width
        row = y + scroll_y
        style: Style = self.rich_style
        if row >= self.virtual_size.height:
            return Strip.blank(width, style)
        line = self._line_at(row)
        if self._starts is not None:
            pieces = self._pieces(line, self.virtual_size.width)
            piece = row - self._starts[line]
            begin = sum(map(len, pieces[:piece])) if self._matches is not None else 0
            return self._strip(line, pieces[piece], begin).adjust_cell_length(width, style)
        text = self._document.line(line)
        if _is_counted(text):
            strip = self._strip(line, text[scroll_x : scroll_x + width], scroll_x)
            columns = len(text) + (0 if text.isascii() else width // 2)  # the last ones may be two cells wide
            if columns + 1 > self.virtual_size.width:
                self.call_later(self._widen, columns + 1)
            return strip.adjust_cell_length(width, style)
        strip = self._strip(line, text, 0, scroll_x // 2, _MOST_CHARACTERS_A_CELL * (scroll_x + width))
        if strip.cell_length + 1 > self.virtual_size.width:
            self.call_later(self._widen, strip.cell_length + 1)
        return strip.crop(scroll_x, scroll_x + width).adjust_cell_length(width, style)

    def _strip(self, line: int, part: str, begin: int, low: int = 0, high: int | None = None) -> Strip:
        """A part of a line, which begins at a character of it, with its matches lit. `low` and `high` say which of its
        characters are in sight.
        """
        style = self.style_of(line)
        if self._matches is None:
            return Strip([Segment(part, style)])
        lit = [style + self.get_component_rich_style(name) for name in ("document--match", "document--current")]
        segments: list[Segment] = []
        done = 0
        high = len(part) if high is None else min(high, len(part))
        for number, start, end in self._matches.on(line, begin + low, begin + high):
            first, last = max(start - begin, done), min(end - begin, len(part))
            if first < last:
                segments += [Segment(part[done:first], style), Segment(part[first:last], lit[number == self._match])]
                done = last
        return Strip([*segments, Segment(part[done:], style)])

    def style_of(self, line: int) -> Style:
        """The style of a line of the document."""
        return self.rich_style

    def _widen(self, width: int) -> None:
        if width > self.virtual_size.width:
            self.virtual_size = Size(width, self.virtual_size.height)


def _is_counted(text: str) -> bool:
    """Whether a line that is not broken is drawn a character a column."""
    return text.isascii() or len(text) >= _COUNTED


def _piece_at(pieces: Sequence[str], start: int) -> int:
    """The number of the piece of a line that holds its character at `start`."""
    for number, piece in enumerate(pieces):
        start -= len(piece)
        if start < 0:
            return number
    return len(pieces) - 1
