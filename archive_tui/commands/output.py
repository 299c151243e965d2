"""The forms of output that several commands share: a result as text or JSON, a table, a sheet, a report."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from archive_tui.changes.report import Report
from archive_tui.changes.sheet import Sheet
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
