"""Payloads that are edited: as a text and back, by a path, byte for byte where nobody touched anything."""

import base64
import gzip
import json
import math
import struct
import zlib
from collections.abc import Callable

import brotli
import cbor2
import cramjam
import lz4.frame
import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads.editing.assignments import Assignment, Assignments
from archive_tui.payloads.editing.editable import LARGEST, editable
from archive_tui.payloads.editing.refusal import EditError, SyntaxFault
from archive_tui.payloads.readings import PayloadReader

READER = PayloadReader()
GO = b'{"region":"us","html":"\\u003cb\\u003e","price":1.10,"id":9007199254740993,"k":1,"k":2,"far":1e400}\n'
"""As Go's `json.Encoder` writes it: HTML escaped, a line end; with digits that no double holds, and a key twice."""

Edit = Callable[[bytes], bytes]


def edited(raw: bytes, edit: Edit) -> bytes:
    opened = editable(READER, raw)
    assert opened.back(opened.text) == raw, "what is saved as it was opened is what it was"
    return opened.back(edit(opened.text))


def replacing(old: str, new: str) -> Edit:
    def replace(text: bytes) -> bytes:
        assert old.encode() in text
        return text.replace(old.encode(), new.encode())

    return replace


def put(raw: bytes, *assignments: str) -> bytes:
    return Assignments.parse(assignments).payload(READER, raw, "")


# JSON


@pytest.mark.parametrize(
    "raw",
    [
        GO,
        json.dumps({"a": [1, {"region": "us"}], "é": "ß"}).encode(),
        json.dumps({"a": [1, {"region": "us"}], "b": []}, indent=2).encode(),
        json.dumps({"a": [1, {"region": "us"}], "b": {}}, indent="\t").encode(),
        b'{ "region" :"us",  "odd": [ 1,2 ]}',
        b'\xef\xbb\xbf{"region":"us"}',
        b'{"region":"us","broken":"\xff\xfe"}',
        b'{"region":"us","nan":NaN}',
    ],
)
def test_json_keeps_every_byte_that_nobody_touched(raw: bytes) -> None:
    assert edited(raw, replacing('"us"', '"eu"')) == raw.replace(b'"us"', b'"eu"')
    path = "payload.a[1].region" if b'"a"' in raw else "payload.region"
    assert put(raw, f'{path}="eu"') == raw.replace(b'"us"', b'"eu"')


def test_json_is_laid_out_for_the_editor_and_its_escapes_are_read() -> None:
    text = editable(READER, GO).text.decode()
    assert text.startswith('{\n  "region": "us",\n  "html": "<b>",\n  "price": 1.10,\n')


def test_a_string_that_was_edited_is_written_as_it_was_typed() -> None:
    assert b'"html":"<i>"' in edited(GO, replacing("<b>", "<i>"))


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        (b'{\n  "a": 1,\n  "b": \n}\n', "line 4, column 1"),
        (b'{"a": 1', "line 1, column 8"),
        (b"", "line 1, column 1"),
        (b"{} {}", "line 1, column 4"),
    ],
)
def test_a_mistake_in_json_has_its_place(typed: bytes, where: str) -> None:
    with pytest.raises(SyntaxFault, match=where):
        editable(READER, b'{"a":1,"b":2}').back(typed)


# Other formats

VALUES = {
    "region": "us", "n": 300, "big": 2**40, "neg": -5, "f": 1.5, "raw": b"\x01\x02", "list": [1, "us", None, True],
    "deep": {"a": {"b": [{}]}},
}  # fmt: skip


@pytest.mark.parametrize(("pack", "unpack"), [(msgpack.packb, msgpack.unpackb), (cbor2.dumps, cbor2.loads)])
def test_a_binary_format_is_edited_as_its_tree(
    pack: Callable[[object], bytes], unpack: Callable[[bytes], object]
) -> None:
    raw = pack(VALUES)
    assert unpack(edited(raw, replacing('"us"', '"eu"'))) == VALUES | {"region": "eu", "list": [1, "eu", None, True]}
    assert unpack(edited(raw, replacing("h'0102'", "h'c0ffee'"))) == VALUES | {"raw": b"\xc0\xff\xee"}
    assert unpack(edited(raw, replacing("300", "70000"))) == VALUES | {"n": 70000}
    assert unpack(edited(raw, replacing("  1,\n", "  1, 2, 3,\n"))) == VALUES | {"list": [1, 2, 3, "us", None, True]}
    assert unpack(put(raw, 'payload.new={"x":[1.5]}', "payload.list[-1]=false", "payload.f=2")) == VALUES | {
        "new": {"x": [1.5]}, "list": [1, "us", None, False], "f": 2.0,
    }  # fmt: skip


