"""Conditions: what a filter asks of a row, as SQL.

One that looks at columns is never NULL, so that its negation shows the rest. One that looks into the message is NULL
until that was read, and where nobody can tell. SQL's logic of three values then says of a whole filter what is known:
neither it nor its negation shows a row of which it is not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from archive_tui.catalog.extracts import table_of, value_sql
from archive_tui.catalog.fields import DIED, FIELDS
from archive_tui.catalog.filter.criteria import Criterion
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.folding import folded

_ANYWHERE = ("id", "type", "error")
_COSTLY = {"error": 1, "signature": 2}


class Condition(Protocol):
    """Something that a row fulfils or not."""

    @property
    def cost(self) -> int:
        """Rank of its cost: SQLite evaluates conditions in their order, and stops at the first that decides."""

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What it asks of the message's content."""

    @property
    def unlimited(self) -> "Condition":
        """The same without limits: `Limited` shows some of the rows that fulfil this."""

    def sql(self) -> tuple[str, list[object]]:
        """The condition, which stands safely beside an AND, and its parameters."""


class _ByRow:
    """Base of the conditions that a row fulfils or not whatever other rows there are."""

    __slots__ = ()

    @property
    def unlimited(self) -> Self:
        return self


class _OfColumns(_ByRow):
    """Base of the conditions that look at columns alone."""

    __slots__ = ()

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Anywhere(_OfColumns):
    """A plain word: id, type or error has it."""

    pattern: Pattern

    @property
    def cost(self) -> int:
        return 1

    def sql(self) -> tuple[str, list[object]]:
        return _joined([self.pattern.sql(FIELDS[name].sql) for name in _ANYWHERE], " OR ")


@dataclass(frozen=True, slots=True)
class Matched(_OfColumns):
    """The text of a field matches."""

    field: str

    pattern: Pattern

    @property
    def cost(self) -> int:
        return _COSTLY.get(self.field, 0)

    def sql(self) -> tuple[str, list[object]]:
        condition = self.pattern.sql(FIELDS[self.field].sql)
        if self.field != "signature" or self.pattern.part or self.pattern.wild:
            return condition
        # Made anew for each error: first look for the longest piece that stands between two placeholders, of which the
        # last may have been cut
        literal = max(re.split(r"<[a-z]+>|<[a-z]*$", folded(self.pattern.text)), key=len)
        return _joined([Pattern(literal, part=True).sql(FIELDS["error"].sql), condition], " AND ")


@dataclass(frozen=True, slots=True)
class Compared(_OfColumns):
    """The number of a field compares to another; a row that lacks it does not."""

    field: str

    operator: str
    """As in SQL."""

    number: int
    """Bytes, unix seconds or a count."""

    @property
    def cost(self) -> int:
        return 0

    def sql(self) -> tuple[str, list[object]]:
        return f"coalesce(({FIELDS[self.field].sql}) {self.operator} ?, 0)", [self.number]


@dataclass(frozen=True, slots=True)
class Lacking(_OfColumns):
    """The row has no number for a field: nobody knows it, or there is none."""

    field: str

    @property
    def cost(self) -> int:
        return 0

    def sql(self) -> tuple[str, list[object]]:
        return f"(({FIELDS[self.field].sql}) IS NULL)", []


@dataclass(frozen=True, slots=True)
class WithoutPayload(_OfColumns):
    """The task has no payload: an empty one, or no message at all."""

    @property
    def cost(self) -> int:
        return 0

    def sql(self) -> tuple[str, list[object]]:
        return "(CASE WHEN readable THEN payload_bytes = 0 ELSE fingerprint IS NULL END)", []


@dataclass(frozen=True, slots=True)
class InContent(_ByRow):
    """The content of the message fulfils a criterion, as far as it was read."""

    criterion: Criterion

    @property
    def cost(self) -> int:
        return 3

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return (self.criterion,)

    def sql(self) -> tuple[str, list[object]]:
        return value_sql(table_of(self.criterion)), []


@dataclass(frozen=True, slots=True)
class Not(_ByRow):
    """The rows that another condition hides."""

    condition: Condition

    @property
    def cost(self) -> int:
        return self.condition.cost

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return self.condition.criteria

    def sql(self) -> tuple[str, list[object]]:
        condition, parameters = self.condition.sql()
        return f"NOT {condition}", parameters


@dataclass(frozen=True, slots=True)
class All:
    """Every one of some conditions; of none, every row."""

    conditions: tuple[Condition, ...] = ()

    @property
    def cost(self) -> int:
        return max((condition.cost for condition in self.conditions), default=0)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return _criteria(self.conditions)

    @property
    def unlimited(self) -> Condition:
        return All(tuple(condition.unlimited for condition in self.conditions))

    def sql(self) -> tuple[str, list[object]]:
        cheap_first = sorted(self.conditions, key=lambda condition: condition.cost)
        return _joined([condition.sql() for condition in cheap_first], " AND ") if cheap_first else ("1", [])


@dataclass(frozen=True, slots=True)
class Either(_ByRow):
    """At least one of some conditions."""

    conditions: tuple[Condition, ...]

    @property
    def cost(self) -> int:
        return max(condition.cost for condition in self.conditions)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return _criteria(self.conditions)

    def sql(self) -> tuple[str, list[object]]:
        return _joined([condition.sql() for condition in self.conditions], " OR ")


@dataclass(frozen=True, slots=True)
class Limited:
    """The newest, or the oldest, of the rows that fulfil a condition, in the order of a list sorted by time. A row of
    which nobody knows when it died or last failed is neither.

    Where the condition looks into messages, a row is among them for certain if it would be even if every row of which
    it is not known yet fulfilled the condition.
    """

    condition: Condition

    count: int
    """How many."""

    newest: bool = True
    """False: the oldest."""

    @property
    def cost(self) -> int:
        return 4

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return self.condition.criteria

    @property
    def unlimited(self) -> Condition:
        return self.condition.unlimited

    def sql(self) -> tuple[str, list[object]]:
        condition, parameters = self.condition.sql()
        certain = f"rows.seq IN ({self._chosen(condition)})"
        wanted = [*parameters, self.count]
        if not self.criteria:
            return certain, wanted
        possible = f"rows.seq IN ({self._chosen(f'coalesce({condition}, 1)')})"
        unknown = f"WHEN {certain} OR ({condition}) IS NULL THEN NULL"
        return f"(CASE WHEN {possible} THEN {condition} {unknown} ELSE 0 END)", [
            *wanted, *parameters, *wanted, *parameters,
        ]  # fmt: skip

    def _chosen(self, condition: str) -> str:
        """The query for the numbers of the first rows that fulfil a condition."""
        way = "DESC" if self.newest else "ASC"
        return f"SELECT seq FROM rows WHERE ({DIED}) IS NOT NULL AND {condition} ORDER BY ({DIED}) {way}, seq LIMIT ?"


def _criteria(conditions: Sequence[Condition]) -> tuple[Criterion, ...]:
    """What some conditions ask of the content, each once."""
    return tuple(dict.fromkeys(one for condition in conditions for one in condition.criteria))


def _joined(conditions: Sequence[tuple[str, list[object]]], word: str) -> tuple[str, list[object]]:
    """Join conditions by a word of SQL, in parentheses."""
    return f"({word.join(sql for sql, _ in conditions)})", [one for _, parameters in conditions for one in parameters]
