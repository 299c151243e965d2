"""Detection of ids that came before: exact while they are few, with rare false alarms when they are millions."""

from collections.abc import Iterable

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
        return self._sift_slots(ids, salt) if self._slots else self._sift_hashes(ids, salt)

    def _sift_hashes(self, ids: Iterable[object], salt: int) -> list[int]:
        known = self._hashes
        repeated: list[int] = []
        for position, value in enumerate(map(hash, ids)):
            if value ^ salt in known:
                repeated.append(position)
            else:
                known.add(value ^ salt)
        return repeated

    def _sift_slots(self, ids: Iterable[object], salt: int) -> list[int]:
        slots, mask = self._slots, _SLOTS - 1
        repeated: list[int] = []
        for position, value in enumerate(map(hash, ids)):
            slot = (value ^ salt) & mask
            if slots[slot]:
                repeated.append(position)
            else:
                slots[slot] = 1
        return repeated
