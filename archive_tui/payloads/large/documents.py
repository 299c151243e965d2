"""Documents of many MiB: their lines are made in parts, when they are in sight, and kept no longer than that.

A document grows while its content is looked over (`advance`), by whoever has the time; a search goes on with it by
itself. No line is longer than some KiB: a longer one takes several.
"""

import io
import json
import re
import threading
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter

from archive_tui.folding import folded
from archive_tui.payloads.decoders.xml import is_like_xml
from archive_tui.payloads.large.json_nodes import string_of
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.payloads.rendering import Document, HexDocument, broken
from archive_tui.payloads.search import LineMatches, TextMatches, may_hold_in_json
from archive_tui.payloads.writing import INDENT, quoted
from archive_tui.text import block, decode

_KEPT = 128
"""Parts whose lines are held on to: those of some pages. Of one long line each is a line by itself, of 16 KiB."""

_BEFORE, _BEHIND = 16 * 1024, 4 * 1024
"""Bytes around a part that are looked at with it: a value that is masked may begin before it, and end behind it."""

_TOGETHER = 8
"""Parts that are looked at together first: in most payloads nothing in them is masked, and what is around a part is as
much as the part.
"""

_BYTES_A_LETTER = 24
"""Bytes that a letter takes at most: one with three accents as JSON may escape it."""

_MOMENT = 0.02
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
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return lines

    def _safe_lines(self, part: int) -> list[str]:
        """The lines of a part without what patterns find on them, or from line to line; where that cannot be told
        apart, none of them is shown.
        """
        lines = self._lines_in(part)
        _, starts, _ = self._parts()
        begin, end = max(starts[part] - _BEFORE, 0), starts[part + 1] + _BEHIND
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
            around = self._raw[max(starts[first] - _BEFORE, 0) : starts[last] + _BEHIND]
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

    def plain(self) -> bytes:
        return self._raw if not self._redaction.on else UNSEEN.encode()

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> TextMatches | None:
        """Find a text, whatever its case; None: called off. Parts that cannot hold it are not made."""
        found, wanted = TextMatches(), folded(needle)
        may_hold = may_hold_in_json(wanted)
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
            self.advance(_MOMENT)


UNSEEN = "not given away: nobody has looked for values to be masked in all of it"
"""What stands in the place of the whole where some of it may have to be masked."""


class _Hidden:
    """The parts of JSON before the first one with a key whose value is hidden."""

    def __init__(self, scan: JsonScan, redaction: Redaction) -> None:
        self._scan, self._redaction = scan, redaction
        self._asked = 0
        self._first: int | None = None

    def parts(self) -> int:
        """How many parts may be shown by now."""
        count = self._scan.parts
        if self._redaction.on and self._first is None:
            keys = list(self._scan.keys.items())
            for key, part in keys[self._asked :]:
                if self._redaction.hides(string_of(b'"%b"' % key)):
                    self._first = part
                    break
            self._asked = len(keys)
            if self._first is None:
                self._first = self._scan.keys_end
        return count if self._first is None else min(self._first, count)

    @property
    def any(self) -> bool:
        """Whether there is such a key."""
        return self._first is not None


_NOT_SHOWN = "… not shown from here: a value is masked. The tree masks values one by one"

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


_QUOTED = re.compile(r'"([^"\\]{16,})"')


class LargeText(PartsDocument):
    """Text as it is."""

    _PART = 16 * 1024

    def __init__(self, format_: str, raw: bytes, redaction: Redaction = SHOWN, scan: JsonScan | None = None) -> None:
        """`scan` is that of the JSON that it is as well: what that hides is not shown as text."""
        super().__init__(format_, raw, redaction)
        self._scan = scan if redaction.on else None
        self._hidden = _Hidden(scan, redaction) if scan is not None and redaction.on else None
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
            return _NOT_SHOWN if self._elements is None else _ELEMENT_NOT_SHOWN
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
            self._scan.advance(_MOMENT)
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
        part = raw[at:end]
        if not part.isascii():
            self.strange += _strange(part)
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
        before, behind = self._raw[max(begin - _BEFORE, 0) : begin], self._raw[end : end + _BEHIND]
        return block(before).split("\n")[:-1], block(behind).split("\n") if behind else []


