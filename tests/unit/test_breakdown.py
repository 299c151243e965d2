"""Breakdowns: what SQL counts is what Python would, each group's term shows that group alone, and a question stops."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asynq_data import NOW

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog import breakdown
from archive_tui.catalog.breakdown import FACETS, Amount, Breakdown, Question
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.facets import BANDS, DAY, DAYS, HOUR, Facet
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.signatures import signature

ALL = dict.fromkeys([facet.name for facet in FACETS], 1_000)

AGES = st.sampled_from([-DAY, 0, HOUR, HOUR + 1, DAY, DAY + 1, 7 * DAY, 13 * DAY, 30 * DAY + 1, 90 * DAY, 91 * DAY])
MOMENTS = st.none() | AGES.map(NOW.__sub__)
ROWS = st.builds(
    TaskRow,
    queue=st.sampled_from(["q", "Q", "caf\udce9"]),
    id=st.binary(max_size=3),
    state=st.none(),
    kind=st.none() | st.sampled_from([Kind.ORPHAN_ARCHIVED, Kind.GHOST]),
    type=st.sampled_from(["", "email:send", "Email:send", "a\0b", "\x1b[31m", 'say "hi"']),
    error=st.sampled_from(["", "HTTP 500", "HTTP 503", "http 503", "dial 10.0.0.7:587", 'a "b" c', "x " * 400, "a\0b"]),
    retried=st.integers(-1, 2),
    retry=st.integers(0, 2),
    last_failed_at=MOMENTS,
    scored_at=MOMENTS,
    stored_bytes=st.none() | st.integers(0, 9),
    fingerprint=st.just(b""),
    readable=st.booleans(),
    payload_bytes=st.just(1),
    index_name=st.just(""),
)


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    catalog = Catalog()
    yield catalog
    catalog.close()


def ask(catalog: Catalog, query: Query | None = None, most: int = 1_000) -> Breakdown:
    answer = catalog.breakdown(Question(query or Query(), NOW, dict.fromkeys(ALL, most), most))
    assert answer is not None
    assert answer.version == catalog.version
    return answer


def filled(catalog: Catalog, rows: list[TaskRow]) -> None:
    catalog.clear()
    catalog.add(rows)


def died(row: TaskRow) -> int | None:
    return row.last_failed_at if row.kind is not None or row.scored_at is None else row.scored_at


def value_of(facet: Facet, row: TaskRow) -> str | None:
    moment = died(row)
    age = None if moment is None else NOW - moment
    band = "never failed" if age is None else next(one.name for one in BANDS if one.limit is None or age <= one.limit)
    return {
        "error": signature(row.error), "type": row.type, "age": band, "kind": row.kind or "", "queue": row.queue,
        "tries": f"{row.retried}/{row.retry}" if row.readable else None,
    }[facet.name]  # fmt: skip


def amount_of(rows: list[TaskRow]) -> Amount:
    sizes = [row.stored_bytes for row in rows]
    return Amount(len(rows), sum(size or 0 for size in sizes), sizes.count(None))


SETS = st.lists(ROWS, max_size=25, unique_by=lambda row: (row.queue, row.id))


@given(SETS, st.sampled_from(["", "http", "age>1h", "-type:email:send", "-kind:ghost retried<2"]))
def test_every_group_holds_what_python_would_count(catalog: Catalog, rows: list[TaskRow], text: str) -> None:
    filled(catalog, rows)
    query = Query(text, sort=Sort.ERROR, now=NOW)
    rows = list(catalog.rows(catalog.find(query)).values())
    answer = ask(catalog, query)
    assert answer.total == amount_of(rows)
    for facet in FACETS:
        alike = defaultdict[str, list[TaskRow]](list)
        for row in rows:
            if (value := value_of(facet, row)) is not None:
                alike[value].append(row)
        groups = answer.groups[facet.name]
        assert {group.value: group.amount for group in groups} == {one: amount_of(its) for one, its in alike.items()}
        assert answer.different[facet.name] == len(groups) == len(alike)
        for group in groups:
            moments = [moment for row in alike[group.value] if (moment := died(row)) is not None]
            assert (group.first, group.last) == (min(moments, default=None), max(moments, default=None))
            today = NOW // DAY
            days = [min(moment // DAY - today, 0) + DAYS - 1 for moment in moments]
            assert group.days == tuple(days.count(day) for day in range(DAYS))


@given(SETS)
def test_a_groups_term_shows_that_group_alone(catalog: Catalog, rows: list[TaskRow]) -> None:
    filled(catalog, rows)
    answer = ask(catalog)
    for facet in FACETS:
        for group in answer.groups[facet.name]:
            shown = catalog.rows(catalog.find(Query(group.term, now=NOW))).values()
            assert amount_of(list(shown)) == group.amount
            assert {value_of(facet, row) for row in shown} == {group.value}


@given(SETS)
def test_error_groups_divide_by_age_and_their_terms_show_each_cell(catalog: Catalog, rows: list[TaskRow]) -> None:
    filled(catalog, rows)
    answer = ask(catalog)
    assert sum(group.amount.tasks for group in answer.errors) == len(rows)
    assert answer.different_errors == len({(signature(row.error), row.type) for row in rows})
    for group in answer.errors:
        for band, amount in [*enumerate(group.by_age), (None, group.amount)]:
            shown = list(catalog.rows(catalog.find(Query(group.terms(band), now=NOW))).values())
            assert amount_of(shown) == amount
            assert {(signature(row.error), row.type) for row in shown} <= {(group.signature, group.type)}
            if band is None:
                assert {row.queue for row in shown} == set(group.queues)
        example = catalog.rows([group.example])[group.example]
        assert (signature(example.error), example.type) == (group.signature, group.type)


@given(st.lists(SETS, min_size=2, max_size=3), st.sampled_from(["", "http"]))
def test_rows_that_come_and_go_are_counted_as_if_anew(catalog: Catalog, parts: list[list[TaskRow]], text: str) -> None:
    catalog.clear()
    for number, rows in enumerate(parts):
        catalog.add([row._replace(id=row.id + bytes([number])) for row in rows])
        other = Catalog()
        try:
            other.add(list(catalog.rows(catalog.find(Query())).values()))
            assert told(ask(catalog, Query(text))) == told(ask(other, Query(text)))
        finally:
            other.close()
    catalog.remove(list(catalog.find(Query("http"))))
    assert ask(catalog, Query("http")).total.tasks == 0


def told(answer: Breakdown) -> object:
    groups = {name: [(one.value, one.amount, one.days) for one in those] for name, those in answer.groups.items()}
    return answer.total, groups, {(one.signature, one.type, one.by_age, one.first, one.last) for one in answer.errors}


def test_a_row_whose_error_has_changed_is_counted_by_the_new_one() -> None:
    catalog = Catalog()
    row = TaskRow("q", b"a", None, error="HTTP 500", type="x")
    catalog.add([row])
    assert [group.value for group in ask(catalog).groups["error"]] == ["HTTP <n>"]
    catalog.add([row._replace(error="refused")], update=True)
    assert [group.value for group in ask(catalog).groups["error"]] == ["refused"]
    catalog.close()


def test_the_largest_come_first_and_the_rest_is_counted(catalog: Catalog) -> None:
    filled(catalog, [TaskRow("q", b"%d" % at, None, type=f"t{at % 7}", error="e" * (at % 3)) for at in range(50)])
    answer = ask(catalog, most=2)
    assert [(group.value, group.amount.tasks) for group in answer.groups["type"]] == [("t0", 8), ("t1", 7)]
    assert answer.different["type"] == 7
    assert len(answer.errors) == 2
    assert answer.different_errors == 21


def test_a_column_of_somebody_elses_is_counted_beside_the_others(catalog: Catalog) -> None:
    """The way in for columns of the payload."""
    filled(catalog, [TaskRow("q", b"%d" % at, None, payload_bytes=at % 3) for at in range(5)])
    size = Facet("size", "Size", "payload_bytes", lambda value: f"size:{value}", str)
    answer = catalog.breakdown(Question(Query(), NOW, {"size": 9, "type": 9}, others=(size,)))
    assert answer is not None
    assert [(group.value, group.amount.tasks, group.term) for group in answer.groups["size"]] == [
        ("0", 2, "size:0"), ("1", 2, "size:1"), ("2", 1, "size:2"),
    ]  # fmt: skip
    assert set(answer.groups) == {"size", "type"}


@pytest.mark.parametrize("looks", [0, 1, 4])
def test_a_question_stops_when_its_answer_is_no_longer_wanted(monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    monkeypatch.setattr(breakdown, "_PIECE", 10)
    catalog = Catalog()
    catalog.add([TaskRow("q", b"%d" % at, None, error=f"HTTP {at}") for at in range(40)])
    stopped = after(looks)
    assert catalog.breakdown(Question(Query(), NOW, ALL), stopped) is None
    assert ask(catalog).total.tasks == 40, "what was counted before it stopped is not lost, and not counted twice"
    assert ask(catalog, Query("no such")).total.tasks == 0
    catalog.close()


def after(looks: int) -> Callable[[], bool]:
    left = iter(range(looks))
    return lambda: next(left, None) is None


def test_a_catalog_that_closes_meanwhile_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakdown, "_PIECE", 10)
    catalog = Catalog()
    catalog.add([TaskRow("q", b"%d" % at, None) for at in range(40)])
    closing = threading.Thread(target=catalog.close)

    def stopped() -> bool:
        if closing.ident is None:
            closing.start()
            while not catalog._closed:
                pass
        return False

    assert catalog.breakdown(Question(Query(), NOW, ALL), stopped) is None
    closing.join()
    assert catalog.breakdown(Question(Query(), NOW, ALL)) is None
