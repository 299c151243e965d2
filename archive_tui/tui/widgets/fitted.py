"""Text that is written anew for every width it gets: labels, and beside them lines that are broken and indented."""

from collections.abc import Callable

from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from archive_tui.tui.widgets.breaking import broken


class FittedText(Static):
    """Shows what `write` was given last, for the width that there is."""

    def __init__(self, written: Callable[[int], Content] | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._written = written
        self._width = 0

    def write(self, written: Callable[[int], Content]) -> None:
        """Show this from now on; it is called with the width in cells."""
        self._written = written
        self._fit()

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._fit()

    def _fit(self) -> None:
        if self._written is not None and self._width:
            self.update(self._written(self._width))


def hang(text: str, width: int, indent: int) -> str:
    """Break a text into lines of `width` cells, at words if it has any, all but the first indented by `indent`."""
    return f"\n{' ' * indent}".join(piece.rstrip() for piece in broken(text, width))
