"""Facets: what rows are grouped by, each with its SQL, and with the term of the filter language that shows one group.

A facet is a value, not a class of its own: whoever has another column to group by, such as a path into the payload,
makes one and hands it to a question beside the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.installation import shown
from archive_tui.catalog.fields import FIELDS
from archive_tui.catalog.filter.terms import exactly
from archive_tui.text import decode, line

HOUR, DAY = 3600, 86_400

DAYS = 14
"""UTC days, today included, for which tasks are counted day by day."""


class Band(NamedTuple):
    """A range of ages."""

    name: str
    """As a person reads it: the age that none of its tasks exceeds."""

    term: str
    """The term of the filter language that shows its tasks."""

    limit: int | None
    """That age in seconds; None: there is none."""


BANDS = (
    Band("1 h", "age<=1h", HOUR),
    Band("24 h", "age>1h age<=24h", 24 * HOUR),
    Band("7 d", "age>24h age<=7d", 7 * DAY),
    Band("30 d", "age>7d age<=30d", 30 * DAY),
    Band("90 d", "age>30d age<=90d", 90 * DAY),
    Band("older", "age>90d", None),
)
"""Every age, from the youngest to the oldest."""

NO_AGE = Band("never failed", "age:none", None)
"""The band of tasks of which nobody knows when they died or last failed."""


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that rows are grouped by."""

    name: str
    """Identity, and the name of its column among the counts."""

    title: str
    """Heading above its groups."""

    row_sql: str
    """The key of a row's group, as an expression over `rows` and `labels`; `{now}` stands for the moment from which
    ages count, in unix seconds. NULL: the row is in no group.
    """

    term: Callable[[str], str]
    """Writes the term that shows one group, from its value."""

    label: Callable[[str], str]
    """The value as one safe line."""

    group_sql: str = "key"
    """The value of a group, as an expression over its `key`."""

    read: Callable[[Any], str] = str
    """Turns what that gives into the value."""

    extract: object = None
    """What of the rows' messages it needs, as the catalog keeps it; None: nothing."""

    ordered: bool = False
    """Its groups stand in the order of their keys; False: the largest first."""


def _named(empty: str) -> Callable[[str], str]:
    """Make labels of foreign text, with words for an empty one."""
    return lambda value: line(value) or empty


def _band_sql() -> str:
    died = f"({FIELDS['age'].sql})"
    ages = " ".join(f"WHEN {died} >= {{now}} - {band.limit} THEN {at}" for at, band in enumerate(BANDS) if band.limit)
    return f"CASE WHEN {died} IS NULL THEN {len(BANDS)} {ages} ELSE {len(BANDS) - 1} END"


_ALL_BANDS = {band.name: band for band in (*BANDS, NO_AGE)}


def _tries_term(value: str) -> str:
    retried, _, retry = value.partition("/")
    return f"retried:{retried} retry:{retry}"


ERROR = Facet(
    "error",
    "Error",
    "labels.signature",
    lambda value: exactly("signature", value),
    _named("(no error)"),
    "(SELECT text FROM signatures WHERE number = key)",
)
TYPE = Facet("type", "Type", "rows.type", lambda value: exactly("type", value), _named("(no type)"))
AGE = Facet(
    "age",
    "Age",
    _band_sql(),
    lambda value: _ALL_BANDS[value].term,
    str,
    read=lambda key: (*BANDS, NO_AGE)[key].name,
    ordered=True,
)
TRIES = Facet(
    "tries",
    "Tries",
    "CASE WHEN readable THEN retried * 4294967296 + retry END",
    _tries_term,
    str,
    read=lambda key: f"{(key + 0x8000_0000) >> 32}/{(key + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000}",
)
KIND = Facet(
    "kind",
    "Kind",
    "coalesce(kind, '')",
    lambda value: exactly("kind", value),
    lambda value: Kind(value).label if value else "(no finding)",
)
QUEUE = Facet(
    "queue",
    "Queue",
    "rows.queue",
    lambda value: exactly("queue", value),
    shown,
    "(SELECT name FROM queues WHERE number = key)",
    decode,
)
