"""MessagePack."""

from archive_tui.payloads.decoder import Context, Decoded, LibraryMissing, LimitReached, Limits, library
from archive_tui.payloads.decoders.binary_values import fit_of, instant, too_much
from archive_tui.payloads.tree import Pairs, TooMuch, Tree, object_of, plain

_MAPS = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
_ARRAYS = frozenset([*range(0x90, 0xA0), 0xDC, 0xDD])


class MessagePackDecoder:
    """A map or an array from the first byte to the last; single values are taken for what they look like."""

    name = "msgpack"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        if raw[0] not in _MAPS and raw[0] not in _ARRAYS:
            return None
        try:
            msgpack = library("msgpack", "msgpack")
        except LibraryMissing:
            context.missing.append(self.name)
            return None
        remarks: tuple[str, ...] = ()
        try:
            try:
                value = _unpacked(msgpack, raw, "strict")
            except UnicodeDecodeError:
                value = _unpacked(msgpack, raw, "surrogateescape")
                remarks = ("some of its texts are not UTF-8",)
        except Exception:  # FormatError, ExtraData, StackError, OverflowError …: other bytes, or damaged ones
            return None
        try:
            tree = plain(value, context.limits.depth, context.limits.values, _leaf)
        except TooMuch:
            raise LimitReached(too_much(self.name, context.limits)) from None
        return Decoded(fit_of(tree), "every byte is accounted for", tree, remarks=remarks)


def value_of(msgpack: object, raw: bytes) -> Tree:
    """Decode one value of a larger payload. Raises whatever the library raises, and TooMuch."""
    limits = Limits()
    return plain(_unpacked(msgpack, raw, "surrogateescape"), limits.depth, limits.values, _leaf)


def _unpacked(msgpack: object, raw: bytes, errors: str) -> object:
    return msgpack.unpackb(  # type: ignore[attr-defined]
        raw,
        raw=False,
        unicode_errors=errors,
        strict_map_key=False,
        object_pairs_hook=object_of,
    )


def _leaf(value: object) -> Tree:
    """A timestamp as RFC 3339 with all its nanoseconds, an extension with its number."""
    seconds, nanoseconds = getattr(value, "seconds", None), getattr(value, "nanoseconds", None)
    if seconds is not None and nanoseconds is not None:
        return instant(seconds, nanoseconds)
    code, data = getattr(value, "code", None), getattr(value, "data", None)
    return Pairs([("extension", code), ("data", data)]) if code is not None else str(value)
