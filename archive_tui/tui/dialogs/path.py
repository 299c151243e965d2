"""Asks for a place in the messages of a list that is to become a column."""

from collections.abc import Sequence

from archive_tui.catalog.message_values import MessageValue
from archive_tui.text import line
from archive_tui.tui.dialogs.entry import EntryDialog

_SHOWN = 6
"""Places that are shown as examples."""


class PathDialog(EntryDialog[MessageValue]):
    """Answers a place in a message."""

    TITLE_IN_HELP = "Path of a column"

    def __init__(self, seen: Sequence[str]) -> None:
        """`seen` are places that messages of the list have."""
        examples = ", ".join(line(one) for one in seen[:_SHOWN]) or "user.id, items[0].sku, header.trace-id"
        keys = "enter shows it, esc does not. Payloads are read for it."
        super().__init__("A column from payloads", f"Such as {examples}", keys, example="a path")

    def read(self, text: str) -> MessageValue:
        return MessageValue.parse(text)
