"""The readings of payload and error that are shown: best first, every other one that fits a key away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from archive_tui.payloads.redaction import RedactedReading, masked_note
from archive_tui.payloads.rendering import Document, document
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.task.boxes import ERROR, PAYLOAD, TaskBoxes
from archive_tui.tui.task.payload_export import Loaded
from archive_tui.wording.people import size

_BETWEEN = " · "
_SHOWN = 400
"""Characters of a reason that the title passes on; no screen is wider."""


class ShownReading(Part):
    """Goes from reading to reading of the payload, or of the error where the operator is there; each is made off the UI
    loop.
    """

    def __init__(
        self,
        screen: CommandScreen,
        boxes: TaskBoxes,
        loaded: Callable[[], Loaded | None],
        show: Callable[[Loaded, str], None],
    ) -> None:
        """`loaded` gives the task that is shown, None while it is read; `show` shows it with another reading in one of
        the boxes.
        """
        super().__init__(screen)
        self._boxes = boxes
        self._loaded = loaded
        self._show = show
        self._chosen = {ERROR: 0, PAYLOAD: 0}

    def begin(self) -> None:
        """Take note that another task is shown, in its best readings."""
        self._chosen = {ERROR: 0, PAYLOAD: 0}

    @property
    def _box(self) -> str:
        return ERROR if self._boxes.current == ERROR else PAYLOAD

    def why_not_next(self) -> str | None:
        """Why there is no other reading to show."""
        loaded = self._loaded()
        if loaded is None:
            return "nothing was read"
        if self._box == ERROR:
            return None if len(loaded.error_readings) > 1 else "this error can only be read as it is"
        return f"this payload can only be read as {loaded.readings[0].name}" if len(loaded.readings) == 1 else None

    @runs(commands.NextReading, unless=why_not_next)
    def next(self) -> None:
        """Show the next reading, after the last one the first."""
        if (loaded := self._loaded()) is not None:
            box = self._box
            count = len(loaded.error_readings if box == ERROR else loaded.readings)
            self._chosen[box] = (self._chosen[box] + 1) % count
            self._make(loaded, box, self._chosen[box])

    @background("reading")
    def _make(self, loaded: Loaded, box: str, number: int) -> None:
        made = document((loaded.error_readings if box == ERROR else loaded.readings)[number])
        self.screen.app.call_from_thread(self._arrived, loaded, box, number, made)

    def _arrived(self, made_for: Loaded, box: str, number: int, made: Document) -> None:
        loaded = self._loaded()
        if loaded is None or loaded.readings is not made_for.readings or number != self._chosen[box]:
            return
        if box == ERROR:
            self._show(replace(loaded, error_reading=number, error=made), box)
        else:
            self._show(replace(loaded, reading=number, payload=made), box)


def error_title(loaded: Loaded) -> str:
    """The title of the error's box: what was made of it, and how to see it as it is."""
    readings = loaded.error_readings
    if len(readings) < 2:
        return "Error"
    shown, others = readings[loaded.error_reading], _others(readings, loaded.error_reading)
    key = f"{commands.NextReading} {', '.join(other.name for other in others)}"
    return line(_BETWEEN.join(["Error", shown.name, key, shown.why]))


def payload_title(loaded: Loaded) -> str:
    """The title of the payload's box: path, size, what to know about this reading, the others, and the reason."""
    reading = loaded.readings[loaded.reading]
    parts = ["Payload", reading.name, size(loaded.task.payload_bytes)]
    if others := [other.name for other in _others(loaded.readings, loaded.reading)]:
        parts.append(f"{commands.NextReading} {', '.join(others)}")
    if note := masked_note(reading):
        parts.append(f"{note} ({commands.ShowSecrets} shows it)")
    by_now = reading.large.words() if reading.large is not None else ()
    parts += [*by_now, *reading.remarks, reading.why]
    return line(_BETWEEN.join(parts)[:_SHOWN])


def _others(readings: Sequence[RedactedReading], shown: int) -> list[RedactedReading]:
    """The other readings, in the order in which the key shows them."""
    return [*readings[shown + 1 :], *readings[:shown]]
