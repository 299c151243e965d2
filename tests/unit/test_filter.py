"""The filter language: what it understands, where it says that it does not, and that SQL does what Python would."""

import unicodedata
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
from archive_tui.catalog.filter.conditions import (
    All,
    Anywhere,
    Compared,
    Condition,
    Either,
    Lacking,
    Matched,
    Not,
)
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.manual import manual
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.catalog.filter.quantities import span_of
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.query import Query
from archive_tui.catalog.signatures import signature
from archive_tui.errors import UsageError
from archive_tui.text import decode

DAY = 86_400


def term(text: str) -> Condition:
    """A filter of one term."""
    return parse(text, NOW)


def word(text: str, *, wild: bool = False) -> Anywhere:
    """A plain word."""
    return Anywhere(Pattern(text, part=True, wild=wild))


def whole(field: str, text: str, *, wild: bool = False) -> Matched:
    """The whole value of a field."""
    return Matched(field, Pattern(text, wild=wild))


def exactly(field: str, text: str) -> Matched:
    """The whole value of a field, case and all."""
    return Matched(field, Pattern(text, exact=True))


def part(field: str, text: str, *, wild: bool = False) -> Matched:
    """A part of the value of a field."""
    return Matched(field, Pattern(text, part=True, wild=wild))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refused", word("refused")),
        ('"no such host"', word("no such host")),
        ("'no such host'", word("no such host")),
        ("email:deliver", word("email:deliver")),
        ("10.0.0.7:587", word("10.0.0.7:587")),
        ("::1", word("::1")),
        ("std::bad_alloc", word("std::bad_alloc")),
        ("user_id=42", word("user_id=42")),
        ("ptr->next", word("ptr->next")),
        ("<nil>", word("<nil>")),
        ("read(3)", word("read(3)")),
        ("can't", word("can't")),
        ("Nicht!", word("Nicht!")),
        ("type:email:deliver", whole("type", "email:deliver")),
        ("TYPE:Email", whole("type", "Email")),
        ("type: email", whole("type", "email")),
        ("type = email", whole("type", "email")),
        ("type=(a)", None),
        ("type:a(b)", whole("type", "a(b)")),
        ("error:~refused", part("error", "refused")),
        ("error :~ refused", part("error", "refused")),
        ('error:~"a b"', part("error", "a b")),
        ("error:~'a \"b\"'", part("error", 'a "b"')),
        (r'"say \"hi\" \\ \n"', word(r'say "hi" \ \n')),
        (r"'it\'s'", word("it's")),
        ('"type:x"', word("type:x")),
        ('type:""', whole("type", "")),
        ('""', word("")),
        ('a"b', word('a"b')),
        ("signature:<n>", whole("signature", "<n>")),
        ("type:email:*", whole("type", "email:*", wild=True)),
        ("type:email:?", whole("type", "email:?", wild=True)),
        ('type:"email:*"', whole("type", "email:*")),
        ("error:~time*out", part("error", "time*out", wild=True)),
        ("time*out", word("time*out", wild=True)),
        ("kind:orphan-*", whole("kind", "orphan-*", wild=True)),
        ("type!=x", Not(whole("type", "x"))),
        ("type != x", Not(whole("type", "x"))),
        ("retried!=2", Not(Compared("retried", "=", 2))),
        ("-refused", Not(word("refused"))),
        ('-"not"', Not(word("not"))),
        ("not refused", Not(word("refused"))),
        ("-state:retry", Not(whole("state", "retry"))),
        ("-type:email:*", Not(whole("type", "email:*", wild=True))),
        ("age>30d", Compared("age", "<", NOW - 30 * DAY)),
        ("age > 30d", Compared("age", "<", NOW - 30 * DAY)),
        ("age<=90min", Compared("age", ">=", NOW - 5400)),
        ("died<2026-11-01", Compared("died", "<", 1_793_491_200)),
        ("died>=2026-11-01", Compared("died", ">=", 1_793_491_200)),
        ("died>2026-11-01", Compared("died", ">=", 1_793_491_200 + DAY)),
        ("died<=2026-11-01", Compared("died", "<", 1_793_491_200 + DAY)),
        ("died<=9999-12-31", Compared("died", "<", 253_402_300_800)),
        ("died>=2026-11-01T02:30+02:00", Compared("died", ">=", 1_793_493_000)),
        ("failed>2026-11-01T00:30", Compared("failed", ">", 1_793_493_000)),
        ('failed>"2026-11-01 00:30"', Compared("failed", ">", 1_793_493_000)),
        ("failed<=2026-11-01T00:00", Compared("failed", "<=", 1_793_491_200)),
        ("size>=1MB", Compared("size", ">=", 1_000_000)),
        ("size>=1.5KiB", Compared("size", ">=", 1536)),
        ("size:0", Compared("size", "=", 0)),
        ("memory<2k", Compared("memory", "<", 2000)),
        ("retried<5", Compared("retried", "<", 5)),
        ("retried >= 2", Compared("retried", ">=", 2)),
        ("retried >=2", Compared("retried", ">=", 2)),
        ("retried>= 2", Compared("retried", ">=", 2)),
        ("tries=5", Compared("retried", "=", 5)),
        ("tries==5", Compared("retried", "=", 5)),
        ("retry:-1", Compared("retry", "=", -1)),
        ("type==Email:*", exactly("type", "Email:*")),
        ('type == "a b"', exactly("type", "a b")),
        ('signature=="dial <host>"', exactly("signature", "dial <host>")),
        ("-kind==ghost", Not(exactly("kind", "ghost"))),
        (r'error=="a\u{1b}[31m\u{202e}\u"', exactly("error", "a\x1b[31m\u202e\\u")),
        ("age:none", Lacking("age")),
        ("died=none", Lacking("died")),
        ("size!=None", Not(Lacking("size"))),
        ("type:none", whole("type", "none")),
    ],
)
def test_a_term(text: str, expected: Condition | None) -> None:
    if expected is None:
        with pytest.raises(FilterError):
            term(text)
    else:
        assert term(text) == expected