class LargeHex(HexDocument):
    """Bytes in hexadecimal; of a stretch in which a pattern finds something to mask, the offsets alone."""

    _STRETCH = 64
    _AROUND = 256
    """Lines that are masked together, and bytes before and behind them that are looked at with them."""

    def __init__(self, raw: bytes, format_: str, redaction: Redaction) -> None:
        super().__init__(raw, format_)
        self._redaction = redaction
        self._open: OrderedDict[int, bool] = OrderedDict()

    def line(self, index: int) -> str:
        line = super().line(index)
        return line if self._shows(index // self._STRETCH) else f"{line[:8]}  {MASK}"

    def _shows(self, stretch: int) -> bool:
        if not self._redaction.on:
            return True
        shown = self._open.get(stretch)
        if shown is None:
            size = self._STRETCH * 16
            part = self._raw[max(stretch * size - self._AROUND, 0) : (stretch + 1) * size + self._AROUND]
            shown = self._open[stretch] = not self._redaction.may_hide(part) or self._redaction.raw(part) is part
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
        return shown

    def plain(self) -> bytes:
        return self._raw if not self._redaction.on else UNSEEN.encode()

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> LineMatches | None:
        """Find a text, or these hexadecimal digits, in what is shown; None: called off."""
        if not self._redaction.on:
            return super().matches(needle, cancelled)
        size = self._STRETCH * 16
        shown = io.BytesIO()
        for stretch in range(-(-len(self._raw) // size)):
            if cancelled():
                return None
            part = self._raw[stretch * size : (stretch + 1) * size]
            shown.write(part if self._shows(stretch) else bytes(len(part)))
        return HexDocument(shown.getvalue()).matches(needle, cancelled)


class LargeJson(PartsDocument):
    """JSON, or lines of it, laid out as `laid_out` does."""

    def __init__(self, format_: str, scan: JsonScan, redaction: Redaction = SHOWN) -> None:
        super().__init__(format_, scan.raw, redaction)
        self._scan = scan
        self._hidden = _Hidden(scan, redaction)

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
            return _NOT_SHOWN
        if self._scan.problem is not None and index >= self._scan.lines:
            return block(f"… not laid out from here: {self._scan.problem}")
        return super().line(index)

    def _parts(self) -> tuple[int, "array[int]", "array[int]"]:
        return self._hidden.parts(), self._scan.starts, self._scan.first_lines

    def _lines_in(self, part: int) -> list[str]:
        scan = self._scan
        depth = scan.depths[part]
        content = decode(self._raw[scan.starts[part] : scan.starts[part + 1]])
        lines = [INDENT * _levels(depth) + _piece(content)] if depth < 0 else _laid_out(content, depth)
        return [line for one in lines for shown in block(one).split("\n") for line in broken(shown)]

    def _has_whole_lines(self, part: int) -> bool:
        return self._scan.depths[part] >= 0

    def _lines_around(self, part: int) -> tuple[list[str], list[str]]:
        return [], []  # no string goes on in another part, but for those that are in pieces

    def _goes_on_at(self, part: int) -> int | None:
        depth, begin = self._scan.depths[part], self._scan.starts[part]
        goes_on = depth < 0 and self._raw[begin : begin + 1] != b'"'  # no piece is cut right before the closing quote
        return len(INDENT) * _levels(depth) if goes_on else None


_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LAST_OF_STRING = re.compile(r'(?<!\\)(?:\\\\)*+"\s*,?\Z')


def _levels(depth: int) -> int:
    """How far the pieces of a string are indented, by the depth of a part that is one."""
    return ~depth + 1


def _laid_out(content: str, depth: int) -> list[str]:
    """The lines of a part of JSON that begins so deep, at the beginning of a line."""
    lines: list[str] = []
    line, opened, ended = "", False, False
    for sign in _TOKEN.findall(content):
        if sign in ("}", "]"):
            depth -= 1
            if opened:
                line += sign
            else:
                if line:
                    lines.append(line)
                line = INDENT * depth + sign
            opened, ended = False, True
            continue
        if line and (opened or (ended and sign != ",")):
            lines.append(line)
            line = ""
        line = line or INDENT * depth
        opened, ended = sign in ("{", "["), False
        if sign == ",":
            lines.append(line + ",")
            line = ""
        elif sign == ":":
            line += ": "
        else:
            depth += opened
            line += _string(sign)
    if line:
        lines.append(line)
    return lines


def _string(token: str) -> str:
    """A token as it is shown: escapes that a string does not need are the characters that they stand for."""
    if "\\" not in token or token[-1:] != '"' or len(token) == 1:
        return token
    try:
        return quoted(json.loads(token, strict=False))
    except ValueError:  # of a line that is cut off
        return token


def _piece(content: str) -> str:
    """A piece of a long string, with its quotes where it has them."""
    if "\\" not in content:
        return content
    first = content.startswith('"')
    last = _LAST_OF_STRING.search(content)
    body = content[first : last.start() + last[0].index('"') if last is not None else None]
    return ('"' if first else "") + _string(f'"{body}"')[1:-1] + (last[0].lstrip("\\") if last is not None else "")


def _strange(part: bytes) -> int:
    try:
        part.decode()
    except UnicodeDecodeError:
        return sum("\udc80" <= letter <= "\udcff" for letter in decode(part))
    return 0
