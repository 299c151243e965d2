"""Nodes of a payload of many MiB, for an outline: decoded when they are in sight, and kept no longer than that."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from archive_tui.payloads.large.containers import Container
from archive_tui.payloads.large.scan import Scan
from archive_tui.payloads.nodes import Kind, Node, TreeNode
from archive_tui.payloads.paths import Step
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.tree import Tree, object_of

LONGEST_TEXT = 64 * 1024
"""Bytes of a value up to which a node gives all of it as text; of a longer one it gives the beginning."""

_KEPT = 128
"""Values that are held decoded: those of some pages."""

_Scan = TypeVar("_Scan", bound=Scan)


class Nodes(ABC, Generic[_Scan]):
    """Makes the nodes of one payload. For any thread."""

    def __init__(self, scan: _Scan) -> None:
        self._scan = scan
        self._raw = scan.raw
        self._decoded: OrderedDict[int, TreeNode] = OrderedDict()

    def root(self) -> Node:
        """The outermost node. The walk must have come to it."""
        root = self._scan.root
        return LargeNode(self, root, None) if root is not None else TreeNode([])

    @abstractmethod
    def children(self, container: Container, start: int, stop: int) -> Iterator[Node]:
        """Items of a container that is remembered."""

    def items(self, container: Container) -> Iterator[tuple[Tree, Node]]:
        """All items of a container with their keys; of a list with their positions."""
        return ((child.step, child) for child in self.children(container, 0, container.count))

    @abstractmethod
    def kind(self, start: int, end: int) -> Kind:
        """What a value is that stands there."""

    @abstractmethod
    def value(self, start: int, end: int) -> Tree:
        """The plain value of a part of the payload."""

    @abstractmethod
    def beginning(self, start: int, end: int) -> str:
        """The beginning of the text of a value that is longer than `LONGEST_TEXT`, as a node gives it."""

    @abstractmethod
    def may_hold(self, start: int, end: int, sieve: Sieve) -> bool:
        """Whether a quick look at a value lets it hold a text."""

    def decoded(self, start: int, end: int) -> TreeNode:
        """A node in memory with a part of the payload; the last ones are held on to."""
        node = self._decoded.get(start)
        if node is None:
            node = self._decoded[start] = TreeNode(self.value(start, end))
            while len(self._decoded) > _KEPT:
                self._decoded.popitem(last=False)
        return node


class LargeNode:
    """A container that is remembered; it grows while it is walked over."""

    __slots__ = ("_container", "_nodes", "kind", "step")

    def __init__(self, nodes: Nodes[Any], container: Container, step: Step | None) -> None:
        self._nodes = nodes
        self._container = container
        self.step = step
        self.kind = Kind.OBJECT if container.is_object else Kind.ARRAY

    def __len__(self) -> int:
        return self._container.count

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return list(self._nodes.children(self._container, start, stop))

    def may_hold(self, sieve: Sieve) -> bool:
        return True

    def text(self) -> str:
        return ""

    def value(self) -> Tree:
        values = [(key, child.value()) for key, child in self._nodes.items(self._container)]
        return object_of(values) if self.kind is Kind.OBJECT else [value for _, value in values]


class SmallNode:
    """A value that is decoded when somebody asks for what is in it."""

    __slots__ = ("_end", "_nodes", "_start", "kind", "step")

    def __init__(self, nodes: Nodes[Any], start: int, end: int, step: Step | None) -> None:
        self._nodes = nodes
        self._start, self._end = start, end
        self.step = step
        self.kind = nodes.kind(start, end)

    @property
    def _node(self) -> TreeNode:
        return self._nodes.decoded(self._start, self._end)

    def __len__(self) -> int:
        return len(self._node) if self.kind in (Kind.OBJECT, Kind.ARRAY) else 0

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return self._node.children(start, stop)

    def may_hold(self, sieve: Sieve) -> bool:
        return self._nodes.may_hold(self._start, self._end, sieve)

    def text(self) -> str:
        if self._end - self._start > LONGEST_TEXT and self.kind in (Kind.TEXT, Kind.BYTES):
            return self._nodes.beginning(self._start, self._end)
        return self._node.text()

    def value(self) -> Tree:
        return self._nodes.value(self._start, self._end)
