"""Rendering of payloads: a tree that folds, or lines of text, or hexadecimal with ASCII.

`views` lists the ways to look at one payload, and `shown` makes one of them. All lines have passed `text.py` and are
safe to show. Lines of bytes are made on demand: a payload of 50 MiB has three million of them.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.decoders.plain_text import TextDecoder
from archive_tui.payloads.decoders.protobuf_wire import ProtobufDecoder
from archive_tui.payloads.nodes import Node, TreeNode
from archive_tui.payloads.readings import NO_TREE
from archive_tui.payloads.redaction import RedactedReading
from archive_tui.payloads.search import (
    ByteMatches,
    Cancelled,
    LineMatches,
    Matches,
    OutlineMatches,
    TextMatches,
    Within,
)
from archive_tui.payloads.writing import INDENT
from archive_tui.text import block, decode

HEX_WIDTH = 16
"""Bytes of a line of `HexDocument`."""

_DIGITS_AT = 10
_TEXT_AT = 60
"""Where in a line of `HexDocument` the digits begin, and the text."""


_MOMENT = 0.02
"""Seconds of reading between two questions of a search whether anybody still wants to know."""


def _wanted() -> bool:
    return False


class Shown(ABC):
    """What is shown of a payload or an error in one way."""

    format: str
    """Path and format of the content, for a heading: `gzip › JSON`."""

    @abstractmethod
    def plain(self) -> bytes:
        """The whole of it, for copying."""

    @abstractmethod
    def matches(self, needle: str, cancelled: Cancelled = _wanted) -> Matches | None:
        """Find a text, whatever its case; None once `cancelled` says that nobody wants to know any more.

        Many MiB take a second: not for the UI loop.
        """


class Document(Shown):
    """Lines of safe text."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of lines."""

    @abstractmethod
    def line(self, index: int) -> str:
        """One line, safe to show."""

    @abstractmethod
    def matches(self, needle: str, cancelled: Cancelled = _wanted) -> LineMatches | None: ...


class TreeDocument(Shown):
    """A tree, to be shown as an outline."""

    def __init__(
        self, format_: str, root: Node, write: Callable[[], str], advance: Callable[[float], bool] | None = None
    ) -> None:
        """`write` writes all of it out, for copying. `advance` goes on reading a large one for so many seconds, and
        tells whether there is more to do; None: all of it is there.
        """
        self.format = format_
        self.root = root
        self._write = write
        self._advance = advance

    def plain(self) -> bytes:
        return self._write().encode("utf-8", "surrogateescape")

    def matches(self, needle: str, cancelled: Cancelled = _wanted) -> OutlineMatches | None:
        while self._advance is not None and not cancelled() and self._advance(_MOMENT):
            pass
        return OutlineMatches.of(self.root, needle, cancelled)


class TextDocument(Document):
    """Text as lines: what is laid out as JSON is, or text as it is."""

    def __init__(self, format_: str, content: str, *, strings: bool = False) -> None:
        """`strings` says that the content is laid out as JSON is: line ends inside its strings are shown as such."""
        self.format = format_
        self._content = content
        lines = block(content).split("\n")
        self._lines = [part for line in lines for part in broken(line)] if strings and "\\n" in content else lines

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, index: int) -> str:
        return self._lines[index]

    def plain(self) -> bytes:
        return self._content.encode("utf-8", "surrogateescape")

    def matches(self, needle: str, cancelled: Cancelled = _wanted) -> LineMatches | None:
        return TextMatches.of(self._lines, needle, cancelled)


_KEY = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*": )?')
_ESCAPED = re.compile(r"\\(.)")
_TAB = "    "


def broken(line: str) -> Iterator[str]:
    """Break a line of laid-out JSON where its string has a line end; what follows is indented further than its key."""
    if "\\n" not in line:
        yield line
        return
    begin = _KEY.match(line)
    at, start = begin.end() if begin is not None else 0, 0
    indent = " " * (len(line) - len(line.lstrip(" "))) + INDENT
    prefix = ""
    for escape in _ESCAPED.finditer(line, at):
        if escape[1] == "n":
            yield prefix + _without_tabs(line[start : escape.start()].removesuffix("\\r"), start > 0)
            start, prefix = escape.end(), indent
    yield prefix + _without_tabs(line[start:], start > 0)


