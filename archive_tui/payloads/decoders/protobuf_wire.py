"""Protobuf without a schema: numbers of fields, wire types, and the likeliest reading of each value."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.tree import Tree, exact
from archive_tui.payloads.wrappers.unpacking import is_ascii_text
from archive_tui.payloads.writing import INDENT, written
from archive_tui.wording.people import size

_VARINT, _FIXED64, _BYTES, _GROUP, _FIXED32 = 0, 1, 2, 3, 5
_WIRE = {_VARINT: "varint", _FIXED64: "fixed64", _BYTES: "bytes", _GROUP: "group", _FIXED32: "fixed32"}
_HIGHEST_LIKELY = 10_000
"""Number of a field above which nobody numbers fields."""
_LEAST_LETTERS = 2
_LARGEST = 1024 * 1024
"""Bytes of the largest payload that is tried. Two bytes may be a field, and half a million of them take a second."""
_DEEPEST = 64
"""Messages within each other; each of them is parsed once more than the one around it."""


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    """Number of the field, from 1."""

    wire: int
    """Wire type."""

    value: "Tree | list[_Field]"
    """A number, text, bytes, or the fields of a message or group."""

    @property
    def nested(self) -> bool:
        """Whether the value is fields."""
        return isinstance(self.value, list)


class ProtobufDecoder:
    """A message of a schema that nobody here knows (the encoding: protobuf.dev, "Encoding").

    The tree has a dict from number to value for a message, with a list where a number stands more than once. A varint
    above 2⁶³ is read as negative; eight or four bytes as a float where that is an everyday number, else as an integer.
    """

    name = "protobuf"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        if len(raw) < 2 or not _may_begin(raw[0]) or (is_ascii_text(raw) and raw[:1] != b"\n"):
            return None
        if len(raw) > _LARGEST:
            context.notes.append(f"not tried as protobuf without its schema: that is for {size(_LARGEST)} and less")
            return None
        fields = _fields(raw, context, _DEEPEST)
        if not fields:
            return None
        return Decoded(
            _fit(raw, fields),
            "its fields end where it ends",
            _tree(fields),
            lambda: "\n".join(_lines(fields, "")),
            ("read without its schema",),
        )


def _may_begin(byte: int) -> bool:
    return byte & 7 in _WIRE and byte >= 8  # the number of a field is 1 or more


def _fields(raw: bytes, context: Context, depth: int) -> list[_Field] | None:
    """The fields of a message; None: it is none."""
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import DecodeError
    from google.protobuf.unknown_fields import UnknownFieldSet

    message = Empty()
    try:
        message.ParseFromString(raw)
    except DecodeError:
        return None
    unknown: Any = UnknownFieldSet(message)  # its types lack that it can be iterated
    return _read(unknown, context, depth)


def _read(unknown: Iterable[Any], context: Context, depth: int) -> list[_Field] | None:
    fields: list[_Field] = []
    for field in unknown:
        number: int = field.field_number
        wire: int = field.wire_type
        data = field.data
        if number < 1:  # the library lets 0 pass
            return None
        value: Tree | list[_Field] | None
        if wire == _BYTES:
            value = _content(data, context, depth)
        elif wire == _GROUP:
            value = _read(data, context, depth - 1) if depth > 0 else None
        elif wire == _VARINT:
            value = data - 2**64 if data >= 2**63 else data
        else:
            value = _fixed(data, wire)
        if value is None:
            return None
        fields.append(_Field(number, wire, value))
    return fields


def _content(raw: bytes, context: Context, depth: int) -> "Tree | list[_Field]":
    """Text, a message, or bytes. A message whose first field is a text often looks like a text that begins with a
    newline: `\\n` is field 1, and `$` the length of a UUID.
    """
    text = _text(raw)
    if text is not None and not raw.startswith(b"\n"):
        return text
    if len(raw) > 1 and depth > 0 and _may_begin(raw[0]) and not context.late:
        fields = _fields(raw, context, depth - 1)
        if fields and max(field.number for field in fields) <= _HIGHEST_LIKELY:
            return fields
    return raw if text is None else text


def _text(raw: bytes) -> str | None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.translate(_LAYOUT).isprintable() else None


_LAYOUT = dict.fromkeys(map(ord, "\n\r\t"))


def _fixed(data: int, wire: int) -> Tree:
    width, whole, floating = (8, "<Q", "<d") if wire == _FIXED64 else (4, "<I", "<f")
    raw = struct.pack(whole, data)
    (value,) = struct.unpack(floating, raw)
    if data and 1e-5 < abs(value) < 1e9:
        return exact(shortest_single(value) if width == 4 else value)
    return data - (1 << 8 * width) if data >> (8 * width - 1) else data


def shortest_single(value: float) -> float:
    """The number with the fewest digits that is this float of four bytes; NaN and the infinities stay as they are."""
    if value - value != 0:
        return value
    for digits in range(6, 9):
        rounded = float(f"{value:.{digits}g}")
        if struct.pack("<f", rounded) == struct.pack("<f", value):
            return rounded
    return float(f"{value:.9g}")


def _fit(raw: bytes, fields: list[_Field]) -> Fit:
    """Texts are a proof, numbers alone are chance; and what is a text as a whole may be just that."""
    whole = _text(raw)
    if whole is not None and not raw.startswith(b"\n"):
        return Fit.DOUBTFUL
    leaves = list(_leaves(fields))
    if any(field.number > _HIGHEST_LIKELY for field in leaves):
        return Fit.DOUBTFUL
    letters = sum(len(field.value) for field in leaves if isinstance(field.value, str))
    strange = sum(len(field.value) for field in leaves if isinstance(field.value, bytes))
    return Fit.LIKELY if letters >= _LEAST_LETTERS and letters >= strange // 8 else Fit.DOUBTFUL


def _leaves(fields: list[_Field]) -> Iterator[_Field]:
    for field in fields:
        if isinstance(field.value, list):
            yield from _leaves(field.value)
        else:
            yield field


def _tree(fields: list[_Field]) -> Tree:
    tree: dict[int, Tree] = {}
    repeated: set[int] = set()
    for field in fields:
        value = _tree(field.value) if isinstance(field.value, list) else field.value
        if field.number not in tree:
            tree[field.number] = value
        elif field.number in repeated:
            tree[field.number].append(value)
        else:
            repeated.add(field.number)
            tree[field.number] = [tree[field.number], value]
    return tree


def _lines(fields: list[_Field], indent: str) -> Iterator[str]:
    for field in fields:
        if isinstance(field.value, list):
            yield f"{indent}{field.number} {{  # {'group' if field.wire == _GROUP else 'message'}"
            yield from _lines(field.value, indent + INDENT)
            yield indent + "}"
        else:
            yield f"{indent}{field.number}: {written(field.value)}  # {_WIRE[field.wire]}"
