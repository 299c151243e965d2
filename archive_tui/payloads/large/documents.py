"""Documents of many MiB: their lines are made in parts, when they are in sight, and kept no longer than that.

A document grows while its content is looked over (`advance`), by whoever has the time; a search goes on with it by
itself. No line is longer than some KiB: a longer one takes several.
"""

import re
import threading
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from archive_tui.folding import folded
from archive_tui.payloads.large.scan import Scan
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.payloads.rendering import Document
from archive_tui.payloads.search import TextMatches
from archive_tui.payloads.sieve import Sieve
from archive_tui.text import block, decode

KEPT = 128
"""Parts whose lines are held on to: those of some pages. Of one long line each is a line by itself, of 16 KiB."""

BEFORE, BEHIND = 16 * 1024, 4 * 1024
"""Bytes around a part that are looked at with it: a value that is masked may begin before it, and end behind it."""

_TOGETHER = 8
"""Parts that are looked at together first: in most payloads nothing in them is masked, and what is around a part is as
much as the part.
"""

_BYTES_A_LETTER = 24
"""Bytes that a letter takes at most: one with three accents as JSON may escape it."""

_Scan = TypeVar("_Scan", bound=Scan)

MOMENT = 0.02
"""Seconds between two questions of a search whether anybody still wants to know."""

MOST_MATCHES = 500_000
"""Matches after which a search ends: they take 25 bytes each."""


class PartsDocument(Document):
    """Lines that are made part by part."""

    def __init__(self, format_: str, raw: bytes, redaction: Redaction) -> None:
        self.format = format_
        self._raw = raw
        self._redaction = redaction
        self._made: OrderedDict[int, list[str]] = OrderedDict()
        self._plain: dict[int, bool] = {}  # whether nothing is masked in so many parts, by the number of these

    @property
    @abstractmethod
    def growing(self) -> bool:
        """Whether lines are still being added."""

    @abstractmethod
    def advance(self, seconds: float) -> bool:
        """Go on looking over the content for about so long; returns whether there is more to do. For any thread."""

    @abstractmethod
    def _parts(self) -> tuple[int, "array[int]", "array[int]"]:
        """How many parts there are, where each begins (in bytes), and the first line of each."""

    @abstractmethod
    def _lines_in(self, part: int) -> list[str]:
        """Make the lines of a part, safe to show."""

    @abstractmethod
    def __len__(self) -> int: ...

    def line(self, index: int) -> str:
        count, _, firsts = self._parts()
        part = bisect_right(firsts, index, 0, count) - 1
        lines = self._lines_of(part) if part >= 0 else []
        within = index - firsts[part] if part >= 0 else 0
        return lines[within] if within < len(lines) else ""

    def _lines_of(self, part: int) -> list[str]:
        lines = self._made.get(part)
        if lines is None:
            lines = self._safe_lines(part)
            self._made[part] = lines
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return lines

    def _safe_lines(self, part: int) -> list[str]:
        """The lines of a part without what patterns find on them, or from line to line; where that cannot be told
        apart, none of them is shown.
        """
        lines = self._lines_in(part)
        _, starts, _ = self._parts()
        begin, end = max(starts[part] - BEFORE, 0), starts[part + 1] + BEHIND
        if self._is_plain_about(part) or not self._redaction.may_hide(self._raw[begin:end]):
            return lines
        if not self._has_whole_lines(part):
            around = decode(self._raw[begin:end])
            return lines if self._masked(around) == around else [MASK] * len(lines)
        before, behind = self._lines_around(part)
        masked = self._masked("\n".join([*before, *lines, *behind])).split("\n")
        if len(masked) != len(before) + len(lines) + len(behind):
            return [MASK] * len(lines)  # what is masked goes over several lines
        return masked[len(before) : len(before) + len(lines)]

    def _is_plain_about(self, part: int) -> bool:
        """Whether nothing is masked in a part and its neighbours; False, too, where not all of them are known yet."""
        group = part // _TOGETHER
        count, starts, _ = self._parts()
        first, last = group * _TOGETHER, (group + 1) * _TOGETHER
        if group not in self._plain and last <= count:
            around = self._raw[max(starts[first] - BEFORE, 0) : starts[last] + BEHIND]
            self._plain[group] = not self._redaction.may_hide(around)
        return self._plain.get(group, False)

    def _masked(self, text: str) -> str:
        return _QUOTED.sub(self._masked_string, self._redaction.text(text))

    @abstractmethod
    def _has_whole_lines(self, part: int) -> bool:
        """Whether a part begins and ends with a line; False: it is a piece of a longer one."""

    @abstractmethod
    def _lines_around(self, part: int) -> tuple[list[str], list[str]]:
        """Lines before a part and behind it that may hold the beginning, or the end, of what is masked in it."""

    @abstractmethod
    def _goes_on_at(self, part: int) -> int | None:
        """Where on the first line of a part stands what goes on from the last one of the part before it, in characters;
        None: it begins a line.
        """

    def _masked_string(self, string: "re.Match[str]") -> str:
        """A string on a line, which may be base64 of what is to be masked."""
        return f'"{self._redaction.text(string[1])}"'

    def _may_hold(self, sieve: Sieve) -> Callable[[bytes], bool]:
        """Tells whether bytes of the payload may hold a text."""
        return sieve.json

    def plain(self) -> bytes:
        return self._raw if not self._redaction.on else UNSEEN.encode()

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> TextMatches | None:
        """Find a text, whatever its case; None: called off. Parts that cannot hold it are not made."""
        found, wanted = TextMatches(), folded(needle)
        may_hold = self._may_hold(Sieve(wanted))
        reach = _BYTES_A_LETTER * len(needle)
        part = 0
        while True:
            count, starts, firsts = self._parts()
            while part < count:
                if cancelled():
                    return None
                border, at, begin = starts[part], self._goes_on_at(part), 0
                if at is not None and may_hold(self._raw[max(border - reach, 0) : border + reach]):
                    before, behind = self._safe_lines(part - 1)[-1], self._safe_lines(part)[0]
                    if MASK not in (before, behind):
                        begin = found.look_across(firsts[part] - 1, before, behind, at, needle, wanted)
                if may_hold(self._raw[border : starts[part + 1]]):
                    for number, line in enumerate(self._safe_lines(part), firsts[part]):
                        found.look(number, line, needle, wanted, begin)
                        begin = 0
                part += 1
                if len(found) >= MOST_MATCHES:
                    return found
            if not self.growing:
                return found
            if cancelled():
                return None
            self.advance(MOMENT)


