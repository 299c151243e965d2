"""Queries: which rows to show, and in which order."""

import sqlite3
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.fields import FIELDS, field_name
from archive_tui.catalog.filter import matching
from archive_tui.catalog.filter.conditions import Condition, Matched
from archive_tui.catalog.filter.criteria import Criterion
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.catalog.filter.terms import has_limit
from archive_tui.catalog.message_values import MessageValue, value_order
from archive_tui.catalog.signatures import signature


class Sort(StrEnum):
    """The orders of rows: as they were found, or by a field, under the name that the screens' columns have."""

    FOUND = "found"
    ID = "id"
    TYPE = "type"
    DIED = "died"
    TRIES = "tries"
    SIZE = "size"
    ERROR = "error"
    KIND = "kind"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Query:
    """A filter and an order. A row is shown where everything that is given holds."""

    text: str = ""
    """Filter in the language of `catalog.filter`; empty: every row."""

    kind: Kind | None = None
    """Only findings of this kind; None: all rows."""

    value: tuple[MessageValue, str] | None = None
    """What the messages of the rows have at a place, as far as it was read; None: whatever they have."""

    sort: Sort = Sort.FOUND
    """The order."""

    descending: bool = False
    """The order is turned round."""

    by: MessageValue | None = None
    """A value in the messages that rows are sorted by instead; None: `sort` says."""

    now: float | None = None
    """Moment from which the filter's ages count, in unix seconds; None: the one at which the rows are asked for."""

    @property
    def filtered(self) -> bool:
        """Some rows may be hidden."""
        return bool(self.text.strip()) or self.kind is not None or self.value is not None

    @property
    def by_row(self) -> bool:
        """Whether a row is shown or not whatever other rows there are. Raises FilterError."""
        return not has_limit(self.text)

    @property
    def narrowed(self) -> "Query":
        """The same rows, as they were found."""
        return replace(self, sort=Sort.FOUND, descending=False, by=None)

    @property
    def as_found(self) -> bool:
        """Whether rows stand in the order in which they were found."""
        return self.sort is Sort.FOUND and self.by is None and not self.descending

    @property
    def sorted_by(self) -> str:
        """The name of the column that rows are sorted by."""
        return self.by.name if self.by is not None else self.sort.value

    def unfiltered(self) -> "Query":
        """The same order, with nothing hidden."""
        return replace(self, text="", kind=None, value=None, now=None)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the filter asks of messages. Raises FilterError."""
        return self._condition.criteria

    @property
    def places(self) -> tuple[MessageValue, ...]:
        """What else it needs of messages: the value that rows have, and the one that they are sorted by."""
        value = (self.value[0],) if self.value is not None else ()
        return (*value, self.by) if self.by is not None else value

    @property
    def _condition(self) -> Condition:
        among = Matched("kind", Pattern(self.kind.value, exact=True)) if self.kind is not None else None
        return parse(self.text, time.time() if self.now is None else self.now, among)

    def where(self, *, limited: bool = True) -> tuple[str, list[object]]:
        """The filter as an SQL condition with its parameters. It is NULL for a row of which it is not known. Not
        `limited` it is that of the rows of which it shows the newest. Raises FilterError where `text` cannot be read.
        """
        condition, parameters = (self._condition if limited else self._condition.unlimited).sql()
        conditions = [condition]
        if self.kind is not None:
            conditions.append("kind = ?")
            parameters.append(self.kind.value)
        if self.value is not None:
            place, value = self.value
            conditions.append(f"{place.facet.row_sql} = ?")
            parameters.append(value)
        return " AND ".join(conditions), parameters

    def order(self) -> str:
        """The order as SQL; rows that are equal in it stand as they were found, and those without a value last, in both
        directions.
        """
        if self.sort is Sort.FOUND and self.by is None:
            return "seq DESC" if self.descending else "seq ASC"
        sorted_by = self.by if self.by is not None else FIELDS[field_name(self.sort.value)]
        terms = [f"{term} DESC" for term in sorted_by.order]
        if not self.descending:  # what is missing is the least of all to SQL; no NULLS LAST before SQLite 3.30
            terms = [*filter(None, [sorted_by.missing]), *sorted_by.order]
        return ", ".join([*terms, "seq"])


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that conditions call. Errors repeat, so signatures are cached."""
    matching.prepare(connection)
    connection.create_function("value_order", 1, lru_cache(10_000)(value_order), deterministic=True)
    connection.create_function("signature", 1, lru_cache(10_000)(signature), deterministic=True)
