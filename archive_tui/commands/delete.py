"""`archive-tui delete`: plan, confirmation and deletion as on the screens, without them (DESIGN.md section 6)."""

from dataclasses import dataclass, replace
from typing import Any

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import Plan, Retention, plan_oldest
from archive_tui.changes.repair_plan import not_deletable
from archive_tui.commands.change import Change, Manner, carry_out, read, refuse_change, say_what_is_missing
from archive_tui.commands.foreground import scan_line
from archive_tui.commands.output import change_json, change_lines
from archive_tui.errors import ExitCode
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.session import Session
from archive_tui.text import clip, encode, line, readable
from archive_tui.wording.people import exact, plural, size

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


def delete(session: Session, wish: Wish, manner: Manner) -> int:
    """Plan, have it confirmed, and delete."""
    query = Query(wish.where, wish.kind, now=session.clock())
    refuse_change(session, wish.queue, query, "deleted", manner)
    catalog = Catalog()
    try:
        began = session.clock()
        if _collect(session, wish, catalog, manner):
            return ExitCode.INTERRUPTED
        say_what_is_missing(catalog, "delete these", manner.err)
        standing = _standing(wish, catalog, query)
        if standing:
            what = f"{plural(len(standing), 'husk')} left out, as an index holds the id"
            print(f"archive-tui: {what}: `archive-tui repair` deletes both", file=manner.err)
        plan = replace(_plan(session, wish, catalog, query, standing), seen_at=began)
        change = Change(
            plan.count,
            "delete",
            "deleted",
            _plan_text(session, wish, plan, left_out=bool(standing)),
            _plan_json(session, wish, plan),
            lambda: session.delete(plan, manner.pace, choice=wish.choice, reason=manner.reason),
            _report_text,
            _report_json,
        )
        return carry_out(change, manner, whole=not catalog.trouble and not standing)
    finally:
        session.stop_jobs()
        catalog.close()


def _collect(session: Session, wish: Wish, catalog: Catalog, manner: Manner) -> bool:
    """Fill the catalog with everything of the wished sort; True where somebody interrupted it."""
    if wish.kind is None:
        listing = ListJob(session.server, catalog, wish.queue, State.ARCHIVED, session.clock)
        return read(session, listing, manner, lambda: f"{listing.progress.listed:,} tasks read", "deleted")
    scan = ScanJob(session.server, catalog, [wish.queue], manner.pace, session.clock)
    return read(session, scan, manner, lambda: scan_line(scan.progress), "deleted")


def _standing(wish: Wish, catalog: Catalog, query: Query) -> frozenset[int]:
    """The wished husks that stand in an index: without their data they would be ghosts."""
    if wish.kind is not Kind.HUSK:
        return frozenset()
    return frozenset(catalog.find(query)).intersection(not_deletable(catalog))


def _plan(session: Session, wish: Wish, catalog: Catalog, query: Query, without: frozenset[int]) -> Plan:
    before = session.clock() - wish.older_than if wish.older_than is not None else None
    return plan_oldest(catalog, query, Retention(before, wish.keep), wish.limit, without)


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


def _report_json(report: ChangeProgress) -> dict[str, Any]:
    done = {"state": report.state.value, "deleted": report.made, "unlocked": report.unlocked}
    return done | change_json(report)


def _report_text(report: ChangeProgress) -> str:
    lines = [f"deleted {report.made:,} of {plural(report.planned, 'task')}"]
    lines += change_lines(report)
    if report.journal is not None and (report.made or report.unknown):
        lines.append(f"a copy is in the journal {line(str(report.journal))}")
    return "\n".join(lines)
