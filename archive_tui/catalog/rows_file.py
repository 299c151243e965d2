"""Rows in a file of their own, which outlives the program: what a plan is kept as until its change has ended.

An SQLite database with the columns of a row, in the order of the selection, and a note. It gets its name when it is
whole and on disk: what a crash leaves behind under another name is never read.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archive_tui.asynq.rows import COLUMNS, TaskRow, kept_id, row_from
from archive_tui.catalog.database import QUEUE, names_of, schema
from archive_tui.catalog.selection import Selection
from archive_tui.errors import CatalogError
from archive_tui.text import decode, line

FORMAT = 1
"""The format of the file, its `user_version`. A build that knows another one does not read it."""

ROW_BYTES = 250
"""About how many bytes a row takes, with an error of the usual length; measured 130 to 350."""

_PART = ".part"
_READ_AT_ONCE = 5_000
_QUEUE = [column.name for column in COLUMNS].index(QUEUE)


def write(path: Path, selection: Selection, note: Mapping[str, Any]) -> None:
    """Write the rows of a selection into a new file, for nobody else to look into, and wait until the disk has it; of
    each error its first 200 characters. Two million take some seconds. Raises CatalogError.
    """
    part = part_of(path)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.executescript(f"{schema()} CREATE TABLE note (text TEXT NOT NULL);")
            connection.execute("INSERT INTO note VALUES (?)", (json.dumps(note),))
            connection.execute(f"PRAGMA user_version={FORMAT}")
        selection.catalog.copy_rows(part, selection.seqs)
        _sync(part, os.O_RDWR)
        part.rename(path)
        _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, sqlite3.Error) as error:
        remove(path)
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise CatalogError(f"the plan cannot be kept in {line(str(path))} ({reason})") from None
    except CatalogError:
        remove(path)
        raise


def remove(path: Path) -> None:
    """Remove the file, and what a crash may have left of it; harmless where there is none."""
    for one in (path, part_of(path)):
        with suppress(OSError):
            one.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """The name under which the file is written."""
    return path.with_name(path.name + _PART)


class RowsFile:
    """A file of rows, to be read. For a `with`. Raises CatalogError where it is none that we can read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise self._unreadable(error) from None
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version != FORMAT:
                raise CatalogError(f"{line(str(path))} was written in format {version}: another archive-tui reads it")
            # A quoted name that is no column would be read as a text
            columns = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(rows)")}
            if not columns.issuperset(column.name for column in COLUMNS):
                raise CatalogError(f"{line(str(path))} has other columns: another archive-tui reads it")
            (text,) = self._connection.execute("SELECT text FROM note").fetchone()
            self.note: Mapping[str, Any] = json.loads(text)
            """The note that was written with the rows."""
            (self.count,) = self._connection.execute("SELECT count(*) FROM rows").fetchone()
            """How many rows it holds."""
            found = self._connection.execute("SELECT number, name FROM queues").fetchall()
            self._queues = {number: decode(name) for number, name in found}
        except (sqlite3.Error, TypeError, ValueError) as error:
            self._connection.close()
            raise self._unreadable(error) from None
        except CatalogError:
            self._connection.close()
            raise

    def __enter__(self) -> "RowsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, without: Iterable[Sequence[tuple[str, bytes]]] = ()) -> Iterator[list[TaskRow]]:
        """The rows in their order, some thousand at a time, without those of these queues and ids, which may be
        millions. Raises CatalogError.
        """
        run = self._connection.execute
        numbers = {name: number for number, name in self._queues.items()}
        try:
            run("PRAGMA temp_store=FILE")
            run("CREATE TEMP TABLE without (id BLOB, queue INTEGER, PRIMARY KEY (id, queue)) WITHOUT ROWID")
            for names in without:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO without VALUES (?, ?)",
                    [(kept_id(task_id), numbers[queue]) for queue, task_id in names if queue in numbers],
                )
            found = run(
                f"SELECT {names_of(COLUMNS)} FROM rows WHERE NOT EXISTS (SELECT 1 FROM without "
                "WHERE without.id = rows.id AND without.queue = rows.queue) ORDER BY seq"
            )
            while part := found.fetchmany(_READ_AT_ONCE):
                yield [row_from(*self._named(plain)) for plain in part]
        except (sqlite3.Error, KeyError, TypeError, ValueError) as error:
            raise self._unreadable(error) from None

    def _named(self, plain: Sequence[Any]) -> list[Any]:
        """The values of a row with the name of its queue in the place of its number."""
        values = list(plain)
        values[_QUEUE] = self._queues[values[_QUEUE]]
        return values

    def _unreadable(self, error: Exception) -> CatalogError:
        return CatalogError(f"{line(str(self._path))} cannot be read ({line(str(error))})")


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
