"""Unpacking in pieces: how every compression is peeled off within the limits, however much comes out of it."""

import io
import re
from collections.abc import Callable, Iterator

from archive_tui.payloads.decoder import Context, Fit, Peeled, Refusal
from archive_tui.wording.people import number, size

PIECE = 256 * 1024
"""Bytes that come out at once, more or less."""

GIVEN = 64 * 1024
"""Packed bytes that are given at once: a library that keeps others waiting does so for no longer than these take."""

Step = Callable[[memoryview], tuple[bytes, int, bool]]
"""Unpacks a piece: takes bytes that are still packed, gives what came out, how many of them went in, and whether it
ended.

Raises whatever its library raises for bytes that are damaged.
"""


_SNIFF = 256
_ASCII_TEXT = re.compile(rb"[\t\r\n -~]*")


def is_ascii_text(raw: bytes) -> bool:
    """Whether bytes begin as ASCII text does: what has no signature is not looked for in it."""
    return _ASCII_TEXT.fullmatch(raw, 0, _SNIFF) is not None


def unpacked(name: str, why: str, raw: bytes, begin: Callable[[], Step], context: Context) -> Peeled | None:
    """Unpack one stream after the other to the end of the bytes; None: nothing comes out of them.

    Of damaged bytes, what came out before the damage is given, and that is remarked on. Raises LimitReached.
    """
    parts = io.BytesIO()  # it grows in place, and gives away what it holds without a copy
    total, streams, packed = 0, 0, memoryview(raw)  # whose slices copy nothing
    remark = ""
    while packed:
        step = begin()
        first = total
        try:
            for piece, rest, ended in _pieces(step, packed):
                packed = rest
                total += len(piece)
                if total > context.room:
                    context.spend(name, total, len(raw))
                context.check_time(name)
                parts.write(piece)
                if ended:
                    break
            else:
                remark = f"cut off: its end is missing after {size(len(raw))}"
        except Refusal:
            raise
        except Exception as error:  # each library has errors of its own
            if not streams and not total:
                return None
            remark = f"damaged after the first {number(total)} bytes: {error}"
            if streams and total == first:
                remark = f"{number(len(packed))} bytes follow its end"
        if remark:
            break
        streams += 1
    content = parts.getvalue()
    if remark and not content:
        return None
    context.spend(name, total, len(raw))
    return Peeled(Fit.LIKELY if remark else Fit.CERTAIN, why, content, (remark,) if remark else ())


def unpacked_by_signature(
    name: str, signature: bytes, raw: bytes, begin: Callable[[], Step], context: Context, fault: str
) -> Peeled | None:
    """The same of bytes that begin with a signature; None for others. Raises Refusal with the `fault` that it must be
    where nothing comes out of them.
    """
    if not raw.startswith(signature):
        return None
    peeled = unpacked(name, "its signature", raw, begin, context)
    if peeled is None:
        raise Refusal(f"{name}: nothing can be unpacked; {fault}")
    return peeled


def _pieces(step: Step, packed: memoryview) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Take steps until the stream ends, or nothing comes out of it any more."""
    while True:
        piece, taken, ended = step(packed)
        if not piece and not ended and not taken:
            return
        packed = packed[taken:]
        yield piece, packed, ended
        if not piece and not packed and not ended:
            return
