"""base64 and base64url, with padding or without, in lines or in one."""

import binascii
import re

from archive_tui.payloads.decoder import Context, Fit, Peeled

_STANDARD = re.compile(rb"[A-Za-z0-9+/\r\n]+={0,2}\s*")
_URL = re.compile(rb"[A-Za-z0-9_-]+={0,2}\s*")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def _decoded(raw: bytes) -> bytes | None:
    """Decode base64; None: it is none. Words of one case, and hexadecimal, are taken for what they are."""
    digits = raw.translate(None, b"\r\n \t").rstrip(b"=")
    padded = b"=" in raw
    if len(digits) % 4 == 1 or not (padded or (digits.lower() != digits and digits.upper() != digits)):
        return None
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    except binascii.Error:
        return None


class Base64:
    """base64 (RFC 4648, section 4). What is inside decides whether it was meant so."""

    name = "base64"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if len(raw) < 4 or _STANDARD.fullmatch(raw) is None:
            return None
        content = _decoded(raw)
        if not content:
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "its alphabet", content)


class Base64Url:
    """base64url (RFC 4648, section 5): only what has a `-` or a `_`, all else is base64 as well."""

    name = "base64url"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if len(raw) < 4 or not (b"-" in raw or b"_" in raw) or _URL.fullmatch(raw) is None:
            return None
        content = _decoded(raw.translate(_TO_STANDARD))
        if not content:
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "its alphabet", content)
