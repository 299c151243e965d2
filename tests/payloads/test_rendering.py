"""What a payload is, and that all of it can be read."""

import itertools
import json
import math
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archive_tui.folding import folded, places
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.rendering import Document, HexDocument
from archive_tui.payloads.rendering import document as document_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
CONTAINER = st.lists(JSON, max_size=4) | st.dictionaries(TEXT, JSON, max_size=4)


READER = PayloadReader()


def document(raw: bytes) -> Document:
    return document_of(READER.best(raw))


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
    assert lines(document(raw))[1:-1] == ['  "grüße": "a', '    b \\u001b[31m \\x9b1m ⟨U+202E⟩"']


def test_line_ends_inside_strings_are_shown_as_lines_and_copied_as_they_are() -> None:
    stack = 'panic: "no" \\n here\r\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d\n'
    value = {"a": [{"stack\n": stack, "x": 1}]}
    shown = document(json.dumps(value).encode())
    assert lines(shown) == [
        "{",
        '  "a": [',
        "    {",
        '      "stack\\n": "panic: \\"no\\" \\\\n here',
        "        ",
        "        goroutine 1 [running]:",
        "        main.main()",
        "            /app/main.go:12 +0x1d",
        '        ",',
        '      "x": 1',
        "    }",
        "  ]",
        "}",
    ]
    assert json.loads(shown.plain()) == value
    (found,) = matched(shown, "main.go")
    assert found[0] == 7
    assert lines(document(b"<a>C:\\new</a>")) == ["<a>C:\\new</a>"]


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


def lit(shown: Document, needle: str) -> list[list[str]]:
    """What is lit on each line, in its order."""
    matches = shown.matches(needle)
    assert matches is not None
    lines = [shown.line(index) for index in range(len(shown))]
    return [[text[start:end] for _, start, end in matches.on(index, 0, len(text))] for index, text in enumerate(lines)]


def matched(shown: Document, needle: str) -> list[tuple[int, int, int]]:
    """The places of all matches."""
    matches = shown.matches(needle)
    assert matches is not None
    return [matches.place(number) for number in range(len(matches))]


SMALL_TEXT = st.text("ab\n", min_size=1, max_size=40)


@given(SMALL_TEXT, st.text("abAB", min_size=1, max_size=3))
def test_searching_text_finds_every_place(text: str, needle: str) -> None:
    assume(not text.startswith("\n\n"))  # with ten letters behind it that is a string in protobuf
    expected = [
        (index, found.start(), found.end())
        for index, line in enumerate(text.split("\n"))
        for found in re.finditer(re.escape(needle.lower()), line.lower())
    ]
    assert matched(document(text.encode()), needle) == expected


@given(SMALL_TEXT, st.text("ab", min_size=1, max_size=3), st.integers(0, 40))
def test_the_first_match_from_a_line_on(text: str, needle: str, line: int) -> None:
    shown = document(text.encode())
    matches = shown.matches(needle)
    assert matches is not None
    lines = [matches.place(number)[0] for number in range(len(matches))]
    assert matches.after(line) == sum(1 for found in lines if found < line)


@pytest.mark.parametrize(
    ("text", "needle", "expected"),
    [
        ("Straße, STRASSE", "strasse", ["Straße", "STRASSE"]),
        ("Straße", "s", ["S", "ß"]),  # one ß is one place, although it is two s
        ("Cafe\u0301 CAFÉ cafe", "café", ["Cafe\u0301", "CAFÉ"]),
        ("Привет, ПРИВЕТ", "привет", ["Привет", "ПРИВЕТ"]),
        ("한국 \u1112\u1161\u11ab", "한", ["한", "\u1112\u1161\u11ab"]),
        ("İstanbul", "i̇st", ["İst"]),
        ("日本語 and more", "本語", ["本語"]),
        ("nothing", "x", []),
    ],
)
def test_searching_folds_as_filters_do_and_lights_what_was_written(text: str, needle: str, expected: list[str]) -> None:
    assert lit(document(text.encode()), needle) == [expected]


@given(st.text(max_size=30), st.text(min_size=1, max_size=3))
def test_what_is_lit_is_what_the_filter_finds(line: str, needle: str) -> None:
    found = places(line, folded(needle))
    assert bool(found) == (folded(needle) in folded(line))
    assert all(0 <= start < end <= len(line) for start, end in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))


@given(st.lists(st.sampled_from([b"\x00", b"a", b"B"]), max_size=80), st.text("ab", min_size=1, max_size=20))
def test_searching_bytes_lights_digits_and_text(parts: list[bytes], needle: str) -> None:
    raw = b"\x00" + b"".join(parts)
    offsets = [found.start() for found in re.finditer(re.escape(needle.encode()), raw.lower())]
    if not offsets:
        return  # then it is looked for as hexadecimal digits
    expected: list[list[str]] = []
    for start in range(0, len(raw), 16):
        ends = [(max(at, start), min(at + len(needle), start + 16, len(raw))) for at in offsets]
        here = [raw[low:high] for low, high in ends if low < high]
        expected.append([re.sub(" +", " ", part.hex(" ")) for part in here] + [part.decode() for part in here])
    assert [[re.sub(" +", " ", part) for part in line] for line in lit(HexDocument(raw), needle)] == expected


def test_searching_bytes_by_their_hexadecimal_digits() -> None:
    shown = HexDocument(bytes(40) + b"\xde\xad\xbe\xef" + bytes(40))
    for digits in ("de ad BE", "deadbeef"):
        assert [line for line, _, _ in matched(shown, digits)] == [2]
    assert matched(shown, "cafe") == matched(shown, "") == []
    assert lit(shown, "deadbeef")[2] == ["de ad be ef", "····"]


def test_searching_hexadecimal_digits_finds_exactly_these_bytes() -> None:
    assert matched(HexDocument(b"\x00\xffa"), "41") == []


def test_a_match_may_run_over_the_end_of_a_line_of_bytes() -> None:
    shown = HexDocument(bytes(14) + b"needle" + bytes(60))
    assert matched(shown, "needle") == [(0, 53, 58)]
    assert lit(shown, "needle")[:2] == [["6e 65", "ne"], ["65 64 6c 65", "edle"]]


@pytest.mark.parametrize("raw", [b"a\n" * 10_000, b"\x00" + b"a" * 10_000], ids=["text", "bytes"])
def test_a_search_ends_when_nobody_wants_to_know_any_more(raw: bytes) -> None:
    assert document(raw).matches("a", lambda: True) is None


def test_a_search_in_a_megabyte_looks_only_at_what_is_in_sight() -> None:
    shown = document(b"ab" * 500_000)
    matches = shown.matches("b")
    assert matches is not None
    assert len(matches) == 500_000
    assert list(matches.on(0, 900_000, 900_004)) == [(450_000, 900_001, 900_002), (450_001, 900_003, 900_004)]
