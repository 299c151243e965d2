"""Form encoding, written pair by pair: those that are the same keep their escapes."""

from collections.abc import Sequence
from urllib.parse import quote_plus, unquote_to_bytes

from archive_tui.payloads.editing.forms import Node, node_of_map
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.payloads.tree import Tree
from archive_tui.text import decode, encode


class UrlForm:
    """Keys and values, both of them text."""

    name = "form"

    def parse(self, raw: bytes) -> Node:
        keys: list[Node] = []
        values: list[Node] = []
        at = 0
        for pair in raw.split(b"&"):
            key, equals, value = pair.partition(b"=")
            if not equals:
                raise ValueError("a key without a value")
            between = at + len(key)
            keys.append(Node(at, between, _read(key)))
            values.append(Node(between + 1, between + 1 + len(value), _read(value)))
            at += len(pair) + 1
        return node_of_map(0, len(raw), keys, values)

    def scalar(self, value: Tree, like: bytes | None) -> bytes:
        if value is None or isinstance(value, bytes):
            raise EditError("a form holds only texts")
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        return quote_plus(encode(text)).encode()

    def joined(self, parts: Sequence[bytes], *, is_map: bool, like: bytes | None) -> bytes:
        if not is_map or like is None:
            raise EditError("a form holds only texts, and no object or list within another")
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return b"&".join(b"%b=%b" % pair for pair in pairs)


def _read(part: bytes) -> str:
    return decode(unquote_to_bytes(part.replace(b"+", b" ")))
