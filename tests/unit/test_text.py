"""The text door: nothing that could drive a terminal comes out of it; and how numbers and times are written."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_tui.text import block, clip, decode, encode, line
from archive_tui.wording import people

HOSTILE = [
    "\x1b]52;c;ZXZpbA==\x07",  # writes the clipboard
    "\x1b[2J\x1b[31mred",
    "\x9b31m\x9d0;title\x9c",  # C1
    "first\r\nsecond\rthird\ttab\x00\x7f\x85",
    "\u202egnp.exe\u2066\u200f\u061c",  # bidirectional
    "\udcff\udc80",  # bytes that are not UTF-8
    "\u2028\u2029\ufeff\u200b\u00ad\U000e0041",
    "[/x] [@click=app.quit]quit[/]",
]
FOREIGN = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Ll"])),
    st.binary().map(decode),
    st.sampled_from(HOSTILE),
)
BIDIRECTIONAL = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def is_harmless(character: str) -> bool:
    """Whether a terminal may be sent this character; judged by other properties than the door itself uses."""
    code = ord(character)
    control = code < 0x20 or 0x7F <= code < 0xA0
    surrogate = 0xD800 <= code < 0xE000
    invisible = character in "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff\u061c\u00ad"
    return not (control or surrogate or invisible or unicodedata.bidirectional(character) in BIDIRECTIONAL)


@given(FOREIGN)
def test_a_line_is_one_harmless_line(foreign: str) -> None:
    shown = line(foreign)
    assert all(is_harmless(character) for character in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()  # no lone surrogates: a stream can take it


@given(FOREIGN)
def test_a_line_stays_as_it_is_when_it_passes_the_door_again(foreign: str) -> None:
    assert line(line(foreign)) == line(foreign)


@given(FOREIGN)
def test_a_line_hides_nothing(foreign: str) -> None:
    assert len(line(foreign)) >= len(foreign)


@given(FOREIGN)
def test_a_block_has_harmless_lines(foreign: str) -> None:
    shown = block(foreign)
    assert all(is_harmless(character) or character == "\n" for character in shown)
    assert len(shown.split("\n")) == foreign.replace("\r\n", "\n").count("\n") + 1
    shown.encode()


@given(FOREIGN)
def test_a_block_stays_as_it_is_when_it_passes_the_door_again(foreign: str) -> None:
    assert block(block(foreign)) == block(foreign)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_harmless_text_is_not_touched(text: str) -> None:
    assert line(text) == text
    assert block(text) == text


def test_markup_is_not_the_doors_business() -> None:
    assert line("[/x] [@click=app.quit]quit[/]") == "[/x] [@click=app.quit]quit[/]"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("a\x1b[31mb", "a␛[31mb"),
        ("a\nb\r\tc\x00", "a␊b␍␉c␀"),
        ("\x7f", "␡"),
        ("\x9b1m", "\\x9b1m"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        (b"caf\xe9", "caf\\xe9"),
        (b"caf\xc3\xa9", "café"),
        ("", ""),
    ],
)
def test_signs(foreign: str | bytes, shown: str) -> None:
    assert line(foreign) == shown


def test_different_bytes_look_different() -> None:
    assert len({line(bytes([byte])) for byte in range(256)}) == 256


def test_a_block_keeps_lines_and_tab_stops() -> None:
    assert block("a\r\nb\tc\n\td\re") == "a\nb   c\n    d␍e"
    assert block(b"a\xff\nb") == "a\\xff\nb"


@given(st.binary())
@example(b"\xff\xfe\x00\xed\xb2\x80")
def test_decoding_loses_no_byte(raw: bytes) -> None:
    assert encode(decode(raw)) == raw


@given(FOREIGN, st.integers(1, 30))
def test_a_clipped_line_fits(foreign: str, width: int) -> None:
    shown = clip(foreign, width)
    assert len(shown) <= width
    assert all(is_harmless(character) for character in shown)
    whole = line(foreign)
    assert shown == whole if len(whole) <= width else shown == whole[: width - 1] + "…"


def test_a_line_clipped_to_nothing_is_empty() -> None:
    assert clip("anything", 0) == ""


def test_bytes_are_clipped_as_well() -> None:
    assert clip("grüße".encode() + b"\xff", 6) == "grüße…"
    assert clip("grüße".encode(), 6) == "grüße"


def test_clipping_a_huge_text_does_not_walk_all_of_it() -> None:
    assert clip("\x1b" * 50_000_000, 10) == "␛" * 9 + "…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0, "0 B"), (1, "1 B"), (312, "312 B"), (1_100_000, "1.1 MB")],
)
def test_sizes(value: int | None, shown: str) -> None:
    assert people.size(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (47 * 3600, "47 h"),
        (48 * 3600, "2 d"), (87 * 86_400, "87 d"), (-61, "-1 min"),
    ],
)  # fmt: skip
def test_spans(seconds: float, shown: str) -> None:
    assert people.span(seconds) == shown


@pytest.mark.parametrize("moment", [0, -62_135_596_801, 253_402_300_800, 2**63 - 1, -(2**63), float("inf")])
def test_no_moment_is_too_far_to_be_written(moment: float) -> None:
    assert people.exact(moment)
    assert people.ago(moment, 1.8e9)
    assert is_harmless(people.exact(moment)[0])


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0, 0, "~0 B"), (1234, 0, "~1.2 kB"), (41_234_567, 300_000, "~41.2 MB"), (41_234_567, 2_500_000, "~41 MB"),
        (41_234_567, 9_000_000, "~40 MB"), (41_234_567, 41_000_000, "~40 MB"), (41_234_567, 50_000_000, "~0–91 MB"),
        (960, 100, "~1 kB"),
    ],
)  # fmt: skip
def test_an_estimate_has_as_many_digits_as_its_error_bears(value: int, error: int, shown: str) -> None:
    assert people.roughly(value, error) == shown


def test_far_moments() -> None:
    assert people.exact(2**63 - 1) == "+292277026596-12-04 15:30:07 Z"
    assert people.ago(2**63 - 1, 1.8e9) == "292,277,024,569 years from now"
    assert people.ago(float("-inf"), 1.8e9) == "endless time ago"
    assert people.exact(float("inf")) == "never"
    assert people.duration(2**63 - 1) == "9,223,372,036,854,775,807 s"


def test_moments() -> None:
    assert people.exact(1_795_000_000) == "2026-11-18 11:06:40 Z"
    assert people.age(100, 160) == "1 min"
    assert people.age(160, 100) == "in 1 min"
    assert people.age(None, 100) == "–"


@given(st.floats(-1, 2), st.integers(1, 40))
def test_a_bar_has_its_width_and_shows_what_is_not_nothing(fraction: float, width: int) -> None:
    bar = people.bar(fraction, width)
    assert len(bar) == width
    assert (bar.strip() != "") == (fraction > 0)
    assert (bar == "█" * width) >= (fraction >= 1)


@given(st.lists(st.integers(0, 10**6), max_size=14))
def test_a_sparkline_has_a_column_a_value_and_only_zero_is_flat(values: list[int]) -> None:
    line_ = people.sparkline(tuple(values))
    assert len(line_) == len(values)
    assert [sign == "▁" for sign in line_] == [value == 0 for value in values]
    if values and max(values):
        assert line_[values.index(max(values))] == "█"
