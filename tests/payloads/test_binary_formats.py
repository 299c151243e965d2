"""Binary formats: exact, whole, and bounded."""

import random
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import cbor2
import msgpack
import pytest

from archive_tui.payloads.readings import NO_TREE, PayloadReader
from archive_tui.payloads.tree import Pairs

READER = PayloadReader()
CBOR_BOMB = "CBOR: it nests deeper than 200 levels, or repeats its values over and over"
DATA = {"customer": "grüße", "ids": [1, 2**63, -5], "rate": 0.1, "raw": b"\x00\xff", "none": None, "yes": True}
TREE = {**DATA, "rate": Decimal("0.1")}


@pytest.mark.parametrize(("name", "raw"), [("msgpack", msgpack.packb(DATA)), ("CBOR", cbor2.dumps(DATA))])
def test_values_come_out_exactly(name: str, raw: bytes) -> None:
    best = READER.best(raw)
    assert best.path == (name,)
    assert best.tree == TREE
    assert best.why == "every byte is accounted for"
    assert best.text() == (
        '{\n  "customer": "grüße",\n  "ids": [\n    1,\n    9223372036854775808,\n    -5\n  ],\n  "rate": 0.1,\n'
        '  "raw": h\'00ff\',\n  "none": null,\n  "yes": true\n}'
    )
    assert READER.best(raw + b"\x00").format == "binary"
    for length in range(1, len(raw)):
        assert READER.tree(raw[:length]) is NO_TREE


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (b"\x82\xa2id\x01\xa2id\x02", Pairs([("id", 1), ("id", 2)])),
        (b"\x81\x91\x01\xa3abc", Pairs([([1], "abc")])),
        (b"\x82\x01\xa3one\x02\xa3two", {1: "one", 2: "two"}),
        (msgpack.packb({"at": msgpack.Timestamp(1514862245, 5)}), {"at": "2018-01-02T03:04:05.000000005Z"}),
        (msgpack.packb({"at": msgpack.Timestamp(1514862245)}), {"at": "2018-01-02T03:04:05Z"}),
        (msgpack.packb({"e": msgpack.ExtType(5, b"x")}), {"e": {"extension": 5, "data": b"x"}}),
        (b"\x81\xa4name\xa2a\xff", {"name": "a\udcff"}),
    ],
)
def test_messagepack_has_more_than_json(raw: bytes, tree: Any) -> None:
    best = READER.best(raw)
    assert best.format_key == "msgpack"
    assert best.tree == tree
    assert best.text()


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (cbor2.dumps({"at": datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)}), {"at": "2026-11-29T01:02:03Z"}),
        (cbor2.dumps({"price": Decimal("1.10")}), {"price": Decimal("1.10")}),
        (cbor2.dumps({"id": UUID(int=1)}), {"id": str(UUID(int=1))}),
        (cbor2.dumps({"t": cbor2.CBORTag(6000, [0.5])}), {"t": {"tag": 6000, "value": [Decimal("0.5")]}}),
        (cbor2.dumps({"big": 2**100}), {"big": 2**100}),
        (cbor2.dumps({"big": 10**5000}), {"big": Decimal(10**5000)}),
        (cbor2.dumps({"s": cbor2.CBORTag(258, ["a"])}), {"s": ["a"]}),
        (b"\xd9\xd9\xf7\x01", 1),
        (b"\xd9\xd9\xf7\xa1\x61a\xf7", {"a": "undefined"}),
        (b"\xbf\x61a\x9f\x01\xff\xff", {"a": [1]}),
    ],
)
def test_cbor_has_more_than_json(raw: bytes, tree: Any) -> None:
    best = READER.best(raw)
    assert best.path == ("CBOR",)
    assert best.tree == tree
    assert best.text()


def test_a_key_that_stands_twice_in_cbor_is_remarked_on() -> None:
    best = READER.best(b"\xa2\x62id\x01\x62id\x02")
    assert best.tree == {"id": 2}
    assert best.remarks == ("a key stands twice in it, and the last value of it is shown",)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\x91" * 300 + b"\xa5words", "msgpack: it nests deeper than 200 levels"),
        (b"\x81" * 300 + b"\x65words", CBOR_BOMB),
        (bytes.fromhex("d81c82d81d00d81d00"), None),  # not told by its first byte
        (bytes.fromhex("82d81c81d81d00657468697321"), CBOR_BOMB),
        (
            b"\x98\x29\xd8\x1c\x81\x65words"
            + b"".join(
                b"\xd8\x1c\x82" + b"\xd8\x1d" + cbor2.dumps(n) + b"\xd8\x1d" + cbor2.dumps(n) for n in range(40)
            ),
            CBOR_BOMB,
        ),
    ],
)
def test_bombs_of_depth_and_of_sharing_become_one_sentence(raw: bytes, problem: str | None) -> None:
    assert READER.best(raw).problem == problem


@pytest.mark.parametrize(
    "raw",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\x5b\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x81" * 100_000,
    ],
)
def test_what_claims_more_than_is_there_is_not_believed(raw: bytes) -> None:
    assert READER.best(raw).format == "binary"


def test_many_keys_that_are_numbers_make_no_dict() -> None:
    keys = range(100_000)
    tree = READER.tree(msgpack.packb(dict.fromkeys(keys, "word")))
    assert isinstance(tree, Pairs)
    assert len(tree) == len(keys)


def test_random_bytes_are_seldom_taken_for_something() -> None:
    source = random.Random(13)
    payloads = [source.randbytes(source.randrange(8, 200)) for _ in range(2_000)]
    taken = [READER.best(raw).name for raw in payloads if READER.best(raw).format != "binary"]
    assert len(taken) < len(payloads) * 0.01, taken


@pytest.mark.parametrize(("module", "raw"), [("msgpack", msgpack.packb(DATA)), ("cbor2", cbor2.dumps(DATA))])
def test_a_library_that_is_missing_is_named(module: str, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    best = READER.best(raw)
    assert best.format == "binary"
    assert {"msgpack": "msgpack", "cbor2": "CBOR"}[module] in best.remarks[0]
