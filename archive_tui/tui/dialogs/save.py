"""Asks for the name of a file to save to."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label

from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry


class SaveDialog(Dialog[str]):
    """Answers a path as it was typed. An existing file is never overwritten; the screen that asked sees to that."""

    DEFAULT_CSS = """
    SaveDialog > Vertical { width: 76; }
    SaveDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    SaveDialog Label { color: $text-muted; width: 100%; }
    SaveDialog .problem { color: $text-warning; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TITLE_IN_HELP = "Name of a file"

    def __init__(self, name: str, title: str, note: str, problem: str = "") -> None:
        """`name` is offered; `problem` says why the one before would not do."""
        super().__init__()
        self._name, self._title = name, title
        self._note, self._problem = note, problem

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield Entry(self._name, compact=True)
            if self._problem:
                yield Label(Content(self._problem), classes="problem")
            yield Label(Content(self._note))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)
