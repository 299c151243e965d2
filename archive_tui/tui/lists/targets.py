"""Targets: the rows that an operator has chosen on a screen, frozen when a command takes them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Protocol

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.catalog.seqs import seqs_of


class Targets(Protocol):
    """Rows of a catalog for which a change is to be planned."""

    @property
    def catalog(self) -> Catalog:
        """Where the rows are."""

    @property
    def choice(self) -> str:
        """How they were chosen, in words for the audit."""

    @property
    def read_at(self) -> float | None:
        """When the rows were read, in unix seconds; None where that is not known."""

    def find(self) -> tuple[Marks, array[int]]:
        """The chosen rows, as marks of the caller's own, and the rows in sight, in their order. Not for the UI loop."""


@dataclass(frozen=True, slots=True)
class MarkedRows:
    """Rows that were marked, or pointed at."""

    catalog: Catalog
    marks: Marks
    """The chosen rows: a copy, which no later marking changes."""
    shown: array[int]
    """The rows in sight, in their order. The plan warns of chosen rows that are not among them."""
    choice: str
    read_at: float | None

    def find(self) -> tuple[Marks, array[int]]:
        return self.marks.copy(), self.shown


@dataclass(frozen=True, slots=True)
class MatchingRows:
    """Every row that matches a query when the plan is made: a cell of a table of counts, for instance."""

    catalog: Catalog
    query: Query
    choice: str
    read_at: float | None

    def find(self) -> tuple[Marks, array[int]]:
        seqs = self.catalog.find(self.query)
        marks = Marks()
        marks.add(seqs)
        return marks, seqs


def single_row(catalog: Catalog, seq: int, choice: str, read_at: float | None) -> MarkedRows:
    """One row, and no other."""
    marks = Marks()
    marks.add([seq])
    return MarkedRows(catalog, marks, seqs_of([seq]), choice, read_at)
