"""Nodes of JSON of many MiB, for an outline: decoded when they are in sight, and kept no longer than that."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from archive_tui.payloads.decoder import Context
from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.large import json_grammar as grammar
from archive_tui.payloads.large.containers import WINDOW, Container
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.large.json_strings import string_of
from archive_tui.payloads.nodes import Kind, Node, TreeNode
from archive_tui.payloads.paths import Step
from archive_tui.payloads.tree import NO_TREE, Tree, object_of
from archive_tui.text import decode

LONGEST_TEXT = 64 * 1024
"""Bytes of a string up to which a node gives all of it as text; of a longer one it gives the beginning."""

_KEPT = 128
"""Values that are held decoded: those of some pages."""

_KINDS = {b"{": Kind.OBJECT, b"[": Kind.ARRAY, b'"': Kind.TEXT, b"n": Kind.WORD, b"t": Kind.WORD, b"f": Kind.WORD}


class JsonNodes:
    """Makes the nodes of one payload. For any thread."""

    def __init__(self, scan: JsonScan) -> None:
        self._scan = scan
        self._raw = scan.raw
        self._decoded: OrderedDict[int, TreeNode] = OrderedDict()

    def root(self) -> Node:
        """The outermost node. The walk must have come to it."""
        root = self._scan.root
        return _LargeNode(self, root, None) if root is not None else TreeNode([])

    def children(self, container: Container, start: int, stop: int) -> Iterator[Node]:
        """Items of a container that is remembered."""
        raw = self._raw
        number, at = container.before(start)
        lines = self._scan.by_lines and container is self._scan.root
        while number < stop:
            at = self._space(at)
            step: Step = number
            if container.is_object and (key := grammar.KEY.match(raw, at)) is not None:
                at = key.end()
                step = string_of(key[1]) if number >= start else ""
            large = self._scan.containers.get(at)
            end = large.end if large is not None else self._end(at)
            if number >= start:
                yield _LargeNode(self, large, step) if large is not None else _SmallNode(self, at, end, step)
            number += 1
            if number < stop:
                at = end if lines else self._space(end) + 1

    def _space(self, at: int) -> int:
        matched = grammar.SPACE.match(self._raw, at)
        return matched.end() if matched is not None else at

    def _end(self, at: int) -> int:
        """Where a value ends that was walked over and is not remembered."""
        raw = self._raw
        matched = grammar.value().match(raw, at, at + WINDOW)
        if matched is not None and matched.end() < at + WINDOW:
            return matched.end()
        if raw[at : at + 1] not in (b"{", b"["):
            scalar = grammar.SCALAR.match(raw, at)
            return scalar.end() if scalar is not None else at
        depth = 0
        for sign in grammar.BRACKET.finditer(raw, at):
            depth += (sign[1] is not None) - (sign[2] is not None)
            if not depth:
                return sign.end()
        return len(raw)

    def value(self, start: int, end: int) -> Tree:
        """The plain value of a part of the payload."""
        part = self._raw[start:end]
        decoded = JsonDecoder().decode(part, Context()) if part else None
        return decoded.tree if decoded is not None and decoded.tree is not NO_TREE else decode(part)

    def decoded(self, start: int, end: int) -> TreeNode:
        """A node in memory with a part of the payload; the last ones are held on to."""
        node = self._decoded.get(start)
        if node is None:
            node = self._decoded[start] = TreeNode(self.value(start, end))
            while len(self._decoded) > _KEPT:
                self._decoded.popitem(last=False)
        return node

    def part(self, start: int, end: int) -> bytes:
        """Bytes of the payload."""
        return self._raw[start:end]


class _LargeNode:
    """A container that is remembered; it grows while it is walked over."""

    __slots__ = ("_container", "_nodes", "kind", "step")

    def __init__(self, nodes: JsonNodes, container: Container, step: Step | None) -> None:
        self._nodes = nodes
        self._container = container
        self.step = step
        self.kind = Kind.OBJECT if container.is_object else Kind.ARRAY

    def __len__(self) -> int:
        return self._container.count

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return list(self._nodes.children(self._container, start, stop))

    def may_hold(self, in_json: Callable[[bytes], bool]) -> bool:
        return True

    def text(self) -> str:
        return ""

    def value(self) -> Tree:
        values = [(child.step, child.value()) for child in self.children(0, len(self))]
        return object_of(values) if self.kind is Kind.OBJECT else [value for _, value in values]


class _SmallNode:
    """A value that is decoded when somebody asks for what is in it."""

    __slots__ = ("_end", "_nodes", "_start", "kind", "step")

    def __init__(self, nodes: JsonNodes, start: int, end: int, step: Step | None) -> None:
        self._nodes = nodes
        self._start, self._end = start, end
        self.step = step
        self.kind = _KINDS.get(nodes.part(start, start + 1), Kind.NUMBER)

    @property
    def _node(self) -> TreeNode:
        return self._nodes.decoded(self._start, self._end)

    def __len__(self) -> int:
        return len(self._node) if self.kind in (Kind.OBJECT, Kind.ARRAY) else 0

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return self._node.children(start, stop)

    def may_hold(self, in_json: Callable[[bytes], bool]) -> bool:
        return in_json(self._nodes.part(self._start, self._end))

    def text(self) -> str:
        if self._end - self._start > LONGEST_TEXT and self.kind is Kind.TEXT:
            shown = grammar.INSIDE.match(self._nodes.part(self._start + 1, self._start + LONGEST_TEXT))
            return string_of(b'"%b"' % (shown[0] if shown is not None else b"")) + "…"
        return self._node.text()

    def value(self) -> Tree:
        return self._nodes.value(self._start, self._end)
