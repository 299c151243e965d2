"""The table of rows: filled by a job in its thread, read by the screen in another, neither waiting for the other."""

import contextlib
import heapq
import sqlite3
import tempfile
import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.asynq.task import TaskRow
from archive_tui.catalog.query import Query
from archive_tui.errors import CatalogError
from archive_tui.text import encode

_ERROR_LIMIT = 65_536
"""Characters of an error that are kept for showing, sorting and filtering; the detail screen reads it in full."""

TOP_TYPES = 50
"""How many types are counted one by one for the screen."""

_SCHEMA = """
CREATE TABLE queues (number INTEGER PRIMARY KEY, name BLOB NOT NULL);
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, identity INTEGER NOT NULL UNIQUE, generation INTEGER NOT NULL,
    queue INTEGER NOT NULL, id BLOB NOT NULL, state TEXT, kind TEXT, type TEXT NOT NULL, error TEXT NOT NULL,
    retried INTEGER NOT NULL, retry INTEGER NOT NULL, last_failed_at INTEGER, scored_at INTEGER,
    payload_bytes INTEGER, stored_bytes INTEGER, fingerprint BLOB NOT NULL, readable INTEGER NOT NULL,
    is_unique INTEGER NOT NULL
);
"""
_FACTS = (
    "queue, id, state, kind, type, error, retried, retry, last_failed_at, scored_at, payload_bytes, stored_bytes, "
    "fingerprint, readable, is_unique"
)
_UPSERT = (
    f"INSERT INTO rows (identity, generation, {_FACTS}) VALUES (?, ?, {', '.join('?' * 15)}) "
    "ON CONFLICT (identity) DO UPDATE SET generation = excluded.generation, "
    + ", ".join(f"{name} = excluded.{name}" for name in _FACTS.split(", "))
)
_INSERT = _UPSERT[: _UPSERT.index("ON CONFLICT")].replace("INSERT", "INSERT OR IGNORE", 1)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows there are: in all, by queue, by kind and by type (the commonest `TOP_TYPES` of them)."""

    total: int = 0
    by_queue: dict[str, int] = field(default_factory=dict)
    by_kind: dict[Kind, int] = field(default_factory=dict)
    by_type: dict[str, int] = field(default_factory=dict)
    types: int = 0


class Catalog:
    """Rows of tasks, each known by its `seq` for as long as the catalog lives, also when a later listing updates it.

    The file is deleted as soon as it is open, so nothing is left behind however the program ends.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._queues: list[str] = []
        self._queue_numbers: dict[str, int] = {}
        self._by_queue: Counter[str] = Counter()
        self._by_kind: Counter[Kind] = Counter()
        self._by_type: Counter[str] = Counter()
        self._version = 0
        self._counts = Counts()
        self._counted = 0
        self._generation = 0
        self._closed = False
        self._write_lock = threading.RLock()
        self._page_lock = threading.Lock()
        self._view_lock = threading.Lock()
        try:
            with tempfile.TemporaryDirectory(prefix="archive-tui-", dir=directory) as folder:
                path = str(Path(folder) / "catalog.db")
                self._writer = _connect(path)
                self._writer.executescript(_SCHEMA)
                self._pages = _connect(path)
                self._views = _connect(path)
                for reader in (self._pages, self._views):
                    reader.execute("SELECT count(*) FROM rows").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise CatalogError(
                f"no room for the table of rows in {tempfile.gettempdir()} ({error}): set TMPDIR"
            ) from None

    def close(self) -> None:
        """Free memory and disk. Safe to call twice; views that are still shown turn empty."""
        if self._closed:
            return
        self._closed = True
        with self._write_lock, self._page_lock, self._view_lock:
            for connection in (self._writer, self._pages, self._views):
                connection.close()

    def add(self, rows: Sequence[TaskRow], *, update: bool = False) -> int:
        """Take rows in; returns how many were new. A row known already is passed over, or brought up to date.

        Raises CatalogError where the disk is full.
        """
        with self._write_lock, self._changing():
            values = [self._values(row) for row in rows]
            names = {(self._queue_numbers[queue], encode(queue)) for queue in {row.queue for row in rows}}
            self._writer.executemany("INSERT OR IGNORE INTO queues VALUES (?, ?)", names)
            before = self._writer.total_changes
            if update:
                known = self._by_queue.total()
                self._writer.executemany(_UPSERT, values)
                self._recount()
                return self._by_queue.total() - known
            self._writer.executemany(_INSERT, values)
            new = self._writer.total_changes - before
            if new == len(rows):
                self._tally((row.queue, row.kind, row.type, 1) for row in rows)
            else:
                self._recount()
            return new

    def begin_listing(self) -> None:
        """What is added from here on is a new listing; `end_listing` forgets what it did not see again."""
        with self._write_lock:
            self._generation += 1

    def end_listing(self) -> None:
        """Forget the rows that were not added since `begin_listing`."""
        with self._write_lock, self._changing():
            self._writer.execute("DELETE FROM rows WHERE generation < ?", (self._generation,))
            self._recount()

    def clear(self) -> None:
        """Forget every row."""
        with self._write_lock, self._changing():
            self._writer.execute("DELETE FROM rows")
            self._recount()

    def remove(self, seqs: Iterable[int]) -> None:
        """Forget rows, for instance because their tasks were deleted."""
        numbers = list(seqs)
        with self._write_lock, self._changing():
            gone = Counter[tuple[int, str | None, str]]()
            for part in _parts(numbers):
                gone.update(
                    self._writer.execute(f"SELECT queue, kind, type FROM rows WHERE seq IN ({_marks(part)})", part)
                )
            self._writer.executemany("DELETE FROM rows WHERE seq = ?", [(seq,) for seq in numbers])
            self._tally(
                (self._queues[queue], Kind(kind) if kind else None, type_, -count)
                for (queue, kind, type_), count in gone.items()
            )

    def counts(self) -> Counts:
        """How many rows there are now. Never waits for a writer: while one is busy, the counts before its change."""
        if self._write_lock.acquire(blocking=False):
            try:
                if self._counted != self._version:
                    self._counted = self._version
                    self._counts = Counts(
                        self._by_queue.total(),
                        +self._by_queue,
                        dict(sorted((+self._by_kind).items(), key=_commonest)),
                        dict(heapq.nsmallest(TOP_TYPES, self._by_type.items(), key=_commonest)),
                        len(self._by_type),
                    )
            finally:
                self._write_lock.release()
        return self._counts

    @property
    def version(self) -> int:
        """Changes whenever the rows do."""
        return self._version

    def find(self, query: Query) -> "array[int]":
        """The `seq` of every row that a query shows, in its order. May take seconds: not for the UI loop."""
        condition, parameters = query.where()
        sql = f"SELECT seq FROM rows WHERE {condition} ORDER BY {query.order()}"
        with self._view_lock:
            if self._closed:
                return array("q")
            return array("q", (seq for (seq,) in self._views.execute(sql, parameters)))

    def rows(self, seqs: Sequence[int]) -> dict[int, TaskRow]:
        """The rows with these numbers; those forgotten meanwhile are missing."""
        with self._page_lock:
            if self._closed:
                return {}
            return {seq: row for part in _parts(list(seqs)) for seq, row in self._read(self._pages, part)}

    def sums(self) -> dict[tuple[str, Kind | None], tuple[int, int | None]]:
        """How many rows there are and about how many bytes they take, by queue and kind; None for no known size."""
        sql = "SELECT queue, kind, count(*), sum(stored_bytes) FROM rows GROUP BY queue, kind"
        with self._view_lock:
            found = [] if self._closed else self._views.execute(sql).fetchall()
        return {
            (self._queues[queue], Kind(kind) if kind else None): (count, stored) for queue, kind, count, stored in found
        }

    def seq_of(self, queue: str, task_id: bytes) -> int | None:
        """The number of a task's row, None where there is none."""
        with self._page_lock:
            found = (
                None
                if self._closed
                else self._pages.execute(
                    "SELECT seq FROM rows WHERE identity = ?", (hash((queue, task_id)),)
                ).fetchone()
            )
            return found[0] if found else None

    def _read(self, connection: sqlite3.Connection, part: Sequence[int]) -> Iterator[tuple[int, TaskRow]]:
        sql = f"SELECT seq, {_FACTS} FROM rows WHERE seq IN ({_marks(part)})"
        for seq, *facts in connection.execute(sql, part):
            yield seq, self._row(facts)

    def _values(self, row: TaskRow) -> tuple[object, ...]:
        number = self._queue_numbers.get(row.queue)
        if number is None:
            number = self._queue_numbers[row.queue] = len(self._queues)
            self._queues.append(row.queue)
        return (
            hash((row.queue, row.id)), self._generation, number, row.id, row.state, row.kind, row.type,
            row.error[:_ERROR_LIMIT], row.retried, row.retry, row.last_failed_at, row.scored_at, row.payload_bytes,
            row.stored_bytes, row.fingerprint, row.readable, row.unique,
        )  # fmt: skip

    def _row(self, facts: Sequence[Any]) -> TaskRow:
        queue, task_id, state, kind, *rest = facts
        known_state = State(state) if state is not None else None
        known_kind = Kind(kind) if kind is not None else None
        return TaskRow(
            *[self._queues[queue], task_id, known_state, known_kind, *rest[:-2], bool(rest[-2]), bool(rest[-1])]
        )

    def _tally(self, changes: Iterable[tuple[str, Kind | None, str, int]]) -> None:
        for queue, kind, type_, count in changes:
            self._by_queue[queue] += count
            self._by_type[type_] += count
            if not self._by_type[type_]:
                del self._by_type[type_]
            if kind is not None:
                self._by_kind[kind] += count

    def _recount(self) -> None:
        """Count afresh: some rows were known already, and only SQLite knows which."""
        for counter in (self._by_queue, self._by_kind, self._by_type):
            counter.clear()
        self._tally(
            (self._queues[queue], Kind(kind) if kind else None, type_, count)
            for queue, kind, type_, count in self._writer.execute(
                "SELECT queue, kind, type, count(*) FROM rows GROUP BY queue, kind, type"
            )
        )

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction; a failure leaves the rows as they were."""
        if self._closed:
            raise CatalogError("the table of rows is closed")
        try:
            with self._writer:
                self._writer.execute("BEGIN")
                yield
        except sqlite3.Error as error:
            self._recount()  # some of it was counted, and none of it was kept
            raise CatalogError(f"the table of rows cannot be written ({error}): is the disk of TMPDIR full?") from None
        self._version += 1


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-16384", "temp_store=FILE"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _commonest(counted: tuple[str, int]) -> tuple[int, str]:
    """Sorts by count, the highest first, and then by name."""
    return -counted[1], counted[0]


def _parts(values: list[Any], size: int = 500) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _marks(part: Sequence[object]) -> str:
    return ",".join("?" * len(part))
