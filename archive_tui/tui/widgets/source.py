"""A source of rows for a table: a view of any length, read a page at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from textual.cache import LRUCache

from archive_tui.tui.widgets.columns import Row

_Row_co = TypeVar("_Row_co", covariant=True)

PAGE_ROWS = 200
"""Rows asked of a source at once."""

_PAGES = 16  # kept: several screens around the cursor


class Source(Protocol[_Row_co]):
    """An immutable view of rows in their order. When something changes, a new one is handed to `VirtualTable.show`."""

    def __len__(self) -> int:
        """How many rows there are."""

    def page(self, start: int, count: int) -> Sequence[_Row_co]:
        """Rows `start` to `start + count`. Called on the UI loop for rows in view: about 1 ms, no more."""

    def key(self, index: int) -> int:
        """The stable identity of a row: constant time, no I/O."""

    def find(self, key: int) -> int | None:
        """The index of a key, None where it is gone. May be linear if it is so in C: asked at most twice a `show`."""


class Nothing:
    """The source of a table that was shown nothing yet."""

    def __len__(self) -> int:
        return 0

    def page(self, start: int, count: int) -> Sequence[Any]:
        return ()

    def key(self, index: int) -> int:
        raise IndexError(index)

    def find(self, key: int) -> int | None:
        return None


class Rows(Generic[Row]):
    """Rows that are all in memory, each with its key."""

    def __init__(self, rows: Sequence[Row], keys: Sequence[int]) -> None:
        self._rows = rows
        self._keys = keys

    def __len__(self) -> int:
        return len(self._rows)

    def page(self, start: int, count: int) -> Sequence[Row]:
        return self._rows[start : start + count]

    def key(self, index: int) -> int:
        return self._keys[index]

    def find(self, key: int) -> int | None:
        return self._keys.index(key) if key in self._keys else None


class Pages(Generic[Row]):
    """The rows of one source, of which some pages are kept. `complain` is told what could not be read."""

    def __init__(self, source: Source[Row], complain: Callable[[str], None]) -> None:
        self._source = source
        self._complain = complain
        self._kept: LRUCache[int, Sequence[Row]] = LRUCache(_PAGES)
        self._failed: set[int] = set()

    def row(self, index: int) -> Row | None:
        """The row at an index; None where it vanished or cannot be read."""
        number, offset = divmod(index, PAGE_ROWS)
        page = self._kept.get(number)
        if page is None:
            if number in self._failed:
                return None
            start = number * PAGE_ROWS
            try:
                page = self._source.page(start, min(PAGE_ROWS, len(self._source) - start))
            except Exception as error:  # whatever a source runs into, the screen stays
                self._complain(f"rows from {start} cannot be read: {type(error).__name__}")
                self._failed.add(number)
                return None
            self._kept[number] = page
        return page[offset] if offset < len(page) else None

    def retry(self) -> None:
        """Ask once more for what could not be read."""
        self._failed.clear()
