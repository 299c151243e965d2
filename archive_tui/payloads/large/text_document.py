"""Text of many MiB as lines; also what is not quite text, or something else as well."""

import re
import threading
from array import array
from time import perf_counter

from archive_tui.payloads.decoders.xml import is_like_xml
from archive_tui.payloads.large.documents import BEFORE, BEHIND, MOMENT, NOT_SHOWN, HiddenParts, PartsDocument
from archive_tui.payloads.large.scan import Scan
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.payloads.strange_bytes import strange_bytes
from archive_tui.text import block, decode

_ELEMENT_NOT_SHOWN = "… not shown from here: a value is masked"

_XML_NAME = re.compile(rb"""<([^\s/>!?]++)|\s([^\s=<>"'/]++)\s*+=\s*+["']""")


class _Elements:
    """What is like XML before the first element or attribute whose value is hidden: all that is in an element belongs
    to its value, and nobody knows where it ends before it has been looked at.
    """

    _AROUND = 256

    def __init__(self, raw: bytes, redaction: Redaction) -> None:
        self._raw, self._redaction = raw, redaction
        self.hidden = False
        """Whether there is one in what was looked at."""

    def may_show(self, start: int, stop: int) -> bool:
        """Whether there is none in a part; looks around it, too, since a name may begin or end there."""
        found = _XML_NAME.findall(self._raw, max(start - self._AROUND, 0), stop + self._AROUND)
        self.hidden = any(self._redaction.hides(decode(tag or name)) for tag, name in set(found))
        return not self.hidden


class LargeText(PartsDocument):
    """Text as it is."""

    _PART = 16 * 1024

    def __init__(self, format_: str, raw: bytes, redaction: Redaction = SHOWN, scan: Scan | None = None) -> None:
        """`scan` is that of the JSON that it is as well: what that hides is not shown as text."""
        super().__init__(format_, raw, redaction)
        self._scan = scan if redaction.on else None
        self._hidden = HiddenParts(scan, redaction) if scan is not None and redaction.on else None
        self._elements = _Elements(raw, redaction) if redaction.on and is_like_xml(raw) else None
        self._starts, self._firsts = array("q", [0]), array("q", [0])
        self._count = self._length = 0
        self._lock = threading.Lock()
        self.strange = 0
        """Bytes so far that are not UTF-8."""

    @property
    def growing(self) -> bool:
        return not self._ends_early and (self._starts[self._count] < len(self._raw) or not self._count)

    @property
    def _ends_early(self) -> bool:
        """Whether the rest is not shown."""
        return (self._hidden is not None and self._hidden.any) or (self._elements is not None and self._elements.hidden)

    @property
    def walked(self) -> int:
        """Bytes that were looked over."""
        return self._starts[self._count]

    def __len__(self) -> int:
        return max(self._length + self._ends_early, 1)

    def line(self, index: int) -> str:
        if index >= self._length and self._ends_early:
            return NOT_SHOWN if self._elements is None else _ELEMENT_NOT_SHOWN
        return super().line(index)

    def advance(self, seconds: float) -> bool:
        until = perf_counter() + seconds
        with self._lock:
            while self.growing:
                if not self._may_add():
                    return self.growing
                self._add_part()
                if perf_counter() >= until:
                    break
            return self.growing

    def _may_add(self) -> bool:
        """Whether another part may be shown; goes on looking for what must not."""
        if self._hidden is None or self._scan is None:
            return self._elements is None or self._elements.may_show(self.walked, self.walked + self._PART)
        if not self._scan.finished:
            self._scan.advance(MOMENT)
        shown = self._hidden.parts()
        return (self._scan.finished and not self._hidden.any) or self._scan.starts[shown] > self.walked + self._PART

    def _add_part(self) -> None:
        raw, at = self._raw, self._starts[-1]
        end = at + self._PART
        if end >= len(raw):
            end, lines = len(raw), raw.count(b"\n", at) + 1
        elif (last := raw.rfind(b"\n", at, end)) >= 0:
            end, lines = last + 1, raw.count(b"\n", at, last + 1)
        else:
            while 0x80 <= raw[end] < 0xC0 and end > at + self._PART - 4:
                end -= 1
            lines = 1
        self.strange += strange_bytes(raw[at:end])
        self._length += lines
        self._firsts.append(self._length)
        self._starts.append(end)
        self._count += 1

    def _parts(self) -> tuple[int, "array[int]", "array[int]"]:
        return self._count, self._starts, self._firsts

    def _lines_in(self, part: int) -> list[str]:
        content = self._raw[self._starts[part] : self._starts[part + 1]]
        lines = block(content).split("\n")
        return lines[:-1] if content.endswith(b"\n") and self._starts[part + 1] < len(self._raw) else lines

    def _has_whole_lines(self, part: int) -> bool:
        begin, end = self._starts[part], self._starts[part + 1]
        return self._ends_line(begin) and self._ends_line(end)

    def _goes_on_at(self, part: int) -> int | None:
        return None if self._ends_line(self._starts[part]) else 0

    def _ends_line(self, at: int) -> bool:
        return at in (0, len(self._raw)) or self._raw[at - 1 : at] == b"\n"

    def _lines_around(self, part: int) -> tuple[list[str], list[str]]:
        begin, end = self._starts[part], self._starts[part + 1]
        before, behind = self._raw[max(begin - BEFORE, 0) : begin], self._raw[end : end + BEHIND]
        return block(before).split("\n")[:-1], block(behind).split("\n") if behind else []