def _without_tabs(part: str, continues: bool) -> str:
    """Show the tabs at the beginning of a line inside a string, as a stack trace of Go has them."""
    if not continues:
        return part
    body = part
    while body.startswith("\\t"):
        body = body[2:]
    return _TAB * ((len(part) - len(body)) // 2) + body


class HexDocument(Document):
    """Bytes in the form of `hexdump -C`: offset, sixteen bytes, and what of them is ASCII."""

    def __init__(self, raw: bytes, format_: str = BinaryDecoder.name) -> None:
        self.format = format_
        self._raw = raw

    def __len__(self) -> int:
        return max(1, -(-len(self._raw) // HEX_WIDTH))

    def line(self, index: int) -> str:
        offset = index * HEX_WIDTH
        part = self._raw[offset : offset + HEX_WIDTH]
        halves = part[:8].hex(" "), part[8:].hex(" ")
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)
        return f"{offset:08x}  {halves[0]:<23}  {halves[1]:<23}  {shown}"

    def plain(self) -> bytes:
        return "\n".join(self.line(index) for index in range(len(self))).encode()

    def matches(self, needle: str, cancelled: Cancelled = _wanted) -> LineMatches | None:
        """Find a text in UTF-8 or UTF-16, or where there is none these hexadecimal digits."""
        return self._found(needle, cancelled)

    def _found(self, needle: str, cancelled: Cancelled, within: Within | None = None) -> LineMatches | None:
        return ByteMatches.of(self._raw, needle, HEX_WIDTH, _hex_cells, cancelled, within)


def _hex_cells(column: int) -> tuple[int, int]:
    """Where the digits of a byte of a line of `HexDocument` begin, and the byte as text."""
    half = HEX_WIDTH // 2
    return _DIGITS_AT + 3 * column + (1 if column >= half else 0), _TEXT_AT + column


_LIKE_JSON = {JsonDecoder.name, NdjsonDecoder.name, ProtobufDecoder.name}
"""Formats that write their own text, with strings as JSON has them."""


def document(reading: RedactedReading) -> Document:
    """Make a document of a reading that may be shown. Tens of MiB that are not `large` take seconds: not for the UI
    loop.
    """
    if reading.large is not None and reading.problem is None:
        large: Document = reading.large.document(reading.name)
        return large
    if reading.problem is None and reading.format == BinaryDecoder.name:
        return HexDocument(reading.content, reading.name)
    if not reading.content:
        return TextDocument(reading.name, "(no payload)")
    like_json = reading.write is None or reading.format in _LIKE_JSON
    return TextDocument(reading.name, reading.text(), strings=like_json)


# The ways to look at one payload


class Form(Enum):
    """Forms in which a payload is shown."""

    TREE = "tree"
    """As an outline that folds."""

    PRETTY = "pretty"
    """Decoded and laid out as text."""

    RAW = "raw"
    """Its bytes as they stand in Redis, as text."""

    HEX = "hex"
    """These bytes in hexadecimal."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a payload."""

    form: Form

    reading: RedactedReading
    """What is shown of it: one of its readings, or the bytes as they are."""

    title: str
    """Path and format, for the title: `gzip › JSON`; of the bytes as they are, those of the best reading."""

    name: str
    """Its name among the others: `tree`, `gzip › text`, `hex`."""

    def shown(self) -> Shown:
        """Make what it shows. Tens of MiB take seconds: not for the UI loop."""
        reading = self.reading
        if reading.large is not None and reading.problem is None:
            if self.form is Form.TREE:
                return TreeDocument(self.title, reading.large.root(), reading.text, reading.large.advance)
            if self.form is Form.RAW:
                as_text: Document = reading.large.raw(self.title)
                return as_text
            return document(reading)
        if self.form is Form.TREE:
            return TreeDocument(self.title, TreeNode(reading.tree), reading.text)
        if self.form is Form.PRETTY or reading.problem is not None:
            return document(reading)
        if self.form is Form.RAW:
            return TextDocument(self.title, decode(reading.content))
        return HexDocument(reading.content, self.title)


def views(readings: Sequence[RedactedReading]) -> list[View]:
    """The ways to look at a payload, of which the first is the best: each of its readings as a tree, where it has one,
    and laid out; its bytes as text and in hexadecimal. Bytes that are no text come first in hexadecimal.
    """
    best = readings[0]
    found = [view for reading in readings for view in _views_of(reading, alone=reading is best)]
    as_they_are = next((reading for reading in readings if reading.path == (BinaryDecoder.name,)), None)
    if as_they_are is None:
        return found
    as_text = as_they_are
    if as_they_are.large is not None:  # of many MiB of text there is a reading as such, which is looked over already
        as_text = next((reading for reading in readings if reading.path == (TextDecoder.name,)), as_they_are)
    as_bytes = [View(Form.HEX, as_they_are, best.name, Form.HEX.value)]
    as_bytes.insert(best is as_they_are, View(Form.RAW, as_text, best.name, Form.RAW.value))
    return [*as_bytes, *found] if _is_bytes(best) else [*found, *as_bytes]


def has_tree(reading: RedactedReading) -> bool:
    """Whether a reading can be shown as a tree."""
    large = reading.large
    return reading.problem is None and (reading.tree is not NO_TREE or (large is not None and large.has_tree))


def _is_bytes(reading: RedactedReading) -> bool:
    """Whether a reading is the bytes as they are, as text or in hexadecimal."""
    return reading.problem is None and reading.path in ((TextDecoder.name,), (BinaryDecoder.name,))


def _views_of(reading: RedactedReading, *, alone: bool) -> Iterator[View]:
    """The ways to look at a reading; none where it is the bytes as they are. `alone`: it needs no name."""
    if _is_bytes(reading):
        return
    if has_tree(reading):
        yield View(Form.TREE, reading, reading.name, "tree" if alone else f"{reading.name} tree")
        yield View(Form.PRETTY, reading, reading.name, "pretty" if alone else reading.name)
    elif reading.path != (BinaryDecoder.name,):  # a problem of these bytes is told where they are shown
        yield View(Form.PRETTY, reading, reading.name, reading.name)
