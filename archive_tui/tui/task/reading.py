"""The reading of the payload that is shown: best first, every other one that fits a key away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archive_tui.payloads.readings import Reading
from archive_tui.payloads.rendering import document
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.task.payload_export import Loaded
from archive_tui.wording.people import size

_BETWEEN = " · "
_SHOWN = 400
"""Characters of a reason that the title passes on; no screen is wider."""


class ShownReading(Part):
    """Goes from reading to reading of the task that is shown; each is made off the UI loop."""

    def __init__(
        self, screen: CommandScreen, loaded: Callable[[], Loaded | None], show: Callable[[Loaded], None]
    ) -> None:
        """`loaded` gives the task that is shown, None while it is read; `show` shows it with another reading."""
        super().__init__(screen)
        self._loaded = loaded
        self._show = show
        self._chosen = 0

    def chosen(self, loaded: Loaded) -> None:
        """Take note of the reading that is shown now."""
        self._chosen = loaded.reading

    def why_not_next(self) -> str | None:
        """Why there is no other reading to show."""
        loaded = self._loaded()
        if loaded is None:
            return "nothing was read"
        return f"this payload can only be read as {loaded.readings[0].name}" if len(loaded.readings) == 1 else None

    @runs(commands.NextReading, unless=why_not_next)
    def next(self) -> None:
        """Show the next reading, after the last one the first."""
        if (loaded := self._loaded()) is not None:
            self._chosen = (self._chosen + 1) % len(loaded.readings)
            self._make(loaded, self._chosen)

    @background("reading")
    def _make(self, loaded: Loaded, number: int) -> None:
        made = replace(loaded, reading=number, payload=document(loaded.readings[number]))
        self.screen.app.call_from_thread(self._arrived, loaded, made)

    def _arrived(self, loaded: Loaded, made: Loaded) -> None:
        shown = self._loaded()
        if shown is not None and shown.readings is loaded.readings and made.reading == self._chosen:
            self._show(made)


def box_title(loaded: Loaded) -> str:
    """The title of the payload's box: path, size, what to know about this reading, the others, and the reason."""
    reading = loaded.readings[loaded.reading]
    parts = ["Payload", reading.name, size(len(loaded.task.payload))]
    if others := [other.name for other in _others(loaded)]:
        parts.append(f"{commands.NextReading} {', '.join(others)}")
    parts += [*reading.remarks, reading.why]
    return line(_BETWEEN.join(parts)[:_SHOWN])


def _others(loaded: Loaded) -> list[Reading]:
    """The other readings, in the order in which the key shows them."""
    return [*loaded.readings[loaded.reading + 1 :], *loaded.readings[: loaded.reading]]
