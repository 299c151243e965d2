"""Text: UTF-8 with few control characters."""

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.decoders.json_text import error_in
from archive_tui.payloads.strange_bytes import not_utf8, strange_bytes
from archive_tui.text import decode

_SNIFF = 4096
_CONTROL_SHARE = 0.1
_STRANGE_SHARE = 0.25


class TextDecoder:
    """UTF-8 is likely text; where a few bytes are none, text is a doubtful reading."""

    name = "text"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        start = decode(raw[:_SNIFF])
        controls = sum(1 for character in start if ord(character) < 0x20 and character not in "\t\n\r\x1b")
        if controls > len(start) * _CONTROL_SHARE or "\0" in start:
            return None
        if strange_bytes(raw[:_SNIFF]) > len(start) * _STRANGE_SHARE:  # or it would take seconds to decode them all
            return None
        text = decode(raw)
        strange = strange_bytes(raw)
        if strange > len(text) * _STRANGE_SHARE:
            return None
        error = error_in(text, context.limits.depth) if context.json is not raw else None
        why = "UTF-8 without control characters" if not strange else "most of its bytes are text"
        if error is not None:
            why = f"not JSON: {error}"
        remarks = (not_utf8(strange),) if strange else ()
        return Decoded(Fit.DOUBTFUL if strange else Fit.LIKELY, why, text=lambda: text, remarks=remarks)
