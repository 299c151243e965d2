"""Completion of filters, and the memory of those that were typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.catalog.filter.grammar import parse
from archive_tui.errors import UsageError
from archive_tui.tui.lists.filter_completion import Seen, complete, whole_part
from archive_tui.tui.lists.filter_memory import FilterMemory

SEEN = Seen(
    {
        "type": ["email:deliver", "report:email", "Email:digest", 'odd "type"\x1b'],
        "queue": ["default", "low priority"],
        "signature": ["dial tcp <host>: connect: refused"],
    },
    {"refused": "error:~refused age>1d", "big": "size>1MB"},
    ["payload.user", "payload.user.id", "payload.items[*].sku", 'payload."a b"', "payload.User", "header.trace-id"],
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ty", ["type:"]),
        ("age>1d ty", ["age>1d type:"]),
        ("(ty", ["(type:"]),
        ("-ki", ["-kind:"]),
        ("s", ["signature:", "state:", "size>"]),
        ("type:em", ["type:email:deliver", "type:Email:digest", "type:report:email"]),
        ("type:EMAIL:d", ["type:email:deliver", "type:Email:digest"]),
        ("type==rep", ["type==report:email"]),
        ("type:~odd", ['type:~"odd \\"type\\"\\u{1b}"']),
        ('queue:"low p', ['queue:"low priority"']),
        ("queue:default or queue:l", ['queue:default or queue:"low priority"', "queue:default or queue:default"]),
        ("ref", ["(error:~refused age>1d)"]),
        ("bi", ["size>1MB"]),
        ("type:email:deliver", ["type:email:deliver"]),
        ("type:nothing", []),
        ("size>", []),
        ("pay", ["payload:~"]),
        ("dec", ["decoder:"]),
        ("payload.us", ["payload.user=", "payload.user.id=", "payload.User="]),
        ("-payload.Us", ["-payload.User=", "-payload.user=", "-payload.user.id="]),
        ("(payload.i", ["(payload.items[*].sku="]),
        ("header.", ["header.trace-id="]),
        ("payload.user.id=", []),
    ],
)
def test_what_goes_on_behind_a_text(text: str, expected: list[str]) -> None:
    found = [one.text for one in complete(text, len(text), SEEN)]
    assert found == [one for one in expected if one != text]


def test_an_empty_line_offers_filters_with_a_name_first() -> None:
    assert [one.label for one in complete("", 0, SEEN)][:3] == ["★ refused", "★ big", "id"]


def test_what_stands_behind_the_cursor_stays() -> None:
    (one,) = complete("type:rep age>1d", 8, SEEN)
    assert (one.text, one.cursor) == ("type:report:email age>1d", 17)


def test_values_can_be_read_by_the_filter_and_are_safe_to_show() -> None:
    for field in SEEN.values:
        for one in complete(f"{field}:", len(field) + 1, SEEN):
            parse(one.text, 0.0)
            assert "\x1b" not in one.label + one.text


def test_typed_filters_are_remembered_once_the_last_first() -> None:
    memory = FilterMemory()
    for text in ("a", "b", "a", *map(str, range(200))):
        memory.remember(text)
    assert memory.typed[:2] == ["199", "198"]
    assert len(memory.typed) == len(set(memory.typed)) == 100


def test_a_named_filter_that_cannot_be_read_is_refused_with_its_name() -> None:
    with pytest.raises(UsageError, match=r"\[filters\] in x: old: .*siez"):
        FilterMemory({"old": "siez>1MB"}, "[filters] in x")


def test_paths_that_were_seen_can_be_read_by_the_filter() -> None:
    found = [one.text for one in complete("payload", 7, SEEN)]
    assert len(found) == 6
    for text in found:
        parse(f"{text}x", 0.0)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("r", ""),  # error, retried
        ("ref", "ref"),
        ("age", ""),
        ("age>", ""),
        ("age>1", ""),
        ("age>1d", "age>1d"),
        ("refused kind:orph", "refused"),
        ("kind:orphan-archived", "kind:orphan-archived"),
        ("type:email", ""),
        ("type:email:deliver", "type:email:deliver"),
        ("type:email:*", "type:email:*"),
        ("type:~email", "type:~email"),
        ("type:nothing-such", "type:nothing-such"),
        ("-type:email", ""),
        ("type:email ", "type:email "),
        ("refused or ty", "refused"),
        ("refused -", "refused"),
        ("(refused or ty", "(refused)"),
        ("payload.us", ""),
        ("payload.user.id=", ""),
        ("payload.user.id=8", "payload.user.id=8"),
        ('"dial tc', ""),
        ('"dial tcp"', '"dial tcp"'),
        ("foo>5", ""),
        ("foo>5 refused", "foo>5 refused"),
    ],
)
def test_a_word_that_is_not_whole_yet_is_left_out(text: str, whole: str) -> None:
    assert whole_part(text, SEEN, 0) == whole


@given(st.lists(st.sampled_from(["age", ">", "1d", " ", "(", ")", "or", "-", '"', "kind:", "orph", "x"]), max_size=8))
def test_what_is_whole_is_the_text_or_begins_it(parts: list[str]) -> None:
    text = "".join(parts)
    whole = whole_part(text, SEEN, 0)
    assert text.startswith(whole.rstrip(")"))
