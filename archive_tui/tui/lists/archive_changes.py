"""Changes of archived tasks, for any screen that shows some: a list, a table of counts, a single task."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import RUN
from archive_tui.asynq.runs import RunMode
from archive_tui.catalog.query import Query
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import Plan, plan_rows
from archive_tui.changes.run_plan import RunPlan, plan_run, runnable
from archive_tui.tui import commands
from archive_tui.tui.command_screen import Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.run import HowToRun, RunDialog
from archive_tui.tui.lists import proposals
from archive_tui.tui.lists.change_flow import OVERTAKEN
from archive_tui.tui.lists.chosen_changes import ChosenChanges
from archive_tui.tui.lists.targets import Targets
from archive_tui.wording.people import plural


class ArchiveChanges(ChosenChanges):
    """Plans for archived tasks."""

    # Deleting

    def why_not_delete(self) -> str | Wait | None:
        """Why nothing can be deleted now."""
        return self._refusal(Action.DELETE) or self._flow.why_not_delete()

    @runs(commands.Delete, unless=why_not_delete)
    def delete(self) -> None:
        """Plan to delete what is chosen."""
        self._flow.begin()
        self._plan_deletion(self._targets())

    @background("plan")
    def _plan_deletion(self, targets: Targets) -> None:
        marks, shown = targets.find()
        ghosts = [seq for seq in targets.catalog.find(Query(kind=Kind.GHOST)) if seq in marks]
        marks.discard(ghosts)
        plan = with_times(self.screen.session.server, plan_rows(targets.catalog, marks, shown))
        plan = replace(plan, seen_at=targets.read_at, left_out=without_ghosts(len(ghosts)))
        none = "nothing to delete: a scan repairs these" if ghosts else "these tasks have left the list meanwhile"
        self.screen.app.call_from_thread(self.confirm_deletion, plan, targets.choice, none)

    def confirm_deletion(self, plan: Plan, choice: str, if_empty: str) -> None:
        """Show the plan of a deletion, or say why there is none."""
        if plan.count:
            self._flow.confirm(proposals.deletion(plan, self.screen.session, choice))
        else:
            self._flow.abandon(if_empty)

    # Running

    def why_not_run(self) -> str | Wait | None:
        """Why nothing can be run now."""
        running = self.screen.session.changing(RUN) is not None
        another = f"other tasks are being queued: {commands.Stop} stops that" if running else None
        return self._refusal(Action.RESTORE) or self._flow.why_not("run", another)

    @runs(commands.Run, unless=why_not_run)
    def run(self) -> None:
        """Ask how to run what is chosen, and plan it."""
        self._flow.begin()
        self._count_targets(self._targets())

    @background("plan")
    def _count_targets(self, targets: Targets) -> None:
        marks, shown = targets.find()
        plan, left_out = runnable(replace(plan_rows(targets.catalog, marks, shown), seen_at=targets.read_at))
        self.screen.app.call_from_thread(self._ask_how, plan, targets.choice, left_out)

    def _ask_how(self, plan: Plan, choice: str, left_out: int) -> None:
        if not self.screen.on_top:
            self._flow.abandon(OVERTAKEN)
        elif not plan.count:
            none = "Asynq could run none of these: a scan says what they are"
            self._flow.abandon(none if left_out else "these tasks have left the list meanwhile")
        else:
            dialog = RunDialog(plan.count, self.screen.session.clock)
            self.screen.app.push_screen(dialog, partial(self._chosen_how, plan, choice))

    def _chosen_how(self, plan: Plan, choice: str, how: HowToRun | None) -> None:
        if how is None:
            self._flow.cancel()
        else:
            self._plan_run(plan, choice, how.mode)

    @background("plan")
    def _plan_run(self, plan: Plan, choice: str, mode: RunMode) -> None:
        server = self.screen.session.server
        found = plan_run(server, with_times(server, plan), mode)
        self.screen.app.call_from_thread(self._confirm_run, found, choice)

    def _confirm_run(self, plan: RunPlan, choice: str) -> None:
        self._flow.confirm(proposals.run_again(plan, self.screen.session, choice))


def without_ghosts(count: int) -> str:
    """Say that there is nothing to delete of so many of the chosen rows; empty for none."""
    if not count:
        return ""
    way_out = f"{commands.ScanQueue} scans, and {commands.Repair} removes the ids"
    return f"{plural(count, 'ghost')} left out: the data is gone already. {way_out}"
