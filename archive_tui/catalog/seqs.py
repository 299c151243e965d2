"""Numbers of rows (`seq`): millions of them, in four bytes each.

A catalog keeps five million rows at most and gives every row that it takes in the next number: four billion are more
than any program that runs for weeks will see.
"""

import struct
from array import array
from collections.abc import Iterable

_CODE = "I"
_WIDTH = struct.calcsize(_CODE)
_AT_ONCE = 50_000


def seqs_of(numbers: Iterable[int] = ()) -> "array[int]":
    """An array of these numbers."""
    return array(_CODE, numbers)


def index_of(seqs: "array[int]", seq: int) -> int | None:
    """Where a number stands first; None: nowhere. Several times faster than `array.index`, which boxes every number."""
    wanted = struct.pack(_CODE, seq)
    for start in range(0, len(seqs), _AT_ONCE):
        raw = seqs[start : start + _AT_ONCE].tobytes()
        offset = raw.find(wanted)
        while offset >= 0 and offset % _WIDTH:
            offset = raw.find(wanted, offset + 1)
        if offset >= 0:
            return start + offset // _WIDTH
    return None
