"""Detection of ids that came before: exact while they are few, with rare false alarms when they are millions."""

from collections.abc import Iterable, Sequence
from operator import itemgetter

_SLOTS = 1 << 24
"""Bytes of the table, of which each id takes one: after a million ids, one new id in 17 raises a false alarm. Bits
would need an eighth of the room and twice the time.
"""

_EXACT = 50_000
"""Ids up to which the hashes themselves are kept."""


class KnownIds:
    """A set of hashes of ids: the hashes themselves while they are few, then a mark in one of 16 million slots each."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._slots = bytearray()

    @property
    def exact(self) -> bool:
        """An id that `sift` reports has certainly come before."""
        return not self._slots

    def sift(self, ids: Iterable[object], salt: int = 0) -> list[int]:
        """Remember ids, and return the positions of those that may have come before; all others are certainly new.

        Equal ids with different values of `salt`, such as the hash of their queue, are different ids.
        """
        if len(self._hashes) > _EXACT:
            self._slots = bytearray(_SLOTS)
            for value in self._hashes:
                self._slots[value % _SLOTS] = 1
            self._hashes.clear()
        if self._slots:
            mask = _SLOTS - 1
            return self._sift_slots([(value ^ salt) & mask for value in map(hash, ids)])
        return self._sift_hashes([value ^ salt for value in map(hash, ids)])

    def _sift_hashes(self, values: Sequence[int]) -> list[int]:
        known, new = self._hashes, set(values)
        if len(new) == len(values) and known.isdisjoint(new):  # nearly always
            known |= new
            return []
        repeated: list[int] = []
        for position, value in enumerate(values):
            if value in known:
                repeated.append(position)
            else:
                known.add(value)
        return repeated

    def _sift_slots(self, places: Sequence[int]) -> list[int]:
        slots = self._slots
        repeated: list[int] = []
        if 1 < len(places) == len(set(places)):
            # Looked up together, by one call of C
            repeated = [position for position, taken in enumerate(itemgetter(*places)(slots)) if taken]
            for place in places:
                slots[place] = 1
            return repeated
        for position, place in enumerate(places):
            if slots[place]:
                repeated.append(position)
            else:
                slots[place] = 1
        return repeated
