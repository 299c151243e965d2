"""The frozen choice of rows that a plan is made of (DESIGN.md section 6)."""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks

Name = TypeVar("Name", bound=str | None)

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Totals:
    """What a selection adds up to. `stored_bytes` is an estimate; `unsized` rows are not in it. `locked` tasks carry a
    unique key; `fixed_ids` were chosen by their producer, and block that job for as long as the data exists.
    """

    count: int
    stored_bytes: int
    unsized: int
    locked: int
    fixed_ids: int
    by_queue: dict[str, int]
    by_type: dict[str, int]
    by_kind: dict[Kind | None, int]
    first_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Row numbers, chosen once; what is filtered, sorted or found later does not change them."""

    catalog: Catalog
    seqs: "array[int]"

    def __len__(self) -> int:
        return len(self.seqs)

    def batches(self, size: int = _BATCH) -> Iterator[list[tuple[int, TaskRow]]]:
        """The chosen rows with their numbers, in their order; rows forgotten meanwhile are left out."""
        for start in range(0, len(self.seqs), size):
            part = self.seqs[start : start + size]
            rows = self.catalog.rows(part)
            yield [(seq, rows[seq]) for seq in part if seq in rows]

    def as_found(self) -> "array[int]":
        """The chosen numbers in the order in which the rows were found, and stand in the table: to read and to remove
        two million rows in another order would touch every page of it again and again.
        """
        marks = Marks()
        marks.add(self.seqs)
        return array("q", marks)

    def totals(self) -> Totals:
        """Add the chosen rows up. Reads them all: not for the UI loop."""
        count = stored = unsized = locked = fixed = 0
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
        first = [row.id for _, row in next(Selection(self.catalog, self.seqs[:3]).batches(), [])]
        return Totals(
            count, stored, unsized, locked, fixed, _ranked(queues), _ranked(types), _ranked(kinds), tuple(first),
        )  # fmt: skip


def _ranked(counter: Counter[Name]) -> dict[Name, int]:
    """Counts by name, the highest first, then in the order of the names."""
    return dict(sorted(counter.items(), key=lambda counted: (-counted[1], counted[0] or "")))
