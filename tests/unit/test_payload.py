"""What a payload is, and that all of it can be read."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads.rendering import Document, HexDocument, document

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
CONTAINER = st.lists(JSON, max_size=4) | st.dictionaries(TEXT, JSON, max_size=4)


def lines(shown: Document) -> list[str]:
    return [shown.line(index) for index in range(len(shown))]


@given(CONTAINER, st.booleans(), st.sampled_from([None, 1]))
def test_json_made_readable_is_the_same_json(value: Any, ascii_: bool, indent: int | None) -> None:
    shown = document(json.dumps(value, ensure_ascii=ascii_, indent=indent).encode())
    assert shown.format == "JSON"
    assert json.loads(shown.plain()) == value
    assert shown.plain().decode() == json.dumps(value, ensure_ascii=False, indent=2)


@given(st.lists(st.from_regex(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)))
def test_numbers_come_out_digit_for_digit(numbers: list[str]) -> None:
    shown = document(("[" + ",".join(numbers) + "]").encode())
    assert [one.strip(" ,") for one in lines(shown)[1:-1]] == numbers


def test_what_other_viewers_get_wrong() -> None:
    raw = b'{"id": 9007199254740993, "price": 1.10, "big": 1e400, "nan": NaN, "id": "twice", "e": {}, "l": []}'
    assert lines(document(raw)) == [
        "{",
        '  "id": 9007199254740993,',
        '  "price": 1.10,',
        '  "big": 1e400,',
        '  "nan": NaN,',
        '  "id": "twice",',
        '  "e": {},',
        '  "l": []',
        "}",
    ]


def test_json_strings_are_readable_and_harmless() -> None:
    raw = '{"grüße": "a\\nb \\u001b[31m \u009b1m \u202e"}'.encode()
    (inside,) = lines(document(raw))[1:-1]
    assert inside == '  "grüße": "a\\nb \\u001b[31m \\x9b1m ⟨U+202E⟩"'


@pytest.mark.parametrize("escaped", ["\\ud800", "\\udc80"])
def test_half_a_surrogate_pair_in_json_can_be_copied(escaped: str) -> None:
    raw = f'{{"a": "{escaped}"}}'.encode()
    assert json.loads(document(raw).plain()) == json.loads(raw)


@given(CONTAINER | st.text())
def test_every_line_is_harmless(value: Any) -> None:
    for raw in (
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        str(value).encode("utf-8", "replace"),
    ):
        for shown in lines(document(raw)):
            assert all(ord(character) >= 0x20 and not 0x7F <= ord(character) < 0xA0 for character in shown)


@pytest.mark.parametrize(
    ("raw", "format_"),
    [
        (b"", "empty"),
        (b"{}", "JSON"),
        (b" \n[1]", "JSON"),
        (b'{"a": 1', "text"),
        (b'{"a": 1} trailing', "text"),
        (b"3", "text"),
        (b'"word"', "text"),
        ("grüße\nzwei".encode(), "text"),
        (b"\x1b[31mred", "text"),
        (b"\x82\xa1a\x01", "binary"),
        (b"abc\x00def", "binary"),
        (b"caf\xe9", "binary"),
        (bytes(range(1, 32)), "binary"),
    ],
)
def test_formats(raw: bytes, format_: str) -> None:
    assert document(raw).format == format_


def test_text_is_shown_and_copied_whole() -> None:
    raw = b"eins\r\nzwei\tdrei\x1b\n"
    shown = document(raw)
    assert lines(shown) == ["eins", "zwei    drei␛", ""]
    assert shown.plain() == raw


def test_json_nested_too_deep_is_still_shown() -> None:
    raw = b"[" * 100_000 + b"]" * 100_000
    assert document(raw).plain() == raw


@given(st.binary(min_size=1))
def test_hexadecimal_loses_no_byte(raw: bytes) -> None:
    shown = HexDocument(raw)
    assert len(shown) == math.ceil(len(raw) / 16)
    read = b""
    for number, one in enumerate(lines(shown)):
        assert one[:8] == f"{number * 16:08x}"
        part = bytes.fromhex(one[8:58])
        assert one[60:] == "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)
        read += part
    assert read == raw
    assert shown.plain() == "\n".join(lines(shown)).encode()


def test_a_line_of_hexadecimal() -> None:
    shown = HexDocument(b"\x00\x01Hello, world!\xff\x7f~")
    assert lines(shown) == [
        "00000000  00 01 48 65 6c 6c 6f 2c  20 77 6f 72 6c 64 21 ff  ··Hello, world!·",
        "00000010  7f 7e                                             ·~",
    ]


def test_a_huge_payload_is_opened_without_writing_it_out() -> None:
    shown = document(b"\x00" + b"x" * 50 * 1024 * 1024)
    assert len(shown) == 50 * 1024 * 1024 // 16 + 1
    assert shown.line(len(shown) - 1) == "03200000  78" + " " * 48 + "x"


SMALL_TEXT = st.text("ab\n", min_size=1, max_size=40)


@given(SMALL_TEXT, st.text("abAB", min_size=1, max_size=3), st.integers(0, 40), st.booleans())
def test_searching_text(text: str, needle: str, start: int, backwards: bool) -> None:
    shown = document(text.encode())
    start %= len(shown)
    order = [*range(start, len(shown)), *range(start)]
    if backwards:
        order = [*range(start, -1, -1), *range(len(shown) - 1, start, -1)]
    expected = next((index for index in order if needle.lower() in text.split("\n")[index].lower()), None)
    assert shown.find(needle, start, backwards=backwards) == expected


def begins_on(raw: bytes, needle: bytes) -> set[int]:
    return {at // 16 for at in range(len(raw)) if raw[at:].startswith(needle)}


@given(st.lists(st.sampled_from([b"\x00", b"a", b"b"]), max_size=80), st.text("ab", min_size=1, max_size=3), st.data())
def test_searching_bytes_forwards(parts: list[bytes], needle: str, data: st.DataObject) -> None:
    raw = b"\x00" + b"".join(parts)
    shown = HexDocument(raw)
    start = data.draw(st.integers(0, len(shown) - 1))
    found = begins_on(raw, needle.encode())
    order = [*range(start, len(shown)), *range(start)]
    expected = next((index for index in order if index in found), None)
    if expected is None and len(needle) % 2 == 0:
        return  # then it is looked for as hexadecimal digits
    assert shown.find(needle, start) == expected


def test_searching_bytes_by_their_hexadecimal_digits() -> None:
    shown = HexDocument(bytes(40) + b"\xde\xad\xbe\xef" + bytes(40))
    assert shown.find("de ad BE", 0) == 2
    assert shown.find("deadbeef", 3) == 2
    assert shown.find("deadbeef", 4, backwards=True) == 2
    assert shown.find("cafe", 0) is None
    assert shown.find("", 0) is None


def test_searching_bytes_backwards_finds_what_runs_over_the_end_of_the_line() -> None:
    shown = HexDocument(bytes(14) + b"needle" + bytes(60) + b"needle")
    assert shown.find("needle", 0, backwards=True) == 0


def test_searching_hexadecimal_digits_finds_exactly_these_bytes() -> None:
    assert HexDocument(b"\x00\xffa").find("41", 0) is None
