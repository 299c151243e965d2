"""UTF-16, as Windows programs and Java write text."""

import codecs

from archive_tui.payloads.decoder import Context, Fit, Peeled

_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SNIFF = 4096
_ZERO_SHARE = 0.5
"""Share of zeros among every other byte from which text without a mark is believed: mostly ASCII."""


class Utf16:
    """Text with a byte order mark, or with a zero in every other byte. It is decoded to UTF-8 and looked at again."""

    name = "UTF-16"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if len(raw) < 4 or len(raw) % 2:
            return None
        encoding, why = _MARKS.get(raw[:2]), "its byte order mark"
        body = raw[2:] if encoding is not None else raw
        if encoding is None:
            encoding, why, body = _order_by_zeros(raw[:_SNIFF]), "every other byte is zero", raw
        if encoding is None:
            return None
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            return None
        start = text[:_SNIFF]
        if sum(letter < " " and letter not in "\t\r\n\x1b" for letter in start) * 10 > len(start):
            return None
        content = text.encode()
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.LIKELY, why, content)


def _order_by_zeros(start: bytes) -> str | None:
    """The byte order of text that is mostly ASCII; None: this is no such text."""
    half = len(start) // 2
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > half * _ZERO_SHARE and not even:
        return "utf-16-le"
    return "utf-16-be" if even > half * _ZERO_SHARE and not odd else None
