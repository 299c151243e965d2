"""Selections: frozen choices of rows, of which plans are made."""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks

Name = TypeVar("Name", bound=str | None)

_BATCH = 1_000

_GROUPED = 50_000
"""Rows up to which a plan groups their errors: where no two are alike, it takes a second."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a selection."""

    count: int
    """Rows."""

    stored_bytes: int
    """Estimate of the bytes that they take in Redis, without those of unknown size."""

    unsized: int
    """Rows of unknown size."""

    locked: int
    """Tasks that name a unique lock."""

    fixed_ids: int
    """Tasks with an id that their producer chose, and that nobody can enqueue again while the data exists."""

    by_queue: dict[str, int]
    """Rows by queue, the most first; so are the next two."""

    by_type: dict[str, int]
    """Rows by type of task."""

    by_kind: dict[Kind | None, int]
    """Rows by kind of finding; None: rows that are none."""

    first_ids: tuple[bytes, ...]
    """Ids of up to three rows, in the order of the selection."""

    by_error: dict[str, int] = field(default_factory=dict)
    """Rows by the signature of their error, the most first; empty where none has one, or there are too many rows to
    group them in a moment.
    """

    oldest: int | None = None
    """When the first of them died or failed last, in unix seconds; None where none ever did."""

    newest: int | None = None
    """The same of the last of them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows chosen once; later filtering, sorting and scanning does not change them."""

    catalog: Catalog
    """Where the rows are."""

    seqs: "array[int]"
    """Their numbers, in the order in which they were chosen."""

    def __len__(self) -> int:
        return len(self.seqs)

    def batches(self, size: int = _BATCH) -> Iterator[list[tuple[int, TaskRow]]]:
        """The rows with their numbers, in order, in lists of up to `size`; rows that left the catalog are missing."""
        for start in range(0, len(self.seqs), size):
            part = self.seqs[start : start + size]
            rows = self.catalog.rows(part)
            yield [(seq, rows[seq]) for seq in part if seq in rows]

    def as_found(self) -> "array[int]":
        """The numbers in the order of the table. Reading two million rows in another order would touch each page of
        the file again and again.
        """
        marks = Marks()
        marks.add(self.seqs)
        return marks.seqs

    def totals(self) -> Totals:
        """Add the rows up. Reads them all: not for the UI loop."""
        count = stored = unsized = locked = fixed = 0
        died: list[int] = []
        queues, types, kinds = Counter[str](), Counter[str](), Counter[Kind | None]()
        for (queue, kind, type_), sums in self.catalog.add_up(self.as_found()):
            count += sums.rows
            stored += sums.stored_bytes
            unsized += sums.unsized
            locked += sums.locked
            fixed += sums.fixed_ids
            queues[queue] += sums.rows
            types[type_] += sums.rows
            kinds[kind] += sums.rows
            died += [moment for moment in (sums.oldest, sums.newest) if moment is not None]
        first = [row.id for _, row in next(Selection(self.catalog, self.seqs[:3]).batches(), [])]
        errors = Counter(self.catalog.errors(self.seqs)) if count <= _GROUPED else Counter[str]()
        return Totals(
            count, stored, unsized, locked, fixed, _ranked(queues), _ranked(types), _ranked(kinds), tuple(first),
            _ranked(errors), min(died, default=None), max(died, default=None),
        )  # fmt: skip


def _ranked(counter: Counter[Name]) -> dict[Name, int]:
    """Sort counts by name, the highest first, equal ones by their names."""
    return dict(sorted(counter.items(), key=lambda counted: (-counted[1], counted[0] or "")))
