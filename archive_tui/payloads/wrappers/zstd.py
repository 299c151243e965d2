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

    def step(packed: bytes) -> tuple[bytes, bytes, bool]:
        piece = stream.decompress(packed[:_PACKED_AT_ONCE])
        rest = packed[_PACKED_AT_ONCE:]
        return piece, stream.unused_data + rest if stream.eof else rest, stream.eof

    return step
