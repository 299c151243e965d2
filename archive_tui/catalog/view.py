"""Views: what a table shows at one moment. The row numbers are frozen in their order, the rows read page by page."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query
from archive_tui.catalog.seqs import index_of, seqs_of


class ShownRow(TaskRow):
    """A row with what columns show of its message."""

    values: dict[str, str]
    """By the names of the columns."""

    def __new__(cls, *columns: Any) -> "ShownRow":
        row = super().__new__(cls, *columns)
        row.values = {}
        return row


GONE = TaskRow("", b"", None, readable=False)
"""The row shown where one has left the catalog since the view was made."""


@dataclass(frozen=True, slots=True)
class View:
    """The answer to a query."""

    catalog: Catalog
    """Where the rows are."""

    query: Query
    """What was asked."""

    version: int
    """The catalog's version then: the view is out of date when the catalog has another."""

    seqs: "array[int]" = field(default_factory=seqs_of)
    """Numbers of the rows, in the order of the query."""

    edition: int = -1
    """The catalog's edition then: while the catalog has the same, rows were only added since."""

    values: tuple[MessageValue, ...] = ()
    """What its rows show of their messages."""

    unmasked: bool = False
    """Whether its rows show their errors as they are."""

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        query: Query,
        before: "View | None" = None,
        values: tuple[MessageValue, ...] = (),
        *,
        unmasked: bool = False,
    ) -> "View":
        """Answer a query. May take seconds on millions of rows: not for the UI loop.

        Where rows were only added since the view `before`, and the order is the one in which they came, only the new
        ones are asked for.
        """
        for value in values:  # so that pages find their tables: making one may have to wait for a writer
            catalog.values((), value)
        version, edition = catalog.version, catalog.edition
        if (
            query.by_row
            and before is not None
            and len(before)
            and (before.catalog, before.query, before.edition) == (catalog, query, edition)
            and query.as_found
        ):
            seqs = before.seqs + catalog.find(query, after=before.seqs[-1])
        else:
            seqs = catalog.find(query)
        return cls(catalog, query, version, seqs, edition, values, unmasked)

    def without(self, key: int) -> "View":
        """This view without the row with this number."""
        index = self.find(key)
        return self if index is None else replace(self, seqs=self.seqs[:index] + self.seqs[index + 1 :])

    def __len__(self) -> int:
        return len(self.seqs)

    def key(self, index: int) -> int:
        """The number of the row at an index: its identity across views."""
        return self.seqs[index]

    def find(self, key: int) -> int | None:
        """The index of the row with this number; None: the view does not show it."""
        return index_of(self.seqs, key)

    def page(self, start: int, count: int) -> Sequence[TaskRow]:
        """Up to `count` rows from an index on; `GONE` for each that has left the catalog."""
        seqs = self.seqs[start : start + count]
        rows = self.catalog.rows(seqs, unmasked=self.unmasked)
        if not self.values:
            return [rows.get(seq, GONE) for seq in seqs]
        shown = {seq: ShownRow(*row) for seq, row in rows.items()}
        for value in self.values:
            for seq, kept in self.catalog.values(seqs, value).items():
                if seq in shown:
                    shown[seq].values[value.name] = value.shown(kept)
        return [shown.get(seq, GONE) for seq in seqs]
