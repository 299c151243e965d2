"""Breakdowns: how the rows that a query shows divide by error, type, age and whatever else they are grouped by.

All is counted in one pass over the rows, into a small table of the connection's own, from which groups of any facet are
then added up. While rows are only added, a later question goes on where the one before ended.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from archive_tui.catalog.database import one_moment
from archive_tui.catalog.facets import AGE, BANDS, DAY, DAYS, ERROR, KIND, QUEUE, TRIES, TYPE, Facet
from archive_tui.catalog.fields import FIELDS
from archive_tui.catalog.query import Query
from archive_tui.text import decode

FACETS = (ERROR, TYPE, AGE, TRIES, KIND, QUEUE)
"""The facets that every row has."""

_PIECE = 50_000
"""Rows between two looks at whether the answer is still wanted: about 0.2 s."""

_CACHED = 10_000
"""Errors whose signature is remembered: they repeat."""

_SUMS = "coalesce(sum(tasks), 0), coalesce(sum(stored_bytes), 0), coalesce(sum(unsized), 0)"
_LABELS = """
CREATE TEMP TABLE labels (seq INTEGER PRIMARY KEY, signature INTEGER NOT NULL);
CREATE TEMP TABLE signatures (number INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TEMP TABLE met (number INTEGER PRIMARY KEY, signature INTEGER NOT NULL);
"""

_LABELLING = (
    "INSERT INTO met SELECT number, label(error) FROM repeated "
    "WHERE number IN (SELECT repeats FROM tasks WHERE seq > ? AND seq <= ?)",
    "INSERT INTO labels SELECT seq, signature FROM tasks CROSS JOIN met ON number = repeats WHERE seq > ? AND seq <= ?",
)
"""How the rows of a piece get their numbers: each error that repeats among them is looked at once."""


class Amount(NamedTuple):
    """Some tasks."""

    tasks: int
    """How many."""

    stored_bytes: int
    """Estimate of their bytes in Redis, without those of unknown size."""

    unsized: int
    """Tasks of unknown size."""

    def plus(self, other: "Amount") -> "Amount":
        """These and others."""
        return Amount(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Amount(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Group:
    """The tasks that are alike in one facet."""

    facet: Facet
    value: str
    """What they have in common; foreign text, which `facet.label` makes safe."""

    amount: Amount
    first: int | None
    """When the first of them died or last failed, in unix seconds; None: nobody knows."""

    last: int | None
    """When the last of them did."""

    days: tuple[int, ...]
    """How many on each of the last `DAYS` UTC days, today at the end."""

    @property
    def term(self) -> str:
        """The term of the filter language that shows them."""
        return self.facet.term(self.value)


class Commonest(NamedTuple):
    """The value that the most tasks of an error group have in common, in some facet."""

    value: str
    """Foreign text, which the facet's `label` makes safe."""

    tasks: int
    """How many have it."""

    different: int
    """How many values there are in all."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """The tasks that are alike in type and in the signature of their error."""

    signature: str
    type: str
    queues: tuple[str, ...]
    """Their queues, by name."""

    amount: Amount
    by_age: tuple[Amount, ...]
    """Those of each of the `BANDS`, and behind them those of unknown age."""

    first: int | None
    """When the first of them died or last failed, in unix seconds; None: nobody knows."""

    last: int | None
    example: int
    """Number of a row that is one of them."""

    commonest: Mapping[str, Commonest] = field(default_factory=dict)
    """Of each facet beside those that every row has, by its name, the commonest value; missing where none has one."""

    def terms(self, band: int | None = None) -> str:
        """The terms of the filter language that show them; `band` is the position of an age among `by_age`, None for
        any.
        """
        age = [] if band is None else [AGE.term(AGE.read(band))]
        return " ".join([ERROR.term(self.signature), TYPE.term(self.type), *age])


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be broken down."""

    query: Query
    """Which rows; their order does not matter."""

    now: int
    """Unix seconds from which ages and days count."""

    most: Mapping[str, int]
    """How many groups of each facet are wanted, by its name and in this order; of those not named none is."""

    most_errors: int = 0
    """How many error groups are wanted."""

    others: tuple[Facet, ...] = ()
    """Facets beside those that every row has."""

    @property
    def facets(self) -> tuple[Facet, ...]:
        """What the rows are counted by."""
        return (*FACETS, *self.others)

    @property
    def _counted(self) -> object:
        """What the pass over the rows depends on."""
        return replace(self.query.narrowed, now=self.now), self.others

    def counts_as(self, other: "Question | None") -> bool:
        """Tell whether both need the same pass over the rows."""
        return other is not None and self._counted == other._counted

    def asked(self) -> Query:
        """The query, its ages counting from the moment of the question."""
        return replace(self.query.narrowed, now=self.now)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The answer to a question."""

    question: Question
    version: int
    """The catalog's version: the counts are out of date when the catalog has another."""

    total: Amount = NOTHING
    """All rows that the query shows."""

    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    """The largest groups of each facet, by its name."""

    different: Mapping[str, int] = field(default_factory=dict)
    """How many groups each facet has in all."""

    errors: tuple[ErrorGroup, ...] = ()
    """The largest error groups."""

    different_errors: int = 0
    """How many error groups there are in all."""


class Counting:
    """The counts behind the breakdowns of one catalog, on a connection that nothing else uses."""

    def __init__(self, connection: sqlite3.Connection, signature: Callable[[str], str]) -> None:
        """`signature` makes that of an error, as it may be shown."""
        self._connection = connection
        self._run = connection.execute
        self._signature = signature
        self._labelled: int | None = None
        self._last: tuple[Question, int] | None = None
        self._upto = 0
        self._new: dict[int, str] = {}
        connection.executescript(_LABELS)
        connection.create_function("label", 1, lru_cache(_CACHED)(self._label), deterministic=True)
        self._write = connection.executemany

    def answer(
        self, question: Question, version: int, edition: int, rewrites: int, stopped: Callable[[], bool]
    ) -> Breakdown | None:
        """Answer a question; None where the answer is no longer wanted. `edition` changes whenever rows change or go,
        `rewrites` whenever some were written over.
        """
        mark = edition if question.query.by_row else version
        if not (self._label_rows(rewrites, stopped) and self._count(question, mark, stopped)):
            return None
        return self._read(question, version)

    def error_groups_of(self, seqs: Sequence[int]) -> dict[tuple[str, str], int]:
        """How many of these rows each error group holds, by its signature and type. Rows that no question has met are
        not counted.
        """
        sql = (
            "SELECT (SELECT text FROM signatures WHERE number = labels.signature), rows.type, count(*) "
            "FROM json_each(?) AS wanted CROSS JOIN rows ON rows.seq = wanted.value "
            "CROSS JOIN labels ON labels.seq = rows.seq GROUP BY labels.signature, rows.type"
        )
        return {(text, type_): count for text, type_, count in self._run(sql, (str(list(seqs)),))}

    # The passes over the rows

    def _label_rows(self, rewrites: int, stopped: Callable[[], bool]) -> bool:
        """Number the signature of every row that has none yet; False where that is no longer wanted."""
        if self._labelled != rewrites:
            self._run("DELETE FROM labels")
            self._labelled, self._last = rewrites, None
        (after,) = self._run("SELECT coalesce(max(seq), 0) FROM labels").fetchone()
        while not stopped():
            upto = self._end_of_piece("rows", after, _PIECE)
            if upto is None:
                return True
            with one_moment(self._connection):
                self._run("DELETE FROM met")
                for sql in _LABELLING:
                    self._run(sql, (after, upto))
            self._write("INSERT OR IGNORE INTO signatures VALUES (?, ?)", self._new.items())
            self._new.clear()
            after = upto
        return False

    def _label(self, error: str) -> int:
        """A number for the signature of an error: the same for equal ones, and on every run."""
        text = self._signature(error)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        self._new[number] = text
        return number

    def _end_of_piece(self, table: str, after: int, piece: int) -> int | None:
        """The number of the last of up to `piece` rows behind a row (-1: of all); None: there is no more."""
        sql = f"SELECT max(seq) FROM (SELECT seq FROM {table} WHERE seq > ? ORDER BY seq LIMIT {piece})"
        (upto,) = self._run(sql, (after,)).fetchone()
        return upto if upto is None else int(upto)

    def _count(self, question: Question, mark: int, stopped: Callable[[], bool]) -> bool:
        """Count the rows that the query shows, those before aside; False where that is no longer wanted. While `mark`
        stays, what was counted holds.
        """
        before, at = self._last or (None, -1)
        if not question.counts_as(before) or at != mark:
            self._last, self._upto = (question, mark), 0
            columns = ", ".join(f'"{facet.name}"' for facet in question.facets)
            self._run("DROP TABLE IF EXISTS temp.cells")
            self._run(f"CREATE TEMP TABLE cells ({columns}, day, tasks, stored_bytes, unsized, first, last, example)")
        condition, parameters = question.asked().where()
        died = f"({FIELDS['age'].sql})"
        keys = [facet.row_sql.format(now=question.now) for facet in question.facets]
        day = f"coalesce(max(min({died} / {DAY} - {question.now // DAY - DAYS + 1}, {DAYS - 1}), -1), -1)"
        groups = ", ".join(str(number) for number in range(1, len(keys) + 2))
        sql = (
            f"INSERT INTO cells SELECT {', '.join(keys)}, {day}, count(*), coalesce(sum(stored_bytes), 0), "
            f"sum(stored_bytes IS NULL), min({died}), max({died}), min(rows.seq) "
            f"FROM joined AS rows CROSS JOIN labels ON labels.seq = rows.seq "
            f"WHERE rows.seq > ? AND rows.seq <= ? AND ({condition}) GROUP BY {groups}"
        )
        piece = _PIECE if question.query.by_row else -1  # each piece would look for the newest anew, and among others
        while not stopped():
            upto = self._end_of_piece("labels", self._upto, piece)
            if upto is None:
                return True
            self._run(sql, (self._upto, upto, *parameters))
            self._upto = upto
        return False

    # Adding up

    def _read(self, question: Question, version: int) -> Breakdown:
        facets = {facet.name: facet for facet in question.facets}
        wanted = [facets[name] for name, most in question.most.items() if most]
        (different_errors,) = self._run("SELECT count(*) FROM (SELECT 1 FROM cells GROUP BY error, type)").fetchone()
        return Breakdown(
            question,
            version,
            Amount(*self._run(f"SELECT {_SUMS} FROM cells").fetchone()),
            {facet.name: tuple(self._groups(facet, question.most[facet.name])) for facet in wanted},
            {facet.name: self._different(facet) for facet in wanted},
            tuple(self._errors(question.most_errors, question.others)) if question.most_errors else (),
            different_errors,
        )

    def _different(self, facet: Facet) -> int:
        (count,) = self._run(f'SELECT count(DISTINCT "{facet.name}") FROM cells').fetchone()
        return int(count)

    def _groups(self, facet: Facet, most: int) -> list[Group]:
        order = "key" if facet.ordered else "tasks DESC, key"
        largest = (
            f'SELECT "{facet.name}" AS key, {_SUMS}, sum(tasks) AS tasks, min(first), max(last) '
            f'FROM cells WHERE "{facet.name}" IS NOT NULL GROUP BY key ORDER BY {order} LIMIT {most}'
        )
        days: dict[object, list[int]] = {}
        daily = (
            f'SELECT "{facet.name}" AS key, day, sum(tasks) FROM cells WHERE day >= 0 AND key IN '
            f"(SELECT key FROM ({largest})) GROUP BY key, day"
        )
        for key, day, count in self._run(daily):
            days.setdefault(key, [0] * DAYS)[day] = count
        groups = [
            Group(facet, facet.read(value), Amount(*amount), first, last, tuple(days.get(key, [0] * DAYS)))
            for value, key, *amount, _, first, last in self._run(f"SELECT {facet.group_sql}, * FROM ({largest})")
        ]
        if not facet.ordered:  # those that are equally large by name
            groups.sort(key=lambda group: (-group.amount.tasks, group.value))
        return groups

    def _errors(self, most: int, others: Sequence[Facet]) -> Iterator[ErrorGroup]:
        names = {number: decode(name) for number, name in self._run("SELECT number, name FROM queues")}
        largest = (
            f"SELECT error, type FROM cells GROUP BY error, type ORDER BY sum(tasks) DESC, error, type LIMIT {most}"
        )
        sql = (
            f"SELECT error, type, (SELECT text FROM signatures WHERE number = error), age, {_SUMS}, min(first), "
            f"max(last), min(example), group_concat(DISTINCT queue) FROM cells WHERE (error, type) IN ({largest}) "
            "GROUP BY error, type, age ORDER BY error, type"
        )
        commonest = {facet.name: self._commonest(facet, largest) for facet in others}
        for key, alike in groupby(self._run(sql).fetchall(), itemgetter(0, 1)):
            found = {name: by_group[key] for name, by_group in commonest.items() if key in by_group}
            yield replace(_error_group(list(alike), names), commonest=found)

    def _commonest(self, facet: Facet, error_groups: str) -> dict[tuple[int, str], Commonest]:
        """The commonest value of a facet in some error groups, by the number of their signature and their type."""
        ranked = (
            f'SELECT error, type, "{facet.name}" AS key, sum(tasks) AS tasks, '
            "count(*) OVER (PARTITION BY error, type) AS different, "
            f'row_number() OVER (PARTITION BY error, type ORDER BY sum(tasks) DESC, "{facet.name}") AS place '
            f'FROM cells WHERE "{facet.name}" IS NOT NULL AND (error, type) IN ({error_groups}) '
            f'GROUP BY error, type, "{facet.name}"'
        )
        sql = f"SELECT error, type, {facet.group_sql}, tasks, different FROM ({ranked}) WHERE place = 1"
        return {
            (error, type_): Commonest(facet.read(value), tasks, different)
            for error, type_, value, tasks, different in self._run(sql)
        }


def _error_group(by_band: Sequence[tuple[Any, ...]], names: Mapping[int, str]) -> ErrorGroup:
    """Make the group of its parts by age; `names` has the queues by number."""
    _, type_, text, *_ = by_band[0]
    by_age = [NOTHING] * (len(BANDS) + 1)
    total, queues = NOTHING, set[str]()
    for _, _, _, band, *amount, _, _, _, numbers in by_band:
        by_age[band] = Amount(*amount)
        total = total.plus(by_age[band])
        queues.update(names[int(number)] for number in str(numbers).split(","))
    return ErrorGroup(
        text,
        type_,
        tuple(sorted(queues)),
        total,
        tuple(by_age),
        min((first for *_, first, _, _, _ in by_band if first is not None), default=None),
        max((last for *_, last, _, _ in by_band if last is not None), default=None),
        min(example for *_, example, _ in by_band),
    )
