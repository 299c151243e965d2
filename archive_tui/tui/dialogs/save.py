"""Asks for the name of a file to save to, and in which form."""

from collections.abc import Sequence
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from archive_tui.tui import commands
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry


class SaveForm(NamedTuple):
    """A form in which something can be saved, in words of our own."""

    title: str
    """Its name."""

    note: str
    """What to know about it; no line end."""

    ending: str
    """How names of such files end: `.csv`."""


class SaveAnswer(NamedTuple):
    """What was chosen."""

    name: str
    """The path as it was typed."""

    form: int
    """The number of the form."""


class SaveDialog(Dialog[SaveAnswer]):
    """Answers a path as it was typed, and a form. An existing file is never overwritten; the screen that asked sees to
    that.
    """

    DEFAULT_CSS = """
    SaveDialog > Vertical { width: 76; }
    SaveDialog Input { border: none; height: 1; background: $field; padding: 0 1; margin: 1 0; }
    SaveDialog Label { color: $text-muted; width: 100%; }
    SaveDialog #forms { width: 100%; height: auto; margin-bottom: 1; }
    SaveDialog .problem { color: $text-warning; }
    """
    COMMANDS_HERE = (commands.NextForm, commands.PreviousForm)
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TYPED_INTO = True
    TITLE_IN_HELP = "Name of a file"

    def __init__(
        self, stem: str, title: str, forms: Sequence[SaveForm], problem: str = "", before: SaveAnswer | None = None
    ) -> None:
        """`stem` is the name that is offered, without its ending; `problem` says why the answer `before` would not do.
        The first of the forms is the usual one.
        """
        super().__init__()
        self._forms = forms
        self._form = before.form if before is not None else 0
        self._name = before.name if before is not None else f"{stem}{forms[0].ending}"
        self._title, self._problem = title, problem

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield Entry(self._name, compact=True)
            if len(self._forms) > 1:
                yield Static(self._list(), id="forms")
            if self._problem:
                yield Label(Content(self._problem), classes="problem")
            yield Label(Content(self._note), id="note")

    def _list(self) -> Content:
        return Content("\n").join(
            Content.styled(f"● {form.title}", "bold") if number == self._form else Content(f"○ {form.title}")
            for number, form in enumerate(self._forms)
        )

    @property
    def _note(self) -> str:
        other = f"{commands.NextForm} {commands.PreviousForm} another form. " if len(self._forms) > 1 else ""
        return f"enter saves, esc does not. {other}{self._forms[self._form].note}"

    @runs(commands.NextForm)
    def next_form(self) -> None:
        """Choose the next form."""
        self._choose(1)

    @runs(commands.PreviousForm)
    def previous_form(self) -> None:
        """Choose the form before."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        if len(self._forms) == 1:
            self.say("there is this form alone")
            return
        entry = self.query_one(Input)
        old = self._forms[self._form].ending
        self._form = (self._form + step) % len(self._forms)
        if entry.value.endswith(old):  # else the name is the operator's own
            entry.value = entry.value.removesuffix(old) + self._forms[self._form].ending
            entry.cursor_position = len(entry.value)
        self.query_one("#forms", Static).update(self._list())
        self.query_one("#note", Label).update(Content(self._note))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        self.dismiss(SaveAnswer(name, self._form) if name else None)