def test_terms_stand_together_or_separates_and_parentheses_group() -> None:
    a, b, c = term("a"), term("type:b"), term("-c")
    assert parse("a type:b", NOW) == parse(" a  and\ttype:b ", NOW) == parse("a\ntype:b", NOW) == All((a, b))
    assert parse("a type:b or -c", NOW) == parse("a type:b OR not c", NOW) == Either((All((a, b)), c))
    assert parse("a (type:b or -c)", NOW) == All((a, Either((b, c))))
    assert parse("-(a or type:b)", NOW) == parse("not ( a or type:b )", NOW) == Not(Either((a, b)))
    assert parse("not(a or (type:b -c))", NOW) == Not(Either((a, All((b, c)))))
    assert parse("error <nil>", NOW) == All((word("error"), word("<nil>")))
    assert parse("  ", NOW) == All()


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("typ:email", 0, "did you mean type?"),
        ("x -typ:email", 3, "did you mean type?"),
        ("ok siez>3", 3, "did you mean size?"),
        ("age:3d", 4, "age>30d"),
        ("age>3", 4, "a number and a unit"),
        ("age>3y", 4, "a number and a unit"),
        ("age>-3d", 4, "a number and a unit"),
        ("age>3m", 4, "write 3min, or days such as 90d"),
        ("-age>3M", 5, "write 3min, or days such as 90d"),
        ("age>3mo", 4, "90d"),
        ("size>big", 5, "a number and a unit"),
        ("retried<1.5", 8, "a whole number"),
        ("retried<--1", 8, "a whole number"),
        ("retried:~4", 0, "is compared"),
        ("died<yesterday", 5, "a date or time"),
        ("died<2026-W44", 5, "a date or time"),
        ("died:2026-11-01", 5, "is compared: died>=2026-11-01 died<=2026-11-01"),
        ("died<30d", 5, "died is a date. How long ago is age: age>30d is older, age<30d is younger"),
        ("failed>=1.5h", 8, "age>1.5h is older"),
        ("age<2026-11-01", 4, "age is how long ago. A date is died: died<2026-11-01 is older"),
        ("died!=2026-11-01", 6, "is compared"),
        ("died>2026-11-01 12:30", 16, "2026-11-01T12:30"),
        ("type>5", 0, "is text"),
        ("type:", 0, "needs a value"),
        ("a type: -b", 2, "needs a value"),
        ("type: state:retry", 0, "needs a value"),
        ("-error:~", 1, "needs a value"),
        ("state:gone", 6, "no state “gone”"),
        ("-state:~gone", 8, "no state “gone”"),
        ("kind:ghostly", 5, "no kind “ghostly”"),
        ("kind:orphen-*", 5, "no kind “orphen-*”"),
        ('a "b c', 2, "not closed"),
        ("a 'b c", 2, "not closed"),
        ('type:"a"b', 8, "a space must follow"),
        ("'can't connect'", 5, "a space must follow"),
        ("(a)b", 3, "a space must follow"),
        ("a not", 2, "needs a term"),
        ("not not a", 4, "one “not”"),
        ("not -a", 4, "one is enough"),
        ("-type!=a", 1, "one is enough"),
        ("a - b", 2, "right after it"),
        ("--refused", 0, "one “-” is enough"),
        ("-not a", 1, "one is enough"),
        ("-or", 1, "in quotes"),
        ("a or", 2, "needs a term"),
        ("or a", 0, "between two terms"),
        ("a or or b", 5, "between two terms"),
        ("and a", 0, "between two terms"),
        ("a and", 2, "between two terms"),
        ("a and or b", 2, "between two terms"),
        ("a Or b", 2, "write or"),
        ("(a or b", 0, "not closed"),
        ("-(a or (b)", 1, "not closed"),
        ("a) or b", 1, "no parenthesis is open"),
        ("a ()", 2, "nothing stands"),
        ("foo(bar baz", 3, "use quotes"),
        ("(" * 16 + "a" + ")" * 16, 15, "15 deep"),
        ("type:(a or b)", 5, "write (type:a or type:b)"),
        ("!a", 0, "write -a"),
        ("-!a", 1, "write -a"),
        ("a | b", 2, "write a or b"),
        ("a|b", 1, "write a or b"),
        ("-type:a|b", 7, "write a or b"),
        ("a && b", 2, "side by side"),
        ("-a, -b", 2, "at the end of a word"),
        ("“smart quotes”", 0, "is no quote here"),
        ("type:“smart”", 5, "is no quote here"),
        ("-‘smart’", 1, "is no quote here"),
        ("–dash", 0, "write -dash"),
        ("—dash", 0, "write -dash"),
        ("−dash", 0, "write -dash"),
        ("-refu\u200bsed", 5, "U+200B"),
        ("result:x", 0, "results are not searched"),
        ("foo>5", 0, "no field “foo”"),
        ("-foo!=5", 1, "no field “foo”"),
        ("foo >= 5", 4, "there is no field"),
        ("error=~refused", 0, "write error:~"),
        ("error~refused", 0, "write error:~"),
        ("-error ~ refused", 1, "write error:~"),
        ("type===x", 0, "write type=="),
        ("age==3d", 5, "age>30d"),
        ('age:"none"', 4, "is compared"),
        ("kind==Ghost", 6, "no kind “Ghost”"),
        (r'"\u{110000}"', 1, "no character has this number"),
        ("retried=>2", 0, "write retried>="),
        ("retried≥2", 0, "write retried>="),
        ("retried<>2", 0, "write retried!="),
        ("age:>30d", 0, "write age>"),
        ("type：x", 0, "write type:"),
        ("type:-email", 5, "write -type:"),
        ("type:!email", 0, "write type!="),
        ('-user="a b"', 6, "put all of the text in quotes"),
        ('refused"', 7, "no quote is open"),
        ("type:" + "*a" * 501, 5, "at most 1,000 characters"),
        ("\x1b[31m type>\x1b5", 6, "is text"),
        ("a or " * 300 + "b", 1500, "at most 300 terms"),
        ("a " * 300 + "b", 600, "at most 300 terms"),
    ],
)
def test_what_it_cannot_read_is_one_line_that_points_at_the_place(text: str, position: int, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, NOW)
    assert caught.value.position == position
    assert hint in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["3m", "3M", "1.5 m", "3mo", "3 months"])
