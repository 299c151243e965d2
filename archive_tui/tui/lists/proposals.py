"""Each kind of plan as a proposal: its sheet, its report, and how its tasks were chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from archive_tui.asynq.forecast import Forecast
from archive_tui.asynq.states import State
from archive_tui.changes import (
    cleanup_words,
    delete_words,
    edit_words,
    history_words,
    register_words,
    repair_words,
    restore_words,
    run_words,
)
from archive_tui.changes.cleanup import CleanUpPlan
from archive_tui.changes.edit_plan import EditPlan
from archive_tui.changes.history_plan import HistoryPlan
from archive_tui.changes.plan import Plan
from archive_tui.changes.register import RegisterPlan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.report import Report
from archive_tui.changes.restore_plan import RestorePlan
from archive_tui.changes.run_plan import RunPlan
from archive_tui.changes.sheet import Sheet, chosen_by
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.session import Session
from archive_tui.store.read.queues import QueueStats
from archive_tui.tui import commands
from archive_tui.tui.lists.change_flow import Proposal
from archive_tui.wording.tone import Tone


def deletion(plan: Plan, session: Session, choice: str) -> Proposal:
    """Propose to delete tasks; `choice` says how they were chosen."""
    sheet = delete_words.sheet(plan, session.site(), tuple(chosen_by(choice)))
    return Proposal(plan, _with_undo(sheet), delete_words.report, choice)


def _with_undo(sheet: Sheet) -> Sheet:
    """Name the key that undoes it on the screens, where there is a way back."""
    first, *others = sheet.way_back
    if first.tone is Tone.DANGER:
        return sheet
    return replace(sheet, way_back=(first._replace(text=f"{first.text}; {commands.UndoChange} undoes it"), *others))


def run_again(plan: RunPlan, session: Session, choice: str) -> Proposal:
    """Propose to run archived tasks; `choice` says how they were chosen."""
    return Proposal(plan, run_words.sheet(plan, session.site(), tuple(chosen_by(choice))), run_words.report, choice)


def edit_and_run(plan: EditPlan, session: Session, choice: str) -> Proposal:
    """Propose to edit archived tasks and run them; `choice` says how they were chosen."""
    return Proposal(plan, edit_words.sheet(plan, session.site(), tuple(chosen_by(choice))), edit_words.report, choice)


def deletion_of_histories(plan: HistoryPlan, session: Session, choice: str) -> Proposal:
    """Propose to delete histories of schedulers; `choice` says how they were chosen."""
    return Proposal(plan, history_words.sheet(plan, session.site()), history_words.report, choice)


def repair(plan: RepairPlan, session: Session, choice: str) -> Proposal:
    """Propose to repair findings; `choice` says how they were chosen."""
    archived = {one.name: one.counts.get(State.ARCHIVED, 0) for one in session.watch.overview.queues}
    sheet = repair_words.sheet(plan, session.site(), archived, tuple(chosen_by(choice)))
    return Proposal(plan, _with_undo(sheet) if plan.undoable else sheet, _repaired(plan), choice)


def _repaired(plan: RepairPlan) -> Callable[[ChangeProgress], Report]:
    return partial(repair_words.report, undoable=plan.undoable)


def archive_repair(plan: RepairPlan, forecast: Forecast, session: Session, release: Callable[[], None]) -> Proposal:
    """Propose to clear an archive that is stuck; `release` closes the catalog that the plan was made from."""
    sheet = repair_words.archive_sheet(plan, forecast, session.site())
    return Proposal(plan, _with_undo(sheet), _repaired(plan), "all that is wrong in a stuck archive", release)


def restore(plan: RestorePlan, session: Session) -> Proposal:
    """Propose to restore what a journal holds, also where it was written for another server: the sheet warns."""
    confirmed = replace(plan, anywhere=bool(plan.elsewhere))
    restored = partial(restore_words.report, noun=restore_words.noun_of(plan))
    return Proposal(confirmed, restore_words.sheet(plan, session.site()), restored)


def register(queue: QueueStats, session: Session) -> Proposal:
    """Propose to register a leftover queue again."""
    shown = register_words.sheet(queue.name, queue.counts, session.site())
    return Proposal(RegisterPlan(queue.name), shown, partial(register_words.report, queue.name))


def clean_up(queue: str, session: Session) -> Proposal:
    """Propose to clean up a leftover queue."""
    return Proposal(CleanUpPlan(queue), _with_undo(cleanup_words.sheet(queue, session.site())), cleanup_words.report)
