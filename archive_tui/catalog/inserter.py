"""How rows get into the tables of the catalog: what a batch has in common stands in the statement, and what repeats in
its rows stands once, in a table of its own.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from archive_tui.asynq.rows import COLUMNS, OWN, REPEATED, Column, Plain, RowBatch, repeating
from archive_tui.catalog.database import QUEUE, literal, marks, names_of
from archive_tui.text import encode

_KEPT = f"{names_of(column for column in COLUMNS if not column.repeats)}, generation, repeats"
"""The columns of the table `tasks`, but for its numbers."""

_REPLACE = "DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in _KEPT.split(", "))
"""What becomes of a row that is known already and is to be replaced."""

_SHARED = [column for column in COLUMNS if column.shared]
_SCORE = [column for column in COLUMNS if column.score]
_INSERTED = f"repeats, {names_of((*OWN, *_SCORE, *_SHARED))}, generation"
_OWN_MARKS = marks(("repeats", *OWN))
_ROWS_A_STATEMENT = 50
"""Rows that one statement inserts: one after the other they take half as long again."""

_ERROR_OF = repeating("error")
_MOST_REPEATED = 4_000
_LONGEST_REPEATED = 500
"""Of how many combinations of what repeats, with errors of up to so many characters, the numbers are remembered. Others
are kept once more whenever they come.
"""


class Inserter:
    """Inserts batches of rows, by the one connection that writes. Whoever calls it sees to lock and transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.queues: list[str] = []
        """The names of queues, by their numbers."""
        self.generation = 0
        """The listing to which rows belong that are inserted now."""
        self.next = 1
        """The number that the next row gets."""
        self._connection = connection
        self._queue_numbers: dict[str, int] = {}
        self._repeated_numbers: dict[tuple[Plain, ...], int] = {}
        self._repeated = self._untidy = 0  # combinations that were numbered: ever, and since it was tidied up

    def insert(self, batch: RowBatch) -> None:
        """Insert rows that are not in the table yet. SQLite itself counts on from the number of the first."""
        rows, shared = self._kept(batch), self._shared(batch)
        self._connection.execute(_statement("tasks", shared, numbered=True), (self.next, *next(rows)))
        if times := (len(batch.values) - 1) // _ROWS_A_STATEMENT:
            many = _statement("tasks", shared, rows=_ROWS_A_STATEMENT)
            for _ in range(times):
                self._connection.execute(many, list(chain.from_iterable(islice(rows, _ROWS_A_STATEMENT))))
        self._connection.executemany(_statement("tasks", shared), rows)
        self.next += len(batch.values)

    def insert_known(self, batch: RowBatch, *, replace: bool) -> None:
        """Insert rows of which some may be in the table; these are replaced, or passed over. There must be an index."""
        self._insert("tasks", batch, f"ON CONFLICT (queue, id) {_REPLACE if replace else 'DO NOTHING'}")

    def set_aside(self, batch: RowBatch) -> None:
        """Let rows wait that may be in the table."""
        self._insert("waiting", batch)

    def settle(self) -> list[tuple[int, str | None, str, int]]:
        """Insert what is new of those that wait, and drop the others; returns the numbers by queue, kind and type."""
        run = self._connection.execute
        run("CREATE INDEX waiting_by_id ON waiting (id, queue)")
        run(
            "DELETE FROM waiting WHERE seq IN (SELECT waiting.seq FROM tasks CROSS JOIN waiting "
            "WHERE waiting.id = tasks.id AND waiting.queue = tasks.queue)"
        )
        run("DELETE FROM waiting WHERE seq NOT IN (SELECT min(seq) FROM waiting GROUP BY queue, id)")
        new = run(
            "SELECT queue, kind, type, count(*) FROM waiting CROSS JOIN repeated ON number = repeats "
            "GROUP BY queue, kind, type"
        ).fetchall()
        # Numbered anew: a number above all others is what `Catalog.find` looks for in rows that came later
        number = f"{self.next - 1} + row_number() OVER (ORDER BY seq)"
        run(f"INSERT INTO tasks (seq, {_KEPT}) SELECT {number}, {_KEPT} FROM waiting")
        self.next += sum(count for *_, count in new)
        run("DELETE FROM waiting")
        run("DROP INDEX waiting_by_id")
        return new

    def tidy_up(self, kept: int) -> None:
        """Remove what repeats in no row any more, where that may be most of it, of so many rows: the same tasks, listed
        again and again with new errors, would fill the disk.
        """
        if self._untidy > kept + _MOST_REPEATED:
            self._connection.execute("DELETE FROM repeated WHERE number NOT IN (SELECT repeats FROM tasks)")
            self.forget_repeated()
            self._untidy = 0

    def forget_repeated(self) -> None:
        """Remember nothing of what repeats: some of it may stand nowhere now."""
        self._repeated_numbers.clear()

    def number(self, queue: str) -> int:
        """The number of a queue; a new queue gets the next."""
        number = self._queue_numbers.get(queue)
        if number is None:
            number = self._queue_numbers[queue] = len(self.queues)
            self.queues.append(queue)
        self._connection.execute("INSERT OR IGNORE INTO queues VALUES (?, ?)", (number, encode(queue)))
        return number

    def _insert(self, table: str, batch: RowBatch, conflict: str = "") -> None:
        """Insert the rows of a batch, each with a number of its own."""
        values = [(seq, *one) for seq, one in enumerate(self._kept(batch), self.next)]
        self.next += len(values)
        self._connection.executemany(f"{_statement(table, self._shared(batch), numbered=True)} {conflict}", values)

    def _kept(self, batch: RowBatch) -> Iterator[tuple[Plain, ...]]:
        """What is inserted of each row: the number of what repeats, its own columns, and its score if there are any."""
        if not batch.values:
            return iter(())
        repeats, *columns = zip(*batch.values, strict=True)
        if batch.scores is not None:
            columns.append(tuple(batch.scores))
        return zip(self._numbers(repeats), *columns, strict=True)

    def _numbers(self, repeats: Sequence[tuple[Plain, ...]]) -> list[int]:
        """The numbers of what repeats; what is not remembered gets the next ones."""
        numbers = list(map(self._repeated_numbers.get, repeats))
        if None not in numbers:
            return numbers  # type: ignore[return-value]
        strangers = dict.fromkeys([one for one, number in zip(repeats, numbers, strict=True) if number is None])
        new = {one: number for number, one in enumerate(strangers, self._repeated + 1)}
        self._repeated += len(new)
        self._untidy += len(new)
        rows = [(number, *one) for one, number in new.items()]
        self._connection.executemany(f"INSERT INTO repeated VALUES (?, {marks(REPEATED)})", rows)
        if len(self._repeated_numbers) + len(new) > _MOST_REPEATED:
            self._repeated_numbers.clear()
        self._repeated_numbers |= {
            one: number for one, number in new.items() if len(_ERROR_OF(one)) <= _LONGEST_REPEATED
        }
        return [new[one] if number is None else number for one, number in zip(repeats, numbers, strict=True)]

    def _shared(self, batch: RowBatch) -> str:
        """Write what the rows of a batch share, for the statement that inserts them, with the place of their score."""
        shared = ", ".join([literal(self._plain(column, getattr(batch, column.name))) for column in _SHARED])
        return f"{'NULL' if batch.scores is None else '?'}, {shared}, {self.generation}"

    def _plain(self, column: Column, value: Any) -> Plain:
        """A shared value as the table keeps it."""
        if column.name == QUEUE:
            return self.number(str(value))
        return value if column.form.keep is None else column.form.keep(value)


def _statement(table: str, shared: str, *, numbered: bool = False, rows: int = 1) -> str:
    """Write the statement that inserts `rows`; what they have in common is part of it."""
    columns, own_values = (f"seq, {_INSERTED}", f"?, {_OWN_MARKS}") if numbered else (_INSERTED, _OWN_MARKS)
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([f'({own_values}, {shared})'] * rows)}"
