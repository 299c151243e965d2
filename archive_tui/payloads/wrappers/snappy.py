"""Snappy: the block that Go's `snappy.Encode` writes, and the framed stream of `snappy.NewBufferedWriter`."""

from archive_tui.payloads.decoder import Context, Fit, LibraryMissing, Peeled, Refusal, library
from archive_tui.payloads.wrappers.unpacking import is_ascii_text
from archive_tui.wording.people import number

_STREAM = b"\xff\x06\x00\x00sNaPpY"
_COMPRESSED, _UNCOMPRESSED, _FIRST_SKIPPABLE = 0, 1, 0x80
_LARGEST_CHUNK = 65_536
_MOST_OUT_OF_A_BYTE = 32
"""A copy of 64 bytes takes 2 bytes at least: no block can hold more, whatever its head claims."""


class Snappy:
    """A stream by its signature; a block only by what is inside."""

    name = "snappy"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if raw.startswith(_STREAM):
            return self._stream(raw, context)
        if len(raw) < 3 or is_ascii_text(raw):
            return None
        try:
            snappy = library("cramjam", "cramjam").snappy
        except LibraryMissing:
            context.missing.append(self.name)
            return None
        content = _block(snappy, raw, context.room)
        if not content:
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "a whole block", content)

    def _stream(self, raw: bytes, context: Context) -> Peeled:
        """Unpack chunk by chunk (google/snappy, framing_format.txt); the checksums are not compared."""
        snappy = library("cramjam", "cramjam").snappy
        parts: list[bytes] = []
        at, total, remark = 0, 0, ""
        while at < len(raw):
            kind, length = raw[at], int.from_bytes(raw[at + 1 : at + 4], "little")
            body = raw[at + 8 : at + 4 + length]
            if at + 4 + length > len(raw):
                remark = "cut off: its end is missing"
                break
            piece: bytes | None = b""
            if kind == _COMPRESSED:
                piece = _block(snappy, body, _LARGEST_CHUNK)
            elif kind == _UNCOMPRESSED:
                piece = body
            elif kind < _FIRST_SKIPPABLE:
                piece = None
            if piece is None:
                remark = f"damaged after the first {number(total)} bytes"
                break
            total += len(piece)
            if total > context.room:
                context.spend(self.name, total, len(raw))
            context.check_time(self.name)
            parts.append(piece)
            at += 4 + length
        if remark and not total:
            raise Refusal("snappy: nothing can be unpacked; it is damaged or cut off")
        context.spend(self.name, total, len(raw))
        return Peeled(
            Fit.LIKELY if remark else Fit.CERTAIN, "its signature", b"".join(parts), (remark,) if remark else ()
        )


def _block(snappy: object, raw: bytes, most: int) -> bytes | None:
    """Unpack a block of at most so many bytes; None: it is none, or a larger one."""
    try:
        claimed = snappy.decompress_raw_len(raw)  # type: ignore[attr-defined]
        if claimed > min(most, len(raw) * _MOST_OUT_OF_A_BYTE):
            return None
        return bytes(snappy.decompress_raw(raw))  # type: ignore[attr-defined]
    except Exception:  # DecompressionError of cramjam, which is not imported here
        return None
