"""The keys of a screen, generated from its commands."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from archive_tui.tui.commands import Command
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.fitted import FittedText, hang

_KEYS = 18
_NARROWEST = 20
"""Cells of the column with the sentences, however narrow the terminal is."""


class HelpDialog(Dialog[None]):
    """Closes with escape, q, ? or enter."""

    DEFAULT_CSS = """
    HelpDialog > Vertical { width: 84; }
    HelpDialog VerticalScroll { height: auto; max-height: 100%; }
    """
    BINDINGS = [Binding("q,question_mark,enter", "answer_nothing", "back", show=False, id="close-help")]

    def __init__(
        self,
        title: str,
        commands: Sequence[type[Command]],
        pages: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._commands = commands
        self._pages = pages or {}

    def compose(self) -> ComposeResult:
        with Vertical() as box, VerticalScroll(can_focus=True):
            box.border_title = f"Keys: {self._title}"
            box.border_subtitle = "esc closes"
            yield FittedText(self._written)

    def _written(self, width: int) -> Content:
        """All keys on lines of this many cells."""
        room = max(width - _KEYS, _NARROWEST)
        parts: list[str | tuple[str, str]] = []
        for command in self._commands:
            keys = " ".join(command.keys())
            tone = "$text-error" if command.danger else "$text-accent"
            parts += [(f"{keys:>{_KEYS - 2}}", f"bold {tone}"), f"  {hang(command.help, room, _KEYS)}\n"]
        for title, entries in self._pages.items():
            parts.append((f"\n{' ' * _KEYS}{title}\n", "bold"))
            for written, meaning in entries:
                parts += [(f"{written:>{_KEYS - 2}}", "bold $text-accent"), f"  {hang(meaning, room, _KEYS)}\n"]
        return Content.assemble(*parts).rstrip()
