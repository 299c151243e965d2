"""A plan to be confirmed. Cancel has the focus; where something must be typed, only that in full is a yes."""

from collections.abc import Mapping

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from archive_tui.journal.recorder import Room
from archive_tui.settings.model import Settings
from archive_tui.text import clip, line
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.wording.people import size

_GROUPS = 4
JOURNAL_OFF = "the journal is turned off: this cannot be undone"


def where(settings: Settings) -> Content:
    """The server, with the badge of its profile."""
    address = Content.styled(f" {clip(settings.address, 50)} ", "bold")
    if not settings.production:
        return address
    badge = f" {line(settings.profile or 'PRODUCTION').upper()} "
    return Content.assemble((badge, "bold $text on $error"), address)


def listed(counts: Mapping[str, int]) -> str:
    """The commonest of some counted names, safe to show."""
    if len(counts) == 1:
        return clip(next(iter(counts)), 60) or "(none)"
    shown = [f"{clip(name, 24) or '(none)'} {count:,}" for name, count in list(counts.items())[:_GROUPS]]
    more = len(counts) - len(shown)
    return " · ".join(shown) + (f" · {more:,} more" if more else "")


def no_room(room: Room, done: str) -> str:
    """Why nothing will be done where the journal has no room."""
    return (
        f"no room for the journal: it needs about {size(room.needed)}, and {size(room.free)} are free: nothing will be "
        f"{done}"
    )


class ConfirmDialog(Dialog[bool]):
    """Answers True only after a deliberate yes. `sheet` is what the plan says, `verb` the word on the button; `asked`
    is what must be typed, a number or a word of small letters; None where choosing the button is enough.
    """

    DEFAULT_CSS = """
    ConfirmDialog > Vertical { border: round $error; width: 78; border-subtitle-color: $text; }
    ConfirmDialog VerticalScroll { height: auto; max-height: 100%; }
    ConfirmDialog #plan { height: auto; }
    ConfirmDialog .line { height: 1; width: 100%; }
    ConfirmDialog .line Label { color: $text; }
    ConfirmDialog .line Input { border: none; height: 1; width: 16; background: $panel; padding: 0 1; }
    ConfirmDialog #typed { margin-top: 1; }
    ConfirmDialog #yes:focus { background: $error; color: $text; }
    """

    BINDINGS = [
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("up", "page(-1)", show=False),
        Binding("down", "page(1)", show=False),
    ]

    def __init__(self, title: str, where: Content, sheet: Content, verb: str, asked: int | str | None = None) -> None:
        super().__init__()
        self._title = title
        self._where = where
        self._sheet = sheet
        self._verb = verb
        self._asked = str(asked) if asked is not None else ""
        self._locked = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = self._where  # in the frame, where it is seen however small the terminal is
            with VerticalScroll(can_focus=False):
                yield Static(self._sheet, id="plan")
            yield from self.compose_lines()
            if self._asked:
                with Horizontal(id="typed", classes="line"):
                    yield Label(f"Type {self._asked} to confirm: ", id="asked")
                    yield Input(compact=True, select_on_focus=False, id="count")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._verb, id="yes", compact=True, disabled=bool(self._asked))

    def compose_lines(self) -> ComposeResult:
        """For subclasses: what else is asked, between the plan and what must be typed."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    def action_page(self, direction: int) -> None:
        """Read the part of the plan that does not fit."""
        for part in (self.query_one(VerticalScroll), self.query_one(Vertical)):  # the sheet, or the whole box
            part.scroll_relative(y=direction * max(part.size.height - 1, 1), animate=False, immediate=True)

    def on_key(self, event: events.Key) -> None:
        """What is asked for goes to the input wherever the focus is, so that it can simply be typed. Anything else
        that is typed was meant for something else, or pasted: then nothing here says yes any more.
        """
        if not event.character or not event.is_printable or event.character == " ":
            return
        if not self._fits(event.character):
            self._lock()
            return
        entry = self.query_one("#count", Input)
        if not entry.disabled:  # it may have the focus by now: keys that came in one piece were sent to a button
            self.set_focus(entry)
            entry.insert_text_at_cursor(event.character)
            event.stop()

    def _fits(self, typed: str) -> bool:
        """Whether these characters may be on their way to what is asked for: any digit, or the letters of the word."""
        if self._asked.isdigit():
            return all(character.isdigit() for character in typed)
        return bool(self._asked) and set(typed) <= set(self._asked)

    def on_paste(self) -> None:
        """What is pasted was not read."""
        self._lock()

    def _lock(self) -> None:
        self._locked = True
        self.query_one("#yes", Button).disabled = True
        for entry in self.query(Input):
            entry.disabled = True
        self.set_focus(self.query_one("#cancel", Button))
        self.query_one("#plan", Static).update(
            Content.assemble(("other keys were pressed here: close this, and begin again\n", "bold $text-warning"))
            + self._sheet
        )

    @on(Input.Changed, "#count")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if not self._fits(event.value):
            self._lock()
        self.query_one("#yes", Button).disabled = self._locked or event.value != self._asked

    @on(Input.Submitted, "#count")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value == self._asked and not self._locked:
            self.dismiss(True)
        elif not event.value:
            self.dismiss(False)
        else:
            # Here and not as a remark in the corner, which would stand over the buttons of a small terminal
            said = Content.styled(f"Type {self._asked} to confirm, or esc to cancel: ", "bold $text-warning")
            self.query_one("#asked", Label).update(said)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#yes")
    def _yes(self) -> None:
        self.dismiss(not self._locked)
