"""`archive-tui delete`: plan, confirmation and deletion as on the screens, without them (DESIGN.md section 6)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TextIO

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.errors import ArchiveTuiError, RefusedError
from archive_tui.formats import json_line, readable
from archive_tui.headless import INTERRUPTED, progress_line, refuse_unknown, wait
from archive_tui.jobs.delete import DeleteProgress
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan, Retention, plan_oldest
from archive_tui.jobs.repair import not_deletable
from archive_tui.jobs.scan import ScanJob
from archive_tui.jobs.session import Session
from archive_tui.present import exact, number, plural, size
from archive_tui.store.delete import Outcome
from archive_tui.text import clip, encode, line

IN_PART = 4
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """What to delete: archived tasks, or findings of a kind where one is named. `where` is in the filter language.

    Of more than `limit` tasks the oldest are taken. `older_than` (seconds) and `keep` are a retention.
    """

    queue: str
    kind: Kind | None = None
    where: str = ""
    limit: int | None = None
    older_than: int | None = None
    keep: int | None = None

    @property
    def noun(self) -> str:
        """What is wished to be deleted, in words."""
        return "archived" if self.kind is None else self.kind.label

    @property
    def choice(self) -> str:
        """How the tasks are chosen, for the audit."""
        parts = [f"--kind {self.kind.value}" if self.kind is not None else "--archived"]
        parts += [f"--where {self.where}"] if self.where else []
        parts += [f"--older-than {self.older_than}s"] if self.older_than is not None else []
        parts += [f"--keep {self.keep}"] if self.keep is not None else []
        parts += [f"--limit {self.limit}"] if self.limit is not None else []
        return " ".join(parts)


Ask = Callable[[str], str]
"""Puts a question to whoever sits at the terminal, and returns what was typed."""


def delete(
    session: Session,
    wish: Wish,
    *,
    pace: Pace,
    reason: str,
    dry_run: bool,
    yes: bool,
    ask: Ask | None,
    as_json: bool,
    out: TextIO,
    err: TextIO,
    progress: bool,
) -> int:
    """Plan, have it confirmed (by `yes`, or by the count typed where there is somebody to `ask`), and delete."""
    query = Query(wish.where, wish.kind, now=session.clock())
    query.where()  # a filter that cannot be read is said before anything is read
    if not dry_run:
        if session.read_only:
            raise RefusedError(f"{session.why_read_only}: nothing can be deleted")
        if not yes and ask is None:
            raise RefusedError("nothing was deleted: without a terminal to confirm on, give --yes (or --dry-run)")
    refuse_unknown(session, [wish.queue])
    catalog = Catalog()
    try:
        began = session.clock()
        if _collect(session, wish, catalog, pace, progress=progress):
            return INTERRUPTED
        if catalog.trouble:  # more than fit into the table: these can be deleted, and then the rest
            print(f"archive-tui: {catalog.trouble}: delete these, and then run it again", file=err)
        standing = _standing(wish, catalog, query)
        if standing:
            said = (
                f"{plural(len(standing), 'husk')} left out, as an index holds the id: `archive-tui repair` deletes both"
            )
            print(f"archive-tui: {said}", file=err)
        plan = replace(_plan(session, wish, catalog, query, standing), seen_at=began)
        described = _plan_json(session, wish, plan)
        if dry_run or not plan.count:
            _print(
                described | {"report": None} if as_json else _plan_text(session, wish, plan, left_out=bool(standing)),
                out,
            )
            return IN_PART if (catalog.trouble or standing) and not dry_run else 0
        if not yes and ask is not None:
            _confirm(session, wish, plan, ask, err)
        job = session.delete(plan, pace, choice=wish.choice, reason=reason)
        interrupted = wait(job, (lambda: _deleting(job.progress)) if progress else None)
        report = job.progress
        _print(described | {"report": _report_json(report)} if as_json else _report_text(report), out)
        if job.error is not None and not (report.deleted or report.unknown):
            raise job.error
        if job.error is not None:
            print(f"archive-tui: {job.error}", file=err)
        in_part = job.error is not None or report.in_part or catalog.trouble or standing
        return INTERRUPTED if interrupted else IN_PART if in_part else 0
    finally:
        session.stop_jobs()
        catalog.close()


def _collect(session: Session, wish: Wish, catalog: Catalog, pace: Pace, *, progress: bool) -> bool:
    """Fill the catalog with everything of the wished sort; True where somebody interrupted it."""
    job: ListJob | ScanJob
    if wish.kind is None:
        job = listing = ListJob(session.server, catalog, wish.queue, State.ARCHIVED, session.clock)
        session.run(job)
        interrupted = wait(job, (lambda: f"{listing.progress.listed:,} tasks read") if progress else None)
    else:
        job = scan = ScanJob(session.server, catalog, [wish.queue], pace, session.clock)
        session.run(job)
        interrupted = wait(job, (lambda: progress_line(scan.progress)) if progress else None)
    if interrupted:
        return True
    if job.error is not None:
        raise job.error
    if job.state is not JobState.DONE:
        raise ArchiveTuiError("the tasks could not all be read: nothing was deleted")
    return False


def _standing(wish: Wish, catalog: Catalog, query: Query) -> frozenset[int]:
    """The wished husks that stand in an index: without their data they would be ghosts."""
    if wish.kind is not Kind.HUSK:
        return frozenset()
    return frozenset(catalog.find(query)).intersection(not_deletable(catalog))


def _plan(session: Session, wish: Wish, catalog: Catalog, query: Query, without: frozenset[int]) -> Plan:
    before = session.clock() - wish.older_than if wish.older_than is not None else None
    return plan_oldest(catalog, query, Retention(before, wish.keep), wish.limit, without)


def _confirm(session: Session, wish: Wish, plan: Plan, ask: Ask, err: TextIO) -> None:
    """Show the plan and have its count typed. Raises RefusedError."""
    print(_plan_text(session, wish, plan), file=err)
    typed = ask(f"Type {plan.count} to delete")
    if typed.strip() != str(plan.count):
        raise RefusedError("not confirmed: nothing was deleted")


def _print(what: dict[str, Any] | str, out: TextIO) -> None:
    print(what if isinstance(what, str) else json_line(what), file=out)


def _plan_json(session: Session, wish: Wish, plan: Plan) -> dict[str, Any]:
    totals = plan.totals
    return {
        "server": session.server.address,
        "queue": readable(encode(wish.queue)),
        "kind": wish.kind.value if wish.kind is not None else None,
        "where": wish.where or None,
        "older_than_seconds": wish.older_than,
        "keep": wish.keep,
        "limit": wish.limit,
        "planned": totals.count,
        "bytes_estimate": totals.stored_bytes,
        "unsized": totals.unsized,
        "types": totals.by_type,
        "unique_locks": totals.locked,
        "fixed_ids": totals.fixed_ids,
        "first_ids": [readable(task_id) for task_id in totals.first_ids],
    }


def _plan_text(session: Session, wish: Wish, plan: Plan, *, left_out: bool = False) -> str:
    """The plan for people; every foreign text in it is safe to show."""
    totals = plan.totals
    where = f"queue {line(wish.queue)} at {session.server.address}"
    if not plan.count:
        if plan.selection.catalog.trouble:
            return f"nothing was deleted: no {wish.noun} task among the rows that are kept of {where} matches"
        beside = " but for those left out" if left_out else ""
        return f"nothing to delete: no {wish.noun} task of {where} matches{beside}"
    lines = [f"{plural(totals.count, 'task')} to delete ({wish.noun}) from {where}"]
    if wish.where:
        lines.append(f"  filter   {clip(wish.where, 200)}")
    if wish.older_than is not None:
        lines.append(f"  older    than {exact(session.clock() - wish.older_than)}")
    if wish.keep is not None:
        lines.append(f"  keeping  the newest {wish.keep:,}")
    types = [f"{clip(name, 40) or '(none)'} {count:,}" for name, count in list(totals.by_type.items())[:_SHOWN]]
    more = len(totals.by_type) - len(types)
    lines.append(f"  types    {', '.join(types)}{f' and {more:,} more' if more else ''}")
    unsized = f", beside {plural(totals.unsized, 'task')} of unknown size" if totals.unsized else ""
    lines.append(f"  size     about {size(totals.stored_bytes)} in Redis{unsized}")
    if plan.frees:
        lines.append(f"  frees    {plan.frees}")
    lines.append(f"  then     {plan.afterwards}")
    lines.append(f"  rows     {plan.seen(session.clock())}")
    lines.append(f"  journal  {_room(session, plan)}")
    ids = ", ".join(clip(task_id, 36) for task_id in totals.first_ids)
    lines.append(f"  first    {ids}{', …' if totals.count > len(totals.first_ids) else ''}")
    lines.append("each is checked again by the server; what changed since is skipped")
    return "\n".join(lines)


def _room(session: Session, plan: Plan) -> str:
    """What there is to say of the journal before anything is deleted."""
    room = session.room(plan)
    if room is None:
        return "none is kept: this cannot be undone"
    free = "" if room.free is None else f", {size(room.free)} free"
    return f"about {size(room.needed)}{free}" + ("" if room.enough else ": too little, nothing will be deleted")


def _deleting(now: DeleteProgress) -> str:
    if now.state is JobState.DISCONNECTED:
        return f"disconnected, retrying: {now.trouble}"[:100]
    share = now.done / now.planned if now.planned else 1.0
    return f"{share:4.0%}  {now.done:,} of {now.planned:,}, {now.rate:,.0f}/s"


def _report_json(report: DeleteProgress) -> dict[str, Any]:
    return {
        "state": report.state.value,
        "deleted": report.deleted,
        "unlocked": report.unlocked,
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


def _report_text(report: DeleteProgress) -> str:
    lines = [f"deleted {report.deleted:,} of {plural(report.planned, 'task')}"]
    lines += [
        f"{number(count):>10}  {outcome.sentence}"
        for outcome, count in sorted(report.outcomes.items())
        if outcome is not Outcome.DELETED
    ]
    if report.unknown:
        lines.append(f"{report.unknown:>10,}  unknown: sent, but the answer had not come")
    if report.unconfirmed:
        lines.append(
            f"{report.unconfirmed:>10,}  unconfirmed: sent twice, and deleted by the first try or by somebody else"
        )
    if report.untouched:
        lines.append(f"{report.untouched:>10,}  not touched")
    if report.caution:
        lines.append(report.caution)
    if report.journal is not None and (report.deleted or report.unknown):
        lines.append(f"a copy is in the journal {line(str(report.journal))}")
    return "\n".join(lines)
