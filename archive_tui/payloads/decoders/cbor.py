"""CBOR (RFC 8949)."""

import io
import re
from datetime import datetime

from archive_tui.payloads.decoder import Context, Decoded, Fit, LibraryMissing, LimitReached, Limits, library
from archive_tui.payloads.decoders.binary_values import fit_of, too_much
from archive_tui.payloads.tree import Pairs, TooMuch, Tree, plain

SELF_DESCRIBED = b"\xd9\xd9\xf7"
"""CBOR's own mark: a tag that says nothing else."""

_ARRAY, _MAP = 4, 5
_STRANGE_KEYS = 65_536
"""Bytes up to which keys may be of any type: whoever chooses numbers as keys can make a dict take hours."""


class CborDecoder:
    """A map or an array from the first byte to the last, or whatever follows CBOR's own mark."""

    name = "CBOR"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        marked = raw.startswith(SELF_DESCRIBED)
        if not marked and raw[0] >> 5 not in (_ARRAY, _MAP):
            return None
        try:
            cbor2 = library("cbor2", "cbor2")
        except LibraryMissing:
            context.missing.append(self.name)
            return None
        remarks: list[str] = []
        body = raw[len(SELF_DESCRIBED) :] if marked else raw  # the library makes what is marked immutable
        try:
            value = _loaded(cbor2, body, remarks)
        except Exception:  # CBORDecodeError, and what its parts raise: other bytes, or damaged ones
            return None
        limits = context.limits
        try:
            tree = plain(value, limits.depth, min(2 * len(raw) + 1, limits.values), _leaf)
        except TooMuch:
            raise LimitReached(too_much("CBOR", limits)) from None
        why = "its own mark" if marked else "every byte is accounted for"
        return Decoded(Fit.CERTAIN if marked else fit_of(tree), why, tree, remarks=tuple(remarks))


def value_of(cbor2: object, raw: bytes) -> Tree:
    """Decode one value of a larger payload. Raises whatever the library raises, also for a key that stands twice, and
    TooMuch.
    """
    limits = Limits()
    return plain(_load(cbor2, raw, twice=False), limits.depth, min(2 * len(raw) + 1, limits.values), _leaf)


def _loaded(cbor2: object, raw: bytes, remarks: list[str]) -> object:
    """Decode all bytes; whatever the library raises is a no."""
    try:
        return _load(cbor2, raw, twice=False)
    except cbor2.CBORDecodeError as error:  # type: ignore[attr-defined]
        if "uplicate" not in str(error):
            raise
    remarks.append("a key stands twice in it, and the last value of it is shown")
    return _load(cbor2, raw, twice=True)


def _load(cbor2: object, raw: bytes, *, twice: bool) -> object:
    file = io.BytesIO(raw)
    decoder = cbor2.CBORDecoder(  # type: ignore[attr-defined]
        file,
        str_errors="surrogateescape",
        allow_duplicate_keys=twice,
        strict_hashable_types=len(raw) > _STRANGE_KEYS,
    )
    value = decoder.decode()
    if file.read(1):  # the library's `loads` is content with any beginning
        raise ValueError("bytes follow")
    return value


def _leaf(value: object) -> Tree:
    """Dates as RFC 3339, tags that nobody knows with their number, all else as its text."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, re.Pattern):
        return value.pattern
    tag = getattr(value, "tag", None)
    return Pairs([("tag", tag), ("value", getattr(value, "value", None))]) if isinstance(tag, int) else str(value)
