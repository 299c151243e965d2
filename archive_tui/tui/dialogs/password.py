"""Asks for a password, of which nothing is shown but how long it is."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from archive_tui.settings.model import Secret
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry

_SHOWN = 100


class PasswordDialog(Dialog[Secret]):
    """Answers what was typed; None where that is nothing."""

    DEFAULT_CSS = """
    PasswordDialog > Vertical { width: 60; }
    PasswordDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    PasswordDialog Label { color: $text-muted; width: 100%; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TITLE_IN_HELP = "Password"

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Password"
            yield Static(Content(f"for {clip(self._address, _SHOWN)}"))
            yield Entry(password=True, compact=True)
            yield Label("enter connects with it, esc does not; it is kept nowhere")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(Secret(event.value) if event.value else None)
