"""Nodes of MessagePack and CBOR of many MiB."""

from collections.abc import Iterator

from archive_tui.payloads.large.binary_format import BYTES, EXTENSION, LIST, MAP, OTHER, TEXT, text_cut
from archive_tui.payloads.large.binary_scan import BinaryScan
from archive_tui.payloads.large.containers import Container
from archive_tui.payloads.large.nodes import LONGEST_TEXT, LargeNode, Nodes, SmallNode
from archive_tui.payloads.nodes import Kind, Node
from archive_tui.payloads.paths import key_text
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.tree import Tree
from archive_tui.text import decode

_KINDS = {TEXT: Kind.TEXT, BYTES: Kind.BYTES, LIST: Kind.ARRAY, MAP: Kind.OBJECT}


class BinaryNodes(Nodes[BinaryScan]):
    """Makes the nodes of one payload. For any thread."""

    def __init__(self, scan: BinaryScan) -> None:
        super().__init__(scan)
        self._format = scan.format

    def children(self, container: Container, start: int, stop: int) -> Iterator[Node]:
        return (child for _, child in self._items(container, start, stop))

    def items(self, container: Container) -> Iterator[tuple[Tree, Node]]:
        return self._items(container, 0, container.count)

    def _items(self, container: Container, start: int, stop: int) -> Iterator[tuple[Tree, Node]]:
        raw, format_ = self._raw, self._format
        number, at = container.before(start)
        while number < stop:
            key: Tree = number
            if container.is_object:
                end = format_.end(raw, at, len(raw)) or len(raw)
                key = format_.tree(raw[at:end]) if number >= start else None
                at = end
            inner = self._scan.untagged(at)
            large = self._scan.containers.get(inner)
            if large is not None:
                end = large.end
            elif (end := self._scan.long_ends.get(inner, 0)) == 0:
                end = format_.end(raw, at, len(raw)) or len(raw)
            if number >= start:
                step = key_text(key) if container.is_object else number
                begin = inner if inner in self._scan.long_ends else at
                yield key, LargeNode(self, large, step) if large is not None else SmallNode(self, begin, end, step)
            number += 1
            at = end

    def kind(self, start: int, end: int) -> Kind:
        kind, *_ = self._format.read(self._raw, start)
        first = self._raw[start]
        if kind == OTHER and first not in self._format.unnamed:
            return Kind.WORD if first in self._format.words else Kind.NUMBER
        if kind == EXTENSION and start in self._scan.long_ends:
            return Kind.BYTES
        return _KINDS.get(kind) or self.decoded(start, end).kind

    def value(self, start: int, end: int) -> Tree:
        if start in self._scan.long_ends:
            content = self._format.content(self._raw, start, end - start)
            return decode(content) if self._format.read(self._raw, start)[0] == TEXT else content
        return self._format.tree(self._raw[start:end])

    def beginning(self, start: int, end: int) -> str:
        content = self._format.content(self._raw, start, LONGEST_TEXT + 4)
        if self._format.read(self._raw, start)[0] != TEXT:
            return content[:LONGEST_TEXT].hex()
        return decode(content[: text_cut(content, 0, LONGEST_TEXT, len(content))]) + "…"

    def may_hold(self, start: int, end: int, sieve: Sieve) -> bool:
        return sieve.binary(self._raw[start:end], chunked=self._scan.chunked)
