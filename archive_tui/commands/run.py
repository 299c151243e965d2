"""`archive-tui run`: archived tasks run again as on the screens."""

from dataclasses import dataclass, replace

from archive_tui.asynq.outcomes import RUN
from archive_tui.asynq.runs import RunMode
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes import run_words
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import plan_oldest
from archive_tui.changes.run_plan import plan_run, runnable
from archive_tui.commands.change import Manner, Planned, carry_out, choosing, filter_line, flags_of
from archive_tui.commands.reading import read_matching
from archive_tui.errors import ExitCode
from archive_tui.session import Session
from archive_tui.text import encode, line, readable


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice of archived tasks to run, and how."""

    queue: str
    mode: RunMode
    where: str = ""
    """A filter; empty for all."""
    limit: int | None = None
    """At most so many, the oldest first."""

    @property
    def choice(self) -> str:
        """The choice in words, for the audit."""
        return flags_of(where=self.where, limit=self.limit)


def run(session: Session, wish: Wish, manner: Manner) -> ExitCode:
    """Plan a run, have it confirmed, and carry it out."""
    query = Query(wish.where, now=session.clock())
    query.where()
    with choosing(session, RUN, manner, wish.queue) as (catalog, began):
        contents = read_matching(
            session, catalog, wish.queue, query, RUN.base, err=manner.err, progress=manner.progress
        )
        if contents is None:
            return ExitCode.INTERRUPTED
        everything = replace(plan_oldest(catalog, query, ghosts=True), seen_at=began)
        fitting, left_out = runnable(everything, wish.limit)
        plan = plan_run(session.server, with_times(session.server, fitting), wish.mode)
        planned = Planned(
            sheet=run_words.sheet(plan, session.site(), tuple(filter_line(wish.where))),
            nothing=_nothing(session, wish, catalog, left_out=left_out > 0),
            start=lambda: session.start(plan, session.pace, choice=wish.choice, reason=manner.reason),
            report=run_words.report,
            choice={
                "queue": readable(encode(wish.queue)),
                "where": wish.where or None,
                "payloads": contents.facts,
                "limit": wish.limit,
                "left_out": left_out,
            },
            ids=plan.ids,
            whole=not catalog.trouble and not left_out and not contents.unknown,
        )
        return carry_out(session, planned, manner)


def _nothing(session: Session, wish: Wish, catalog: Catalog, *, left_out: bool) -> str:
    where = f"queue {line(wish.queue)} at {session.server.place}"
    if catalog.trouble:
        return f"nothing was queued: no archived task among the rows that are kept of {where} matches"
    beside = " but for those left out" if left_out else ""
    return f"nothing to run: no archived task of {where} matches{beside}"
