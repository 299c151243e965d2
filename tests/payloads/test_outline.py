"""The outline of a tree: which rows there are, what is folded, and that nothing is lost or harmful."""

import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads.meanings import meaning
from archive_tui.payloads.nodes import Kind, Node, Positions, TreeNode, label_of, lines_of, node_at, path_to, walk
from archive_tui.payloads.outline import Outline
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.tree import Pairs

TEXT = st.text(max_size=30) | st.sampled_from(
    ["", " ", "null", "42", "a\nb", "a\r\n\tb", "\x1b[31m", "\udc80", "long " * 40]
)
SCALAR = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.binary(max_size=40) | TEXT
KEY = TEXT | st.integers() | st.binary(max_size=3)
TREE = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(KEY, inner, max_size=5)
        | st.lists(st.tuples(KEY, inner), max_size=4).map(Pairs)
    ),
    max_leaves=20,
)

ORDER: dict[str, Any] = {
    "user": {"id": 9007199254740993, "since": 1763860000, "name": "Ada"},
    "items": [{"sku": f"A-{number}", "quantity": number, "note": None} for number in range(14)],
    "trace": "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12",
    "bytes": 123456,
    "empty": {},
    "code": "42",
}


def outline(tree: Any, width: int = 80) -> Outline:
    made = Outline(TreeNode(tree))
    made.lay_out(width)
    return made


def lines(shown: Outline) -> list[str]:
    return [str(row).rstrip() for row in shown.rows()]


def test_what_fits_into_a_page_is_unfolded() -> None:
    assert lines(outline(ORDER)) == [
        "▾ user",
        "    id     9007199254740993",
        "    since  1763860000  (2025-11-23 01:06:40 Z)",
        "    name   Ada",
        "▾ items    [14]",
        *[
            f"  ▸ {f'[{number}]':<6} {{3}}  sku A-{number}, quantity {number}, note null"
            for number in range(14)
        ],
        "▾ trace    panic: no",
        "",
        "           goroutine 1 [running]:",
        "           main.main()",
        "               /app/main.go:12",
        "  bytes    123456  (123.5 kB)",
        "  empty    {}",
        '  code     "42"',
    ]  # fmt: skip


def test_what_is_larger_than_a_page_is_folded() -> None:
    shown = outline({"many": list(range(1_000)), "few": [1, 2], "log": "line\n" * 1_000, "id": 1})
    assert lines(shown) == [
        "▸ many   [1,000]  0, 1, 2, 3, 4, 5, …",
        "▾ few    [2]",
        "    [0]  1",
        "    [1]  2",
        "▸ log    line…  (1,001 lines)",
        "  id     1",
    ]


def test_folding_and_unfolding() -> None:
    shown = outline(ORDER)
    shown.fold((0,))
    assert lines(shown)[:2] == ["▸ user     {3}  id 9007199254740993, since 1763860000, name Ada", "▾ items    [14]"]
    shown.unfold((1, 3))
    assert [line.split() for line in lines(shown)[5:9]] == [
        ["▾", "[3]"], ["sku", "A-3"], ["quantity", "3"], ["note", "null"],
    ]  # fmt: skip
    assert shown.index_of((1, 3, 1)) == 7
    assert path_to(shown.root, (1, 3, 1)).suffix == ".items[3].quantity"
    shown.fold_all()
    assert [line.split()[:2] for line in lines(shown)[:3]] == [["▸", "user"], ["▸", "items"], ["▸", "trace"]]
    assert shown.index_of((1, 3, 1)) == 1
    assert shown.unfold_all()
    assert "quantity" in lines(shown)[shown.index_of((1, 3, 1))]


def test_a_long_text_unfolds_for_the_width_that_there_is() -> None:
    shown = outline({"text": "y" * 100, "short": 1}, 60)
    assert [line.count("y") for line in lines(shown)] == [51, 49, 0]
    shown.lay_out(40)
    assert sum(line.count("y") for line in lines(shown)) == 100
    assert len(shown) == 5
    shown.fold((0,))
    assert lines(shown)[0] == "▸ text   yyyyyyyyyyyy…  (100 characters)"


@given(TREE, st.integers(1, 120))
def test_no_key_no_value_and_no_line_is_lost_and_nothing_harmful_is_shown(tree: Any, width: int) -> None:
    shown = outline(tree, width)
    assert shown.unfold_all()
    rows = list(shown.rows())
    for row in rows:
        assert all(ord(sign) >= 0x20 and not 0x7F <= ord(sign) < 0xA0 for sign in str(row))
        str(row).encode()
    seen: dict[Positions, list[Any]] = {}
    for row in rows:
        seen.setdefault(row.positions, []).append(row)
    for positions, node in walk(shown.root):
        if not positions and len(node):
            continue
        mine = seen[positions]
        assert "".join(row.label for row in mine) == label_of(node)
        if not len(node) and node.kind not in (Kind.OBJECT, Kind.ARRAY):
            whole = lines_of(node)
            assert ["".join(row.value for row in mine if row.line == at) for at in range(len(whole))] == whole
    assert list(seen) == sorted(seen)


