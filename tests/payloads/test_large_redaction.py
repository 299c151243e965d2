"""What is masked in a small payload is masked in one of many MiB, in every view of it and for every search."""

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import cbor2
import msgpack
import pytest

from archive_tui.payloads import readings as door
from archive_tui.payloads.large.documents import HiddenParts
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.nodes import walk
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import SHOWN, RedactedReading, Redaction
from archive_tui.payloads.rendering import document

SECRET = "hunter2hunter2"
MANY = 10_000
"""Keys of which a walk remembers no more."""

ROWS = [{"id": number, "url": f"https://shop.example/{number}"} for number in range(400)]


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LEAST_LARGE", 1_000)


def shown(raw: bytes, redaction: Redaction | None = None) -> list[RedactedReading]:
    readings = (redaction or Redaction()).readings(PayloadReader().readings_to_show(raw))
    for reading in readings:
        while reading.large is not None and reading.large.advance(1):
            pass
    return readings


def texts(reading: RedactedReading) -> Iterator[str]:
    yield reading.why
    yield reading.text()
    yield repr(reading.content)
    lines = document(reading)
    yield from (lines.line(index) for index in range(len(lines)))
    yield lines.plain().decode("utf-8", "replace")
    large: Any = reading.large
    if large is not None and large.has_tree:
        yield from (node.text() for _, node in walk(large.root()))
        yield repr(large.root().value())


