"""A line to type into that never hides a part of its text: every input of the program is one."""

from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Input

from archive_tui.text import line


class Entry(Input):
    """Joins the lines of a paste by spaces, where a stock input keeps the first alone (Textual 8.2.8), and shows an
    ellipsis at each end beyond which its text goes on. Its cursor stands still. Going to it selects nothing: one key
    would wipe the text.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"select_on_focus": False, **options})
        self.cursor_blink = False  # each blink is sent over a link that may be thin

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        joined = " ".join(line(part.strip()) for part in event.text.splitlines() if part.strip())
        self.replace(joined, *sorted(self.selection))
        self.call_after_refresh(self._scroll_to_cursor)  # a stock input stays at the beginning of its first text

    def _scroll_to_cursor(self) -> None:
        column = cell_len(self.value[: self.cursor_position])
        self.scroll_to_region(Region(column, 0, 1, 1), force=True, animate=False)

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if y or not self.value:
            return strip
        width, begin = self.scrollable_content_region.width, self.scroll_offset.x
        ellipsis = Strip([Segment("…", self.rich_style)], 1)
        if begin:
            strip = Strip.join([ellipsis, strip.crop(1)])
        if self._value.cell_len > begin + width:
            strip = Strip.join([strip.crop(0, width - 1), ellipsis, strip.crop(width)])
        return strip
