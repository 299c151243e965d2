"""The filter language: what it understands, where it says that it does not, and that SQL does what Python would."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asynq_data import NOW

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.fields import FIELDS, Form
from archive_tui.catalog.filter import Filter, FilterError, Term, manual, parse
from archive_tui.catalog.query import Query
from archive_tui.catalog.signatures import signature
from archive_tui.text import encode

DAY = 86_400


def term(text: str) -> Term:
    """The only term of a filter."""
    ((found,),) = parse(text, NOW).alternatives
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refused", Term(None, "refused", part=True)),
        ('"no such host"', Term(None, "no such host", part=True)),
        ("email:deliver", Term(None, "email:deliver", part=True)),
        ("10.0.0.7:587", Term(None, "10.0.0.7:587", part=True)),
        ("type:email:deliver", Term("type", "email:deliver")),
        ("TYPE:Email", Term("type", "Email")),
        ("error:~refused", Term("error", "refused", part=True)),
        ('error:~"a b"', Term("error", "a b", part=True)),
        (r'"say \"hi\" \\ \n"', Term(None, r'say "hi" \ \n', part=True)),
        ('"type:x"', Term(None, "type:x", part=True)),
        ('type:""', Term("type", "")),
        ('""', Term(None, "", part=True)),
        ('a"b', Term(None, 'a"b', part=True)),
        ("-refused", Term(None, "refused", part=True, negated=True)),
        ('-"not"', Term(None, "not", part=True, negated=True)),
        ("not refused", Term(None, "refused", part=True, negated=True)),
        ("-state:retry", Term("state", "retry", negated=True)),
        ("age>30d", Term("age", NOW - 30 * DAY, "<")),
        ("age<=90min", Term("age", NOW - 5400, ">=")),
        ("died<2026-11-01", Term("died", 1_793_491_200, "<")),
        ("died>=2026-11-01T02:30+02:00", Term("died", 1_793_493_000, ">=")),
        ("failed>2026-11-01T00:30", Term("failed", 1_793_493_000, ">")),
        ("size>=1MB", Term("size", 1_000_000, ">=")),
        ("size>=1.5KiB", Term("size", 1536, ">=")),
        ("size:0", Term("size", 0)),
        ("memory<2k", Term("memory", 2000, "<")),
        ("retried<5", Term("retried", 5, "<")),
        ("tries=5", Term("retried", 5)),
    ],
)
def test_a_term(text: str, expected: Term) -> None:
    assert term(text) == expected


def test_terms_stand_together_and_or_separates() -> None:
    a, b, c = term("a"), term("type:b"), term("-c")
    assert parse("a type:b", NOW) == parse(" a  and\ttype:b ", NOW) == Filter(((a, b),))
    assert parse("a type:b or -c", NOW) == parse("a type:b OR not c", NOW) == Filter(((a, b), (c,)))
    assert parse("  ", NOW) == Filter()


@pytest.mark.parametrize(
    ("text", "position", "part"),
    [
        ("typ:email", 0, "did you mean type?"),
        ("x -typ:email", 3, "did you mean type?"),
        ("ok siez>3", 3, "did you mean size?"),
        ("age:3d", 4, "age>30d"),
        ("age>3", 4, "a number and a unit"),
        ("age>3y", 4, "a number and a unit"),
        ("age>-3d", 4, "a number and a unit"),
        ("size>big", 5, "a number and a unit"),
        ("retried<1.5", 8, "a whole number"),
        ("retried:~4", 0, "is compared"),
        ("died<yesterday", 5, "a date or time"),
        ("died:2026-11-01", 5, "is compared"),
        ("type>5", 0, "is text"),
        ("type:", 0, "needs a value"),
        ("-error:~", 1, "needs a value"),
        ("state:gone", 6, "no state “gone”"),
        ("kind:ghostly", 5, "no kind “ghostly”"),
        ('a "b c', 2, "not closed"),
        ('type:"a"b', 8, "a space must follow"),
        ("a not", 2, "needs a term"),
        ("not not a", 4, "one “not”"),
        ("not -a", 4, "one is enough"),
        ("a - b", 2, "right after it"),
        ("a or", 2, "needs a term"),
        ("or a", 0, "between two terms"),
        ("a or or b", 5, "between two terms"),
        ("\x1b[31m type>\x1b5", 6, "is text"),
        ("a or " * 300 + "b", 1500, "at most 300 terms"),
        ("a " * 300 + "b", 600, "at most 300 terms"),
    ],
)
def test_what_it_cannot_read_is_one_line_that_points_at_the_place(text: str, position: int, part: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, NOW)
    assert caught.value.position == position
    assert part in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2


@given(st.text(max_size=60) | st.text('abtype:~>=<"\\- or0d', max_size=30))
def test_anything_typed_is_read_or_refused(catalog: Catalog, text: str) -> None:
    try:
        parse(text, NOW)
    except FilterError as error:
        complaint, position = str(error), error.position
    else:
        assert catalog.find(Query(text=text)) is not None
        return
    assert 0 <= position <= len(text)
    assert "\n" not in complaint


@pytest.mark.parametrize("text", ["a or " * 299 + "a", "a " * 300, "-id:a or " * 299 + "-id:a"])
def test_as_many_terms_as_are_allowed_are_looked_for(catalog: Catalog, text: str) -> None:
    assert catalog.find(Query(text=text)) is not None


def test_the_manual_names_every_field() -> None:
    written = [name for name, _ in manual()]
    for name in FIELDS:
        assert any(one.startswith(name) for one in written)


# SQL does what Python would

WORDS = st.sampled_from(["", "a", "A", "ab", "refused", "ä", "x y", "%", "_", 'q"', "\\", "a\0b", "42", "<n>"])
QUEUES = st.sampled_from(["q", "Q", "other", "caf\udce9"])
TIMES = st.sampled_from([NOW - 40 * DAY, NOW - 30 * DAY, NOW - 30 * DAY + 1, NOW])
ROWS = st.builds(
    TaskRow,
    queue=QUEUES,
    id=st.sampled_from([b"a", b"A1", b"b\xff", b"", b"refused", b"x\0y"]),
    state=st.none() | st.sampled_from(State),
    kind=st.none() | st.sampled_from(Kind),
    type=WORDS,
    error=WORDS | st.builds("dial {}: refused after {}".format, WORDS, st.integers(0, 99)),
    retried=st.integers(0, 6),
    retry=st.integers(0, 6),
    last_failed_at=st.none() | TIMES,
    scored_at=st.none() | TIMES,
    payload_bytes=st.none() | st.integers(0, 3),
    stored_bytes=st.none() | st.integers(0, 3),
    fingerprint=st.just(b"12345678"),
    readable=st.booleans(),
    unique=st.booleans(),
)

TEXTS = [name for name, one in FIELDS.items() if one.form is Form.TEXT and name not in ("state", "kind")]
NUMBERS = [name for name, one in FIELDS.items() if one.form in (Form.NUMBER, Form.BYTES)]
VALUES = WORDS | st.sampled_from(
    ["dial <n>: refused after <n>", "dial a: refused after <n>", "q", "caf\udce9", "other"]
)
PLAIN = st.builds(Term, st.none(), WORDS, st.just("="), st.just(True), st.booleans())
TEXTUAL = st.builds(Term, st.sampled_from(TEXTS), VALUES, st.just("="), st.booleans(), st.booleans())
CHOICES = st.builds(
    Term, st.just("state"), st.sampled_from(["", *State]), st.just("="), st.booleans(), st.booleans()
) | st.builds(Term, st.just("kind"), st.sampled_from(["", *Kind]), st.just("="), st.booleans(), st.booleans())
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "="])
NUMERIC = st.builds(Term, st.sampled_from(NUMBERS), st.integers(0, 6), OPERATORS, st.just(False), st.booleans())
MOMENTS = st.builds(
    Term, st.sampled_from(["age", "died", "failed"]), TIMES, OPERATORS.filter("=".__ne__), st.just(False), st.booleans()
)
TERMS = PLAIN | TEXTUAL | CHOICES | NUMERIC | MOMENTS
FILTERS = st.lists(st.lists(TERMS, min_size=1, max_size=3), min_size=1, max_size=3)


def folded(value: str | bytes) -> bytes:
    """Bytes without regard to ASCII case."""
    raw = value if isinstance(value, bytes) else encode(value)
    return re.sub(rb"[A-Z]", lambda found: found[0].lower(), raw)


def value_of(row: TaskRow, name: str) -> str | bytes | int | None:
    """What a row has to say to a field."""
    died = row.scored_at if row.kind is None else row.last_failed_at
    return {
        "id": row.id, "type": row.type, "error": row.error, "signature": signature(row.error), "queue": row.queue,
        "state": row.state or "", "kind": row.kind or "", "age": died, "died": died, "failed": row.last_failed_at,
        "size": row.payload_bytes, "memory": row.stored_bytes, "retried": row.retried, "retry": row.retry,
    }[name]  # fmt: skip


def holds(one: Term, row: TaskRow) -> bool:
    if one.field is None:
        found = any(folded(str(one.value)) in folded(place) for place in (row.id, row.type, row.error))
    elif FIELDS[one.field].form is Form.TEXT:
        has, wanted = folded(value_of(row, one.field)), folded(str(one.value))  # type: ignore[arg-type]
        found = wanted in has if one.part else wanted == has
    else:
        stored = value_of(row, one.field)
        assert not isinstance(stored, str | bytes)
        found = stored is not None and {
            "<": stored < one.value, "<=": stored <= one.value, "=": stored == one.value,
            ">": stored > one.value, ">=": stored >= one.value,
        }[one.operator]  # fmt: skip
    return found != one.negated


def written(one: Term) -> str:
    """A term as an operator would type it."""
    if one.field is None:
        return ("-" if one.negated else "") + quoted(one.value)
    form = FIELDS[one.field].form
    if form is Form.TEXT:
        said = f"{one.field}:{'~' if one.part else ''}{quoted(one.value)}"
    elif form in (Form.NUMBER, Form.BYTES):
        said = f"{one.field}{one.operator}{one.value}"
    elif form is Form.AGE:
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[one.operator]
        said = f"{one.field}{turned}{NOW - int(one.value)}s"
    else:
        said = f"{one.field}{one.operator}{datetime.fromtimestamp(int(one.value), UTC).isoformat()}"
    return ("not " if one.negated else "") + said


def quoted(value: str | int) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(ROWS, max_size=15, unique_by=lambda row: (row.queue, row.id)), FILTERS)
def test_sql_finds_what_python_would(catalog: Catalog, rows: list[TaskRow], alternatives: list[list[Term]]) -> None:
    catalog.clear()
    catalog.add(rows)
    text = " or ".join(" ".join(written(one) for one in terms) for terms in alternatives)
    assert parse(text, NOW) == Filter(tuple(tuple(terms) for terms in alternatives))
    query = Query(text=text, now=NOW)
    found = set(catalog.rows(catalog.find(query)).values())
    assert query.filtered
    assert found == {row for row in rows if any(all(holds(one, row) for one in terms) for terms in alternatives)}


@given(st.lists(ROWS, max_size=15, unique_by=lambda row: (row.queue, row.id)), TERMS)
def test_a_term_turned_round_shows_what_it_hid(catalog: Catalog, rows: list[TaskRow], one: Term) -> None:
    catalog.clear()
    catalog.add(rows)
    plain = Term(one.field, one.value, one.operator, one.part)
    turned = Term(one.field, one.value, one.operator, one.part, True)
    shown, hidden = (set(catalog.find(Query(text=written(each), now=NOW))) for each in (plain, turned))
    assert not shown & hidden
    assert shown | hidden == set(catalog.find(Query()))
