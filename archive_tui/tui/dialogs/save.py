"""Asks for the name of a file to save to."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label

from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry


class SaveDialog(Dialog[str]):
    """Answers a path as it was typed. An existing file is never overwritten; the screen that asked sees to that."""

    DEFAULT_CSS = """
    SaveDialog > Vertical { width: 76; }
    SaveDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    SaveDialog Label { color: $text-muted; }
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Save the payload, byte for byte"
            yield Entry(self._name, compact=True, select_on_focus=False)
            yield Label("enter saves, esc does not. The file is readable by you alone.")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)
