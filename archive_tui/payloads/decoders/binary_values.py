"""Judgement of what binary formats decoded: names and words in it are a proof, numbers alone are chance."""

from collections.abc import Iterator
from itertools import islice

from archive_tui.payloads.decoder import Fit, Limits
from archive_tui.payloads.tree import Pairs, Tree, pairs_of
from archive_tui.wording.programs import moment

_LOOKED_AT = 1_000
_LEAST_LETTERS = 3
_READABLE_SHARE = 0.7


def fit_of(tree: Tree) -> Fit:
    """How certain it is that bytes, all of them read, were meant as this tree."""
    if isinstance(tree, dict | Pairs) and tree:
        keys = [key for key, _ in islice(pairs_of(tree), _LOOKED_AT)]
        if all(isinstance(key, str) and key and key.isprintable() for key in keys):
            return Fit.LIKELY
    words = list(islice(_words(tree), _LOOKED_AT))
    readable = sum(word.isprintable() or "\n" in word for word in words)
    enough = sum(map(len, words)) >= _LEAST_LETTERS and readable >= len(words) * _READABLE_SHARE
    return Fit.LIKELY if enough else Fit.DOUBTFUL


def too_much(name: str, limits: Limits) -> str:
    """Say that a tree is deeper or larger than the limits, or repeats its values, as CBOR can."""
    return f"{name}: it nests deeper than {limits.depth} levels, or has more than {limits.values:,} values"


def _words(tree: Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        for child in tree:
            yield from _words(child)
    else:
        for key, value in pairs_of(tree):
            yield from _words(key)
            yield from _words(value)


def instant(seconds: int, nanoseconds: int) -> str:
    """Write a moment as RFC 3339 in UTC, with nanoseconds where it has any."""
    written = moment(seconds) or ""
    return f"{written[:-1]}.{nanoseconds:09}Z" if nanoseconds else written
