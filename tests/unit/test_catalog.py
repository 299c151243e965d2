"""The catalog: rows in, rows out, sorted and filtered as Python would, and nothing left behind."""

import random
import re
import subprocess
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from support.catalogs import seq_of

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage, encode
from archive_tui.asynq.rows import TaskRow, batches_of, row_of
from archive_tui.asynq.states import State
from archive_tui.catalog import duplicates
from archive_tui.catalog import marks as marking
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.counts import TOP_TYPES
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.selection import Selection
from archive_tui.catalog.seqs import seqs_of
from archive_tui.catalog.view import GONE, View
from archive_tui.errors import CatalogError

# A type or an error comes from a message that has decoded, so it is never anything but clean text. A NUL has a test
# of its own.
CLEAN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
WORDS = st.sampled_from(["email:send", "Email", "a%b", "a_b", "a\\b", "ÄÖ", "äö", "", "boom"]) | CLEAN
IDS = st.sampled_from([b"1", b"ab", b"AB", b"a%", b"\xff", b"x\ny", "ä".encode()]) | st.binary(max_size=6).filter(
    lambda raw: b"\0" not in raw
)
SMALL = st.none() | st.integers(0, 5)
ROWS = st.builds(
    TaskRow,
    queue=st.sampled_from(["zeta", "alpha", "caf\udce9"]), id=IDS, state=st.none() | st.sampled_from(State),
    kind=st.none() | st.sampled_from(Kind), type=WORDS, error=WORDS, retried=st.integers(0, 3), retry=st.integers(0, 3),
    last_failed_at=SMALL, scored_at=SMALL, payload_bytes=SMALL, stored_bytes=SMALL,
    fingerprint=st.just(b"") | st.binary(min_size=8, max_size=8),
    readable=st.booleans(), unique=st.booleans(),
)  # fmt: skip


IDENTITY = attrgetter("queue", "id")


def a_row(number: int, **changes: Any) -> TaskRow:
    row = TaskRow("q", b"%d" % number, State.ARCHIVED, Kind.ORPHAN_ARCHIVED, "email:send", "boom")
    return row._replace(**changes)


def contents(catalog: Catalog) -> list[TaskRow]:
    seqs = catalog.find(Query())
    rows = catalog.rows(seqs)
    return [rows[seq] for seq in seqs]


def check_counts(catalog: Catalog, rows: list[TaskRow]) -> None:
    counts = catalog.counts()
    assert counts.total == len(rows)
    assert counts.by_queue == Counter(row.queue for row in rows)
    assert counts.by_kind == Counter(row.kind for row in rows if row.kind is not None)
    types = Counter(row.type for row in rows)
    assert counts.types == len(types)
    assert sorted(counts.by_type.values(), reverse=True) == [count for _, count in types.most_common(TOP_TYPES)]


# In and out


@given(st.lists(ROWS, max_size=20, unique_by=lambda row: (row.queue, row.id)))
def test_rows_come_out_as_they_went_in(catalog: Catalog, rows: list[TaskRow]) -> None:
    catalog.remove(catalog.find(Query()))
    assert catalog.add(rows) == len(rows)
    assert sorted(contents(catalog), key=IDENTITY) == sorted(rows, key=IDENTITY)
    check_counts(catalog, rows)
    for row in rows:
        seq = seq_of(catalog, row.queue, row.id)
        assert seq is not None
        assert catalog.rows([seq])[seq] == row


def test_a_row_that_is_known_is_passed_over(catalog: Catalog) -> None:
    assert catalog.add([a_row(1), a_row(2)]) == 2
    assert catalog.add([a_row(2, error="other"), a_row(3), a_row(3)]) == 1
    assert contents(catalog) == [a_row(1), a_row(2), a_row(3)]
    check_counts(catalog, contents(catalog))
    assert catalog.add([]) == 0


