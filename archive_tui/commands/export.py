"""`archive-tui export`: archived tasks, or findings of a kind, written to a new file."""

import sys
from pathlib import Path
from typing import TextIO

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.commands.foreground import attend
from archive_tui.commands.queues import refuse_unknown
from archive_tui.commands.reading import catalog_for, read_contents, read_kind
from archive_tui.errors import ExitCode, NotFoundError, UsageError
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session
from archive_tui.text import line
from archive_tui.wording.people import plural


def export(
    session: Session, queue: str, kind: Kind | None, where: str, path: Path, *, pace: Pace, out: TextIO
) -> ExitCode:
    """Write archived tasks, or findings of a kind, to a new file. `where` is a filter, empty for all."""
    query = Query(where, kind, now=session.clock())
    query.where()
    refuse_unknown(session, [queue])
    if path.exists():
        raise UsageError(f"{line(str(path))} exists already: choose another name")
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {line(str(path.parent))}")
    with catalog_for(session) as catalog:
        if not read_kind(session, catalog, queue, kind, pace=pace, progress=False):
            return ExitCode.INTERRUPTED
        contents = read_contents(session, catalog, query, pace=pace, progress=False)
        if contents is None:
            return ExitCode.INTERRUPTED
        contents.say(sys.stderr)
        chosen = Selection(catalog, catalog.find(query))
        export_job = ExportJob(session.server, chosen, path, pace, session.wall_clock)
        job, interrupted = attend(lambda: session.run(export_job), None)
        if job.error is not None:
            raise job.error
    report = job.progress
    print(f"{plural(report.written, 'task')} written to {line(str(path))}", file=out)
    if report.gone:
        print(f"{report.gone:,} were gone before they could be read", file=sys.stderr)
    if interrupted:
        return ExitCode.INTERRUPTED
    whole = report.state is JobState.DONE and not report.gone and not contents.unknown
    return ExitCode.DONE if whole else ExitCode.IN_PART
