"""The file behind the catalog: its schema, derived from the columns of a row, its connections, and reading numbers."""

import contextlib
import json
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from archive_tui.asynq.rows import COLUMNS, REPEATED, Column, Plain
from archive_tui.catalog.query import prepare
from archive_tui.catalog.seqs import seqs_of

_SQL_TYPES: dict[Any, str] = {
    str: "TEXT NOT NULL", str | None: "TEXT", int: "INTEGER NOT NULL", int | None: "INTEGER", bytes: "BLOB NOT NULL",
    str | bytes: "BLOB NOT NULL",
}  # fmt: skip
"""The type of a column in SQL, by the plain type of its values."""

QUEUE = "queue"
"""The column that holds a number, the name's in the table `queues`, instead of its value."""


_QUEUES = "CREATE TABLE queues (number INTEGER PRIMARY KEY, name BLOB NOT NULL);"
_NUMBERED = "seq INTEGER PRIMARY KEY, {}, generation INTEGER NOT NULL"


def schema() -> str:
    """Write the statements that make the tables; `rows` has the columns of a row, its number and its generation."""
    return f"{_QUEUES} CREATE TABLE rows ({_NUMBERED.format(_declared(COLUMNS))});"


def catalog_schema() -> str:
    """Write the statements that make the tables of a catalog. `rows`, of which everybody reads, has the same columns;
    behind it stand `tasks`, to which rows are written, and `repeated`: what repeats among rows, each once with a number
    that rows have in `repeats`. So a row takes half the room, and less time to write.

    `rows` finds each of these values by itself, so it costs nothing where none is wanted, and may stand beside other
    tables. `joined` has the same columns and finds them all at once: for whoever goes through many rows by them.
    """
    kept = [column for column in COLUMNS if not column.repeats]
    columns = ", ".join(
        f"(SELECT {quoted(column.name)} FROM repeated WHERE number = tasks.repeats) AS {quoted(column.name)}"
        if column.repeats
        else quoted(column.name)
        for column in COLUMNS
    )
    return (
        f"{_QUEUES} CREATE TABLE repeated (number INTEGER PRIMARY KEY, {_declared(REPEATED)});"
        f"CREATE TABLE tasks ({_NUMBERED.format(_declared(kept))}, repeats INTEGER NOT NULL);"
        f"CREATE VIEW rows AS SELECT seq, {columns}, generation, repeats FROM tasks;"
        f"CREATE VIEW joined AS SELECT seq, {names_of(COLUMNS)}, generation, repeats FROM tasks CROSS JOIN repeated "
        "ON number = repeats;"
        "CREATE TABLE waiting AS SELECT * FROM tasks;"
    )


def _declared(columns: Iterable[Column]) -> str:
    return ", ".join(
        f"{quoted(column.name)} {_SQL_TYPES[int if column.name == QUEUE else column.form.plain]}" for column in columns
    )


def quoted(name: str) -> str:
    """Quote the name of a column, which may be a word of SQL."""
    return f'"{name}"'


def names_of(columns: Iterable[Column]) -> str:
    """List the names of columns, as a statement does."""
    return ", ".join(quoted(column.name) for column in columns)


def literal(value: Plain) -> str:
    """Write a value into a statement."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


_NUMBERS_AT_ONCE = 20_000


def connect(path: str, cache_mib: int) -> sqlite3.Connection:
    """Open the file. Readers and the one writer do not wait for each other; nothing outlives the program."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
    cache = f"cache_size={-1024 * cache_mib}"
    # The temporary file is read once, in order; `temp_store` opens it anew, and would take its cache back to 8 MiB
    temporary = "temp_store=FILE", "temp.cache_size=-512"
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=OFF", cache, *temporary):
        connection.execute(f"PRAGMA {pragma}")
    prepare(connection)
    return connection


@contextlib.contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Read several times from the same rows, whatever is written meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # an error may have ended it
            connection.execute("COMMIT")


def numbers(
    execute: Callable[..., sqlite3.Cursor], rows: str, parameters: Sequence[object], place: str = "seq"
) -> "array[int]":
    """The numbers `seq` of the rows that are behind a `place`, the first parameter of what chooses them, in that order.

    They come as long texts: SQLite makes those without holding Python up, and two million rows never become two million
    objects. Some thousand at a time, so that other threads get a turn.
    """
    sql = (
        "SELECT group_concat(seq), max(place) FROM "
        f"(SELECT seq, {place} AS place FROM {rows} ORDER BY {place} LIMIT {_NUMBERS_AT_ONCE})"
    )
    after, *others = parameters
    found = seqs_of()
    while True:
        text, after = execute(sql, (after, *others)).fetchone()
        found.extend(json.loads(f"[{text or ''}]"))
        if after is None:
            return found


def parts(values: list[Any], size: int = 500) -> Iterator[list[Any]]:
    """Cut values into lists that are short enough for one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def marks(part: Sequence[object]) -> str:
    """The question marks of a statement for as many values."""
    return ",".join("?" * len(part))