def test_a_unit_that_may_be_minutes_or_months_is_refused_outside_of_filters_too(text: str) -> None:
    with pytest.raises(UsageError, match=r"min, or days such as 90d"):
        span_of(text)


@given(st.text(max_size=60) | st.text("abtype:~>=<!\"\\- or0d()*?|'", max_size=30))
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


@pytest.mark.parametrize(
    "text",
    [
        "a or " * 299 + "a", "a " * 300, "-id:a or " * 299 + "-id:a", "-id:a* " * 300, "-(" * 15 + "a" + ")" * 15,
        "(a -(b or " * 7 + "-type:c*" + "))" * 7 + " or d" * 280, "id:" + "*a" * 500,
    ],
)  # fmt: skip
def test_as_many_terms_as_are_allowed_are_looked_for(catalog: Catalog, text: str) -> None:
    assert catalog.find(Query(text=text)) is not None


def test_the_manual_names_every_field() -> None:
    written = [name for name, _ in manual()]
    for name in FIELDS:
        assert any(one.startswith(name) for one in written)


def found(catalog: Catalog, text: str) -> set[str]:
    """The errors of the rows that a filter shows."""
    return {row.error for row in catalog.rows(catalog.find(Query(text=text, now=NOW))).values()}


def test_case_and_composition_make_no_difference_in_any_language(catalog: Catalog) -> None:
    errors = ["CAFÉ", "cafe\u0301", "Cafe", "STRASSE", "Straße", "ΟΔΟΣ", "Ångström", "K", "42 \0 É"]
    catalog.add([TaskRow("q", str(number).encode(), None, error=error) for number, error in enumerate(errors)])
    assert found(catalog, "-café") == set(errors) - {"CAFÉ", "cafe\u0301"}
    assert found(catalog, "error:straße") == found(catalog, "error:STRAS?E") == {"STRASSE", "Straße"}
    assert found(catalog, "οδος") == found(catalog, "ΟΔΟ*") == {"ΟΔΟΣ"}
    assert found(catalog, "error:A\u030angstro\u0308m") == {"Ångström"}
    assert found(catalog, "error:k") == {"K"}
    assert found(catalog, "error:*é") == {"CAFÉ", "cafe\u0301", "42 \0 É"}


