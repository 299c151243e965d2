"""LZ4 frames. Blocks without a frame carry no sign of what they are."""

from archive_tui.payloads.decoder import Context, Peeled, Refusal, library
from archive_tui.payloads.wrappers.unpacking import PIECE, Step, unpacked

_MAGIC = b"\x04\x22\x4d\x18"


class Lz4Frame:
    """LZ4 by the signature of its frames."""

    name = "lz4"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if not raw.startswith(_MAGIC):
            return None
        peeled = unpacked(self.name, "its signature", raw, _begin, context)
        if peeled is None:
            raise Refusal("lz4: nothing can be unpacked; it is damaged or cut off")
        return peeled


def _begin() -> Step:
    stream = library("lz4.frame", "lz4").LZ4FrameDecompressor()

    def step(packed: bytes) -> tuple[bytes, bytes, bool]:
        piece = stream.decompress(packed, PIECE)  # what does not come out now, it keeps
        return piece, (stream.unused_data or b"") if stream.eof else b"", stream.eof

    return step
