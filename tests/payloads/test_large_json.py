"""JSON of many MiB, walked over in small steps: the same verdict, lines and values as decoding all of it gives."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from support.nodes import same_nodes

from archive_tui.payloads.decoder import Context
from archive_tui.payloads.decoders.json_text import JsonDecoder, error_in
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.large import containers, json_nodes, json_scan
from archive_tui.payloads.large.json_document import LargeJson
from archive_tui.payloads.large.json_nodes import JsonNodes
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.large.text_document import LargeText
from archive_tui.payloads.nodes import TreeNode
from archive_tui.payloads.rendering import TextDocument
from archive_tui.payloads.search import OutlineMatches, TextMatches
from archive_tui.text import decode

SMALL = 48


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some hundred bytes be as much as many MiB are."""
    for module, name in (
        (json_scan, "WINDOW"), (json_scan, "PART"), (json_scan, "LARGE_CONTAINER"), (json_nodes, "WINDOW"),
        (containers, "WINDOW"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, SMALL)
    monkeypatch.setattr(json_scan, "_SLICE", SMALL)
    monkeypatch.setattr(containers, "EVERY", 3)
    monkeypatch.setattr(json_scan, "EVERY", 3)
    monkeypatch.setattr(LargeText, "_PART", SMALL)


def scanned(raw: bytes, *, by_lines: bool = False) -> JsonScan:
    scan = JsonScan(raw, depth=200, by_lines=by_lines)
    while scan.advance(0):
        assert scan.walked <= len(raw)
    return scan


def lines_of(document: Any) -> list[str]:
    return [document.line(index) for index in range(len(document))]


LONG = ["x" * 130, 'a"b\\' * 20, "line\nline\n" * 9, "ä€😀" * 30, "\t\tx\r\ny", "{[,:]}"]
STRINGS = st.text(max_size=8) | st.sampled_from(LONG)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | STRINGS
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=12) | st.dictionaries(STRINGS, below, max_size=6), max_leaves=20
)
FINITE = st.lists(st.recursive(st.none() | st.integers() | STRINGS, st.lists, max_leaves=9)) | st.dictionaries(
    STRINGS, st.integers()
)
CONTAINERS = st.lists(VALUES, max_size=30) | st.dictionaries(STRINGS, VALUES, max_size=20)
SPACED: "st.SearchStrategy[dict[str, Any]]" = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, None, 2, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([None, (",", ":"), (" , ", "\n:\n")]),
    }
)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(value=CONTAINERS, how=SPACED)
@example(value={"k": ["y" * 200, "z" * 200]}, how={})
@example(value=["y" * 200], how={})
@example(value=[[[[[[1, [], {}]]]]], {}], how={})
@example(value=list(range(500)), how={})
def test_what_is_json_has_the_same_lines_and_values(value: Any, how: dict[str, Any]) -> None:
    raw = json.dumps(value, **how).encode("utf-8", "surrogatepass")
    decoded = JsonDecoder().decode(raw, Context())
    assert decoded is not None
    scan = scanned(raw)
    assert scan.problem is None
    assert sorted(scan.remarks) == sorted(decoded.remarks)
    document = LargeJson("JSON", scan)
    assert decoded.text is not None
    whole = TextDocument("JSON", decoded.text(), strings=True)
    if all(len(text) < SMALL // 2 for text in _texts(value)):
        assert lines_of(document) == lines_of(whole)
    else:
        assert not any(line is None for line in lines_of(document))
        assert _bare(lines_of(document)) == _bare(lines_of(whole))
    made = [line for part in range(scan.parts) for line in document._lines_in(part)]
    assert len(made) == len(document) == scan.lines
    same_nodes(JsonNodes(scan).root(), TreeNode(decoded.tree))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield json.dumps(value)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield json.dumps(key)
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _bare(lines: list[str]) -> str:
    """What lines hold, wherever they break."""
    return "".join("".join(lines).split())


@SLOW
@given(value=CONTAINERS, at=st.integers(0, 400), byte=st.sampled_from(b'{}[],:"\\0-e \n\xff\xc3x'), cut=st.booleans())
def test_what_is_no_json_is_none_with_the_place(value: Any, at: int, byte: int, cut: bool) -> None:
    raw = bytearray(json.dumps(value).encode())
    at %= len(raw)
    if cut:
        del raw[at:]
    else:
        raw[at] = byte
    broken = bytes(raw)
    decoded = JsonDecoder().decode(broken, Context()) if broken else None
    scan = scanned(broken)
    valid = decoded is not None and broken.strip()[:1] in (b"{", b"[")
    assert (scan.problem is None) == valid, scan.problem
    if valid:
        return
    assert lines_of(LargeJson("JSON", scan))[-1].startswith("… not laid out from here: line ")
    expected = error_in(decode(broken), 200)
    if expected is not None and not any(word in expected for word in ("control", "escape", "nterminated")):
        assert scan.problem is not None
        assert scan.problem.split(":")[0] == expected.split(":")[0]


@SLOW
@given(
    rows=st.lists(FINITE, min_size=2, max_size=20),
    ending=st.sampled_from(["", "\n", " \r\n\n"]),
    cut=st.integers(0, 3),
)
def test_ndjson_has_the_same_lines_and_values(rows: list[Any], ending: str, cut: int) -> None:
    raw = ("\n".join(map(json.dumps, rows)) + ending).encode()
    raw = raw[: len(raw) - cut] if cut and not ending else raw
    assume(b"\n" in raw.strip())  # one line is JSON
    decoded = NdjsonDecoder().decode(raw, Context())
    scan = scanned(raw, by_lines=True)
    assert (scan.problem is None) == (decoded is not None), scan.problem
    if decoded is None:
        return
    assert tuple(scan.remarks) == decoded.remarks
    assert decoded.text is not None
    if not decoded.remarks:
        whole = TextDocument("NDJSON", decoded.text(), strings=True)
        document = LargeJson("NDJSON", scan)
        made = [line for part in range(scan.parts) for line in document._lines_in(part)]
        assert len(made) == len(document)
        if not any("\\u" in line or "E" in line or "e" in line for line in lines_of(whole)):
            assert _bare(lines_of(document)) == _bare(lines_of(whole))
        same_nodes(JsonNodes(scan).root(), TreeNode(decoded.tree))


LINES = [b"a line", b"", b"x" * 400, "ä€😀".encode() * 40, b"\xff\xfe", b"\t1\r"]


@SLOW
@given(raw=st.lists(st.sampled_from(LINES), max_size=12).map(b"\n".join))
def test_text_has_the_same_lines(raw: bytes) -> None:
    document = LargeText("text", raw)
    while document.advance(0):
        pass
    whole = TextDocument("text", decode(raw))
    made = [line for part in range(document._count) for line in document._lines_in(part)]
    assert made == lines_of(document)
    assert len(max(made, key=len)) <= SMALL
    if max(map(len, raw.split(b"\n"))) < SMALL:
        assert made == lines_of(whole)
    else:
        assert "".join(made).replace(" ", "") == "".join(lines_of(whole)).replace(" ", "")


NEEDLES = ["x", "a", "line", "1", '": ', "ä", "Ä", "😀", "nul", "\\t", ", ", "0", "X" * 20]


def joined_lines(document: LargeJson) -> tuple[list[str], list[tuple[int, int]]]:
    """The lines of a document, those joined that are pieces of one; and for each line in which of the joined ones it
    stands, and behind how many characters of it its own count.
    """
    joined: list[str] = []
    begins: list[tuple[int, int]] = []
    for part in range(document._scan.parts):
        at = document._goes_on_at(part)
        for line in document._lines_in(part):
            if at is None:
                joined.append("")
            begins.append((len(joined) - 1, len(joined[-1]) - (at or 0)))
            joined[-1] += line[at or 0 :]
            at = None
    return joined, begins


@SLOW
@given(value=CONTAINERS, needle=st.sampled_from(NEEDLES))
def test_a_search_finds_what_the_lines_hold(value: Any, needle: str) -> None:
    document = LargeJson("JSON", JsonScan(json.dumps(value).encode(), depth=200))
    found = document.matches(needle)
    assert found is not None
    joined, begins = joined_lines(document)
    whole = TextMatches.of(joined, needle, lambda: False)
    assert whole is not None
    places = [found.place(number) for number in range(len(found))]
    begin_of = [(begins[line][0], begins[line][1] + start) for line, start, _ in places]
    assert begin_of == [whole.place(number)[:2] for number in range(len(whole))]


OVER_THE_BORDER = ["border", "BORDER", "ä€", "b", "r, 1"]


@pytest.mark.parametrize("needle", OVER_THE_BORDER)
def test_a_search_finds_what_lies_over_the_border_of_two_pieces(needle: str) -> None:
    """The border is where a piece ends, or anywhere about it."""
    for before in range(SMALL - 12, SMALL + 3):
        raw = f"{'.' * before}border, 1 ä€{'.' * 3 * SMALL}".encode()
        document = LargeText("text", raw)
        found = document.matches(needle)
        assert found is not None
        assert len(found) == 1, before
        line, start, end = found.place(0)
        assert needle.lower().startswith(document.line(line)[start:end])


@pytest.mark.parametrize("form", ["array", "member", "rows", "escaped", "line end"])
@pytest.mark.parametrize("needle", OVER_THE_BORDER)
def test_a_search_in_json_that_is_laid_out_finds_it_too(needle: str, form: str) -> None:
    for before in range(SMALL - 24, SMALL + 3):
        long = f"{'.' * before}border, 1 ä€{'.' * 3 * SMALL}"
        if form == "line end":
            long = f"{'.' * (before - 6)}\n    {long[before:]}"
        value: Any = {"array": [1, [[long]], long.upper()], "member": {"k": {"k": long}}}.get(form, [long])
        raw = json.dumps(value, ensure_ascii=form == "escaped").encode()
        scan = scanned(raw + b"\n[2]" if form == "rows" else raw, by_lines=form == "rows")
        assert scan.problem is None
        document = LargeJson("JSON", scan)
        found = document.matches(needle)
        assert found is not None
        assert len(found) == (2 if form == "array" else 1), before
        line, start, end = found.place(0)
        assert start < end
        assert needle.lower().startswith(document.line(line)[start:end])


def test_two_long_strings_beside_each_other_are_not_one() -> None:
    document = LargeJson("JSON", scanned(json.dumps(["a" * 100, "b" * 100]).encode()))
    for needle in ("ab", 'a"b', 'a",b', 'a","b'):
        assert not document.matches(needle), needle


def test_a_search_over_a_border_knows_letters_whose_accents_stand_apart() -> None:
    for before in range(SMALL - 12, SMALL + 3):
        found = LargeText("text", f"{'.' * before}ng\u1ec5n{'.' * SMALL}".encode()).matches("NGU\u0302\u0303N".lower())
        assert found is not None
        document = LargeText("text", f"{'.' * before}xe\u0301e\u0301x{'.' * SMALL}".encode())
        found = document.matches("x\xe9\xe9x")
        assert found is not None
        assert len(found) == 1, before


@example(value=['a"b\\a"b'], needle='a"b')
@example(value=[1e-07], needle="e-")
@given(CONTAINERS.filter(bool), st.sampled_from(["q", "e", "x", "1", 'a"b', "😀", "null", "ne", "\\", "{[", "-"]))
def test_a_search_finds_what_one_of_the_whole_tree_finds(value: Any, needle: str) -> None:
    raw = json.dumps(value).encode()
    decoded = JsonDecoder().decode(raw, Context())
    assert decoded is not None
    large, whole = JsonNodes(scanned(raw)).root(), TreeNode(decoded.tree)
    found = [OutlineMatches.of(root, needle, lambda: False) for root in (large, whole)]
    places = [[one.place(number) for number in range(len(one))] for one in found if one is not None]
    assert places[0] == places[1]


def test_a_search_decodes_only_what_may_hold_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps([{"id": number, "email": f"customer{number}@example.com"} for number in range(200)]).encode()
    root = JsonNodes(scanned(raw)).root()
    decoded = []
    original = JsonNodes.value
    monkeypatch.setattr(JsonNodes, "value", lambda self, *part: decoded.append(part) or original(self, *part))
    assert len(OutlineMatches.of(root, "q", lambda: False) or ()) == 0
    assert not decoded
    assert len(OutlineMatches.of(root, "R77@", lambda: False) or ()) == 1
    assert len(decoded) <= 2
