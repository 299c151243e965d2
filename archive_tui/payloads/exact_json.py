"""Trees and readings as other programs read them: JSON on one line that loses nothing.

Numbers keep every digit, also those that no double holds: whoever reads them must not round. What JSON has no form for
gets one:

====================================  =========================================================
value                                 written as
====================================  =========================================================
bytes                                 `{"base64": "…"}`
text that UTF-8 does not hold         `{"base64": "…"}` of its bytes; a lone surrogate that an
                                      escape of JSON put there is three bytes, as WTF-8 has it
NaN and the infinities                `"NaN"`, `"Infinity"`, `"-Infinity"`
keys that are no text                 their text: `1`, `true`
an object whose keys JSON cannot      a list of `[key, value]`
have: one stands twice, or is a
container, or no UTF-8 holds it
====================================  =========================================================
"""

import base64
from collections.abc import Callable
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.readings import NO_TREE, Tree
from archive_tui.payloads.redaction import RedactedReading
from archive_tui.payloads.tree import Pairs, pairs_of


def exact_json(value: Any, *, ascii_only: bool = True) -> str:
    """Write a tree, or a record that holds trees, as one line of JSON. Only where it is ASCII may a terminal be shown
    it as it is.
    """
    return _Writer(_ascii if ascii_only else _readable).text(value)


def decoded(reading: RedactedReading) -> dict[str, Any]:
    """A reading as a record: the wrappers and the format, and what was decoded.

    `value` is the tree, null where there is none; then `text` is the text, and `base64` the bytes inside all wrappers
    where that is all there is. `problem` says why it is not decoded, null: it is. `masked` are the keys whose values
    are not shown.
    """
    text = content = None
    if reading.tree is NO_TREE:
        if reading.problem is None and reading.format != BinaryDecoder.name:
            text = reading.text()
        elif not reading.sealed:
            content = base64.b64encode(reading.content).decode()
    return {
        "path": list(reading.path),
        "why": reading.why,
        "remarks": list(reading.remarks),
        "problem": reading.problem,
        "value": None if reading.tree is NO_TREE else reading.tree,
        "text": text,
        "base64": content,
        "masked": list(reading.hidden),
    }


def is_json(tree: Tree) -> bool:
    """Whether JSON has every value of a tree, so that no form of ours is needed; keys may stand twice."""
    level = [tree]
    while level:
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict | Pairs):
                for key, value in pairs_of(node):
                    if not isinstance(key, str):
                        return False
                    below.append(value)
            elif isinstance(node, list):
                below += node
            elif isinstance(node, float | bytes) or node is NO_TREE:
                return False
        level = below
    return True


class _Writer:
    def __init__(self, quote: Callable[[str], str]) -> None:
        self._quote = quote

    def text(self, node: Any) -> str:
        """A node and all below it."""
        if isinstance(node, str):
            return self._quote(node) if _whole(node) else _bytes(_wtf8(node))
        if isinstance(node, dict | Pairs):
            return self._object(node)
        if isinstance(node, list | tuple):
            return f"[{', '.join(map(self.text, node))}]"
        return _scalar(node)

    def _object(self, node: dict[Any, Any] | Pairs) -> str:
        pairs = list(pairs_of(node))
        names = [_name(key) for key, _ in pairs]
        if None in names or len(set(names)) < len(names):
            return self.text([[key, value] for key, value in pairs])
        written = (
            f"{self._quote(name or '')}: {self.text(value)}" for name, (_, value) in zip(names, pairs, strict=True)
        )
        return f"{{{', '.join(written)}}}"


def _ascii(text: str) -> str:
    return encode_basestring_ascii(text).replace("\x7f", "\\u007f")


def _readable(text: str) -> str:
    return encode_basestring(text)


def _name(key: Any) -> str | None:
    """A key as JSON has it; None: it has no such key."""
    if isinstance(key, str):
        return key if _whole(key) else None
    if key is None or isinstance(key, bool | int | Decimal):
        return _scalar(key)
    return None


def _whole(text: str) -> bool:
    """Whether UTF-8 holds a text."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wtf8(text: str) -> bytes:
    """The bytes of a text with lone surrogates: those that stand for a byte are that byte again."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(_encoded(character) for character in text)


def _encoded(character: str) -> bytes:
    is_byte = 0xDC80 <= ord(character) <= 0xDCFF
    return character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")


def _bytes(raw: bytes) -> str:
    return f'{{"base64": "{base64.b64encode(raw).decode()}"}}'


def _scalar(node: Any) -> str:
    if isinstance(node, int) and not isinstance(node, bool):
        return str(node)
    if node is None or isinstance(node, bool):
        return {None: "null", True: "true", False: "false"}[node]
    if isinstance(node, bytes):
        return _bytes(node)
    if isinstance(node, float) and node - node != 0:
        return {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}[str(node)]
    return str(node) if isinstance(node, Decimal) else repr(node)
