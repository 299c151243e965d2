"""The order of rows in memory: by what a column shows, those without a value last in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

_Row = TypeVar("_Row")


@dataclass(slots=True)
class Order:
    """What a table is sorted by, as it was chosen last."""

    by: str
    """The name of a column."""

    descending: bool

    def choose(self, name: str, *, descending: bool) -> None:
        """Sort by a column, at first in this direction; by the same one again, in the other."""
        self.descending = not self.descending if name == self.by else descending
        self.by = name


def in_order(rows: Iterable[_Row], value: Callable[[_Row], Any], *, descending: bool) -> list[_Row]:
    """Sort rows by a value, which is None where a row has none; those that are equal in it stand as they came."""
    valued = [(row, value(row)) for row in rows]
    found = sorted((one for one in valued if one[1] is not None), key=lambda one: one[1], reverse=descending)
    return [row for row, _ in (*found, *(one for one in valued if one[1] is None))]
