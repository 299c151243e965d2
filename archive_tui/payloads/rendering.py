"""Rendering of readings as lines: text, or hexadecimal with ASCII.

All lines have passed `text.py` and are safe to show. Lines of binary payloads are made on demand: a payload of 50 MiB
has three million of them.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.decoders.protobuf_wire import ProtobufDecoder
from archive_tui.payloads.redaction import RedactedReading
from archive_tui.payloads.search import ByteMatches, Matches, TextMatches
from archive_tui.payloads.writing import INDENT
from archive_tui.text import block

_HEX_WIDTH = 16
_DIGITS_AT = 10
_TEXT_AT = 60
"""Where in a line of `HexDocument` the digits begin, and the text."""


class Document(ABC):
    """Lines of safe text."""

    format: str
    """Path and format of the content, for a heading: `gzip › JSON`."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of lines."""

    @abstractmethod
    def line(self, index: int) -> str:
        """One line, safe to show."""

    @abstractmethod
    def plain(self) -> bytes:
        """The whole document, for copying."""

    @abstractmethod
    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> Matches | None:
        """Find a text, whatever its case; None once `cancelled` says that nobody wants to know any more.

        Many MiB take a second: not for the UI loop.
        """


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

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> Matches | None:
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
        return max(1, -(-len(self._raw) // _HEX_WIDTH))

    def line(self, index: int) -> str:
        offset = index * _HEX_WIDTH
        part = self._raw[offset : offset + _HEX_WIDTH]
        halves = part[:8].hex(" "), part[8:].hex(" ")
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)
        return f"{offset:08x}  {halves[0]:<23}  {halves[1]:<23}  {shown}"

    def plain(self) -> bytes:
        return "\n".join(self.line(index) for index in range(len(self))).encode()

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> Matches | None:
        """Find a text, or where there is none these hexadecimal digits."""
        return ByteMatches.of(self._raw, needle, _HEX_WIDTH, _hex_cells, cancelled)


def _hex_cells(column: int) -> tuple[int, int]:
    """Where the digits of a byte of a line of `HexDocument` begin, and the byte as text."""
    half = _HEX_WIDTH // 2
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
