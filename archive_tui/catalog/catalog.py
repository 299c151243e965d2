"""The catalog: a table of rows. A job fills it in its thread, a screen reads it in another; neither waits for long."""

import contextlib
import sqlite3
import tempfile
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import (
    COLUMNS,
    Plain,
    RowBatch,
    TaskRow,
    batches_of,
    own,
    row_from,
)
from archive_tui.catalog.breakdown import Breakdown, Counting, Question
from archive_tui.catalog.counts import Change, Counts, Tally
from archive_tui.catalog.database import (
    QUEUE,
    catalog_schema,
    connect,
    marks,
    names_of,
    numbers,
    one_moment,
    parts,
    quoted,
)
from archive_tui.catalog.duplicates import KnownIds
from archive_tui.catalog.extracts import Unread, schema_of, table_of, unread_among, value_sql
from archive_tui.catalog.inserter import Inserter
from archive_tui.catalog.query import Query
from archive_tui.catalog.row_parts import KINDS, SUMS, TARGETS, Sums, Targets, targets_from
from archive_tui.catalog.seqs import seqs_of
from archive_tui.catalog.signatures import signature
from archive_tui.errors import CatalogError
from archive_tui.payloads.redaction import Redaction

LIMIT = 5_000_000
"""Rows that are kept; more are only counted."""

_NAMES = f"{names_of(COLUMNS)}, generation"
_QUEUE = [column.name for column in COLUMNS].index(QUEUE)
_ERROR = [column.name for column in COLUMNS].index("error")
_ERRORS = 10_000
"""Errors of which is remembered how they are shown: they repeat."""
_ADDED_AT_ONCE = 20_000
_COPIED_ERROR = 200
"""Characters of an error in a copy of a row: enough to tell what it was."""

_REMOVED_AT_ONCE = 10_000
_SUMMED_AT_ONCE = 50_000
_SETTLED_AT_ONCE = 20_000
"""Rows up to which a walk over the table costs a few milliseconds."""

_MOST_EXTRACTS = 12
"""Tables of extracts that are kept, the latest: a filter that is typed makes some."""

_ID = own("id")


