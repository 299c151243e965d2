"""The flow of a change, whichever it is: plan, confirm, start, watch, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from archive_tui.asynq.forecast import Forecast
from archive_tui.asynq.outcomes import DELETE
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
from archive_tui.changes.change import Plannable
from archive_tui.changes.cleanup import CleanUpPlan
from archive_tui.changes.edit_plan import EditPlan
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.history_plan import HistoryPlan
from archive_tui.changes.plan import Plan
from archive_tui.changes.register import RegisterPlan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.report import Report
from archive_tui.changes.restore_plan import RestorePlan
from archive_tui.changes.run_plan import RunPlan
from archive_tui.changes.sheet import Sheet, chosen_by
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.session import Session
from archive_tui.store.read.queues import QueueStats
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.confirm import ConfirmDialog
from archive_tui.tui.dialogs.report import ReportDialog
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.restoring import Restoring
from archive_tui.tui.lists.resuming import Resuming
from archive_tui.tui.lists.task_list import TaskList
from archive_tui.tui.widgets.headline import changing
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.tone import Tone

OVERTAKEN = "cancelled: you opened another screen before the plan was ready"
"""Why a plan that took its time is dropped: a dialog over what the operator looks at by now would be a surprise."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that is ready to be confirmed."""

    plan: Plannable
    """What will be changed."""

    sheet: Sheet
    """The plan in words."""

    report: Callable[[ChangeProgress], Report]
    """Puts into words what was done."""

    choice: str = ""
    """How its tasks were chosen, in words for the audit."""

    release: Callable[[], None] = lambda: None
    """Gives back what the plan holds. Called once it is over, however that came about."""

    continues: Path | None = None
    """The journal of the change whose rest it is; None: it is no rest."""

    reason: str = ""
    """Why, unless another reason is entered."""


class Aside(Protocol):
    """Work on the rows of a list that changes nothing, such as an export. No change begins meanwhile."""

    @property
    def busy(self) -> str | None:
        """What is going on, as a reason not to do something else; None for nothing."""

    def stop(self) -> None:
        """Stop it."""

    def line(self) -> list[Piece] | None:
        """How far it is; None where nothing is going on."""

    def set_pace(self, pace: Pace) -> None:
        """Take another pace, where it is going on."""

    def watch(self) -> None:
        """See whether it has ended, and report it."""