_QUOTED = re.compile(r'"([^"\\]{16,})"')

UNSEEN = "not given away: nobody has looked for values to be masked in all of it"
"""What stands in the place of the whole where some of it may have to be masked."""

NOT_SHOWN = "… not shown from here: a value is masked. The tree masks values one by one"


class HiddenParts:
    """The parts of a payload before the first one with a key whose value is hidden."""

    def __init__(self, scan: Scan, redaction: Redaction) -> None:
        self._scan, self._redaction = scan, redaction
        self._asked = 0
        self._first: int | None = None
        self._lock = threading.Lock()

    def parts(self) -> int:
        """How many parts may be shown by now."""
        count = self._scan.parts
        if self._redaction.on and self._first is None:
            with self._lock:
                self._look()
        return count if self._first is None else min(self._first, count)

    def _look(self) -> None:
        """Look through the keys that are new. Mostly there are none: each line that is shown asks."""
        if self._first is not None:
            return  # somebody else has looked meanwhile
        first = self._scan.keys_end  # read before the keys, which are all there where it says something
        if len(self._scan.keys) > self._asked:
            keys = list(self._scan.keys.items())
            first = next((part for key, part in keys[self._asked :] if self._redaction.hides(key)), first)
            self._asked = len(keys)
        self._first = first

    @property
    def any(self) -> bool:
        """Whether there is such a key."""
        return self._first is not None


class ScanDocument(PartsDocument, Generic[_Scan]):
    """What is laid out as a scan walks over it."""

    def __init__(self, format_: str, scan: _Scan, redaction: Redaction = SHOWN) -> None:
        super().__init__(format_, scan.raw, redaction)
        self._scan = scan
        self._hidden = HiddenParts(scan, redaction)

    @property
    def growing(self) -> bool:
        return not self._scan.finished

    def __len__(self) -> int:
        lines = self._scan.first_lines[self._hidden.parts()]
        return max(lines + (self._hidden.any or self._scan.problem is not None), 1)

    def advance(self, seconds: float) -> bool:
        return self._scan.advance(seconds)

    def line(self, index: int) -> str:
        if index >= self._scan.first_lines[self._hidden.parts()] and self._hidden.any:
            return NOT_SHOWN
        if self._scan.problem is not None and index >= self._scan.lines:
            return block(f"… not laid out from here: {self._scan.problem}")
        return super().line(index)

    def _parts(self) -> tuple[int, "array[int]", "array[int]"]:
        return self._hidden.parts(), self._scan.starts, self._scan.first_lines

    def _lines_around(self, part: int) -> tuple[list[str], list[str]]:
        return [], []  # no value goes on in another part, but for those that are in pieces
