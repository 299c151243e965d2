"""base64 and base64url, with padding or without, in lines or in one."""

import binascii
import io
import re

from archive_tui.payloads.decoder import Context, Fit, Peeled

_STANDARD = re.compile(rb"[A-Za-z0-9+/\r\n]*+")
_URL = re.compile(rb"[A-Za-z0-9_-]*+")
_END = re.compile(rb"={0,2}\s*")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")

_SLICE = 256 * 1024
"""Characters that are looked at and decoded at once: in between, others of the process get their turn."""


def _decoded(raw: bytes, alphabet: "re.Pattern[bytes]") -> bytes | None:
    """Decode base64; None: it is none. Words of one case, and hexadecimal, are taken for what they are."""
    end = _end(raw, alphabet)
    if end is None:
        return None
    content = io.BytesIO()  # it grows in place, and gives away what it holds without a copy
    lower = upper = False
    digits = b""
    for at in range(0, end, _SLICE):
        part = raw[at : min(at + _SLICE, end)].translate(_TO_STANDARD, b"\r\n")
        lower, upper = lower or part.upper() != part, upper or part.lower() != part
        digits += part
        whole = len(digits) // 4 * 4
        content.write(binascii.a2b_base64(digits[:whole]))
        digits = digits[whole:]
    padded = b"=" in raw[end:]
    if len(digits) == 1 or not (padded or (lower and upper)):
        return None
    content.write(binascii.a2b_base64(digits + b"=" * (-len(digits) % 4)))
    return content.getvalue()


def _end(raw: bytes, alphabet: "re.Pattern[bytes]") -> int | None:
    """Where the padding begins, or what stands in its place; None where something else follows."""
    at = 0
    while at < len(raw):
        matched = alphabet.match(raw, at, at + _SLICE)
        end = matched.end() if matched is not None else at
        if end < min(at + _SLICE, len(raw)):
            at = end
            break
        at = end
    return at if at and _END.fullmatch(raw, at) is not None else None


class Base64:
    """base64 (RFC 4648, section 4). What is inside decides whether it was meant so."""

    name = "base64"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        content = _decoded(raw, _STANDARD) if len(raw) >= 4 else None
        if not content:
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "its alphabet", content)


class Base64Url:
    """base64url (RFC 4648, section 5): only what has a `-` or a `_`, all else is base64 as well."""

    name = "base64url"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if len(raw) < 4 or not (b"-" in raw or b"_" in raw):
            return None
        content = _decoded(raw, _URL)
        if not content:
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "its alphabet", content)