@given(TREE, st.lists(st.tuples(st.booleans(), st.integers(0, 10_000)), max_size=12))
def test_rows_and_their_places_agree_whatever_is_folded(tree: Any, steps: list[tuple[bool, int]]) -> None:
    shown = outline(tree)
    for unfold, number in steps:
        positions = shown.row(number % len(shown)).positions
        (shown.unfold if unfold else shown.fold)(positions)
        rows = list(shown.rows())
        assert len(rows) == len(shown)
        assert [row.positions for row in rows] == sorted(row.positions for row in rows)
        for index, row in enumerate(rows):
            assert shown.index_of(row.positions) == index - row.part


class Counted:
    """A node of a list without end that counts how many of its children were made."""

    made = 0

    def __init__(self, step: int | None = None, size: int = 10**6) -> None:
        Counted.made += 1
        self.step, self.kind, self._size = step, Kind.ARRAY, size

    def __len__(self) -> int:
        return self._size

    def may_hold(self, sieve: Sieve) -> bool:
        return True

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return [Counted(number, 3) for number in range(start, stop)]

    def text(self) -> str:
        raise AssertionError

    def value(self) -> Any:
        raise AssertionError


def test_only_what_is_in_sight_is_made() -> None:
    Counted.made = 0
    shown = Outline(Counted())
    shown.lay_out(80)
    assert len(shown) == 10**6
    for index in (0, 999_999, 500_000):
        assert shown.row(index).positions == (index,)
    shown.unfold((999_999,))
    assert shown.row(10**6).positions == (999_999, 0)
    assert not shown.unfold_all()
    assert Counted.made < 1_000


def test_a_large_tree_opens_at_once() -> None:
    tree = {f"key {number}": [number] for number in range(200_000)}
    began = time.perf_counter()
    shown = outline(tree)
    first = [str(shown.row(index)) for index in range(50)]
    took = time.perf_counter() - began
    assert first[0].startswith("▸ key 0")
    assert took < 0.3


def test_everything_is_unfolded_below_a_node_alone_where_all_is_too_much() -> None:
    shown = outline({"many": list(range(100_000)), "deep": [[[[1]]]] * 50})
    shown.fold_all()
    assert not shown.unfold_all()
    assert shown.unfold_all((1, 3))
    assert lines(shown)[shown.index_of((1, 3, 0, 0, 0))].split() == ["[0]", "1"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("since", 1763860000, "2025-11-23 01:06:40 Z"),
        ("x", 1763860000123, "2025-11-23 01:06:40.123 Z"),
        ("x", 1763860000123456, "2025-11-23 01:06:40.123456 Z"),
        ("x", 1763860000123456789, "2025-11-23 01:06:40.123456789 Z"),
        ("created_at", Decimal("1763860000.5"), "2025-11-23 01:06:40.500 Z"),
        ("createdAt", "1763860000", "2025-11-23 01:06:40 Z"),
        ("expires", 4000000000, "2096-10-02 07:06:40 Z"),
        ("n", 4000000000, ""),
        ("user_id", 1763860000, ""),
        ("userId", 1763860000, ""),
        ("phone", 1763860000, ""),
        ("code", "1763860000", ""),
        ("bytes", 1234567, "1.2 MB"),
        ("content_length", 1234567, "1.2 MB"),
        ("size", 12, ""),
        ("size", 1763860000, "1.8 GB"),
        ("at", -1, ""),
        ("at", 0, ""),
        ("at", Decimal("1e400"), ""),
        ("at", float("nan"), ""),
        ("at", True, ""),
        ("at", "2025-11-23T01:06:40Z", ""),
        (1, 1763860000, "2025-11-23 01:06:40 Z"),
    ],
)
def test_the_reading_of_a_number(key: Any, value: Any, expected: str) -> None:
    (node,) = TreeNode({key: value}).children(0, 1)
    assert meaning(node) == expected


@given(st.integers() | st.decimals() | st.floats() | TEXT)
def test_every_number_has_a_reading_or_none(value: Any) -> None:
    for key in ("at", "size", "x"):
        meaning(node_at(TreeNode({key: value}), (0,)))


def walked(root: Node) -> Iterator[str]:
    return (label_of(node) for _, node in walk(root))


def test_a_walk_passes_every_node_in_the_order_of_the_payload() -> None:
    assert list(walked(TreeNode({"a": [1, {"b": 2}], "c": 3}))) == ["", "a", "[0]", "[1]", "b", "c"]