class ChangeFlow(Part):
    """The change that is made from this screen, one at a time. While a plan is made or looked at, the rows of the list
    stay as they are.
    """

    def __init__(
        self,
        screen: CommandScreen,
        ended: Callable[[], None],
        tasks: TaskList | None = None,
        marks: RowMarks | None = None,
    ) -> None:
        """`ended` is called when a change has ended, before its report."""
        super().__init__(screen)
        self._pace: Pace | None = None  # that of the session
        self.planning = False
        """Whether a plan is being made, or looked at."""
        self.job: ChangeJob | None = None
        """What is running; None for nothing."""
        self.aside: Aside | None = None
        """What else may be running on the rows of the list."""
        self.restoring = Restoring(screen, self)
        self.resuming = Resuming(screen, self)
        self._proposal: Proposal | None = None
        self._ended = ended
        self._tasks = tasks
        self._marks = marks

    @property
    def reading(self) -> bool:
        """Whether a plan or a report is still to come: keys that were typed ahead are for what it asks or says."""
        return self.planning or self.job is not None

    # Planning

    @property
    def busy(self) -> str | None:
        """What is running, as a reason not to do something else; None for nothing."""
        if self.job is None:
            return self.aside.busy if self.aside is not None else None
        running = self.job.leaving.running
        return f"{running[0].lower()}{running[1:]}: {commands.Stop} stops it"

    def why_not(self, what: str, otherwise: str | None = None, *, pointed: bool = True) -> str | Wait | None:
        """Why nothing can be planned for the chosen rows now; `what` is as in "to delete", and `otherwise` is a reason
        of the screen's own. Not `pointed`: where nothing is marked, the cursor has no part in the choice.
        """
        if self._marks is not None and (unsteady := self._marks.why_not_choose()):
            return unsteady
        if self.planning:
            return "a plan is being made"
        if reason := otherwise or self.busy:
            return reason
        if self._marks is not None and not len(self._marks.chosen()):
            return f"there is nothing to {what}"
        if self._marks is not None and pointed and (reason := self._marks.why_not_point()):
            return reason
        return self.why_not_now()

    def why_not_delete(self) -> str | Wait | None:
        """Why no deletion of the chosen rows can be planned now: one at a time, on whichever screen it runs."""
        running = self.screen.session.changing(DELETE) is not None
        return self.why_not("delete", f"another deletion is running: {commands.Stop} stops it" if running else None)

    def why_not_now(self) -> str | None:
        """Why nothing can be planned now, whatever is chosen."""
        if self.planning:
            return "a plan is being made"
        return self.busy or ("the server is away" if self.screen.session.watch.trouble else None)

    def begin(self) -> None:
        """A plan is being made from now on."""
        self._set_planning(True)

    def abandon(self, reason: str, *, warning: bool = True) -> None:
        """There will be no plan."""
        self._set_planning(False)
        self.screen.say(reason, warning=warning)

    def cancel(self) -> None:
        """There will be no plan: the operator has turned back before it was made."""
        self._set_planning(False)

    def _set_planning(self, planning: bool) -> None:
        self.planning = planning
        if self._tasks is not None:
            self._tasks.frozen = planning

    def background_failed(self, group: str, error: Exception) -> None:
        self.cancel()
        super().background_failed(group, error)

    # Confirming and starting

    def confirm(self, proposal: Proposal, *, ready: bool = False) -> None:
        """Show the plan, and start it once it is confirmed. Over another screen its dialog would be a surprise. `ready`
        puts the focus on yes: for what was just asked for with a key of its own, and takes nothing away.
        """
        if not self.screen.on_top:
            proposal.release()
            self.abandon(OVERTAKEN)
            return
        dialog = ConfirmDialog(proposal.sheet, self.screen.session.server.at, ready=ready)
        self.screen.app.push_screen(dialog, partial(self._answered, proposal, dialog))

    def _answered(self, proposal: Proposal, dialog: ConfirmDialog, confirmed: bool | None) -> None:
        if not confirmed:
            proposal.release()
            self.abandon(f"nothing was {proposal.sheet.verb.past}", warning=False)
            return
        try:
            self.job = self.screen.session.start(
                proposal.plan,
                self.pace,
                choice=proposal.choice,
                reason=dialog.reason or proposal.reason,
                continues=proposal.continues,
            )
        except ArchiveTuiError as error:
            proposal.release()
            self.abandon(str(error))
            return
        self._proposal = proposal
        self._undoable(None)
        self._set_planning(False)
        self.screen.look()

    # Watching and reporting

    def watch(self) -> None:
        """See whether what is running has ended, and report it."""
        if self.aside is not None:
            self.aside.watch()
        job, proposal = self.job, self._proposal
        if job is None or proposal is None or not job.state.ended:
            return
        self.job = self._proposal = None
        proposal.release()
        self._ended()
        report = proposal.report(job.progress)
        undo = partial(self.restoring.undo, report.undo) if report.undo is not None else None
        self._undoable(undo)
        if report.remark:
            self.screen.say(
                f"{report.remark}; {commands.Unmark} undoes it" if undo and self._marks is not None else report.remark
            )
        else:
            self.screen.app.push_screen(ReportDialog(report), lambda wanted: undo() if wanted and undo else None)

    def _undoable(self, undo: Callable[[], None] | None) -> None:
        """Take note of how the change that ended last is undone; None: not at all."""
        if self._marks is not None:
            self._marks.undo_change = undo

    def line(self) -> list[Piece] | None:
        """How far the change is, or that its plan is being made, for the head of the screen; None for neither."""
        if self.planning and self.screen.on_top:
            return [piece(" making the plan…", "$text-warning")]
        if self.job is None:
            return self.aside.line() if self.aside is not None else None
        if self.job.change.count is None:
            return None
        progress = self.job.progress
        tone = "$text-error" if progress.verb is DELETE else "$text-warning"
        return changing(progress.verb.ongoing, tone, progress, self.job.pace)

    @property
    def pace(self) -> Pace:
        """The pace of changes that are started from here."""
        return self._pace or self.screen.session.pace

    def set_pace(self, pace: Pace) -> None:
        """Change the pace of what is running, and of what is started later."""
        self._pace = pace
        if self.job is not None:
            self.job.pace = pace
        if self.aside is not None:
            self.aside.set_pace(pace)

    def why_not_change_pace(self) -> str | None:
        """Why there is nothing whose pace could be changed."""
        return None if self.busy else "nothing is running"

    @runs(commands.ChangePace, unless=why_not_change_pace)
    def change_pace(self) -> None:
        """Take the next pace."""
        self.set_pace(self.pace.next)
        self.screen.say(f"{self.pace} pace")

    def stop(self) -> None:
        """Stop what is running at its next safe point."""
        if self.aside is not None:
            self.aside.stop()
        if self.job is not None:
            self.job.stop()


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