def test_numbers_keep_the_width_that_their_producer_gave_them() -> None:
    """Go's vmihailenco/msgpack writes an int64 in nine bytes, however small it is; a float32 stays one."""
    raw = b"\x83\xa4name\xa2us\xa1n\xd3" + struct.pack(">q", 5) + b"\xa1f\xca" + struct.pack(">f", 0.1)
    assert put(raw, "payload.n=7") == raw.replace(struct.pack(">q", 5), struct.pack(">q", 7))
    assert put(raw, "payload.f=0.2") == raw.replace(struct.pack(">f", 0.1), struct.pack(">f", 0.2))
    assert put(raw, "payload.f=3") == raw.replace(struct.pack(">f", 0.1), struct.pack(">f", 3))
    wide = b"\xa2\x64name\x62us\x61n\x1b" + struct.pack(">Q", 5)
    assert put(wide, "payload.n=7") == wide.replace(struct.pack(">Q", 5), struct.pack(">Q", 7))


def test_what_has_no_length_keeps_none() -> None:
    raw = b"\xbf\x64name\x7f\x61u\x61s\xff\x64list\x9f\x01\x02\xff\xff"
    assert put(raw, "payload.list[0]=9") == raw.replace(b"\x9f\x01", b"\x9f\x09")
    assert put(raw, "payload.more=1") == raw[:-1] + b"\x64more\x01\xff"


def test_extensions_and_tags_are_kept_and_not_written() -> None:
    stamped = msgpack.packb({"region": "us", "at": msgpack.Timestamp(1_795_000_000, 5)})
    assert put(stamped, 'payload.region="eu"') == stamped.replace(b"us", b"eu")
    with pytest.raises(EditError, match="a timestamp of MessagePack cannot be written"):
        put(stamped, "payload.at=5")
    tagged = cbor2.dumps({"region": "us", "at": cbor2.CBORTag(1, 1_795_000_000)})
    assert put(tagged, 'payload.region="eu"') == tagged.replace(b"us", b"eu")
    with pytest.raises(EditError, match="tag 1 of CBOR cannot be written"):
        put(tagged, "payload.at=5")


def test_keys_that_are_no_text_are_edited_as_bytes_and_by_their_path() -> None:
    raw = msgpack.packb({1: "one word", 2: "another"})
    assert editable(READER, raw).form == "hexadecimal"
    assert msgpack.unpackb(put(raw, 'payload.1="eu"'), strict_map_key=False) == {1: "eu", 2: "another"}


def test_a_form_keeps_the_escapes_that_it_had() -> None:
    raw = b"name=J%c3%bcrgen+K%20&region=us&a=&tag=1"
    assert edited(raw, replacing('"us"', '"e & u"')) == raw.replace(b"us", b"e+%26+u")
    assert put(raw, "payload.tag=2", 'payload.new="ü"') == raw.replace(b"tag=1", b"tag=2&new=%C3%BC")
    with pytest.raises(EditError, match="a form holds only texts"):
        put(raw, "payload.tag=[1]")


def test_lines_of_json_are_set_one_by_one() -> None:
    raw = b'{"a":1,"r":"us"}\n{"a":2,"r":"us"}\n'
    assert put(raw, 'payload[*].r="eu"') == raw.replace(b"us", b"eu")
    assert put(raw, "payload[-1].a=5") == raw.replace(b"2", b"5")
    with pytest.raises(SyntaxFault, match="line 2, column"):
        edited(raw, replacing('2,"r"', '2 "r"'))


