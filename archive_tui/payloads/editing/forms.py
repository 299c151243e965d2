"""Formats that are written value by value: what is the same keeps its bytes, what is new is written in their manner.

A `Form` parses its bytes into `Node`s, each of which knows where it begins and ends. `rebuilt` then writes another tree
with the pieces of the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from archive_tui.payloads.editing.refusal import EditError, NothingThere
from archive_tui.payloads.paths import Every, Step, key_text
from archive_tui.payloads.tree import Pairs, Tree, object_of, pairs_of


@dataclass(slots=True)
class Node:
    """One value in the bytes of a payload."""

    start: int
    end: int

    tree: Tree
    """The value, with all that is in it."""

    keys: "Sequence[Node]" = ()
    """The keys of an object, in their order."""

    values: "Sequence[Node]" = ()
    """The values of an object or a list."""

    fixed: str = ""
    """Why it cannot be another value, such as the name of a type that nobody can write; empty: it can."""

    extra: bytes = field(default=b"")
    """Bytes that stand before it and belong to it."""


class Form(Protocol):
    """A format that is written value by value."""

    def parse(self, raw: bytes) -> Node:
        """The value that these bytes are. Raises ValueError or IndexError where they are none."""

    def scalar(self, value: Tree, like: bytes | None) -> bytes:
        """Write a value that holds no other, in the manner of the bytes that stood in its place. Raises EditError."""

    def joined(self, parts: Sequence[bytes], *, is_map: bool, like: bytes | None) -> bytes:
        """Write an object (keys and values by turns) or a list, in the manner of the one that stood in its place."""


def rebuilt(form: Form, raw: bytes, node: Node, tree: Tree) -> bytes:
    """Write a tree with the bytes of what is the same in the payload. Raises EditError."""
    return node.extra + _rebuilt(form, raw, node, tree)


def _rebuilt(form: Form, raw: bytes, node: Node, tree: Tree) -> bytes:
    old = raw[node.start : node.end]
    if alike(node.tree, tree):
        return old
    if node.fixed:
        raise EditError(node.fixed)
    if _is_object(node.tree) and _is_object(tree):
        parts: list[bytes] = []
        left = list(zip(node.keys, node.values, strict=True))
        for key, value in pairs_of(tree):
            at = next((at for at, (was, _) in enumerate(left) if alike(was.tree, key)), None)
            if at is None:
                parts += (written(form, key), written(form, value))
            else:
                was, under = left.pop(at)
                parts += (raw[was.start : was.end], _rebuilt(form, raw, under, value))
        return form.joined(parts, is_map=True, like=old)
    if isinstance(node.tree, list) and isinstance(tree, list):
        places = _matched(node.tree, tree)
        parts = [
            written(form, value) if at is None else _rebuilt(form, raw, node.values[at], value)
            for at, value in zip(places, tree, strict=True)
        ]
        return form.joined(parts, is_map=False, like=old)
    if isinstance(tree, dict | Pairs | list) or isinstance(node.tree, dict | Pairs | list):
        return written(form, tree)
    return form.scalar(tree, old)


def _matched(before: Sequence[Tree], after: Sequence[Tree]) -> list[int | None]:
    """For each element of a list, that of the former list in whose place it stands: counted from both ends, as far as
    they are alike, and one by one in between.
    """
    start = 0
    while start < min(len(before), len(after)) and alike(before[start], after[start]):
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and alike(before[-1 - end], after[-1 - end]):
        end += 1
    middle = len(before) - start - end
    return [
        at if at < start + middle else at - len(after) + len(before) if at >= len(after) - end else None
        for at in range(len(after))
    ]


def written(form: Form, tree: Tree) -> bytes:
    """Write a tree anew. Raises EditError."""
    if _is_object(tree):
        parts = [written(form, one) for pair in pairs_of(tree) for one in pair]
        return form.joined(parts, is_map=True, like=None)
    if isinstance(tree, list):
        return form.joined([written(form, one) for one in tree], is_map=False, like=None)
    return form.scalar(tree, None)


def alike(one: Tree, other: Tree) -> bool:
    """Whether two trees are the same: 1, 1.0 and true are three, and so are 1.0 and 1.00."""
    if _is_object(one) and _is_object(other):
        pairs, others = list(pairs_of(one)), list(pairs_of(other))
        return len(pairs) == len(others) and all(
            alike(key, key2) and alike(value, value2)
            for (key, value), (key2, value2) in zip(pairs, others, strict=True)
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal) and bool not in (type(one), type(other)):
        return type(one) is type(other) and str(one) == str(other)
    return type(one) is type(other) and bool(one == other)


def _is_object(tree: Tree) -> bool:
    return isinstance(tree, dict | Pairs)


# By a path


def assigned(tree: Tree, steps: Sequence[Step], value: Tree) -> Tree:
    """A tree with another value at a path. A last key that is missing is added to its object. Raises NothingThere where
    nothing can.
    """
    reached = [False]
    new = _assigned(tree, tuple(steps), value, reached)
    if not reached[0]:
        raise NothingThere
    return new


def _assigned(tree: Tree, steps: tuple[Step, ...], value: Tree, reached: list[bool]) -> Tree:
    if not steps:
        reached[0] = True
        return value
    step, rest = steps[0], steps[1:]
    if _is_object(tree) and not isinstance(step, int):
        pairs: list[tuple[Tree, Tree]] = []
        found = False
        for key, one in pairs_of(tree):
            wanted = isinstance(step, Every) or key_text(key) == step
            found = found or wanted
            pairs.append((key, _assigned(one, rest, value, reached) if wanted else one))
        if not found and isinstance(step, str) and not rest:
            reached[0] = True
            pairs.append((step, value))
        return object_of(pairs)
    if isinstance(tree, list) and not isinstance(step, str):
        at = None if isinstance(step, Every) else step % len(tree) if -len(tree) <= step < len(tree) else -1
        return [
            _assigned(one, rest, value, reached) if at is None or at == number else one
            for number, one in enumerate(tree)
        ]
    return tree


def node_of_map(start: int, end: int, keys: list[Node], values: list[Node]) -> Node:
    """The node of an object."""
    tree = object_of([(key.tree, value.tree) for key, value in zip(keys, values, strict=True)])
    return Node(start, end, tree, keys, values)


def node_of_list(start: int, end: int, values: list[Node]) -> Node:
    """The node of a list."""
    return Node(start, end, [value.tree for value in values], (), values)


def keys_of(tree: Tree) -> Iterator[Tree]:
    """Every key of a tree."""
    if isinstance(tree, list):
        for one in tree:
            yield from keys_of(one)
    else:
        for key, value in pairs_of(tree):
            yield key
            yield from keys_of(value)
