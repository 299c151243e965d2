"""How a command carries out a change: the plan is shown, confirmed, done and reported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.repair import RepairJob
from archive_tui.commands.confirmation import Ask, confirm, refuse_unasked
from archive_tui.commands.foreground import change_line, wait
from archive_tui.commands.output import print_result
from archive_tui.commands.queues import refuse_unknown
from archive_tui.errors import ArchiveTuiError, ExitCode, RefusedError
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about a change. `ask` is None where nobody sits at a terminal; `progress` says whether to show on
    stderr how it goes.
    """

    out: TextIO
    err: TextIO
    ask: Ask | None
    pace: Pace = Pace.POLITE
    reason: str = ""
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False
    progress: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A plan that is ready: what it says, and how to carry it out. `verb` and `done` are as in delete, deleted."""

    count: int
    verb: str
    done: str
    text: str
    described: dict[str, Any]
    start: Callable[[], DeleteJob | RepairJob]
    report_text: Callable[[Any], str]
    report_json: Callable[[Any], dict[str, Any]]


def refuse_change(session: Session, queue: str, query: Query, done: str, manner: Manner) -> None:
    """Raise what can be said before anything is read: a filter that cannot be understood, a read-only session, nobody
    to confirm, no such queue.
    """
    query.where()
    if not manner.dry_run:
        if session.read_only:
            raise RefusedError(f"{session.why_read_only}: nothing can be {done}")
        refuse_unasked(done, yes=manner.yes, ask=manner.ask)
    refuse_unknown(session, [queue])


def read(session: Session, job: Job, manner: Manner, tell: Callable[[], str], done: str) -> bool:
    """Run a job that reads what a plan is made of; True where somebody interrupted it."""
    session.run(job)
    if wait(job, tell if manner.progress else None):
        return True
    if job.error is not None:
        raise job.error
    if job.state is not JobState.DONE:
        raise ArchiveTuiError(f"the queue could not be read whole: nothing was {done}")
    return False


def say_what_is_missing(catalog: Catalog, what_first: str, err: TextIO) -> None:
    """More was found than fits into the table: that can be done, and then the rest."""
    if catalog.trouble:
        print(f"archive-tui: {catalog.trouble}: {what_first}, and then run it again", file=err)


def carry_out(change: Change, manner: Manner, *, whole: bool) -> int:
    """Have a plan confirmed (by --yes, or by its count typed), carry it out and print what became of it. `whole` says
    whether it holds everything that was found.
    """
    if manner.dry_run or not change.count:
        print_result(change.described | {"report": None} if manner.as_json else change.text, manner.out)
        return ExitCode.DONE if whole or manner.dry_run else ExitCode.IN_PART
    if not manner.yes:
        print(change.text, file=manner.err)
    confirm(change.count, change.verb, change.done, yes=manner.yes, ask=manner.ask)
    job = change.start()
    interrupted = wait(job, (lambda: change_line(job.progress)) if manner.progress else None)
    report = job.progress
    said = change.described | {"report": change.report_json(report)} if manner.as_json else change.report_text(report)
    print_result(said, manner.out)
    if job.error is not None:
        if not (report.made or report.unknown):
            raise job.error
        print(f"archive-tui: {job.error}", file=manner.err)
    in_part = job.error is not None or report.in_part or not whole
    return ExitCode.INTERRUPTED if interrupted else ExitCode.IN_PART if in_part else ExitCode.DONE
