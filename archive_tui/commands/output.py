"""What the commands print alike."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from archive_tui.asynq.outcomes import Outcome, Verb
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.wording.people import number
from archive_tui.wording.programs import json_line


def print_result(what: dict[str, Any] | str, out: TextIO) -> None:
    """Print one object as JSON, or a text."""
    print(what if isinstance(what, str) else json_line(what), file=out)


LONGEST_NAME = 40
"""How much of a name a table shows: one long name must not push the figures of all others off the screen."""


def print_table(heads: Sequence[str], lines: Sequence[Sequence[str]], out: TextIO) -> None:
    """Print columns, the first one flush left and the others flush right."""
    widths = [max(_cells(row[column]) for row in [heads, *lines]) for column in range(len(heads))]
    for row in [heads, *lines]:
        room = [" " * (width - _cells(cell)) for cell, width in zip(row, widths, strict=True)]
        first, *others = zip(row, room, strict=True)
        print("  ".join(["".join(first), *[blank + cell for cell, blank in others]]).rstrip(), file=out)


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes: a sign of Chinese two, an accent on another sign none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def named(outcomes: Mapping[Outcome, int], verb: Verb) -> dict[str, int]:
    """Counts by outcome, in the order of the outcomes and by their names."""
    return {verb.name(outcome).replace("_", "-"): count for outcome, count in sorted(outcomes.items())}


def change_json(report: ChangeProgress) -> dict[str, Any]:
    """A report, but for what its job calls the tasks that it changed."""
    return {
        "gone": report.needless,
        "unconfirmed": report.unconfirmed,
        "skipped": named({one: count for one, count in report.outcomes.items() if not one.achieved}, report.verb),
        "unknown": report.unknown,
        "untouched": report.untouched,
        "journal": str(report.journal) if report.journal is not None else None,
        "caution": report.caution or None,
        "error": report.error or None,
    }


def change_lines(report: ChangeProgress) -> Iterator[str]:
    """A report in words, but for the tasks that were changed as planned and no more than that."""
    for outcome, count in sorted(report.outcomes.items()):
        if outcome is not Outcome.DONE:
            yield f"{number(count):>10}  {report.verb.sentence(outcome)}"
    if report.unknown:
        yield f"{report.unknown:>10,}  unknown: sent, but the answer had not come"
    if report.unconfirmed:
        yield f"{report.unconfirmed:>10,}  unconfirmed: sent twice; the first try did it, or somebody else"
    if report.untouched:
        yield f"{report.untouched:>10,}  not touched"
    if report.caution:
        yield report.caution
