"""A walk over a payload of many MiB, in small steps: is it what it was taken for, how many lines does it take, and
where does what stand.

`Scan.advance` goes on for a moment; whoever looks meanwhile sees what was walked over by then. Kept are the places at
which lines of the layout begin, one in some KiB, and for each container of many KiB where some of its items begin: less
than a hundredth of the payload.
"""

import threading
import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Generator, Iterable

from archive_tui.payloads.large.containers import Container
from archive_tui.payloads.strange_bytes import not_utf8

PART = 8 * 1024
"""Bytes of a part of the layout, more or less."""

_MOST_KEYS = 10_000
"""Different keys that are remembered."""

Walk = Generator[None, None, int]
"""Walks on for a moment until the next; gives where it ended."""


class Mistake(Exception):  # noqa: N818  # an answer, not an error of the program
    """The walk ends here: it is not what it was taken for."""

    def __init__(self, at: int, words: str) -> None:
        super().__init__(words)
        self.at = at


class Scan(ABC):
    """One walk, for any thread."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.finished = False
        """Whether it is over: all is walked over, or there is a `problem`."""
        self.problem: str | None = None
        """Why it is not what it was taken for, with the place: "line 1, column 9: …"."""
        self.remarks: list[str] = []
        """What an operator must know, a sentence each."""
        self.keys: dict[str, int] = {}
        """The keys so far, each with the part in which it stands first."""
        self.keys_end: int | None = None
        """The first part with a key that is not among them, because there are too many; None: they are all."""
        self.parts = 0
        """Parts of the layout that are complete."""
        self.lines = 0
        """Lines of these parts."""
        self.starts: array[int] = array("q", [0])
        """Where each part begins, and at last where the next one does."""
        self.first_lines: array[int] = array("q", [0])
        """The first line of each part."""
        self.root: Container | None = None
        """The outermost container; None before it was come to."""
        self._known_keys: set[bytes] = set()
        self._strange = 0
        self._lock = threading.Lock()
        self._steps = self._walk()

    @property
    def walked(self) -> int:
        """Bytes that were walked over."""
        return len(self.raw) if self.finished and self.problem is None else self.starts[self.parts]

    def advance(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> bool:
        """Go on for about so long; returns whether there is more to do."""
        until = clock() + seconds
        with self._lock:
            try:
                while not self.finished:
                    next(self._steps)
                    if clock() >= until:
                        break
            except StopIteration:
                self.finished = True
            except Mistake as mistake:
                self.problem = f"{self._place(mistake.at)}: {mistake}"
                self.finished = True
            return not self.finished

    @abstractmethod
    def _walk(self) -> Walk:
        """Walk over all of it. Raises Mistake."""

    @abstractmethod
    def _place(self, at: int) -> str:
        """Name the place of a byte, as people look for it."""

    @abstractmethod
    def _key_text(self, written: bytes) -> str:
        """The text of a key that is written so."""

    def _note_keys(self, written: Iterable[bytes]) -> None:
        """Remember keys of the part that is walked over, as they are written."""
        for key in set(written).difference(self._known_keys):
            if self._note_key(self._key_text(key)):
                self._known_keys.add(key)

    def _note_key(self, key: str) -> bool:
        """Remember a key of the part that is walked over; False: there are too many."""
        if key in self.keys:
            return True
        if len(self.keys) < _MOST_KEYS:
            self.keys[key] = self.parts
            return True
        if self.keys_end is None:
            self.keys_end = self.parts
        return False

    def _end_part(self, at: int, lines: int) -> None:
        """End a part, which takes so many lines."""
        self.lines += lines
        self.first_lines.append(self.lines)
        self.starts.append(at)
        self.parts += 1  # last: whoever looks from another thread goes by it

    def _remark(self, sentence: str) -> None:
        if sentence not in self.remarks:
            self.remarks.append(sentence)

    def _remark_on_strange(self) -> None:
        """Remark on bytes that are not UTF-8 where there should be text."""
        if self._strange:
            self._remark(not_utf8(self._strange))
