"""A page that scrolls by the keys that move everywhere."""

from textual.containers import VerticalScroll

from archive_tui.tui import commands


class Page(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Holds more than there is room for. Keys act at once: Textual's own actions move a frame later."""

    DEFAULT_CSS = """
    Page { scrollbar-gutter: stable; }
    """
    BINDINGS = [
        commands.Up.binding("line_up"),
        commands.Down.binding("line_down"),
        commands.PageUp.binding("sheet_up"),
        commands.PageDown.binding("sheet_down"),
        commands.First.binding("top"),
        commands.Last.binding("bottom"),
    ]

    def action_line_up(self) -> None:
        self._move(-1)

    def action_line_down(self) -> None:
        self._move(1)

    def action_sheet_up(self) -> None:
        self._move(-self.scrollable_content_region.height)

    def action_sheet_down(self) -> None:
        self._move(self.scrollable_content_region.height)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False, immediate=True)

    def action_bottom(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def _move(self, lines: int) -> None:
        self.scroll_relative(y=lines, animate=False, immediate=True)
