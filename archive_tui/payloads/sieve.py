"""A quick look at bytes of a payload, before they are decoded: may a text that is looked for be in them?"""

import re

from archive_tui.folding import folded
from archive_tui.text import decode

_SPACES = dict.fromkeys(map(ord, " \t\r\n"))
_ESCAPES = (b"\\u", b"\\/", b'\\"', b"\\\\", b"\\t", b"\\b", b"\\f", b"\\r")
"""Escapes of JSON for what is shown in another way."""

_IN_NUMBERS = frozenset("0123456789+-.e")

_LAYOUT = re.compile(r"""[\s{}\[\],:;"'\\()]+""")
"""What stands between values, and around them, where they are shown."""

_MADE = re.compile(r"[0-9a-fhxtz+\-./%]*")
"""What numbers, times and bytes in hexadecimal are made of."""

_WORDS = ("null", "true", "false", "nan", "infinity", "undefined", "tag", "value", "extension", "data")
"""Words that are shown where their letters do not stand in the bytes."""

_MADE_WORDS = "cborsimplevalue"
_SIGNS = re.compile(r"[\u2400-\u2426⟨⟩]")
"""Signs that stand for characters which are not shown."""

_FOLDED = re.compile(
    "|".join("\xdf\u0130\u0149\u017f\u037e\u1e9a\u1e9e\u1fef\u212a\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06").encode()
)
"""Letters beyond ASCII that are folded to those within."""

_CHUNKED = re.compile(rb"\x7f[\x60-\x7b]")
"""The head of a text of CBOR that stands in chunks, and that of the first."""


class Sieve:
    """Tells whether bytes may hold one folded text, as a search finds it. False is certain, True is not."""

    def __init__(self, wanted: str) -> None:
        self._bare = wanted.translate(_SPACES)
        # An exact number may be written with an exponent where its bytes have none
        self._may_be_number = _IN_NUMBERS.issuperset(self._bare)
        self._plain = self._bare.encode("utf-8", "surrogateescape") if self._bare.isascii() else b""
        self._letters = () if _SIGNS.search(wanted) else tuple(filter(_must_stand, _LAYOUT.split(wanted)))
        self._plain_letters = tuple(letters.encode() for letters in self._letters if letters.isascii())
        self._all_plain = len(self._plain_letters) == len(self._letters)

    def json(self, part: bytes) -> bool:
        """Whether bytes of JSON may hold it as they are shown: laid out, or as values. That adds and takes away spaces
        alone, but for escapes.
        """
        if self._may_be_number or any(escape in part for escape in _ESCAPES):
            return True
        if self._plain and part.isascii():
            return self._plain in part.lower().translate(None, b" \t\r\n")
        return self._bare in folded(decode(part)).translate(_SPACES)

    def binary(self, part: bytes, *, chunked: bool) -> bool:
        """Whether bytes of MessagePack or CBOR may hold it: texts stand in them as they are, but for those in chunks
        where it has such, and all else that is shown is made of few signs.
        """
        if not self._letters or (chunked and _CHUNKED.search(part) is not None):
            return True
        small = part.lower()
        if not all(letters in small for letters in self._plain_letters):
            return _FOLDED.search(part) is not None and self._in_text(part)
        return self._all_plain or self._in_text(part)

    def _in_text(self, part: bytes) -> bool:
        text = folded(decode(part))
        return all(letters in text for letters in self._letters)


def _must_stand(letters: str) -> bool:
    """Whether letters must stand in the bytes to be shown, since nothing else makes them."""
    if not letters or _MADE.fullmatch(letters):
        return False
    return not any(letters in word for word in (*_WORDS, _MADE_WORDS))