def test_the_same_id_in_another_queue_is_another_task(catalog: Catalog) -> None:
    assert catalog.add([a_row(1), a_row(1, queue="other")]) == 2


def test_a_row_is_brought_up_to_date_and_keeps_its_number(catalog: Catalog) -> None:
    catalog.add([a_row(1), a_row(2)])
    seq = seq_of(catalog, "q", b"2")
    newer = a_row(2, type="other", kind=None, error="worse", retried=9, queue="q")
    assert catalog.add([newer, a_row(3)], update=True) == 1
    assert seq_of(catalog, "q", b"2") == seq
    assert contents(catalog) == [a_row(1), newer, a_row(3)]
    check_counts(catalog, contents(catalog))


def test_a_row_that_comes_twice_in_one_update_is_new_once(catalog: Catalog) -> None:
    assert catalog.add([a_row(1), a_row(1)], update=True) == 1


def test_a_later_listing_forgets_what_it_did_not_see(catalog: Catalog) -> None:
    catalog.begin_listing()
    catalog.add([a_row(number) for number in range(10)], update=True)
    catalog.end_listing()
    assert len(contents(catalog)) == 10
    numbers = {row.id: seq_of(catalog, "q", row.id) for row in contents(catalog)}
    catalog.begin_listing()
    catalog.add([a_row(number, error="again") for number in (3, 5, 20)], update=True)
    assert len(contents(catalog)) == 11  # until it has ended nothing is missed
    catalog.end_listing()
    assert sorted(row.id for row in contents(catalog)) == [b"20", b"3", b"5"]
    assert seq_of(catalog, "q", b"3") == numbers[b"3"]
    assert seq_of(catalog, "q", b"4") is None
    check_counts(catalog, contents(catalog))


def test_numbers_are_never_given_twice(catalog: Catalog) -> None:
    catalog.begin_listing()
    catalog.add([a_row(1), a_row(2)], update=True)
    seq = seq_of(catalog, "q", b"2")
    assert seq is not None
    marks = Marks()
    marks.add([seq])  # somebody marks task 2
    catalog.begin_listing()
    catalog.add([a_row(1)], update=True)
    catalog.end_listing()  # task 2 is gone: it was run
    catalog.begin_listing()
    catalog.add([a_row(1), a_row(3)], update=True)
    catalog.end_listing()
    assert seq_of(catalog, "q", b"3") not in marks  # nobody has marked task 3


def test_rows_are_forgotten(catalog: Catalog) -> None:
    catalog.add([a_row(number, type=f"type{number % 3}") for number in range(2000)])
    seqs = list(catalog.find(Query()))
    catalog.remove(seqs[::2])
    assert [row.id for row in contents(catalog)] == [b"%d" % number for number in range(1, 2000, 2)]
    check_counts(catalog, contents(catalog))
    catalog.remove(seqs)
    catalog.remove([10**9])
    catalog.remove([])
    check_counts(catalog, [])
    assert catalog.rows(seqs) == {}


def test_the_version_changes_with_the_rows(catalog: Catalog) -> None:
    versions = [catalog.version]
    catalog.add([a_row(1)])
    versions.append(catalog.version)
    catalog.remove([1])
    versions.append(catalog.version)
    catalog.begin_listing()
    catalog.end_listing()
    versions.append(catalog.version)
    assert len(set(versions)) == 4


