"""Differences of two trees, path by path. Lists are aligned: an element put in front is one difference."""

from archive_tui.comparison.alignment import aligned
from archive_tui.comparison.rows import Row, Section, Verdict
from archive_tui.comparison.texts import add_lines, excerpts
from archive_tui.comparison.values import Kind, kind_of, same, text_of
from archive_tui.payloads.paths import Path, key_text
from archive_tui.payloads.tree import Tree, pairs_of
from archive_tui.payloads.writing import for_programs

WHOLE = "(the whole)"
"""The label of what stands at no path."""


def add_trees(section: Section, first: Tree, second: Tree) -> None:
    """Add the differences of two trees, and what they have in common."""
    _Trees(section).compare(first, second, "")


class _Trees:
    def __init__(self, section: Section) -> None:
        self._section = section
        self._digests: dict[int, int] = {}

    def compare(self, first: Tree, second: Tree, label: str) -> None:
        """Compare what stands at a path of both."""
        kind, other = kind_of(first), kind_of(second)
        if kind is not other:
            self._add(label, first, second, Verdict.TYPE, f"{kind} here, {other} there")
            self._within(first, label, Verdict.ONLY_FIRST)
            self._within(second, label, Verdict.ONLY_SECOND)
        elif kind is Kind.OBJECT and (first or second):
            self._objects(first, second, label)
        elif kind is Kind.LIST and (first or second):
            self._lists(first, second, label)
        elif same(first, second):
            self._add(label, first, second, Verdict.SAME)
        elif kind is Kind.TEXT and "\n" in first and "\n" in second:
            add_lines(self._section, first, second, label.removeprefix("."))
        else:
            self._add(label, first, second, Verdict.VALUE)

    def _objects(self, first: Tree, second: Tree, label: str) -> None:
        """Compare objects key by key; of a key that stands several times, one after the other."""
        there: dict[tuple[Kind, str], list[Tree]] = {}
        for key, value in pairs_of(second):
            there.setdefault(_name(key), []).append(value)
        for values in there.values():
            values.reverse()
        for key, value in pairs_of(first):
            name = _name(key)
            if there.get(name):
                self.compare(value, there[name].pop(), label + Path((name[1],)).suffix)
            else:
                self._only(value, label + Path((name[1],)).suffix, Verdict.ONLY_FIRST)
        for (_, name_text), values in there.items():
            for value in reversed(values):
                self._only(value, label + Path((name_text,)).suffix, Verdict.ONLY_SECOND)

    def _lists(self, first: list[Tree], second: list[Tree], label: str) -> None:
        digests = [self._digest(value) for value in first], [self._digest(value) for value in second]
        for at, other in aligned(*digests):
            if at is None and other is not None:
                self._only(second[other], f"{label}[{other}]", Verdict.ONLY_SECOND)
            elif other is None and at is not None:
                self._only(first[at], f"{label}[{at}]", Verdict.ONLY_FIRST)
            elif at is not None and other is not None:
                step = f"[{at}]" if at == other else f"[{at}→{other}]"
                self.compare(first[at], second[other], label + step)

    def _only(self, value: Tree, label: str, verdict: Verdict) -> None:
        """Add what one side alone has: each value of it that holds no other."""
        if not (kind_of(value).holds_others and value):
            self._add(label, value, value, verdict)
        self._within(value, label, verdict)

    def _within(self, value: Tree, label: str, verdict: Verdict) -> None:
        if isinstance(value, list):
            for at, child in enumerate(value):
                self._only(child, f"{label}[{at}]", verdict)
        else:
            for key, child in pairs_of(value):
                self._only(child, label + Path((key_text(key),)).suffix, verdict)

    def _add(self, label: str, first: Tree, second: Tree, verdict: Verdict, note: str = "") -> None:
        mine = text_of(first) if verdict is not Verdict.ONLY_SECOND else None
        theirs = text_of(second) if verdict is not Verdict.ONLY_FIRST else None
        if verdict is Verdict.VALUE and mine is not None and theirs is not None:
            mine, theirs, note = excerpts(mine, theirs)
        self._section.add(
            Row(
                label.removeprefix(".") or WHOLE,
                mine,
                theirs,
                verdict,
                note,
                for_programs(first) if mine is not None and not kind_of(first).holds_others else mine,
                for_programs(second) if theirs is not None and not kind_of(second).holds_others else theirs,
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
