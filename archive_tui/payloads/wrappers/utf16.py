"""UTF-16, as Windows programs and Java write text."""

import codecs
import io

from archive_tui.payloads.decoder import Context, Fit, Peeled

_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SNIFF = 4096
_SLICE = 256 * 1024
_ZERO_SHARE = 0.5
"""Share of zeros among every other byte from which text without a mark is believed: mostly ASCII."""


class Utf16:
    """Text with a byte order mark, or with a zero in every other byte. It is decoded to UTF-8 and looked at again."""

    name = "UTF-16"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if len(raw) < 4 or len(raw) % 2:
            return None
        encoding, why = _MARKS.get(raw[:2]), "its byte order mark"
        begin = 2 if encoding is not None else 0
        if encoding is None:
            encoding, why = _order_by_zeros(raw[:_SNIFF]), "every other byte is zero"
        if encoding is None:
            return None
        start = raw[begin : begin + 2 * _SNIFF].decode(encoding, "ignore")[:_SNIFF]
        if sum(letter < " " and letter not in "\t\r\n\x1b" for letter in start) * 10 > len(start):
            return None
        try:
            content = _decoded(raw, begin, encoding)
        except UnicodeDecodeError:
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.LIKELY, why, content)


def _decoded(raw: bytes, begin: int, encoding: str) -> bytes:
    """Decode it to UTF-8 slice by slice, between which others get their turn. Raises UnicodeDecodeError."""
    content = io.BytesIO()  # it grows in place, and gives away what it holds without a copy
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(begin, len(raw), _SLICE):
        content.write(decoder.decode(raw[at : at + _SLICE], at + _SLICE >= len(raw)).encode())
    return content.getvalue()


def _order_by_zeros(start: bytes) -> str | None:
    """The byte order of text that is mostly ASCII; None: this is no such text."""
    half = len(start) // 2
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > half * _ZERO_SHARE and not even:
        return "utf-16-le"
    return "utf-16-be" if even > half * _ZERO_SHARE and not odd else None
