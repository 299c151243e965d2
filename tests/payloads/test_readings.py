"""The door to payloads: which readings there are, in which order, and that nothing gets by it."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads import readings
from archive_tui.payloads.decoder import Context, Decoded, Fit, LimitReached, Limits, Peeled
from archive_tui.payloads.readings import NO_TREE, PayloadReader
from archive_tui.payloads.registry import standard
from archive_tui.payloads.rendering import document
from archive_tui.payloads.tree import Pairs

READER = PayloadReader()


def names(raw: bytes) -> list[str]:
    return [reading.name for reading in READER.readings(raw)]


def test_json_can_be_read_as_text_and_as_bytes_too() -> None:
    raw = b'{"user": {"id": 8812}}'
    assert names(raw) == ["JSON", "text", "binary"]
    best = READER.best(raw)
    assert best.tree == {"user": {"id": 8812}}
    assert best.why == "an object from the first byte to the last"
    assert best.text() == '{\n  "user": {\n    "id": 8812\n  }\n}'
    assert READER.readings(raw)[1].text() == raw.decode()
    assert READER.readings(raw)[1].why == "UTF-8 without control characters"


def test_a_payload_without_bytes_is_empty() -> None:
    assert names(b"") == ["empty"]
    assert READER.tree(b"") is NO_TREE
    assert READER.best(b"").text() == ""


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (b"[1.10, 9007199254740993, -0]", [Decimal("1.10"), 9007199254740993, 0]),
        (b'[null, true, false, "a"]', [None, True, False, "a"]),
        (b'{"a": 1, "a": 2}', Pairs([("a", 1), ("a", 2)])),
        (b'[{"a": {"b": 1, "b": [2]}}]', [{"a": Pairs([("b", 1), ("b", [2])])}]),
        (b"[1e999999999]", [Decimal("1e999999999")]),
        (b"\xef\xbb\xbf{}", {}),
        (b'["caf\xe9"]', ["caf\udce9"]),
        (b'["\\ud800"]', ["\ud800"]),
        (b'["a\tb"]', ["a\tb"]),
        (b'{"a": 1}\n\n[2]\r\n', [{"a": 1}, [2]]),
        (b"null", NO_TREE),
        (b"words", NO_TREE),
        (b"\x00\x01", NO_TREE),
    ],
)
def test_trees_are_exact(raw: bytes, tree: Any) -> None:
    assert READER.tree(raw) == tree
    assert repr(READER.tree(raw)) == repr(tree)
    assert READER.readings(raw)[0].tree == tree


def test_numbers_that_no_integer_of_python_takes_stay_exact() -> None:
    digits = "7" * 100_000
    (number,) = READER.tree(f"[{digits}]".encode())
    assert str(number) == digits
    assert READER.best(f"[{digits}]".encode()).text() == f"[\n  {digits}\n]"


def test_numbers_beyond_every_exponent_stay_as_they_are_written() -> None:
    digits = "1e" + "9" * 30
    best = READER.best(f"[{digits}]".encode())
    assert best.tree == [digits]
    assert best.remarks == (f"the number {digits} is beyond reckoning and kept as text",)
    assert digits in best.text()


def test_not_a_number_is_read_and_remarked_on() -> None:
    best = READER.best(b"[NaN, NaN, -Infinity]")
    assert [str(number) for number in best.tree] == ["nan", "nan", "-inf"]
    assert best.remarks == ("it holds NaN, which JSON does not have", "it holds -Infinity, which JSON does not have")


@pytest.mark.parametrize(
    ("raw", "remark"),
    [
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark, which JSON does not allow"),
        (b'["\xe9", "\xff"]', "2 bytes are not UTF-8"),
        (b'["\xe9"]', "1 byte is not UTF-8"),
        (b'["a\nb"]', "strings hold control characters, which JSON wants escaped"),
        (b'{"a": 1}\n{"a": 2}\n{"a": ', "line 3, the last, is not JSON: cut off?"),
    ],
)
def test_what_is_wrong_about_json_is_said(raw: bytes, remark: str) -> None:
    best = READER.best(raw)
    assert best.format in ("JSON", "NDJSON")
    assert best.remarks == (remark,)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"a": 1', "not JSON: line 1, column 8: expecting ',' delimiter"),
        (b'{\n  "a": 1,\n}', "not JSON: line 3, column 1: expecting property name enclosed in double quotes"),
        (b'{"a": 1} trailing', "not JSON: line 1, column 10: extra data"),
        (b"[" * 300 + b"]" * 300, "not JSON: it nests deeper than 200 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON: it nests deeper than 200 levels"),
    ],
)
def test_the_place_is_said_where_json_is_none(raw: bytes, why: str) -> None:
    best = READER.best(raw)
    assert best.format == "text"
    assert best.why.startswith(why.removesuffix(" enclosed in double quotes"))
    assert best.text() == raw.decode()


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
def test_trees_are_as_deep_as_their_limit_and_no_deeper(opening: bytes) -> None:
    closing = b"}" if opening[:1] == b"{" else b"]"
    for depth, is_json in ((200, True), (201, False)):
        raw = opening * depth + b"1" + closing * depth
        assert (READER.best(raw).format == "JSON") is is_json
        assert (READER.tree(raw) is not NO_TREE) is is_json


def test_few_bytes_that_are_not_utf8_are_a_doubtful_text() -> None:
    assert names(b"caf\xe9") == ["binary", "text"]
    assert READER.readings(b"caf\xe9")[1].remarks == ("1 byte is not UTF-8",)


def test_a_single_value_is_text_before_it_is_json() -> None:
    assert names(b"3") == ["text", "binary", "JSON"]
    assert READER.readings(b"3")[2].tree == 3


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_the_cheap_ways_agree_with_the_whole(raw: bytes) -> None:
    first, best = READER.readings(raw)[0], READER.best(raw)
    assert (first.path, first.why, first.remarks, first.text()) == (best.path, best.why, best.remarks, best.text())
    assert repr(first.tree) == repr(best.tree) == repr(READER.tree(raw))


# Wrappers, plug-ins and limits, with doubles


class Half:
    """A wrapper for bytes that begin with `½`: a byte, and the rest twice."""

    name = "half"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if raw[:1] != b"\xbd":
            return None
        context.spend(self.name, 2 * len(raw) - 2, len(raw))
        return Peeled(Fit.CERTAIN, "it begins with ½", raw[1:] * 2, ("doubled",))


class Angry:
    """A decoder that fails."""

    name = "angry"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        raise RuntimeError("oh")


class Always:
    """A decoder that reads all there is."""

    name = "always"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        return Decoded(Fit.CERTAIN, f"the type is {context.task_type}", {"n": len(raw)})


class Refusing:
    """A decoder that knows what it is, and no more."""

    name = "refusing"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        raise LimitReached("refusing: far too much")


def test_wrappers_stand_in_the_path_and_in_the_reason() -> None:
    reader = PayloadReader(replace(standard(), wrappers=(Half(),)))
    raw = b"\xbd\n[1]"
    first, second, third, *_ = reader.readings(raw)
    assert first.name == "half › NDJSON"
    assert first.tree == [[1], [1]]
    assert first.why == "half: it begins with ½; NDJSON: 2 lines, each of them JSON"
    assert first.remarks == ("half: doubled",)
    assert first.content == b"\n[1]\n[1]"
    assert (second.name, third.name) == ("half › text", "binary")


def test_wrappers_within_wrappers_end() -> None:
    reader = PayloadReader(replace(standard(), wrappers=(Half(),)), Limits(wrappers=3))
    best = reader.best(b"\xbd" * 9)
    assert best.problem == "there are more than 3 wrappers within each other"
    assert best.text() == best.problem
    assert best.tree is NO_TREE


def test_bytes_from_all_wrappers_are_counted_together() -> None:
    reader = PayloadReader(replace(standard(), wrappers=(Half(),)), Limits(bytes_out=100))
    assert reader.best(b"\xbd" + b"a" * 50).name == "half › text"
    assert reader.best(b"\xbd" + b"a" * 51).problem == "half: more than 100 B come out of 52 B; it is not unpacked"
    assert reader.best(b"\xbd\xbd" + b"a" * 24).problem is not None


def test_a_decoder_that_fails_or_refuses_ends_nothing() -> None:
    reader = PayloadReader(standard().with_first(decoders=(Angry(), Refusing())))
    refused, json_, *_, angry = reader.readings(b"[]")
    assert (refused.name, refused.problem) == ("refusing", "refusing: far too much")
    assert json_.name == "JSON"
    assert (angry.name, angry.problem) == ("angry", "angry failed: RuntimeError: oh")


def test_a_plugin_comes_before_json() -> None:
    reader = PayloadReader(standard().with_first(decoders=(Always(),)))
    assert reader.tree(b"[1]", "email") == {"n": 3}
    best = reader.best(b"[1]", "email")
    assert (best.name, best.why, best.text()) == ("always", "the type is email", '{\n  "n": 3\n}')


def test_no_other_format_is_tried_when_the_time_is_up() -> None:
    moments = iter(range(0, 1000, 10))
    reader = PayloadReader(limits=Limits(seconds=5), clock=lambda: next(moments))
    text, last = reader.readings(b"[1]")
    assert (text.name, last.name) == ("text", "binary")
    assert last.why == "its bytes as they are; other formats were not tried after 5 s"


def test_the_reader_needs_no_type_and_keeps_no_payload() -> None:
    assert json.loads(READER.best(b'{"a": [1, {}]}').text()) == {"a": [1, {}]}
    assert READER.tree(b"[1]") is not READER.tree(b"[1]")


def test_a_million_keys_are_a_tree() -> None:
    raw = ("{" + ",".join(f'"{number}":0' for number in range(1_000_000)) + "}").encode()
    assert len(READER.tree(raw)) == 1_000_000


def test_what_is_large_keeps_no_tree_that_its_text_does_not_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "_LARGE", 1)
    json_, pack = READER.best(b'{"a": "b\\nc"}'), READER.best(b"\x81\xa1a\xa3b\nc")
    assert json_.to_show().tree is NO_TREE
    assert pack.to_show().tree == {"a": "b\nc"}
    for reading in (json_, pack):
        shown = document(reading.to_show())
        assert [shown.line(number) for number in range(len(shown))] == ["{", '  "a": "b', '    c"', "}"]
