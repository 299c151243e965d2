"""Extracts: what was read out of the messages of rows, a small table of the catalog for each.

A value belongs to a row and to the fingerprint that its message had: where a listing brings another message, the row
counts as unread again. A row that was read and of which nobody can tell has a value that is NULL.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

_SAME_MESSAGE = "seq = rows.seq AND fingerprint IS rows.fingerprint"


def table_of(asked: object) -> str:
    """Name the table for what is asked of messages; what has the same `repr` shares it."""
    return f"extract_{blake2b(repr(asked).encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


def schema_of(table: str) -> str:
    """Write the statement that makes such a table."""
    return f"CREATE TABLE IF NOT EXISTS {table} (seq INTEGER PRIMARY KEY, fingerprint INTEGER, value)"


def value_sql(table: str) -> str:
    """The value of a row; NULL: it was not read, or nobody can tell."""
    return f"(SELECT value FROM {table} WHERE {_SAME_MESSAGE})"


def unread_sql(table: str) -> str:
    """The condition that a row was not read."""
    return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {_SAME_MESSAGE})"


class Unread(NamedTuple):
    """A row whose message is to be read."""

    seq: int
    """Number of the row."""

    queue: str
    id: bytes

    stored_bytes: int | None
    """Estimate of its bytes in Redis; None: it had no message."""

    fingerprint: int | None
    """Fingerprint of its message, as the catalog keeps it; None: it had none."""


def unread_among(
    condition: str, parameters: Sequence[object], criteria: Sequence[str], columns: Sequence[str]
) -> tuple[str, list[object]]:
    """Write the condition for the rows whose messages are to be read, with its parameters: those of which a filter's
    `condition` cannot tell yet for want of a criterion, and those that it shows and that lack the value of a column.
    Criteria and columns are named by their tables.
    """
    parts = []
    wanted: list[object] = []
    for known, tables in ((f"({condition}) IS NULL", criteria), (f"({condition})", columns)):
        if tables:
            parts.append(f"({known} AND ({' OR '.join(map(unread_sql, tables))}))")
            wanted += parameters
    return " OR ".join(parts) or "0", wanted
