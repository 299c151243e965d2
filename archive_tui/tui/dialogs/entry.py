"""The base of dialogs that ask for one line: a name, a path, a password."""

from abc import abstractmethod

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from archive_tui.errors import ArchiveTuiError
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Answer, Dialog
from archive_tui.tui.widgets.entry import Entry

_LONGEST_FAULT = 300


class EntryDialog(Dialog[Answer]):
    """Answers what `read` makes of the line; as long as that raises, its error stands in the dialog."""

    DEFAULT_CSS = """
    EntryDialog > Vertical { width: 64; }
    EntryDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    EntryDialog Label { color: $text-muted; width: 100%; }
    EntryDialog #wrong { color: $text-error; height: auto; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer)

    def __init__(self, heading: str, about: str, keys: str, *, example: str = "", hidden: bool = False) -> None:
        """`about` and `keys` stand before and behind the line; `example` in it while it is empty. Of a `hidden` line
        nothing is shown but its length.
        """
        super().__init__()
        self._heading, self._about, self._keys = heading, about, keys
        self._example, self._hidden = example, hidden

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._heading
            yield Static(Content(self._about), id="about")
            yield Entry(placeholder=self._example, password=self._hidden, compact=True)
            yield Static(id="wrong")
            yield Label(self._keys)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            self.dismiss(self.read(event.value))
        except ArchiveTuiError as error:
            self.query_one("#wrong", Static).update(Content(clip(str(error), _LONGEST_FAULT)))

    @abstractmethod
    def read(self, text: str) -> Answer | None:
        """The answer; None for none. Raises ArchiveTuiError for what cannot be one."""
