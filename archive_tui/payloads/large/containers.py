"""Containers of many KiB, of which it is remembered where some of their items begin."""

from array import array
from bisect import bisect_right

WINDOW = 16 * 1024
"""Bytes that are looked at together: a longer string is shown in pieces of this size."""

EVERY = 64
"""Items of a container of which one place is remembered."""


class Container:
    """An object or array that is remembered, with the places of some of its items."""

    __slots__ = ("_at", "_numbers", "count", "end", "is_object", "start")

    def __init__(self, start: int, *, is_object: bool) -> None:
        self.start = start
        """Where its bracket stands; of the lines of NDJSON, where the first begins."""
        self.end = -1
        """Behind its closing bracket; below 0 while it is walked over."""
        self.is_object = is_object
        self.count = 0
        """Items so far; one that is being walked over is among them."""
        self._numbers: array[int] = array("q")
        self._at: array[int] = array("q")

    def note(self, at: int) -> None:
        """Remember where the next item begins, if that is worth it; spaces before it may be included."""
        if not self._numbers or self.count - self._numbers[-1] >= EVERY or at - self._at[-1] >= WINDOW:
            self._at.append(at)
            self._numbers.append(self.count)  # last: whoever looks from another thread goes by it

    def before(self, number: int) -> tuple[int, int]:
        """The remembered item at or before one, and where it begins."""
        known = bisect_right(self._numbers, number) - 1
        return self._numbers[known], self._at[known]
