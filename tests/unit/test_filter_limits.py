"""Limits in filters: `newest:` and `oldest:` count what all terms beside them show; where that is unclear, they are
refused.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asynq_data import NOW

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.breakdown import Question
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.facets import ERROR, TYPE
from archive_tui.catalog.filter.conditions import All, Anywhere, Compared, Either, Limited, Not
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.terms import exactly, has_limit, has_term, with_term, without_term
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.view import View

A, B = (Anywhere(Pattern(word, part=True)) for word in "ab")

MOMENTS = st.none() | st.integers(NOW - 4, NOW)
ROWS = st.builds(
    lambda id_, kind, type_, error, failed, scored: TaskRow(
        "q", id_, None, kind=kind, type=type_, error=error, last_failed_at=failed, scored_at=scored
    ),
    st.binary(min_size=1, max_size=3),
    st.none() | st.sampled_from([Kind.ORPHAN_ARCHIVED, Kind.LOST]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["refused", "timeout"]),
    MOMENTS,
    MOMENTS,
)
TEXTS = st.sampled_from(["", "type:x", "refused -type:y"])


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    catalog = Catalog()
    yield catalog
    catalog.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Catalog]:
    catalog = Catalog()
    yield catalog
    catalog.close()


def task(number: int, type_: str = "x", *, ago: int | None = None, error: str = "refused") -> TaskRow:
    """A task that died `ago` seconds ago; None: as many as its number says."""
    return TaskRow("q", b"%d" % number, None, type=type_, error=error, scored_at=NOW - (number if ago is None else ago))


def found(catalog: Catalog, text: str, **asked: object) -> list[str]:
    """The ids that a filter shows, as a list of a fresh archive has them."""
    query = Query(text, now=NOW, sort=Sort.DIED, descending=True, **asked)  # type: ignore[arg-type]
    seqs = catalog.find(query)
    rows = catalog.rows(seqs)
    return [rows[seq].id.decode() for seq in seqs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("newest:100", Limited(All(), 100)),
        ("oldest=1", Limited(All(), 1, newest=False)),
        ("last:5", Limited(All(), 5)),
        ("newest: 5 a", Limited(A, 5)),
        ("a newest:5", Limited(A, 5)),
        ("a and newest:5 and b", Limited(All((A, B)), 5)),
        ("-a newest:5", Limited(Not(A), 5)),
        ("(a or b) newest:5", Limited(Either((A, B)), 5)),
        ("(newest:5 a) b", All((Limited(A, 5), B))),
        ("((newest:5 a) b oldest:2) -a", All((Limited(All((Limited(A, 5), B)), 2, newest=False), Not(A)))),
        ("newest age<1h", None),
        ('"newest:100"', Anywhere(Pattern("newest:100", part=True))),
    ],
)
def test_a_limit_counts_what_all_terms_beside_it_show(text: str, expected: object) -> None:
    if expected is None:
        assert parse(text, NOW) == All((Anywhere(Pattern("newest", part=True)), Compared("age", ">", NOW - 3600)))
    else:
        assert parse(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a or newest:5", 5, "(a or b) newest:100"),
        ("newest:5 a or b", 0, "(a or b) newest:100"),
        ("(a newest:5) or b", 3, "(a or b) newest:100"),
        ("c ((oldest:5) or b)", 4, "(a or b) oldest:100"),
        ("-newest:5", 1, "cannot be negated"),
        ("not newest:5", 4, "cannot be negated"),
        ("a -(b newest:5)", 6, "cannot be negated"),
        ("newest:5 oldest:2", 9, "(newest:5) oldest:100"),
        ("newest:5 newest:2", 9, "(newest:5) newest:100"),
        ("newest>5", 0, "newest says how many: newest:100"),
        ("newest:~5", 0, "newest says how many: newest:100"),
        ("newest!=5", 0, "newest says how many: newest:100"),
        ("newest:0", 7, "at least 1"),
        ("newest:-3", 7, "at least 1"),
        ("newest:none", 7, "at least 1"),
        ("oldest:30d", 7, "at least 1"),
        ("a newest:", 2, "needs a value"),
        ("newest:5 or", 9, "“or” needs a term after it"),
        ("a limit:5", 2, "no field “limit”: write newest:100"),
        ("first:5", 0, "no field “first”: write oldest:100"),
        ("and newest:5", 0, "“and” stands between two terms"),
        ("((((newest:1) newest:1) newest:1) newest:1)", 34, "3 times"),
    ],
)
def test_a_limit_whose_meaning_is_not_clear_is_refused(text: str, place: int, reason: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text, NOW)
    assert refused.value.position == place
    assert reason in str(refused.value)


def test_limits_go_as_deep_as_sqlite_can_read(catalog: Catalog) -> None:
    catalog.add([task(1)])
    deep = "(" * 6 + "newest:9) (newest:8) a) (newest:7" + ")" * 4
    with pytest.raises(FilterError, match="parentheses go 6 deep at most"):
        parse("(" + deep + ")", NOW)
    deepest = "(" * 4 + "((newest:9) -a newest:8) -b" + ")" * 4 + " -c newest:7"
    assert len(catalog.find(Query(deepest))) == 1


@given(st.lists(ROWS, max_size=12), st.integers(1, 5), st.booleans(), TEXTS)
def test_the_newest_stand_first_in_a_list_sorted_by_time(
    shared: Catalog, rows: list[TaskRow], count: int, newest: bool, text: str
) -> None:
    shared.clear()
    shared.add(rows)
    word = "newest" if newest else "oldest"
    sorted_by_time = shared.find(Query(f"{text} -age:none".strip(), sort=Sort.DIED, descending=newest))
    for limited in (f"{text} {word}:{count}", f"{word}:{count} {text}"):
        assert shared.find(Query(limited, sort=Sort.DIED, descending=newest)) == sorted_by_time[:count]


def test_the_newest_of_a_kind_are_the_newest_of_that_kind(catalog: Catalog) -> None:
    lost = [TaskRow("q", b"%d" % age, None, kind=Kind.LOST, last_failed_at=NOW - age) for age in (5, 6, 7)]
    ghosts = [TaskRow("q", b"g%d" % age, None, kind=Kind.GHOST, last_failed_at=NOW - age) for age in (1, 2)]
    catalog.add([*lost, *ghosts])
    assert found(catalog, "newest:2", kind=Kind.LOST) == ["5", "6"]
    assert found(catalog, "(newest:2) -error:x", kind=Kind.LOST) == ["5", "6"]
    assert found(catalog, "newest:2") == ["g1", "g2"]


# Narrowing to what a group shows


def test_narrowing_takes_from_the_newest_and_does_not_look_for_others(catalog: Catalog) -> None:
    """Else a group of 1 among the newest 2 would show, and delete, two."""
    catalog.add([task(1, "x"), task(2, "y"), task(3, "x"), task(4, "x")])
    narrowed = with_term("newest:2", exactly("type", "x"))
    assert found(catalog, narrowed) == ["1"]
    assert found(catalog, with_term(narrowed, exactly("error", "refused"))) == ["1"]
    assert has_term(narrowed, exactly("type", "x"))
    assert found(catalog, without_term(narrowed, exactly("type", "x"))) == ["1", "2"]


@given(st.lists(ROWS, min_size=1, max_size=12), st.integers(1, 5), st.sampled_from(["", "type:x", "(oldest:3)"]))
def test_every_group_shows_as_many_as_it_counts(shared: Catalog, rows: list[TaskRow], count: int, text: str) -> None:
    shared.clear()
    shared.add(rows)
    query = Query(f"{text} newest:{count}".strip())
    answer = shared.breakdown(Question(query, NOW, {ERROR.name: 9, TYPE.name: 9}, 9))
    assert answer is not None
    assert answer.total.tasks == len(shared.find(query))
    for group in (*answer.groups[ERROR.name], *answer.groups[TYPE.name]):
        assert len(shared.find(Query(with_term(query.text, group.term)))) == group.amount.tasks
    for cell in answer.errors:
        assert len(shared.find(Query(with_term(query.text, cell.terms())))) == cell.amount.tasks


# While rows come


@pytest.mark.parametrize("text", ["newest:2", "(newest:2) type:x", "oldest:2"])
def test_what_comes_pushes_out_what_is_no_longer_the_newest(catalog: Catalog, text: str) -> None:
    assert has_limit(text)
    query = Query(text, now=NOW)
    question = Question(query, NOW, {TYPE.name: 9})
    view = None
    for ages in ([10, 20, 30], [5], [1, 40], [2]):
        catalog.add([task(age) for age in ages])
        view = View.of(catalog, query, view)
        assert sorted(view.seqs) == sorted(catalog.find(query))
        answer = catalog.breakdown(question)
        assert answer is not None
        assert answer.total.tasks == len(view)
