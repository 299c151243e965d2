"""Differences of two trees, path by path. Lists are aligned: an element put in front is one difference.

The values decide whether they differ; what is shown of them may be masked.
"""

from typing import NamedTuple

from archive_tui.comparison.alignment import aligned
from archive_tui.comparison.rows import Row, Section, Verdict
from archive_tui.comparison.texts import add_lines, excerpts
from archive_tui.comparison.values import Kind, kind_of, same, text_of
from archive_tui.payloads.paths import Path, key_text
from archive_tui.payloads.tree import Tree, pairs_of
from archive_tui.payloads.writing import for_programs

WHOLE = "(the whole)"
"""The label of what stands at no path."""


MASKED = "masked: they differ"
"""The note on values that differ although the same is shown of them."""


class Node(NamedTuple):
    """A value of a tree, and what may be shown of it."""

    value: Tree

    shown: Tree
    """The same, its inner values masked where they are not to be shown; or a mask in the place of it."""

    @property
    def masked(self) -> bool:
        """Whether a mask stands in its place, or a part of its text is masked."""
        if self.shown is self.value:
            return False
        kind = kind_of(self.value)
        return not kind.holds_others or kind_of(self.shown) is not kind

    def children(self) -> list["Node"]:
        """The elements of a list, or the values of an object, in their order."""
        if isinstance(self.value, list):
            return [Node(*both) for both in zip(self.value, self.shown, strict=True)]
        both_sides = zip(pairs_of(self.value), pairs_of(self.shown), strict=True)
        return [Node(pair[1], shown[1]) for pair, shown in both_sides]

    def keys(self) -> list[Tree]:
        """The keys of an object, in their order."""
        return [key for key, _ in pairs_of(self.value)]


def add_trees(section: Section, first: Node, second: Node) -> None:
    """Add the differences of two trees, and what they have in common."""
    _Trees(section).compare(first, second, "")


class _Trees:
    def __init__(self, section: Section) -> None:
        self._section = section
        self._digests: dict[int, int] = {}

    def compare(self, first: Node, second: Node, label: str) -> None:
        """Compare what stands at a path of both."""
        kind, other = kind_of(first.value), kind_of(second.value)
        if first.masked or second.masked:
            self._masked(first, second, label)
        elif kind is not other:
            self._add(label, first, second, Verdict.TYPE, f"{kind} here, {other} there")
            self._within(first, label, Verdict.ONLY_FIRST)
            self._within(second, label, Verdict.ONLY_SECOND)
        elif kind is Kind.OBJECT and (first.value or second.value):
            self._objects(first, second, label)
        elif kind is Kind.LIST and (first.value or second.value):
            self._lists(first, second, label)
        elif same(first.value, second.value):
            self._add(label, first, second, Verdict.SAME)
        elif kind is Kind.TEXT and "\n" in first.value and "\n" in second.value:
            add_lines(self._section, first.value, second.value, label.removeprefix("."))
        else:
            self._add(label, first, second, Verdict.VALUE)

    def _masked(self, first: Node, second: Node, label: str) -> None:
        """Compare values of which at least one is not shown whole."""
        if self._digest(first.value) == self._digest(second.value):
            self._add(label, first, second, Verdict.SAME, "masked")
        else:
            hint = MASKED if text_of(first.shown) == text_of(second.shown) else "masked"
            self._add(label, first, second, Verdict.VALUE, hint)

    def _objects(self, first: Node, second: Node, label: str) -> None:
        """Compare objects key by key; of a key that stands several times, one after the other."""
        there: dict[tuple[Kind, str], list[Node]] = {}
        for key, node in zip(second.keys(), second.children(), strict=True):
            there.setdefault(_name(key), []).append(node)
        for nodes in there.values():
            nodes.reverse()
        for key, node in zip(first.keys(), first.children(), strict=True):
            name = _name(key)
            if there.get(name):
                self.compare(node, there[name].pop(), label + Path((name[1],)).suffix)
            else:
                self._only(node, label + Path((name[1],)).suffix, Verdict.ONLY_FIRST)
        for (_, name_text), nodes in there.items():
            for node in reversed(nodes):
                self._only(node, label + Path((name_text,)).suffix, Verdict.ONLY_SECOND)

    def _lists(self, first: Node, second: Node, label: str) -> None:
        mine, theirs = first.children(), second.children()
        digests = ([self._digest(node.value) for node in nodes] for nodes in (mine, theirs))
        for at, other in aligned(*digests):
            if at is None and other is not None:
                self._only(theirs[other], f"{label}[{other}]", Verdict.ONLY_SECOND)
            elif other is None and at is not None:
                self._only(mine[at], f"{label}[{at}]", Verdict.ONLY_FIRST)
            elif at is not None and other is not None:
                step = f"[{at}]" if at == other else f"[{at}→{other}]"
                self.compare(mine[at], theirs[other], label + step)

    def _only(self, node: Node, label: str, verdict: Verdict) -> None:
        """Add what one side alone has: each value of it that holds no other."""
        if node.masked or not (kind_of(node.value).holds_others and node.value):
            self._add(label, node, node, verdict)
        else:
            self._within(node, label, verdict)

    def _within(self, node: Node, label: str, verdict: Verdict) -> None:
        if isinstance(node.value, list):
            for at, child in enumerate(node.children()):
                self._only(child, f"{label}[{at}]", verdict)
        else:
            for key, child in zip(node.keys(), node.children(), strict=True):
                self._only(child, label + Path((key_text(key),)).suffix, verdict)

    def _add(self, label: str, first: Node, second: Node, verdict: Verdict, note: str = "") -> None:
        mine = text_of(first.shown) if verdict is not Verdict.ONLY_SECOND else None
        theirs = text_of(second.shown) if verdict is not Verdict.ONLY_FIRST else None
        if verdict is Verdict.VALUE and mine is not None and theirs is not None and not note:
            mine, theirs, note = excerpts(mine, theirs)
        self._section.add(
            Row(
                label.removeprefix(".") or WHOLE,
                mine,
                theirs,
                verdict,
                note,
                _plain(first.shown) if mine is not None else None,
                _plain(second.shown) if theirs is not None else None,
            )
        )

    def _digest(self, value: Tree) -> int:
        """A number that two values share if they are the same; it only aligns, and decides nothing."""
        kind = kind_of(value)
        if not kind.holds_others:
            return hash((kind, str(value)))
        known = self._digests.get(id(value))
        if known is None:
            if kind is Kind.LIST:
                known = hash((kind, *(self._digest(child) for child in value)))
            else:
                pairs = ((_name(key), self._digest(child)) for key, child in pairs_of(value))
                known = hash((kind, frozenset(pairs)))
            self._digests[id(value)] = known
        return known


def _name(key: Tree) -> tuple[Kind, str]:
    """A key by kind and text: 1 and "1" are two."""
    kind = kind_of(key)
    return kind, (text_of(key) if kind.holds_others else key_text(key))


def _plain(value: Tree) -> object:
    """A value for programs; of one that holds others, how much it holds."""
    return text_of(value) if kind_of(value).holds_others else for_programs(value)
