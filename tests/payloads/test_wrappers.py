"""Wrappers: peeled and named in the path, as deep as they go, and never further than the limits."""

import base64
import gzip
import json
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import cramjam
import lz4.frame
import pytest
import zstandard

from archive_tui.payloads.decoder import Context
from archive_tui.payloads.readings import Fit, Limits, PayloadReader
from archive_tui.payloads.registry import standard_wrappers

READER = PayloadReader()
SMALL = PayloadReader(limits=Limits(bytes_out=100_000))
DATA = {"customer": "cus_8812", "total": 12, "note": "grüße"}
RAW = json.dumps(DATA).encode()

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "base64": base64.b64encode,
    "JSON string": lambda raw: json.dumps(raw.decode("latin-1")).encode() if raw.isascii() else b"",
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
}
PACK["zstd"] = zstandard.compress
PACK["lz4"] = lz4.frame.compress
PACK["brotli"] = brotli.compress
SNAPPY_HEAD = b"\xff\x06\x00\x00sNaPpY"
PACK["snappy"] = lambda raw: bytes(cramjam.snappy.compress(raw)) or SNAPPY_HEAD
COMPRESSIONS = ["gzip", "zlib", "zstd", "lz4", "snappy"]
"""Those that can be recognised by themselves."""


@pytest.mark.parametrize("name", PACK)
def test_a_wrapper_stands_in_the_path(name: str) -> None:
    best = READER.best(PACK[name](RAW))
    assert best.path == (name, "JSON")
    assert best.tree == DATA
    assert best.content == RAW
    assert not any("not JSON" in reading.why for reading in READER.readings(PACK[name](RAW)))
    assert best.why.startswith(f"{name}: ")
    assert not best.remarks


def test_wrappers_are_peeled_one_after_the_other() -> None:
    raw = json.dumps(base64.b64encode(gzip.compress(zlib.compress(RAW))).decode()).encode()
    best = READER.best(raw)
    assert best.name == "JSON string › base64 › gzip › zlib › JSON"
    assert best.tree == DATA
    assert [reading.name for reading in READER.readings(raw)] == [
        "JSON string › base64 › gzip › zlib › JSON",
        "JSON string › base64 › gzip › zlib › text",
        "JSON string › text",
        "text",
        "binary",
        "JSON",
    ]


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_text_and_bytes_inside_a_wrapper_are_better_than_the_wrapper(name: str) -> None:
    assert READER.best(PACK[name](b"only words in here")).name == f"{name} › text"
    assert READER.best(PACK[name](bytes(range(256)))).name == f"{name} › binary"
    assert READER.best(PACK[name](b"")).name == f"{name} › empty"


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_bomb_becomes_one_sentence(name: str) -> None:
    best = SMALL.best(PACK[name](bytes(100_001)))
    assert best.path == (name,)
    assert best.problem is not None
    assert best.problem.startswith(f"{name}: more than 100.0 kB come out of ")
    assert best.text() == best.problem
    assert SMALL.best(PACK[name](bytes(100_000))).path == (name, "binary")


def test_bombs_within_bombs_are_counted_together() -> None:
    raw = bytes(60_000)
    for _ in range(3):
        raw = gzip.compress(raw, compresslevel=0)
    assert SMALL.best(raw).problem is not None


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_of_a_wrapper_that_is_cut_off_the_beginning_is_shown(name: str) -> None:
    text = " ".join(map(str, range(60_000))).encode()
    packed = PACK[name](text)
    best = READER.best(packed[: len(packed) * 3 // 4])
    assert best.name == f"{name} › text"
    assert text.startswith(best.content)
    assert len(best.content) > 1_000
    assert best.remarks[0].startswith(f"{name}: cut off: its end is missing")


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_no_length_of_a_wrapper_is_too_short(name: str) -> None:
    packed = PACK[name](RAW)
    for length in range(1, len(packed)):
        best = READER.best(packed[:length])
        at_a_chunk = name == "snappy" and length == len(SNAPPY_HEAD)  # a stream of snappy has no end
        assert best.problem or best.remarks or best.fit <= Fit.LIKELY or at_a_chunk


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_what_follows_the_end_of_a_wrapper_is_remarked_on(name: str) -> None:
    packed = PACK[name](RAW)
    assert READER.best(packed + packed).content == RAW + RAW
    best = READER.best(packed + b"trailing")
    assert best.content == RAW
    if name == "snappy":  # which has no end: what follows is a chunk
        assert best.remarks == ("snappy: cut off: its end is missing",)
        return
    assert best.remarks == (f"{name}: 8 bytes follow its end",)


def test_gzip_that_holds_nothing_readable_is_named() -> None:
    best = READER.best(b"\x1f\x8b\x08" + b"\xff" * 40)
    assert best.problem == "gzip: nothing can be unpacked; it is damaged or cut off"
    assert READER.readings(b"\x1f\x8b\x08" + b"\xff" * 40)[-1].format == "binary"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (base64.urlsafe_b64encode(b'{"a": "\xc3\xbf\xc3\xbe~~~???"}').rstrip(b"="), "base64url › JSON"),
        (base64.b64encode(b"a text that is long enough"), "base64 › text"),
        (base64.encodebytes(RAW * 3), "base64 › text"),
        (base64.b64encode(RAW).rstrip(b"="), "base64 › JSON"),
        (b"customerimport24", "text"),
        (b"deadbeefdeadbeefdeadbeef", "text"),
        (b"Customer", "text"),
        (b"CustomerImportQueue1", "text"),
        (b'"word"', "text"),
        (b'"a string that says something"', "JSON string › text"),
        (b'"\\ud800 half a pair"', "text"),
        ("Grüße".encode("utf-16"), "UTF-16 › text"),
        ('["a"]'.encode("utf-16-be"), "UTF-16 › JSON"),
        (b"\xff\xfe\x00\xd8", "binary"),
        (b"x^2 + y^2 = z^2", "text"),
    ],
)
def test_what_is_a_wrapper_and_what_only_looks_like_one(raw: bytes, path: str) -> None:
    assert READER.best(raw).name == path


