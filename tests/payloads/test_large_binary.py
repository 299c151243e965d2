"""MessagePack and CBOR of many MiB, walked over in small steps: the lines and values of decoding all of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import cbor2
import msgpack
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.nodes import same_nodes

from archive_tui.payloads.decoder import Context, Decoder, Fit
from archive_tui.payloads.decoders.cbor import CborDecoder
from archive_tui.payloads.decoders.messagepack import MessagePackDecoder
from archive_tui.payloads.large import binary_scan, containers, scan_content
from archive_tui.payloads.large.binary_contents import binary_readings
from archive_tui.payloads.large.binary_document import LargeBinary
from archive_tui.payloads.large.binary_format import Format
from archive_tui.payloads.large.binary_nodes import BinaryNodes
from archive_tui.payloads.large.binary_scan import BinaryScan
from archive_tui.payloads.large.cbor_format import Cbor
from archive_tui.payloads.large.msgpack_format import MessagePack
from archive_tui.payloads.nodes import Kind, TreeNode, walk
from archive_tui.payloads.rendering import TextDocument
from archive_tui.payloads.search import OutlineMatches, TextMatches
from archive_tui.payloads.writing import written
from archive_tui.text import block

SMALL = 48


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some hundred bytes be as much as many MiB are."""
    for module, name in ((binary_scan, "WINDOW"), (binary_scan, "PART"), (containers, "WINDOW")):
        monkeypatch.setattr(module, name, SMALL)
    monkeypatch.setattr(containers, "EVERY", 3)
    monkeypatch.setattr(scan_content, "_BEGINNING", SMALL)


FORMATS: dict[str, tuple[Format, Decoder, Callable[[Any], bytes]]] = {
    "msgpack": (MessagePack(), MessagePackDecoder(), msgpack.packb),
    "CBOR": (Cbor(), CborDecoder(), cbor2.dumps),
}
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

LONG = ["x" * 130, 'a"b\\' * 20, "line\nline\n" * 9, "ä€😀" * 30, "\t\tx\r\ny", "{[,:]}", "\n"]
TEXTS = st.text(max_size=8) | st.sampled_from(LONG)
KEYS = st.text(max_size=6) | st.integers(-3, 300) | st.binary(max_size=5)
NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.integers(-40, 40)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.binary(max_size=12) | st.sampled_from([b"\x0a" * 120, b""])
ONLY_MSGPACK = st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20)) | st.builds(
    msgpack.Timestamp, st.integers(0, 1 << 33), st.integers(0, 999_999_999)
)
ONLY_CBOR = (
    st.sampled_from([datetime(2026, 11, 30, tzinfo=UTC), Decimal("1.10"), 1 << 70, cbor2.undefined, {1, 2}])
    | st.builds(cbor2.CBORTag, st.integers(1000, 1 << 30), st.integers() | st.text(max_size=5))
    | st.builds(cbor2.CBORSimpleValue, st.integers(32, 255))
)


def values(more: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Any]":
    leaves = SCALARS | more
    below = st.recursive(
        leaves, lambda one: st.lists(one, max_size=12) | st.dictionaries(KEYS, one, max_size=6), max_leaves=20
    )
    return st.lists(below, min_size=1, max_size=30) | st.dictionaries(KEYS, below, min_size=1, max_size=20)


CASES = values(ONLY_MSGPACK).map(lambda value: ("msgpack", value)) | values(ONLY_CBOR).map(
    lambda value: ("CBOR", value)
)


def scanned(raw: bytes, format_: Format, depth: int = 200) -> BinaryScan:
    scan = BinaryScan(raw, format_, begin=0, depth=depth)
    while scan.advance(0):
        assert scan.walked <= len(raw)
    return scan


def lines_of(document: Any) -> list[str]:
    return [document.line(index) for index in range(len(document))]


def bare(lines: list[str]) -> str:
    """What lines hold, wherever they break."""
    return "".join("".join(lines).split())


def parts_of(scan: BinaryScan, document: LargeBinary) -> Iterator[int]:
    """The number of lines that each part really has."""
    for part in range(scan.parts):
        yield len(document._piece(part) if scan.pieces[part] else document._laid_out(part))


@SLOW
@given(case=CASES)
@example(case=("msgpack", {"k": ["y" * 200, "z" * 200]}))
@example(case=("CBOR", {"k": {"l": b"y" * 200}, "m": "z" * 200}))
@example(case=("CBOR", [[[[[[1, [], {}]]]]], {}]))
@example(case=("msgpack", list(range(500))))
@example(case=("CBOR", [list(range(500)), 1.5, None] * 3))
def test_it_has_the_same_lines_and_values(case: tuple[str, Any]) -> None:
    name, value = case
    format_, decoder, pack = FORMATS[name]
    raw = pack(value)
    decoded = decoder.decode(raw, Context())
    assert decoded is not None
    scan = scanned(raw, format_)
    assert scan.problem is None
    document = LargeBinary(name, scan)
    firsts = list(scan.first_lines)
    assert list(parts_of(scan, document)) == [end - begin for begin, end in pairwise(firsts)]
    whole = TextDocument(name, written(decoded.tree), strings=True)
    if not scan.long_ends:
        assert lines_of(document) == lines_of(whole)
    else:
        assert bare(lines_of(document)) == bare(lines_of(whole))
    same_nodes(BinaryNodes(scan).root(), TreeNode(decoded.tree))
    assert written(BinaryNodes(scan).root().value()) == written(decoded.tree)


