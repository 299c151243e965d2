"""Asks for a place in the messages of a list that is to become a column."""

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import Input, Static

from archive_tui.catalog.message_values import MessageValue
from archive_tui.folding import folded
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.entry import EntryDialog

_SHOWN = 6
"""Places that are shown as examples, or to go on with."""

_PAYLOAD = "payload."
"""What may be left out before a place in a payload."""


class PathDialog(EntryDialog[MessageValue]):
    """Answers a place in a message."""

    DEFAULT_CSS = """
    PathDialog #about { max-height: 4; }
    """
    COMMANDS_HERE = (commands.CompletePath, commands.CompletePathBack)
    TYPED_INTO = True
    TITLE_IN_HELP = "Path of a column"

    def __init__(self, seen: Callable[[], Sequence[str]]) -> None:
        """`seen` gives places that messages of the list have, as far as they are known by now."""
        self._seen = seen
        self._offered: Sequence[str] = ()
        self._at = 0
        examples = ", ".join(map(line, seen()[:_SHOWN])) or "user.id, items[0].sku, header.trace-id"
        keys = f"{commands.CompletePath} completes, enter takes it. Payloads are read for it."
        super().__init__("A column from payloads", f"Such as {examples}", keys, example="a path")

    def read(self, text: str) -> MessageValue:
        return MessageValue.parse(text)

    @runs(commands.CompletePath)
    def complete(self) -> None:
        """Take the next place that begins so."""
        self._complete(1)

    @runs(commands.CompletePathBack)
    def complete_back(self) -> None:
        """Take the place before."""
        self._complete(-1)

    def _complete(self, direction: int) -> None:
        entry = self.query_one(Input)
        if self._offered and entry.value == self._offered[self._at]:
            self._at = (self._at + direction) % len(self._offered)
        else:
            self._offered = _beginning(entry.value, self._seen())
            self._at = 0 if direction > 0 else len(self._offered) - 1
        if self._offered:
            entry.value = self._offered[self._at]
            entry.cursor_position = len(entry.value)
        else:
            self.say("no path that was seen begins so")
        self._draw()

    def _draw(self) -> None:
        """Show which places one can go on with, from the one in the line on; where there are none, the examples."""
        if not self._offered:
            self.query_one("#about", Static).update(Content(self._about))
            return
        parts: list[str | tuple[str, str]] = [f"{self._at + 1}/{len(self._offered)}  "]
        for number, place in enumerate(self._offered[self._at :][:_SHOWN]):
            parts += [(line(place), "" if number else "reverse"), "  "]
        self.query_one("#about", Static).update(Content.assemble(*parts))


def _beginning(text: str, places: Sequence[str]) -> list[str]:
    """The places that begin with a text, with or without their first word."""
    begun = folded(text.strip())
    return [one for one in places if any(folded(way).startswith(begun) for way in (one, one.removeprefix(_PAYLOAD)))]
