"""The views of payload and error that are shown: best first, every other one a key away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from rich.cells import cell_len

from archive_tui.payloads.redaction import masked_note
from archive_tui.payloads.rendering import Form, Shown, View, document, has_tree
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.task.boxes import ERROR, PAYLOAD, TaskBoxes
from archive_tui.tui.task.payload_export import Loaded
from archive_tui.wording.people import size

_Item = TypeVar("_Item")

_BETWEEN = " · "
_SHOWN = 400
"""Characters of a reason that the title passes on; no screen is wider."""


class ShownReading(Part):
    """Goes from view to view of the payload, or of the error where the operator is there; each is made off the UI
    loop.
    """

    def __init__(
        self,
        screen: CommandScreen,
        boxes: TaskBoxes,
        loaded: Callable[[], Loaded | None],
        show: Callable[[Loaded, str], None],
    ) -> None:
        """`loaded` gives the task that is shown, None while it is read; `show` shows it with another view in one of
        the boxes.
        """
        super().__init__(screen)
        self._boxes = boxes
        self._loaded = loaded
        self._show = show
        self._chosen = {ERROR: 0, PAYLOAD: 0}

    def first_of(self, views: Sequence[View]) -> int:
        """The view in which another payload is shown first: that which the operator has chosen, where it has one of
        that name, else the best.
        """
        chosen = self.screen.host.appearance.view
        return next((number for number, view in enumerate(views) if view.name == chosen), 0)

    def begin(self, loaded: Loaded) -> None:
        """Take note that another task is shown."""
        self._chosen = {ERROR: loaded.error_reading, PAYLOAD: loaded.view}

    @property
    def _box(self) -> str:
        return ERROR if self._boxes.current == ERROR else PAYLOAD

    def why_not_next(self) -> str | None:
        """Why there is no other view to show."""
        loaded = self._loaded()
        if loaded is None:
            return "nothing was read"
        if self._box == ERROR:
            return None if len(loaded.error_readings) > 1 else "this error can only be read as it is"
        return f"this payload can only be read as {loaded.readings[0].name}" if len(loaded.views) == 1 else None

    @runs(commands.NextView, unless=why_not_next)
    def next(self) -> None:
        """Show the next view, after the last one the first."""
        if (loaded := self._loaded()) is not None:
            box = self._box
            count = len(loaded.error_readings if box == ERROR else loaded.views)
            self._chosen[box] = number = (self._chosen[box] + 1) % count
            if box == PAYLOAD:
                self.screen.host.appearance.view = loaded.views[number].name if number else ""
            self._make(loaded, box, number)

    @background("reading")
    def _make(self, loaded: Loaded, box: str, number: int) -> None:
        made = document(loaded.error_readings[number]) if box == ERROR else loaded.views[number].shown()
        self.screen.app.call_from_thread(self._arrived, loaded, box, number, made)

    def _arrived(self, made_for: Loaded, box: str, number: int, made: Shown) -> None:
        loaded = self._loaded()
        if loaded is None or loaded.readings is not made_for.readings or number != self._chosen[box]:
            return
        if box == ERROR:
            self._show(replace(loaded, error_reading=number, error=made), box)
        else:
            self._show(replace(loaded, view=number, payload=made), box)

    def why_lists_differ(self) -> str | None:
        """Why filters and columns do not read the payload as the view shows it; None: they do."""
        loaded = self._loaded()
        if loaded is None:
            return None
        shown = loaded.views[loaded.view].reading
        if shown.by_program:
            return f"{line(shown.path[0])} reads only the task on screen: lists cannot search what it writes"
        if shown is loaded.readings[0]:
            return None
        best = next((one for one in loaded.readings if not one.by_program), loaded.readings[0])
        return f"lists read this payload as {best.name}, and not as it is shown here" if shown is not best else None

    def other_views(self) -> list[tuple[str, Callable[[], Shown]]]:
        """The views of the payload that are not shown, by their names."""
        loaded = self._loaded()
        views = _others(loaded.views, loaded.view) if loaded is not None else []
        return [(view.name, view.shown) for view in views]


def error_title(loaded: Loaded) -> str:
    """The title of the error's box: what was made of it, and how to see it as it is."""
    readings = loaded.error_readings
    if len(readings) < 2:
        return "Error"
    shown, others = readings[loaded.error_reading], _others(readings, loaded.error_reading)
    key = f"{commands.NextView} {', '.join(other.name for other in others)}"
    return line(_BETWEEN.join(["Error", shown.name, key, shown.why]))


def payload_title(loaded: Loaded, room: int) -> str:
    """The title of the payload's box: path, size, the view and the others, what to know about it, and the reason. In
    less `room`, in cells, hints are short or left out, and never cut: the end alone is.
    """
    view = loaded.views[loaded.view]
    parts = ["Payload", view.title, size(loaded.task.payload_bytes)]
    as_bytes = view.form in (Form.RAW, Form.HEX)
    if has_tree(view.reading) or (as_bytes and loaded.view):
        parts.append(view.form.value)
    others = [other.name for other in _others(loaded.views, loaded.view)]
    views = f"{commands.NextView} {', '.join(others)}" if others else ""
    note = masked_note(loaded.readings[0])
    masked = [f"{words} ({commands.ShowSecrets} shows it)" for words in ((note, "masked") if note else ())]
    by_now = loaded.reading.large.words() if loaded.reading.large is not None else ()
    hinted = next((one for one in _hinted(parts, views, masked) if cell_len(line(one)) <= room), _BETWEEN.join(parts))
    return line(_BETWEEN.join([hinted, *by_now, *loaded.reading.remarks, loaded.reading.why])[:_SHOWN])


def reading_fact(loaded: Loaded) -> tuple[str, str]:
    """How the payload is read, whole: the title has no room for all of it. A label, and lines of safe text."""
    reading = loaded.reading
    words = (f"{loaded.views[loaded.view].title}: {reading.why}", *reading.remarks)
    return "Read as", "\n".join(line(one[:_SHOWN]) for one in words)


def _hinted(parts: Sequence[str], views: str, masked: Sequence[str]) -> Iterator[str]:
    """A title with its hints, and with fewer and shorter ones: how to see what is masked goes last."""
    for hints in ((views, *masked[:1]), masked[:1], masked[1:]):
        yield _BETWEEN.join([*parts, *filter(None, hints)])


def _others(items: Sequence[_Item], shown: int) -> list[_Item]:
    """The others, in the order in which the key shows them."""
    return [*items[shown + 1 :], *items[:shown]]
