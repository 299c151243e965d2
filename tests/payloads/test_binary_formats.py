"""Binary formats: exact, whole, and bounded."""

import random
import struct
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import cbor2
import msgpack
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from archive_tui.demo import wire
from archive_tui.payloads.decoders.protobuf_types import TypedProtobufDecoder
from archive_tui.payloads.readings import NO_TREE, Limits, PayloadReader
from archive_tui.payloads.registry import standard
from archive_tui.payloads.tree import Pairs

READER = PayloadReader()
BOMB = "it nests deeper than 200 levels, or has more than 1,000,000 values"
CBOR_BOMB = f"CBOR: {BOMB}"
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
        (b"\x91" * 300 + b"\xa5words", f"msgpack: {BOMB}"),
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


# Protobuf and gob

CUSTOMER = wire.field(1, 8812) + wire.field(2, "Søren")
MESSAGE = wire.field(1, "INV-7") + wire.field(2, 150) + wire.field(4, CUSTOMER) + wire.field(4, CUSTOMER)
FIXED = b"\x2d" + struct.pack("<f", 0.1) + b"\x31" + struct.pack("<d", 12.5) + b"\x39" + struct.pack("<q", -9)
GROUP = b"\x43\x08\x01\x44"


def test_protobuf_without_its_schema_shows_numbers_types_and_nested_messages() -> None:
    best = READER.best(MESSAGE + FIXED + GROUP + b"\x48" + b"\xff" * 9 + b"\x01")
    customer = {1: 8812, 2: "Søren"}
    assert best.path == ("protobuf",)
    assert best.tree == {
        1: "INV-7",
        2: 150,
        4: [customer, customer],
        5: Decimal("0.1"),
        6: Decimal("12.5"),
        7: -9,
        8: {1: 1},
        9: -1,
    }
    assert best.text().splitlines()[:6] == [
        '1: "INV-7"  # bytes',
        "2: 150  # varint",
        "4 {  # message",
        "  1: 8812  # varint",
        '  2: "Søren"  # bytes',
        "}",
    ]
    assert best.remarks == ("read without its schema",)


def test_a_message_that_looks_like_a_text_is_still_a_message() -> None:
    raw = wire.field(1, "550e8400-e29b-41d4-a716-446655440000")
    assert raw.isascii()
    assert READER.best(raw).tree == {1: "550e8400-e29b-41d4-a716-446655440000"}
    assert READER.best(wire.field(3, raw)).tree == {3: {1: "550e8400-e29b-41d4-a716-446655440000"}}
    assert READER.best(b"\n words of a text, in two lines\n").format == "text"


def test_numbers_alone_are_a_doubtful_message() -> None:
    assert READER.readings(b"\x08\x96\x01")[-1].tree == {1: 150}
    assert READER.best(b"\x08\x96\x01").format == "binary"
    assert "protobuf" not in [reading.format for reading in READER.readings(b"\x00\x01")]


def test_messages_within_messages_end() -> None:
    raw = b"\x08\x01"
    for _ in range(300):
        raw = wire.field(1, raw)
    assert "protobuf" in [reading.format for reading in READER.readings(raw)]


def test_gob_shows_names_and_words() -> None:
    best = READER.best(bytes.fromhex(GOB_ORDER))
    assert best.path == ("gob",)
    assert best.tree["names"][:5] == ["Order", "ID", "Customer", "Amount", "Tags"]
    assert "City" in best.tree["names"]
    assert best.tree["words"] == ["cus_8812", "eu", "vip", "tries", "Hauptstraße 1", "Köln"]
    assert best.remarks == ("only names and words are shown: a Go program with the same types reads the rest",)
    assert READER.best(bytes.fromhex(GOB_MAP)).tree == {"names": [], "words": ["region", "eu-west-1"]}


GOB_ORDER = (
    "4f7f030101054f7264657201ff80000106010249440104000108437573746f6d6572010c000106416d6f756e7401080001045461677301ff"
    "820001044d65746101ff84000104486f6d6501ff8600000016ff81020101085b5d737472696e6701ff8200010c00001eff830401010e6d61"
    "705b737472696e675d696e7401ff8400010c0104000029ff85030101074164647265737301ff860001020106537472656574010c00010443"
    "697479010c00000040ff8001fe44d801086375735f3838313201fe294001020265750376697001010574726965730601010e486175707473"
    "747261c39f65203101054bc3b66c6e0000"
)
"""A struct with a slice, a map and another struct, as encoding/gob of Go 1.26 writes it."""