@SLOW
@given(
    case=CASES,
    changes=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=4),
    cut=st.none() | st.integers(0, 2_000),
    behind=st.binary(max_size=2),
)
def test_other_bytes_are_refused_where_the_library_refuses_them(
    case: tuple[str, Any], changes: list[tuple[int, int]], cut: int | None, behind: bytes
) -> None:
    name, value = case
    format_, decoder, pack = FORMATS[name]
    mutated = bytearray(pack(value))
    for at, byte in changes:
        mutated[at % len(mutated)] = byte
    raw = bytes(mutated[:cut]) + behind
    if not raw:
        return
    scan = scanned(raw, format_)
    document = LargeBinary(name, scan)
    shown = lines_of(document)
    assert all(block(line) == line for line in shown)
    for _, node in walk(BinaryNodes(scan).root()):
        node.text()
    try:
        decoded = decoder.decode(raw, Context())
    except Exception:  # too much for a small one
        return
    if decoded is not None and not any("length" in note or "longer" in note for note in (scan.problem or "",)):
        assert scan.problem is None, raw.hex()
    if scan.problem is not None:
        assert scan.problem.startswith("offset ")
        assert shown[-1].startswith("… not laid out from here: offset ")


@pytest.mark.parametrize(
    ("name", "raw", "problem"),
    [
        ("msgpack", b"\x93\x01\x02", "offset 00000003: it is cut off"),
        ("msgpack", b"\x92\x01\xc1", "offset 00000002: no value begins with 0xc1"),
        ("msgpack", b"\x91\x01\x02\x03", "offset 00000002: 2 B follow that are no part of it"),
        ("msgpack", b"\xdd\xff\xff\xff\xff\x01", "offset 00000000: it is cut off"),
        ("msgpack", b"\x91\xdb\x7f\xff\xff\xff" + b"x" * 99, "offset 00000001: it is cut off"),
        ("msgpack", b"\x91" * 500 + b"\x01", "offset 000000c8: it nests deeper than 200 levels"),
        ("CBOR", b"\x81" * 500 + b"\x01", "offset 000000c8: it nests deeper than 200 levels"),
        ("CBOR", b"\x81" + b"\xc1" * 500 + b"\x01", "offset 000000c9: it nests deeper than 200 levels"),
        ("CBOR", b"\x82\xff\x01", "offset 00000001: an end without a beginning"),
        ("CBOR", b"\x82\x01", "offset 00000002: it is cut off"),
        ("CBOR", b"\x9f\x01", "offset 00000002: it is cut off"),
        ("CBOR", b"\x81\x7f\x41a\xff", "offset 00000002: a chunk of something else"),
        ("CBOR", b"\x81\xbf\x01\xff", "offset 00000003: an end without a beginning"),
        ("CBOR", b"\x81\x1c", "offset 00000001: no value begins with 0x1c"),
        ("CBOR", b"\x82\xd8\x19\x00\xa1\xd8\x19\x00\x01", "offset 00000005: its keys are references"),
    ],
)
def test_a_mistake_has_its_place(name: str, raw: bytes, problem: str) -> None:
    scan = scanned(raw, FORMATS[name][0])
    assert scan.problem is not None
    assert scan.problem.startswith(problem)


def test_lengths_that_are_not_said_and_texts_in_chunks() -> None:
    chunks = b"".join(b"\x78\x28" + b"%040d" % number for number in range(9))
    raw = b"\xbf" + b"\x61a\x7f\x62xy\x61z\xff" + b"\x61b\x7f" + chunks + b"\xff" + b"\x61c\x9f\x9f\xff\xbf\xff\xff\xff"
    decoded = CborDecoder().decode(raw, Context())
    assert decoded is not None
    scan = scanned(raw, Cbor())
    assert scan.problem is None
    same_nodes(BinaryNodes(scan).root(), TreeNode(decoded.tree))
    document = LargeBinary("CBOR", scan)
    assert bare(lines_of(document)) == bare(lines_of(TextDocument("CBOR", written(decoded.tree), strings=True)))
    for needle in ("xyz", "0008"):
        assert len(document.matches(needle) or ()) == len(TextMatches.of(lines_of(document), needle, _never) or ())
        assert len(OutlineMatches.of(BinaryNodes(scan).root(), needle, _never) or ()) > 0


