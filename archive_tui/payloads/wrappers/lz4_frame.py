"""LZ4 frames. Blocks without a frame carry no sign of what they are."""

from archive_tui.payloads.decoder import Context, Peeled, library
from archive_tui.payloads.wrappers.unpacking import GIVEN, PIECE, Step, unpacked_by_signature

_MAGIC = b"\x04\x22\x4d\x18"


class Lz4Frame:
    """LZ4 by the signature of its frames."""

    name = "lz4"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        return unpacked_by_signature(self.name, _MAGIC, raw, _begin, context, "it is damaged or cut off")


def _begin() -> Step:
    stream = library("lz4.frame", "lz4").LZ4FrameDecompressor()

    def step(packed: memoryview) -> tuple[bytes, int, bool]:
        given = packed[:GIVEN] if stream.needs_input else packed[:0]
        piece = stream.decompress(given, PIECE)  # what does not come out now, it keeps
        return piece, len(given) - (len(stream.unused_data or b"") if stream.eof else 0), stream.eof

    return step
