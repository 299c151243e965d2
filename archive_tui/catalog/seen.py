"""Which ids came already: exactly while they are few, and with rare false alarms when they are millions."""

from collections.abc import Iterable

_BITS = 27
"""Two to this many bits are 16 MiB; one id in 270 raises a false alarm when a million have come."""

_EXACT = 50_000


class Seen:
    """Remembers 64-bit hashes: the first thousands themselves, then one bit of a bitmap for each."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._bits = bytearray()

    def sift(self, hashes: Iterable[int]) -> tuple[list[int], list[int]]:
        """The places of the hashes that are certainly new, and of those that may have come before."""
        if len(self._hashes) > _EXACT:
            self._bits = bytearray(1 << (_BITS - 3))
            self._sift_bits(self._hashes)
            self._hashes.clear()
        return self._sift_bits(hashes) if self._bits else self._sift_hashes(hashes)

    def _sift_hashes(self, hashes: Iterable[int]) -> tuple[list[int], list[int]]:
        known = self._hashes
        new: list[int] = []
        old: list[int] = []
        for place, one in enumerate(hashes):
            if one in known:
                old.append(place)
            else:
                known.add(one)
                new.append(place)
        return new, old

    def _sift_bits(self, hashes: Iterable[int]) -> tuple[list[int], list[int]]:
        bits, mask = self._bits, (1 << _BITS) - 1
        new: list[int] = []
        old: list[int] = []
        for place, one in enumerate(hashes):
            at = one & mask
            bit = 1 << (at & 7)
            if bits[at >> 3] & bit:
                old.append(place)
            else:
                bits[at >> 3] |= bit
                new.append(place)
        return new, old
