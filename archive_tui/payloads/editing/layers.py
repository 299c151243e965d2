"""Wrappers around a payload, taken off and put on again."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archive_tui.payloads.decoder import Context, LibraryMissing, Refusal, Wrapper, library
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.payloads.wrappers.base64_text import Base64, Base64Url
from archive_tui.payloads.wrappers.brotli_stream import Brotli
from archive_tui.payloads.wrappers.deflate import Gzip, Zlib
from archive_tui.payloads.wrappers.json_string import JsonString
from archive_tui.payloads.wrappers.lz4_frame import Lz4Frame
from archive_tui.payloads.wrappers.snappy import Snappy
from archive_tui.payloads.wrappers.utf16 import Utf16
from archive_tui.payloads.wrappers.zstd import Zstandard
from archive_tui.text import decode, encode

Wrap = Callable[[bytes, bytes], bytes]
"""Puts a wrapper around a content, in the manner of a payload that had it: content, that payload."""

_SNAPPY_STREAM = b"\xff\x06\x00\x00sNaPpY"


@dataclass(frozen=True, slots=True)
class Layer:
    """One wrapper of a payload."""

    wrapper: Wrapper

    raw: bytes
    """The bytes with it."""

    def put_on(self, content: bytes) -> bytes:
        """Wrap another content in the same manner. Raises EditError where that does not give it back."""
        name = self.wrapper.name
        try:
            wrapped = _WRAPS[type(self.wrapper)](content, self.raw)
            peeled = self.wrapper.peel(wrapped, Context())
        except (LibraryMissing, Refusal, ValueError) as error:
            raise EditError(f"{name}: {error}") from None
        if peeled is None or peeled.content != content or peeled.remarks:
            raise EditError(f"{name}: what was edited cannot be wrapped in it again")
        return wrapped


def peeled(wrappers: Sequence[Wrapper], names: Sequence[str], raw: bytes) -> tuple[list[Layer], bytes]:
    """Take the wrappers of these names off, the outermost first; returns them with the content. Raises EditError where
    one of them cannot be put on again.
    """
    by_name = {wrapper.name: wrapper for wrapper in reversed(wrappers)}
    layers: list[Layer] = []
    for name in names:
        wrapper = by_name.get(name)
        if wrapper is None or type(wrapper) not in _WRAPS:
            raise EditError(f"{name}: this wrapper cannot be written")
        try:
            found = wrapper.peel(raw, Context())
        except Refusal as refusal:
            raise EditError(str(refusal)) from None
        if found is None or found.remarks:
            what = found.remarks[0] if found is not None else "it cannot be unpacked"
            raise EditError(f"{name}: {what}; what is not whole is not written again")
        layers.append(Layer(wrapper, raw))
        raw = found.content
    return layers, raw


def put_on(layers: Sequence[Layer], content: bytes) -> bytes:
    """Wrap a content again, the innermost layer first. Raises EditError."""
    for layer in reversed(layers):
        content = layer.put_on(content)
    return content


# How each is put on


def _gzip(content: bytes, _raw: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _zlib(content: bytes, _raw: bytes) -> bytes:
    return zlib.compress(content)


def _zstd(content: bytes, _raw: bytes) -> bytes:
    return bytes(library("zstandard", "zstandard").ZstdCompressor().compress(content))


def _lz4(content: bytes, _raw: bytes) -> bytes:
    return bytes(library("lz4.frame", "lz4").compress(content))


def _brotli(content: bytes, _raw: bytes) -> bytes:
    return bytes(library("brotli", "brotli").compress(content))


def _snappy(content: bytes, raw: bytes) -> bytes:
    snappy = library("cramjam", "cramjam").snappy
    return bytes(snappy.compress(content) if raw.startswith(_SNAPPY_STREAM) else snappy.compress_raw(content))


def _base64(content: bytes, raw: bytes) -> bytes:
    return _in_base64(base64.b64encode(content), raw)


def _base64url(content: bytes, raw: bytes) -> bytes:
    return _in_base64(base64.urlsafe_b64encode(content), raw)


def _in_base64(digits: bytes, raw: bytes) -> bytes:
    """Digits with the padding, the line ends and the width of lines that another text of base64 has."""
    body = raw.rstrip()
    if len(body.translate(None, b"\r\n \t")) % 4:  # without padding: a whole number of groups tells nothing
        digits = digits.rstrip(b"=")
    newline = b"\r\n" if b"\r\n" in body else b"\n" if b"\n" in body else b""
    if newline:
        width = max(body.index(newline), 1)
        digits = newline.join(digits[at : at + width] for at in range(0, len(digits), width))
    return digits + raw[len(body) :]


def _json_string(content: bytes, raw: bytes) -> bytes:
    body = raw.strip()
    before, after = raw[: raw.index(body)], raw[raw.index(body) + len(body) :]
    string = json.dumps(decode(content), ensure_ascii=body.isascii())
    if b"\\u003c" in body or b"\\u003e" in body or b"\\u0026" in body:  # Go's encoding/json writes these three so
        for character in "<>&":
            string = string.replace(character, f"\\u{ord(character):04x}")
    return before + encode(string) + after


def _utf16(content: bytes, raw: bytes) -> bytes:
    mark = raw[:2] if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else b""
    big = mark == b"\xfe\xff" if mark else not raw[0]
    return mark + content.decode("utf-8").encode("utf-16-be" if big else "utf-16-le")


_WRAPS: Mapping[type, Wrap] = {
    Gzip: _gzip,
    Zlib: _zlib,
    Zstandard: _zstd,
    Lz4Frame: _lz4,
    Brotli: _brotli,
    Snappy: _snappy,
    Base64: _base64,
    Base64Url: _base64url,
    JsonString: _json_string,
    Utf16: _utf16,
}
"""How our wrappers are written. Those of plug-ins are not."""
