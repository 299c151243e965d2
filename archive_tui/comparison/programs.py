"""A comparison for programs, as plain values of JSON."""

from typing import Any

from archive_tui.comparison.rows import Comparison, Row, Section


def for_programs(comparison: Comparison, *, everything: bool) -> dict[str, Any]:
    """The sections by name; `everything` brings also the rows that are the same. `not_shown` counts the differences
    that are not among the rows, because there are too many.
    """
    return {
        "differences": comparison.differing,
        "remarks": list(comparison.remarks),
        **{section.title.lower(): _section(section, everything=everything) for section in comparison.sections},
    }


def _section(section: Section, *, everything: bool) -> dict[str, Any]:
    return {
        "differences": section.differing,
        "same": section.same,
        "not_shown": section.left_out,
        "note": section.note,
        "rows": [_row(row) for row in section.shown(everything=everything)],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "at": row.label,
        "verdict": row.verdict.value,
        "first": row.first_value,
        "second": row.second_value,
        "note": row.note,
    }
