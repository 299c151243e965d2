"""`archive-tui repair`: findings set right as on the screens, without them: plan, confirmation, journal, report."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_oldest
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.commands.change import Change, Manner, carry_out, read, refuse_change, say_what_is_missing
from archive_tui.commands.foreground import scan_line
from archive_tui.commands.output import change_json, change_lines
from archive_tui.errors import ExitCode, UsageError
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.session import Session
from archive_tui.store.read import queues
from archive_tui.text import clip, encode, line, readable
from archive_tui.wording.people import plural


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


def repair(session: Session, wish: Wish, manner: Manner) -> int:
    """Scan, plan, have it confirmed, and set right."""
    query = Query(wish.where, wish.kind, now=session.clock())
    refuse_change(session, wish.queue, query, "changed", manner)
    catalog = Catalog()
    scan = ScanJob(session.server, catalog, [wish.queue], manner.pace, session.clock, messages=wish.messages)
    try:
        if read(session, scan, manner, lambda: scan_line(scan.progress), "changed"):
            return ExitCode.INTERRUPTED
        say_what_is_missing(catalog, "set these right", manner.err)
        found = plan_oldest(catalog, query, limit=wish.limit)
        plan = RepairPlan.of(replace(found, seen_at=scan.progress.started_at), wish.action)
        archived = _archived(session, wish.queue)
        change = Change(
            plan.count,
            "go on",
            "changed",
            _plan_text(session, wish, plan, archived),
            _plan_json(session, wish, plan, archived),
            lambda: session.repair(plan, manner.pace, choice=wish.choice, reason=manner.reason),
            _report_text,
            _report_json,
        )
        return carry_out(change, manner, whole=not catalog.trouble)
    finally:
        session.stop_jobs()
        catalog.close()


def _archived(session: Session, queue: str) -> dict[str, int]:
    """How many ids the archive holds now."""
    with session.server.pipe() as pipe:
        stats = queues.stats(pipe, [queue], [queue], datetime.fromtimestamp(session.clock(), UTC))
    return {one.name: one.counts.get(State.ARCHIVED, 0) for one in stats}


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


def _report_json(report: ChangeProgress) -> dict[str, Any]:
    done = {"state": report.state.value, "repaired": report.made, "unlocked": report.unlocked}
    return done | change_json(report)


def _report_text(report: ChangeProgress) -> str:
    lines = [f"set {report.made:,} of {plural(report.planned, 'finding')} right"]
    lines += change_lines(report)
    if report.journal is not None:
        lines.append(f"how it was is in the journal {line(str(report.journal))}")
    return "\n".join(lines)
