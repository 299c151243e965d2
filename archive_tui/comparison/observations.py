"""What stands at the paths of many trees: how often, of which kinds, and which values; in bounded memory."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from archive_tui.comparison.values import Kind, kind_of, text_of
from archive_tui.payloads.paths import EVERY, Path, Step, key_text
from archive_tui.payloads.tree import Tree, pairs_of
from archive_tui.wording.people import number

Steps = tuple[Step, ...]
"""A way into a tree; elements of lists are `[*]`."""

MOST_VALUES = 20_000
"""Values of one tree that are looked at, the outer ones first."""

_MOST_PATHS = 5_000
_MOST_DISTINCT = 12
_LONG_TEXT = 60
"""Paths, and different values at one of them, that are remembered; and characters of such a value."""

_REPEATS = 3
"""How often each value stands on average, from which on the values seen are taken for all that there are."""


def values_in(tree: Tree) -> Iterator[tuple[Steps, Tree]]:
    """Every value of a tree with its path, the outer ones first: at most `MOST_VALUES`."""
    return islice(_values_in(tree), MOST_VALUES)


def _values_in(tree: Tree) -> Iterator[tuple[Steps, Tree]]:
    level: list[tuple[Steps, Tree]] = [((), tree)]
    left = MOST_VALUES
    while level and left > 0:
        left -= len(level)
        yield from level
        below: list[tuple[Steps, Tree]] = []
        for steps, node in level:
            if isinstance(node, list):
                below += (((*steps, EVERY), child) for child in islice(node, MOST_VALUES))
            else:
                below += (((*steps, key_text(key)), child) for key, child in islice(pairs_of(node), MOST_VALUES))
            if len(below) > MOST_VALUES:
                break
        level = below


def label_of(steps: Steps) -> str:
    """A path as filters write it."""
    return str(Path(steps))


@dataclass(slots=True)
class Seen:
    """What stands at one path of many trees."""

    trees: int = 0
    """Trees that have something there."""

    count: int = 0
    """Values there; of a path with `[*]` a tree may have several."""

    kinds: Counter[Kind] = field(default_factory=Counter)

    values: dict[str, Tree] = field(default_factory=dict)
    """Different scalars by their text, the first of them."""

    many: bool = False
    """There are more different values than are remembered."""

    low: int | Decimal | None = None
    """The smallest number."""

    high: int | Decimal | None = None
    """The largest."""

    shortest: int | None = None
    """The length of the shortest text, bytes, list or object: in characters, bytes, elements, keys."""

    longest: int | None = None
    """The length of the longest."""

    def add(self, value: Tree) -> None:
        """Note a value."""
        self.count += 1
        kind = kind_of(value)
        self.kinds[kind] += 1
        if kind is Kind.NUMBER and not isinstance(value, float):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)
        if (length := length_of(value)) is not None:
            self.shortest = length if self.shortest is None else min(self.shortest, length)
            self.longest = length if self.longest is None else max(self.longest, length)
        if not kind.holds_others:
            self._note(value)

    def _note(self, value: Tree) -> None:
        if isinstance(value, str | bytes) and len(value) > _LONG_TEXT:
            self.many = True
            return
        text = text_of(value)
        if text not in self.values:
            if len(self.values) < _MOST_DISTINCT:
                self.values[text] = value
            else:
                self.many = True

    @property
    def kind(self) -> Kind | None:
        """The kind of all values; None where there are several."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else None

    @property
    def enumerated(self) -> bool:
        """The values look like all that there are: they are few, and each stands several times, or there is one."""
        if self.many or not self.values:
            return False
        return len(self.values) == 1 or self.count >= _REPEATS * len(self.values)

    def words(self) -> str:
        """The kinds and values in a few words; values are foreign text."""
        if self.enumerated and len(self.kinds) == 1:
            return " or ".join(self.values)
        kinds = " or ".join(self.kinds)
        if self.kind is Kind.NUMBER and self.low is not None and self.high is not None:
            return f"{kinds}, {_range(self.low, self.high)}"
        unit = _UNITS.get(self.kind) if self.kind is not None else None
        if unit is not None and self.shortest is not None and self.longest is not None:
            return f"{kinds}, {_range(self.shortest, self.longest)} {unit}"
        return kinds

    def for_programs(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "tasks": self.trees,
            "types": [kind.value for kind in self.kinds],
            "values": list(self.values) if self.enumerated else None,
            "lowest": str(self.low) if self.low is not None else None,
            "highest": str(self.high) if self.high is not None else None,
            "shortest": self.shortest,
            "longest": self.longest,
        }


_UNITS = {Kind.TEXT: "characters", Kind.BYTES: "bytes", Kind.LIST: "elements", Kind.OBJECT: "keys"}


def _range(low: int | Decimal, high: int | Decimal) -> str:
    return f"{_number(low)}" if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: int | Decimal) -> str:
    return number(value) if isinstance(value, int) else str(value)


def length_of(value: Tree) -> int | None:
    """The length of a text, of bytes, of a list or an object; None for what has none."""
    if isinstance(value, str | bytes | list):
        return len(value)
    return sum(1 for _ in pairs_of(value)) if kind_of(value) is Kind.OBJECT else None


class Observations:
    """What stands at each path of the trees that were added."""

    def __init__(self) -> None:
        self.seen: dict[Steps, Seen] = {}
        self.trees = 0
        """Trees that were added."""

    def add(self, tree: Tree) -> None:
        """Note what stands in a tree."""
        self.trees += 1
        here: set[Steps] = set()
        for steps, value in values_in(tree):
            seen = self.seen.get(steps)
            if seen is None:
                if len(self.seen) >= _MOST_PATHS:
                    continue
                seen = self.seen[steps] = Seen()
            seen.add(value)
            if steps not in here:
                here.add(steps)
                seen.trees += 1
