"""`archive-tui edit`: archived tasks get another payload and run with it, or stay archived."""

from dataclasses import dataclass, replace

from archive_tui.asynq.outcomes import EDIT
from archive_tui.asynq.runs import RunMode
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.seqs import seqs_of
from archive_tui.changes import edit_words
from archive_tui.changes.edit_plan import Edit, EditPlan, NewPayload, SetValues, plan_edit, to_edit
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import Plan, plan_oldest
from archive_tui.changes.run_plan import runnable
from archive_tui.commands.change import Manner, Planned, carry_out, choosing, filter_line, flags_of
from archive_tui.commands.editor import edited
from archive_tui.commands.reading import read_matching
from archive_tui.errors import ExitCode, NotFoundError, RefusedError, UsageError
from archive_tui.payloads.editing.assignments import Assignments
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.session import Session
from archive_tui.text import encode, line, readable


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice of archived tasks to edit, how, and how they run then. Raises UsageError."""

    queue: str
    mode: RunMode
    assignments: Assignments
    task_id: bytes | None = None
    """The only task; None for all that match."""
    where: str = ""
    """A filter; empty for all."""
    limit: int | None = None
    """At most so many, the oldest first."""
    stays: bool = False
    """Whether they stay in the archive."""

    @property
    def choice(self) -> str:
        """The choice in words, for the audit."""
        return flags_of(id=line(self.task_id) if self.task_id is not None else "", where=self.where, limit=self.limit)


def assignments_of(texts: tuple[str, ...]) -> Assignments:
    """Read what --set says. Raises UsageError."""
    try:
        return Assignments.parse(texts)
    except EditError as error:
        raise UsageError(f"--set: {error}") from None


def edit(session: Session, wish: Wish, manner: Manner) -> ExitCode:
    """Plan an edit, have it confirmed, and carry it out."""
    query = Query(wish.where, now=session.clock())
    query.where()
    with choosing(session, EDIT, manner, wish.queue) as (catalog, began):
        contents = read_matching(
            session, catalog, wish.queue, query, EDIT.base, err=manner.err, progress=manner.progress
        )
        if contents is None:
            return ExitCode.INTERRUPTED
        everything = replace(plan_oldest(catalog, query, ghosts=True), seen_at=began)
        if wish.task_id is not None:
            everything = _only(everything, wish.queue, wish.task_id)
        fitting, left_out = runnable(everything, wish.limit)
        fitting = with_times(session.server, fitting)
        if wish.assignments.each:
            what: Edit | None = SetValues(wish.assignments)
        else:
            what = _by_hand(session, fitting, manner)
        if what is None:
            print("nothing was edited: the payload is as it was", file=manner.err)
            return ExitCode.DONE
        plan = plan_edit(session.server, fitting, what, wish.mode, stays=wish.stays, redaction=session.redaction)
        planned = Planned(
            sheet=edit_words.sheet(plan, session.site(), tuple(filter_line(wish.where))),
            nothing=_nothing(session, wish, catalog, plan),
            start=lambda: session.start(plan, session.pace, choice=wish.choice, reason=manner.reason),
            report=edit_words.report,
            choice={
                "queue": readable(encode(wish.queue)),
                "id": readable(wish.task_id) if wish.task_id is not None else None,
                "where": wish.where or None,
                "payloads": contents.facts,
                "limit": wish.limit,
                "left_out": left_out,
            },
            ids=plan.ids,
            whole=not (catalog.trouble or left_out or contents.unknown or plan.refused),
        )
        return carry_out(session, planned, manner)


def _by_hand(session: Session, plan: Plan, manner: Manner) -> NewPayload | None:
    """Let somebody edit the payload of the one task of a plan; None where nothing was changed. A text that cannot be
    read is opened again, as it was typed. Raises RefusedError, UsageError, NotFoundError.
    """
    row = next((row for rows in plan.selection.batches() for _, row in rows), None)
    if row is None:
        raise NotFoundError("this is no task that Asynq could run: only those are edited")
    if manner.ask is None:
        raise RefusedError("an editor needs a terminal: say what to change with --set")
    task = session.read_task(row.queue, row.id)
    opened = to_edit(task, row, session.payloads)
    text = opened.text
    while True:
        text = edited(text, opened.suffix)
        if text == opened.text:
            return None
        try:
            payload = opened.back(text)
        except EditError as error:
            print(f"archive-tui: not {line(opened.form)}: {line(str(error))}", file=manner.err)
            if manner.ask("Open it again as you typed it? y/n").strip().lower() not in ("y", "yes"):
                raise RefusedError("nothing was edited") from None
            continue
        return None if payload == task.payload else NewPayload(payload, opened.notes)


def _only(plan: Plan, queue: str, task_id: bytes) -> Plan:
    """The plan with one task alone. Raises NotFoundError."""
    selection = plan.selection
    for rows in selection.batches():
        for seq, row in rows:
            if row.id == task_id:
                chosen = replace(selection, seqs=seqs_of([seq]))
                return replace(plan, selection=chosen, totals=chosen.totals(), hidden=0)
    raise NotFoundError(
        f"no task {line(task_id)} in the archive of queue {line(queue)}: only archived tasks are edited"
    )


def _nothing(session: Session, wish: Wish, catalog: Catalog, plan: EditPlan) -> str:
    where = f"queue {line(wish.queue)} at {session.server.place}"
    if plan.unchanged or plan.refused:
        return f"nothing to edit in the archive of {where}"
    if catalog.trouble:
        return f"nothing was edited: no archived task among the rows that are kept of {where} matches"
    return f"nothing to edit: no archived task of {where} matches"
