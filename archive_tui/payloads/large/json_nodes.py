"""Nodes of JSON of many MiB."""

from collections.abc import Iterator

from archive_tui.payloads.decoder import Context
from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.large import json_grammar as grammar
from archive_tui.payloads.large.containers import WINDOW, Container
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.large.json_strings import string_of
from archive_tui.payloads.large.nodes import LONGEST_TEXT, LargeNode, Nodes, SmallNode
from archive_tui.payloads.nodes import Kind, Node
from archive_tui.payloads.paths import Step
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.text import decode

_KINDS = {b"{": Kind.OBJECT, b"[": Kind.ARRAY, b'"': Kind.TEXT, b"n": Kind.WORD, b"t": Kind.WORD, b"f": Kind.WORD}


class JsonNodes(Nodes[JsonScan]):
    """Makes the nodes of one payload. For any thread."""

    def children(self, container: Container, start: int, stop: int) -> Iterator[Node]:
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
                yield LargeNode(self, large, step) if large is not None else SmallNode(self, at, end, step)
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
        part = self._raw[start:end]
        decoded = JsonDecoder().decode(part, Context()) if part else None
        return decoded.tree if decoded is not None and decoded.tree is not NO_TREE else decode(part)

    def kind(self, start: int, end: int) -> Kind:
        return _KINDS.get(self._raw[start : start + 1], Kind.NUMBER)

    def beginning(self, start: int, end: int) -> str:
        shown = grammar.INSIDE.match(self._raw[start + 1 : start + LONGEST_TEXT])
        return string_of(b'"%b"' % (shown[0] if shown is not None else b"")) + "…"

    def may_hold(self, start: int, end: int, sieve: Sieve) -> bool:
        return sieve.json(self._raw[start:end])
