"""A choice of one among a few, for instance of the column to sort by."""

from collections.abc import Mapping
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.options import Options


class Choice(NamedTuple):
    """One of the choices, in words of our own."""

    title: str

    sentence: str = ""
    """What follows from it; empty where the title says it all."""


class ChoiceDialog(Dialog[str]):
    """Answers the chosen name. Titles are our own words, not foreign text. A choice may come with a sentence."""

    DEFAULT_CSS = """
    ChoiceDialog > Vertical { width: 34; }
    ChoiceDialog.-wide > Vertical { width: 100%; max-width: 84; }
    ChoiceDialog OptionList:focus { border: none; }
    ChoiceDialog OptionList { height: auto; max-height: 100%; border: none; background: $surface; padding: 0; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TITLE_IN_HELP = "Choice"

    def __init__(
        self, title: str, choices: Mapping[str, str | Choice], current: str | None = None, *, wide: bool = False
    ) -> None:
        super().__init__(classes="-wide" if wide else None)
        self._title = title
        self._choices = {name: Choice(one) if isinstance(one, str) else one for name, one in choices.items()}
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = f"{commands.Answer} takes it · {commands.CloseDialog} closes"
            yield Options(*[Option(self._prompt(name, one), id=name) for name, one in self._choices.items()])

    def _prompt(self, name: str, choice: Choice) -> Content:
        if choice.sentence:  # without an indent: a second line of it would have none either
            return Content.assemble((f"{choice.title}\n", "bold"), choice.sentence)
        return Content(f"{'▸' if name == self._current else ' '} {choice.title}")

    def on_mount(self) -> None:
        if self._current is not None and self._current in self._choices:
            self.query_one(OptionList).highlighted = list(self._choices).index(self._current)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)
