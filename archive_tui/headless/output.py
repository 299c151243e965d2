"""What the commands print alike."""

from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from archive_tui.formats import json_line
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.present import number


def print_result(what: dict[str, Any] | str, out: TextIO) -> None:
    """Print one object as JSON, or a text."""
    print(what if isinstance(what, str) else json_line(what), file=out)


def print_table(heads: Sequence[str], lines: Sequence[Sequence[str]], out: TextIO) -> None:
    """Print columns, the first one flush left and the others flush right."""
    widths = [max(len(row[column]) for row in [heads, *lines]) for column in range(len(heads))]
    for row in [heads, *lines]:
        cells = [row[0].ljust(widths[0]), *[cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]]
        print("  ".join(cells).rstrip(), file=out)


def change_json(report: ChangeProgress[Any]) -> dict[str, Any]:
    """A report, but for what its job calls the tasks that it changed."""
    return {
        "gone": report.gone,
        "unconfirmed": report.unconfirmed,
        "skipped": {
            outcome.name.lower().replace("_", "-"): count
            for outcome, count in sorted(report.outcomes.items())
            if not outcome.done and not outcome.gone
        },
        "unknown": report.unknown,
        "untouched": report.untouched,
        "journal": str(report.journal) if report.journal is not None else None,
        "caution": report.caution or None,
        "error": report.error or None,
    }


def change_lines(report: ChangeProgress[Any], *, but: Any) -> Iterator[str]:
    """A report in words, but for one outcome that was said already."""
    for outcome, count in sorted(report.outcomes.items()):
        if outcome is not but:
            yield f"{number(count):>10}  {outcome.sentence}"
    if report.unknown:
        yield f"{report.unknown:>10,}  unknown: sent, but the answer had not come"
    if report.unconfirmed:
        yield f"{report.unconfirmed:>10,}  unconfirmed: sent twice; the first try did it, or somebody else"
    if report.untouched:
        yield f"{report.untouched:>10,}  not touched"
    if report.caution:
        yield report.caution
