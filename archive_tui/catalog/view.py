"""What a table shows at one moment: the row numbers in their order, frozen; the rows are fetched page by page."""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query, Sort

_WIDTH = struct.calcsize("q")

GONE = TaskRow("", b"", None, readable=False)
"""Stands where a row was forgotten after the view was made."""


@dataclass(frozen=True, slots=True)
class View:
    """The answer to a query. `version` is the catalog's at that time: a view is stale when the catalog has moved on."""

    catalog: Catalog
    query: Query
    version: int
    seqs: "array[int]" = field(default_factory=lambda: array("q"))
    edition: int = -1

    @classmethod
    def of(cls, catalog: Catalog, query: Query, before: "View | None" = None) -> "View":
        """Answer a query. May take seconds on millions of rows: not for the UI loop.

        Where rows were only added since the view `before`, and the order is the one in which they came, only the new
        ones are asked for.
        """
        version, edition = catalog.version, catalog.edition
        if (
            before is not None
            and len(before)
            and (before.catalog, before.query, before.edition) == (catalog, query, edition)
            and query.sort is Sort.FOUND
            and not query.descending
        ):
            seqs = before.seqs + catalog.find(query, after=before.seqs[-1])
        else:
            seqs = catalog.find(query)
        return cls(catalog, query, version, seqs, edition)

    def __len__(self) -> int:
        return len(self.seqs)

    def key(self, index: int) -> int:
        """The number (`seq`) of the row at an index: its identity across views."""
        return self.seqs[index]

    def find(self, key: int) -> int | None:
        """Where a row stands, None where the view does not show it."""
        raw, wanted = self.seqs.tobytes(), struct.pack("q", key)
        at = raw.find(wanted)  # several times faster than `array.index`, which boxes every number
        while at >= 0 and at % _WIDTH:
            at = raw.find(wanted, at + 1)
        return at // _WIDTH if at >= 0 else None

    def page(self, start: int, count: int) -> Sequence[TaskRow]:
        """The rows from an index on; `GONE` stands for a row forgotten meanwhile."""
        seqs = self.seqs[start : start + count]
        rows = self.catalog.rows(seqs)
        return [rows.get(seq, GONE) for seq in seqs]
