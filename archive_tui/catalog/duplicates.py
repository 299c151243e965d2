"""Which ids came already: exactly while they are few, and with rare false alarms when they are millions."""

from collections.abc import Iterable

_SLOTS = 1 << 24
"""Bytes, of which each id takes one: when a million have come, one new id in 17 raises a false alarm. Bits would do
with an eighth, but take twice the time.
"""

_EXACT = 50_000


class Seen:
    """Remembers hashes: of the first thousands themselves, then where each falls among some million slots."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._slots = bytearray()

    @property
    def exact(self) -> bool:
        """Whether what may have come before certainly did."""
        return not self._slots

    def sift(self, ids: Iterable[object], salt: int = 0) -> list[int]:
        """Remember ids, and give the places of those that may have come before; all others are certainly new. Ids that
        are told apart by more than themselves need a `salt`.
        """
        if len(self._hashes) > _EXACT:
            self._slots = bytearray(_SLOTS)
            for one in self._hashes:
                self._slots[one % _SLOTS] = 1
            self._hashes.clear()
        return self._sift_slots(ids, salt) if self._slots else self._sift_hashes(ids, salt)

    def _sift_hashes(self, ids: Iterable[object], salt: int) -> list[int]:
        known = self._hashes
        old: list[int] = []
        for place, one in enumerate(map(hash, ids)):
            if one ^ salt in known:
                old.append(place)
            else:
                known.add(one ^ salt)
        return old

    def _sift_slots(self, ids: Iterable[object], salt: int) -> list[int]:
        slots, mask = self._slots, _SLOTS - 1
        old: list[int] = []
        for place, one in enumerate(map(hash, ids)):
            at = (one ^ salt) & mask
            if slots[at]:
                old.append(place)
            else:
                slots[at] = 1
        return old
