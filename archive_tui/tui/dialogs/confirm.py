"""The plan of a change, to be confirmed. Cancel has the focus; what must be typed counts only in full."""

from collections.abc import Sequence
from typing import Protocol, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from archive_tui.changes.sheet import Line, Sheet
from archive_tui.settings.model import Settings
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dialog import TONES, GuardedDialog
from archive_tui.tui.glossary import PLAN
from archive_tui.tui.keystrokes import Keystrokes
from archive_tui.tui.themes import BADGE, badge
from archive_tui.tui.widgets.entry import Entry
from archive_tui.tui.widgets.status import UNVERIFIED

_REASON = 500
"""Characters of a reason; more would not fit the list of journals."""

_LOCKED = "other keys were pressed here: close this, and begin again"

_FRAME = 2
_BUTTONS = 2
"""Rows, the blank one above included."""


def where(settings: Settings) -> Content:
    """The server, with the badges of a profile that is production or has a colour, and of a server that nobody has
    verified.
    """
    badges: list[tuple[str, str]] = []
    if settings.production:
        badges.append((f" {line(settings.profile or 'PRODUCTION').upper()} ", BADGE))
    elif settings.color is not None and settings.profile:
        badges.append((f" {line(settings.profile)} ", badge(settings.color)))
    if settings.unverified:
        badges.append((f" {UNVERIFIED} ", BADGE))
    return Content.assemble(*badges, Content.styled(f" {clip(settings.place, 50)} ", "bold"))


class Typed(Protocol):
    """The app, as far as this dialog needs it."""

    keystrokes: Keystrokes


