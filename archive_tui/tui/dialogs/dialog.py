"""The base of all dialogs. While one is open, no key of the screen below works."""

from collections.abc import Mapping
from time import monotonic
from typing import ClassVar, TypeVar

from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widget import Widget

from archive_tui.tui import commands
from archive_tui.tui.commands import Command, Handler, handlers
from archive_tui.wording.tone import Tone

Answer = TypeVar("Answer")

TONES: Mapping[Tone, str] = {
    Tone.PLAIN: "",
    Tone.QUIET: "$text-muted",
    Tone.CAUTION: "$text-warning",
    Tone.DANGER: "$text-error",
}
"""The style of each tone."""


class Dialog(ModalScreen[Answer | None]):
    """A box in the middle; Escape answers None, which means: nothing. Subclasses list their commands in
    `COMMANDS_HERE`, and have a method marked with `runs` for each.
    """

    COMMANDS_HERE: ClassVar[tuple[type[Command], ...]] = ()
    """The commands of this dialog."""
    FIXED_HERE: ClassVar[tuple[type[Command], ...]] = (commands.CloseDialog,)
    """The keys by which it is answered, which are the same for everybody."""
    TYPED_INTO: ClassVar[bool] = False
    """Whether something is typed while its commands work: they cannot have the keys of signs then."""
    TITLE_IN_HELP: ClassVar[str] = ""
    """Its name on the key sheet."""

    _handlers: ClassVar[Mapping[type[Command], Handler]] = {}

    DEFAULT_CSS = """
    Dialog { align: center middle; background: transparent; }
    Dialog > Vertical {
        width: auto; min-width: 40; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: round $primary; padding: 0 1; overflow-y: auto;
        border-title-color: $text; border-title-style: bold;
    }
    Dialog .buttons { height: auto; width: 100%; align-horizontal: right; margin-top: 1; }
    Dialog Button { margin-left: 2; min-width: 10; border: none; height: 1; background: $field; }
    Dialog Button:focus { background: $primary; color: $on-accent; text-style: bold; }
    """
    BINDINGS = [commands.CloseDialog.binding("answer_nothing")]

    def __init_subclass__(cls) -> None:
        cls._handlers = handlers((cls,))
        if missing := [command for command in cls.COMMANDS_HERE if command not in cls._handlers]:
            raise TypeError(f"{cls.__name__} lists {missing[0].__name__}, but has no method that runs it")
        cls.BINDINGS = [command.binding(f"run_command('{command.id()}')") for command in cls.COMMANDS_HERE]
        super().__init_subclass__()

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._focused_before: Widget | None = None

    def on_screen_suspend(self) -> None:
        """Make way for a dialog in front: of two boxes nobody could tell the frames apart."""
        self._focused_before = self.focused
        self.query("Dialog > Vertical").set(visible=False)

    def on_screen_resume(self) -> None:
        """Show the box again, with the focus where it was: Textual (8.2.8) takes it from what is hidden."""
        self.query("Dialog > Vertical").set(visible=True)
        if self._focused_before is not None:
            self.set_focus(self._focused_before)

    def on_key(self, event: Key) -> None:
        """Say of a key that does nothing here that it does not."""
        if event.key not in self.active_bindings and commands.is_deliberate(event):
            self.say_dead(event)

    def say_dead(self, event: Key) -> None:
        """Say that a key does nothing here."""
        self.say(f"{commands.key_name(event.key)} does nothing here: {commands.CloseDialog} closes")

    def say(self, remark: str) -> None:
        """Make a short remark in the frame; our own words, not foreign text."""
        self.query_one(Vertical).border_subtitle = Content.styled(remark, "bold $text-warning")

    def action_run_command(self, name: str) -> None:
        """Run the command whose keys were pressed; `name` is its id."""
        command = next(one for one in self.COMMANDS_HERE if one.id() == name)
        getattr(self, self._handlers[command].method)()

    def action_answer_nothing(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class GuardedDialog(Dialog[Answer]):
    """A dialog that somebody must have seen before they answer it: keys that were typed ahead are dropped."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._seen_since: float | None = None

    def on_mount(self) -> None:
        self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        self._seen_since = monotonic()

    @property
    def seen_since(self) -> float | None:
        """When it was drawn, by the clock of events; None while it was not."""
        return self._seen_since

    def tell_dropped(self, reason: str) -> None:
        """Say in the frame that keys were dropped."""
        self.say(reason)
