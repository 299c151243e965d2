"""Criteria: what a filter asks of a message's content, which no row holds.

The answer is True, False, or None where nobody can tell, because the payload cannot be decoded: then neither the
criterion nor its negation shows the task.
"""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from archive_tui.catalog.filter.matching import Pattern
from archive_tui.payloads.content import Content, may_be_layout, text_of, texts_in
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.paths import Path

_ORDERS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_WORDS = ("true", "false", "null")
_LONGEST_NUMBER = 1_000_000
"""Characters of a text that may be a number: a `Decimal` of them takes some hundredths of a second."""


class Criterion(Protocol):
    """Something that a filter asks of a content. Equal criteria have the same `repr`."""

    @property
    def without(self) -> bool | None:
        """The answer for a message that cannot be read, or is no longer the one of the row."""

    def answer(self, content: Content) -> bool | None:
        """Tell whether a content fulfils it; None: nobody can tell."""


class Test(Protocol):
    """Something that values are asked for."""

    @property
    def names_mask(self) -> bool:
        """Whether it asks for a value as it is shown where something in it is masked."""

    def holds(self, values: Iterable[Any]) -> bool:
        """Tell whether one of these values is like that."""


class _OfTruth:
    """Base of the tests that ask for values as they are."""

    __slots__ = ()

    @property
    def names_mask(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Equals:
    """It is this text, number or word. A text with the sign of a masked value in it is also what is shown of one: that
    is how a group of such values is narrowed to, and all that anybody may say of them.
    """

    pattern: Pattern

    number: Decimal | None = None
    """The number that the text is, too; None: it is none."""

    @property
    def names_mask(self) -> bool:
        return MASK in self.pattern.text and not self.pattern.wild

    def holds(self, values: Iterable[Any]) -> bool:
        return any(map(self._is, values))

    def _is(self, value: Any) -> bool:
        kind = type(value)
        if kind is int or kind is Decimal:
            if self.number is not None:
                return bool(self.number == value)
            return self.pattern.wild and self.pattern.matches(str(value))
        if isinstance(value, str | bytes):
            return self.pattern.matches(text_of(value))
        if value is None or isinstance(value, bool):
            return self.pattern.text.lower() == text_of(value)
        return isinstance(value, float) and self.pattern.matches(str(value))


@dataclass(frozen=True, slots=True)
class Contains(_OfTruth):
    """Its text, or that of anything in it, has this part."""

    pattern: Pattern

    def holds(self, values: Iterable[Any]) -> bool:
        return any(self.pattern.matches(text) for value in values for text in texts_in(value))


@dataclass(frozen=True, slots=True)
class Compares(_OfTruth):
    """It is a number, or a text that is one, and compares to another. Exact, whatever the size."""

    operator: str
    """One of `>`, `>=`, `<` and `<=`."""

    number: Decimal

    def holds(self, values: Iterable[Any]) -> bool:
        compare = _ORDERS[self.operator]
        return any(compare(number, self.number) for value in values if (number := _number_in(value)) is not None)


@dataclass(frozen=True, slots=True)
class Stands(_OfTruth):
    """Something stands there, even null."""

    def holds(self, values: Iterable[Any]) -> bool:
        return any(True for _ in values)


class _OfContent:
    """Base of the criteria of which nobody can tell without the content."""

    __slots__ = ()

    @property
    def without(self) -> bool | None:
        return None


@dataclass(frozen=True, slots=True)
class AtPath(_OfContent):
    """A value at a path of the payload passes a test."""

    path: Path
    test: Test

    def answer(self, content: Content) -> bool | None:
        if self.test.holds(content.values(self.path)):
            return True
        if self.test.names_mask and self.test.holds(content.shown_values(self.path)):
            return True
        return False if content.decoded else None


@dataclass(frozen=True, slots=True)
class InText(_OfContent):
    """The decoded text has a part, or is one that matches."""

    pattern: Pattern

    def answer(self, content: Content) -> bool | None:
        wanted = self.pattern
        texts = content.texts(laid_out=may_be_layout(wanted.text)) if wanted.part else [content.reading.text()]
        if any(map(wanted.matches, texts)):
            return True
        return False if content.decoded else None


@dataclass(frozen=True, slots=True)
class Header(_OfContent):
    """A header passes a test; names compare without regard to case."""

    name: str
    """Name, in small letters; empty: any, and the names themselves are looked at, too."""

    test: Test

    def answer(self, content: Content) -> bool | None:
        if self.name:
            values = [(name, value) for name, value in content.headers.items() if name.lower() == self.name]
            if self.test.holds(value for _, value in values):
                return True
            return self.test.names_mask and self.test.holds(content.shown_header(*header) for header in values)
        return self.test.holds(one for header in content.headers.items() for one in header)


@dataclass(frozen=True, slots=True)
class DecodedAs(_OfContent):
    """A name on the way from the bytes to the payload matches: a wrapper's, or the format's."""

    pattern: Pattern

    def answer(self, content: Content) -> bool | None:
        return any(map(self.pattern.matches, content.formats))


@dataclass(frozen=True, slots=True)
class Undecoded:
    """Nobody can tell what is in the payload."""

    @property
    def without(self) -> bool | None:
        return True

    def answer(self, content: Content) -> bool | None:
        return not content.decoded


def equals(pattern: Pattern) -> Equals:
    """Make the test for a value: one that reads as a number is compared as one, too."""
    return Equals(pattern, None if pattern.wild else number_of(pattern.text))


def number_of(text: str) -> Decimal | None:
    """Read a number as JSON and people write it; None: it is none."""
    if not text.isascii() or len(text) > _LONGEST_NUMBER or "_" in text:
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _number_in(value: Any) -> int | Decimal | None:
    """The finite number that a value is; None: it is none."""
    if isinstance(value, str):
        return number_of(value)
    return value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