def snappy_block(raw: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(raw))


def test_a_block_of_snappy_is_known_by_what_is_in_it() -> None:
    assert READER.best(snappy_block(RAW)).name == "snappy › JSON"
    assert READER.best(snappy_block(b"words that are in here")).name == "snappy › text"
    assert READER.best(snappy_block(bytes(range(256)))).name == "binary"


def test_a_block_of_snappy_that_claims_gigabytes_is_not_believed() -> None:
    assert READER.best(b"\xff\xff\xff\xff\x0f\x00").format == "binary"


@pytest.mark.parametrize("pack", [brotli.compress, snappy_block])
def test_a_bomb_without_a_signature_is_not_unpacked(pack: Callable[[bytes], bytes]) -> None:
    best = SMALL.best(pack(b"words and words " * 10_000))
    assert best.format == "binary" or best.problem == "brotli: more than 100.0 kB come out of 21 B; it is not unpacked"


@pytest.mark.parametrize("name", ["zstd", "lz4", "snappy"])
def test_a_missing_library_is_named_with_what_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = PACK[name](RAW)
    for module in ("zstandard", "lz4.frame", "cramjam"):
        monkeypatch.setitem(sys.modules, module, None)
    best = READER.best(packed)
    package = {"zstd": "zstandard", "snappy": "cramjam"}.get(name, name)
    assert best.path == (name,)
    assert best.problem == f"the library {package} is not installed: pip install 'archive-tui[payloads]'"


def test_formats_that_could_not_be_tried_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("brotli", "cramjam"):
        monkeypatch.setitem(sys.modules, module, None)
    best = READER.best(brotli.compress(RAW))
    assert best.name == "binary"
    (remark,) = best.remarks
    assert remark == (
        "not tried, because their libraries are not installed: snappy, brotli (pip install 'archive-tui[payloads]')"
    )
    assert READER.best(RAW).remarks == ()


def _rows(count: int) -> bytes:
    return json.dumps([{"id": number, "name": f"Zoë \U0001f600 {number} \t"} for number in range(count)]).encode()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("base64", base64.encodebytes),
        ("base64url", lambda raw: base64.urlsafe_b64encode(raw + b"\xff\xfe").rstrip(b"=")),
        ("JSON string", lambda raw: json.dumps(raw.decode()).encode()),
        ("JSON string", lambda raw: json.dumps(raw.decode(), ensure_ascii=False).encode()),
        ("UTF-16", lambda raw: raw.decode().encode("utf-16")),
        ("gzip", lambda raw: gzip.compress(raw[:-9]) + gzip.compress(raw[-9:])),
    ],
)
def test_what_takes_many_slices_is_unpacked_byte_for_byte(name: str, pack: Callable[[bytes], bytes]) -> None:
    raw = _rows(20_000)
    wrapper = next(one for one in standard_wrappers() if one.name == name)
    peeled = wrapper.peel(pack(raw), Context())
    assert peeled is not None
    assert peeled.content.removesuffix(b"\xff\xfe") == raw


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_what_is_still_packed_is_not_copied_for_each_piece(name: str) -> None:
    noise = random.Random(5).randbytes(4 * 1024 * 1024)
    raw = gzip.compress(noise, 1) if name == "gzip" else zstandard.compress(noise)
    wrapper = next(one for one in standard_wrappers() if one.name == name)
    tracemalloc.start()
    try:
        tracemalloc.clear_traces()
        peeled = wrapper.peel(raw, Context())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peeled is not None
    assert peeled.content == noise
    assert peak < 2 * len(noise)
