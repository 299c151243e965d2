"""A change on the command line, whichever it is: the plan is shown, confirmed, carried out and reported."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from archive_tui.asynq.installation import written
from archive_tui.asynq.outcomes import Verb
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.report import Report
from archive_tui.changes.sheet import Line, Sheet
from archive_tui.commands.confirmation import Ask, confirm, refuse_unasked
from archive_tui.commands.foreground import attend, change_line
from archive_tui.commands.output import print_result, report_lines, sheet_lines
from archive_tui.commands.queues import refuse_unknown
from archive_tui.commands.reading import catalog_for
from archive_tui.errors import ExitCode, RefusedError
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.text import clip, readable
from archive_tui.wording.programs import json_line

_FILTER = 200


@dataclass(frozen=True, slots=True)
class Manner:
    """The flags that every change on the command line has."""

    out: TextIO
    """For results."""
    err: TextIO
    """For everything else: a plan to be confirmed, progress, warnings."""
    ask: Ask | None
    """Puts a question; None where nobody sits at a terminal."""
    reason: str = ""
    """The reason for journal and audit; empty for none."""
    dry_run: bool = False
    """True shows the plan and changes nothing."""
    yes: bool = False
    """True needs no confirmation."""
    as_json: bool = False
    """True prints plan and report as one JSON object."""
    ids: bool = False
    """True prints the tasks of a plan that is only shown, a line of JSON each, and the plan itself on `err`."""
    progress: bool = False
    """True shows the progress on `err`."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that is ready to be carried out."""

    sheet: Sheet
    nothing: str
    """The line to print where there is nothing to do."""
    start: Callable[[], ChangeJob]
    report: Callable[[ChangeProgress], Report]
    """Puts the progress of the job into words."""
    choice: Mapping[str, Any]
    """The choice of its tasks for programs: fields of the JSON object."""
    ids: Callable[[], Iterator[tuple[str, bytes]]]
    """Gives queue and id of each task of the plan."""
    whole: bool = True
    """False where more was found than the plan holds, so that the command has to be run again."""


def refuse_change(session: Session, verb: Verb, manner: Manner) -> None:
    """Raise RefusedError where the change would be refused whatever its plan says: in a read-only session, and where
    nobody is there to confirm it. A dry run is always allowed.
    """
    if not manner.dry_run:
        if session.read_only:
            raise RefusedError(f"{session.why_read_only}: nothing can be {verb.past}")
        refuse_unasked(verb.past, yes=manner.yes, ask=manner.ask)


@contextmanager
def choosing(session: Session, verb: Verb, manner: Manner, queue: str | None) -> Iterator[tuple[Catalog, float]]:
    """Refuse what cannot be done in a queue (None: no queue), then give an empty catalog for the rows to choose from,
    and the moment, in unix seconds, from which these may have changed.

    Raises RefusedError, and NotFoundError where there is no such queue.
    """
    refuse_change(session, verb, manner)
    if queue is not None:
        refuse_unknown(session, [queue])
        session.refuse_old(queue)
    with catalog_for(session) as catalog:
        yield catalog, session.seen_at(session.clock())


def flags_of(**values: str | int | None) -> str:
    """Write flags as they were given, for the audit; those without a value are left out."""
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in values.items() if value not in (None, ""))


def filter_line(where: str) -> Iterable[Line]:
    """The filter that chose the tasks of a plan; no line where there is none."""
    if where:
        yield Line(clip(where, _FILTER), "filter")


def carry_out(session: Session, planned: Planned, manner: Manner) -> ExitCode:
    """Have a plan confirmed (by --yes, or by its count typed), carry it out, and print what became of it."""
    sheet, server = planned.sheet, session.server
    refused = session.why_read_only if session.read_only else None
    described = {
        "server": server.address,
        **namespace_field(server.keys.namespace),
        **planned.choice,
        **sheet.facts,
        "refused": refused,
    }
    shown = sheet_lines(sheet, server.place)
    if manner.dry_run or not sheet.count:
        text = shown if sheet.count else [planned.nothing, *[one.alone for one in sheet.cautions]]
        if refused:
            text = [*text, f"this cannot be done here: {refused}"]
        if manner.ids:
            print(*text, sep="\n", file=manner.err)
            _print_ids(planned.ids(), server.keys.namespace, manner.out)
            return ExitCode.DONE if planned.whole else ExitCode.IN_PART
        print_result(described | {"report": None} if manner.as_json else text, manner.out)
        return ExitCode.DONE if planned.whole or manner.dry_run else ExitCode.IN_PART
    if not manner.yes:
        print(*shown, sep="\n", file=manner.err)
    confirm(sheet.count, sheet.verb, yes=manner.yes, ask=manner.ask)
    job, interrupted = attend(planned.start, (lambda job: change_line(job.progress)) if manner.progress else None)
    report = planned.report(job.progress)
    text = [*[one.alone for one in sheet.cautions if manner.yes], *report_lines(report)]
    print_result(described | {"report": report.facts} if manner.as_json else text, manner.out)
    if job.error is not None:
        if not report.changed_something:
            raise job.error
        print(f"archive-tui: {job.error}", file=manner.err)
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.IN_PART if job.error is not None or report.in_part or not planned.whole else ExitCode.DONE


def _print_ids(ids: Iterator[tuple[str, bytes]], namespace: str, out: TextIO) -> None:
    own = namespace_field(namespace)
    for queue, task_id in ids:
        print(json_line({**own, "queue": written(queue), "id": readable(task_id)}), file=out)
