"""A corpus of payloads that decoders must survive: each small by itself, and named after what it tries."""

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator

import brotli
import cbor2
import cramjam
import lz4.frame
import msgpack
import zstandard

from archive_tui.demo import wire

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda raw: gzip.compress(raw, mtime=0),
    "zlib": zlib.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
    "snappy": lambda raw: bytes(cramjam.snappy.compress(raw)),
    "snappy block": lambda raw: bytes(cramjam.snappy.compress_raw(raw)),
    "brotli": brotli.compress,
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "JSON string": lambda raw: json.dumps(raw.decode("latin-1")).encode(),
    "UTF-16": lambda raw: raw.decode("latin-1").encode("utf-16"),
}
"""Every wrapper, by its name."""

ESCAPES = "\x1b[31m\x1b]52;c;aGk=\x07\x9b1m\x90q\x7f\u202e\u2066\u200b\ufeff\r\x00\x08"
"""What a terminal would obey, and what would hide or reverse text."""

_DATA = {"customer": "cus_8812", "items": [{"sku": "A-1", "price": 1.5}], "escape": ESCAPES, ESCAPES: None}
_TEXT = json.dumps(_DATA, ensure_ascii=False)

FORMATS: dict[str, bytes] = {
    "JSON": _TEXT.encode(),
    "NDJSON": b'{"a": 1}\n{"b": [2]}\n{"c": "x"}\n',
    "msgpack": msgpack.packb(_DATA),
    "CBOR": cbor2.dumps(_DATA),
    "protobuf": wire.field(1, "cus_8812") + wire.field(2, 7) + wire.field(3, wire.field(1, ESCAPES) + wire.field(4, 1)),
    "gob": bytes.fromhex(
        "27ff81030101054f7264657201ff82000102010249440104000108437573746f6d6572010c00000011ff8201fe44d801086375735f38383132"
        "00"
    ),
    "XML": '<?xml version="1.0"?><order id="7"><item>A &amp; \x9b</item><e/></order>'.encode(),
    "form": b"event=order.paid&order=%1B%5B31m&name=%FF",
    "JWT": b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"none"}', b'{"sub":"\\u001b"}', b"s")
    ),
    "text": f"panic: {ESCAPES}\n\tmain.go:1".replace("\x00", "").encode(),
}
"""A payload of every format, with escape sequences wherever it can hold them."""


def nasty() -> Iterator[tuple[str, bytes]]:
    """Payloads that try to crash, to stall, or to fill the memory."""
    source = random.Random(13)
    yield "deep JSON", b"[" * 50_000 + b"]" * 50_000
    yield "deep JSON, open", b'{"a":' * 50_000
    yield "deep msgpack", b"\x91" * 50_000 + b"\x01"
    yield "deep CBOR", b"\x81" * 50_000 + b"\x01"
    yield "deep CBOR, indefinite", b"\x9f" * 50_000 + b"\xff" * 50_000
    yield "deep XML", b"<a>" * 20_000 + b"</a>" * 20_000
    yield "XML that expands", b'<!DOCTYPE b [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><b>&b;&b;</b>'
    yield "groups in protobuf", b"\x0b" * 50_000 + b"\x0c" * 50_000
    nested = b"\x08\x01"
    for _ in range(2_000):
        nested = wire.field(1, nested)
    yield "deep protobuf", nested
    yield "CBOR that holds itself", bytes.fromhex("82d81c81d81d00657468697321")
    yield "a hundred thousand keys", ("{" + ",".join(f'"k{number}":0' for number in range(100_000)) + "}").encode()
    yield "the same key", ("{" + ",".join(['"k":0'] * 100_000) + "}").encode()
    yield "a number of many digits", b"[" + b"9" * 100_000 + b"]"
    yield "a fraction of many digits", b"[0." + b"9" * 100_000 + b"]"
    yield "a number of a huge exponent", b"[1e999999999999999999999, -1e-999999999999999999999]"
    yield "NaN", b'{"a": [NaN, Infinity, -Infinity]}'
    yield "half a surrogate pair", b'["\\ud800", "\\udfff\\ud800", "\\udc80\xff"]'
    yield "surrogates in UTF-8", b'{"a": "\xed\xa0\x80"}'
    yield "bytes that are not UTF-8", b'{"na\xefve": "caf\xe9"}'
    yield "a NUL", b'{"a": "\x00"}'
    yield "quotes", b'"' * 10_000
    yield "backslashes", b'["' + b"\\" * 20_001 + b'"]'
    yield "one line", b"a" * 300_000
    yield "one line of base64", b"QUFB" * 50_000
    yield "many empty lines", b"\n" * 100_000
    yield "many braces by the line", b"{}\n" * 20_000
    yield "many escapes of a form", b"a=" + b"%41" * 50_000
    yield "many fields of a form", b"a=1&" * 20_000 + b"b=2"
    yield "dots", b"eyJ" + b"." * 50_000
    for size in (1, 2, 3, 7, 40, 400):
        for number in range(20):
            yield f"{size} random bytes, {number}", source.randbytes(size)
    for name, begin in {
        "msgpack": b"\xdd\xff\xff\xff\xff",
        "CBOR": b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        "snappy": b"\xff\xff\xff\xff\x0f",
        "gob": b"\xf8\x7f\xff\xff\xff\xff\xff\xff\xff",
        "protobuf": b"\x0a\xff\xff\xff\xff\x07",
        "zstd": b"\x28\xb5\x2f\xfd\xc0\xff\xff\xff\xff\xff\xff\xff\x7f",
        "lz4": b"\x04\x22\x4d\x18\x68\x70\xff\xff\xff\xff\xff\xff\xff\x7f",
    }.items():
        yield f"{name} of a huge length", begin + source.randbytes(30)
    for name, pack in PACK.items():
        yield f"a bomb of {name}", pack(b"ab" * 200_000)
        yield f"{name} cut off", pack(_TEXT.encode())[:-7]
        bomb = b"ab" * 50_000
        for _ in range(3):
            bomb = pack(bomb)
        yield f"{name} within itself", bomb
