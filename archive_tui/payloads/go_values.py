"""Values of Go in a text, as `%+v` writes them, laid out: `{Name:foo Nested:{…}}`, `&{…}`, `map[a:b]`, `[{…} {…}]`.

Go quotes nothing there: a text may hold spaces, colons and brackets, and nobody can tell for sure where it ends. So a
value is laid out only if all of its brackets are balanced and it begins as one does, and laying out only breaks lines:
`pieces` joined are the text (fmt of Go 1.26, print.go).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPENING = re.compile(r"(?:&|\bmap(?=\[))?[{\[]")
_FIELD = re.compile(r"[^\W\d]\w*:")
_KEY = re.compile(r"[^\s:{}\[\]]+:")

_TRIES = 20
"""Places of a text at which a value is looked for."""

_LONGEST = 100_000
"""Characters of a value above which it is left as it is."""

_DEEPEST = 40
"""Values within each other above which they are left as they are."""

_INDENT = "  "

_CLOSING = {"{": "}", "[": "]"}


def laid_out(text: str) -> str | None:
    """The text with its values on lines of their own; None: there is none worth it."""
    parts = pieces(text)
    return "\n".join(_INDENT * indent + part for indent, part in parts) if len(parts) > 1 else None


def pieces(text: str) -> list[tuple[int, str]]:
    """The text in pieces, each with the depth by which its line is indented; joined they are the text."""
    breaks: dict[int, int] = {}
    at = 0
    for _ in range(_TRIES):
        opening = _OPENING.search(text, at)
        if opening is None:
            break
        value = _Value.at(text, opening)
        found = {} if value is None else dict(value.breaks(0))
        at = opening.end()
        if value is not None and found:
            at = value.close + 1
            breaks |= {opening.start(): 0, **found, at + (text[at : at + 1] == " "): 0}
    starts = [start for start in sorted(breaks) if 0 < start < len(text)]
    ends = [*starts, len(text)]
    return [(breaks.get(start, 0), text[start:end]) for start, end in zip([0, *starts], ends, strict=True)]


@dataclass(frozen=True, slots=True)
class _Value:
    """A value with brackets."""

    text: str
    open: int
    """Where its bracket opens."""
    close: int
    """Where it closes."""
    matching: dict[int, int]
    """Where each bracket within it closes, by where it opens."""
    is_map: bool

    @classmethod
    def at(cls, text: str, opening: "re.Match[str]") -> "_Value | None":
        """The value that begins there; None: its brackets are not balanced, or there are too many."""
        start = opening.end() - 1
        matching: dict[int, int] = {}
        stack: list[int] = []
        for bracket in re.finditer(r"[{}\[\]]", text[start : start + _LONGEST]):
            at = start + bracket.start()
            if bracket[0] in _CLOSING:
                stack.append(at)
                if len(stack) > _DEEPEST:
                    return None
            elif _CLOSING[text[stack[-1]]] != bracket[0]:
                return None
            else:
                matching[stack.pop()] = at
            if not stack:
                return cls(text, start, at, matching, opening[0].startswith("map"))
        return None

    def breaks(self, indent: int) -> Iterator[tuple[int, int]]:
        """Where lines begin inside of it, each with its indent; none where it is not one of Go's."""
        starts = self._starts()
        if not starts or (len(starts) < 2 and not any(self._within(start, self.close) for start in starts)):
            return
        ends = [*starts[1:], self.close]
        for start, end in zip(starts, ends, strict=True):
            yield start, indent + 1
            if (value := self._within(start, end)) is not None:
                yield from value.breaks(indent + 1)
        yield self.close, indent

    def _starts(self) -> list[int]:
        """Where its fields, entries or elements begin; empty: it has none that can be told apart."""
        first = self.open + 1
        if self.text[self.open] == "[" and not self.is_map:
            return self._elements(first)
        name = _KEY if self.is_map else _FIELD
        if name.match(self.text, first, self.close) is None:
            return []
        found = [start for start in self._behind_spaces(first) if name.match(self.text, start, self.close)]
        starts: list[int] = []
        for start in reversed([first, *found]):
            colon = self.text.index(":", start)
            after = self.text[colon + 1]
            # A value follows at once, or an empty one the space before the next field: `Err:read: timeout` has one
            if after != " " or (starts and starts[-1] == colon + 2) or colon + 2 == self.close:
                starts.append(start)
        return starts[::-1] if starts and starts[-1] == first else []

    def _elements(self, first: int) -> list[int]:
        """Where the elements of a slice begin, if each has brackets of its own."""
        starts = [first, *self._behind_spaces(first)]
        ends = [*(start - 1 for start in starts[1:]), self.close]
        both = zip(starts, ends, strict=True)
        return starts if all(self._is_whole(start, end) for start, end in both) else []

    def _behind_spaces(self, at: int) -> Iterator[int]:
        """The places behind a space that stand in no brackets within this value."""
        while at < self.close:
            if at in self.matching:
                at = self.matching[at]
            elif self.text[at] == " ":
                yield at + 1
            at += 1

    def _is_whole(self, start: int, end: int) -> bool:
        opening = _OPENING.match(self.text, start, end)
        return opening is not None and self.matching.get(opening.end() - 1) == end - 1

    def _within(self, start: int, end: int) -> "_Value | None":
        """The value that a field, an entry or an element is, whole; None: it is none with brackets."""
        named = not (self.text[self.open] == "[" and not self.is_map)
        begin = self.text.index(":", start) + 1 if named else start
        stop = end - 1 if self.text[end - 1 : end] == " " else end
        if not self._is_whole(begin, stop):
            return None
        opening = _OPENING.match(self.text, begin, stop)
        assert opening is not None  # noqa: S101 - `_is_whole` has just found it
        open_ = opening.end() - 1
        return _Value(self.text, open_, self.matching[open_], self.matching, opening[0].startswith("map"))
