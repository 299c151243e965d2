"""Alignment of two sequences: which of the one stands where in the other, at a cost that has a bound."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

_MOST_ITEMS = 20_000
_MOST_PAIRS = 40_000
"""Items, and pairs of equal ones, up to which they are aligned; difflib takes more than linear time."""

Pair = tuple[int | None, int | None]
"""A position in the first and one in the second; None: it has no counterpart there."""


def aligned(first: Sequence[Hashable], second: Sequence[Hashable]) -> Iterator[Pair]:
    """Pair the items of two sequences, in their order. Equal ones are paired where that keeps the order; of what stands
    between them, one after the other. What is too long, or repeats itself too often, is paired by position.
    """
    head = _common(first, second)
    tail = _common(first[head:][::-1], second[head:][::-1])
    yield from ((at, at) for at in range(head))
    ends = len(first) - tail, len(second) - tail
    yield from _middle(first[head : ends[0]], second[head : ends[1]], head)
    yield from ((ends[0] + at, ends[1] + at) for at in range(tail))


def _common(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """How many items are the same at the beginning."""
    return next((at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other),
        min(len(first), len(second)))  # fmt: skip


def _middle(first: Sequence[Hashable], second: Sequence[Hashable], start: int) -> Iterator[Pair]:
    if len(first) + len(second) > _MOST_ITEMS or _equal_pairs(first, second) > _MOST_PAIRS:
        yield from _side_by_side(range(start, start + len(first)), range(start, start + len(second)))
        return
    for _, low, high, other_low, other_high in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        yield from _side_by_side(range(start + low, start + high), range(start + other_low, start + other_high))


def _equal_pairs(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    counts = Counter(second)
    return sum(counts[item] for item in first)


def _side_by_side(first: range, second: range) -> Iterator[Pair]:
    return zip_longest(first, second)
