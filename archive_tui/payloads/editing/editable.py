"""A payload for an editor: as a text in its decoded form, and the payload of the text that comes back.

JSON, NDJSON, XML and text are edited as they are, JSON laid out; MessagePack, CBOR and forms as the tree that screens
show; all else as bytes in hexadecimal, with the reason. Wrappers are taken off and put on again.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from xml.parsers import expat

from archive_tui.payloads.editing import json_edit
from archive_tui.payloads.editing.cbor_form import CborForm
from archive_tui.payloads.editing.forms import Form, Node, keys_of, rebuilt
from archive_tui.payloads.editing.hex_text import as_hex, from_hex
from archive_tui.payloads.editing.layers import Layer, peeled, put_on
from archive_tui.payloads.editing.msgpack_form import MessagePackForm
from archive_tui.payloads.editing.refusal import EditError, SyntaxFault
from archive_tui.payloads.editing.url_form import UrlForm
from archive_tui.payloads.readings import EMPTY, PayloadReader, Reading
from archive_tui.payloads.tree import Pairs, Tree, object_of, pairs_of
from archive_tui.payloads.writing import written
from archive_tui.text import decode, encode

LARGEST = 16 * 1024 * 1024
"""Bytes of the largest payload that is edited: an editor holds it several times."""

FORMS: Mapping[str, Form] = {"msgpack": MessagePackForm(), "cbor": CborForm(), "form": UrlForm()}
"""Formats that are written value by value, by the key of their reading."""

_COMPRESSIONS = frozenset(("gzip", "zlib", "zstd", "lz4", "brotli", "snappy"))


@dataclass(frozen=True, slots=True)
class Editable:
    """A payload as a text, and the way back."""

    form: str
    """The form of the text in words: `base64 › gzip › JSON`, `hexadecimal`."""

    text: bytes
    """The content of the file."""

    suffix: str
    """The end of the file's name, by which editors colour it."""

    notes: tuple[str, ...]
    """What a person must know, a sentence each; foreign text."""

    back: Callable[[bytes], bytes]
    """Gives the payload of a text that comes back. Raises SyntaxFault, EditError."""


def editable(reader: PayloadReader, raw: bytes, task_type: str = "") -> Editable:
    """Make a payload ready for an editor. Raises EditError for one that is too large."""
    if len(raw) > LARGEST:
        raise EditError(f"only payloads of up to {LARGEST // 1024 // 1024} MiB are edited")
    reading = reader.best(raw, task_type)
    if reading.problem is not None:
        return _bytes(raw, reading.problem)
    try:
        layers, content = peeled(reader.registry.wrappers, reading.path[:-1], raw)
        inner = _inside(reading, content)
    except EditError as error:
        return _bytes(raw, str(error))
    if not layers:
        return inner
    notes = inner.notes
    if named := [name for name in reading.path[:-1] if name in _COMPRESSIONS]:
        notes = (*notes, f"{' and '.join(named)} is written anew: the same content in other bytes")
    form = " › ".join((*reading.path[:-1], inner.form))
    return replace(inner, form=form, notes=notes, back=_through(layers, content, raw, inner.back))


def _through(
    layers: list[Layer], content: bytes, raw: bytes, back: Callable[[bytes], bytes]
) -> Callable[[bytes], bytes]:
    def wrapped(edited: bytes) -> bytes:
        new = back(edited)
        return raw if new == content else put_on(layers, new)

    return wrapped


def _inside(reading: Reading, content: bytes) -> Editable:
    """The text of what is inside all wrappers. Raises EditError where it has none."""
    key = reading.format_key
    if key == "json":
        return _json(content)
    if key in ("text", EMPTY):
        return _text(content, "text", ".txt", lambda _new: None)
    if key == "ndjson":
        return _text(content, reading.format, ".ndjson", _check_lines)
    if key == "xml":
        return _text(content, reading.format, ".xml", _check_xml)
    if key == "jwt":
        note = "a JWT is signed: whoever checks the signature will refuse what you change"
        return replace(_text(content, reading.format, ".txt", lambda _new: None), notes=(note,))
    if key in FORMS:
        return _form(FORMS[key], reading.format, content)
    if key == "binary":
        return _bytes(content)
    return _bytes(content, f"{reading.format} cannot be written from its decoded form")


