"""CBOR (RFC 8949), written value by value: a number keeps the width that its producer gave it."""

import math
import struct
from collections.abc import Sequence
from decimal import Decimal

from archive_tui.payloads.editing.forms import Node, node_of_list, node_of_map
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.payloads.tree import Pairs, Tree, exact
from archive_tui.text import decode, encode

_MARK = b"\xd9\xd9\xf7"
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _OTHER = range(8)
_BREAK, _ENDLESS = 0xFF, 31
_WIDTHS = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_WORDS = {20: False, 21: True, 22: None}


class CborForm:
    """Maps, lists and single values, with or without a length, and what stands behind a tag."""

    name = "CBOR"

    def parse(self, raw: bytes) -> Node:
        extra = _MARK if raw.startswith(_MARK) else b""
        node = _node(raw, len(extra))
        if node.end != len(raw):
            raise ValueError("bytes follow")
        node.extra = extra
        return node

    def scalar(self, value: Tree, like: bytes | None) -> bytes:
        first = like[0] if like else None
        major = first >> 5 if first is not None else None
        if value is None or isinstance(value, bool):
            return bytes([_OTHER << 5 | {False: 20, True: 21, None: 22}[value]])
        was_float = major == _OTHER and first is not None and first & 31 in _FLOATS
        if isinstance(value, int) and was_float:
            value = Decimal(value)  # a number that was no integer stays none
        if isinstance(value, int):
            if not -(1 << 64) <= value < 1 << 64:
                raise EditError(f"{value} does not fit into the 64 bits that a number of CBOR has")
            least = first if major in (_UNSIGNED, _NEGATIVE) else None
            return _head(_UNSIGNED, value, least) if value >= 0 else _head(_NEGATIVE, -1 - value, least)
        if isinstance(value, Decimal | float):
            return _float(float(value), first & 31 if was_float and first is not None else 27)
        if isinstance(value, str):
            content = encode(value)
            return _head(_TEXT, len(content), first if major == _TEXT else None) + content
        if isinstance(value, bytes):
            return _head(_BYTES, len(value), first if major == _BYTES else None) + value
        raise EditError(f"CBOR cannot hold {type(value).__name__}")

    def joined(self, parts: Sequence[bytes], *, is_map: bool, like: bytes | None) -> bytes:
        major = _MAP if is_map else _LIST
        first = like[0] if like and like[0] >> 5 == major else None
        if first is not None and first & 31 == _ENDLESS:
            return bytes([first]) + b"".join(parts) + bytes([_BREAK])
        return _head(major, len(parts) // 2 if is_map else len(parts), first) + b"".join(parts)


def _argument(raw: bytes, at: int) -> tuple[int | None, int]:
    """The number behind the first byte of a value, None where there is none, and where its content begins."""
    short = raw[at] & 31
    if short < 24:
        return short, at + 1
    if short == _ENDLESS:
        return None, at + 1
    form = _WIDTHS[short]
    end = at + 1 + struct.calcsize(form)
    return struct.unpack(form, raw[at + 1 : end])[0], end


def _node(raw: bytes, at: int) -> Node:
    try:
        major, (number, start) = raw[at] >> 5, _argument(raw, at)
    except (KeyError, struct.error):
        raise ValueError("no value begins here") from None
    if major == _OTHER:
        return _other(raw, at, start, number)
    if major in (_BYTES, _TEXT):
        return _string(raw, at, start, number, is_text=major == _TEXT)
    if major in (_LIST, _MAP):
        return _container(raw, at, start, number, is_map=major == _MAP)
    if number is None:
        raise ValueError("a number without an end")
    if major == _TAG:
        inner = _node(raw, start)
        fixed = f"what stands behind tag {number} of CBOR cannot be written: edit the bytes in its place"
        return Node(at, inner.end, Pairs([("tag", number), ("value", inner.tree)]), fixed=fixed)
    return Node(at, start, number if major == _UNSIGNED else -1 - number)


def _other(raw: bytes, at: int, start: int, number: int | None) -> Node:
    short = raw[at] & 31
    if short in _FLOATS:
        (value,) = struct.unpack(_FLOATS[short], raw[at + 1 : start])
        return Node(at, start, exact(_shortest(value, _FLOATS[short])))
    if short in _WORDS:
        return Node(at, start, _WORDS[short])
    if number is None:
        raise ValueError("an end without a beginning")
    fixed = f"the simple value {number} of CBOR cannot be written: edit the bytes in its place"
    return Node(at, start, Pairs([("simple", number)]), fixed=fixed)


def _shortest(value: float, form: str) -> float:
    """The shortest decimal that is this number in its width, as a double."""
    if form == ">d" or value - value != 0:
        return value
    for digits in range(1, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack(form, short) == struct.pack(form, value):
            return short
    return value


def _string(raw: bytes, at: int, start: int, size: int | None, *, is_text: bool) -> Node:
    if size is not None:
        content, end = raw[start : start + size], start + size
        if end > len(raw):
            raise ValueError("cut off")
    else:
        pieces, end = [], start
        while raw[end] != _BREAK:
            length, begin = _argument(raw, end)
            if length is None or raw[end] >> 5 != (_TEXT if is_text else _BYTES):
                raise ValueError("a string of other things")
            pieces.append(raw[begin : begin + length])
            end = begin + length
        content, end = b"".join(pieces), end + 1
    return Node(at, end, decode(content) if is_text else content)


def _container(raw: bytes, at: int, start: int, size: int | None, *, is_map: bool) -> Node:
    keys: list[Node] = []
    values: list[Node] = []
    while len(values) < size if size is not None else raw[start] != _BREAK:
        if is_map:
            keys.append(_node(raw, start))
            start = keys[-1].end
        values.append(_node(raw, start))
        start = values[-1].end
    end = start if size is not None else start + 1
    return node_of_map(at, end, keys, values) if is_map else node_of_list(at, end, values)


def _head(major: int, number: int, like: int | None) -> bytes:
    """The beginning of a value: no narrower than that of what stood in its place."""
    least = like & 31 if like is not None and 24 <= like & 31 <= 27 else 0
    if number < 24 and not least:
        return bytes([major << 5 | number])
    for short, form in _WIDTHS.items():
        if short >= least and number < 1 << (8 * struct.calcsize(form)):
            return bytes([major << 5 | short]) + struct.pack(form, number)
    raise EditError("it is too large for CBOR")


def _float(value: float, short: int) -> bytes:
    for width, form in _FLOATS.items():
        if width < short:
            continue
        try:
            packed = struct.pack(form, value)
        except OverflowError:
            continue
        if math.isnan(value) or _shortest(struct.unpack(form, packed)[0], form) == value:
            return bytes([_OTHER << 5 | width]) + packed
    return bytes([_OTHER << 5 | 27]) + struct.pack(">d", value)
