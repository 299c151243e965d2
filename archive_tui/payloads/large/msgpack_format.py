"""MessagePack: the heads of its values."""

from archive_tui.payloads.decoder import library
from archive_tui.payloads.decoders.messagepack import MessagePackDecoder, value_of
from archive_tui.payloads.large.binary_format import (
    BYTES,
    CUT_OFF,
    EXTENSION,
    LIST,
    MAP,
    OTHER,
    TEXT,
    Format,
    Head,
    labelled,
    many_numbers,
)  # fmt: skip
from archive_tui.payloads.large.scan import Mistake
from archive_tui.payloads.tree import Tree

_SIZED = {
    0xC4: (BYTES, 1), 0xC5: (BYTES, 2), 0xC6: (BYTES, 4),
    0xC7: (EXTENSION, 1), 0xC8: (EXTENSION, 2), 0xC9: (EXTENSION, 4),
    0xD9: (TEXT, 1), 0xDA: (TEXT, 2), 0xDB: (TEXT, 4),
    0xDC: (LIST, 2), 0xDD: (LIST, 4), 0xDE: (MAP, 2), 0xDF: (MAP, 4),
}  # fmt: skip
"""Kinds of values by their first bytes, and in how many bytes their length follows."""

_FIXED = {
    0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9,
    0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
}  # fmt: skip
"""Bytes of words and numbers."""


def _short(code: int) -> tuple[int, int]:
    """Bytes and kind of a value by its first byte, see `Format.short`."""
    if code < 0x80 or code >= 0xE0:
        return 1, OTHER
    if code < 0xA0:
        return ~(code & 15), LIST if code >= 0x90 else MAP
    if code < 0xC0:
        return 1 + (code & 31), TEXT
    return _FIXED.get(code, 0), OTHER


class MessagePack(Format):
    """MessagePack, whose values all say how long they are."""

    name = MessagePackDecoder.name
    short = tuple(_short(code)[0] for code in range(256))
    kinds = tuple(_short(code)[1] for code in range(256))
    containers = frozenset((0xDC, 0xDD, 0xDE, 0xDF))
    words = frozenset((0xC0, 0xC2, 0xC3))
    numbers = many_numbers(
        rb"\x00-\x7f\xe0-\xff\xc0\xc2\xc3", rb"\xcc\xd0", rb"\xcd\xd1", rb"\xca\xce\xd2", rb"\xcb\xcf\xd3"
    )

    def head(self, raw: bytes, at: int) -> Head:
        code = raw[at]
        if 0xD4 <= code <= 0xD8:
            kind, width, number = EXTENSION, 0, 1 << (code - 0xD4)
        elif code in _SIZED:
            kind, width = _SIZED[code]
            number = int.from_bytes(raw[at + 1 : at + 1 + width])
        else:
            raise Mistake(at, f"no value begins with {code:#x}")
        start = at + 1 + width + (kind == EXTENSION)
        if start + number > len(raw):
            raise Mistake(at, CUT_OFF)
        return kind, start, number

    def whole(self, piece: bytes) -> Tree:
        return value_of(library("msgpack", "msgpack"), piece)

    def parts(self, head: Head, piece: bytes) -> Tree:
        _, start, number = head
        code = int.from_bytes(piece[start - 1 : start], signed=True)
        return labelled("extension", code, "data", piece[start : start + number])

    def refers(self, tag: int) -> bool:
        return False
