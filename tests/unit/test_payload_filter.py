"""Filters that look into messages: what they ask, and what is known of a row before and after its message is read."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asynq_data import NOW

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.filter.conditions import Condition, InContent, Not, WithoutPayload
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.terms import has_term, with_term, without_term
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.view import View
from archive_tui.payloads.content import Content
from archive_tui.payloads.readings import PayloadReader

READER = PayloadReader()


def told(text: str, payload: Any, headers: dict[str, str] | None = None) -> bool | None:
    """What a filter of one term says of a payload: bytes, or what JSON is to be made of."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return answer_of(parse(text, NOW), Content(raw, headers, reader=READER))


def answer_of(condition: Condition, content: Content) -> bool | None:
    if isinstance(condition, Not):
        return negated(answer_of(condition.condition, content))
    assert isinstance(condition, InContent)
    return condition.criterion.answer(content)


ORDER = {
    "user": {"id": 8812, "name": "Müller", "vip": True, "left": None},
    "items": [{"sku": "A-1"}, {"sku": "b-2"}],
    "amount": "19.90",
    "note": 'two\nlines, a "quote"',
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("payload.user.id=8812", True),
        ("payload.user.id:8812.0", True),
        ("payload.user.id==8812", True),
        ("payload.user.id:88*", True),
        ("payload.user.id=881", False),
        ("payload.user.id!=8812", False),
        ("payload.user.ID=8812", False),
        ("payload.user.name:MÜLLER", True),
        ("payload.user.name==müller", False),
        ("payload.user.name:~ülle", True),
        ("payload.user.vip:true", True),
        ("payload.user.vip:1", False),
        ("payload.user.left:null", True),
        ("payload.user.left:none", False),
        ("payload.user.gone:none", True),
        ("payload.user.gone!=none", False),
        ("payload.user:~8812", True),
        ("payload.items[*].sku:~A-", True),
        ("payload.items[*].sku:B-2", True),
        ("payload.items[0].sku:b-2", False),
        ("payload.items.sku:A-1", False),
        ("payload.amount>19.89", True),
        ("payload.amount>19.90", False),
        ("payload.amount>=1.99e1", True),
        ("payload.amount<-5", False),
        ("payload.user.name>1", False),
        ("payload.user.vip>0", False),
        ("payload:~cus_8812", False),
        ("payload:~MÜLL", True),
        ("payload:~sku", True),
        ('payload:~"a \\"quote\\""', True),
        ('payload:~"two\\u{a}lines"', True),
        ('payload:~"\\"id\\": 8812"', True),
        ("decoder:json", True),
        ("decoder:text", False),
        ("decoder:none", False),
    ],
)
def test_what_a_term_says_of_json(text: str, answer: bool) -> None:
    assert told(text, ORDER) is answer


def test_numbers_are_exact() -> None:
    assert told("payload.id=9007199254740993", {"id": 9007199254740993}) is True
    assert told("payload.id=9007199254740992", {"id": 9007199254740993}) is False
    assert told("payload.x>0.1", b'{"x": 0.10000000000000000000000000000000001}') is True
    assert told("payload.x>1e6", b'{"x": 1e999999}') is True
    assert told("payload.x=1e6", {"x": 1000000}) is True
    nines = "9" * 100_000
    assert told(f"payload.x={nines}", f'{{"x": {nines}}}'.encode()) is True
    assert told(f"payload.x>{nines}", f'{{"x": {nines}}}'.encode()) is False
    assert told(f"payload.x<{nines}", b'{"x": 1}') is True


@pytest.mark.parametrize("wrap", [gzip.compress, base64.b64encode, lambda raw: base64.b64encode(gzip.compress(raw))])
def test_wrapped_payloads_are_looked_into_as_far_as_they_are_decoded(wrap: Any) -> None:
    raw = wrap(json.dumps(ORDER).encode())
    decoded = READER.best(raw).format_key == "json"
    assert told("payload.user.id=8812", raw) is (True if decoded else None if told("decoder:none", raw) else False)


def test_headers_are_looked_at_whatever_the_payload_is() -> None:
    headers = {"Trace-Id": "4F2C", "a.b": "x"}
    assert told("header.trace-id:4f2c", b"\x00\xff\x00", headers) is True
    assert told("header.trace-id:4f2d", b"", headers) is False
    assert told('header."a.b":x', b"", headers) is True
    assert told("header.gone:none", b"", headers) is True
    assert told("header:~trace", b"", headers) is True
    assert told("header:~zzz", b"", headers) is False


