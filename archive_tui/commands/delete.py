"""`archive-tui delete`: archived tasks, or findings of a kind, deleted as on the screens."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import DELETE
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes import delete_words
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import Plan, Retention, plan_oldest
from archive_tui.changes.repair_plan import not_deletable
from archive_tui.changes.sheet import Line
from archive_tui.commands.change import Manner, Planned, carry_out, choosing, filter_line, flags_of
from archive_tui.commands.reading import read_contents, read_kind, say_what_is_missing
from archive_tui.errors import ExitCode
from archive_tui.session import Session
from archive_tui.text import encode, line, readable
from archive_tui.wording.people import exact, plural


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice of tasks to delete."""

    queue: str
    kind: Kind | None = None
    """Findings of this kind; None for archived tasks."""
    where: str = ""
    """A filter; empty for all."""
    limit: int | None = None
    """At most so many, the oldest first."""
    older_than: int | None = None
    """Seconds: only what was archived longer ago."""
    keep: int | None = None
    """So many of the newest stay."""

    @property
    def noun(self) -> str:
        """The sort of tasks, in words."""
        return "archived" if self.kind is None else self.kind.label

    @property
    def choice(self) -> str:
        """The choice in words, for the audit."""
        sort = f"--kind {self.kind.value}" if self.kind is not None else "--archived"
        age = f"{self.older_than}s" if self.older_than is not None else None
        return f"{sort} {flags_of(where=self.where, older_than=age, keep=self.keep, limit=self.limit)}".rstrip()


def delete(session: Session, wish: Wish, manner: Manner) -> ExitCode:
    """Plan a deletion, have it confirmed, and carry it out."""
    query = Query(wish.where, wish.kind, now=session.clock())
    query.where()
    with choosing(session, DELETE, manner, wish.queue) as (catalog, began):
        if not read_kind(session, catalog, wish.queue, wish.kind, pace=session.pace, progress=manner.progress):
            return ExitCode.INTERRUPTED
        contents = read_contents(session, catalog, query, pace=session.pace, progress=manner.progress)
        if contents is None:
            return ExitCode.INTERRUPTED
        contents.say(manner.err)
        say_what_is_missing(catalog, DELETE.base, manner.err)
        standing = _standing(wish, catalog, query)
        ghosts = _ghosts(session, wish, catalog, query)
        if standing:
            what = f"{plural(len(standing), 'husk')} left out, as an index holds the id"
            print(f"archive-tui: {what}: `archive-tui repair` deletes both", file=manner.err)
        if ghosts:
            what = f"{plural(len(ghosts), 'ghost')} left out, as the data is gone already"
            how = "`archive-tui repair --kind ghost --action remove-id` removes the ids"
            print(f"archive-tui: {what}: {how}", file=manner.err)
        left_out = bool(standing or ghosts)
        plan = with_times(
            session.server, replace(_plan(session, wish, catalog, query, without=standing), seen_at=began)
        )
        planned = Planned(
            sheet=delete_words.sheet(plan, session.site(), tuple(_chosen(wish, session.clock()))),
            nothing=_nothing(session, wish, catalog, left_out=left_out),
            start=lambda: session.start(plan, session.pace, choice=wish.choice, reason=manner.reason),
            report=delete_words.report,
            choice={
                "queue": readable(encode(wish.queue)),
                "kind": wish.kind.value if wish.kind is not None else None,
                "where": wish.where or None,
                "payloads": contents.facts,
                "older_than_seconds": wish.older_than,
                "keep": wish.keep,
                "limit": wish.limit,
                "ghosts_left_out": len(ghosts),
            },
            ids=plan.ids,
            whole=not catalog.trouble and not left_out and not contents.unknown,
        )
        return carry_out(session, planned, manner)


def _standing(wish: Wish, catalog: Catalog, query: Query) -> frozenset[int]:
    """The wished husks that stand in an index: without their data they would be ghosts."""
    if wish.kind is not Kind.HUSK:
        return frozenset()
    return frozenset(not_deletable(catalog)).intersection(catalog.find(query))


def _ghosts(session: Session, wish: Wish, catalog: Catalog, query: Query) -> frozenset[int]:
    """The ids that an archive should let go, and that have no data to delete."""
    if wish.kind is not None or not catalog.counts().by_kind.get(Kind.GHOST):
        return frozenset()
    everything = plan_oldest(catalog, query, _retention(session, wish), ghosts=True)
    return frozenset(catalog.find(Query(kind=Kind.GHOST))).intersection(everything.selection.seqs)


def _retention(session: Session, wish: Wish) -> Retention:
    return Retention(session.clock() - wish.older_than if wish.older_than is not None else None, wish.keep)


def _plan(session: Session, wish: Wish, catalog: Catalog, query: Query, *, without: frozenset[int]) -> Plan:
    return plan_oldest(catalog, query, _retention(session, wish), wish.limit, without)


def _chosen(wish: Wish, now: float) -> Iterator[Line]:
    yield from filter_line(wish.where)
    if wish.older_than is not None:
        yield Line(f"than {exact(now - wish.older_than)}", "older")
    if wish.keep is not None:
        yield Line(f"the newest {wish.keep:,}", "keeping")


def _nothing(session: Session, wish: Wish, catalog: Catalog, *, left_out: bool) -> str:
    where = f"queue {line(wish.queue)} at {session.server.place}"
    if catalog.trouble:
        return f"nothing was deleted: no {wish.noun} task among the rows that are kept of {where} matches"
    beside = " but for those left out" if left_out else ""
    return f"nothing to delete: no {wish.noun} task of {where} matches{beside}"
