"""Whatever is in a payload: no crash, no stall, and nothing that a terminal obeys. Limits are small, so it is quick."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.payloads import FORMATS, PACK, nasty

from archive_tui.payloads.decoder import Context, Refusal
from archive_tui.payloads.exact_json import exact_json
from archive_tui.payloads.readings import NO_TREE, Limits, PayloadReader, Reading
from archive_tui.payloads.registry import standard
from archive_tui.payloads.rendering import document
from archive_tui.payloads.tree import Pairs, deeper_than, pairs_of
from archive_tui.text import line

LIMITS = Limits(bytes_out=300_000)
READER = PayloadReader(limits=LIMITS)
NASTY = dict(nasty())
LINES = 400
"""Lines of a document that are looked at from both ends."""


def harmless(text: str) -> bool:
    """Whether a terminal shows a text, and does nothing else with it."""
    return not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in text)


def endure(raw: bytes) -> list[Reading]:
    """Read a payload in every way, and look at all that a person would see of it."""
    readings = READER.readings(raw)
    assert readings
    assert any(reading.format in ("binary", "empty") for reading in readings)
    for reading in readings:
        shown = document(reading)
        for index in {*range(min(len(shown), LINES)), *range(max(len(shown) - LINES, 0), len(shown))}:
            assert harmless(shown.line(index))
        assert all(
            harmless(line(text)) for text in (reading.name, reading.why, reading.problem or "", *reading.remarks)
        )
        if reading.problem is not None:
            assert reading.tree is NO_TREE
            assert "\n" not in reading.problem
        assert not deeper_than(reading.tree, LIMITS.depth + 1)
    best, first = READER.best(raw), readings[0]
    assert (best.path, best.problem) == (first.path, first.problem)
    if first.tree is not NO_TREE:
        assert exact_json(first.tree).isascii()
        only_known_values(first.tree)
    return readings


def only_known_values(tree: object) -> None:
    """Only what the module `tree` lists may be in a tree."""
    assert (
        isinstance(tree, dict | list | Pairs | str | bytes | int | float | type(None))
        or type(tree).__name__ == "Decimal"
    )
    if isinstance(tree, float):
        assert tree - tree != 0, "finite numbers are exact"
    for key, value in pairs_of(tree):
        only_known_values(key)
        only_known_values(value)
    if isinstance(tree, list):
        for child in tree:
            only_known_values(child)


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_payload_is_shown(name: str) -> None:
    endure(NASTY[name])


@pytest.mark.parametrize("name", [name for name in NASTY if name.startswith("a bomb of ")])
def test_a_bomb_is_one_sentence_or_its_bytes(name: str) -> None:
    best = READER.best(NASTY[name])
    packed_small = len(NASTY[name]) < LIMITS.bytes_out
    assert not packed_small or best.problem or best.format in ("binary", "text"), best.name
    assert len(best.content) <= max(LIMITS.bytes_out, len(NASTY[name]))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_recognised_through_every_wrapper(name: str) -> None:
    assert READER.best(FORMATS[name]).format == name
    endure(FORMATS[name])
    for wrapper, pack in PACK.items():
        if wrapper in ("JSON string", "UTF-16") and not FORMATS[name].isascii():
            continue
        readings = endure(pack(FORMATS[name]))
        assert name in [reading.format for reading in readings], wrapper


WRAPPED = [raw for name in FORMATS for raw in (FORMATS[name], *(pack(FORMATS[name]) for pack in PACK.values()))]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A payload of the corpus with some of its bytes replaced, removed, repeated or added."""
    raw = bytearray(draw(st.sampled_from(WRAPPED)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        match draw(st.integers(0, 3)):
            case 0:
                raw[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del raw[at : at + draw(st.integers(1, 30))]
            case 2:
                raw[at:at] = raw[at : at + 20]
            case _:
                raw[at:at] = draw(st.binary(min_size=1, max_size=9))
    return bytes(raw)


@given(mutated())
def test_payloads_with_changed_bytes_are_survived(raw: bytes) -> None:
    endure(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(raw: bytes) -> None:
    endure(raw)


@given(mutated() | st.binary(min_size=1, max_size=60))
def test_no_decoder_raises_anything_but_a_refusal(raw: bytes) -> None:
    """The door would catch it: here nothing does."""
    if not raw:
        return
    registry = standard()
    ways: list[Callable[[bytes, Context], object]] = [
        *(decoder.decode for decoder in registry.decoders),
        *(wrapper.peel for wrapper in registry.wrappers),
    ]
    for way in ways:
        try:
            way(raw, Context(limits=LIMITS))
        except Refusal:
            continue
