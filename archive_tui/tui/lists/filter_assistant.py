"""Helps to type the filter of a list: what it may say, what was typed before, and names for filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.signatures import signature
from archive_tui.catalog.view import View
from archive_tui.folding import folded
from archive_tui.payloads.content import decoder_names
from archive_tui.payloads.redaction import MASK
from archive_tui.settings.file import default_settings_file
from archive_tui.text import line
from archive_tui.tui.dialogs.name import NameDialog
from archive_tui.tui.lists.filter_completion import Seen, complete, whole_part
from archive_tui.tui.lists.filter_memory import FilterMemory
from archive_tui.tui.widgets.filterbar import Suggestion

if TYPE_CHECKING:
    from archive_tui.tui.command_screen import CommandScreen

_LOOKED_AT = 200
"""Rows of the list whose errors are looked at for signatures."""


class FilterAssistant:
    """Knows what a list shows by its view, and the filters of the run by the app."""

    def __init__(
        self, screen: Callable[[], CommandScreen], view: Callable[[], View], paths: Callable[[], Sequence[str]]
    ) -> None:
        """`paths` gives the fields that lead into the payloads of the list."""
        self._screen = screen
        self._view = view
        self._paths = paths

    @property
    def _memory(self) -> FilterMemory:
        return self._screen().host.filters

    def suggest(self, text: str, cursor: int) -> Sequence[Suggestion]:
        """How a filter may go on."""
        return complete(text, cursor, self._seen())

    def whole_part(self, text: str, now: float) -> str:
        """What of a filter is whole while somebody types at its end; ages count from `now` (unix seconds)."""
        return whole_part(text, self._seen(), now)

    def recall(self, part: str) -> Sequence[str]:
        """Filters that were typed before and hold a text, the last first."""
        return [one for one in self._memory.typed if folded(part) in folded(one) and one != part]

    def remember(self, text: str) -> None:
        """Take note of a filter that was typed."""
        self._memory.remember(text)

    def save(self, text: str) -> None:
        """Ask for a name for a filter, and keep it under that for this run; one that cannot be read gets none."""
        try:
            parse(text, self._screen().session.clock())
        except FilterError as error:
            self._screen().say(str(error), warning=True)
            return
        self._screen().app.push_screen(NameDialog(text), partial(self._named, text))

    def _named(self, text: str, name: str | None) -> None:
        if name:
            self._memory.named[name] = text
            kept_in = default_settings_file().name
            self._screen().say(f"tab offers it as {line(name)} in this run; [filters] in {kept_in} keeps it for good")

    def _seen(self) -> Seen:
        view = replace(self._view(), unmasked=False)
        counts = view.catalog.counts()
        errors = [row.error for row in view.page(0, _LOOKED_AT) if row.error and MASK not in row.error]
        values: dict[str, Sequence[str]] = {
            "type": [one for one in counts.by_type if one],
            "queue": [one for one in counts.by_queue if one],
            "kind": [kind.value for kind in counts.by_kind] or [kind.value for kind in Kind],
            "state": [state.value for state in State],
            "signature": list(dict.fromkeys(signature(error) for error in errors)),
            "error": list(dict.fromkeys(errors)),
            "decoder": decoder_names(),
            **dict.fromkeys(("newest", "oldest"), ("100", "1000")),
        }
        return Seen(values, self._memory.named, self._paths())
