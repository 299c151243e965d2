"""CBOR (RFC 8949): the heads of its values."""

from archive_tui.payloads.decoder import library
from archive_tui.payloads.decoders.cbor import SELF_DESCRIBED, CborDecoder, value_of
from archive_tui.payloads.large.binary_format import (
    BREAK,
    BYTES,
    CUT_OFF,
    ENDLESS,
    LIST,
    MAP,
    OTHER,
    TAG,
    TEXT,
    Format,
    Head,
    labelled,
    many_numbers,
)  # fmt: skip
from archive_tui.payloads.large.scan import Mistake
from archive_tui.payloads.tree import Tree

_KINDS = (OTHER, OTHER, BYTES, TEXT, LIST, MAP, TAG, OTHER)
"""Kinds of values by the first three bits of their first byte."""

_REFERENCE = 25
"""Tag of a text that stands elsewhere in the payload."""

_LEAST_SIMPLE = 32
"""The least of the simple values that take a second byte."""


def _short(code: int) -> int:
    """Bytes of a value by its first byte, see `Format.short`."""
    kind, more = _KINDS[code >> 5], code & 31
    if kind in (LIST, MAP):
        return ~more if more < 24 else 0
    if kind in (TEXT, BYTES):
        return 1 + more if more < 24 else 0
    if kind == TAG:
        return 0
    return 1 if more < 24 else 1 + (1 << (more - 24)) if more < 28 and code != 0xF8 else 0


class Cbor(Format):
    """CBOR, whose values say how long they are, or that they go on to a break."""

    name = CborDecoder.name
    short = tuple(_short(code) for code in range(256))
    kinds = tuple(_KINDS[code >> 5] for code in range(256))
    containers = frozenset(code for code in range(0x98, 0xC0) if code & 31 > 23)
    words = frozenset((0xF4, 0xF5, 0xF6))
    unnamed = frozenset((*range(0xE0, 0xF4), 0xF7, 0xF8))
    numbers = many_numbers(
        rb"\x00-\x17\x20-\x37\xf4-\xf7", rb"\x18\x38", rb"\x19\x39\xf9", rb"\x1a\x3a\xfa", rb"\x1b\x3b\xfb"
    )

    def head(self, raw: bytes, at: int) -> Head:
        code = raw[at]
        kind, more = _KINDS[code >> 5], code & 31
        if more == 31 and code != 0xFF and kind in (LIST, MAP, TEXT, BYTES):
            return kind, at + 1, ENDLESS
        if code == 0xFF:
            return BREAK, at + 1, 0
        if more > 27:
            raise Mistake(at, f"no value begins with {code:#x}")
        width = 1 << (more - 24) if more > 23 else 0
        start = at + 1 + width
        if start > len(raw):
            raise Mistake(at, CUT_OFF)
        number = int.from_bytes(raw[at + 1 : start]) if width else more
        if kind == OTHER:
            if code == 0xF8 and number < _LEAST_SIMPLE:
                raise Mistake(at, "a simple value in the wrong length")
            return OTHER, start, 0
        if kind != TAG and start + number > len(raw):
            raise Mistake(at, CUT_OFF)
        return kind, start, number

    def whole(self, piece: bytes) -> Tree:
        return value_of(library("cbor2", "cbor2"), piece)

    def parts(self, head: Head, piece: bytes) -> Tree:
        _, start, number = head
        return labelled("tag", number, "value", self.tree(piece[start:]))

    def refers(self, tag: int) -> bool:
        return tag == _REFERENCE


def beginning(raw: bytes) -> int:
    """Where the value itself begins, behind CBOR's own mark."""
    return len(SELF_DESCRIBED) if raw.startswith(SELF_DESCRIBED) else 0
