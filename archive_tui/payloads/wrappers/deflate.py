"""gzip and zlib: the same compression in two sorts of envelope."""

import zlib

from archive_tui.payloads.decoder import Context, Peeled, Refusal
from archive_tui.payloads.wrappers.unpacking import GIVEN, PIECE, Step, unpacked

_GZIP_MAGIC = b"\x1f\x8b\x08"
_ZLIB_DEFLATE = 8
_LEAST_OF_A_PART = 32
"""Bytes that must come out of a zlib stream that is damaged: its signature alone is no proof."""


def _inflate(window: int) -> Step:
    stream = zlib.decompressobj(wbits=window)

    def step(packed: memoryview) -> tuple[bytes, int, bool]:
        given = packed[:GIVEN]
        piece = stream.decompress(given, PIECE)
        rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        return piece, len(given) - len(rest), stream.eof

    return step


class Gzip:
    """gzip, with as many members as there are (RFC 1952)."""

    name = "gzip"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if not raw.startswith(_GZIP_MAGIC):
            return None
        peeled = unpacked(self.name, "its signature and checksum", raw, lambda: _inflate(31), context)
        if peeled is None:
            raise Refusal("gzip: nothing can be unpacked; it is damaged or cut off")
        return peeled


class Zlib:
    """zlib (RFC 1950). Its signature is weak: without the checksum, it takes content to believe it."""

    name = "zlib"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if len(raw) < 6 or raw[0] & 0x0F != _ZLIB_DEFLATE or int.from_bytes(raw[:2]) % 31:
            return None
        peeled = unpacked(self.name, "its header and checksum", raw, lambda: _inflate(15), context)
        if peeled is None or (peeled.remarks and len(peeled.content) < _LEAST_OF_A_PART):
            return None
        return peeled
