"""What a payload is, and how to show all of it: JSON, other text, or hexadecimal with ASCII.

Asynq's payloads are bytes that mean something only to the producer; this tells by looking. Everything comes out of the
text door, so any line may be put on a screen. Lines of binary payloads are made when they are asked for: a payload of
50 MiB has three million of them.
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
    """Lines of safe text. `format` is a word for a heading."""

    format: str

    @abstractmethod
    def __len__(self) -> int:
        """How many lines."""

    @abstractmethod
    def line(self, index: int) -> str:
        """One line, safe to show."""

    @abstractmethod
    def plain(self) -> bytes:
        """The whole document as it is copied."""

    def find(self, needle: str, start: int, *, backwards: bool = False) -> int | None:
        """The next line that holds `needle`, whatever its case, from `start` on and round the end; None if there is
        none.
        """
        wanted = needle.casefold()
        size = len(self)
        step = -1 if backwards else 1
        for distance in range(size):
            index = (start + step * distance) % size
            if wanted in self.line(index).casefold():
                return index
        return None


class TextDocument(Document):
    """Text that is kept as lines: JSON made readable, or text as it is."""

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
        """The next line on which `needle`, as text or as hexadecimal digits, begins."""
        at = _search(self._raw.lower(), needle.lower().encode("utf-8", "replace"), start * _HEX_WIDTH, backwards)
        if at is None:
            try:
                digits = bytes.fromhex(needle)
            except ValueError:
                return None
            at = _search(self._raw, digits, start * _HEX_WIDTH, backwards)
        return at // _HEX_WIDTH if at is not None else None


def _search(raw: bytes, wanted: bytes, start: int, backwards: bool) -> int | None:
    if not wanted:
        return None
    if backwards:
        before = raw.rfind(wanted, 0, start + _HEX_WIDTH + len(wanted) - 1)
        found = before if before >= 0 else raw.rfind(wanted)
    else:
        after = raw.find(wanted, start)
        found = after if after >= 0 else raw.find(wanted)
    return found if found >= 0 else None


class _Number(str):
    """A JSON number as it was written: an id above 2⁵³ and a price of 1.10 must come out digit for digit."""

    __slots__ = ()


class _Members(list[tuple[str, Any]]):
    """A JSON object as it was written: order kept, and a key that stands twice is shown twice."""


def document(raw: bytes) -> Document:
    """Tell what bytes are and make them readable. May take seconds on tens of mebibytes: not for the UI loop."""
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
    """JSON objects and arrays with two spaces of indentation; None for anything else."""
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
    """A JSON string as it reads best; with escapes where it holds half a surrogate pair, which no encoding takes."""
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
