"""Paths into a payload: what they lead to, how they are written, and which a payload has."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads.paths import EVERY, Path, PathError, seen
from archive_tui.payloads.tree import Pairs
from archive_tui.text import line

TREE = {
    "user": {"id": 9007199254740993, "tags": []},
    "items": [{"sku": "A-1"}, {"sku": "B-2", "price": Decimal("1.10")}],
    "a b": {".": None},
    1: "one",
    b"raw": True,
    "twice": Pairs((("x", 1), ("y", 2), ("x", 3))),
}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("user.id", [9007199254740993]),
        ("user", [TREE["user"]]),
        ("items[*].sku", ["A-1", "B-2"]),
        ("items[1].price", [Decimal("1.10")]),
        ("items[-1].sku", ["B-2"]),
        ("items[2].sku", []),
        ("items.sku", []),
        ("user[0]", []),
        ("user[*]", [9007199254740993, []]),
        ('"a b"["."]', [None]),
        ('["a b"]."\\u{2e}"', [None]),
        ("1", ["one"]),
        ("raw", [True]),
        ("twice.x", [1, 3]),
        ("twice[*]", [1, 2, 3]),
        ("User.id", []),
        ("user.id.more", []),
    ],
)
def test_a_path_leads_to_values(text: str, values: list[object]) -> None:
    assert list(Path.parse(text).values(TREE)) == values
    assert Path.parse(str(Path.parse(text))) == Path.parse(text)


def test_the_empty_path_leads_to_the_whole() -> None:
    assert list(Path().values(TREE)) == [TREE]
    assert list(Path.parse("[*]").values([1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("", 0, "a key stands after the dot"),
        ("a.", 1, "a key stands after the dot"),
        ("a..b", 1, "a key stands after the dot"),
        ("a.*", 2, r"write \[\*\]"),
        ("a[b]", 1, "in brackets"),
        ("a[1", 1, "in brackets"),
        ('a."b', 2, "not closed"),
        ("a b", 1, "double quotes"),
        ("a:b", 1, "double quotes"),
        (".".join("a" * 51), 101, "at most 50 steps"),
    ],
)
def test_what_is_no_path_is_refused_at_its_place(text: str, position: int, hint: str) -> None:
    with pytest.raises(PathError, match=hint) as caught:
        Path.parse(text)
    assert caught.value.position == position
    assert str(caught.value).isprintable()


KEYS = st.text(max_size=5) | st.sampled_from(["a b", "[*]", '"', "\\", "a.b", "\x1b[31m", "é", "*", "-1"])
STEPS = KEYS | st.integers(-3, 3) | st.just(EVERY)


@given(st.lists(STEPS, min_size=1, max_size=4).map(lambda steps: Path(tuple(steps))))
def test_what_is_written_is_read_as_itself(path: Path) -> None:
    assert Path.parse(str(path)) == path
    assert line(str(path)) == str(path)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(TREES)
def test_every_path_that_was_seen_leads_to_something(tree: object) -> None:
    assert all(list(path.values(tree)) for path in seen(tree))


def test_paths_are_seen_the_shortest_first_and_not_without_end() -> None:
    assert list(map(str, seen({"user": {"id": 1}, "items": [{"sku": 1}, {"sku": 2, "n": 3}], "none": []}))) == [
        "user", "items", "user.id", "items[*]", "items[*].sku", "items[*].n",
    ]  # fmt: skip
    assert len(seen({str(number): number for number in range(10_000)})) == 200
    deep: object = 1
    for _ in range(100):
        deep = {"a": deep}
    assert len(seen(deep)) == 8