PAYLOADS = {
    "a key": json.dumps([*ROWS, {"password": SECRET}, *ROWS]).encode(),
    "a container": json.dumps([*ROWS, {"secret": {"a": [ROWS, SECRET]}}, *ROWS]).encode(),
    "a long value": json.dumps([*ROWS, {"token": SECRET * 3000}, *ROWS]).encode(),
    "lines": "\n".join(map(json.dumps, [*ROWS, {"api_key": SECRET}, *ROWS])).encode(),
    "an escaped key": json.dumps([*ROWS, {"p": SECRET}, *ROWS]).replace('"p"', '"\\u0070assword"').encode(),
    "a text": ("a line\n" * 300 + f"password={SECRET}\n" + "a line\n" * 300).encode(),
    "a header in a string": json.dumps([*ROWS, {"h": f"Authorization: Bearer {SECRET}"}, *ROWS]).encode(),
    "base64 in a string": json.dumps(
        [*ROWS, {"b": base64.b64encode(gzip.compress(json.dumps({"password": SECRET}).encode())).decode()}]
    ).encode(),
    "gzip": gzip.compress(json.dumps([*ROWS, {"password": SECRET}, *ROWS]).encode()),
    "a form": f"{'id=1&mail=a%40b&' * 2_000}%70assword={SECRET}{'&id=1&mail=a%40b' * 2_000}".encode(),
    "a key of a form in words": f"{'id=1&mail=a%40b&' * 2_000}ap%69+key={SECRET}{'&id=1' * 2_000}".encode(),
    "msgpack": msgpack.packb([*ROWS, {"password": SECRET}, *ROWS]),
    "CBOR": cbor2.dumps([*ROWS, {"secret": {"a": [ROWS, SECRET]}}, *ROWS]),
    "a long value of msgpack": msgpack.packb([*ROWS, {"token": SECRET * 3000}, *ROWS]),
    "a key of bytes": msgpack.packb([*ROWS, {b"api_key": SECRET}, *ROWS]),
    "a map in a map": cbor2.dumps({"rows": ROWS, "one": {"deep": {"password": {"is": SECRET}}}, "more": ROWS}),
    "below a tag": cbor2.dumps([*ROWS, cbor2.CBORTag(4000, {"password": SECRET}), *ROWS]),
    "a header in msgpack": msgpack.packb([*ROWS, {"h": f"Authorization: Bearer {SECRET}"}, *ROWS]),
    "bytes in CBOR": cbor2.dumps([*ROWS, {"h": f"password={SECRET}".encode()}, *ROWS]),
    "base64 in msgpack": msgpack.packb(
        [*ROWS, {"b": base64.b64encode(json.dumps({"password": SECRET}).encode()).decode()}]
    ),
    "bytes": b"\x00\xff\xfe" * 900 + f" password={SECRET} ".encode() + b"\x00\xff" * 900,
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_secret_of_a_large_payload_shows_nowhere(kind: str) -> None:
    for reading in shown(PAYLOADS[kind]):
        for text in texts(reading):
            assert SECRET not in text, (reading.name, text[:200])
            assert SECRET[:8].encode().hex(" ") not in text
        found = document(reading).matches(SECRET[:5])
        assert found is not None
        assert not len(found)


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_secret_shows_once_it_is_asked_for(kind: str) -> None:
    assert (
        kind.startswith("base64 in")
        or any(SECRET in text for reading in shown(PAYLOADS[kind], SHOWN) for text in texts(reading))
        or kind == "bytes"
    )


def test_all_that_is_before_a_hidden_key_is_shown() -> None:
    reading = shown(json.dumps([*ROWS, {"password": SECRET}, *ROWS]).encode())[0]
    lines = document(reading)
    assert [lines.line(index) for index in range(4)] == [
        "[",
        "  {",
        '    "id": 0,',
        '    "url": "https://shop.example/0"',
    ]
    assert lines.line(len(lines) - 1).startswith("… not shown from here: a value is masked")


KEY = "-----BEGIN PRIVATE KEY-----\n" + f"{SECRET}\n" * 9 + "-----END PRIVATE KEY-----\n"
OVER_LINES = {
    "a key in a text": ("a line\n" * 9_000 + KEY + "a line\n" * 9_000).encode(),
    "a key in a string": json.dumps([*ROWS, {"text": KEY}, *ROWS]).encode(),
    "a key in msgpack": msgpack.packb([*ROWS, {"text": KEY}, *ROWS]),
    "a key in bytes": cbor2.dumps([*ROWS, {"text": KEY.encode()}, *ROWS]),
    "an element": f"<r>\n{'<a>1</a>' * 2_000}<password>\n {SECRET}\n</password>{'<a>1</a>' * 900}</r>".encode(),
    "elements in one": f"<r>{'<a>1</a>' * 3_000}<secret><a>{SECRET}</a></secret>{'<a>1</a>' * 900}</r>".encode(),
    "an attribute": f"<r>{'<a>1</a>' * 3_000}<a token = '{SECRET}'/>{'<a>1</a>' * 900}</r>".encode(),
    "a value below its key": (b"a line\n" * 3_000 + f"password:\n  {SECRET}\n".encode() + b"a line\n" * 3_000),
}


@pytest.mark.parametrize("kind", OVER_LINES)
def test_a_secret_over_several_lines_shows_nowhere(kind: str) -> None:
    for reading in shown(OVER_LINES[kind]):
        assert not any(SECRET in text for text in texts(reading)), reading.name


@pytest.mark.parametrize("length", [16 * 1024 - 30, 16 * 1024 - 18, 16 * 1024 - 12])
def test_a_secret_shows_at_no_cut_through_a_long_line(length: int) -> None:
    form = f"a={'x' * length}&password={SECRET}&b={'y' * 40_000}"
    string = json.dumps([*ROWS, {"log": f"{'x' * length} password={SECRET} {'y' * 40_000}"}])
    for raw in (form.encode(), string.encode()):
        for reading in shown(raw):
            assert not any(SECRET[-6:] in text or SECRET[:6] in text for text in texts(reading)), reading.name


def test_escapes_alone_hide_nothing() -> None:
    """Or every line of a large form would be looked through by each pattern, which takes a second a page."""
    redaction = Redaction()
    assert not redaction.may_hide(b"id=1&mail=customer%40example.com&rate=50%")
    assert redaction.may_hide(b"id=1&%70assword=x")
    assert redaction.may_hide(b"id=1&ap%69+key=x")


def test_a_search_in_bytes_finds_what_is_shown_alone() -> None:
    raw = b"\x00\xff\xfe customer" * 900 + f" password={SECRET} customer ".encode() + b"\x00\xff\xfe customer" * 900
    (reading,) = shown(raw)
    found = document(reading).matches("customer")
    plain = document(shown(raw, SHOWN)[0]).matches("customer")
    assert found is not None
    assert plain is not None
    assert len(plain) == 1801
    assert 1600 < len(found) < 1800
    lines = document(reading)
    for number in range(len(found)):
        line, begin, end = found.place(number)
        assert lines.line(line)[begin:end].startswith("63")


def test_a_large_map_masks_what_it_holds_one_by_one() -> None:
    reading = shown(msgpack.packb({"rows": ROWS, "password": SECRET, "user": {"id": 17, "pin": 1234}}))[0]
    large: Any = reading.large
    assert large.root().value() == {"rows": ROWS, "password": "***", "user": {"id": 17, "pin": "***"}}


def test_lines_far_from_a_secret_are_shown() -> None:
    reading = next(one for one in shown(OVER_LINES["a key in a text"]) if one.format == "text")
    lines = document(reading)
    assert lines.line(0) == "a line"
    assert lines.line(len(lines) - 2) == "a line"


class _KeysThatCome(dict[str, int]):
    """Keys of a walk that goes on in another thread right after somebody has taken those so far."""

    scan: JsonScan

    def items(self) -> Any:
        taken = list(super().items())
        self["password"] = 5
        self.scan.keys_end = 7
        return taken


def test_a_hidden_key_that_comes_while_others_are_looked_through_is_found() -> None:
    """The last one that is remembered, before there were too many."""
    scan = JsonScan(b"[]", depth=10)
    scan.keys = _KeysThatCome({f"key {number}": 0 for number in range(MANY - 1)})
    scan.keys.scan = scan
    scan.parts = 3
    hidden = HiddenParts(scan, Redaction())
    assert hidden.parts() == 3
    scan.parts = 20
    assert hidden.parts() == 5


def test_keys_are_looked_through_once_however_many_lines_are_shown() -> None:
    scan = JsonScan(json.dumps({f"key {number}": number for number in range(500)}).encode(), depth=10)
    while scan.advance(1):
        pass
    asked: list[str] = []

    class Counting(dict[str, int]):
        def items(self) -> Any:
            asked.extend(self)
            return super().items()

    scan.keys = Counting(scan.keys)
    hidden = HiddenParts(scan, Redaction())
    assert {hidden.parts() for _ in range(50)} == {scan.parts}
    assert len(asked) == 500