def test_wildcards_stand_for_any_text_and_any_character(catalog: Catalog) -> None:
    errors = ["email:send", "email:", "email", "email:résumé", "xemail:send", "a[b]*c", "a[b]xc", "a\nb", "a\0b\0c"]
    catalog.add([TaskRow("q", str(number).encode(), None, error=error) for number, error in enumerate(errors)])
    assert found(catalog, "error:email:*") == {"email:send", "email:", "email:résumé"}
    assert found(catalog, "error:EMAIL:R?SUM?") == {"email:résumé"}
    assert found(catalog, "error!=email*") == set(errors) - {"email:send", "email:", "email", "email:résumé"}
    assert found(catalog, "error:a[b]*c") == {"a[b]*c", "a[b]xc"}
    assert found(catalog, 'error:"a[b]*c"') == {"a[b]*c"}
    assert found(catalog, "error:a?b") == {"a\nb"}
    assert found(catalog, "error:a*c") == {"a[b]*c", "a[b]xc", "a\0b\0c"}


# SQL does what Python would

WORDS = st.sampled_from(
    ["", "a", "A", "ab", "refused", "ä", "x y", "%", "_", "É", "e\u0301A", "ß", 'q"', "\\", "a\0b", "42", "<n>"]
)
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
    ["dial <n>: refused after <n>", "dial a: refused after <n>", "q", "caf\udce9", "other", "*", "a*", "?", "*É"]
)
PATTERNS = st.builds(Pattern, VALUES, st.just(True)) | st.builds(Pattern, VALUES, st.booleans())
PATTERNS |= st.builds(Pattern, VALUES, exact=st.just(True))
PLAIN = st.builds(Anywhere, st.builds(Pattern, VALUES, st.just(True)))
WILD = st.builds(
    Anywhere, st.builds(Pattern, st.sampled_from(["a*", "*b", "x?y", "?é*", "*r*f*"]), st.just(True), st.just(True))
)
TEXTUAL = st.builds(Matched, st.sampled_from(TEXTS), PATTERNS)
CHOICES = st.builds(Matched, st.just("state"), st.builds(Pattern, st.sampled_from(["", *State]), st.booleans()))
CHOICES |= st.builds(Matched, st.just("kind"), st.builds(Pattern, st.sampled_from(["", *Kind]), st.booleans()))
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "="])
NUMERIC = st.builds(Compared, st.sampled_from(NUMBERS), OPERATORS, st.integers(0, 6))
MOMENTS = st.builds(Compared, st.sampled_from(["age", "died", "failed"]), OPERATORS.filter("=".__ne__), TIMES)
ABSENT = st.builds(Lacking, st.sampled_from(["age", "died", "failed", "size", "memory"]))
TERMS = PLAIN | WILD | TEXTUAL | CHOICES | NUMERIC | MOMENTS | ABSENT
FILTERS = st.recursive(
    TERMS | st.builds(Not, TERMS),
    lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
        lambda some: st.sampled_from([All(tuple(some)), Either(tuple(some)), Not(All(tuple(some)))])
    ),
    max_leaves=6,
)


