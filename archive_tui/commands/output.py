"""The forms of output that several commands share: a result as text or JSON, a table, a sheet, a report."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from archive_tui.changes.report import Report
from archive_tui.changes.sheet import Sheet
from archive_tui.jobs.records import RecordColumn, Taken, cell
from archive_tui.text import clip
from archive_tui.wording.programs import json_line


def print_result(result: Mapping[str, Any] | Iterable[str], out: TextIO) -> None:
    """Print one object as JSON, or the lines of a text."""
    if isinstance(result, Mapping):
        print(json_line(result), file=out)
    else:
        print(*result, sep="\n", file=out)


LONGEST_NAME = 40
"""Characters of a name in a table: one long name must not push the figures of all others off the screen."""


def print_table(heads: Sequence[str], lines: Sequence[Sequence[str]], out: TextIO, *, names: int = 1) -> None:
    """Print columns, the first ones, which hold so many `names`, flush left and the others flush right."""
    widths = [max(_cells(row[column]) for row in [heads, *lines]) for column in range(len(heads))]
    for row in [heads, *lines]:
        room = [" " * (width - _cells(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = list(zip(row, room, strict=True))
        left = [cell + blank for cell, blank in cells[:names]]
        print("  ".join([*left, *[blank + cell for cell, blank in cells[names:]]]).rstrip(), file=out)


def _cells(text: str) -> int:
    """Count the columns of a terminal that a text takes: a sign of Chinese two, an accent on another sign none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def sheet_lines(sheet: Sheet, place: str) -> Iterator[str]:
    """A plan for people: one line for each of the sheet's, the block's name before the first that has no label."""
    yield f"{sheet.summary} at {place}"
    for name, lines in sheet.blocks:
        block = name.lower()
        for one in lines:
            label = one.label or block
            yield f"  {label:<8} {one.text}"
            block = block if one.label else ""


def report_lines(report: Report) -> Iterator[str]:
    """A report for people."""
    yield from (one.text for one in report.ending)
    yield report.title[:1].lower() + report.title[1:]
    yield from (f"{one.number:>10,}  {one.sentence}" for one in report.counts if not one.in_title)
    yield from (one.text for one in report.notes)
    if report.examples:
        yield "not as planned:"
        yield from (f"  {task_id}  {sentence}" for task_id, sentence in report.examples)
        if report.more:
            yield f"  and {report.more:,} more"


_AT_ONCE = 500
"""Rows by which the widths of a long table are found: it is printed as it is read."""

_LONGEST_CELL, _LONGEST_ID = 60, 200
_LAST_CELL, _LEAST_LAST = 200, 20
"""Characters of the last column where there is no terminal, and the least that it has on one."""


class TableForm:
    """Tasks as a table for people: the last column has what room is left, the id stays whole."""

    def __init__(self, columns: Sequence[RecordColumn], width: int | None) -> None:
        """`width` is that of the terminal; None where there is none."""
        self._columns = columns
        self._width = width
        self._waiting: list[list[str]] = []
        self._widths: list[int] = []
        self.in_message = any(column.in_message for column in columns)

    def head(self) -> bytes:
        return b""

    def line(self, task: Taken) -> bytes:
        self._waiting.append([self._cell(column, task) for column in self._columns])
        return self._flush() if len(self._waiting) >= _AT_ONCE else b""

    def tail(self) -> bytes:
        return self._flush()

    def _cell(self, column: RecordColumn, task: Taken) -> str:
        longest = _LONGEST_ID if column.name == "id" else _LAST_CELL if column is self._columns[-1] else _LONGEST_CELL
        return clip(cell(column.value(task)), longest)

    def _flush(self) -> bytes:
        rows, self._waiting = self._waiting, []
        if not self._widths:
            rows = [[column.name.upper() for column in self._columns], *rows] if rows else []
            self._widths = [max((_cells(row[at]) for row in rows), default=0) for at in range(len(self._columns))]
        return "".join(f"{self._line(row)}\n" for row in rows).encode()

    def _line(self, row: Sequence[str]) -> str:
        *first, last = row
        shown = ""
        for column, text, width in zip(self._columns, first, self._widths, strict=False):
            blank = " " * (width - _cells(text))
            shown += f"{blank}{text}  " if column.number else f"{text}{blank}  "
        if self._width is not None:
            last = clip(last, max(self._width - _cells(shown), _LEAST_LAST))
        return f"{shown}{last}".rstrip()
