"""The flow of a change, whichever it is: plan, confirm, start, watch, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from archive_tui.asynq.outcomes import DELETE
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.pace import Pace
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait
from archive_tui.tui.commands import runs
from archive_tui.tui.widgets.pieces import Piece, piece

if TYPE_CHECKING:
    from archive_tui.changes.change import Plannable
    from archive_tui.changes.engine import ChangeJob
    from archive_tui.changes.report import Report
    from archive_tui.changes.sheet import Sheet
    from archive_tui.jobs.progress import ChangeProgress
    from archive_tui.tui.dialogs.confirm import ConfirmDialog
    from archive_tui.tui.lists.marks import RowMarks
    from archive_tui.tui.lists.restoring import Restoring
    from archive_tui.tui.lists.resuming import Resuming
    from archive_tui.tui.lists.task_list import TaskList

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
        self._proposal: Proposal | None = None
        self._ended = ended
        self._tasks = tasks
        self._marks = marks

    @cached_property
    def restoring(self) -> Restoring:
        """Plans to restore what a journal holds."""
        from archive_tui.tui.lists.restoring import Restoring

        return Restoring(self.screen, self)

    @cached_property
    def resuming(self) -> Resuming:
        """Plans the rest of a change that was interrupted."""
        from archive_tui.tui.lists.resuming import Resuming

        return Resuming(self.screen, self)

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
        from archive_tui.tui.dialogs.confirm import ConfirmDialog

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
            from archive_tui.tui.dialogs.report import ReportDialog

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
        from archive_tui.tui.widgets.headline import changing

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
