"""The question which archived tasks to keep; the plan of the others follows."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from archive_tui.catalog.filter.quantities import span_of
from archive_tui.errors import UsageError
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry


@dataclass(frozen=True, slots=True)
class Kept:
    """The archived tasks to keep. A task is planned for deletion only where both lines let it go."""

    seconds: int | None = None
    """Younger than so many seconds; None where that line is empty."""
    newest: int | None = None
    """The newest so many; None where that line is empty."""

    @property
    def words(self) -> str:
        """The choice of the others in words, for the audit."""
        parts = [f"older than {self.seconds} s"] if self.seconds is not None else []
        parts += [f"beyond the newest {self.newest}"] if self.newest is not None else []
        return " and ".join(parts)


class RetentionDialog(Dialog[Kept]):
    """Answers what to keep. It deletes nothing: the plan follows, and must be confirmed."""

    DEFAULT_CSS = """
    RetentionDialog > Vertical { width: 76; }
    RetentionDialog #why { color: $text-warning; margin-bottom: 1; display: none; }
    RetentionDialog #why.-shown { display: block; }
    RetentionDialog .field { height: 1; }
    RetentionDialog .field Label { width: 36; }
    RetentionDialog Input { border: none; height: 1; width: 16; background: $field; padding: 0 1; }
    RetentionDialog #wrong { color: $text-error; height: auto; margin-top: 1; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField)
    TITLE_IN_HELP = "Clean old"

    def __init__(self, total: int, *, why: str = "", filtered: bool = False, newest: int | None = None) -> None:
        super().__init__()
        self._total = total
        self._why = why
        self._filtered = filtered
        self._newest = newest

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Clean up {self._total:,} archived tasks"
            yield Static(Content(self._why), id="why", classes="-shown" if self._why else "")
            with Horizontal(classes="field"):
                yield Label("Keep what died in the last")
                yield Entry(placeholder="such as 30d", id="age", compact=True)
            with Horizontal(classes="field"):
                yield Label("Keep the newest")
                newest = "" if self._newest is None else str(self._newest)
                yield Entry(newest, placeholder="such as 5000", id="newest", compact=True)
            yield Static(self._explanation(), id="wrong")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Plan…", id="plan", compact=True)

    def on_mount(self) -> None:
        self.query_one("#newest" if self._newest is not None else "#age", Input).focus()

    def _explanation(self) -> Content:
        among = "Of those that match the filter, what" if self._filtered else "What"
        return Content.styled(f"{among} neither line keeps is planned for deletion, the oldest first.", "$text-muted")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#wrong", Static).update(self._explanation())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer()

    @on(Button.Pressed, "#plan")
    def _plan(self) -> None:
        self._answer()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    def _answer(self) -> None:
        age, newest = (self.query_one(name, Input).value.strip() for name in ("#age", "#newest"))
        try:
            self.dismiss(_kept(age, newest))
        except UsageError as error:
            self.query_one("#wrong", Static).update(Content(str(error)))


def _kept(age: str, newest: str) -> Kept:
    if not age and not newest:
        raise UsageError("say how long, or how many, to keep")
    count = newest.replace(",", "")
    if newest and not (count.isascii() and count.isdecimal() and len(count) < 12):
        raise UsageError("the newest how many? Write a number, such as 5000")
    return Kept(span_of(age) if age else None, int(count) if newest else None)
