"""Trees: the plain values that payloads of every format are decoded to, exactly and without losing a key.

=====================  ==================================================================================
value                  stands for
=====================  ==================================================================================
`None`, `bool`         null, true and false
`int`, `Decimal`       every finite number, exact: 1.10 stays `Decimal("1.10")`, a binary double becomes the shortest
                       decimal that rounds to it, an integer above `DIGITS` digits is a `Decimal`
`float`                only NaN and the infinities, because comparing a `Decimal` NaN raises
`str`                  text; bytes that are not UTF-8 are lone surrogates (`text.decode`), and JSON's escapes may put
                       any other lone surrogate there: neither can be encoded or shown without `text.py`
`bytes`                binary fields of formats that have them
`list`                 an array
`dict`                 an object; keys are `str`, or what the format has (MessagePack and CBOR: any scalar; protobuf
                       without a schema: the field's number)
`Pairs`                an object whose keys cannot be those of a dict: one of them stands twice, or is a container
=====================  ==================================================================================

A `Decimal` may have an exponent of any size, as 1e999999999 has: compare it, but neither `int()` it nor write it with
`f"{value:f}"`, which would take the machine's memory.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

DIGITS = 4_000
"""Digits of the longest integer that is an `int`: Python converts no more than 4,300 of them from and to text."""

Tree = Any
"""A value of the table above, or `NO_TREE`; mypy cannot check recursive unions of this size usefully."""


class Pairs(tuple[tuple[Tree, Tree], ...]):
    """An object with its keys and values in the order of the payload, where a key stands more than once."""

    __slots__ = ()


class _NoTree:
    def __repr__(self) -> str:
        return "NO_TREE"

    def __bool__(self) -> bool:
        return False


NO_TREE: Final = _NoTree()
"""The tree of a payload that has none, such as text. Not None, which is JSON's null. Compare with `is`."""


_MANY = 2_000
"""Keys from which an attacker's choice of them is felt; Python hashes text with a secret, and numbers without."""


def pairs_of(node: Tree) -> Iterator[tuple[Tree, Tree]]:
    """The keys and values of an object, whichever type it has; nothing for every other value."""
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, Pairs):
        yield from node


def object_of(pairs: list[tuple[Tree, Tree]]) -> dict[Tree, Tree] | Pairs:
    """Make an object of keys and values: a dict, or `Pairs` where a dict would lose a key.

    Many keys that are numbers are `Pairs` as well: whoever chooses them can make a dict take hours.
    """
    if len(pairs) > _MANY and not all(isinstance(key, str) for key, _ in pairs):
        return Pairs(pairs)
    try:
        node = dict(pairs)
    except TypeError:  # a key that cannot be hashed
        return Pairs(pairs)
    return node if len(node) == len(pairs) else Pairs(pairs)


def exact(value: float) -> Decimal | float:
    """The number that a binary double was most likely written as; NaN and the infinities stay as they are."""
    return Decimal(repr(value)) if value - value == 0 else value


def deeper_than(node: Tree, depth: int) -> bool:
    """Whether containers nest deeper than this: a scalar has depth 0, an empty list 1."""
    level = [node] if isinstance(node, _CONTAINERS) else []
    for _ in range(depth):
        if not level:
            return False
        level = [child for parent in level for child in _children(parent) if isinstance(child, _CONTAINERS)]
    return bool(level)


_CONTAINERS = (dict, list, Pairs)


def _children(node: Tree) -> Iterator[Tree]:
    if isinstance(node, dict):
        return iter(node.values())
    if isinstance(node, Pairs):
        return (child for pair in node for child in pair)
    return iter(node)


class TooMuch(Exception):  # noqa: N818  # an answer, not an error of the program
    """Containers nest deeper than the limit, or there are more values than bytes, because some are shared."""


def plain(node: object, depth: int, most: int, leaf: Callable[[object], Tree]) -> Tree:
    """Make a tree of what a library decoded: containers of every sort, finite floats as `exact`, and all other values
    as `leaf` makes them.

    Raises TooMuch, also for a tree that holds itself; `most` is the number of values that it may have.
    """
    return _Plainer(most, leaf).plain(node, depth)


class _Plainer:
    def __init__(self, left: int, leaf: Callable[[object], Tree]) -> None:
        self._left, self._leaf = left, leaf

    def plain(self, node: object, depth: int) -> Tree:
        self._left -= 1
        if self._left < 0:
            raise TooMuch
        if node is None or isinstance(node, str | bytes | bool):
            return node
        if isinstance(node, int):
            return node if node.bit_length() <= _BITS else Decimal(node)
        if isinstance(node, float):
            return exact(node)
        if isinstance(node, Decimal):
            return node if node.is_finite() else float(node)
        named = isinstance(node, tuple) and type(node) not in (tuple, Pairs)
        if named or not isinstance(node, Mapping | list | tuple | set | frozenset):
            made = self._leaf(node)
            return self.plain(made, depth) if isinstance(made, Pairs) else made
        if depth <= 0:
            raise TooMuch
        if isinstance(node, Mapping | Pairs):
            pairs = node if isinstance(node, Pairs) else node.items()
            return object_of([(self.plain(key, depth - 1), self.plain(value, depth - 1)) for key, value in pairs])
        return [self.plain(child, depth - 1) for child in node]


_BITS = 13_000
"""Bits of an integer of about `DIGITS` digits."""
