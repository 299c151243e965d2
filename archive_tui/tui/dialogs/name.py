"""Asks for the name of a filter."""

from archive_tui.text import clip
from archive_tui.tui.dialogs.entry import EntryDialog

_SHOWN = 200


class NameDialog(EntryDialog[str]):
    """Answers a name as it was typed."""

    TITLE_IN_HELP = "Name of a filter"

    def __init__(self, text: str) -> None:
        keys = "enter keeps it for this run, esc does not"
        super().__init__("Name this filter", clip(text, _SHOWN), keys, example="a name")

    def read(self, text: str) -> str | None:
        return text.strip() or None
