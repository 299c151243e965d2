"""Conditions: what a filter asks of a row, as SQL. None is ever NULL, so that its negation shows the rest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_tui.catalog.fields import DIED, FIELDS
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.folding import folded

_ANYWHERE = ("id", "type", "error")
_COSTLY = {"error": 1, "signature": 2}


class Condition(Protocol):
    """Something that a row fulfils or not."""

    @property
    def cost(self) -> int:
        """Rank of its cost: SQLite evaluates conditions in their order, and stops at the first that decides."""

    def sql(self) -> tuple[str, list[object]]:
        """The condition, which stands safely beside an AND, and its parameters."""


@dataclass(frozen=True, slots=True)
class Anywhere:
    """A plain word: id, type or error has it."""

    pattern: Pattern

    @property
    def cost(self) -> int:
        return 1

    def sql(self) -> tuple[str, list[object]]:
        return _joined([self.pattern.sql(FIELDS[name].sql) for name in _ANYWHERE], " OR ")


@dataclass(frozen=True, slots=True)
class Matched:
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
class Compared:
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
class Lacking:
    """The row has no number for a field: nobody knows it, or there is none."""

    field: str

    @property
    def cost(self) -> int:
        return 0

    def sql(self) -> tuple[str, list[object]]:
        return f"(({FIELDS[self.field].sql}) IS NULL)", []


@dataclass(frozen=True, slots=True)
class Not:
    """The rows that another condition hides."""

    condition: Condition

    @property
    def cost(self) -> int:
        return self.condition.cost

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

    def sql(self) -> tuple[str, list[object]]:
        cheap_first = sorted(self.conditions, key=lambda condition: condition.cost)
        return _joined([condition.sql() for condition in cheap_first], " AND ") if cheap_first else ("1", [])


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of some conditions."""

    conditions: tuple[Condition, ...]

    @property
    def cost(self) -> int:
        return max(condition.cost for condition in self.conditions)

    def sql(self) -> tuple[str, list[object]]:
        return _joined([condition.sql() for condition in self.conditions], " OR ")


@dataclass(frozen=True, slots=True)
class Limited:
    """The newest, or the oldest, of the rows that fulfil a condition, in the order of a list sorted by time. A row of
    which nobody knows when it died or last failed is neither.
    """

    condition: Condition

    count: int
    """How many."""

    newest: bool = True
    """False: the oldest."""

    @property
    def cost(self) -> int:
        return 3

    def sql(self) -> tuple[str, list[object]]:
        condition, parameters = self.condition.sql()
        way = "DESC" if self.newest else "ASC"
        chosen = f"SELECT seq FROM rows WHERE ({DIED}) IS NOT NULL AND {condition} ORDER BY ({DIED}) {way}, seq LIMIT ?"
        return f"rows.seq IN ({chosen})", [*parameters, self.count]


def _joined(conditions: Sequence[tuple[str, list[object]]], word: str) -> tuple[str, list[object]]:
    """Join conditions by a word of SQL, in parentheses."""
    return f"({word.join(sql for sql, _ in conditions)})", [one for _, parameters in conditions for one in parameters]
