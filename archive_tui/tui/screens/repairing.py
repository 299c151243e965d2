"""Setting right what is wrong, from a screen: chosen findings, or a queue as a whole."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from textual.content import Content

from archive_tui.asynq.actions import Action
from archive_tui.asynq.forecast import Forecast
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.changes import cleanup_words, repair_words
from archive_tui.changes.cleanup import CleanUpJob
from archive_tui.changes.plan import Plan, plan_matching, plan_rows
from archive_tui.changes.repair import RepairJob
from archive_tui.changes.repair_plan import MENDS_ARCHIVE, RepairPlan, choices, not_deletable, not_picked, types_of
from archive_tui.changes.report import Report
from archive_tui.errors import RefusedError
from archive_tui.jobs.archive_check import ArchiveCheckJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.store.read.queues import QueueStats
from archive_tui.store.write.repair import Types
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import OVERTAKEN, CommandScreen, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.dialogs.confirm import ConfirmDialog
from archive_tui.tui.dialogs.explain import ExplainDialog
from archive_tui.tui.dialogs.report import ReportDialog
from archive_tui.tui.screens.deleting import DeletingScreen
from archive_tui.tui.widgets.headline import changing
from archive_tui.wording.people import plural


class FindingsMending(DeletingScreen):
    """A table of findings that can be set right: what is chosen, how, confirmed, done and reported."""

    OF_MARKED = DeletingScreen.OF_MARKED | {commands.Repair}

    def __init__(self) -> None:
        super().__init__()
        self._repairing: RepairJob | None = None

    @property
    def changing(self) -> bool:
        """Whether anything is being deleted or set right."""
        return self._deletion is not None or self._repairing is not None

    def changed(self) -> None:
        """For subclasses: findings were set right or deleted."""

    def why_not_repair(self) -> str | None:
        row = self.table.cursor_row
        refused = self.session.why_not(Action.RESTORE, row.queue) if row is not None else None
        return refused or self.why_not_delete()

    def why_not_delete(self) -> str | None:
        return "findings are being set right: x stops it" if self._repairing is not None else super().why_not_delete()

    @background("plan")
    def _plan(self, marks: Marks, shown: array[int]) -> None:
        """Deleting is for what no index references. What stands somewhere is set right, or deleted from there."""
        left_out = [seq for seq in not_deletable(self.catalog) if seq in marks]
        marks.discard(left_out)
        if left_out:
            some = f"{plural(len(left_out), 'finding')} of other kinds left out: m has what can be done about them"
            self.app.call_from_thread(self.say, some, warning=True, seconds=8)
        if not len(marks):
            self.app.call_from_thread(self._no_plan, "no orphan among these: m has what can be done about them")
            return
        plan = plan_rows(self.catalog, marks, shown)
        self.app.call_from_thread(self._confirm, plan)

    def why_not_leave(self) -> str | None:
        return "findings are being set right: x stops it" if self._repairing is not None else super().why_not_leave()

    def why_not_stop(self) -> str | None:
        return None if self._repairing is not None else super().why_not_stop()

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        if self._repairing is not None:
            self._repairing.stop()
        else:
            super().stop()

    @runs(commands.Repair, unless=why_not_repair)
    def repair(self) -> None:
        self._planning = True
        marks = self.chosen()
        # The one under the cursor was pointed at by hand
        picked = self.picked.copy() if len(self.marks) else marks.copy()
        self._plan_repair(marks, picked, self.view.seqs)

    @background("plan")
    def _plan_repair(self, marks: Marks, picked: Marks, shown: array[int]) -> None:
        left_out = not_picked(self.catalog, marks, picked)
        marks.discard(left_out)
        if left_out:
            some = f"{plural(len(left_out), 'foreign key')} left out: point at one, or mark one by one with space"
            if not len(marks):
                self.app.call_from_thread(self._no_plan, some)
                return
            self.app.call_from_thread(self.say, some, warning=True, seconds=8)
        plan = plan_rows(self.catalog, marks, shown)
        types = types_of(self.session.server, plan)
        self.app.call_from_thread(self._choose_repair, plan, types)

    def _choose_repair(self, plan: Plan, types: Types) -> None:
        if not self.on_top:
            self._no_plan(OVERTAKEN)
            return
        if not plan.count:
            self._no_plan("these findings have left the list meanwhile")
            return
        found = choices(replace(plan, seen_at=self.seen_at), types)
        if not found:
            self._no_plan("nothing but deleting helps here: ctrl+d, and h explains")
            return
        names = {str(number): f"{one.label}: {one.count:,}" for number, one in enumerate(found)}
        title = f"What to do with {plural(plan.count, 'finding')}?"
        self.app.push_screen(ChoiceDialog(title, names, wide=True), partial(self._confirm_repair, found))

    def _confirm_repair(self, found: Sequence[RepairPlan], name: str | None) -> None:
        if name is None:
            self._planning = False
            return
        plan = found[int(name)]
        refusal = plan.why_not()
        if refusal is not None:
            self._no_plan(refusal)
            return
        archived = {one.name: one.counts.get(State.ARCHIVED, 0) for one in self.session.watch.overview.queues}
        sheet = repair_words.sheet(plan, self.session.site(), archived)
        self.app.push_screen(ConfirmDialog(sheet, self.session.settings), partial(self._repair_confirmed, plan))

    def _repair_confirmed(self, plan: RepairPlan, confirmed: bool | None) -> None:
        self._planning = False
        if not confirmed:
            self.say("nothing was changed")
            return
        try:
            self._repairing = self.session.repair(plan, self.pace, choice=self._choice("by hand"))
        except RefusedError as error:
            self.say(str(error), warning=True)
            return
        self._tick()

    def repair_line(self) -> Content | None:
        """How setting right is going, if anything is."""
        if self._repairing is None:
            return None
        return changing("setting right", "$text-warning", self._repairing.progress, self._repairing.pace)

    def _watch_repair(self) -> None:
        job = self._repairing
        if job is None or not job.state.ended:
            return
        self._repairing = None
        self.forget_dead_marks()
        self.session.watch.refresh()
        self.changed()
        report = repair_words.report(job.progress, by_hand=job.plan.by_hand)
        if report.remark:
            self.say(report.remark)
        else:
            self.app.push_screen(ReportDialog(report))

    def tick(self) -> None:
        self._watch_repair()
        super().tick()

    def why_not_explain(self) -> str | None:
        return "no finding here" if self.table.cursor_row is None else None

    @runs(commands.Explain, unless=why_not_explain)
    def explain(self) -> None:
        row = self.table.cursor_row
        if row is not None and row.kind is not None:
            self.app.push_screen(ExplainDialog(row.kind))


class QueueMending(CommandScreen):
    """A screen with a queue under the cursor that can be set right as a whole: a leftover queue, a stuck archive."""

    def __init__(self) -> None:
        super().__init__()
        self._mending = False

    def current(self) -> QueueStats | None:
        """The queue under the cursor."""
        raise NotImplementedError

    def why_not_repair_queue(self) -> str | None:
        if self._mending:
            return "a queue is being set right: x stops it"
        queue = self.current()
        if queue is None:
            return "no queue here"
        return self.session.why_not(Action.RESTORE if queue.registered else Action.DELETE, queue.name)

    @runs(commands.RepairQueue, unless=why_not_repair_queue)
    def repair_queue(self) -> None:
        queue = self.current()
        if queue is None:
            return
        if not queue.registered:
            choices = {
                "register": "register it again: Asynq lists and expires it",
                "clean": "clean up: delete all its keys",
            }
            title = f"Leftover queue {clip(queue.name, 40)}"
            self.app.push_screen(ChoiceDialog(title, choices, wide=True), partial(self._leftover_chosen, queue.name))
        else:
            self._mending = True
            self._look_into_archive(queue.name)

    def _leftover_chosen(self, queue: str, choice: str | None) -> None:
        if choice == "register":
            self._register(queue)
        elif choice == "clean":
            sheet = cleanup_words.sheet(queue, self.session.site())
            self.app.push_screen(ConfirmDialog(sheet, self.session.settings), partial(self._clean_up, queue))

    @background("register")
    def _register(self, queue: str) -> None:
        new = self.session.register(queue)
        self.session.watch.refresh(leftovers=True)
        said = f"{clip(queue, 40)} is registered again" if new else f"{clip(queue, 40)} was registered already"
        self.app.call_from_thread(self.say, said)

    def _clean_up(self, queue: str, confirmed: bool | None) -> None:
        if not confirmed:
            self.say("nothing was deleted")
            return
        try:
            job = self.session.clean_up(queue)
        except RefusedError as error:
            self.say(str(error), warning=True)
            return
        self._mending = True
        self._await_clean_up(job)

    @background("mend")
    def _await_clean_up(self, job: CleanUpJob) -> None:
        job.wait()
        self.session.watch.refresh(leftovers=True)
        self.app.call_from_thread(self._cleaned_up, cleanup_words.report(job.progress))

    def _cleaned_up(self, report: Report) -> None:
        if report.remark:
            self._mended(report.remark)
            return
        self._mending = False
        self.app.push_screen(ReportDialog(report))

    def _mended(self, said: str) -> None:
        self._mending = False
        self.say(said, seconds=10)

    @background("mend")
    def _look_into_archive(self, queue: str) -> None:
        """Tell whether an archive is stuck; where it is, look at each of its ids and ask."""
        forecast = self.session.archive_forecast(queue)
        if not forecast.stuck:
            said = "nothing is known to be wrong with this queue as a whole: o scans it"
            self.app.call_from_thread(self._mended, said)
            return
        catalog = Catalog()
        job = self.session.run(ArchiveCheckJob(self.session.server, catalog, queue))
        job.wait()
        if job.state is not JobState.DONE:
            catalog.close()
            self.app.call_from_thread(self._mended, str(job.error or "stopped"))
            return
        plan = RepairPlan(plan_matching(catalog, Query()), MENDS_ARCHIVE)
        self.app.call_from_thread(self._confirm_mending, plan, forecast)

    def _confirm_mending(self, plan: RepairPlan, forecast: Forecast) -> None:
        if not self.on_top or not plan.count:
            plan.plan.selection.catalog.close()
            self._mended(
                "its ids have data, so nothing is damaged yet: c deletes the oldest"
                if not plan.count
                else "nothing was done"
            )
            return
        sheet = repair_words.archive_sheet(plan, forecast, self.session.site())
        self.app.push_screen(ConfirmDialog(sheet, self.session.settings), partial(self._mend_archive, plan))

    def _mend_archive(self, plan: RepairPlan, confirmed: bool | None) -> None:
        if not confirmed:
            plan.plan.selection.catalog.close()
            self._mended("nothing was changed")
            return
        try:
            job = self.session.repair(plan, choice="all that is wrong in a stuck archive")
        except RefusedError as error:
            plan.plan.selection.catalog.close()
            self._mended(str(error))
            return
        self._await_mending(job, plan)

    @background("mend")
    def _await_mending(self, job: RepairJob, plan: RepairPlan) -> None:
        job.wait()
        plan.plan.selection.catalog.close()
        self.session.watch.refresh()
        self.app.call_from_thread(self._archive_mended, job.progress)

    def _archive_mended(self, report: ChangeProgress) -> None:
        self._mending = False
        self.app.push_screen(ReportDialog(repair_words.report(report)))

    def background_failed(self, group: str, error: Exception) -> None:
        if group == "mend":
            self._mending = False
        super().background_failed(group, error)
