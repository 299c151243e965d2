"""Writing of trees as text: laid out like JSON, with the signs that other formats need where JSON has none."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from archive_tui.payloads.tree import Pairs, Tree, pairs_of
from archive_tui.text import readable

INDENT = "  "


def written(tree: Tree) -> str:
    """Write a tree for people: numbers exact, bytes in hexadecimal as `h'c0ffee'`, keys that stand twice, twice.

    That is JSON where the tree holds only what JSON has, else CBOR's diagnostic notation (RFC 8949, section 8).
    """
    return "".join(_written(tree, "\n"))


def written_at(tree: Tree, depth: int) -> str:
    """Write a tree that stands so deep in another, from its first line on."""
    return "".join(_written(tree, "\n" + INDENT * depth))


def written_key(key: Tree) -> str:
    """Write a key, on one line."""
    return _scalar(key)


def quoted(text: str) -> str:
    """Write a JSON string without escapes, unless it holds half a surrogate pair, which no encoding takes."""
    string = json.dumps(text, ensure_ascii=False)
    try:
        string.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return string


def _written(node: Tree, newline: str) -> Iterator[str]:
    if isinstance(node, dict | Pairs):
        yield from _within("{}", newline, ((f"{_scalar(key)}: ", value) for key, value in pairs_of(node)))
    elif isinstance(node, list):
        yield from _within("[]", newline, (("", value) for value in node))
    else:
        yield _scalar(node)


def _within(brackets: str, newline: str, parts: Iterator[tuple[str, Tree]]) -> Iterator[str]:
    inner = newline + INDENT
    before = brackets[0]
    for label, value in parts:
        yield before + inner + label
        yield from _written(value, inner)
        before = ","
    yield newline + brackets[1] if before == "," else brackets


def _scalar(node: Tree) -> str:
    if node is None or isinstance(node, bool):
        return {None: "null", True: "true", False: "false"}[node]
    if isinstance(node, str):
        return quoted(node)
    if isinstance(node, bytes):
        return f"h'{node.hex()}'"
    if isinstance(node, int | Decimal):
        return str(node)
    if isinstance(node, float):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(node)]
    return "".join(_written(node, " "))  # a container that is a key


def for_programs(tree: Tree) -> Any:
    """Make a tree into what JSON has, for other programs.

    Integers are exact; another number is one of JSON where a double holds it, else a text. Bytes are `{"base64": …}`,
    NaN and the infinities texts, keys their text. An object in which a key stands twice is a list of `[key, value]`.
    """
    if isinstance(tree, dict):
        return {_key(key): for_programs(value) for key, value in tree.items()}
    if isinstance(tree, Pairs):
        return [[for_programs(key), for_programs(value)] for key, value in tree]
    if isinstance(tree, list):
        return [for_programs(value) for value in tree]
    if isinstance(tree, Decimal):
        return (
            float(tree)
            if _EVERYDAY < tree.copy_abs() < 1 / _EVERYDAY and Decimal(repr(float(tree))) == tree
            else str(tree)
        )
    if isinstance(tree, float):
        return _scalar(tree)
    return readable(tree) if isinstance(tree, bytes) else tree


_EVERYDAY = Decimal("1e-100")
"""Numbers closer to zero, and those beyond its inverse, are texts."""


def _key(key: Tree) -> str:
    return key if isinstance(key, str) else _scalar(key)
