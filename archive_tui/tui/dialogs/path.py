"""Asks for a place in the messages of a list that is to become a column."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from archive_tui.catalog.message_values import MessageValue
from archive_tui.errors import UsageError
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry

_SHOWN = 6
"""Places that are shown as examples."""


class PathDialog(Dialog[MessageValue]):
    """Answers a place in a message."""

    DEFAULT_CSS = """
    PathDialog > Vertical { width: 64; }
    PathDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    PathDialog Label { color: $text-muted; }
    PathDialog #wrong { color: $text-error; height: auto; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TITLE_IN_HELP = "Path of a column"

    def __init__(self, seen: Sequence[str]) -> None:
        """`seen` are places that messages of the list have."""
        super().__init__()
        self._seen = seen

    def compose(self) -> ComposeResult:
        examples = ", ".join(line(one) for one in self._seen[:_SHOWN]) or "user.id, items[0].sku, header.trace-id"
        with Vertical() as box:
            box.border_title = "A column from payloads"
            yield Static(Content(f"Such as {examples}"))
            yield Entry(placeholder="a path", compact=True)
            yield Static(id="wrong")
            yield Label("enter shows it, esc does not. Payloads are read for it.")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            self.dismiss(MessageValue.parse(event.value))
        except UsageError as error:
            self.query_one("#wrong", Static).update(Content(clip(str(error), 200)))
