"""The result of a comparison: sections of rows, each with what the one side has, what the other has, and a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_ROWS = 5_000
"""Rows that differ, and as many that do not, which a section keeps: nobody reads more, and there may be millions."""


class Verdict(StrEnum):
    """How the two sides of a row stand to each other; the values are those of the JSON."""

    SAME = "same"
    VALUE = "value"
    """Both have it, with other values."""
    TYPE = "type"
    """Both have it, with values of other types."""
    ONLY_FIRST = "only-first"
    ONLY_SECOND = "only-second"


@dataclass(frozen=True, slots=True)
class Row:
    """One fact, header, path or line of both sides. All texts are foreign: `text.py` before they are shown."""

    label: str
    """The fact, the path, or the line's number."""

    first: str | None
    """What the first has, for people; None: it has nothing there."""

    second: str | None
    """The same of the second."""

    verdict: Verdict

    note: str = ""
    """What to know about it, in a few words of our own; empty for nothing."""

    first_value: Any = None
    """What the first has, for programs: plain values as `payloads.writing.for_programs` makes them."""

    second_value: Any = None
    """The same of the second."""

    @property
    def differs(self) -> bool:
        """Whether the sides differ here."""
        return self.verdict is not Verdict.SAME


@dataclass(slots=True)
class Section:
    """The rows of one kind, in their order. Counts go on where no more rows are kept."""

    title: str
    """Its heading: "Facts"."""

    rows: list[Row] = field(default_factory=list)
    """Those that are kept."""

    differing: int = 0
    """Rows that differ, kept or not."""

    same: int = 0
    """Rows that do not."""

    note: str = ""
    """A sentence on how it was compared; empty where that is plain."""

    def add(self, row: Row) -> None:
        """Count a row, and keep it if there is room."""
        if row.differs:
            self.differing += 1
            count = self.differing
        else:
            self.same += 1
            count = self.same
        if count <= MOST_ROWS:
            self.rows.append(row)

    @property
    def left_out(self) -> int:
        """Differing rows that are not kept."""
        return max(0, self.differing - MOST_ROWS)

    @property
    def same_left_out(self) -> int:
        """Rows without a difference that are not kept."""
        return max(0, self.same - MOST_ROWS)

    def shown(self, *, everything: bool) -> Iterator[Row]:
        """The rows that differ, or all of them."""
        return (row for row in self.rows if everything or row.differs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All sections of a comparison."""

    first: str
    """The name of the first side; foreign text."""

    second: str
    """The name of the other side."""

    sections: Sequence[Section]

    remarks: Sequence[str] = ()
    """Sentences on how much the comparison is worth, such as on a small sample."""

    alike: str = "the same"
    """What rows are that do not differ, in words."""

    @property
    def differing(self) -> int:
        """Rows that differ."""
        return sum(section.differing for section in self.sections)

    @property
    def same(self) -> int:
        """Rows that do not."""
        return sum(section.same for section in self.sections)
