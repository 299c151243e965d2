"""Texts that have no tree: what patterns find in them is masked, and base64 of what holds a hidden key as a whole."""

import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from archive_tui.payloads import masking
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.redaction.keys import HiddenKeys
from archive_tui.text import decode, encode

_BETWEEN_BYTES = b"_- ."

_MARKS = ("bearer", "basic", "://", "eyj", "privatekey")
"""What else gives a credential away, without a key."""

_RARER = ("<", "eyJ", "--", "earer ", "EARER ", "asic ", "ASIC ")
"""What stands in every text in which a pattern finds something, unless it has a colon or an equals sign."""

_MAY_ENCODE = re.compile(r"(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv|eyJ)")
"""The beginning of what may be base64 of something."""

_ENCODED = re.compile(r"(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv)[A-Za-z0-9+/_\-]{14,}={0,2}")
_ENCODED_WITHIN = re.compile(rb'"(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv)[A-Za-z0-9+/_\-]{14,}={0,2}"')
"""base64 of what may be JSON, or is compressed; and that in quotes."""

_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ENCODED_LINE = re.compile(
    rb"^[\t ]*(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv)[A-Za-z0-9+/_\-]{14,}={0,2}\r?$", re.MULTILINE
)
"""A byte as URLs write it; and a line that is base64."""

_LONGEST_ENCODED = 4 * 1024 * 1024


def _squeezed(text: str) -> str:
    """A text folded as keys are; `str.translate` takes five times as long."""
    return text.lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "")


def may_hold_encoded(raw: bytes) -> bool:
    """Tell whether a string in quotes looks like base64 of what could be decoded."""
    return _ENCODED_WITHIN.search(raw) is not None


class TextMask:
    """Masks texts, and looks at bytes. Never changes; any thread may use it."""

    def __init__(self, keys: HiddenKeys, hides_within: Callable[[bytes], bool]) -> None:
        """`hides_within` tells whether a payload, read as best it can be, hides anything: it looks into base64."""
        self._keys = keys
        self._hides_within = hides_within
        self._cores = keys.cores
        self._signs = (*keys.cores, *_MARKS, "%")
        """What gives a credential away in a text that is squeezed."""

    def text(self, text: str) -> str:
        """Mask what patterns find in a text that has no tree: an error message, a line of a log. The very same text
        comes back where nothing is hidden.
        """
        if "=" in text or ":" in text or any(map(text.__contains__, _RARER)):  # what every pattern has
            squeezed = _squeezed(text)
            for sign in self._signs:  # not `any`, which takes twice as long: texts are what takes time here
                if sign in squeezed:
                    masked = masking.in_text(text, self._keys.hides)
                    if masked != text:
                        return masked
                    break
        elif _MAY_ENCODE.match(text) is None:
            return text
        return MASK if self.hides_encoded(text) else text

    def may_hide(self, raw: bytes) -> bool:
        """Take a quick look at bytes: False says that `text` finds nothing in them, nor in any line of them."""
        if self.may_hold_signs(raw):
            return True
        if _PERCENT.search(raw) is not None and self.may_hold_signs(unquote_to_bytes(raw.replace(b"+", b" "))):
            return True  # keys as URLs and forms write them
        return any(pattern.search(raw) is not None for pattern in (_ENCODED_LINE, _ENCODED_WITHIN))

    def may_hold_signs(self, raw: bytes) -> bool:
        """Tell whether something in bytes looks like a hidden key or a credential as they are written."""
        if not all(map(str.isascii, self._cores)):
            return True
        squeezed = raw.translate(None, _BETWEEN_BYTES).lower()
        return any(core.encode() in squeezed for core in self._cores) or any(
            mark.encode() in squeezed for mark in _MARKS
        )

    def raw(self, raw: bytes) -> bytes:
        """Mask what patterns find in bytes of which nothing is known, such as a result."""
        text = decode(raw)
        return raw if (masked := self.text(text)) is text else encode(masked)

    def hides_encoded(self, text: str) -> bool:
        """Tell whether a text is base64 with something to hide inside, as far as it can be seen through."""
        if len(text) > _LONGEST_ENCODED or _ENCODED.fullmatch(text) is None:
            return False
        digits = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            raw = binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
        except binascii.Error:
            return False
        return self._hides_within(raw)
