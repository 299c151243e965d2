"""`archive-tui repair`: findings of a kind repaired as on the screens."""

from dataclasses import dataclass, replace

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import REPAIR
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes import repair_words
from archive_tui.changes.expiry import with_times
from archive_tui.changes.other_installations import with_other_installations
from archive_tui.changes.plan import plan_oldest
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.commands.change import Manner, Planned, carry_out, choosing, filter_line, flags_of
from archive_tui.commands.queues import archived_now
from archive_tui.commands.reading import read_contents, read_findings, say_what_is_missing
from archive_tui.errors import ExitCode, UsageError
from archive_tui.session import Session
from archive_tui.text import encode, line, readable


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice of findings, and the repair for them.

    Raises UsageError where the action does not fit the kind, or is only for what a person has picked.
    """

    queue: str
    kind: Kind
    action: Repair
    where: str = ""
    """A filter; empty for all."""
    limit: int | None = None
    """At most so many, the oldest first."""
    messages: bool = False
    """True reads the messages of all tasks, to find husks."""

    def __post_init__(self) -> None:
        if self.kind is Kind.STALE_HISTORY:
            raise UsageError(f"{self.kind.value} is not repaired: `archive-tui delete --kind {self.kind.value}`")
        fitting = [one.value for one in offered(self.kind) if not one.by_hand]
        if not fitting:
            raise UsageError(f"{self.kind.value}: only what was picked by hand is deleted, which the screens are for")
        if self.action.value not in fitting:
            raise UsageError(f"{self.action.value} does not fit {self.kind.value}: choose from {', '.join(fitting)}")

    @property
    def choice(self) -> str:
        """The choice in words, for the audit."""
        return flags_of(kind=self.kind.value, where=self.where, limit=self.limit)


def repair(session: Session, wish: Wish, manner: Manner) -> ExitCode:
    """Plan a repair, have it confirmed, and carry it out."""
    query = Query(wish.where, wish.kind, now=session.clock())
    query.where()
    with choosing(session, REPAIR, manner, wish.queue) as (catalog, began):
        if not read_findings(
            session,
            catalog,
            wish.queue,
            pace=session.pace,
            messages=wish.messages,
            locks=wish.kind is Kind.STALE_LOCK,
            progress=manner.progress,
        ):
            return ExitCode.INTERRUPTED
        contents = read_contents(session, catalog, query, pace=session.pace, progress=manner.progress)
        if contents is None:
            return ExitCode.INTERRUPTED
        contents.say(manner.err)
        say_what_is_missing(catalog, REPAIR.base, manner.err)
        rows = replace(plan_oldest(catalog, query, limit=wish.limit, ghosts=True), seen_at=began)
        rows = with_other_installations(session.server, with_times(session.server, rows), session.pace)
        plan = RepairPlan.of(rows, wish.action, limits=session.limits)
        archived = archived_now(session, [wish.queue])
        planned = Planned(
            sheet=repair_words.sheet(plan, session.site(), archived, tuple(filter_line(wish.where))),
            nothing=_nothing(session, wish, catalog),
            start=lambda: session.start(plan, session.pace, choice=wish.choice, reason=manner.reason),
            report=repair_words.report,
            choice={
                "queue": readable(encode(wish.queue)),
                "kind": wish.kind.value,
                "action": wish.action.value,
                "where": wish.where or None,
                "payloads": contents.facts,
                "limit": wish.limit,
            },
            ids=plan.ids,
            whole=not catalog.trouble and not contents.unknown,
        )
        return carry_out(session, planned, manner)


def _nothing(session: Session, wish: Wish, catalog: Catalog) -> str:
    where = f"queue {line(wish.queue)} at {session.server.place}"
    if catalog.trouble:
        return f"nothing was repaired: no {wish.kind.label} among the rows that are kept of {where} matches"
    return f"nothing to repair: no {wish.kind.label} of {where} matches"
