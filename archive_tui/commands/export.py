"""`archive-tui export`: archived tasks, or findings of a kind, written to a new file in one of several forms."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.commands.foreground import attend
from archive_tui.commands.queues import refuse_unknown
from archive_tui.commands.reading import catalog_for, read_contents, read_kind
from archive_tui.errors import ExitCode, NotFoundError, RefusedError, UsageError
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.record_export import UNREAD, PrivateFile, RecordJob
from archive_tui.jobs.records import USUAL, CsvForm, JsonForm, RecordForm, columns_of
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.text import line
from archive_tui.wording.people import plural

JOURNAL, NDJSON, CSV = "journal", "ndjson", "csv"
FORMATS = (JOURNAL, NDJSON, CSV)
"""The forms of an export. Only the first can be restored."""

_USUAL_NAMES = {".csv": CSV, ".csv.gz": CSV, ".jsonl": NDJSON}
"""Endings of names that let a person expect a form; `.ndjson` is a journal without compression, too."""


def export(
    session: Session,
    queue: str,
    kind: Kind | None,
    where: str,
    path: Path,
    *,
    format_: str = JOURNAL,
    columns: Sequence[str] = (),
    pace: Pace,
    out: TextIO,
    progress: bool = False,
) -> ExitCode:
    """Write archived tasks, or findings of a kind, to a new file. `where` is a filter, empty for all; `columns` are
    those of a CSV, none for the usual ones.
    """
    form = _form(session, format_, columns)
    expected = next((one for ending, one in _USUAL_NAMES.items() if path.name.lower().endswith(ending)), format_)
    if expected != format_:
        raise UsageError(f"{line(path.name)} would not be what its name says: add --format {expected}")
    query = Query(where, kind, now=session.clock())
    query.where()
    refuse_unknown(session, [queue])
    if form is None:
        _refuse_old(session, queue)
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
        export_job: ExportJob | RecordJob
        if form is None:
            export_job = ExportJob(session.server, chosen, path, pace, session.wall_clock)
        else:
            file = partial(PrivateFile, path)
            export_job = RecordJob(
                session.reader, chosen, form, file, session.payloads, session.redaction, pace
            )  # fmt: skip
        status = (lambda job: f"{job.progress.written:,} of {job.progress.planned:,} written") if progress else None
        job, interrupted = attend(lambda: session.run(export_job), status)
        if job.error is not None:
            raise job.error
    report = job.progress
    print(f"{plural(report.written, 'task')} written to {line(str(path))}", file=out)
    if report.gone:
        left = f"without payload: {UNREAD}" if form is not None else ""
        print(f"{report.gone:,} {left or 'were gone before they could be read'}", file=sys.stderr)
    if form is not None:
        print("this form cannot be restored: without --format an export can", file=sys.stderr)
    if isinstance(form, CsvForm) and form.defused:
        print(f"{plural(form.defused, 'cell')} would be a formula: an apostrophe stands before it", file=sys.stderr)
    if interrupted:
        return ExitCode.INTERRUPTED
    whole = report.state is JobState.DONE and not report.gone and not contents.unknown
    return ExitCode.DONE if whole else ExitCode.IN_PART


def _refuse_old(session: Session, queue: str) -> None:
    """Raise RefusedError where a queue has no task data that a journal could hold."""
    try:
        session.refuse_old(queue)
    except RefusedError as error:
        raise RefusedError(f"{error}; --format {NDJSON} or {CSV} writes its tasks as they are read") from None


def _form(session: Session, format_: str, columns: Sequence[str]) -> RecordForm | None:
    """A form for other programs; None for the one of a journal. Raises UsageError."""
    if format_ == NDJSON:
        return JsonForm(payload=True, namespace=namespace_field(session.server.keys.namespace))
    return CsvForm(columns_of(columns or USUAL)) if format_ == CSV else None
