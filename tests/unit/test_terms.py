"""Terms that keys write into filters: each value comes back, and what was added is taken out again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asynq_data import NOW

from archive_tui.catalog.filter.conditions import All, Matched
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.catalog.filter.terms import exactly, has_term, with_term, without_term
from archive_tui.text import line

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
FILTERS = st.sampled_from(
    [
        "", "refused", "a b", "a or b", "(a or b) c", "-type==x", "not type==x", "-(a type==x)", "a and b",
        'error:~"a or b"',
    ]
)  # fmt: skip


@given(ANY_TEXT)
def test_every_value_can_be_written_and_read(value: str) -> None:
    term = exactly("type", value)
    assert line(term) == term, "a terminal would obey it"
    assert parse(term, NOW) == Matched("type", Pattern(value, exact=True))


@given(FILTERS, ANY_TEXT)
def test_a_term_narrows_a_filter_and_goes_again(text: str, value: str) -> None:
    term = exactly("signature", value)
    assert not has_term(text, term)
    narrowed = with_term(text, term)
    assert has_term(narrowed, term)
    both = parse(narrowed, NOW)
    outer, inner = parse(text, NOW), parse(term, NOW)
    if text:
        assert isinstance(both, All)
        assert both.conditions[-1] == inner
        rest = both.conditions[:-1]
        assert rest == (outer,) or All(rest) == outer
    else:
        assert both == inner
    assert parse(without_term(narrowed, term), NOW) == outer


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("age>1h age<=24h", ""),
        ("a age>1h age<=24h b", "a b"),
        ("a and age>1h age<=24h", "a"),
        ("age>1h age<=24h and b", "b"),
        ("a and age > 1h  age<=24h and b", "a and b"),
        ("age>1h", None),
        ("age<=24h age>1h", None),
        ("(age>1h age<=24h)", None),
        ("-age>1h age<=24h", None),
        ("age>1h age<=24h or b", None),
    ],
)
def test_a_term_of_two_stands_side_by_side(text: str, rest: str | None) -> None:
    term = "age>1h age<=24h"
    assert has_term(text, term) is (rest is not None)
    assert without_term(text, term) == (text if rest is None else rest)


def test_what_was_typed_is_the_same_term() -> None:
    assert has_term('x type == "email:deliver"', exactly("type", "email:deliver"))
    assert has_term("TYPE==email:deliver", exactly("type", "email:deliver"))
    assert not has_term("type:email:deliver", exactly("type", "email:deliver"))
