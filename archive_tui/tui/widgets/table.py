"""Table for lists of up to millions of rows; it reads and draws only the lines in view.

The stock `DataTable` keeps every row, and 100,000 of them stop the program for 12 s (Textual 8.2.8); this one keeps
none. It is given a `Source`, an immutable view that is replaced as a whole when something changes, and holds on to the
row under the cursor by its key, so that rows coming and going never move another task under the operator's hand.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.binding import BindingType
from textual.geometry import Region, Size, clamp
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from archive_tui import text
from archive_tui.tui import commands
from archive_tui.tui.widgets.columns import GAP, STEADY, Cell, Column, Layout, Row, Tone, fit, lay_out, needed
from archive_tui.tui.widgets.source import Nothing, Pages, Source

_GUTTER = 3  # cursor bar, mark, space
_MARGIN = 1  # free cell at the right edge; the header shows there that columns are out of sight


class VirtualTable(ScrollView, Generic[Row], can_focus=True, inherit_bindings=False):
    """Rows of a `Source` below a fixed header, with a cursor that stays on its row.

    Columns, marks and row styles are given as functions. Call `show` whenever the rows changed, and `refresh` when
    marks, or texts that depend on the time, changed.
    """

    ALLOW_SELECT = False  # a double click opens a row; it does not select the text of the whole table

    BINDINGS: ClassVar[list[BindingType]] = [
        commands.Up.binding("move(-1)"),
        commands.Down.binding("move(1)"),
        commands.PageUp.binding("page(-1)"),
        commands.PageDown.binding("page(1)"),
        commands.First.binding("first"),
        commands.Last.binding("last"),
        commands.ScrollLeft.binding("pan(-1)"),
        commands.ScrollRight.binding("pan(1)"),
        commands.Open.binding("open"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--sorted",
        "virtual-table--row",
        "virtual-table--cursor",
        "virtual-table--bar",
        "virtual-table--mark",
        "virtual-table--empty",
        "virtual-table--warn",
        "virtual-table--bad",
        "virtual-table--cursor-bad",
        "virtual-table--dim",
        "virtual-table--good",
        "virtual-table--accent",
        "virtual-table--production",
        "virtual-table--green",
        "virtual-table--yellow",
        "virtual-table--blue",
        "virtual-table--magenta",
        "virtual-table--cyan",
    }

    DEFAULT_CSS = """
    VirtualTable {
        background: $background;
        color: $foreground;
        scrollbar-size: 1 1;
        scrollbar-gutter: stable;

        & > .virtual-table--header { color: $text-muted; background: $surface; }
        & > .virtual-table--sorted { color: $foreground; text-style: bold; }
        & > .virtual-table--row { color: $foreground; }
        & > .virtual-table--cursor { color: $foreground; background: $cursor-blurred; }
        & > .virtual-table--bar { color: $text-muted; }
        & > .virtual-table--mark { color: $text-accent; }
        & > .virtual-table--empty { color: $text-muted; }
        & > .virtual-table--warn { color: $text-warning; }
        & > .virtual-table--bad { color: $text-error; }
        & > .virtual-table--cursor-bad { color: $cursor-error; }
        & > .virtual-table--dim { color: $text-muted; }
        & > .virtual-table--good { color: $text-success; }
        & > .virtual-table--accent { color: $text-accent; }
        & > .virtual-table--production { color: $on-badge; background: $badge; text-style: bold; }
        & > .virtual-table--green { color: $on-badge-green; background: $badge-green; text-style: bold; }
        & > .virtual-table--yellow { color: $on-badge-yellow; background: $badge-yellow; text-style: bold; }
        & > .virtual-table--blue { color: $on-badge-blue; background: $badge-blue; text-style: bold; }
        & > .virtual-table--magenta { color: $on-badge-magenta; background: $badge-magenta; text-style: bold; }
        & > .virtual-table--cyan { color: $on-badge-cyan; background: $badge-cyan; text-style: bold; }

        &:focus > .virtual-table--cursor { background: $cursor; text-style: bold; }
        &:focus > .virtual-table--bar { color: $accent; }

        &:ansi > .virtual-table--header { text-style: underline; }
        &:ansi > .virtual-table--sorted { text-style: bold underline; }
        &:ansi > .virtual-table--cursor { background: $background; text-style: underline; }
        &:ansi:focus > .virtual-table--cursor { background: $background; text-style: bold reverse; }
        &:nocolor:focus > .virtual-table--cursor { text-style: bold reverse; }
    }
    """

    sorted_by: reactive[tuple[str, bool] | None] = reactive(None)
    """The column that the rows are sorted by, and whether descending: what the header shows."""
    follow: reactive[bool] = reactive(False)
    """Stay on the last row as rows are appended. Any upward move ends it and posts `FollowStopped`."""
    wide: reactive[bool] = reactive(False)
    """Give all columns the width that their text needs, up to `wide_width` each, and scroll sideways."""
    wide_width: reactive[int] = reactive(120)
    """The most that a column gets in wide mode, in cells."""
    empty_text: reactive[str] = reactive("Nothing here.")
    """Shown when there are no rows and there will be none."""
    waiting_text: reactive[str] = reactive("Nothing yet…")
    """Shown when there are no rows so far: `show(…, complete=False)`."""

    class About(Message):
        """The base of all messages of a table."""

        def __init__(self, table: "VirtualTable[Any]") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "VirtualTable[Any]":
            """The table, for `@on` with a selector."""
            return self.table

    class Moved(About):
        """The cursor stands on another row, or its row has another index; None for both when there are no rows."""

        def __init__(self, table: "VirtualTable[Any]", key: int | None, index: int | None) -> None:
            super().__init__(table)
            self.key = key
            self.index = index

        def can_replace(self, message: Message) -> bool:
            """Only where the cursor came to rest matters."""
            return isinstance(message, VirtualTable.Moved) and message.table is self.table

    class Opened(About):
        """The operator wants to see this row: enter or a double click."""

        def __init__(self, table: "VirtualTable[Any]", key: int, index: int) -> None:
            super().__init__(table)
            self.key = key
            self.index = index

    class FollowStopped(About):
        """An upward move ended `follow`."""

    class SortWanted(About):
        """The header of a sortable column was clicked."""

        def __init__(self, table: "VirtualTable[Any]", name: str) -> None:
            super().__init__(table)
            self.name = name

    def __init__(
        self,
        columns: Sequence[Column[Row]] = (),
        *,
        is_marked: Callable[[int], bool] | None = None,
        row_style: Callable[[Row], Tone | None] | None = None,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        self._styles_seen: dict[tuple[str | None, ...], Style] = {}
        super().__init__(name=name, id=id, classes=classes)
        self.is_marked = is_marked
        self.row_style = row_style
        self._columns: tuple[Column[Row], ...] = tuple(columns)
        self._source: Source[Row] = Nothing()
        self._count = 0
        self._complete = True
        self._index = 0
        self._key: int | None = None
        self._moved = False  # has the operator moved the cursor? Until then it stays on the first row, whichever it is
        self._told: tuple[int | None, int | None] = (None, None)
        self._pages = Pages(self._source, self._complain)
        self._layout: tuple[int, Layout] | None = None
        self._natural: dict[str, int] = {}
        self._height_seen = 0

    # What it shows

    def show(self, source: Source[Row], *, complete: bool = True) -> None:
        """Replace the rows, keeping the cursor on its row and that row on its line of the screen.

        Where the row is gone, the cursor stays at its index. `complete` says that there will be no more rows: it
        decides what an empty table says.
        """
        top = self.scroll_offset.y
        line = self._index - top
        in_view = 0 <= line < (self._body or self._height_seen)  # seen last, where the table is hidden just now
        pinned = self._source.key(top) if not in_view and top < self._count else None
        more = len(source) - self._count
        self._source, self._count, self._complete = source, len(source), complete
        self._pages = Pages(source, self._complain)
        last = max(self._count - 1, 0)
        if self.follow:
            self._index, top, self._moved = last, last, True
        elif not self._moved:
            self._index, top = 0, 0
        else:
            found = self._locate(self._key, self._index, more)
            self._index = min(self._index, last) if found is None else found
            if in_view:
                top = self._index - line
            elif (start := self._locate(pinned, top, more)) is not None:
                top = start
        self._key = source.key(self._index) if self._count else None
        self._place(top)
        self._relay()
        self._tell()

    def _locate(self, key: int | None, index: int, more: int) -> int | None:
        """Where the row that stood at `index` is now; where rows only came at one end, without a search."""
        if key is None:
            return None
        for guess in (index, index + more):
            if 0 <= guess < self._count and self._source.key(guess) == key:
                return guess
        return self._source.find(key)

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Replace the columns."""
        self._columns = tuple(columns)
        self._natural.clear()
        self._relay()

    @property
    def columns(self) -> tuple[Column[Row], ...]:
        """All columns, those out of sight too."""
        return self._columns

    @property
    def needed(self) -> int:
        """The cells that it takes as long as no column goes, or says too little, that matters."""
        return _GUTTER + needed(self._columns) + _MARGIN + self.styles.scrollbar_size_vertical

    @property
    def described(self) -> list[tuple[str, str]]:
        """Its columns for a help page: titles, and what they say; also those for which there is no room."""
        return [(column.title, column.help) for column in self._columns if column.help]

    @property
    def hidden_columns(self) -> tuple[str, ...]:
        """The titles of the columns for which there is no room."""
        shown = {column.name for column, _ in self._lay().slots}
        return tuple(column.title for column in self._columns if column.name not in shown)

    @property
    def complete(self) -> bool:
        """Whether there will be no more rows than these."""
        return self._complete

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return self._count

    @property
    def visible_range(self) -> range:
        """The indexes of the rows on the screen."""
        top = self.scroll_offset.y
        return range(min(top, self._count), min(top + self._body, self._count))

    # The cursor

    @property
    def cursor_index(self) -> int | None:
        """Where the cursor stands; None when there are no rows."""
        return self._index if self._count else None

    @property
    def cursor_key(self) -> int | None:
        """The key of the row under the cursor; None when there are no rows."""
        return self._key

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor; None when there are no rows or it cannot be read."""
        return self._row(self._index) if self._count else None

    def move_to(self, index: int) -> None:
        """Put the cursor on a row (the nearest there is) and scroll no further than it takes to show it."""
        self._move(index, scroll=0)

    def move_to_key(self, key: int) -> bool:
        """Put the cursor on the row with this key; False where there is none."""
        index = self._source.find(key)
        if index is not None:
            self.move_to(index)
        return index is not None

    def _move(self, index: int, scroll: int) -> None:
        """Move the cursor, first scrolling by `scroll` lines."""
        if not self._count:
            return
        index = clamp(index, 0, self._count - 1)
        self._moved = True
        if index < self._count - 1:
            self._stop_following()
        if index != self._index:
            for changed in (self._index, index):
                self._refresh_row(changed)
            self._index = index
            self._key = self._source.key(index)
        self._reveal(scroll)
        self._tell()

    def _tell(self) -> None:
        """Post `Moved` where something changed since it was posted last."""
        now = (self._key, self.cursor_index)
        if now != self._told and self.is_attached:
            self._told = now
            self.post_message(self.Moved(self, *now))

    def _stop_following(self) -> None:
        if self.follow:
            self.follow = False
            self.post_message(self.FollowStopped(self))

    # Scrolling

    @property
    def _body(self) -> int:
        """How many rows fit on the screen below the header."""
        return max(self.scrollable_content_region.height - 1, 0)

    def _reveal(self, scroll: int = 0) -> None:
        """Scroll by `scroll` lines, and further only as far as it takes to show the cursor."""
        if body := self._body:
            top = self.scroll_offset.y + scroll
            self._place(clamp(top, self._index - body + 1, self._index))

    def _place(self, top: int) -> None:
        """Scroll so that row `top` is the first below the header, as far as the rows reach."""
        if not self.is_attached:
            return
        width = _GUTTER + self._lay().width + _MARGIN if self.wide else 0
        size = Size(width, self._count + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self.scroll_to(y=top, animate=False, force=True)

    def _refresh_row(self, index: int) -> None:
        if index in self.visible_range:
            self.refresh_line(index + 1)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up by wheel or scroll bar ends following, like any upward move."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < min(old_value, self.max_scroll_y):
            self._stop_following()
        if self._measure():
            self.call_later(self._relay)

    def watch_follow(self, follow: bool) -> None:
        """Go to the end when following starts."""
        if follow and self.is_attached:
            self._move(self._count - 1, scroll=0)

    def watch_wide(self) -> None:
        """Measure afresh."""
        self._natural.clear()
        self._relay()

    def watch_wide_width(self) -> None:
        """Measure afresh."""
        self._natural.clear()
        self._relay()

    def on_mount(self) -> None:
        """Take up what was shown before there was a screen."""
        self._relay()
        self._tell()

    def on_resize(self) -> None:
        """Lay out for the new size."""
        self._relay()
        self._settle()

    def _settle(self) -> None:
        """When the height changed: keep the cursor in view if it was, and the end if it is followed."""
        top, seen = self.scroll_offset.y, self._height_seen
        self._height_seen = self._body
        if self.follow or not seen or top <= self._index < top + seen:
            self._reveal()

    # Keys and mouse

    def action_move(self, rows: int) -> None:
        """Move the cursor up or down."""
        self._move(self._index + rows, scroll=0)

    def action_page(self, pages: int) -> None:
        """Move the cursor and the view by a screenful, so that the cursor keeps its line."""
        rows = pages * max(self._body, 1)
        self._move(self._index + rows, scroll=rows)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._move(0, scroll=0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._move(self._count - 1, scroll=0)

    def action_pan(self, direction: int) -> None:
        """Scroll sideways by a quarter of the width; without wide columns the key is left to others."""
        if not self.wide:
            raise SkipAction()
        step = max(self.scrollable_content_region.width // 4, 1)
        self.scroll_to(x=self.scroll_offset.x + direction * step, animate=False, force=True)

    def action_open(self) -> None:
        """Post `Opened` for the row under the cursor; without one the key is left to the screen."""
        if self._key is None:
            raise SkipAction
        self.post_message(self.Opened(self, self._key, self._index))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row that was clicked; open it on a double click."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y == 0:
            column = self._lay().at(offset.x - _GUTTER + self.scroll_offset.x)
            if column is not None and column.sortable:
                self.post_message(self.SortWanted(self, column.name))
            return
        index = self.scroll_offset.y + offset.y - 1
        if index not in self.visible_range:
            return
        # Rows may have come between the two clicks: a double click opens the row that the first click chose, or none
        if event.chain == 2 and index == self._index:
            self.action_open()
        else:
            self._move(index, scroll=0)

    # Reading

    def _row(self, index: int) -> Row | None:
        return self._pages.row(index)

    def _complain(self, what: str) -> None:
        self.log.error(what)

    def _content(self, column: Column[Row], row: Row) -> tuple[str, Tone | None]:
        """The text and the tone of a cell."""
        try:
            content = column.cell(row)
        except Exception as error:  # one strange task must not take the table away
            self.log.error(f"column {column.name} cannot show a row: {type(error).__name__}")
            content = Cell("?", "bad")
        return content if isinstance(content, tuple) else (content, None)

    # Layout

    def _lay(self) -> Layout:
        """The layout for the present width."""
        width = self.scrollable_content_region.width
        if self._layout is None or self._layout[0] != width:
            natural = self._natural if self.wide else None
            self._layout = (width, lay_out(self._columns, max(width - _GUTTER - _MARGIN, 0), natural))
        return self._layout[1]

    def _relay(self) -> None:
        """Lay out anew and draw all of it."""
        self._measure()
        self._layout = None
        self._place(self.scroll_offset.y)
        self.refresh()

    def _measure(self) -> bool:
        """In wide mode: widen columns to what the rows in view need. They never shrink, so nothing dances."""
        if not self.wide:
            return False
        before = dict(self._natural)
        for column in self._columns:
            self._widen(column.name, cell_len(column.title) + 2)  # two for the sort sign
        for index in self.visible_range:
            if (row := self._row(index)) is not None:
                for column in self._columns:
                    shown = text.line(self._content(column, row)[0][: self.wide_width + 1])
                    self._widen(column.name, cell_len(shown.translate(STEADY)))
        if self._natural == before:
            return False
        self._layout = None
        return True

    def _widen(self, name: str, width: int) -> None:
        self._natural[name] = max(self._natural.get(name, 0), min(width, self.wide_width))

    # Drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines in `crop`; what could not be read before is asked for once more."""
        self._pages.retry()
        if self._body != self._height_seen:  # a scroll bar came or went: it takes a line, perhaps the cursor's
            self.call_later(self._settle)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.scrollable_content_region.width
        if width <= _GUTTER + _MARGIN:
            return Strip.blank(width, self._style("row"))
        if y == 0:
            return self._draw_header(width)
        index = self.scroll_offset.y + y - 1
        if index < self._count:
            return self._draw_row(index, width)
        if not self._count and y == max((self._body + 1) // 2, 1):
            return self._draw_empty(width)
        return Strip.blank(width, self._style("row"))

    def _style(self, *names: str | None) -> Style:
        """The style of components, the later drawn over the earlier."""
        if (style := self._styles_seen.get(names)) is None:
            on_cursor = {"bad": "cursor-bad"} if "cursor" in names else {}
            components = [f"virtual-table--{on_cursor.get(name, name)}" for name in names if name]
            style = self.get_visual_style(*components).rich_style
            if any(self.get_component_styles(component).text_style.reverse for component in components):
                style += Style(reverse=True)  # which Textual's visual style leaves out
            self._styles_seen[names] = style
        return style

    def notify_style_update(self) -> None:
        """Forget styles when the theme or the focus changed."""
        super().notify_style_update()
        self._styles_seen.clear()

    def _draw_header(self, width: int) -> Strip:
        layout, x = self._lay(), self.scroll_offset.x
        sorted_name, descending = self.sorted_by or (None, False)
        sign = "▼" if descending else "▲"
        segments: list[Segment] = []
        for column, cells in layout.slots:
            title, style = column.title, self._style("header")
            if column.name == sorted_name:
                style = self._style("header", "sorted")
                if column.align == "right":  # the sign stands on the left, so that title and numbers end alike
                    title = f"{sign} {title}"
                else:
                    title = f"{fit(title, min(cell_len(title), cells - 2))} {sign}"
            if segments:
                segments.append(Segment(" " * GAP, self._style("header")))
            segments.append(Segment(fit(title, cells, column.align), style))
        more_left = x > 0
        more_right = x + width - _GUTTER - _MARGIN < layout.width or bool(self.hidden_columns)
        dim = self._style("header")
        gutter = [Segment("  ‹" if more_left else " " * _GUTTER, dim)]
        return self._assemble(gutter, segments, width, "›" if more_right else " " * _MARGIN, dim)

    def _draw_row(self, index: int, width: int) -> Strip:
        base = "cursor" if index == self._index else "row"
        plain = self._style(base)
        row = self._row(index)
        # A reversed cursor (no colours) is one solid line beside a gutter that reads as in any other row
        side = "row" if plain.reverse else base
        gutter = [
            Segment("▌" if base == "cursor" else " ", self._style(side, "bar")),
            Segment("● " if self._marked(index) else "  ", self._style(side, "mark")),
        ]
        segments: list[Segment] = []
        if row is not None:
            row_tone = self.row_style(row) if self.row_style else None
            pieces: list[str] = []
            last: Tone | None = None
            for column, cells in self._lay().slots:
                value, tone = self.content_at(index, column, row)
                tone = None if plain.reverse else tone or row_tone
                if pieces:
                    pieces.append(" " * GAP)
                    if tone != last:  # neighbours in one tone go out as one piece: the link is thin
                        segments.append(Segment("".join(pieces), self._style(base, last)))
                        pieces = []
                pieces.append(fit(value, cells, column.align))
                last = tone
            segments.append(Segment("".join(pieces), self._style(base, last)))
        return self._assemble(gutter, segments, width, " " * _MARGIN, plain)

    def content_at(self, index: int, column: Column[Row], row: Row) -> tuple[str, Tone | None]:
        """What stands in a cell of the row at an index, and its tone."""
        return self._content(column, row)

    def _marked(self, index: int) -> bool:
        return self.is_marked is not None and self.is_marked(self._source.key(index))

    def _assemble(self, gutter: list[Segment], body: list[Segment], width: int, margin: str, rest: Style) -> Strip:
        """One line: the gutter stays, the body scrolls sideways, the rest is filled, below the scroll bar too."""
        room = width - _GUTTER - len(margin)
        x, cells = self.scroll_offset.x, sum(segment.cell_length for segment in body)
        if x or cells > room:
            body = list(Strip(body, cells).crop(x, x + room))
            cells = clamp(cells - x, 0, room)
        whole = self.size.width
        filling = " " * (room - cells) + margin + " " * (whole - width)
        return Strip([*gutter, *body, Segment(filling, rest)], whole)

    def _draw_empty(self, width: int) -> Strip:
        notice = self.empty_text if self._complete else self.waiting_text
        room = max(width - 2 * _GUTTER, 0)
        shown = fit(notice, min(cell_len(notice), room)).rstrip()
        blank = (width - cell_len(shown)) // 2
        return Strip([Segment(fit(" " * blank + shown, width), self._style("row", "empty"))], width)
