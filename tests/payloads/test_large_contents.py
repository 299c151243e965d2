"""The first page of a payload of many MiB costs what is on it, whatever the size of the rest."""

import gzip
import json
import random
import time
from collections.abc import Callable
from typing import Any

import cbor2
import msgpack
import pytest

from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.large import json_document, text_document
from archive_tui.payloads.readings import PayloadReader, Reading
from archive_tui.payloads.redaction import SHOWN
from archive_tui.payloads.rendering import TreeDocument, document, views

MEBIBYTE = 1024 * 1024
PAGE = 60
MOST = 64 * 1024
"""Bytes that may be decoded for a page."""

ROWS = json.dumps(
    [{"id": number, "email": f"customer{number}@example.com", "tags": [1, "ä"]} for number in range(1000)]
)
JSON = b"[" + b",".join([ROWS.encode()] * (8 * MEBIBYTE // len(ROWS))) + b"]"
LINES = b"\n".join([ROWS.encode()] * (8 * MEBIBYTE // len(ROWS)))
FORMATS = {
    "JSON": JSON,
    "NDJSON": LINES,
    "text": b"a line of a log that is not very long at all\n" * (8 * MEBIBYTE // 45),
    "gzip › JSON": gzip.compress(JSON, 1),
    "binary": bytes(range(256)) * (8 * MEBIBYTE // 256),
}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all that is decoded."""
    lengths: list[int] = []
    decode_json, decode_text = JsonDecoder.decode, text_document.decode

    def json_too(self: JsonDecoder, raw: bytes, context: Any) -> Any:
        found = decode_json(self, raw, context)
        lengths.append(len(raw) if found is not None else 0)
        return found

    def text_too(raw: bytes) -> str:
        lengths.append(len(raw))
        return decode_text(raw)

    monkeypatch.setattr(JsonDecoder, "decode", json_too)
    for module in (json_document, text_document):
        monkeypatch.setattr(module, "decode", text_too)
    return lengths


def best(raw: bytes) -> Reading:
    return SHOWN.readings(PayloadReader().readings_to_show(raw))[0]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_page_decodes_no_more_than_is_on_it(kind: str, decoded: list[int]) -> None:
    reading = best(FORMATS[kind])
    assert reading.name == kind
    assert reading.large is not None
    lines = document(reading)
    assert all(lines.line(index) for index in range(PAGE))
    if reading.large.has_tree:
        large: Any = reading.large
        root = large.root()
        assert [len(child) for child in root.children(0, 2)] == [1000, 1000]
        rows = root.children(1, 2)[0].children(500, 500 + PAGE)
        assert rows[0].value() == {"id": 500, "email": "customer500@example.com", "tags": [1, "ä"]}
    assert sum(decoded) < MOST


def test_what_is_known_of_it_grows_to_a_verdict() -> None:
    large = best(JSON[:-1] + b"}").large
    assert large is not None
    assert large.words()[0].startswith("still checking, ")
    while large.advance(1):
        pass
    assert large.words() == (
        f"not JSON: line 1, column {len(JSON) - JSON.count('ä'.encode()):,}: expecting ',' delimiter",
    )
    large = best(JSON).large
    assert large is not None
    while large.advance(1):
        pass
    assert large.words() == ()


def test_a_small_payload_is_decoded_whole() -> None:
    assert best(b"[1, 2]").large is None
    assert best(b"[1, 2]").tree == [1, 2]


@pytest.mark.parametrize("pack", [msgpack.packb, cbor2.dumps])
def test_what_has_heads_is_read_piece_by_piece(pack: Callable[[Any], bytes]) -> None:
    raw = pack({"rows": [f"customer{number}@example.com" for number in range(330_000)]})
    readings = SHOWN.readings(PayloadReader().readings_to_show(raw))
    assert [reading.path for reading in readings] == [(PayloadReader().best(raw).format,), ("binary",)]
    assert [view.name for view in views(readings)] == ["tree", "pretty", "raw", "hex"]
    tree = views(readings)[0].shown()
    assert isinstance(tree, TreeDocument)
    large = readings[0].large
    assert large is not None
    assert large.words()[0].startswith("still checking, ")
    assert large.words()[0] < "still checking, 9"
    began = time.thread_time()
    rows = tree.root.children(0, 1)[0].children(0, PAGE)
    lines = document(readings[0])
    assert [lines.line(index) for index in range(4)] == [
        "{", '  "rows": [', '    "customer0@example.com",', '    "customer1@example.com",',
    ]  # fmt: skip
    assert [row.text() for row in rows] == [f"customer{number}@example.com" for number in range(PAGE)]
    assert time.thread_time() - began < 0.5
    while large.advance(1):
        pass
    assert large.words() == ()
    assert lines.line(len(lines) - 3) == '    "customer329999@example.com"'


def test_what_has_heads_and_is_cut_off_is_shown_up_to_there() -> None:
    raw = msgpack.packb([{"name": f"customer {number}"} for number in range(100_000)])[:-3]
    reading = best(raw)
    assert reading.path == ("msgpack",)
    assert reading.large is not None
    while reading.large.advance(1):
        pass
    assert reading.large.words() == (f"not msgpack: offset {len(raw) - 12:08x}: it is cut off",)
    lines = document(reading)
    assert lines.line(len(lines) - 1).startswith("… not laid out from here: offset ")


def test_many_mib_by_chance_are_no_tree() -> None:
    noise = random.Random(7).randbytes(2 * MEBIBYTE)
    for first in (b"\x9f", b"\xdd", b"\xbf", b"\x82", b"\xdf\x00\x00\x10\x00"):
        readings = SHOWN.readings(PayloadReader().readings_to_show(first + noise))
        assert readings[0].path == ("binary",)
        assert [view.name for view in views(readings)] == ["hex", "raw"]


def test_xml_of_many_mib_says_that_it_is_shown_as_text() -> None:
    reading = best(b"<r>%b</r>" % (b"<row>1</row>" * 100_000))
    assert reading.path == ("text",)
    assert reading.why == "XML of more than 1.0 MB is shown as text"
