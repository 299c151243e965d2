"""`archive-tui repair`: findings set right as on the screens, without them: plan, confirmation, journal, report."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TextIO

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.errors import ArchiveTuiError, RefusedError, UsageError
from archive_tui.formats import json_line, readable
from archive_tui.headless import IN_PART, INTERRUPTED, progress_line, refuse_unknown, wait
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import plan_oldest
from archive_tui.jobs.repair import RepairPlan, RepairProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.jobs.session import Session
from archive_tui.present import number, plural
from archive_tui.store import queues
from archive_tui.store.repair import Repaired
from archive_tui.text import clip, encode, line


@dataclass(frozen=True, slots=True)
class Wish:
    """What to set right, and how. `where` is in the filter language; of more than `limit` findings the oldest are
    taken. With `messages`, those of all tasks are read to find husks.

    Raises UsageError where the action does not fit the kind, or is only for what a person has picked.
    """

    queue: str
    kind: Kind
    action: Repair
    where: str = ""
    limit: int | None = None
    messages: bool = False

    def __post_init__(self) -> None:
        fitting = [one.value for one in offered(self.kind) if not one.by_hand]
        if not fitting:
            raise UsageError(f"{self.kind.value}: only what was picked by hand is deleted, which the screens are for")
        if self.action.value not in fitting:
            raise UsageError(f"{self.action.value} does not fit {self.kind.value}: choose from {', '.join(fitting)}")

    @property
    def choice(self) -> str:
        """How the findings are chosen, for the audit."""
        parts = [f"--kind {self.kind.value}"]
        parts += [f"--where {self.where}"] if self.where else []
        parts += [f"--limit {self.limit}"] if self.limit is not None else []
        return " ".join(parts)


def repair(
    session: Session,
    wish: Wish,
    *,
    pace: Pace,
    reason: str,
    dry_run: bool,
    yes: bool,
    ask: Callable[[str], str] | None,
    as_json: bool,
    out: TextIO,
    err: TextIO,
    progress: bool,
) -> int:
    """Scan, plan, have it confirmed (by `yes`, or by the count typed where there is somebody to `ask`), and repair."""
    query = Query(wish.where, wish.kind, now=session.clock())
    query.where()  # a filter that cannot be read is said before anything is read
    if not dry_run:
        if session.read_only:
            raise RefusedError(f"{session.why_read_only}: nothing can be set right")
        if not yes and ask is None:
            raise RefusedError("nothing was changed: without a terminal to confirm on, give --yes (or --dry-run)")
    refuse_unknown(session, [wish.queue])
    catalog = Catalog()
    scan = ScanJob(session.server, catalog, [wish.queue], pace, session.clock, messages=wish.messages)
    try:
        if _interrupted(session, scan, progress=progress):
            return INTERRUPTED
        if catalog.trouble:  # more than fit into the table: these can be set right, and then the rest
            print(f"archive-tui: {catalog.trouble}: set these right, and then run it again", file=err)
        found = plan_oldest(catalog, query, limit=wish.limit)
        plan = RepairPlan.of(replace(found, seen_at=scan.progress.started_at), wish.action)
        archived = _archived(session, wish.queue)
        described = _plan_json(session, wish, plan, archived)
        if dry_run or not plan.count:
            _print(described | {"report": None} if as_json else _plan_text(session, wish, plan, archived), out)
            return IN_PART if catalog.trouble and not dry_run else 0
        if not yes and ask is not None:
            print(_plan_text(session, wish, plan, archived), file=err)
            if ask(f"Type {plan.count} to go on").strip() != str(plan.count):
                raise RefusedError("not confirmed: nothing was changed")
        job = session.repair(plan, pace, choice=wish.choice, reason=reason)
        interrupted = wait(job, (lambda: _repairing(job.progress)) if progress else None)
        report = job.progress
        _print(described | {"report": _report_json(report)} if as_json else _report_text(report), out)
        if job.error is not None and not (report.repaired or report.unknown):
            raise job.error
        if job.error is not None:
            print(f"archive-tui: {job.error}", file=err)
        in_part = job.error is not None or report.in_part or catalog.trouble
        return INTERRUPTED if interrupted else IN_PART if in_part else 0
    finally:
        for one in session.running:
            one.stop()
            one.wait(5)
        catalog.close()


def _interrupted(session: Session, scan: ScanJob, *, progress: bool) -> bool:
    """Scan to the end; True where somebody interrupted it."""
    session.run(scan)
    if wait(scan, (lambda: progress_line(scan.progress)) if progress else None):
        return True
    if scan.error is not None:
        raise scan.error
    if scan.state is not JobState.DONE:
        raise ArchiveTuiError("the queue could not be scanned whole: nothing was changed")
    return False


def _archived(session: Session, queue: str) -> dict[str, int]:
    """How many ids the archive holds now."""
    with session.server.pipe() as pipe:
        stats = queues.stats(pipe, [queue], [queue], datetime.fromtimestamp(session.clock(), UTC))
    return {one.name: one.counts.get(State.ARCHIVED, 0) for one in stats}


def _print(what: dict[str, Any] | str, out: TextIO) -> None:
    print(what if isinstance(what, str) else json_line(what), file=out)


def _plan_json(session: Session, wish: Wish, plan: RepairPlan, archived: dict[str, int]) -> dict[str, Any]:
    totals = plan.plan.totals
    return {
        "server": session.server.address,
        "queue": readable(encode(wish.queue)),
        "kind": wish.kind.value,
        "action": wish.action.value,
        "where": wish.where or None,
        "limit": wish.limit,
        "planned": plan.count,
        "types": totals.by_type,
        "unique_locks": totals.locked,
        "fixed_ids": totals.fixed_ids,
        "beyond_cap": plan.beyond_cap(archived),
        "first_ids": [readable(task_id) for task_id in totals.first_ids],
    }


def _plan_text(session: Session, wish: Wish, plan: RepairPlan, archived: dict[str, int]) -> str:
    """The plan for people; every foreign text in it is safe to show."""
    totals = plan.plan.totals
    where = f"queue {line(wish.queue)} at {session.server.address}"
    if not plan.count:
        if plan.plan.selection.catalog.trouble:
            return f"nothing was set right: no {wish.kind.label} among the rows that are kept of {where} matches"
        return f"nothing to set right: no {wish.kind.label} of {where} matches"
    lines = [f"{plural(plan.count, 'finding')} ({wish.kind.label}) of {where}", f"  action   {wish.action.label}"]
    if wish.where:
        lines.append(f"  filter   {clip(wish.where, 200)}")
    if plan.frees:
        lines.append(f"  frees    {plan.frees}")
    lines.append(f"  then     {wish.action.consequence}")
    if overflow := plan.overflow(archived):
        lines.append(f"  beware   {overflow}")
    lines.append(f"  rows     {plan.plan.seen(session.clock())}")
    ids = ", ".join(clip(task_id, 36) for task_id in totals.first_ids)
    lines.append(f"  first    {ids}{', …' if totals.count > len(totals.first_ids) else ''}")
    lines.append("each is checked again by the server; what changed since is skipped")
    return "\n".join(lines)


def _repairing(now: RepairProgress) -> str:
    if now.state is JobState.DISCONNECTED:
        return f"disconnected, retrying: {now.trouble}"[:100]
    share = now.done / now.planned if now.planned else 1.0
    return f"{share:4.0%}  {now.done:,} of {now.planned:,}, {now.rate:,.0f}/s"


def _report_json(report: RepairProgress) -> dict[str, Any]:
    return {
        "state": report.state.value,
        "repaired": report.repaired,
        "unlocked": report.outcomes.get(Repaired.DONE_AND_UNLOCKED, 0),
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


def _report_text(report: RepairProgress) -> str:
    lines = [f"set {report.repaired:,} of {plural(report.planned, 'finding')} right"]
    lines += [
        f"{number(count):>10}  {outcome.sentence}"
        for outcome, count in sorted(report.outcomes.items())
        if outcome is not Repaired.DONE
    ]
    if report.unknown:
        lines.append(f"{report.unknown:>10,}  unknown: sent, but the answer had not come")
    if report.unconfirmed:
        lines.append(
            f"{report.unconfirmed:>10,}  unconfirmed: sent twice, and changed by the first try or by somebody else"
        )
    if report.untouched:
        lines.append(f"{report.untouched:>10,}  not touched")
    if report.caution:
        lines.append(report.caution)
    if report.journal is not None:
        lines.append(f"how it was is in the journal {line(str(report.journal))}")
    return "\n".join(lines)
