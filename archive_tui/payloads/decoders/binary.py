"""Bytes: what every payload can be read as."""

from archive_tui.payloads.decoder import Context, Decoded, Fit


class BinaryDecoder:
    """The bytes as they are. The text is hexadecimal without offsets; screens show `rendering.HexDocument`."""

    name = "binary"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        why = "its bytes as they are"
        if context.late:
            why = f"{why}; other formats were not tried after {context.limits.seconds:g} s"
        return Decoded(Fit.BYTES, why, text=lambda: raw.hex(" "))
