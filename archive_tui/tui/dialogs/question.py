"""A question with two answers; the careful one has the focus."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import GuardedDialog

_CHECK = 0.2


class QuestionDialog(GuardedDialog[bool]):
    """Answers True for `yes`. All texts are our own words. Once `holds` returns False, the question is out of date: it
    closes without an answer, unless another dialog stands over it.
    """

    DEFAULT_CSS = """
    QuestionDialog > Vertical { width: 66; border: round $warning; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField)
    TITLE_IN_HELP = "Question"

    def __init__(self, title: str, text: str, holds: Callable[[], bool], *, yes: str, no: str) -> None:
        super().__init__()
        self._holds = holds
        self._title, self._text, self._yes, self._no = title, text, yes, no

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield Static(Content(self._text))
            with Horizontal(classes="buttons"):
                yield Button(self._no, id="no", compact=True)
                yield Button(self._yes, id="yes", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()
        self.set_interval(_CHECK, self._check)

    def _check(self) -> None:
        if self.app.screen is self and not self._holds():
            self.dismiss(None)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
