"""zstd, as many frames as there are (RFC 8878)."""

from archive_tui.payloads.decoder import Context, Peeled, library
from archive_tui.payloads.wrappers.unpacking import Step, unpacked_by_signature

_MAGIC = b"\x28\xb5\x2f\xfd"
_PACKED_AT_ONCE = 512
"""Packed bytes that are given at once. Four bytes may become 128 KiB, and the library limits no output of one call."""


class Zstandard:
    """zstd by its signature."""

    name = "zstd"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        fault = "it is damaged, cut off, or needs a dictionary"
        return unpacked_by_signature(self.name, _MAGIC, raw, _begin, context, fault)


def _begin() -> Step:
    stream = library("zstandard", "zstandard").ZstdDecompressor().decompressobj()

    def step(packed: memoryview) -> tuple[bytes, int, bool]:
        given = packed[:_PACKED_AT_ONCE]
        piece = stream.decompress(given)
        return piece, len(given) - (len(stream.unused_data) if stream.eof else 0), stream.eof

    return step
