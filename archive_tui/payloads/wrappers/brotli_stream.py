"""Brotli (RFC 7932). It has neither signature nor checksum: what is inside decides."""

from archive_tui.payloads.decoder import Context, Fit, LibraryMissing, LimitReached, Peeled, library
from archive_tui.payloads.wrappers.unpacking import GIVEN, PIECE, Step, is_ascii_text, unpacked


class Brotli:
    """One stream from the first byte to the last."""

    name = "brotli"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if is_ascii_text(raw):
            return None
        try:
            peeled = unpacked(self.name, "a whole stream", raw, _begin, context)
        except LibraryMissing:
            context.missing.append(self.name)
            return None
        except LimitReached:
            if context.late:  # no signature says that it was worth the time
                return None
            raise
        if peeled is None or peeled.remarks or not peeled.content:
            return None
        return Peeled(Fit.DOUBTFUL, peeled.why, peeled.content)


def _begin() -> Step:
    stream = library("brotli", "brotli").Decompressor()

    def step(packed: memoryview) -> tuple[bytes, int, bool]:
        given = packed[:GIVEN] if stream.can_accept_more_data() else packed[:0]
        piece = stream.process(given, output_buffer_limit=PIECE)
        return piece, len(given), stream.is_finished()

    return step