def _never() -> bool:
    return False


def test_a_key_that_stands_twice_and_a_time_that_is_none_are_shown() -> None:
    raw = b"\x82" + b"\xa2\x61a\x01\x61a\x02" + b"\xc0\x63foo"
    scan = scanned(raw, Cbor())
    assert bare(lines_of(LargeBinary("CBOR", scan))) == '[{"a":1,"a":2},{"tag":0,"value":"foo"}]'


def test_what_is_large_stands_without_its_tag_and_that_is_said() -> None:
    raw = cbor2.dumps({"all": cbor2.CBORTag(5000, list(range(1000))), "bytes": cbor2.CBORTag(5001, b"z" * 400)})
    scan = scanned(raw, Cbor())
    assert scan.remarks == ["tag 5000 of a large value is left out", "tag 5001 of a large value is left out"]
    root = BinaryNodes(scan).root()
    assert [(child.kind, len(child)) for child in root.children(0, 2)] == [(Kind.ARRAY, 1000), (Kind.BYTES, 0)]
    assert root.value() == {"all": list(range(1000)), "bytes": b"z" * 400}
    scan = scanned(msgpack.packb([msgpack.ExtType(7, b"z" * 400)]), MessagePack())
    assert scan.remarks == ["the number of a large extension is left out"]
    assert BinaryNodes(scan).root().value() == [b"z" * 400]


def joined_lines(document: LargeBinary) -> list[str]:
    """The lines of a document, those joined that are pieces of one."""
    joined: list[str] = []
    for part in range(document._scan.parts):
        at = document._goes_on_at(part)
        for line in document._lines_in(part):
            if at is None:
                joined.append("")
            joined[-1] += line[at or 0 :]
            at = None
    return joined


NEEDLES = ["x", "a", "line", "1", '": ', "ä", "Ä", "😀", "nul", ", ", "0", "X" * 20, "ss", "K", "h'0a", "tag", "T00:"]


@SLOW
@given(case=CASES, needle=st.sampled_from(NEEDLES))
@example(case=("msgpack", ["Straße", "5 K"]), needle="ss")
@example(case=("CBOR", ["5 \u212a"]), needle="k")
@example(case=("msgpack", [[b"\n"]]), needle="h'0a")
def test_a_search_finds_what_the_lines_and_the_tree_hold(case: tuple[str, Any], needle: str) -> None:
    name, value = case
    format_, decoder, pack = FORMATS[name]
    raw = pack(value)
    decoded = decoder.decode(raw, Context())
    assert decoded is not None
    scan = BinaryScan(raw, format_, begin=0, depth=200)
    document = LargeBinary(name, scan)
    found = document.matches(needle)
    joined = joined_lines(document)
    whole = TextMatches.of(joined, needle, _never)
    assert found is not None
    assert whole is not None
    assert len(found) == len(whole)
    if joined == lines_of(document):
        assert [found.place(number) for number in range(len(found))] == [whole.place(n) for n in range(len(whole))]
    trees = [OutlineMatches.of(root, needle, _never) for root in (BinaryNodes(scan).root(), TreeNode(decoded.tree))]
    places = [[one.place(number) for number in range(len(one))] for one in trees if one is not None]
    assert places[0] == places[1]


def test_a_search_decodes_only_what_may_hold_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": number, "email": f"customer{number}@example.com"} for number in range(200)]
    root = BinaryNodes(scanned(msgpack.packb(rows), MessagePack())).root()
    decoded = []
    original = BinaryNodes.value
    monkeypatch.setattr(BinaryNodes, "value", lambda self, *part: decoded.append(part) or original(self, *part))
    assert len(OutlineMatches.of(root, "qq", _never) or ()) == 0
    assert not decoded
    assert len(OutlineMatches.of(root, "R77@", _never) or ()) == 1
    assert len(decoded) <= 2


@pytest.mark.parametrize("name", FORMATS)
def test_names_and_words_make_it_likely_and_numbers_alone_do_not(name: str) -> None:
    pack = FORMATS[name][2]
    words = binary_readings(pack([{"name": f"customer {number}"} for number in range(200)]), Context())
    assert [(one.path, one.fit) for one in words] == [((name,), Fit.LIKELY), (("binary",), Fit.BYTES)]
    numbers = binary_readings(pack(list(range(2000))), Context())
    assert (numbers[0].path, numbers[0].fit) == ((name,), Fit.DOUBTFUL)


def test_cbor_with_its_own_mark_is_certain() -> None:
    (reading, _) = binary_readings(b"\xd9\xd9\xf7" + cbor2.dumps(list(range(2000))), Context())
    assert (reading.path, reading.fit, reading.why) == (("CBOR",), Fit.CERTAIN, "its own mark")
    assert reading.text() == written(list(range(2000)))
