"""Text: UTF-8 with few control characters."""

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.decoders.json_text import error_in
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
        if _strange_bytes(start) > len(start) * _STRANGE_SHARE:  # or it would take seconds to decode them all
            return None
        text = decode(raw)
        strange = _strange_bytes(text)
        if strange > len(text) * _STRANGE_SHARE:
            return None
        error = error_in(text, context.limits.depth) if context.json is not raw else None
        why = "UTF-8 without control characters" if not strange else "most of its bytes are text"
        if error is not None:
            why = f"not JSON: {error}"
        remarks = (f"{strange:,} {'byte is' if strange == 1 else 'bytes are'} not UTF-8",) if strange else ()
        return Decoded(Fit.DOUBTFUL if strange else Fit.LIKELY, why, text=lambda: text, remarks=remarks)


def _strange_bytes(text: str) -> int:
    """Bytes that were not UTF-8."""
    return 0 if text.isascii() else sum("\udc80" <= letter <= "\udcff" for letter in text)