@pytest.mark.parametrize("piece", [1, 2, 50_000])
def test_sums(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr("archive_tui.catalog.catalog._SUMMED_AT_ONCE", piece)
    catalog.add(
        [a_row(1, stored_bytes=10), a_row(2, stored_bytes=None), a_row(3, stored_bytes=5), a_row(4, kind=None),
         a_row(5, queue="other", kind=Kind.ORPHAN_COMPLETED, stored_bytes=7)]
    )  # fmt: skip
    assert catalog.sums() == {
        ("q", Kind.ORPHAN_ARCHIVED): (3, 15),
        ("q", None): (1, None),
        ("other", Kind.ORPHAN_COMPLETED): (1, 7),
    }


def test_the_commonest_types_are_counted_one_by_one(catalog: Catalog) -> None:
    catalog.add(
        [a_row(number * 1000 + one, type=f"t{number:03}") for number in range(80) for one in range(80 - number)]
    )
    counts = catalog.counts()
    assert counts.types == 80
    assert list(counts.by_type.items()) == [(f"t{number:03}", 80 - number) for number in range(TOP_TYPES)]


def test_a_huge_error_is_kept_in_part(catalog: Catalog) -> None:
    catalog.add([row_of("q", b"1", State.ARCHIVED, encode(TaskMessage(error_msg="x" * 1_000_000)))])
    (row,) = contents(catalog)
    assert 10_000 < len(row.error) < 100_000


class Life(RuleBasedStateMachine):
    """A catalog beside a dictionary that should hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, bytes], TaskRow] = {}
        self.seen: set[tuple[str, bytes]] = set()

    @initialize()
    def open(self) -> None:
        self.catalog = Catalog()

    @rule(rows=st.lists(ROWS, max_size=8))
    def add(self, rows: list[TaskRow]) -> None:
        new = 0
        for row in rows:
            if (row.queue, row.id) not in self.rows:
                self.rows[row.queue, row.id] = row
                self.seen.add((row.queue, row.id))
                new += 1
        assert self.catalog.add(rows) == new

    @rule(rows=st.lists(ROWS, max_size=8, unique_by=lambda row: (row.queue, row.id)))
    def update(self, rows: list[TaskRow]) -> None:
        new = sum((row.queue, row.id) not in self.rows for row in rows)
        for row in rows:
            self.rows[row.queue, row.id] = row
            self.seen.add((row.queue, row.id))
        assert self.catalog.add(rows, update=True) == new

    @rule(rows=st.lists(ROWS, max_size=8, unique_by=lambda row: (row.queue, row.id)))
    def enlist(self, rows: list[TaskRow]) -> None:
        """As `update`, but of each task the first row of a listing counts, or the last."""
        rows = [row for row in rows if (row.queue, row.id) not in self.seen]
        for row in rows:
            self.rows[row.queue, row.id] = row
            self.seen.add((row.queue, row.id))
        self.catalog.enlist(batches_of(rows))

    @rule()
    def complete(self) -> None:
        self.catalog.complete()

    @rule()
    def begin_listing(self) -> None:
        self.catalog.begin_listing()
        self.seen.clear()

    @rule()
    def end_listing(self) -> None:
        self.catalog.end_listing()
        self.rows = {place: row for place, row in self.rows.items() if place in self.seen}

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        seqs = self.catalog.find(Query())
        chosen = data.draw(st.lists(st.sampled_from(seqs), max_size=5)) if seqs else []
        for row in self.catalog.rows(chosen).values():
            del self.rows[row.queue, row.id]
            self.seen.discard((row.queue, row.id))
        self.catalog.remove(chosen)

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "catalog"):
            found = contents(self.catalog)
            assert {(row.queue, row.id): row for row in found} == self.rows
            check_counts(self.catalog, found)

    def teardown(self) -> None:
        if hasattr(self, "catalog"):
            self.catalog.close()


def test_a_catalogs_life() -> None:
    run_state_machine_as_test(Life, settings=settings(max_examples=15, stateful_step_count=20))


# Finding

ORDERS: dict[Sort, Callable[[TaskRow], Any]] = {
    Sort.FOUND: lambda row: 0,
    Sort.ID: lambda row: row.id,
    Sort.TYPE: lambda row: row.type or None,
    Sort.DIED: lambda row: (
        row.scored_at if row.kind in (None, Kind.STALE_HISTORY) and row.scored_at is not None else row.last_failed_at
    ),
    Sort.TRIES: lambda row: row.retried if row.readable else None,
    Sort.SIZE: lambda row: row.payload_bytes,
    Sort.ERROR: lambda row: row.error or None,
    Sort.KIND: lambda row: row.kind,
    Sort.QUEUE: lambda row: row.queue,
}


@pytest.fixture(scope="module")
def crowd() -> Iterator[tuple[Catalog, list[TaskRow]]]:
    """A catalog with many rows of all sorts, and these rows."""
    chance = random.Random(5)
    words = ["", "a", "B", "b", "Ä", "ä", "a\x1b", "\U0001f600", "zz"]
    rows = [
        TaskRow(
            chance.choice(["zeta", "alpha", "caf\udce9"]), chance.randbytes(chance.randrange(1, 4)) + b"%d" % number,
            State.ARCHIVED, chance.choice([None, *Kind]), chance.choice(words), chance.choice(words),
            chance.randrange(4), 25, chance.choice([None, 1, 5]), chance.choice([None, 0, 3, -4]),
            chance.choice([None, 0, 7, 2**40]),
        )._replace(readable=chance.random() < 0.9)
        for number in range(400)
    ]  # fmt: skip
    catalog = Catalog()
    catalog.add(rows)
    yield catalog, rows
    catalog.close()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", Sort)
def test_the_order_is_pythons_with_what_has_no_value_last(
    crowd: tuple[Catalog, list[TaskRow]], sort: Sort, descending: bool
) -> None:
    catalog, rows = crowd
    expected = list(reversed(rows)) if sort is Sort.FOUND and descending else rows
    valued = [row for row in expected if ORDERS[sort](row) is not None]
    valued.sort(key=ORDERS[sort], reverse=descending and sort is not Sort.FOUND)
    expected = [*valued, *(row for row in expected if ORDERS[sort](row) is None)]  # last, in both directions
    found = catalog.find(Query(sort=sort, descending=descending))
    by_seq = catalog.rows(found)
    assert [by_seq[seq] for seq in found] == expected


def folded(text: str) -> str:
    """Without regard to case, nor to how accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def quoted(text: str) -> str:
    """A text as the filter language takes it, whatever stands in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def matches(row: TaskRow, query: Query) -> bool:
    needle = folded(re.sub(r"\\(.)", r"\1", query.text[1:-1], flags=re.DOTALL))
    places = (row.id.decode("utf-8", "replace"), row.type, row.error)
    return (not needle or any(needle in folded(place) for place in places)) and (
        query.kind is None or row.kind is query.kind
    )


QUERIES = st.builds(
    Query,
    text=st.just("")
    | st.builds(
        quoted,
        st.sampled_from(["", "a", "A", "%", "_", "\\", "ä", "Ä", "a%b", "boom", "x\ny", "[a-z]*", "''", '"; DROP'])
        | CLEAN,
    ),
    kind=st.none() | st.sampled_from(Kind),
)


@given(st.lists(ROWS, max_size=20, unique_by=lambda row: (row.queue, row.id)), QUERIES)
def test_a_filter_shows_what_python_would(catalog: Catalog, rows: list[TaskRow], query: Query) -> None:
    catalog.remove(catalog.find(Query()))
    catalog.add(rows)
    found = catalog.rows(catalog.find(query))
    clean = [
        row for row in rows if "\ufffd" not in row.id.decode("utf-8", "replace")
    ]  # SQLite has its own view of bytes
    assert {row for row in found.values() if row in clean} == {row for row in clean if matches(row, query)}
    assert query.filtered == (query != query.unfiltered())


@pytest.mark.parametrize("text", ["\0end", "a\0z"])
def test_a_nul_does_not_end_a_text(catalog: Catalog, text: str) -> None:
    catalog.add([a_row(1, type="", error="start\0end"), a_row(2, type="", error="a")])
    shown = [row.error for row in catalog.rows(catalog.find(Query(text))).values()]
    assert shown == [error for error in ("start\0end", "a") if text in error]


@pytest.mark.parametrize("text", ["\udcff", "x" * 60_000])
def test_no_text_breaks_a_filter(catalog: Catalog, text: str) -> None:
    catalog.add([a_row(1)])
    assert not catalog.find(Query(text))


# Views, marks, selections


@given(st.lists(st.sampled_from(["add", "again", "update", "remove", "clear"]), max_size=12), st.booleans())
def test_a_view_that_follows_another_shows_what_a_new_one_would(changes: list[str], filtered: bool) -> None:
    catalog = Catalog()
    query = Query(text="7") if filtered else Query()
    view = View.of(catalog, query)
    for number, change in enumerate(changes):
        start = number * 100
        if change in ("add", "again"):
            known = [a_row(one) for one in range(max(0, start - 150), start)] if change == "again" else []
            catalog.append(batches_of([*known, *[a_row(one) for one in range(start, start + 100)]]))
        elif change == "update":
            catalog.add([a_row(one, error="7") for one in range(start - 50, start + 50)], update=True)
        elif change == "remove":
            catalog.remove(list(view.seqs)[::3])
        else:
            catalog.clear()
        view = View.of(catalog, query, view)
        assert view.seqs == View.of(catalog, query).seqs
    catalog.close()


def test_a_view_is_frozen(catalog: Catalog) -> None:
    catalog.add([a_row(number) for number in range(10)])
    view = View.of(catalog, Query(sort=Sort.ID, descending=True))
    assert (len(view), view.version) == (10, catalog.version)
    catalog.add([a_row(10)])
    catalog.remove([view.key(0)])
    assert len(view) == 10
    assert view.version != catalog.version
    page = view.page(0, 3)
    assert page[0] is GONE
    assert [row.id for row in page[1:]] == [b"8", b"7"]
    assert view.find(view.key(4)) == 4
    assert view.find(10**9) is None
    assert view.page(8, 100) == [a_row(1), a_row(0)]
    assert view.page(50, 5) == []


NUMBERS = st.integers(0, 2**32 - 1) | st.sampled_from([1, 2**8, 2**16, 2**24, 2**31, 257, 2**24 + 1])


@given(st.lists(NUMBERS, max_size=30), NUMBERS)
@example([2**8, 1], 1)
@example([2**24, 0, 1], 1)
def test_a_view_finds_what_a_list_would(seqs: list[int], wanted: int) -> None:
    view = View(None, Query(), 0, seqs_of(seqs))  # type: ignore[arg-type]
    assert view.find(wanted) == (seqs.index(wanted) if wanted in seqs else None)


@pytest.mark.parametrize("index", [0, 49_999, 50_000, 149_999])
def test_a_view_finds_a_row_among_many(index: int) -> None:
    view = View(None, Query(), 0, seqs_of(range(1, 150_001)))  # type: ignore[arg-type]
    assert view.find(index + 1) == index


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "discard", "subtract", "intersect"]), st.lists(st.integers(0, 300), max_size=10)
        ),
        max_size=20,
    ),
    st.integers(1, 20),
)
def test_marks_are_a_set(changes: list[tuple[str, list[int]]], piece: int) -> None:
    marks, expected = Marks(), set[int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marking, "_AT_ONCE", piece)
        for change, seqs in changes:
            if change == "add":
                marks.add(seqs)
                expected.update(seqs)
            elif change == "discard":
                marks.discard(seqs)
                expected.difference_update(seqs)
            else:
                others = Marks()
                others.add(seqs)
                if change == "subtract":
                    marks.subtract(others)
                    expected.difference_update(seqs)
                else:
                    marks.intersect(others)
                    expected.intersection_update(seqs)
        assert list(marks) == list(marks.seqs) == sorted(expected)
        assert len(marks) == len(expected)
        assert marks.among(range(0, 400, 3)) == len(expected.intersection(range(0, 400, 3)))
        assert list(marks.chosen(range(400, 0, -1))) == sorted(expected - {0}, reverse=True)
        assert list(marks.others(range(400, 0, -1))) == sorted(set(range(1, 401)) - expected, reverse=True)
    assert all((seq in marks) == (seq in expected) for seq in range(-2, 310))
    assert "1" not in marks
    copy = marks.copy()
    copy.add([999])
    assert 999 not in marks
    assert len(copy) == len(marks) + 1


def test_another_thread_gets_turns_while_marks_are_put_in_order() -> None:
    marks = Marks()
    marks.add(range(2_000_000))
    turns, asked, frozen = 0, threading.Event(), threading.Event()

    def take_turns() -> None:
        nonlocal turns
        while not frozen.is_set():
            turns += asked.is_set()
            time.sleep(0)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # a turn whenever Python can give one
    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        asked.set()
        seqs = marks.seqs
        taken = turns
    finally:
        frozen.set()
        thread.join()
        sys.setswitchinterval(before)
    assert len(seqs) == len(marks)
    assert taken >= 50  # in one piece there were one or two


def test_a_selection_tells_its_rows_in_the_order_in_which_they_were_found(catalog: Catalog) -> None:
    catalog.add([a_row(number, last_failed_at=100 - number) for number in range(30)])
    seqs = catalog.find(Query(sort=Sort.DIED))
    assert list(seqs) != sorted(seqs)
    assert list(Selection(catalog, seqs[:20]).as_found()) == sorted(seqs[:20])


def test_a_selection_is_frozen_and_in_order(catalog: Catalog) -> None:
    catalog.add([a_row(number) for number in range(30)])
    seqs = catalog.find(Query(sort=Sort.ID))
    selection = Selection(catalog, seqs)
    catalog.add([a_row(number) for number in range(30, 60)])
    catalog.remove(seqs[:5])
    batches = list(selection.batches(10))
    assert [len(batch) for batch in batches] == [5, 10, 10]
    assert [seq for batch in batches for seq, _ in batch] == list(seqs[5:])
    assert len(selection) == 30
    assert selection.totals().count == 25


def test_totals(catalog: Catalog) -> None:
    catalog.add(
        [
            a_row(1, stored_bytes=10, unique=True),
            a_row(2, stored_bytes=None, type="other", kind=None),
            a_row(3, id=b"6a1f2f9e-1f0e-4d1b-9d6c-0123456789ab", stored_bytes=5, queue="q2"),
            a_row(4, id=b"6A1F2F9E-1F0E-4D1B-9D6C-0123456789AB"),
        ]
    )
    totals = Selection(catalog, catalog.find(Query())).totals()
    assert (totals.count, totals.stored_bytes, totals.unsized, totals.locked) == (4, 15, 2, 1)
    assert totals.fixed_ids == 3
    assert totals.by_queue == {"q": 3, "q2": 1}
    assert totals.by_type == {"email:send": 3, "other": 1}
    assert totals.by_kind == {Kind.ORPHAN_ARCHIVED: 3, None: 1}
    assert totals.first_ids == (b"1", b"2", b"6a1f2f9e-1f0e-4d1b-9d6c-0123456789ab")


# Living and dying


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.add([a_row(number) for number in range(1000)])
    assert list(tmp_path.iterdir()) == []
    catalog.find(Query(sort=Sort.ERROR))
    catalog.close()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_catalog_is_empty(catalog: Catalog) -> None:
    catalog.add([a_row(1)])
    view = View.of(catalog, Query())
    catalog.close()
    catalog.close()
    assert list(catalog.find(Query())) == []
    assert catalog.rows([1]) == {}
    assert catalog.sums() == {}
    assert view.page(0, 5) == [GONE]
    assert catalog.counts().total in (0, 1)
    for change in (lambda: catalog.add([a_row(2)]), lambda: catalog.remove([1]), catalog.end_listing):
        with pytest.raises(CatalogError, match="closed"):
            change()


def test_closing_waits_for_a_reader(catalog: Catalog) -> None:
    catalog.add([a_row(number, error=str(random.Random(number).random())) for number in range(4000)])
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while len(catalog.find(Query(sort=Sort.ERROR))):
                catalog.rows(range(100))
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    catalog.close()
    for reader in readers:
        reader.join(10)
    assert failures == []


def test_readers_do_not_wait_for_a_writer(catalog: Catalog) -> None:
    catalog.add([a_row(number) for number in range(100)])
    with catalog._write_lock:  # a writer is busy
        done = threading.Event()

        def read() -> None:
            assert len(catalog.find(Query())) == 100
            assert len(catalog.rows(range(1, 101))) == 100
            assert catalog.counts().total in (0, 100)
            done.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert done.wait(5), "a reader waits for a writer"
    reader.join()


def test_writing_and_reading_at_once(catalog: Catalog) -> None:
    def write() -> None:
        for start in range(0, 8000, 200):
            catalog.add([a_row(number) for number in range(start, start + 200)])

    writer = threading.Thread(target=write)
    writer.start()
    sizes = []
    while writer.is_alive():
        found = catalog.find(Query(sort=Sort.ID))
        sizes.append(len(found))
        assert len(catalog.rows(found[:50])) == min(50, len(found))
    writer.join()
    assert sizes == sorted(sizes)
    # A batch is seen whole or not at all, but for an id that shares its bit with another and waits for a moment.
    assert {-size % 200 for size in sizes} <= {0, 1, 2}
    assert catalog.counts().total == 8000


def test_no_directory_no_catalog(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no room for the table of rows"):
        Catalog(tmp_path / "none")


def test_a_full_table_leaves_the_rows_as_they_were(catalog: Catalog) -> None:
    catalog.add([a_row(number) for number in range(100)])
    (pages,) = catalog._writer.execute("PRAGMA page_count").fetchone()
    catalog._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    version = catalog.version
    with pytest.raises(CatalogError, match="is the disk of TMPDIR full"):
        catalog.add([a_row(number, error="x" * 1000) for number in range(100, 5000)])
    assert len(contents(catalog)) == 100
    assert catalog.version == version
    check_counts(catalog, contents(catalog))
    catalog.remove([1])
    assert len(contents(catalog)) == 99


def test_queues_are_sorted_by_name_also_when_the_first_row_of_one_found_no_room(catalog: Catalog) -> None:
    catalog.add([a_row(1, queue="b")])
    (pages,) = catalog._writer.execute("PRAGMA page_count").fetchone()
    catalog._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CatalogError):
        catalog.add([a_row(number, queue="c", error=f"{number:01000}") for number in range(100)])
    catalog._writer.execute("PRAGMA max_page_count = 1000000")
    catalog.add([a_row(2, queue="c"), a_row(3, queue="a")])
    found = catalog.find(Query(sort=Sort.QUEUE))
    by_seq = catalog.rows(found)
    assert [by_seq[seq].queue for seq in found] == ["a", "b", "c"]


def test_what_repeats_is_kept_once_for_as_long_as_there_is_a_row_with_it(catalog: Catalog) -> None:
    """Tasks that are listed again and again, each time with another error, do not fill the disk."""
    count, least = 2000, 4000
    for round_number in range(6):
        catalog.begin_listing()
        rows = [a_row(number, error=f"error {round_number} {number}", retried=number % 3) for number in range(count)]
        catalog.enlist(batches_of(rows))
        catalog.end_listing()
        assert sorted(contents(catalog)) == sorted(rows)
    (kept,) = catalog._writer.execute("SELECT count(*) FROM repeated").fetchone()
    assert kept <= least + 2 * count
    catalog.append(batches_of([a_row(number) for number in range(count, 2 * count)]))
    (more,) = catalog._writer.execute("SELECT count(*) FROM repeated").fetchone()
    assert more == kept + 1


def test_what_repeats_is_known_again_after_a_full_disk(catalog: Catalog) -> None:
    catalog.add([a_row(1)])
    (pages,) = catalog._writer.execute("PRAGMA page_count").fetchone()
    catalog._writer.execute(f"PRAGMA max_page_count = {pages}")
    rows = [a_row(number, error=f"{number:01000}") for number in range(2, 100)]
    with pytest.raises(CatalogError):
        catalog.add(rows)
    catalog._writer.execute("PRAGMA max_page_count = 1000000")
    catalog.add(rows)
    assert sorted(contents(catalog)) == sorted([a_row(1), *rows])


def test_errors_that_are_long_or_many_are_kept_whole(catalog: Catalog) -> None:
    rows = [a_row(number, error=f"{number % 5_000}" * (1 + number % 2 * 300)) for number in range(10_000)]
    for start in range(0, len(rows), 1_000):
        catalog.append(batches_of(rows[start : start + 1_000]))
    assert sorted(contents(catalog)) == sorted(rows)


FULL_DISK = """
import resource, sys
from pathlib import Path
from archive_tui.asynq.message import TaskMessage, encode
from archive_tui.asynq.states import State
from archive_tui.asynq.rows import TaskRow, batches_of, row_of
from archive_tui.catalog import duplicates
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.errors import CatalogError

catalog = Catalog(Path(sys.argv[1]))
catalog.add([TaskRow("q", b"%d" % number, None) for number in range(100)])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
added = 100
for start in range(100, 100_000, 200):
    try:
        numbers = range(start, start + 200)
        catalog.add([TaskRow("q", b"%d" % number, None, error=f"{number:0300}") for number in numbers])
        added += 200
    except CatalogError as error:
        print(error)
        break
print(added, len(catalog.find(Query())), catalog.counts().total)
catalog.close()
"""


def fill_the_disk(folder: Path) -> tuple[str, list[int]]:
    """Add rows until the disk is full: what was said, and the rows that were taken, that there are, and that count."""
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    said, numbers = ended.stdout.splitlines()
    return said, [int(number) for number in numbers.split()]


def test_a_full_disk_is_an_error_of_ours_and_loses_no_row(tmp_path: Path) -> None:
    said, (added, there, _) = fill_the_disk(tmp_path)
    assert "is the disk of TMPDIR full?" in said
    assert 100 < added == there < 100_000
    assert list(tmp_path.iterdir()) == []


def test_rows_that_a_full_disk_did_not_take_are_not_counted(tmp_path: Path) -> None:
    _, (_, there, counted) = fill_the_disk(tmp_path)
    assert counted == there


@given(st.lists(st.lists(st.integers(0, 100)), max_size=8), st.integers(0, 30))  # each number is its own hash
def test_what_is_new_is_told_from_what_may_have_come_before(groups: list[list[int]], exact: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_EXACT", exact)
        known = duplicates.KnownIds()
        met: set[int] = set()
        for group in groups:
            old = known.sift(group)
            for place, one in enumerate(group):
                assert (place in old) == (one in met)  # so few hashes share no slot
                met.add(one)


def test_what_is_only_counted_is_not_counted_too_low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among millions one new id in some raises a false alarm; where there is no room, nobody can find out any more."""
    monkeypatch.setattr(duplicates, "_EXACT", 10)
    monkeypatch.setattr(duplicates, "_SLOTS", 1 << 12)
    catalog = Catalog(limit=100)
    for start in range(0, 3000, 100):
        catalog.append(batches_of([a_row(number) for number in range(start, start + 100)]))
    catalog.settle()
    counts = catalog.counts()
    assert (len(catalog.find(Query())), counts.total, counts.unkept) == (100, 3000, 2900)
    assert catalog.trouble == "only the first 100 rows are kept, the rest is counted"
    catalog.close()