def test_of_what_is_not_decoded_nobody_can_tell() -> None:
    binary = bytes(range(256)) + b"cus_8812"
    assert told("payload.user.id=8812", binary) is None
    assert told("payload.user.id!=8812", binary) is None
    assert told("payload:~cus_8812", binary) is True
    assert told("payload:~cus_8813", binary) is None
    assert told("decoder:none", binary) is True
    assert told("payload.user.id=8812", b"a plain text") is False


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("payload.user.id", 0, "needs an operator"),
        ("-payload[0]", 1, "needs an operator"),
        ("payload.user.", 12, "a key stands after the dot"),
        ("payload.a.*:x", 10, "write [*]"),
        ("payload.a[x]:x", 9, "in brackets"),
        ("payload.a>x", 10, "compares to a number: payload.a>1e6"),
        ("payload>5", 0, "is text"),
        ("payload.a:", 0, 'payload.a:"" is an empty one'),
        ("payload=~x", 0, "write payload:~"),
        ("payload.a=~x", 0, "write payload.a:~"),
        ("payload.a:(x or y)", 10, "write (payload:a or payload:b)"),
        ("header.a.b:x", 0, 'header."a.b"'),
        ("decoder:jsn", 8, "no decoder “jsn”: "),
        ("decoder.x:json", 0, "has no parts"),
        ("body:x", 0, "write payload:~"),
        ("headers:x", 0, "write header.name:"),
        ("payloads:~x", 0, "write payload:~"),
        ("result:~x", 0, "results are not searched"),
        ("user.id:~8812", 0, "in the payload it is payload.user.id"),
        ("-items[*].sku!=A", 1, "in the payload it is payload.items[*].sku"),
        ("id2>5", 0, "in the payload it is payload.id2"),
    ],
)
def test_what_is_not_searched_never_looks_as_if_it_had_been(text: str, position: int, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, NOW)
    assert caught.value.position == position
    assert hint in str(caught.value)


def test_words_that_begin_like_a_payload_are_words() -> None:
    assert parse("payload", NOW) == parse('"payload"', NOW)
    assert parse("payload-size:x", NOW) == parse('"payload-size:x"', NOW)
    assert parse("payload:none", NOW) == parse("payload=None", NOW) == WithoutPayload()
    assert parse('-payload:"none"', NOW) != parse("-payload:none", NOW)


def test_a_term_is_taken_out_as_it_was_put_in() -> None:
    term = 'payload.items[*]."a b"==x'
    text = with_term("type:a", term)
    assert has_term(text, term)
    assert not has_term(text, 'payload.items[0]."a b"==x')
    assert without_term(text, 'payload.items[*]["a b"]==x') == "type:a"


# What is known of a row

ANSWERS = st.sampled_from([True, False, None, "unread"])
"""What two terms say of a row: the last that it was not read."""

FILTERS = {
    "payload.a=1": lambda a, b, t: a,
    "-payload.a=1": lambda a, b, t: negated(a),
    "payload.a=1 payload.b=1": lambda a, b, t: both(a, b),
    "payload.a=1 or payload.b=1": lambda a, b, t: either(a, b),
    "-(payload.a=1 or payload.b=1)": lambda a, b, t: negated(either(a, b)),
    "-(payload.a=1 -payload.b=1)": lambda a, b, t: negated(both(a, negated(b))),
    "type:t payload.a=1": lambda a, b, t: both(t, a),
    "type:t or payload.a=1": lambda a, b, t: either(t, a),
    "-type:t or -(payload.a=1 type:t)": lambda a, b, t: either(negated(t), negated(both(a, t))),
    "type:t (payload.a=1 or payload.b!=1)": lambda a, b, t: both(t, either(a, negated(b))),
}


def negated(one: bool | None) -> bool | None:
    return None if one is None else not one


def both(one: bool | None, other: bool | None) -> bool | None:
    return False if one is False or other is False else None if one is None or other is None else True


def either(one: bool | None, other: bool | None) -> bool | None:
    return negated(both(negated(one), negated(other)))


ROWS = st.lists(st.tuples(st.booleans(), ANSWERS, ANSWERS), max_size=12)


