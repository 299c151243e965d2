"""Asks for the name of a filter."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry

_SHOWN = 200


class NameDialog(Dialog[str]):
    """Answers a name as it was typed."""

    DEFAULT_CSS = """
    NameDialog > Vertical { width: 60; }
    NameDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    NameDialog Label { color: $text-muted; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TITLE_IN_HELP = "Name of a filter"

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Name this filter"
            yield Static(Content(clip(self._text, _SHOWN)))
            yield Entry(placeholder="a name", compact=True)
            yield Label("enter keeps it for this run, esc does not")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)
