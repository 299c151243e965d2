"""Values of trees as a comparison sees them: their kind, their text, and whether two are the same."""

from decimal import Decimal
from enum import StrEnum

from archive_tui.payloads.tree import Pairs, Tree, pairs_of
from archive_tui.payloads.writing import written
from archive_tui.wording.people import number


class Kind(StrEnum):
    """The types that people know values by."""

    NULL = "null"
    BOOL = "true or false"
    NUMBER = "number"
    TEXT = "text"
    BYTES = "bytes"
    LIST = "list"
    OBJECT = "object"

    @property
    def holds_others(self) -> bool:
        """Whether such a value holds others."""
        return self in (Kind.LIST, Kind.OBJECT)


def kind_of(value: Tree) -> Kind:
    """The kind of a value."""
    if isinstance(value, str):
        return Kind.TEXT
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int | float | Decimal):
        return Kind.NUMBER
    if isinstance(value, bytes):
        return Kind.BYTES
    return Kind.LIST if isinstance(value, list) else Kind.OBJECT


def text_of(value: Tree) -> str:
    """A value for people: a scalar as it is written, of a list or an object how much it holds."""
    if isinstance(value, list):
        return "[]" if not value else f"list of {_count(len(value), 'element')}"
    if isinstance(value, dict | Pairs):
        return "{}" if not value else f"object of {_count(sum(1 for _ in pairs_of(value)), 'key')}"
    return written(value)


def same(first: Tree, second: Tree) -> bool:
    """Whether two scalars of one kind are written the same: 1 and 1.0 are not, for Go reads them into other types."""
    return str(first) == str(second) if isinstance(first, int | float | Decimal) else bool(first == second)


def _count(count: int, word: str) -> str:
    return f"{number(count)} {word}{'s' if count != 1 else ''}"