@pytest.mark.parametrize("raw", [b"two lines\nof text", b"with its end\n", "grüße".encode()])
def test_text_is_edited_as_it_is_and_an_editor_may_add_a_line_end(raw: bytes) -> None:
    opened = editable(READER, raw)
    assert opened.text == raw
    if not raw.endswith(b"\n"):
        assert opened.back(raw + b"\n") == raw
    assert opened.back(b"new\n") == (b"new\n" if raw.endswith(b"\n") else b"new")


def test_xml_is_checked() -> None:
    raw = b"<order><id>1</id></order>"
    assert edited(raw, replacing("1", "2")) == b"<order><id>2</id></order>"
    with pytest.raises(SyntaxFault, match="line 1, column"):
        edited(raw, replacing("</id>", ""))


@pytest.mark.parametrize("raw", [bytes(range(256)), b"\x00", b"\x0f\xff\x82" * 9])
def test_bytes_are_edited_in_hexadecimal(raw: bytes) -> None:
    opened = editable(READER, raw)
    assert opened.form == "hexadecimal"
    assert opened.back(opened.text) == raw
    assert opened.back(b"# mine\nde ad\nBEEF  |anything: zz|\n") == b"\xde\xad\xbe\xef"
    for wrong, why in ((b"de a", "line 1: half a byte"), (b"de\nxx", "line 2, column 1")):
        with pytest.raises(SyntaxFault, match=why):
            opened.back(wrong)


# Wrappers

WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "zlib": zlib.compress, "zstd": zstandard.compress, "lz4": lz4.frame.compress,
    "snappy": lambda raw: bytes(cramjam.snappy.compress(raw)), "brotli": brotli.compress,
    "base64": base64.b64encode, "base64 in lines": base64.encodebytes,
    "base64 without padding": lambda raw: base64.b64encode(raw).rstrip(b"="),
    "base64url": lambda raw: base64.urlsafe_b64encode(b"\xff" * 0 + raw),
    "JSON string": lambda raw: json.dumps(raw.decode()).encode(), "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "base64 of gzip": lambda raw: base64.b64encode(gzip.compress(raw)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers_are_taken_off_and_put_on_again(name: str) -> None:
    wrap = WRAPPED[name]
    raw, goal = wrap(GO), GO.replace(b'"us"', b'"eu"')
    new = edited(raw, replacing('"us"', '"eu"'))
    assert (READER.best(new).content, READER.best(new).path) == (goal, READER.best(raw).path)
    assert put(raw, 'payload.region="eu"') == new
    if ("64" in name and "gzip" not in name) or "16" in name or "string" in name:
        assert new == wrap(goal), "what has but one form keeps it"


def test_a_compression_says_that_its_bytes_are_others() -> None:
    opened = editable(READER, base64.b64encode(gzip.compress(GO)))
    assert opened.form == "base64 › gzip › JSON"
    assert opened.notes == ("gzip is written anew: the same content in other bytes",)


def test_what_is_cut_off_is_edited_as_bytes_and_by_no_path() -> None:
    raw = gzip.compress(json.dumps({"a": list(range(3000))}).encode())[:-9]
    assert editable(READER, raw).form == "hexadecimal"
    assert "cut off" in editable(READER, raw).notes[0]
    with pytest.raises(EditError):
        put(raw, "payload.a=1")


def test_a_jwt_says_that_its_signature_breaks() -> None:
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "HS256"}, {"a": 1})]
    assert "signature" in editable(READER, b".".join([*parts, b"c2ln"])).notes[0]


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(EditError, match="16 MiB"):
        editable(READER, b"x" * (LARGEST + 1))


# Paths