class Catalog:
    """Rows of tasks, each known by its `seq` for as long as the catalog lives, also when a later listing updates it.

    A scan appends millions of rows, and SCAN may bring a task twice. An index over all ids would cost more than all
    the rest, so a bitmap tells which ids are certainly new; the few others wait aside until `settle` walks the table.
    A listing updates rows and is short: its first update makes the index.

    Errors leave it as they may be shown, by its `redaction`, and so do signatures and what columns show of messages,
    unless somebody asks for them unmasked; filters read what was put in.

    The file is deleted as soon as it is open, so nothing is left behind however the program ends.
    """

    def __init__(
        self, directory: Path | None = None, limit: int = LIMIT, *, redaction: Redaction | None = None
    ) -> None:  # fmt: skip
        """`redaction` None: what everybody masks who says nothing."""
        self._limit = limit
        self._redaction = redaction or Redaction()
        self._shown_error = lru_cache(_ERRORS)(self._masked_error)
        self._signature = lru_cache(_ERRORS)(self._masked_signature)
        self._waiting = 0
        self._indexed = self._complete = False
        self._listing_anew = False
        self._known_ids = KnownIds()
        self._trouble = ""
        self._tally = Tally()
        self._version = self._edition = self._rewrites = 0
        self._counts = Counts()
        self._counted = 0
        self._extracts: dict[str, None] = {}
        self._closed = False
        self._write_lock = threading.RLock()
        self._page_lock = threading.Lock()
        self._view_lock = threading.Lock()
        self._group_lock = threading.Lock()
        self._read_lock = threading.Lock()
        try:
            with tempfile.TemporaryDirectory(prefix="archive-tui-", dir=directory) as folder:
                path = str(Path(folder) / "catalog.db")
                self._writer = connect(path, cache_mib=8)
                self._writer.executescript(f"BEGIN; {catalog_schema()} COMMIT;")
                self._inserter = Inserter(self._writer)
                self._queues = self._inserter.queues
                self._pages = connect(path, cache_mib=2)
                self._views = connect(path, cache_mib=8)  # sorts in as much
                self._groups = connect(path, cache_mib=2)
                self._reads = connect(path, cache_mib=2)
                for reader in (self._pages, self._views, self._groups, self._reads):
                    reader.execute("SELECT count(*) FROM rows").fetchone()
                    reader.create_function("signature", 1, self._signature, deterministic=True)
                self._counting = Counting(self._groups, self._signature)
        except (sqlite3.Error, OSError) as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # it came while the folder was tidied up
                raise error.__context__ from None
            chosen = directory or tempfile.tempdir  # not `gettempdir`: it raises where there is none
            where = f" in {chosen}" if chosen else ""
            raise CatalogError(f"no room for the table of rows{where} ({error}): set TMPDIR") from None

    def close(self) -> None:
        """Free memory and disk. Safe to call twice; views that are still shown turn empty."""
        if self._closed:
            return
        self._closed = True
        self._groups.interrupt()
        self._reads.interrupt()
        with self._write_lock, self._page_lock, self._view_lock, self._group_lock, self._read_lock:
            for connection in (self._writer, self._pages, self._views, self._groups, self._reads):
                connection.close()

    @property
    def trouble(self) -> str:
        """The reason why not every row is kept; empty: all are."""
        if self._trouble:
            return self._trouble
        return f"only the first {self._limit:,} rows are kept, the rest is counted" if self._tally.unkept else ""

    def append(self, batches: Sequence[RowBatch]) -> None:
        """Add what a scan has found, in one transaction. Known rows are passed over; those that may be known wait for
        `settle`.

        Beyond the limit, or when the disk is full, rows are only counted.
        """
        with self._write_lock:
            if self._by_index:
                self.add([row for batch in batches for row in batch.rows()])
                return
            try:
                added = self._append_all(batches)
            except CatalogError as error:
                if self._closed:
                    raise
                self._trouble = f"{error}: what is found from now on is only counted"
                added = [(batch, 0) for batch in batches]
            for batch, kept in added:
                self._tally.take(batch, kept)
            self._version += 1
            if self._waiting and self._tally.kept <= _SETTLED_AT_ONCE:
                self.settle()

    def add(self, rows: Sequence[TaskRow], *, update: bool = False) -> int:
        """Add single rows; returns how many were new. A known row is passed over, or replaced with `update`.

        Raises CatalogError when the disk is full.
        """
        with self._write_lock:
            known = self._tally.total
            if not update and not self._by_index:
                added = self._append_all(batches_of(rows))
                for batch, kept in added:
                    self._tally.take(batch, kept)
                self.settle()
                return self._tally.total - known
            if update:
                self._update(batches_of(rows))
            else:
                with self._changing():
                    self._make_index()
                    for batch in batches_of(rows):
                        self._inserter.insert_known(batch, replace=False)
                self._recount()
            return self._tally.total - known

    def enlist(self, batches: Sequence[RowBatch]) -> None:
        """Add rows of a listing, each task once from `begin_listing` to `end_listing`; known ones are replaced.

        Raises CatalogError when the disk is full.
        """
        with self._write_lock:
            if self._by_index or not self._listing_anew:
                self._update(batches)
                return
            with self._changing(only_adding=True):
                added = [self._append(batch, len(batch.values)) for batch in batches]
            for batch, kept in added:
                self._tally.take(batch, kept)
            if self._waiting and self._tally.kept <= _SETTLED_AT_ONCE:
                self.settle()

    def _update(self, batches: Sequence[RowBatch]) -> None:
        """Add rows, or replace those that are known."""
        self._rewrites += 1
        self.settle()
        changes: list[Change] = []
        counted = True
        with self._changing():
            self._make_index()
            for batch in batches:
                known = self._known_among(batch)
                counted = counted and known is not None
                changes += known or ()
                self._inserter.insert_known(batch, replace=True)
        if not counted:
            self._recount()
            return
        for batch in batches:
            self._tally.take(batch, len(batch.values))
        self._tally.change(changes)

    def _known_among(self, batch: RowBatch) -> list[Change] | None:
        """The rows that a batch will replace, as changes for the tally; None where it holds a task twice."""
        number = self._inserter.number(batch.queue)
        ids = list(map(_ID, batch.values))
        if len(set(ids)) < len(ids):
            return None
        replaced: list[tuple[int, str | None, str, int]] = []
        for part in parts(ids):
            replaced += self._writer.execute(
                f"SELECT queue, kind, type, count(*) FROM rows WHERE {QUEUE} = ? AND id IN ({marks(part)}) "
                "GROUP BY queue, kind, type",
                [number, *part],
            )
        return list(self._changes(replaced, sign=-1))

    def settle(self) -> None:
        """Add the waiting rows that are new, and drop the others; walks the table once."""
        with self._write_lock:
            if not self._waiting or self._closed:
                return
            try:
                with self._changing(only_adding=True):
                    new = self._inserter.settle()
            except CatalogError as error:
                self._trouble = str(error)
                return
            self._waiting = 0
            self._tally.change(self._changes(new))

    def complete(self) -> None:
        """Settle, and keep no more than the rows: a scan has ended. What comes later is looked up in an index."""
        with self._write_lock:
            self.settle()
            self._known_ids, self._complete = KnownIds(), True

    @property
    def _by_index(self) -> bool:
        """Whether an index tells which rows are known."""
        return self._indexed or self._complete

    def _append_all(self, batches: Sequence[RowBatch]) -> list[tuple[RowBatch, int]]:
        """Write what is certainly new, in one transaction; returns it, with the number of rows kept of each batch."""
        room = 0 if self._trouble else max(0, self._limit - self._tally.kept)
        added = []
        with self._changing(only_adding=True):
            for batch in batches:
                new, kept = self._append(batch, room)
                room -= kept
                added.append((new, kept))
        return added

    def _append(self, batch: RowBatch, room: int) -> tuple[RowBatch, int]:
        waiting = self._known_ids.sift(map(_ID, batch.values), hash(batch.queue))
        new = batch
        # Without room nobody finds out any more: most of them are new, unless it is known exactly that they are not
        if waiting and (room or self._known_ids.exact):
            if room:
                self._inserter.set_aside(batch.part(waiting))
                self._waiting += len(waiting)
            new = batch.part(sorted(set(range(len(batch.values))).difference(waiting)))
        kept = min(len(new.values), room)
        if kept:
            self._inserter.insert(new if kept == len(new.values) else new.part(range(kept)))
        return new, kept

    def _make_index(self) -> None:
        if not self._indexed:
            self._writer.execute("CREATE UNIQUE INDEX tasks_by_id ON tasks (queue, id)")
            self._indexed = True

    def begin_listing(self) -> None:
        """Begin a new listing: `end_listing` removes the rows that are not added again from here on."""
        with self._write_lock:
            self._inserter.generation += 1
            self._listing_anew = not (self._by_index or self._tally.total or self._waiting)

    def end_listing(self) -> None:
        """Remove the rows that were not added since `begin_listing`."""
        with self._write_lock:
            self._listing_anew = False
            self.settle()
            with self._changing():
                self._writer.execute("DELETE FROM tasks WHERE generation < ?", (self._inserter.generation,))
                self._inserter.tidy_up(self._tally.kept)
            self._recount()

    def clear(self) -> None:
        """Remove every row."""
        with self._write_lock:
            with self._changing():
                for table in ("tasks", "waiting", "repeated"):
                    self._writer.execute(f"DELETE FROM {table}")
                self._inserter.forget_repeated()
            self._known_ids, self._complete = KnownIds(), False
            self._waiting = 0
            self._trouble = ""
            self._recount()

    def remove(self, seqs: Sequence[int]) -> None:
        """Remove rows, such as those of tasks that were deleted."""
        # Few statements, each of one or two steps: Python takes a turn at the interpreter after each step, and where
        # others are busy with it, waits for that longer than SQLite works
        with self._write_lock:
            gone: list[tuple[int, str | None, str, int]] = []
            with self._changing():
                for start in range(0, len(seqs), _REMOVED_AT_ONCE):
                    condition, wanted = _these(list(seqs[start : start + _REMOVED_AT_ONCE]))
                    alike = f"SELECT queue, kind, type, count(*) FROM rows WHERE {condition} GROUP BY queue, kind, type"
                    gone += self._writer.execute(alike, wanted)
                    self._writer.execute(f"DELETE FROM tasks WHERE {condition}", wanted)
            self._tally.change(self._changes(gone, sign=-1))

    def remove_queues(self, queues: Iterable[str]) -> None:
        """Remove every row of some queues."""
        with self._write_lock:
            numbers = [self._inserter.number(queue) for queue in queues]
            self.settle()
            seqs: list[int] = []
            for part in parts(numbers):
                found = self._writer.execute(f"SELECT seq FROM rows WHERE {QUEUE} IN ({marks(part)})", part)
                seqs += [seq for (seq,) in found]
            self.remove(seqs)

    def counts(self) -> Counts:
        """The numbers of rows. Never waits for a writer: while one is busy, they are those before its change."""
        if self._write_lock.acquire(blocking=False):
            try:
                if self._counted != self._version:
                    self._counted = self._version
                    self._counts = self._tally.counts()
            finally:
                self._write_lock.release()
        return self._counts

    @property
    def version(self) -> int:
        """A number that changes whenever the rows do."""
        return self._version

    @property
    def edition(self) -> int:
        """A number that changes whenever rows change or go; while it stays, rows were only added, with new numbers."""
        return self._edition

    def breakdown(self, question: Question, stopped: Callable[[], bool] = lambda: False) -> Breakdown | None:
        """Break the rows down that a query shows; None where the answer is no longer wanted.

        May take seconds: not for the UI loop. Raises CatalogError when the disk is full.
        """
        self._make_extracts(
            table_of(asked)
            for asked in (*question.query.criteria, *(facet.extract for facet in question.others))
            if asked is not None
        )
        with self._group_lock:
            try:
                if self._closed:
                    return None
                now = self._version, self._edition, self._rewrites
                return self._counting.answer(question, *now, lambda: self._closed or stopped())
            except sqlite3.Error as error:
                if self._closed:
                    return None  # nobody waits for it any more
                raise CatalogError(f"the rows cannot be counted ({error}): is the disk of TMPDIR full?") from None

    def error_groups_of(self, seqs: Sequence[int]) -> dict[tuple[str, str], int]:
        """How many of these rows each error group of the last breakdown holds, by its signature and type. Not for the
        UI loop.
        """
        counts = Counter[tuple[str, str]]()
        for start in range(0, len(seqs), _ADDED_AT_ONCE):
            with self._group_lock:
                if not self._closed:
                    counts.update(self._counting.error_groups_of(seqs[start : start + _ADDED_AT_ONCE]))
        return dict(counts)

    def find(self, query: Query, after: int = 0) -> "array[int]":
        """The numbers above `after` of the rows that a query shows, in its order. May take seconds: not for the UI
        loop.
        """
        self._make_extracts(map(table_of, [*query.criteria, *query.places]))
        condition, parameters = query.where()
        source = "joined AS rows" if query.filtered or not query.as_found else "rows"
        rows = f"{source} WHERE seq > ? AND ({condition})"
        with self._view_lock:
            if self._closed:
                return seqs_of()
            with one_moment(self._views):
                run = self._views.execute
                if query.as_found:
                    return numbers(run, rows, (after, *parameters))
                # Sorted into a table, because it is the sorting that takes long where it hands on row by row
                run("DROP TABLE IF EXISTS temp.sorted")
                run(
                    f"CREATE TEMP TABLE sorted AS SELECT seq FROM {rows} ORDER BY {query.order()}", (after, *parameters)
                )
                found = numbers(run, "temp.sorted WHERE rowid > ?", (0,), place="rowid")
                run("DROP TABLE temp.sorted")
                return found

    # What is read out of messages

    def unread(self, query: Query, columns: Sequence[object] = (), after: int = 0, most: int = -1) -> list[Unread]:
        """Up to `most` rows above the number `after` whose messages must be read before it is known whether the query
        shows them; or, where it does, for values of `columns`. Of a query for the newest of something those of all of
        it: which are the newest is known at the end. Not for the UI loop.
        """
        condition, parameters = self._unread(query, columns)
        sql = (
            f"SELECT seq, queue, CAST(id AS BLOB), stored_bytes, fingerprint FROM rows WHERE seq > ? AND ({condition}) "
            "ORDER BY seq LIMIT ?"
        )
        with self._read_lock:
            found = [] if self._closed else self._reads.execute(sql, (after, *parameters, most)).fetchall()
        queues = self._queues  # there are millions of these: unpacked by name, which is the fastest
        return [Unread(seq, queues[queue], id_, size, message) for seq, queue, id_, size, message in found]

    def count_unread(self, query: Query, columns: Sequence[object] = ()) -> int:
        """How many rows `unread` would give. Not for the UI loop."""
        condition, parameters = self._unread(query, columns)
        return self._count(condition, parameters)

    def count_unknown(self, query: Query, first: int = 0, last: int = 2**62) -> int:
        """How many rows, of those from one number to another, were read, and still it is not known whether the query
        shows them. Not for the UI loop.
        """
        unread, more = self._unread(query, ())
        condition, parameters = query.where(limited=False)
        unknown = f"seq BETWEEN ? AND ? AND ({condition}) IS NULL AND NOT ({unread})"
        return self._count(unknown, [first, last, *parameters, *more])

    def _unread(self, query: Query, columns: Sequence[object]) -> tuple[str, list[object]]:
        criteria, values = ([*map(table_of, asked)] for asked in (query.criteria, columns))
        self._make_extracts([*criteria, *values])
        return unread_among(*query.where(limited=False), criteria, values)

    def _count(self, condition: str, parameters: Sequence[object]) -> int:
        with self._read_lock:
            if self._closed:
                return 0
            (count,) = self._reads.execute(f"SELECT count(*) FROM rows WHERE {condition}", parameters).fetchone()
        return int(count)

    def values(self, seqs: Sequence[int], asked: object) -> dict[int, Plain]:
        """What messages of the rows with these numbers say, as far as they were read; None: nothing."""
        table = table_of(asked)
        self._make_extracts([table])
        with self._page_lock:
            if self._closed:
                return {}
            found: dict[int, Plain] = {}
            for part in parts(list(seqs)):
                sql = f"SELECT seq, {value_sql(table)} FROM rows WHERE seq IN ({marks(part)})"
                found.update(dict(self._pages.execute(sql, part).fetchall()))
            return found

    def has_value(self, query: Query, asked: object) -> bool:
        """Tell whether messages of the rows that a query shows say anything, as far as they were read. Not for the UI
        loop.
        """
        table = table_of(asked)
        self._make_extracts([*map(table_of, query.criteria), table])
        condition, parameters = query.where()
        with self._read_lock:
            if self._closed:
                return False
            rows = f"SELECT 1 FROM joined AS rows WHERE ({condition}) AND {value_sql(table)} IS NOT NULL"
            return bool(self._reads.execute(f"SELECT EXISTS ({rows})", parameters).fetchone()[0])

    def keep(self, read: Sequence[Unread], values: Mapping[Any, Sequence[Plain]]) -> None:
        """Keep what messages say: for each thing asked, the value of every row that was read; None: nobody can tell.

        Raises CatalogError when the disk is full.
        """
        self._make_extracts(map(table_of, values))
        with self._write_lock, self._changing():
            for asked, some in values.items():
                rows = [(row.seq, row.fingerprint, value) for row, value in zip(read, some, strict=True)]
                self._writer.executemany(f"INSERT OR REPLACE INTO {table_of(asked)} VALUES (?, ?, ?)", rows)

    def _make_extracts(self, tables: Iterable[str]) -> None:
        """Make the tables that there are not yet; those that were not asked for for long make room."""
        wanted = dict.fromkeys(tables)
        if not wanted or (wanted.keys() <= self._extracts.keys() and len(self._extracts) <= _MOST_EXTRACTS):
            return
        with self._write_lock:
            if self._closed:
                return
            known = dict.fromkeys([one for one in self._extracts if one not in wanted])
            for table in wanted.keys() - self._extracts.keys():
                self._writer.execute(schema_of(table))
            old = [*known][: max(0, len(known) + len(wanted) - _MOST_EXTRACTS)]
            self._extracts = dict.fromkeys([one for one in known if one not in old]) | wanted
            for table in old:
                self._writer.execute(f"DROP TABLE {table}")

    def rows(self, seqs: Sequence[int], *, unmasked: bool = False) -> dict[int, TaskRow]:
        """The rows with these numbers; those that have left the catalog are missing. Their errors are as they are where
        `unmasked`.
        """
        with self._page_lock:
            if self._closed:
                return {}
            each = (self._read(self._pages, part, unmasked=unmasked) for part in parts(list(seqs)))
            return {seq: row for rows in each for seq, row in rows}

    def add_up(self, seqs: "array[int]") -> Iterator[tuple[tuple[str, Kind | None, str], Sums]]:
        """Add up the rows with these numbers by queue, kind and type, a part of them at a time: a group may come
        several times. Not for the UI loop.
        """
        for start in range(0, len(seqs), _ADDED_AT_ONCE):
            wanted = str(seqs[start : start + _ADDED_AT_ONCE].tolist())
            with self._view_lock:
                found = [] if self._closed else self._views.execute(SUMS, (wanted,)).fetchall()
            for queue, kind, type_, *sums in found:
                yield (self._queues[queue], KINDS[kind], type_), Sums(*sums)

    def errors(self, seqs: "array[int]") -> dict[str, int]:
        """The signatures of the errors of the rows with these numbers, with how often each is there. A signature takes
        about 15 µs: not for the UI loop.
        """
        counts = Counter[str]()
        sql = (
            "SELECT signature(error), sum(n) FROM (SELECT error, count(*) AS n FROM json_each(?) CROSS JOIN rows "
            "ON seq = value WHERE error <> '' GROUP BY error) GROUP BY 1"
        )
        for start in range(0, len(seqs), _ADDED_AT_ONCE):
            wanted = str(seqs[start : start + _ADDED_AT_ONCE].tolist())
            with self._view_lock:
                counts.update(dict([] if self._closed else self._views.execute(sql, (wanted,)).fetchall()))
        return dict(counts)

    def targets(self, seqs: Sequence[int]) -> list[Targets]:
        """The rows with these numbers as targets of a deletion, in this order within each; in a fifth of the time of
        `rows`.
        """
        with self._page_lock:
            found = [] if self._closed else self._pages.execute(TARGETS, (str(list(seqs)),)).fetchall()
        return list(targets_from(found, self._queues))

    def copy_rows(self, path: Path, seqs: "array[int]") -> None:
        """Copy the rows with these numbers, in this order, into the empty tables of another database, of each error no
        more than its start. Not for the UI loop. Raises CatalogError.
        """
        columns = ", ".join(
            f"substr(kept.error, 1, {_COPIED_ERROR})" if column.name == "error" else f"kept.{quoted(column.name)}"
            for column in COLUMNS
        )
        sql = (
            f"INSERT INTO copy.rows (seq, {_NAMES}) SELECT ? + wanted.key, {columns}, 0 "
            "FROM json_each(?) AS wanted CROSS JOIN main.rows AS kept ON kept.seq = wanted.value"
        )
        run = self._views.execute
        try:
            with self._view_lock:
                run("ATTACH ? AS copy", (str(path),))
            try:
                with self._view_lock:
                    run("PRAGMA copy.journal_mode=OFF")
                    run("PRAGMA copy.synchronous=OFF")
                    run("PRAGMA copy.cache_size=-1024")
                    run("INSERT INTO copy.queues SELECT number, name FROM main.queues")
                for start in range(0, len(seqs), _ADDED_AT_ONCE):
                    with self._view_lock:
                        run(sql, (start + 1, str(seqs[start : start + _ADDED_AT_ONCE].tolist())))
            finally:
                with self._view_lock:
                    run("DETACH copy")
        except sqlite3.Error as error:
            raise CatalogError(f"the rows cannot be copied to {path} ({error}): is the disk full?") from None

    @property
    def redaction(self) -> Redaction:
        """What is masked of errors and messages where they are shown."""
        return self._redaction

    def mask(self, redaction: Redaction) -> None:
        """Mask by this from now on. Only before there are rows: what columns show of messages is kept masked."""
        self._redaction = redaction
        self._shown_error.cache_clear()
        self._signature.cache_clear()

    def _masked_error(self, error: str) -> str:
        return self._redaction.text(error)

    def _masked_signature(self, error: str) -> str:
        return signature(self._redaction.text(error))

    def sums(self) -> dict[tuple[str, Kind | None], tuple[int, int | None]]:
        """The numbers of rows and estimates of their bytes in Redis by queue and kind; None: no size is known."""
        sql = "SELECT queue, kind, count(*), sum(stored_bytes) FROM rows WHERE seq BETWEEN ? AND ? GROUP BY queue, kind"
        sums: dict[tuple[str, Kind | None], tuple[int, int | None]] = {}
        # In pieces: to group millions at once, SQLite would sort them all
        for first in range(1, self._inserter.next, _SUMMED_AT_ONCE):
            piece = first, first + _SUMMED_AT_ONCE - 1
            with self._read_lock:
                found = [] if self._closed else self._reads.execute(sql, piece).fetchall()
            for queue, kind, count, stored in found:
                place = self._queues[queue], KINDS[kind]
                known, known_bytes = sums.get(place, (0, None))
                sums[place] = (known + count, known_bytes if stored is None else (known_bytes or 0) + stored)
        for place, (count, stored) in self._tally.unkept_sums.items():
            kept, kept_bytes = sums.get(place, (0, 0))
            sums[place] = (kept + count, (kept_bytes or 0) + stored)
        return sums

    def _read(
        self, connection: sqlite3.Connection, part: Sequence[int], *, unmasked: bool
    ) -> Iterator[tuple[int, TaskRow]]:  # fmt: skip
        sql = f"SELECT seq, {names_of(COLUMNS)} FROM rows WHERE seq IN ({marks(part)})"
        for seq, *plain in connection.execute(sql, part):
            plain[_QUEUE] = self._queues[plain[_QUEUE]]
            if not unmasked:
                plain[_ERROR] = self._shown_error(plain[_ERROR])
            yield seq, row_from(*plain)

    def _recount(self) -> None:
        """Count anew: some rows were known already, and only SQLite knows which."""
        self._tally = Tally()
        found = self._writer.execute("SELECT queue, kind, type, count(*) FROM rows GROUP BY queue, kind, type")
        self._tally.change(self._changes(found))

    def _changes(self, found: Iterable[tuple[int, str | None, str, int]], sign: int = 1) -> Iterator[Change]:
        """Turn records of queue, kind, type and count into changes for the tally."""
        return ((self._queues[queue], KINDS[kind], type_, sign * count) for queue, kind, type_, count in found)

    @contextlib.contextmanager
    def _changing(self, *, only_adding: bool = False) -> Iterator[None]:
        """One transaction; a failure leaves the rows as they were."""
        if self._closed:
            raise CatalogError("the table of rows is closed")
        try:
            with self._writer:
                self._writer.execute("BEGIN")
                yield
        except sqlite3.Error as error:
            self._inserter.forget_repeated()
            raise CatalogError(f"the table of rows cannot be written ({error}): is the disk of TMPDIR full?") from None
        self._version += 1
        if not only_adding:
            self._edition += 1


def _these(seqs: list[int]) -> tuple[str, tuple[object, ...]]:
    """Write the condition for some rows; numbers that follow one another, as in a long deletion, take less time."""
    if seqs == list(range(seqs[0], seqs[0] + len(seqs))):
        return "seq BETWEEN ? AND ?", (seqs[0], seqs[-1])
    return "seq IN (SELECT value FROM json_each(?))", (str(seqs),)