GOB_MAP = "0eff87040102ff8800010c010c000015ff88000106726567696f6e0965752d776573742d31"
"""A map from string to string."""


# Protobuf with a descriptor set


def descriptors() -> bytes:
    """A file with a message that has a field of every sort."""
    file = FileDescriptorProto(name="acme.proto", package="acme", syntax="proto3")
    kind = FieldDescriptorProto
    status = file.enum_type.add(name="Status")
    status.value.add(name="UNKNOWN", number=0)
    status.value.add(name="PAID", number=1)
    customer = file.message_type.add(name="Customer")
    customer.field.add(name="id", number=1, type=kind.TYPE_UINT64, label=kind.LABEL_OPTIONAL)
    invoice = file.message_type.add(name="Invoice")
    entry = invoice.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
    for number, (name, type_, label, type_name) in enumerate(
        [
            ("number", kind.TYPE_STRING, kind.LABEL_OPTIONAL, ""),
            ("customer", kind.TYPE_MESSAGE, kind.LABEL_OPTIONAL, ".acme.Customer"),
            ("status", kind.TYPE_ENUM, kind.LABEL_OPTIONAL, ".acme.Status"),
            ("rate", kind.TYPE_FLOAT, kind.LABEL_OPTIONAL, ""),
            ("lines", kind.TYPE_SINT32, kind.LABEL_REPEATED, ""),
            ("labels", kind.TYPE_MESSAGE, kind.LABEL_REPEATED, ".acme.Invoice.LabelsEntry"),
            ("raw", kind.TYPE_BYTES, kind.LABEL_OPTIONAL, ""),
        ],
        start=1,
    ):
        field = invoice.field.add(name=name, number=number, type=type_, label=label)
        if type_name:
            field.type_name = type_name
    return FileDescriptorSet(file=[file]).SerializeToString()


TYPED = (
    wire.field(1, "INV-7")
    + wire.field(2, wire.field(1, 2**63))
    + wire.field(3, 1)
    + b"\x25"
    + struct.pack("<f", 0.1)
    + wire.field(5, b"\x01\x02")
    + wire.field(6, wire.field(1, "eu") + wire.field(2, "yes"))
    + wire.field(7, b"\xff")
)


def test_a_descriptor_set_gives_names_and_types() -> None:
    typed = TypedProtobufDecoder(descriptors(), {"invoice:*": "acme.Invoice"})
    reader = PayloadReader(standard().behind_json(typed))
    best = reader.best(TYPED, "invoice:send")
    assert best.tree == {
        "number": "INV-7",
        "customer": {"id": 2**63},
        "status": "PAID",
        "rate": Decimal("0.1"),
        "lines": [-1, 1],
        "labels": {"eu": "yes"},
        "raw": b"\xff",
    }
    assert best.why == "the profile says acme.Invoice for invoice:*"
    assert reader.best(TYPED + wire.field(99, 1), "invoice:send").remarks == ("fields that the descriptor lacks: 99",)
    assert reader.best(TYPED, "email:send").tree[1] == "INV-7"
    assert reader.best(b"\xff\xff", "invoice:send").format == "binary"
    assert reader.best(b'{"a": 1}', "invoice:send").format == "JSON"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"\xff", "it is no descriptor set"), (b"", "it has no message acme.Invoice")],
)
def test_a_descriptor_set_that_is_wrong_says_why(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TypedProtobufDecoder(raw, {"*": "acme.Invoice"})


def test_formats_that_are_built_value_by_value_have_a_largest_size() -> None:
    reader = PayloadReader(limits=Limits(values=1_000))
    for pack in (msgpack.packb, cbor2.dumps):
        assert reader.best(pack(["word"] * 900)).problem is None
        assert "more than 1,000 values" in (reader.best(pack(["word"] * 1_100)).problem or "")
    large = b"\x08\x01" * 600_000
    assert READER.best(large).remarks == ("not tried as protobuf without its schema: that is for 1.0 MB and less",)
    assert [reading.format for reading in READER.readings(b"x" * 2_000_000)] == ["text", "binary"]
