"""Columns from messages: the value that is kept, its order, and the group it is in."""

import json
from typing import Any

import pytest

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.breakdown import Commonest, Question
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query
from archive_tui.catalog.view import View
from archive_tui.errors import UsageError
from archive_tui.payloads.content import Content
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.tui.lists.appearance import ListAppearance

READER = PayloadReader()


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("user.id", "9007199254740993"),
        ("payload.user.id", "9007199254740993"),
        ("price", "1.10"),
        ("vip", "true"),
        ("left", "null"),
        ("gone", None),
        ("user", b"{1}"),
        ("items", b"[2]"),
        ("items[*]", b"1, 2"),
        ("items[0]", "1"),
        ("header.Trace", "4f"),
        ("header.gone", None),
        ("long", b"x" * 200),
    ],
)
def test_a_value_is_kept_as_text_and_what_is_no_single_one_as_bytes(path: str, kept: Any) -> None:
    payload = (
        b'{"user": {"id": 9007199254740993}, "price": 1.10, "vip": true, "left": null, "items": [1, 2], "long": "%s"}'
    )
    content = Content(payload % (b"x" * 300), {"trace": "4f"}, reader=READER, redaction=SHOWN)
    assert MessageValue.parse(path).answer(content) == kept


@pytest.mark.parametrize("text", ["", "a..b", "header.a.b", "a b"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        MessageValue.parse(text)


def filled(catalog: Catalog, values: list[Any], column: MessageValue) -> None:
    rows = [TaskRow("q", b"%d" % number, None, fingerprint=b"%08d" % number) for number in range(len(values))]
    catalog.add(rows)
    unread = catalog.unread(Query(), [column])
    assert len(unread) == len(values)
    answers = [
        column.answer(Content(json.dumps({"a": value}).encode(), reader=READER, redaction=SHOWN)) for value in values
    ]
    catalog.keep(unread, {column: answers})
    assert catalog.count_unread(Query(), [column]) == 0


def test_rows_are_sorted_by_size_then_by_text_and_show_their_values(catalog: Catalog) -> None:
    column = MessageValue.parse("a")
    filled(catalog, ["b", 10, 9, None, "a", "9.5", -1, [1]], column)
    view = View.of(catalog, Query(by=column), None, (column,))
    shown = [row.values[column.name] for row in view.page(0, 10)]  # type: ignore[attr-defined]
    assert shown == ["-1", "9", "9.5", "10", "[1]", "a", "b", "null"]
    back = View.of(catalog, Query(by=column, descending=True), None, (column,))
    assert [row.id for row in back.page(0, 8)] == [row.id for row in view.page(0, 8)][::-1]


@pytest.mark.parametrize("descending", [False, True])
def test_rows_without_a_value_come_last_in_both_directions(catalog: Catalog, *, descending: bool) -> None:
    column = MessageValue.parse("a")
    filled(catalog, ["b", 10, "", 9], column)
    lost = [TaskRow("q", b"lost-%d" % number, None, fingerprint=b"%08d" % number) for number in range(2)]
    catalog.add(lost)
    order = Query(by=column, descending=descending)
    for _ in ("not read yet", "nothing stands there"):
        rows = catalog.rows(seqs := catalog.find(order))
        assert [rows[seq].id for seq in seqs][-2:] == [row.id for row in lost]
        unread = catalog.unread(Query(), [column])
        catalog.keep(unread, {column: [None] * len(unread)})


def test_groups_show_what_their_terms_find(catalog: Catalog) -> None:
    column = MessageValue.parse("a")
    filled(catalog, ["b", "b", "none", 10, 10, 10, [1], "", "x y"], column)
    question = Question(Query(now=0), 0, {column.facet.name: 10}, others=(column.facet,))
    answer = catalog.breakdown(question)
    assert answer is not None
    counts = {group.value: group.amount.tasks for group in answer.groups[column.facet.name]}
    assert counts == {"10": 3, "b": 2, "none": 1, "": 1, "x y": 1}
    for group in answer.groups[column.facet.name]:
        (criterion,) = Query(group.term, now=0).criteria
        rows = catalog.rows(catalog.find(Query()))
        said = [
            criterion.answer(Content(json.dumps({"a": value}).encode(), reader=READER, redaction=SHOWN))
            for value in ["b", "b", "none", 10, 10, 10, [1], "", "x y"]
        ]
        assert sum(map(bool, said)) == group.amount.tasks
        assert len(rows) == 9


def test_an_error_group_names_its_commonest_value(catalog: Catalog) -> None:
    column = MessageValue.parse("a")
    filled(catalog, ["b", "b", 10, [1], "c"], column)
    question = Question(Query(now=0), 0, {}, most_errors=10, others=(column.facet,))
    answer = catalog.breakdown(question)
    assert answer is not None
    (group,) = answer.errors
    assert group.commonest == {column.facet.name: Commonest("b", 2, 3)}
    assert group.amount.tasks == 5


def test_columns_from_messages_stand_in_the_profile_file_for_a_queue() -> None:
    appearance = ListAppearance({"archive:shop": ["died", "payload.user.id", "header.trace"], "archive": ["id"]})
    assert [value.name for value in appearance.values("archive:shop")] == ["payload.user.id", "header.trace"]
    assert appearance.values("archive:other") == []
    with pytest.raises(UsageError, match="a header has a name alone"):
        ListAppearance({"archive": ["header.a.b"]})
    with pytest.raises(UsageError, match="has no column"):
        ListAppearance({"archive": ["user.id"]})
    with pytest.raises(UsageError, match="there is no list"):
        ListAppearance({"archives:shop": ["id"]})


def test_what_is_masked_is_neither_shown_nor_kept() -> None:
    payload = b'{"user": {"name": "mira", "password": "swordfish"}, "note": "password=swordfish"}'
    content = Content(payload, {"Authorization": "Bearer abc"}, reader=READER, redaction=Redaction())
    places = ("user.password", "user.name", "user[*]", "note", "header.authorization")
    assert [MessageValue.parse(place).answer(content) for place in places] == [
        "***", "mira", b"mira, ***", "password=***", "***",
    ]  # fmt: skip
    assert [str(path) for path in content.shown_paths()] == ["user", "note", "user.name", "user.password"]


@pytest.mark.parametrize("path", ["password", "note", "header.authorization", "header.x-note"])
def test_the_term_of_a_group_of_masked_values_finds_them_and_no_others(path: str) -> None:
    redaction = Redaction()
    column = MessageValue.parse(path)
    hidden = [("hunter2", "Bearer abcdefghijklmnop"), ("s3cret!", "Bearer qrstuvwxyzabcdef")]
    contents = [
        Content(
            json.dumps({"password": password, "note": note}).encode(),
            {"Authorization": password, "X-Note": note},
            reader=READER,
            redaction=redaction,
        )
        for password, note in [*hidden, ("", "plain")]
    ]
    shown = [column.answer(content) for content in contents]
    assert shown[0] == shown[1]
    assert "***" in str(shown[0])
    term = column.facet.term(str(shown[0]))
    (criterion,) = Query(term, now=0).criteria
    assert [criterion.answer(content) for content in contents] == [True, True, False]
    assert not any(secret in term for one in hidden for secret in one)
