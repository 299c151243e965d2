"""Counts of rows, kept as rows come and go: nobody waits for a walk over the table."""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import RowBatch, own, repeated, repeating

TOP_TYPES = 50
"""Types that the screen shows with their counts."""

_TYPE, _STORED_BYTES = repeating("type"), own("stored_bytes")

Change = tuple[str, Kind | None, str, int]
"""Queue, kind and type, and the number of rows that have come (or gone, below 0)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of rows at one moment."""

    total: int = 0
    """All rows, also those that were only counted."""

    by_queue: dict[str, int] = field(default_factory=dict)
    """Rows by queue."""

    by_kind: dict[Kind, int] = field(default_factory=dict)
    """Findings by kind, the most first."""

    by_type: dict[str, int] = field(default_factory=dict)
    """Rows of the commonest `TOP_TYPES` types, the most first."""

    types: int = 0
    """Types that there are in all."""

    unkept: int = 0
    """Rows that were only counted, because the table has reached its limit or the disk is full."""


class Tally:
    """Running counts."""

    def __init__(self) -> None:
        self.kept = 0
        """Rows in the table."""
        self.unkept = 0
        """Rows that were only counted."""
        self.unkept_sums: dict[tuple[str, Kind | None], tuple[int, int]] = {}
        """Their number and an estimate of their bytes in Redis, by queue and kind."""
        self._by_queue: Counter[str] = Counter()
        self._by_kind: Counter[Kind] = Counter()
        self._by_type: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All rows that were counted."""
        return self._by_queue.total()

    def take(self, batch: RowBatch, kept: int) -> None:
        """Count a batch of which the first `kept` rows stand in the table."""
        count = len(batch.values)
        self.kept += kept
        if kept < count:
            self.unkept += count - kept
            known, stored = self.unkept_sums.get((batch.queue, batch.kind), (0, 0))
            more = sum(size or 0 for size in map(_STORED_BYTES, batch.values[kept:]))
            self.unkept_sums[batch.queue, batch.kind] = (known + count - kept, stored + more)
        self._by_queue[batch.queue] += count
        if batch.kind is not None:
            self._by_kind[batch.kind] += count
        self._by_type.update(map(_TYPE, map(repeated, batch.values)))

    def change(self, changes: Iterable[Change]) -> None:
        """Count rows that have come into the table or left it."""
        for queue, kind, type_, count in changes:
            self.kept += count
            self._by_queue[queue] += count
            self._by_type[type_] += count
            if not self._by_type[type_]:
                del self._by_type[type_]
            if kind is not None:
                self._by_kind[kind] += count

    def counts(self) -> Counts:
        """The counts as they are now."""
        return Counts(
            self.total,
            +self._by_queue,
            dict(sorted((+self._by_kind).items(), key=_commonest)),
            dict(heapq.nsmallest(TOP_TYPES, self._by_type.items(), key=_commonest)),
            len(self._by_type),
            self.unkept,
        )


def _commonest(counted: tuple[str, int]) -> tuple[int, str]:
    """Key that sorts by count, the highest first, then by name."""
    return -counted[1], counted[0]