def _bytes(raw: bytes, why: str = "") -> Editable:
    notes = (f"as bytes: {why}",) if why else ()
    return Editable("hexadecimal", as_hex(raw).encode(), ".hex", notes, lambda edited: from_hex(decode(edited)))


def _text(content: bytes, form: str, suffix: str, check: Callable[[bytes], None]) -> Editable:
    def back(edited: bytes) -> bytes:
        new = edited if content.endswith(b"\n") else _without_added_end(edited, b"\r\n" in content)
        if new != content:
            check(new)
        return new

    return Editable(form, content, suffix, (), back)


def _without_added_end(edited: bytes, with_returns: bool) -> bytes:
    """A text without the end of its last line, which editors add."""
    without = edited.removesuffix(b"\n")
    return without.removesuffix(b"\r") if with_returns and without is not edited else without


def _json(content: bytes) -> Editable:
    text = decode(content)
    shown, back = json_edit.to_edit(text)

    def payload(edited: bytes) -> bytes:
        new = decode(edited).strip(" \t\r\n")
        json_edit.check(decode(edited))
        return encode(back(new))

    return Editable("JSON", encode(shown) + b"\n", ".json", (), payload)


def _check_lines(content: bytes) -> None:
    for number, line in enumerate(decode(content).split("\n"), 1):
        if line.strip():
            try:
                json_edit.check(line)
            except SyntaxFault as fault:
                raise SyntaxFault(str(fault).replace("line 1,", f"line {number:,},", 1)) from None


def _check_xml(content: bytes) -> None:
    try:
        expat.ParserCreate().Parse(content, True)
    except expat.ExpatError as error:
        words = expat.errors.messages[error.code]
        raise SyntaxFault(f"line {error.lineno:,}, column {error.offset + 1:,}: {words}") from None
    except (ValueError, LookupError) as error:
        raise SyntaxFault(str(error)) from None


# Trees as text


def _form(form: Form, name: str, content: bytes) -> Editable:
    body = content.rstrip() if isinstance(form, UrlForm) else content
    node = parsed(form, body)
    if not all(isinstance(key, str) for key in keys_of(node.tree)):
        return _bytes(content, f"a key of this {name} is no text")
    shown = written(node.tree)

    def back(edited: bytes) -> bytes:
        text = decode(edited).strip(" \t\r\n")
        if text == shown:
            return content
        return rebuilt(form, body, node, tree_of(decode(edited))) + content[len(body) :]

    return Editable(name, encode(shown) + b"\n", ".json", (), back)


def parsed(form: Form, content: bytes) -> Node:
    """The values of a payload that a decoder has read. Raises EditError."""
    try:
        return form.parse(content)
    except (ValueError, IndexError, RecursionError):
        raise EditError("it was written in a way that cannot be written again") from None


def tree_of(text: str) -> Tree:
    """Read a tree as `writing.written` has it: JSON, with bytes as `h'c0ffee'`. Raises SyntaxFault."""
    mark = next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    marked = "".join(
        f'"{mark}{token[2:-1]}"' if token.startswith("h'") and token.endswith("'") else token for token in _pieces(text)
    )

    def plain(value: Tree) -> Tree:
        if isinstance(value, str) and value.startswith(mark):
            try:
                return bytes.fromhex(value[1:])
            except ValueError:
                raise SyntaxFault(f"h'{value[1:]}' are no bytes: every byte has two digits of hexadecimal") from None
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, dict | Pairs):
            return object_of([(plain(key), plain(one)) for key, one in pairs_of(value)])
        return value

    try:
        return plain(_READER.decode(marked))
    except json.JSONDecodeError as error:
        words = error.msg[:1].lower() + error.msg[1:]
        raise SyntaxFault(f"line {error.lineno:,}, column {error.colno:,}: {words}") from None
    except SyntaxFault:
        raise
    except (ValueError, ArithmeticError, RecursionError):
        raise SyntaxFault("a number in it is too long, or it nests too deep") from None


def _pieces(text: str) -> list[str]:
    """A text in pieces, of which strings and bytes are whole; joined they are the text again."""
    return _PIECE.findall(text)


_PIECE = re.compile(r""""[^"\\]*(?:\\.[^"\\]*)*"|h'[^'\n]*'|[^"h]+|.""", re.DOTALL)
_READER = json.JSONDecoder(object_pairs_hook=object_of, parse_float=Decimal)