class ConfirmDialog(GuardedDialog[bool]):
    """Shows the sheet of any change. Answers True only after a deliberate yes: the button chosen, or the whole of what
    the sheet wants typed.

    `reason` is what was entered for the journal, where the sheet asks for it.
    """

    DEFAULT_CSS = """
    ConfirmDialog > Vertical { border: round $warning; width: 100%; max-width: 98; max-height: 100%;
        border-subtitle-color: $text; }
    ConfirmDialog.-grave > Vertical { border: round $error; }
    ConfirmDialog VerticalScroll { height: auto; }
    ConfirmDialog #plan { height: auto; }
    ConfirmDialog #locked { height: auto; display: none; color: $text-warning; text-style: bold; }
    ConfirmDialog #locked.-shown { display: block; }
    ConfirmDialog .block { height: auto; }
    ConfirmDialog .name { width: 10; color: $text-muted; }
    ConfirmDialog .text { width: 1fr; }
    ConfirmDialog .line { height: 1; width: 100%; }
    ConfirmDialog .line Label { color: $text; }
    ConfirmDialog .line Input { border: none; height: 1; width: 16; background: $field; padding: 0 1; }
    ConfirmDialog #why Label { color: $text-muted; }
    ConfirmDialog #why Input { width: 1fr; }
    ConfirmDialog .first { margin-top: 1; }
    ConfirmDialog #yes:focus { background: $warning; color: $on-accent; }
    ConfirmDialog.-grave #yes:focus { background: $badge; color: $on-badge; }
    """

    COMMANDS_HERE = (commands.PlanUp, commands.PlanDown, commands.ExplainPlan)
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField, commands.TypeCount)
    TYPED_INTO = True
    TITLE_IN_HELP = "Plan"

    def __init__(self, sheet: Sheet, settings: Settings, *, ready: bool = False) -> None:
        """`ready` puts the focus on yes, where nothing must be typed and nothing is taken away."""
        super().__init__(classes="-grave" if sheet.grave else None)
        self._ready = ready and not sheet.typed and not sheet.grave
        self.reason = ""
        self._sheet = sheet
        self._where = where(settings)
        self._locked = False

    def compose(self) -> ComposeResult:
        sheet = self._sheet
        with Vertical() as box:
            box.border_title = Content(sheet.title)
            box.border_subtitle = self._where  # in the frame, where it is seen however small the terminal is
            with VerticalScroll(can_focus=False):
                yield Static(_LOCKED, id="locked")
                with Vertical(id="plan"):
                    for name, lines in sheet.blocks:
                        with Horizontal(classes="block"):
                            yield Static(name, classes="name")
                            yield Static(_content(lines), classes="text")
            if sheet.asks_reason:
                with Horizontal(id="why", classes="line first"):
                    yield Label("Why, for the journal: ")
                    yield Entry(compact=True, id="reason", placeholder="optional", max_length=_REASON)
            if sheet.typed:
                with Horizontal(id="typed", classes="line" if sheet.asks_reason else "line first"):
                    yield Label(f"Type {sheet.typed} to confirm: ", id="asked")
                    yield Entry(compact=True, id="count")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(sheet.button, id="yes", compact=True, disabled=bool(sheet.typed))

    def on_mount(self) -> None:
        self.query_one("#yes" if self._ready else "#cancel", Button).focus()

    def on_resize(self, event: events.Resize) -> None:
        """Give the sheet the rows that frame, questions and buttons leave, so that it is read from its top."""
        questions = self._sheet.asks_reason + bool(self._sheet.typed)
        others = _FRAME + _BUTTONS + (questions + 1 if questions else 0)
        self.query_one(VerticalScroll).styles.max_height = max(event.size.height - others, 1)

    @runs(commands.PlanUp)
    def page_up(self) -> None:
        self._page(-1)

    @runs(commands.PlanDown)
    def page_down(self) -> None:
        self._page(1)

    @runs(commands.ExplainPlan)
    def explain(self) -> None:
        """Say what the blocks of the plan mean; nothing of it is answered by that."""
        from archive_tui.tui.dialogs.help import HelpDialog

        keys = [*self.COMMANDS_HERE, *self.FIXED_HERE]
        self.app.push_screen(HelpDialog("Plan", keys, topic={"The plan of a change": PLAN}))

    def _page(self, direction: int) -> None:
        """Read the part of the plan that does not fit."""
        part = self.query_one(VerticalScroll)
        part.scroll_relative(y=direction * max(part.size.height - 1, 1), animate=False, immediate=True)

    def say_dead(self, event: events.Key) -> None:
        """Signs lock the plan, which says so itself."""
        if not self._locked and not event.is_printable:
            super().say_dead(event)

    def say(self, remark: str) -> None:
        """Above the plan: the frame says where it would be carried out."""
        self._notice(remark)

    def on_key(self, event: events.Key) -> None:
        """Send what must be typed to its input wherever the focus is. Any other character was meant for another
        window, or pasted: it locks the dialog.
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
        """True for characters that may be part of what must be typed: any digit, or the letters of the word."""
        if self._sheet.typed.isdigit():
            return all(character.isdigit() for character in typed)
        return bool(self._sheet.typed) and set(typed) <= set(self._sheet.typed)

    def on_paste(self) -> None:
        """Lock the dialog: what is pasted was not read."""
        self._lock()

    def _lock(self) -> None:
        self._locked = True
        self.query_one("#yes", Button).disabled = True
        for entry in self.query(Input):
            entry.disabled = True
        self.set_focus(self.query_one("#cancel", Button))
        self._notice(_LOCKED)

    def tell_dropped(self, reason: str) -> None:
        """Say above the plan that keys were dropped."""
        if not self._locked:
            self._notice(f"{reason}: read it, then answer")

    def _notice(self, text: str) -> None:
        self.query_one("#locked", Static).update(Content(text))
        self.query_one("#locked").add_class("-shown")

    def _deliberate(self) -> bool:
        """Whether a yes counts: its key came by itself. In one packet with the keys before it, it may be a paste of a
        terminal that does not tell pastes from typing.
        """
        if not cast("Typed", self.app).keystrokes.in_one_piece:
            return True
        self.tell_dropped("enter came in one piece with other keys")
        return False

    @on(Input.Changed, "#reason")
    def _explained(self, event: Input.Changed) -> None:
        event.stop()
        self.reason = event.value.strip()

    @on(Input.Submitted, "#reason")
    def _explained_all(self, event: Input.Submitted) -> None:
        """Enter never confirms from here: it goes on to what must be typed, or to Cancel."""
        event.stop()
        self.set_focus(self.query_one("#count" if self._sheet.typed and not self._locked else "#cancel"))

    @on(Input.Changed, "#count")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if not self._fits(event.value):
            self._lock()
        self.query_one("#yes", Button).disabled = self._locked or event.value != self._sheet.typed

    @on(Input.Submitted, "#count")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value == self._sheet.typed and not self._locked:
            if self._deliberate():
                self.dismiss(True)
        elif not event.value:
            self.dismiss(False)
        else:
            # Here and not as a remark in the corner, which would stand over the buttons of a small terminal
            said = Content.styled(f"Type {self._sheet.typed} to confirm, or esc to cancel: ", "bold $text-warning")
            self.query_one("#asked", Label).update(said)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        if not self._locked or self._deliberate():  # what came behind a stray key is not for the screen below either
            self.dismiss(False)

    @on(Button.Pressed, "#yes")
    def _yes(self) -> None:
        if self._locked:
            self.dismiss(False)
        elif self._deliberate():
            self.dismiss(True)


def _content(lines: Sequence[Line]) -> Content:
    """The lines of a block; a label stands before its text, which then is what the eye looks for."""
    parts: list[str | tuple[str, str]] = []
    for one in lines:
        parts += [f"{one.label} "] if one.label else []
        tone = TONES[one.tone]
        parts += [(one.text, f"bold {tone}".rstrip() if one.label else tone), "\n"]
    return Content.assemble(*parts).rstrip()
