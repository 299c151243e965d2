"""Two tasks, and one task and those that ended well, beside each other."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.asynq_data import NOW, a_message

from archive_tui.asynq.states import State
from archive_tui.asynq.task import Task
from archive_tui.comparison.alignment import aligned
from archive_tui.comparison.layout import lines_of
from archive_tui.comparison.programs import for_programs
from archive_tui.comparison.rows import MOST_ROWS, Comparison, Section, Verdict
from archive_tui.comparison.tasks import compare
from archive_tui.comparison.texts import add_bytes, add_lines
from archive_tui.comparison.trees import Node, add_trees
from archive_tui.comparison.well_ended import WellEnded
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import MASK, SHOWN, Redaction
from archive_tui.payloads.tree import Pairs
from archive_tui.payloads.writing import written

READER = PayloadReader()

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.decimals(allow_nan=False)
)
TREES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=2), children, max_size=4),
)


def trees(first: Any, second: Any) -> Section:
    section = Section("Payload")
    add_trees(section, Node(first, first), Node(second, second))
    return section


def differences(section: Section) -> list[tuple[str, str | None, str | None, Verdict]]:
    return [(row.label, row.first, row.second, row.verdict) for row in section.rows if row.differs]


def test_trees_are_compared_path_by_path() -> None:
    first = {"user": {"id": 1, "since": None}, "items": [{"sku": "A"}, {"sku": "B"}], "only": [1, {}], "n": 1}
    second = {
        "user": {"id": 2, "since": "2020"},
        "items": [{"sku": "0"}, {"sku": "A"}, {"sku": "B"}],
        "n": Decimal("1.0"),
    }
    assert differences(trees(first, second)) == [
        ("user.id", "1", "2", Verdict.VALUE),
        ("user.since", "null", '"2020"', Verdict.TYPE),
        ("items[0].sku", None, '"0"', Verdict.ONLY_SECOND),
        ("only[0]", "1", None, Verdict.ONLY_FIRST),
        ("only[1]", "{}", None, Verdict.ONLY_FIRST),
        ("n", "1", "1.0", Verdict.VALUE),
    ]


def test_a_changed_element_that_has_moved_says_both_places() -> None:
    found = differences(trees(["x", {"a": 1}, "z"], ["new", "x", {"a": 2}, "z"]))
    assert found == [("[0]", None, '"new"', Verdict.ONLY_SECOND), ("[1→2].a", "1", "2", Verdict.VALUE)]


def test_keys_that_stand_twice_and_keys_that_are_no_text_are_told_apart() -> None:
    first = Pairs([("a", 1), ("a", 2), (1, "number")])
    second = Pairs([("a", 1), ("a", 3), ("1", "text")])
    assert differences(trees(first, second)) == [
        ("a", "2", "3", Verdict.VALUE),
        ("1", '"number"', None, Verdict.ONLY_FIRST),
        ("1", None, '"text"', Verdict.ONLY_SECOND),
    ]


@given(TREES)
def test_a_tree_does_not_differ_from_itself(tree: Any) -> None:
    assert trees(tree, tree).differing == 0


@given(TREES, TREES)
def test_trees_that_are_written_differently_differ(first: Any, second: Any) -> None:
    same = written(first) == written(second)
    if not (isinstance(first, dict) and isinstance(second, dict)):  # the order of keys is no difference
        assert (trees(first, second).differing == 0) == same or not same


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_an_alignment_has_every_item_once_and_in_order(first: Sequence[str], second: Sequence[str]) -> None:
    pairs = list(aligned(first, second))
    assert [at for at, _ in pairs if at is not None] == list(range(len(first)))
    assert [at for _, at in pairs if at is not None] == list(range(len(second)))


def test_what_repeats_itself_a_million_times_is_compared_at_once() -> None:
    section = trees([0, 1] * 50_000, [1, 0] * 50_000)
    assert section.differing == 100_000
    assert len(section.rows) == MOST_ROWS
    assert section.left_out == 100_000 - MOST_ROWS


@given(st.text(), st.text())
@example("", "\n")
def test_lines_of_texts_lose_nothing(first: str, second: str) -> None:
    section = Section("Error")
    add_lines(section, first, second)
    assert "\n".join(row.first_value for row in section.rows if row.first_value is not None) == first
    assert "\n".join(row.second_value for row in section.rows if row.second_value is not None) == second
    assert (section.differing == 0) == (first == second)


def test_a_long_text_shows_the_part_that_differs() -> None:
    (row,) = trees({"a": "x" * 5_000 + "1"}, {"a": "x" * 5_000 + "2"}).rows
    assert row.first is not None
    assert row.first.endswith('x1"')
    assert len(row.first) < 500
    assert row.note == "they differ from character 5,002 on, of 5,003 and 5,003"


def test_bytes_are_compared_in_rows_of_sixteen() -> None:
    section = Section("Payload")
    add_bytes(section, bytes(range(40)), bytes(range(20)) + b"\xff" + bytes(range(21, 32)))
    assert [(row.label, row.verdict) for row in section.rows] == [
        ("00000000", Verdict.SAME),
        ("00000010", Verdict.VALUE),
        ("00000020", Verdict.ONLY_FIRST),
    ]


def a_task(task_id: bytes = b"one", **facts: Any) -> Task:
    return Task(
        "q", task_id, State.ARCHIVED, {b"state": b"archived"}, a_message("q", task_id, **facts), {"archived": NOW}
    )


def shown(comparison: Comparison, width: int = 120, *, everything: bool = False) -> str:
    return "\n".join(lines_of(comparison, width, everything=everything))


def test_two_tasks_differ_in_facts_error_headers_and_payload() -> None:
    first = a_task(error_msg="refused\nat a", headers={"trace": "1"}, payload=b'{"a": 1}')
    second = a_task(
        b"two", error_msg="refused\nat b", headers={"trace": "1", "more": "x"}, payload=b'{"a": 1, "b": [2]}'
    )
    comparison = compare(first, second, READER, SHOWN, NOW + 60)
    found = {section.title: [row.label for row in section.rows if row.differs] for section in comparison.sections}
    assert found == {"Facts": ["Id", "Payload"], "Error": ["line 2"], "Headers": ["more"], "Payload": ["b[0]"]}
    assert "= a " not in shown(comparison)
    assert "= a " in shown(comparison, everything=True)


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        (b'{"a": 1}', b"a word, and another", "they are read in different ways, and so compared as text"),
        (bytes(range(0x80, 0xF0)), b'{"a": 1}', "compared byte by byte, each at the same place of both"),
    ],
)
def test_payloads_of_different_formats_are_compared_as_what_both_are(first: bytes, second: bytes, note: str) -> None:
    payload = compare(a_task(payload=first), a_task(b"two", payload=second), READER, SHOWN, NOW).sections[-1]
    assert payload.note == note
    assert payload.rows[0].label == "(read as)"
    assert payload.differing > 1


def test_tasks_without_a_message_are_compared_all_the_same() -> None:
    husk = Task("q", b"husk", None, {b"state": b"odd\x1b[2J"}, None)
    text = shown(compare(husk, a_task(), READER, SHOWN, NOW))
    assert "missing: the hash has no field msg" in text
    assert "\x1b" not in text


def well_ended(*payloads: bytes, complete: bool = True, **facts: Any) -> WellEnded:
    others = WellEnded("q", "email:send", READER, SHOWN)
    for payload in payloads:
        others.add(a_message("q", payload=payload, **facts))
    others.looked_at, others.complete = len(payloads), complete
    return others


def strange(others: WellEnded, payload: bytes) -> dict[str, str]:
    """The rows that differ, with the reason."""
    section = others.compare(a_task(payload=payload)).sections[-1]
    return {row.label: row.note for row in section.rows if row.differs}


TWELVE = [
    b'{"user": %d, "region": "%s", "items": [{"sku": "A-%d"}], "note": "n%d"}' % (n, [b"eu", b"us"][n % 2], n, n)
    for n in range(12)
]


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (b'{"user": 3, "region": "eu", "items": [{"sku": "A-77"}], "note": "other"}', {}),
        (b'{"user": 99, "region": "eu", "items": [{"sku": "A"}], "note": "n"}', {"user": "larger than any of theirs"}),
        (b'{"user": -1, "region": "eu", "items": [{"sku": "A"}], "note": "n"}', {"user": "smaller than any of theirs"}),
        (
            b'{"user": 3, "region": "ap", "items": [{"sku": "A"}], "note": "n"}',
            {"region": "none of the values that they have"},
        ),
        (
            b'{"user": "3", "region": "eu", "items": [{"sku": "A"}], "note": "n"}',
            {"user": "text, where they have number"},
        ),
        (b'{"user": 3, "region": "eu", "items": [{"sku": "A"}]}', {"note": "missing"}),
        (b'{"user": 3, "region": "eu", "items": [], "note": "n"}', {"items": "empty, and in none of them"}),
        (
            b'{"user": 3, "region": "eu", "items": [{"sku": "A"}, {}], "note": "n"}',
            {"items": "more than in any of them", "items[*].sku": "missing in 1 of 2 places"},
        ),
        (
            b'{"user": 3, "region": "eu", "items": [{"sku": "A"}], "note": "n", "new": {"a": 1}}',
            {"new": "in none of those that ended well"},
        ),
        (b'{"user": 3, "region": "eu", "items": [{"sku": "A"}], "note": ""}', {"note": "empty, and in none of them"}),
    ],
)  # fmt: skip
def test_what_is_not_like_those_that_ended_well_is_found(payload: bytes, found: dict[str, str]) -> None:
    assert strange(well_ended(*TWELVE), payload) == found


def test_what_only_some_of_them_have_is_not_missing() -> None:
    others = well_ended(*[b'{"a": 1}'] * 4, *[b'{"a": 1, "b": 2}'] * 3)
    assert strange(others, b'{"a": 1}') == {}


def test_facts_and_headers_are_compared_with_theirs() -> None:
    others = well_ended(*TWELVE, headers={"tenant": "a"}, retry=5)
    facts, headers, _ = others.compare(a_task(payload=TWELVE[0], retry=9)).sections
    assert [(row.label, row.first, row.second) for row in facts.rows if row.differs] == [
        ("Tries allowed", "9", "5 · in 12 of 12")
    ]
    assert [(row.label, row.note) for row in headers.rows if row.differs] == [("tenant", "missing")]


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (1, "one task alone: what differs from it may be chance"),
        (3, "only 3 tasks: what they have in common may be chance"),
    ],
)
def test_a_small_sample_is_said_to_be_one(count: int, sentence: str) -> None:
    assert sentence in well_ended(*TWELVE[:count]).compare(a_task()).remarks


def test_without_any_that_ended_well_one_sentence_says_why() -> None:
    none = WellEnded("q", "email:send", READER, SHOWN)
    none.complete = True
    (sentence,) = none.compare(a_task()).remarks
    assert sentence.startswith("the queue q keeps no completed task: Asynq keeps only those")
    none.looked_at = 7
    (sentence,) = none.compare(a_task()).remarks
    assert sentence.startswith("none of type email:send among the 7 completed tasks of the queue q")
    none.complete = False
    assert "there are more" in none.compare(a_task()).remarks[0]


@given(st.dictionaries(st.text(max_size=3), SCALARS, max_size=3), st.sampled_from([20, 58, 78, 100, 138]))
def test_every_line_fits_and_is_safe_to_show(tree: dict[str, Any], width: int) -> None:
    section = trees(tree, {"a": "\x1b[2J漢字" * 40, "b": "\u202e"})
    lines = lines_of(Comparison("first", "second", [section]), width, everything=True)
    for one in lines:
        assert "\x1b" not in one
        assert "\u202e" not in one
        assert sum(2 if "\u4e00" <= character <= "\u9fff" else 1 for character in one) <= width or "⟨" in one


def test_what_is_masked_is_compared_and_not_shown() -> None:
    payload = b'{"user": 1, "auth": {"password": "%s", "tokens": ["%s"]}, "api_key": {"a": "same-secret"}}'
    first = a_task(
        payload=payload % (b"first-secret", b"x1"),
        error_msg="password=first-secret",
        headers={"authorization": "first"},
    )
    second = a_task(
        payload=payload % (b"other-secret", b"x1"),
        error_msg="password=other-secret",
        headers={"authorization": "other"},
    )
    comparison = compare(first, second, READER, Redaction(), NOW)
    text = shown(comparison, everything=True)
    assert "secret" not in text
    assert "secret" not in str(for_programs(comparison, everything=True))
    found = {row.label: (row.first, row.verdict, row.note) for row in comparison.sections[-1].rows}
    assert found["auth.password"] == (f'"{MASK}"', Verdict.VALUE, "masked: they differ")
    assert found["api_key"] == (f'"{MASK}"', Verdict.SAME, "masked")
    assert comparison.sections[1].note == "masked: they differ"
    assert [(row.label, row.note) for row in comparison.sections[2].rows] == [("authorization", "masked: they differ")]
    assert "first-secret" in shown(compare(first, second, READER, SHOWN, NOW))


def test_texts_of_which_only_the_masked_parts_differ_are_said_to_differ() -> None:
    first, second = (a_task(payload=b"log in with password=%s and go on" % word) for word in (b"first", b"other"))
    payload = compare(first, second, READER, Redaction(), NOW).sections[-1]
    assert [(row.label, row.note) for row in payload.rows if row.differs] == [("(masked)", "masked: they differ")]


def test_those_that_ended_well_show_nothing_that_is_masked() -> None:
    others = WellEnded("q", "email:send", READER, Redaction())
    for number in range(4):
        others.add(
            a_message("q", payload=b'{"password": "word-%d", "n": 1}' % number, headers={"token": f"t-{number}"})
        )
    comparison = others.compare(a_task(payload=b'{"n": 1}', headers={"token": "mine"}))
    assert [(row.label, row.note) for row in comparison.sections[-1].rows if row.differs] == [("password", "missing")]
    text = shown(comparison, everything=True)
    assert "word-" not in text
    assert "t-1" not in text
    assert "mine" not in text
