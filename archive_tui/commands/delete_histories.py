"""`archive-tui delete --kind stale-history`: histories of schedulers that are gone, deleted as on the screens."""

from dataclasses import dataclass, replace
from typing import TextIO

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import DELETE
from archive_tui.catalog.query import Query
from archive_tui.changes import history_words
from archive_tui.changes.history_plan import plan_histories
from archive_tui.changes.plan import plan_oldest
from archive_tui.commands.change import Manner, Planned, carry_out, choosing, filter_line, flags_of
from archive_tui.commands.reading import finish, read_contents, say_what_is_missing
from archive_tui.errors import ExitCode
from archive_tui.jobs.histories import HistoryJob
from archive_tui.session import Session
from archive_tui.wording.people import plural


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice of stale histories to delete."""

    where: str = ""
    """A filter; empty for all."""

    limit: int | None = None
    """At most so many, those with the oldest last event first."""

    @property
    def choice(self) -> str:
        """The choice in words, for the audit."""
        return flags_of(kind=Kind.STALE_HISTORY.value, where=self.where, limit=self.limit)


def delete(session: Session, wish: Wish, manner: Manner) -> ExitCode:
    """Plan a deletion of histories, have it confirmed, and carry it out."""
    query = Query(wish.where, Kind.STALE_HISTORY, now=session.clock())
    query.where()
    with choosing(session, DELETE, manner, None) as (catalog, began):
        job = HistoryJob(session.server, catalog, session.pace)
        if not finish(lambda: session.run(job), (lambda _: "looking for histories") if manner.progress else None):
            return ExitCode.INTERRUPTED
        contents = read_contents(session, catalog, query, pace=session.pace, progress=manner.progress)
        if contents is None:
            return ExitCode.INTERRUPTED
        contents.say(manner.err)
        say_what_is_missing(catalog, DELETE.base, manner.err)
        say_what_is_unsure(job.unsure, job.why_unsure, manner.err)
        plan = plan_histories(session.server, replace(plan_oldest(catalog, query, limit=wish.limit), seen_at=began))
        planned = Planned(
            sheet=history_words.sheet(plan, session.site(), tuple(filter_line(wish.where))),
            nothing=f"nothing to delete: no {Kind.STALE_HISTORY.label} at {session.server.place} matches",
            start=lambda: session.start(plan, session.pace, choice=wish.choice, reason=manner.reason),
            report=history_words.report,
            choice={
                "queue": None,
                "kind": Kind.STALE_HISTORY.value,
                "where": wish.where or None,
                "payloads": contents.facts,
                "limit": wish.limit,
                "unsure": job.unsure,
            },
            ids=plan.ids,
            whole=not catalog.trouble and not contents.unknown,
        )
        return carry_out(session, planned, manner)


def say_what_is_unsure(count: int, why: str, err: TextIO) -> None:
    """Warn of histories that nobody can judge now, and why."""
    if count:
        them = "it is" if count == 1 else "they are"
        print(f"{plural(count, 'history')} not judged, and no finding while {them} not: {why}", file=err)
