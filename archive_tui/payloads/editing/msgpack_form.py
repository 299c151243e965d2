"""MessagePack, written value by value: a number keeps the width that its producer gave it."""

import math
import struct
from collections.abc import Sequence
from decimal import Decimal

from archive_tui.payloads.editing.forms import Node, node_of_list, node_of_map
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.payloads.tree import Pairs, Tree, exact
from archive_tui.text import decode, encode

_NIL, _FALSE, _TRUE, _FLOAT32, _FLOAT64 = 0xC0, 0xC2, 0xC3, 0xCA, 0xCB
_NUMBERS = {
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_TEXTS, _BYTES, _EXTENSIONS = (0xD9, 0xDA, 0xDB), (0xC4, 0xC5, 0xC6), (0xC7, 0xC8, 0xC9)
_LISTS, _MAPS = (0xDC, 0xDD), (0xDE, 0xDF)
_FIXED_EXTENSIONS = range(0xD4, 0xD9)
_WIDTHS = {1: ">B", 2: ">H", 4: ">I"}


class MessagePackForm:
    """Maps, lists and single values."""

    name = "MessagePack"

    def parse(self, raw: bytes) -> Node:
        node = _node(raw, 0)
        if node.end != len(raw):
            raise ValueError("bytes follow")
        return node

    def scalar(self, value: Tree, like: bytes | None) -> bytes:
        first = like[0] if like else None
        if value is None or isinstance(value, bool):
            return bytes([{None: _NIL, True: _TRUE, False: _FALSE}[value]])
        if isinstance(value, int) and first in (_FLOAT32, _FLOAT64):
            value = Decimal(value)  # a number that was no integer stays none
        if isinstance(value, int):
            return _integer(value, first)
        if isinstance(value, Decimal | float):
            return _float(float(value), first)
        if isinstance(value, str):
            return _sized(encode(value), _TEXTS, first, small=(0xA0, 32))
        if isinstance(value, bytes):
            return _sized(value, _BYTES, first)
        raise EditError(f"MessagePack cannot hold {type(value).__name__}")

    def joined(self, parts: Sequence[bytes], *, is_map: bool, like: bytes | None) -> bytes:
        first = like[0] if like else None
        count = len(parts) // 2 if is_map else len(parts)
        codes, widths, small = (_MAPS, (2, 4), 0x80) if is_map else (_LISTS, (2, 4), 0x90)
        if count < 16 and first not in codes:
            return bytes([small + count]) + b"".join(parts)
        return _head(count, codes, widths, first) + b"".join(parts)


def _node(raw: bytes, at: int) -> Node:
    code = raw[at]
    if code < 0x80 or code >= 0xE0:
        return Node(at, at + 1, code if code < 0x80 else code - 256)
    if code < 0x90:
        return _map(raw, at, at + 1, code & 0x0F)
    if code < 0xA0:
        return _list(raw, at, at + 1, code & 0x0F)
    if code < 0xC0:
        return _text(raw, at, at + 1, code & 0x1F)
    if code in (_NIL, _FALSE, _TRUE):
        return Node(at, at + 1, {_NIL: None, _FALSE: False, _TRUE: True}[code])
    if code in (_FLOAT32, _FLOAT64):
        form = ">f" if code == _FLOAT32 else ">d"
        end = at + 1 + struct.calcsize(form)
        (value,) = struct.unpack(form, raw[at + 1 : end])
        return Node(at, end, exact(_shortest32(value) if code == _FLOAT32 else value))
    if code in _NUMBERS:
        end = at + 1 + struct.calcsize(_NUMBERS[code])
        return Node(at, end, struct.unpack(_NUMBERS[code], raw[at + 1 : end])[0])
    if code in _FIXED_EXTENSIONS:
        return _extension(raw, at, at + 1, 1 << (code - 0xD4))
    for codes, widths, read in (
        (_TEXTS, (1, 2, 4), _text), (_BYTES, (1, 2, 4), _bytes), (_EXTENSIONS, (1, 2, 4), _extension),
        (_LISTS, (2, 4), _list), (_MAPS, (2, 4), _map),
    ):  # fmt: skip
        if code in codes:
            width = widths[codes.index(code)]
            (size,) = struct.unpack(_WIDTHS[width], raw[at + 1 : at + 1 + width])
            return read(raw, at, at + 1 + width, size)
    raise ValueError(f"no value begins with {code:#x}")


def _shortest32(value: float) -> float:
    """The shortest decimal that is this number in 32 bits, as a double."""
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack(">f", short) == struct.pack(">f", value):
            return short
    return value


def _content(raw: bytes, start: int, size: int) -> bytes:
    if start + size > len(raw):
        raise ValueError("cut off")
    return raw[start : start + size]


def _text(raw: bytes, at: int, start: int, size: int) -> Node:
    return Node(at, start + size, decode(_content(raw, start, size)))


def _bytes(raw: bytes, at: int, start: int, size: int) -> Node:
    return Node(at, start + size, _content(raw, start, size))


def _extension(raw: bytes, at: int, start: int, size: int) -> Node:
    content = _content(raw, start, size + 1)
    number = content[0] - 256 if content[0] > 127 else content[0]
    what = "a timestamp" if number == -1 else f"extension {number}"
    fixed = f"{what} of MessagePack cannot be written: edit the bytes in its place"
    return Node(at, start + size + 1, Pairs([("extension", number), ("data", content[1:])]), fixed=fixed)


def _list(raw: bytes, at: int, start: int, size: int) -> Node:
    values = []
    for _ in range(size):
        values.append(_node(raw, start))
        start = values[-1].end
    return node_of_list(at, start, values)


def _map(raw: bytes, at: int, start: int, size: int) -> Node:
    keys, values = [], []
    for _ in range(size):
        keys.append(_node(raw, start))
        values.append(_node(raw, keys[-1].end))
        start = values[-1].end
    return node_of_map(at, start, keys, values)


def _integer(value: int, first: int | None) -> bytes:
    if first in _NUMBERS:
        try:
            return bytes([first]) + struct.pack(_NUMBERS[first], value)
        except struct.error:  # it does not fit: the next that does
            pass
    if -32 <= value < 128:
        return struct.pack(">b", value)
    for code, form in _NUMBERS.items():
        try:
            return bytes([code]) + struct.pack(form, value)
        except struct.error:
            continue
    raise EditError(f"{value} does not fit into the 64 bits that a number of MessagePack has")


def _float(value: float, first: int | None) -> bytes:
    if first == _FLOAT32:
        try:
            packed = struct.pack(">f", value)
        except OverflowError:
            packed = b""
        if packed and (math.isnan(value) or _shortest32(struct.unpack(">f", packed)[0]) == value):
            return bytes([_FLOAT32]) + packed
    return bytes([_FLOAT64]) + struct.pack(">d", value)


def _sized(content: bytes, codes: Sequence[int], first: int | None, small: tuple[int, int] | None = None) -> bytes:
    if small is not None and len(content) < small[1] and first not in codes:
        return bytes([small[0] + len(content)]) + content
    return _head(len(content), codes, (1, 2, 4), first) + content


def _head(count: int, codes: Sequence[int], widths: Sequence[int], first: int | None) -> bytes:
    """The beginning of something of so many parts: no narrower than that of what stood in its place."""
    least = codes.index(first) if first in codes else 0
    for code, width in list(zip(codes, widths, strict=True))[least:]:
        if count < 1 << (8 * width):
            return bytes([code]) + struct.pack(_WIDTHS[width], count)
    raise EditError("it is too large for MessagePack")
