"""Paths into a payload, such as `user.id`, `items[*].sku` or `"a key with spaces"[0]`.

A path leads through a tree of plain values (see `tree`). `[*]` stands for every element of an array, or every value of
an object, so a path can lead to many values; so can a key that stands twice. Keys are compared as they are, case and
all; a key that is no text is written as people read it: `1`, `true`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from archive_tui.payloads.tree import pairs_of
from archive_tui.text import line

_BARE = re.compile(r"""[^\s.\[\]"'():=<>!~≠≥≤|,;*?\\]+""")
_INDEX = re.compile(r"\[(?:(\*)|(-?[0-9]{1,9}))\]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)

MOST_STEPS = 50
"""Steps of a path."""


class PathError(ValueError):
    """A path that cannot be read; the message says what to write."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position
        """Where the mistake is, in characters from 0."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every element of an array, or every value of an object."""


EVERY = Every()

Step: TypeAlias = str | int | Every
"""A key, the position of an element (below 0 from the end), or every one."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way into a payload; without steps it is the whole of it."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Path":
        """Read a path. Raises PathError."""
        if not text.startswith("["):
            text = f".{text}"
            try:
                path, end = read(text, 0)
            except PathError as error:
                raise PathError(str(error), max(error.position - 1, 0)) from None
            shift = 1
        else:
            path, end = read(text, 0)
            shift = 0
        if end < len(text):
            raise PathError(f"“{line(text[end])}” in a key: put the key in double quotes", end - shift)
        return path

    def __str__(self) -> str:
        return "".join(map(_written, self.steps)).removeprefix(".")

    @property
    def suffix(self) -> str:
        """The path as it stands behind a word, such as `.user.id` and `[0]`; empty for the whole."""
        return "".join(map(_written, self.steps))

    def values(self, tree: object) -> Iterable[Any]:
        """The values to which it leads, in their order; none where nothing stands there."""
        # Keys of plain objects without a generator, which takes longer than they do: there are millions of these
        for number, step in enumerate(self.steps):
            if type(tree) is not dict or step not in tree or not isinstance(step, str):
                return _values(tree, self.steps, number)
            tree = tree[step]
        return (tree,)


def read(text: str, at: int) -> tuple[Path, int]:
    """Read a path that begins with a dot or a bracket, or is empty, and return it with its end. Raises PathError."""
    steps: list[Step] = []
    while at < len(text) and text[at] in ".[":
        step, at = _dotted(text, at) if text[at] == "." else _bracketed(text, at)
        steps.append(step)
        if len(steps) > MOST_STEPS:
            raise PathError(f"a path has at most {MOST_STEPS} steps", at)
    return Path(tuple(steps)), at


def _dotted(text: str, at: int) -> tuple[Step, int]:
    quoted = _QUOTED.match(text, at + 1)
    if quoted is not None:
        return _unescaped(quoted[1]), quoted.end()
    bare = _BARE.match(text, at + 1)
    if bare is not None:
        return bare[0], bare.end()
    after = text[at + 1 : at + 2]
    if after == '"':
        raise PathError("this quote is not closed", at + 1)
    if after == "*":
        raise PathError("write [*] for every element", at + 1)
    raise PathError('a key stands after the dot: user.id, or ."a b" with spaces', at)


def _bracketed(text: str, at: int) -> tuple[Step, int]:
    index = _INDEX.match(text, at)
    if index is not None:
        return (EVERY if index[1] else int(index[2])), index.end()
    quoted = _QUOTED.match(text, at + 1)
    if quoted is not None and text[quoted.end() : quoted.end() + 1] == "]":
        return _unescaped(quoted[1]), quoted.end() + 1
    raise PathError('in brackets stands a position, * or a key in double quotes: [0], [*], ["a b"]', at)


def _unescaped(text: str) -> str:
    def character(escape: "re.Match[str]") -> str:
        try:
            return chr(int(escape[1], 16)) if escape[1] else str(escape[2])
        except (ValueError, OverflowError):
            return escape[0]

    return _ESCAPE.sub(character, text) if "\\" in text else text


def _written(step: Step) -> str:
    if isinstance(step, Every):
        return "[*]"
    if isinstance(step, int):
        return f"[{step}]"
    if _BARE.fullmatch(step) and line(step) == step:
        return f".{step}"
    return '."' + "".join(map(_escaped, step)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if line(character) == character else f"\\u{{{ord(character):x}}}"


def _values(tree: Any, steps: tuple[Step, ...], at: int) -> Iterator[Any]:
    for number, step in enumerate(steps[at:], at + 1):
        if isinstance(step, str) and type(tree) is dict and step in tree:
            tree = tree[step]
        elif isinstance(step, int):
            if not (isinstance(tree, list) and -len(tree) <= step < len(tree)):
                return
            tree = tree[step]
        else:
            for one in _under(tree, step):
                yield from _values(one, steps, number)
            return
    yield tree


def _under(tree: Any, step: str | Every) -> Iterator[Any]:
    """What stands under a key, which may be no text or stand twice; or every value."""
    if isinstance(step, Every):
        yield from tree if isinstance(tree, list) else (value for _, value in pairs_of(tree))
    elif not (isinstance(tree, dict) and all(type(key) is str for key in tree)):
        yield from (value for key, value in pairs_of(tree) if key_text(key) == step)


def key_text(key: object) -> str:
    """A key as a path writes it."""
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "surrogateescape")
    return {True: "true", False: "false"}[key] if isinstance(key, bool) else "null" if key is None else str(key)


def seen(tree: object, most: int = 200, *, nodes: int = 2_000, depth: int = 8) -> list[Path]:
    """The paths that lead to something in a tree, each once and elements of lists as `[*]`: at most `most` of them, of
    the first `nodes` values, at most `depth` steps deep. The shortest come first.
    """
    paths: dict[tuple[Step, ...], None] = {}
    level: list[tuple[tuple[Step, ...], Any]] = [((), tree)]
    for _ in range(depth):
        below: list[tuple[tuple[Step, ...], Any]] = []
        for steps, node in level:
            children: Iterator[tuple[Step, Any]]
            if isinstance(node, list):
                children = ((EVERY, value) for value in node)
            else:
                children = ((key_text(key), value) for key, value in pairs_of(node))
            for step, value in children:
                nodes -= 1
                if nodes < 0 or len(paths) >= most:
                    return list(map(Path, paths))
                way = (*steps, step)
                if not (isinstance(value, list) and not value):
                    paths.setdefault(way)
                below.append((way, value))
        level = below
    return list(map(Path, paths))
