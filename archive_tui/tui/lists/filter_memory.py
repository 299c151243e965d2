"""The filters of this run: those that were typed, and those that have a name."""

from __future__ import annotations

from collections.abc import Mapping

from archive_tui.errors import UsageError

_KEPT = 100
"""Filters that are remembered."""


class FilterMemory:
    """Nothing of it is written to a disk: filters may hold personal data. Names that are to stay are in the profile
    file.
    """

    def __init__(self, named: Mapping[str, str] | None = None, place: str = "filters") -> None:
        """`named` has filters by their names; `place` is where they are written, for errors. Raises UsageError."""
        self.named = dict(named or {})
        """Filters by the names that people gave them."""
        self.typed: list[str] = []
        """Filters that were typed, the last first."""
        if self.named:
            self._check(place)

    def _check(self, place: str) -> None:
        from archive_tui.catalog.filter.grammar import parse
        from archive_tui.catalog.filter.refusal import FilterError

        for name, text in self.named.items():
            try:
                parse(text, 0.0)
            except FilterError as error:
                raise UsageError(f"{place}: {name}: {error}") from None

    def remember(self, text: str) -> None:
        """Take note of a filter that was typed."""
        self.typed = [text, *(one for one in self.typed if one != text)][:_KEPT]
