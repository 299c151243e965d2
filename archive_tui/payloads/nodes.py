"""Nodes: the values of a tree one by one, as an outline shows them, made when somebody looks.

`Node` is the interface between an outline and where its values come from. `TreeNode` stands on a tree in memory. A
source that reads a large payload piece by piece has nodes of its own: an outline asks for the children that are in
sight, a search for all of them in their order, and neither keeps a node that is folded.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from typing import Protocol

from archive_tui.payloads.content import text_of
from archive_tui.payloads.paths import Path, Step, key_text
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.tree import Pairs, Tree
from archive_tui.text import block, line

Positions = tuple[int, ...]
"""The way to a node: the position of each child on it, from 0. The root's is empty. In order of the payload, a node
before what it holds, they are sorted as tuples are.
"""

_AT_ONCE = 1_000
"""Children that a walk asks for at once."""


class Kind(Enum):
    """The kinds of nodes, which look different."""

    OBJECT = "object"
    ARRAY = "array"
    TEXT = "text"
    NUMBER = "number"
    WORD = "word"
    """null, true or false."""
    BYTES = "bytes"


class Node(Protocol):
    """One value of a payload with the key, or the position, under which it stands. Never changes."""

    @property
    def step(self) -> Step | None:
        """The last step of its path: a key or a position; None for the root."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    def __len__(self) -> int:
        """How many children it has; 0 for a value that holds no other."""

    def children(self, start: int, stop: int) -> Sequence["Node"]:
        """Its children from one position to before another; neither is beyond `len`."""

    def text(self) -> str:
        """A value that holds no other as text, all of it and as it stands in the payload: foreign. Of bytes their
        hexadecimal digits.
        """

    def value(self) -> Tree:
        """The plain value, with all that it holds."""

    def may_hold(self, sieve: Sieve) -> bool:
        """Whether a text is to be looked for in it: where its bytes are there, what a quick look at them says."""


class TreeNode:
    """A node of a tree in memory."""

    __slots__ = ("_keys", "_value", "kind", "step")

    def __init__(self, value: Tree, step: Step | None = None) -> None:
        self._value = value
        self._keys: list[Tree] | None = None
        self.step = step
        self.kind = _kind_of(value)

    def __len__(self) -> int:
        return len(self._value) if self.kind in (Kind.OBJECT, Kind.ARRAY) else 0

    def children(self, start: int, stop: int) -> Sequence[Node]:
        value = self._value
        if isinstance(value, list):
            return [TreeNode(child, number) for number, child in enumerate(value[start:stop], start)]
        if isinstance(value, Pairs):
            return [TreeNode(child, key_text(key)) for key, child in value[start:stop]]
        if not isinstance(value, dict):
            return []
        if self._keys is None:
            self._keys = list(value)
        return [TreeNode(value[key], key_text(key)) for key in self._keys[start:stop]]

    def may_hold(self, sieve: Sieve) -> bool:
        return True

    def text(self) -> str:
        return self._value.hex() if isinstance(self._value, bytes) else text_of(self._value)

    def value(self) -> Tree:
        return self._value


def _kind_of(value: Tree) -> Kind:
    if isinstance(value, str):
        return Kind.TEXT
    if value is None or isinstance(value, bool):
        return Kind.WORD
    if isinstance(value, int | float | Decimal):
        return Kind.NUMBER
    if isinstance(value, list):
        return Kind.ARRAY
    return Kind.BYTES if isinstance(value, bytes) else Kind.OBJECT


def node_at(root: Node, positions: Positions) -> Node:
    """The node at these positions."""
    node = root
    for position in positions:
        (node,) = node.children(position, position + 1)
    return node


def path_to(root: Node, positions: Positions) -> Path:
    """The path of the node at these positions, as filters write it."""
    steps: list[Step] = []
    node = root
    for position in positions:
        (node,) = node.children(position, position + 1)
        if node.step is not None:
            steps.append(node.step)
    return Path(tuple(steps))


def walk(
    root: Node, positions: Positions = (), within: Callable[[Node], bool] = lambda _: True
) -> Iterator[tuple[Positions, Node]]:
    """A node and all that it holds with their positions, in the order of the payload; what is in a node only where
    `within` says so.
    """
    yield positions, root
    if not within(root):
        return
    for start in range(0, len(root), _AT_ONCE):
        for number, child in enumerate(root.children(start, min(start + _AT_ONCE, len(root))), start):
            yield from walk(child, (*positions, number), within)


# What is shown of a node: no other place makes text of a value for the screen


def label_of(node: Node) -> str:
    """The key or the position of a node, safe on one line; empty for the root."""
    if node.step is None:
        return ""
    return line(node.step) if isinstance(node.step, str) else f"[{node.step}]"


def lines_of(node: Node, most: int | None = None) -> list[str]:
    """The lines of a value, safe to show; `most` is how many characters of it are looked at. Of an object or array how
    many children it has.

    Text stands without quotes, unless it could be taken for something else, as `"42"` could: see `quoted`.
    """
    if node.kind in (Kind.OBJECT, Kind.ARRAY):
        count = f"{len(node):,}" if len(node) else ""
        return [f"{{{count}}}" if node.kind is Kind.OBJECT else f"[{count}]"]
    text = node.text()[:most]
    if node.kind is Kind.BYTES:
        return [f"h'{text}'"]
    if node.kind is not Kind.TEXT:
        return [{"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)]
    return [f'"{line(text)}"'] if quoted(text) else block(text).split("\n")


def offset_in(node: Node) -> int:
    """Characters before the value itself in the first of its lines."""
    if node.kind is Kind.BYTES:
        return 2
    return 1 if node.kind is Kind.TEXT and quoted(node.text()) else 0


_LONGEST_QUOTED = 200
_WORDS = ("null", "true", "false", "NaN", "Infinity", "-Infinity")
_ELSE = ("{", "[", '"', "h'")


def quoted(text: str) -> bool:
    """Whether a text is shown in quotes: an empty one, one that looks like another value, and one with spaces at its
    ends that nobody would see.
    """
    if not text:
        return True
    if len(text) > _LONGEST_QUOTED or "\n" in text:
        return False
    if text[0] == " " or text[-1] == " " or text in _WORDS or text.startswith(_ELSE):
        return True
    return (text[0].isdigit() or text[0] in "-+.") and _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