@pytest.mark.parametrize(
    ("raw", "assignment", "new"),
    [
        (b'{"a":1}', "payload.b=2", b'{"a":1,"b":2}'),
        (b'{"a": 1, "c": 3}', "payload.b=2", b'{"a": 1, "c": 3, "b": 2}'),
        (b'{\n  "a": 1\n}', "payload.b=2", b'{\n  "a": 1,\n  "b": 2\n}'),
        (b"{}", 'payload."a b"={"x": [1]}', b'{"a b":{"x": [1]}}'),
        (b'{"a":{"b":[1,{"c":2}]}}', "payload.a.b[-1].c=null", b'{"a":{"b":[1,{"c":null}]}}'),
        (b'{"a":[1,2,3]}', "payload.a[*]=0", b'{"a":[0,0,0]}'),
        (b'{"a":{"x":1,"y":2}}', "payload.a[*]=0", b'{"a":{"x":0,"y":0}}'),
        (b'{"k":1,"k":2}', "payload.k=3", b'{"k":3,"k":3}'),
        (b'{"\\u0061":1}', "payload.a=2", b'{"\\u0061":2}'),
        (b'{"a":1}', "payload=[]", b"[]"),
        (b'{"a":"\\u0065u"}', 'payload.a="eu"', b'{"a":"\\u0065u"}'),
        (b'{"a":"5"}', "payload.a=5", b'{"a":5}'),
        (b'{"a":1.0}', "payload.a=1", b'{"a":1}'),
        (b'{"a":{"b":1,"b2":2}}', 'payload.a={"b":1,"b2":2}', b'{"a":{"b":1,"b2":2}}'),
        (b'[{"a":%s}]' % (b"9" * 5000), "payload[0].a=1", b'[{"a":1}]'),
    ],
)
def test_a_value_is_set_at_a_path(raw: bytes, assignment: str, new: bytes) -> None:
    assert put(raw, assignment) == new


@pytest.mark.parametrize(
    ("raw", "assignment", "why"),
    [
        (b'{"a":1}', "payload.a.b=2", r"nothing stands at payload\.a\.b"),
        (b'{"a":[1]}', "payload.a[3]=2", r"nothing stands at payload\.a\[3\]"),
        (b'{"a":[]}', "payload.a[*].b=2", r"nothing stands at payload\.a\[\*\]\.b"),
        (b"some text", "payload.a=2", "its payload is text, which has no paths"),
        (b"\x00\x01", "payload.a=2", "its payload is binary"),
        (b"", "payload.a=2", "its payload is empty"),
    ],
)
def test_where_nothing_can_stand_the_path_is_named(raw: bytes, assignment: str, why: str) -> None:
    with pytest.raises(EditError, match=why):
        put(raw, assignment)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("payload.region=eu", 'eu is no value of JSON: a text stands in double quotes, as in payload.region="eu"'),
        ("region=1", "write payload, a path and a value"),
        ("payload.region", "there is no value"),
        ("payload.region=", "nothing is no value of JSON"),
        ("payload..a=1", "a key stands after the dot"),
        ("payload.a*=1", "“*” in the path"),
        ("payload.a=NaN", "NaN is no value of JSON"),
        ("payload.a={'b':1}", "is no value of JSON"),
        ("header.a=1", "write payload"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, why: str) -> None:
    with pytest.raises(EditError) as caught:
        Assignment.parse(text)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=9) | st.floats(allow_nan=False)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner))
OBJECTS = st.dictionaries(st.sampled_from(["alpha", "beta", "gamma", "delta"]), TREES, min_size=1)


@given(
    OBJECTS,
    SCALARS.filter(lambda value: value not in (math.inf, -math.inf)),
    st.sampled_from([msgpack.packb, cbor2.dumps, lambda tree: json.dumps(tree).encode()]),
)
def test_setting_a_value_changes_nothing_else(
    tree: dict[str, object], value: object, pack: Callable[[object], bytes]
) -> None:
    """Compared with the libraries that wrote the payload."""
    raw = pack(tree)
    if READER.best(raw).format_key not in ("json", "msgpack", "cbor"):
        return  # chance makes it look like something else
    key = next(iter(tree))
    new = put(raw, f"payload.{key}={json.dumps(value)}")
    unpack = {"json": json.loads, "msgpack": msgpack.unpackb, "cbor": cbor2.loads}[READER.best(raw).format_key]
    assert unpack(new) == tree | {key: value}
    opened = editable(READER, raw)
    assert opened.back(opened.text) == raw


@given(st.binary(max_size=60), st.sampled_from(sorted(WRAPPED)))
def test_bytes_of_any_sort_open_and_come_back(raw: bytes, name: str) -> None:
    if name not in ("JSON string", "UTF-16"):
        raw = WRAPPED[name](raw)
    opened = editable(READER, raw)
    assert opened.back(opened.text) == raw