@given(ROWS, st.sampled_from(sorted(FILTERS)))
def test_a_row_is_shown_only_where_it_is_known_to_match(
    catalog: Catalog, rows: list[tuple[bool, Any, Any]], text: str
) -> None:
    catalog.clear()
    catalog.add([
        TaskRow("q", b"%d" % number, None, type="t" if typed else "u", fingerprint=b"%08d" % number)
        for number, (typed, _, _) in enumerate(rows)
    ])  # fmt: skip
    a, b = (parse(f"payload.{key}=1", NOW).criteria[0] for key in "ab")
    catalog.find(Query("payload.a=1 payload.b=1"))
    everyone = catalog.unread(Query("(type:* or payload.a=1) payload.b=1 or payload.a=1"))
    by_id = {int(row.id): row for row in everyone}
    for criterion, at in ((a, 1), (b, 2)):
        known = [(by_id[number], row[at]) for number, row in enumerate(rows) if row[at] != "unread"]
        catalog.keep([row for row, _ in known], {criterion: [value for _, value in known]})
    truth = FILTERS[text]
    query = Query(text, now=NOW)

    def told_of(row: tuple[bool, Any, Any]) -> bool | None:
        return truth(*[None if one == "unread" else one for one in row[1:]], row[0])

    shown = [number for number, row in enumerate(rows) if told_of(row) is True]
    asked = [at for key, at in (("payload.a", 1), ("payload.b", 2)) if key in text]
    unread = [
        number for number, row in enumerate(rows) if told_of(row) is None and "unread" in [row[at] for at in asked]
    ]
    unknown = sum(told_of(row) is None for row in rows) - len(unread)
    ids = {seq: int(row.id) for seq, row in catalog.rows(catalog.find(Query())).items()}
    assert [ids[seq] for seq in catalog.find(query)] == shown
    assert [int(row.id) for row in catalog.unread(query)] == unread
    assert (catalog.count_unread(query), catalog.count_unknown(query)) == (len(unread), unknown)
    hidden = catalog.find(Query(f"-({text})", now=NOW))
    assert [ids[seq] for seq in hidden] == [number for number, row in enumerate(rows) if told_of(row) is False]


def test_the_newest_of_what_matches_are_shown_only_once_they_are_known(catalog: Catalog) -> None:
    catalog.add([
        TaskRow("q", b"%d" % number, None, scored_at=NOW - number, fingerprint=b"%08d" % number) for number in range(5)
    ])  # fmt: skip
    query = Query("payload.a=1 newest:2", now=NOW)
    (criterion,) = query.criteria
    rows = catalog.unread(query)
    assert len(rows) == 5

    def shown() -> list[int]:
        return [int(row.id) for row in catalog.rows(catalog.find(query)).values()]

    catalog.keep(rows[2:4], {criterion: [True, True]})
    assert shown() == []  # 0 and 1 may still be the newest
    catalog.keep(rows[:1], {criterion: [False]})
    assert shown() == [2]
    catalog.keep(rows[1:2], {criterion: [True]})
    assert shown() == [1, 2]
    assert catalog.find(Query("-payload.a=1", now=NOW)).tolist() == [rows[0].seq]


def test_another_message_is_read_anew(catalog: Catalog) -> None:
    row = TaskRow("q", b"1", None, fingerprint=b"before..")
    catalog.add([row], update=True)
    query = Query("payload.a=1", now=NOW)
    catalog.keep(catalog.unread(query), {query.criteria[0]: [True]})
    view = View.of(catalog, query)
    assert len(view) == 1
    catalog.add([row._replace(fingerprint=b"after...")], update=True)
    assert len(View.of(catalog, query, view)) == 0
    assert catalog.count_unread(query) == 1


def test_a_view_keeps_up_with_rows_that_match_behind_its_back(catalog: Catalog) -> None:
    catalog.add([TaskRow("q", b"%d" % number, None, fingerprint=b"%08d" % number) for number in range(3)])
    query = Query("payload.a=1", sort=Sort.FOUND, now=NOW)
    rows = catalog.unread(query)
    catalog.keep(rows[2:], {query.criteria[0]: [True]})
    view = View.of(catalog, query)
    catalog.keep(rows[:2], {query.criteria[0]: [True, False]})
    assert view.version != catalog.version
    assert View.of(catalog, query, view).seqs.tolist() == [rows[0].seq, rows[2].seq]


def test_what_filters_asked_long_ago_makes_room(catalog: Catalog) -> None:
    catalog.add([TaskRow("q", b"1", None, fingerprint=b"12345678")])
    first = Query("payload.a=0", now=NOW)
    catalog.keep(catalog.unread(first), {first.criteria[0]: [True]})
    for number in range(1, 60):
        catalog.find(Query(f"payload.a={number}", now=NOW))
    assert catalog.count_unread(first) == 1
    tables = catalog._reads.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'extract%'").fetchone()
    assert tables[0] <= 13
