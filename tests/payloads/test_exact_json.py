"""JSON that loses nothing: every digit, every byte, every key."""

import base64
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads.exact_json import decoded, exact_json, is_json
from archive_tui.payloads.readings import NO_TREE, PayloadReader
from archive_tui.payloads.redaction import SHOWN
from archive_tui.payloads.tree import Pairs


def base64_of(raw: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(raw).decode()}


@pytest.mark.parametrize(
    "number", ["1.10", "9007199254740993", "0.1234567890123456789012", "1E+999999999", "-0", "12" * 1000]
)
def test_numbers_keep_every_digit(number: str) -> None:
    value: Any = Decimal(number) if not number.isdecimal() else int(number)
    assert exact_json({"n": value}) == f'{{"n": {number}}}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\xff\x00", base64_of(b"\xff\x00")),
        ("caf\udce9", base64_of(b"caf\xe9")),
        ("\ud83d", base64_of(b"\xed\xa0\xbd")),
        ("\udc80\ud83d", base64_of(b"\x80\xed\xa0\xbd")),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
        (Pairs([("a", 1), ("a", 2)]), [["a", 1], ["a", 2]]),
        (Pairs([([1], 2)]), [[[1], 2]]),
        ({"\udcff": 1}, [[base64_of(b"\xff"), 1]]),
        ({b"k": 1}, [[base64_of(b"k"), 1]]),
        ([None, True, False, "é\x1b\x7f\u202e"], [None, True, False, "é\x1b\x7f\u202e"]),
    ],
)
def test_what_json_has_no_form_for_gets_one(value: Any, expected: Any) -> None:
    text = exact_json(value)
    assert json.loads(text) == expected
    assert text.isascii()
    assert text.isprintable()


_NUMBERS = st.decimals(allow_nan=False, allow_infinity=False)
_SCALARS = _NUMBERS | st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats()
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=15,
)


@given(_TREES)
def test_every_tree_is_one_line_of_json(tree: Any) -> None:
    text = exact_json(tree)
    assert text.isascii()
    json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("tree", "so"),
    [
        ({"a": [1, Decimal("1.5"), "\udcff", None]}, True),
        (Pairs([("a", 1), ("a", 2)]), True),
        ({1: 2}, False),
        ([math.nan], False),
        ({"a": b""}, False),
        (NO_TREE, False),
    ],
)
def test_whether_json_has_all_of_a_tree(tree: Any, so: bool) -> None:
    assert is_json(tree) is so


@pytest.mark.parametrize(
    ("payload", "value", "text", "content"),
    [
        (b'{"id": 9007199254740993}', {"id": 9007199254740993}, None, None),
        (b"just words, and more of them", None, "just words, and more of them", None),
        (bytes(range(256)), None, None, base64.b64encode(bytes(range(256))).decode()),
    ],
)
def test_a_reading_is_a_value_a_text_or_bytes(payload: bytes, value: Any, text: Any, content: Any) -> None:
    found = decoded(SHOWN.reading(PayloadReader().best(payload)))
    assert (found["value"], found["text"], found["base64"]) == (value, text, content)
