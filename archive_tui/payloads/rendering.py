"""Rendering of payloads as lines: JSON, other text, or hexadecimal with ASCII.

Asynq's payloads are bytes that mean something only to their producer, so the format is recognised by the content. All
lines have passed `text.py` and are safe to show. Lines of binary payloads are made on demand: a payload of 50 MiB has
three million of them.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from archive_tui.text import block, decode

_HEX_WIDTH = 16
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

    def find(self, needle: str, start: int, *, backwards: bool = False) -> int | None:
        """The index of the next line that holds `needle`, in any case, from `start` on and past the end; None: none
        does.
        """
        folded = needle.casefold()
        size = len(self)
        step = -1 if backwards else 1
        for distance in range(size):
            index = (start + step * distance) % size
            if folded in self.line(index).casefold():
                return index
        return None


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

    def find(self, needle: str, start: int, *, backwards: bool = False) -> int | None:
        """The index of the next line on which `needle`, as text or as hexadecimal digits, begins; None: none."""
        offset = _search(self._raw.lower(), needle.lower().encode("utf-8", "replace"), start * _HEX_WIDTH, backwards)
        if offset is None:
            try:
                digits = bytes.fromhex(needle)
            except ValueError:
                return None
            offset = _search(self._raw, digits, start * _HEX_WIDTH, backwards)
        return offset // _HEX_WIDTH if offset is not None else None


def _search(raw: bytes, needle: bytes, start: int, backwards: bool) -> int | None:
    """The offset of the next `needle` from `start` on and past the end; None: there is none."""
    if not needle:
        return None
    if backwards:
        before = raw.rfind(needle, 0, start + _HEX_WIDTH + len(needle) - 1)
        offset = before if before >= 0 else raw.rfind(needle)
    else:
        after = raw.find(needle, start)
        offset = after if after >= 0 else raw.find(needle)
    return offset if offset >= 0 else None


class _Number(str):
    """A JSON number as it was written: an id above 2⁵³ and a price of 1.10 must come out digit for digit."""

    __slots__ = ()


class _Members(list[tuple[str, Any]]):
    """A JSON object as it was written: order kept, and a key that stands twice is shown twice."""


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
    """Format a JSON object or array with two spaces of indentation; None: it is neither."""
    if raw.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
            object_pairs_hook=_Members,
        )
        return "".join(_write(value, "\n"))
    except (ValueError, RecursionError):
        return None


def _write(value: Any, newline: str) -> Iterator[str]:
    if isinstance(value, _Number):
        yield value
    elif isinstance(value, _Members):
        yield from _write_all("{}", [(f"{_quoted(key)}: ", one) for key, one in value], newline)
    elif isinstance(value, list):
        yield from _write_all("[]", [("", one) for one in value], newline)
    elif isinstance(value, str):
        yield _quoted(value)
    else:
        yield json.dumps(value)


def _quoted(text: str) -> str:
    """Write a JSON string without escapes, unless it holds half a surrogate pair, which no encoding takes."""
    quoted = json.dumps(text, ensure_ascii=False)
    try:
        quoted.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return quoted


def _write_all(brackets: str, entries: Sequence[tuple[str, Any]], newline: str) -> Iterator[str]:
    if not entries:
        yield brackets
        return
    inner = newline + _INDENT
    yield brackets[0]
    for number, (label, value) in enumerate(entries):
        yield ("," if number else "") + inner + label
        yield from _write(value, inner)
    yield newline + brackets[1]
