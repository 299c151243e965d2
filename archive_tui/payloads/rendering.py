"""Rendering of payloads as lines: JSON, other text, or hexadecimal with ASCII.

Asynq's payloads are bytes that mean something only to their producer, so the format is recognised by the content. All
lines have passed `text.py` and are safe to show. Lines of binary payloads are made on demand: a payload of 50 MiB has
three million of them.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

from archive_tui.payloads.search import ByteMatches, Matches, TextMatches
from archive_tui.text import block, decode

_HEX_WIDTH = 16
_DIGITS_AT = 10
_TEXT_AT = 60
"""Where in a line of `HexDocument` the digits begin, and the text."""
_INDENT = "  "
_SNIFF = 4096
_BINARY_SHARE = 0.1


class Document(ABC):
    """Lines of safe text."""

    format: str
    """Format of the content, a word for a heading."""

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
    """Text as lines: formatted JSON, or text as it is."""

    def __init__(self, format_: str, content: str) -> None:
        self.format = format_
        self._content = content
        self._lines = block(content).split("\n")

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, index: int) -> str:
        return self._lines[index]

    def plain(self) -> bytes:
        return self._content.encode("utf-8", "surrogateescape")

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> Matches | None:
        return TextMatches.of(self._lines, needle, cancelled)


class HexDocument(Document):
    """Bytes in the form of `hexdump -C`: offset, sixteen bytes, and what of them is ASCII."""

    format = "binary"

    def __init__(self, raw: bytes) -> None:
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


def document(raw: bytes) -> Document:
    """Recognise the format of bytes and make a document of them. Tens of MiB take seconds: not for the UI loop."""
    if not raw:
        return TextDocument("empty", "(no payload)")
    pretty = _pretty_json(raw)
    if pretty is not None:
        return TextDocument("JSON", pretty)
    if _is_text(raw):
        return TextDocument("text", decode(raw))
    return HexDocument(raw)


def _is_text(raw: bytes) -> bool:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    start = text[:_SNIFF]
    controls = sum(1 for character in start if ord(character) < 0x20 and character not in "\t\n\r\x1b")
    return controls <= len(start) * _BINARY_SHARE and "\0" not in start


def _pretty_json(raw: bytes) -> str | None:
    """Format a JSON object or array with two spaces of indentation; None: it is neither.

    What is not layout comes out as it was written: an id above 2⁵³ and a price of 1.10 digit for digit, the order of
    the keys, and a key that stands twice. Of strings, escapes that are not needed become the characters they stand for.
    """
    if raw.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        text = raw.decode("utf-8")
        json.loads(text, parse_int=str, parse_float=str)  # only to be told whether it is JSON
    except (ValueError, RecursionError):
        return None
    return "".join(_indented(_TOKEN.findall(text)))


_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
"""A token of JSON that is known to be right: a string, a bracket, a comma, a colon, or a number or word."""

_OPENING = frozenset("[{")
_CLOSING = frozenset("]}")


def _indented(tokens: Iterable[str]) -> Iterator[str]:
    newline = "\n"
    opened = False  # whether the part before was an opening bracket
    for part in tokens:
        if part in _CLOSING:
            newline = newline[: -len(_INDENT)]
            yield part if opened else newline + part
            opened = False
            continue
        if opened:
            yield newline
        opened = part in _OPENING
        if opened:
            newline += _INDENT
            yield part
        elif part == ",":
            yield part + newline
        elif part == ":":
            yield ": "
        else:
            yield _quoted(json.loads(part)) if "\\" in part else part


def _quoted(text: str) -> str:
    """Write a JSON string without escapes, unless it holds half a surrogate pair, which no encoding takes."""
    quoted = json.dumps(text, ensure_ascii=False)
    try:
        quoted.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return quoted
