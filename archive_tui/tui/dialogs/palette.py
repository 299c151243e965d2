"""The palette: commands by word, those that can act now first, the others with the reason or the place."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from archive_tui.tui import commands
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry
from archive_tui.tui.widgets.options import Options

_KEY = 10
_TITLE = 16
_SUBTITLE = f"{commands.Answer} runs · {commands.CloseDialog} closes"


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """A command in the palette."""

    command: type[Command]
    reason: str | None = None
    """Why it cannot act now, or where it can (safe to show); None: it can act here and now."""
    has_key: bool = True
    """Whether its keys are its own here; False: only the palette runs it."""

    @property
    def keys(self) -> list[str]:
        """The keys that run it, as people write them."""
        return self.command.keys() if self.has_key else []


class Palette(Dialog[type[Command]]):
    """Answers the command that was chosen. Words narrow the list; enter takes the one under the cursor."""

    DEFAULT_CSS = """
    Palette > Vertical { width: 100; }
    Palette Entry { border: none; height: 1; padding: 0 1; background: $field; }
    Palette OptionList { border: none; padding: 0; background: $surface; height: auto; max-height: 1fr;
        text-wrap: nowrap; text-overflow: ellipsis; }
    Palette #whole { height: 2; color: $text-muted; padding: 0 1; }
    Palette OptionList:focus { border: none; }
    Palette OptionList > .option-list--option-highlighted {
        color: $block-cursor-foreground; background: $block-cursor-background; text-style: $block-cursor-text-style;
    }
    """
    COMMANDS_HERE = (
        commands.PaletteDown,
        commands.PaletteUp,
        commands.PalettePageDown,
        commands.PalettePageUp,
    )
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TYPED_INTO = True
    TITLE_IN_HELP = "Palette"
    AUTO_FOCUS = "Entry"

    def __init__(self, entries: Sequence[PaletteEntry]) -> None:
        super().__init__()
        self._entries = sorted(entries, key=lambda entry: entry.reason is not None)
        self._shown: list[PaletteEntry] = []

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Commands"
            box.border_subtitle = _SUBTITLE
            yield Entry(placeholder="words of a command, or its key", compact=True)
            found = Options()
            found.can_focus = False
            yield found
            yield Static(id="whole")

    def on_mount(self) -> None:
        self._search("")

    @runs(commands.PaletteDown)
    def down(self) -> None:
        self._move("cursor_down")

    @runs(commands.PaletteUp)
    def up(self) -> None:
        self._move("cursor_up")

    @runs(commands.PalettePageDown)
    def page_down(self) -> None:
        self._move("page_down")

    @runs(commands.PalettePageUp)
    def page_up(self) -> None:
        self._move("page_up")

    def _move(self, where: str) -> None:
        """Move the cursor of the list while the focus stays on the words."""
        found = self.query_one(OptionList)
        if found.scrollable_content_region:  # without room Textual's list (8.2.8) looks for a line it has not drawn
            getattr(found, f"action_{where}")()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._search(event.value)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.dismiss(self._shown[at].command)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._shown[event.option_index]
        keys = " ".join([*entry.keys, "  "]) if entry.keys else ""
        self.query_one("#whole", Static).update(Content(f"{keys}{entry.reason or entry.command.help}"))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index].command)

    def _search(self, text: str) -> None:
        """Show the commands that hold all words. What is called so stands first, for enter takes it; then come those
        that can act now.
        """
        ranked = [(rank, entry) for entry in self._entries if (rank := _rank(entry, text)) is not None]
        ranked.sort(key=lambda one: (min(one[0], 2), one[1].reason is not None, one[0]))
        self._shown = [entry for _, entry in ranked]
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options([Option(_line(entry), id=entry.command.id()) for entry in self._shown])
        found.highlighted = 0 if self._shown else None
        if not self._shown:
            self.query_one("#whole", Static).update("")
        said = "" if self._shown else " · nothing holds these words"
        self.query_one(Vertical).border_subtitle = f"{_SUBTITLE}{said}"


def _rank(entry: PaletteEntry, text: str) -> int | None:
    """How well a command fits what is looked for, 0 for best; None where it does not."""
    command = entry.command
    sought = text.strip().casefold()
    title = command.title.casefold()
    if text.strip() in entry.keys or title == sought:
        return 0
    if title.startswith(sought):
        return 1
    for rank, place in enumerate((title, command.id().replace("-", " "), command.help.casefold()), start=2):
        if all(word in place for word in sought.split()):
            return rank
    return None


def _line(entry: PaletteEntry) -> Content:
    """Key, title, and what it does or why it does not."""
    command = entry.command
    tone = "$text-error" if command.danger else "$text-accent"
    parts: list[str | tuple[str, str]] = [
        (f"{''.join(entry.keys[:1]):>{_KEY}}", f"bold {tone}" if entry.reason is None else "$text-muted"),
        (f"  {command.title.rstrip('…'):<{_TITLE}}", "bold" if entry.reason is None else "$text-muted"),
        command.help if entry.reason is None else (entry.reason, "$text-warning"),
    ]
    return Content.assemble(*parts)
