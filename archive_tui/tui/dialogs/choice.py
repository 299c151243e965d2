"""A choice of one among a few, for instance of the column to sort by."""

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from archive_tui.tui.dialogs.dialog import Dialog


class ChoiceDialog(Dialog[str]):
    """Answers the chosen name. Titles are our own words, not foreign text."""

    DEFAULT_CSS = """
    ChoiceDialog > Vertical { width: 34; }
    ChoiceDialog.-wide > Vertical { width: 60; }
    ChoiceDialog OptionList:focus { border: none; }
    ChoiceDialog OptionList { height: auto; max-height: 16; border: none; background: $surface; padding: 0; }
    """

    def __init__(
        self, title: str, choices: Mapping[str, str], current: str | None = None, *, wide: bool = False
    ) -> None:
        super().__init__(classes="-wide" if wide else None)
        self._title = title
        self._choices = choices
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield OptionList(
                *[
                    Option(Content(f"{'▸' if name == self._current else ' '} {title}"), id=name)
                    for name, title in self._choices.items()
                ]
            )

    def on_mount(self) -> None:
        if self._current is not None and self._current in self._choices:
            self.query_one(OptionList).highlighted = list(self._choices).index(self._current)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)
