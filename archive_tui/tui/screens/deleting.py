"""Deleting rows of a table: the plan, its confirmation, and the report."""

from __future__ import annotations

from array import array
from dataclasses import replace
from functools import partial

from textual.content import Content

from archive_tui.catalog.marks import Marks
from archive_tui.changes import delete_words
from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.plan import Plan, plan_rows
from archive_tui.tui import commands
from archive_tui.tui.command_screen import OVERTAKEN, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.confirm import ConfirmDialog
from archive_tui.tui.screens.marking import MarkingScreen
from archive_tui.tui.widgets.headline import changing


class DeletingScreen(MarkingScreen):
    """A table from which the marked rows, or the one under the cursor, can be deleted."""

    OF_MARKED = frozenset({commands.Delete})

    def __init__(self) -> None:
        super().__init__()
        self._deletion: DeleteJob | None = None

    def tick(self) -> None:
        self._watch_deletion()
        super().tick()

    def deletion_line(self) -> Content | None:
        """How the deletion of this screen's rows is going, if there is one."""
        if self._deletion is None:
            return None
        return changing("deleting", "$text-error", self._deletion.progress, self._deletion.pace)

    @property
    def seen_at(self) -> float | None:
        """Since when the rows may have changed in Redis (unix seconds), as far as anybody knows."""
        return None

    def why_not_delete(self) -> str | None:
        running = self.session.deleting is not None
        return self.why_no_plan("delete", "another deletion is running: x stops it" if running else None)

    @runs(commands.Delete, unless=why_not_delete)
    def delete(self) -> None:
        self._planning = True
        self._plan(self.chosen(), self.view.seqs)

    @background("plan")
    def _plan(self, marks: Marks, shown: array[int]) -> None:
        plan = plan_rows(self.catalog, marks, shown)
        self.app.call_from_thread(self._confirm, plan)

    def _confirm(self, plan: Plan, choice: str = "by hand") -> None:
        if not self.on_top:
            self._no_plan(OVERTAKEN)
            return
        if not plan.count:
            self._no_plan("these tasks have left the list meanwhile")
            return
        plan = replace(plan, seen_at=self.seen_at)
        dialog = ConfirmDialog(delete_words.sheet(plan, self.session.site()), self.session.settings)
        self.app.push_screen(dialog, partial(self._confirmed, plan, choice, dialog))

    def _confirmed(self, plan: Plan, choice: str, dialog: ConfirmDialog, confirmed: bool | None) -> None:
        self._planning = False
        if not confirmed:
            self.say("nothing was deleted")
            return
        self._deletion = self.session.delete(plan, self.pace, choice=self._choice(choice), reason=dialog.reason)
        self._tick()

    def _choice(self, how: str) -> str:
        """How the rows of a plan were chosen, for the audit, and what the table was narrowed to."""
        query = self.query_now
        narrowed = [f"kind {query.kind.value}"] if query.kind is not None else []
        narrowed += [f"type {query.type}"] if query.type is not None else []
        narrowed += [f"error {query.signature}"] if query.signature is not None else []
        narrowed += [f"filter {query.text}"] if query.text.strip() else []
        return ", ".join([how, *narrowed])

    def _watch_deletion(self) -> None:
        job = self._deletion
        if job is None or not job.state.ended:
            return
        from archive_tui.tui.dialogs.report import ReportDialog

        self._deletion = None
        self.forget_dead_marks()
        self.session.watch.refresh()
        self.deletion_ended(job)
        report = delete_words.report(job.progress)
        if report.remark:
            self.say(report.remark)
        else:
            self.app.push_screen(ReportDialog(report))

    def deletion_ended(self, job: DeleteJob) -> None:
        """For subclasses: a deletion of rows of this screen has ended."""

    # Leaving and stopping

    def why_not_leave(self) -> str | None:
        return "a deletion is running: x stops it" if self._deletion is not None else None

    def why_not_stop(self) -> str | None:
        return "nothing is running" if self._deletion is None else None

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        if self._deletion is not None:
            self._deletion.stop()