def folded(value: str | bytes) -> str:
    """Text without regard to case and composition."""
    text = decode(value) if isinstance(value, bytes) else value
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def is_like(text: str, wild: str) -> bool:
    """Tell whether a text matches a pattern, one character at a time."""
    if not wild:
        return not text
    if wild[0] == "*":
        return any(is_like(text[start:], wild[1:]) for start in range(len(text) + 1))
    return bool(text) and wild[0] in ("?", text[0]) and is_like(text[1:], wild[1:])


def matches(pattern: Pattern, value: str | bytes) -> bool:
    if pattern.exact:
        return pattern.text == (decode(value) if isinstance(value, bytes) else value)
    has, wanted = folded(value), folded(pattern.text)
    if pattern.wild:
        return is_like(has, f"*{wanted}*" if pattern.part else wanted)
    return wanted in has if pattern.part else wanted == has


def value_of(row: TaskRow, name: str) -> str | bytes | int | None:
    """What a row has to say to a field."""
    by_score = row.kind in (None, Kind.STALE_HISTORY) or (row.kind is Kind.GHOST and row.index_name == "archived")
    died = row.scored_at if by_score and row.scored_at is not None else row.last_failed_at
    return {
        "id": row.id, "type": row.type, "error": row.error, "signature": signature(row.error), "queue": row.queue,
        "state": row.state or "", "kind": row.kind or "", "age": died, "died": died, "failed": row.last_failed_at,
        "size": row.payload_bytes, "memory": row.stored_bytes,
        "retried": row.retried if row.readable else None, "retry": row.retry if row.readable else None,
    }[name]  # fmt: skip


def holds(one: Condition, row: TaskRow) -> bool:
    match one:
        case Anywhere(pattern):
            return any(matches(pattern, place) for place in (row.id, row.type, row.error))
        case Matched(field, pattern):
            return matches(pattern, value_of(row, field))  # type: ignore[arg-type]
        case Compared(field, operator, number):
            stored = value_of(row, field)
            assert not isinstance(stored, str | bytes)
            return stored is not None and {
                "<": stored < number, "<=": stored <= number, "=": stored == number,
                ">": stored > number, ">=": stored >= number,
            }[operator]  # fmt: skip
        case Lacking(field):
            return value_of(row, field) is None
        case Not(inner):
            return not holds(inner, row)
        case All(conditions):
            return all(holds(inner, row) for inner in conditions)
        case Either(conditions):
            return any(holds(inner, row) for inner in conditions)
    raise AssertionError(one)


def written(one: Condition) -> str:
    """A condition as an operator would type it."""
    match one:
        case Anywhere(pattern):
            return pattern.text if pattern.wild else quoted(pattern.text)
        case Matched(field, pattern):
            return f"{field}{'==' if pattern.exact else ':~' if pattern.part else ':'}{quoted(pattern.text)}"
        case Lacking(field):
            return f"{field}:none"
        case Compared(field, operator, number):
            form = FIELDS[field].form
            if form in (Form.NUMBER, Form.BYTES):
                return f"{field}{operator}{number}"
            if form is Form.AGE:
                turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[operator]
                return f"{field} {turned} {NOW - number}s"
            return f"{field}{operator}{datetime.fromtimestamp(number, UTC).isoformat()}"
        case Not(inner):
            return f"not {written(inner)}" if isinstance(inner, Matched | Compared | Lacking) else f"-{grouped(inner)}"
        case All(conditions):
            return " ".join(map(grouped, conditions))
        case Either(conditions):
            return " or ".join(map(grouped, conditions))
    raise AssertionError(one)


def grouped(one: Condition) -> str:
    return f"({written(one)})" if isinstance(one, All | Either) else written(one)


def quoted(value: str | int) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(ROWS, max_size=15, unique_by=lambda row: (row.queue, row.id)), FILTERS)
def test_sql_finds_what_python_would(catalog: Catalog, rows: list[TaskRow], wanted: Condition) -> None:
    catalog.clear()
    catalog.add(rows)
    text = written(wanted)
    assert parse(text, NOW) == wanted
    query = Query(text=text, now=NOW)
    assert query.filtered
    assert set(catalog.rows(catalog.find(query)).values()) == {row for row in rows if holds(wanted, row)}


@given(st.lists(ROWS, max_size=15, unique_by=lambda row: (row.queue, row.id)), TERMS)
def test_a_term_turned_round_shows_what_it_hid(catalog: Catalog, rows: list[TaskRow], one: Condition) -> None:
    catalog.clear()
    catalog.add(rows)
    shown, hidden = (set(catalog.find(Query(text=written(each), now=NOW))) for each in (one, Not(one)))
    assert not shown & hidden
    assert shown | hidden == set(catalog.find(Query()))
