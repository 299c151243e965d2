"""Journals without the screens: restore, list, show, prune, export. Results to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from archive_tui.asynq.copy import Copy
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.asynq.task import row_of
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.errors import JournalError, NotFoundError, RefusedError, UsageError
from archive_tui.headless import IN_PART, INTERRUPTED, wait
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.keeping import moment
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.repair import COMMAND as REPAIR
from archive_tui.jobs.restore import RestorePlan, RestoreProgress, plan_restore
from archive_tui.jobs.restore_notes import notes
from archive_tui.jobs.scan import ScanJob
from archive_tui.jobs.session import Session
from archive_tui.jobs.shelf import tasks_of
from archive_tui.journal import shelf
from archive_tui.journal.lines import text_or_base64
from archive_tui.journal.reader import Header, Journal
from archive_tui.journal.shelf import Listed
from archive_tui.present import exact, number, plural, size, span
from archive_tui.store import queues as store
from archive_tui.store.delete import Outcome
from archive_tui.store.repair import Repaired
from archive_tui.store.restore import Target
from archive_tui.text import encode, line

_MB = 1_000_000
Ask = Callable[[str], str]


def find(folder: Path, name: str) -> Path:
    """The journal that a person names: a path, the name of a file in the folder, or how that begins."""
    given = Path(name)
    if given.exists():
        return given
    found = [one.path for one in shelf.listed(folder) if one.path.name.startswith(name)] if "/" not in name else []
    if len(found) > 1:
        raise UsageError(f"{line(name)!r} is the beginning of {len(found)} journals: write more of its name")
    if not found:
        raise NotFoundError(f"no journal {line(name)}: `archive-tui journal` lists them")
    return found[0]


# Restoring


@dataclass(frozen=True, slots=True)
class Wish:
    """How to restore."""

    target: Target = Target.BACK
    pace: Pace = Pace.POLITE
    dry_run: bool = False
    yes: bool = False
    elsewhere: bool = False
    again: bool = False


def restore(session: Session, path: Path, wish: Wish, *, ask: Ask | None, out: TextIO) -> int:
    """Print what putting back will do, ask, do it, and print what became of it."""
    if session.read_only and not wish.dry_run:
        raise RefusedError(f"{session.why_read_only}: nothing can be restored")
    plan = plan_restore(session.server, Journal(path), wish.target, again=wish.again)
    for said in plan_lines(plan):
        print(said, file=out)
    if wish.dry_run:
        return 0
    if plan.elsewhere and not wish.elsewhere:
        raise RefusedError("the journal is of another server or database: --elsewhere restores it here all the same")
    if not plan.count:
        return 0
    if not wish.yes:
        if ask is None:
            raise RefusedError("nothing was restored: without a terminal, --yes is needed")
        if ask(f"Type {plan.count} to restore them").strip() != str(plan.count):
            raise RefusedError("nothing was restored: the number was not typed")
    job = session.restore(plan, wish.pace, elsewhere=wish.elsewhere)
    interrupted = wait(job, (lambda: _restoring(job.progress)) if sys.stderr.isatty() else None)
    report = job.progress
    for said in report_lines(report):
        print(said, file=out)
    if job.error is not None:
        raise job.error
    if interrupted:
        return INTERRUPTED
    return IN_PART if report.in_part else 0


def plan_lines(plan: RestorePlan) -> list[str]:
    """What there is to say about a plan, line by line."""
    header = plan.journal.header
    by = f" by {line(header.user)}" if header.user else ""
    reason = f": {line(header.reason)}" if header.reason else ""
    said = [
        f"journal   {line(plan.journal.path.name)}",
        f"written   {exact(header.created_at)}{by}, {line(header.command)} on {line(header.server)}{reason}",
        f"restores  {plural(plan.count, 'task')}",
    ]
    said += [f"  queue   {line(queue)}: {count:,}" for queue, count in plan.by_queue.items()]
    said += [f"  to      {place}: {count:,}" for place, count in plan.places.items()]
    return said + [f"note      {note}" for note in notes(plan)]


def report_lines(report: RestoreProgress) -> list[str]:
    """What became of it, line by line."""
    said = [f"{count:>12,}  {outcome.sentence}" for outcome, count in sorted(report.outcomes.items())]
    said += [f"{report.untouched:>12,}  not touched"] if report.untouched else []
    return said + [f"  {line(one.id)[:60]}  {one.outcome.sentence}" for one in report.examples if not one.outcome.there]


def _restoring(now: RestoreProgress) -> str:
    if now.state is JobState.DISCONNECTED:
        return f"disconnected, retrying: {now.trouble}"[:100]
    share = now.done / now.planned if now.planned else 1.0
    return f"{share:4.0%}  {now.done:,} of {now.planned:,}, {now.rate:,.0f}/s"


# The folder


def journals(folder: Path, *, as_json: bool, out: TextIO) -> int:
    """List the journals, the newest first."""
    found = shelf.listed(folder)
    if as_json:
        print(json.dumps([_listed_json(one) for one in found]), file=out)
        return 0
    if not found:
        print(f"no journals in {line(str(folder))}", file=sys.stderr)
    for one in found:
        header = one.header
        if one.problem:
            print(f"{line(one.path.name)}  {one.problem}", file=out)
            continue
        queues = ", ".join(map(line, header.queues[:3])) + (", …" if len(header.queues) > 3 else "")
        reason = f"  {line(header.reason)[:60]}" if header.reason else ""
        print(
            f"{line(one.path.name)}  {line(header.user) or '–'}  {line(header.server)}  {queues}  "
            f"{number(tasks_of(one))} {line(header.command)}  {size(one.size)}{reason}",
            file=out,
        )
    return 0


def _listed_json(one: Listed) -> dict[str, Any]:
    header, ending = one.header, one.ending
    return {
        "file": str(one.path),
        "bytes": one.size,
        "problem": one.problem or None,
        "command": header.command,
        "server": header.server,
        "queues": [text_or_base64(encode(queue)) for queue in header.queues],
        "user": header.user,
        "host": header.host,
        "created": moment(header.created_at) if header.created_at is not None else None,
        "reason": header.reason,
        "planned": header.planned,
        "state": ending.state if ending is not None else None,
        "counts": dict(ending.counts) if ending is not None else None,
    }


def show(path: Path, *, as_json: bool, out: TextIO) -> int:
    """Print the tasks of a journal: one JSON object a line, or a table."""
    journal = Journal(path)
    outline = journal.outline()
    header = journal.header
    if not as_json:
        print(f"{line(header.command)} on {line(header.server)}, {exact(header.created_at)}", file=out)
        print(f"by {line(header.user) or '–'} on {line(header.host) or '–'}: {line(header.reason) or '–'}", file=out)
        print(
            f"{plural(outline.count, 'task')}" + ("" if outline.ending else "; the run did not end by itself"), file=out
        )
    for batch, copies in journal.batches(outline):
        outcomes = outline.outcomes.get(batch, "").ljust(len(copies), "-")
        restored = outline.restored.get(batch, "").ljust(len(copies), "-")
        for copy, outcome, back in zip(copies, outcomes, restored, strict=False):
            if as_json:
                print(json.dumps(_task_json(copy, _name(header, outcome), back)), file=out)
            else:
                row = row_of(copy.queue, copy.id, State.parse(copy.field(b"state")), copy.field(b"msg"))
                place = copy.stood.value if copy.stood is not None else "orphan"
                print(
                    f"{line(copy.queue)}  {place}  {line(copy.id)}  {line(row.type)}  {line(row.error)[:80]}", file=out
                )
    return 0


def _name(header: Header, digit: str) -> str | None:
    """What became of a task, by name; None where nobody knows. A repair has outcomes of its own."""
    repair = header.command.partition(":")[0] == REPAIR
    try:
        return (Repaired(int(digit, 16)) if repair else Outcome(int(digit))).name.lower()
    except ValueError:
        return None


def _task_json(copy: Copy, outcome: str | None, restored: str) -> dict[str, Any]:
    row = row_of(copy.queue, copy.id, State.parse(copy.field(b"state")), copy.field(b"msg"))
    return {
        "queue": text_or_base64(encode(copy.queue)),
        "id": text_or_base64(copy.id),
        "stood_in": copy.stood.value if copy.stood is not None else None,
        "score": copy.score.decode() if copy.score is not None else None,
        "type": row.type if row.readable else None,
        "error": row.error if row.readable else None,
        "outcome": outcome,
        "restored": restored.isdigit() and int(restored) < 4,
        "fields": {name: text_or_base64(value) for name, value in _named(copy)},
    }


def _named(copy: Copy) -> list[tuple[str, bytes]]:
    names, values = copy.fields[::2], copy.fields[1::2]
    return [(name.decode("utf-8", "replace"), value) for name, value in zip(names, values, strict=True)]


def prune(
    folder: Path,
    *,
    keep_days: float | None,
    keep_mb: float | None,
    now: float,
    dry_run: bool,
    yes: bool,
    ask: Ask | None,
    out: TextIO,
) -> int:
    """Say which journals go beyond what is to be kept, ask, and remove them."""
    if keep_days is None and keep_mb is None:
        raise UsageError("say what to keep: --keep-days N, --keep-mb N, or both in the profile (journal_keep_days, …)")
    keep_bytes = int(keep_mb * _MB) if keep_mb is not None else None
    gone = shelf.stale(shelf.listed(folder), now, keep_days=keep_days, keep_bytes=keep_bytes)
    for one in gone:
        print(f"{line(one.path.name)}  {size(one.size)}  {_old(one, now)}", file=out)
    print(f"{plural(len(gone), 'journal')} to remove, {size(sum(one.size for one in gone))}", file=out)
    if dry_run or not gone:
        return 0
    if not yes:
        if ask is None:
            raise RefusedError("nothing was removed: without a terminal, --yes is needed")
        if ask(f"Type {len(gone)} to remove them for good").strip() != str(len(gone)):
            raise RefusedError("nothing was removed: the number was not typed")
    failed = 0
    for one in gone:
        try:
            shelf.remove(one)
        except JournalError as error:
            failed += 1
            print(f"archive-tui: {error}", file=sys.stderr)
    return IN_PART if failed else 0


def _old(one: Listed, now: float) -> str:
    """How long ago it was written; the clock may have been set back since."""
    seconds = now - one.modified_at
    return f"{span(seconds)} old" if seconds >= 0 else f"dated {span(-seconds)} ahead of the clock"


# Exporting


def export(session: Session, queue: str, kind: Kind | None, where: str, path: Path, *, pace: Pace, out: TextIO) -> int:
    """Write archived tasks, or findings of a kind, to a new file."""
    with session.server.pipe() as pipe:
        if not store.exists(pipe, queue):
            raise NotFoundError(f"no queue {line(queue)!r}: `archive-tui queues` lists them")
    if path.exists():
        raise UsageError(f"{line(str(path))} exists already: choose another name")
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {line(str(path.parent))}")
    catalog = Catalog()
    try:
        reading: Job
        if kind is None:
            reading = ListJob(session.server, catalog, queue, State.ARCHIVED, session.clock)
        else:
            reading = ScanJob(session.server, catalog, [queue], pace)
        session.run(reading)
        if wait(reading, None):
            return INTERRUPTED
        if reading.error is not None:
            raise reading.error
        chosen = Selection(catalog, catalog.find(Query(where, kind)))
        job = session.run(ExportJob(session.server, chosen, path, pace, session.clock))
        interrupted = wait(job, None)
        if job.error is not None:
            raise job.error
    finally:
        session.stop_jobs()
        catalog.close()
    report = job.progress
    print(f"{plural(report.written, 'task')} written to {line(str(path))}", file=out)
    if report.gone:
        print(f"{report.gone:,} were gone before they could be read", file=sys.stderr)
    if interrupted:
        return INTERRUPTED
    return 0 if report.state is JobState.DONE and not report.gone else IN_PART
