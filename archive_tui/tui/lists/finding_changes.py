"""Changes of findings, for any screen that shows some: delete orphans, repair the rest, explain any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from archive_tui.asynq.actions import Action
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.marks import Marks
from archive_tui.changes.expiry import with_times
from archive_tui.changes.history_plan import HistoryPlan, of_histories, plan_histories
from archive_tui.changes.other_installations import with_other_installations
from archive_tui.changes.plan import Plan, plan_rows
from archive_tui.changes.repair_plan import RepairPlan, choices, not_deletable, not_picked, types_of
from archive_tui.store.write.repair import Types
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.dialogs.explain import ExplainDialog
from archive_tui.tui.lists import proposals, repair_menu
from archive_tui.tui.lists.change_flow import OVERTAKEN, ChangeFlow
from archive_tui.tui.lists.targets import Targets
from archive_tui.wording.people import plural


class FindingChanges(Part):
    """Plans for findings. The screen says which, and the flow of the screen confirms and starts them."""

    def __init__(
        self,
        screen: CommandScreen,
        flow: ChangeFlow,
        targets: Callable[[], Targets],
        *,
        picked: Callable[[], Marks],
        pointed_at: Callable[[], TaskRow | None],
        why_not: Callable[[], str | None],
    ) -> None:
        """`targets` gives what is chosen now, and `picked` those of it that the operator pointed at one by one.
        `pointed_at` gives the finding under the operator's eyes; None where there is none. `why_not` is a reason of the
        screen's own why nothing can be changed now: it must give one where there is nothing to choose, unless the flow
        has marks.
        """
        super().__init__(screen)
        self._flow = flow
        self._targets = targets
        self._picked, self._pointed_at = picked, pointed_at
        self._why_not = why_not

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    # Deleting

    def why_not_delete(self) -> str | Wait | None:
        """Why nothing can be deleted now."""
        return self._why_not() or self._flow.why_not_delete()

    @runs(commands.Delete, unless=why_not_delete)
    def delete(self) -> None:
        """Plan to delete what is chosen."""
        self._flow.begin()
        self._plan_deletion(self._targets())

    @background("plan")
    def _plan_deletion(self, targets: Targets) -> None:
        """Deleting is for what no index references. What stands in an index is repaired, or deleted from there."""
        call = self.screen.app.call_from_thread
        marks, shown = targets.find()
        histories = [seq for seq in of_histories(targets.catalog) if seq in marks]
        if histories and len(histories) == len(marks):
            plan = replace(plan_rows(targets.catalog, marks, shown), seen_at=targets.read_at)
            call(self._confirm_histories, plan_histories(self.screen.session.server, plan), targets.choice)
            return
        left_out = [seq for seq in not_deletable(targets.catalog) if seq in marks]
        marks.discard(left_out)
        some = ""
        if histories:
            some = (
                f"{plural(len(left_out), 'finding')} of other kinds left out: histories are deleted by themselves "
                f"(filter kind:stale-history), and {commands.Repair} repairs the rest"
            )
        elif left_out:
            some = f"{plural(len(left_out), 'finding')} of other kinds left out: {commands.Repair} repairs those"
        if not len(marks):
            call(self._flow.abandon, f"no orphan among these: {commands.Repair} has what can be done about them")
            return
        plan = with_times(self.screen.session.server, plan_rows(targets.catalog, marks, shown))
        call(self._confirm_deletion, replace(plan, seen_at=targets.read_at, left_out=some), targets.choice)

    def _confirm_deletion(self, plan: Plan, choice: str) -> None:
        if plan.count:
            self._flow.confirm(proposals.deletion(plan, self.screen.session, choice))
        else:
            self._flow.abandon("these findings have left the list meanwhile")

    def _confirm_histories(self, plan: HistoryPlan, choice: str) -> None:
        if plan.count:
            self._flow.confirm(proposals.deletion_of_histories(plan, self.screen.session, choice))
        else:
            self._flow.abandon("these histories have left the list meanwhile")

    # Repairing

    def why_not_repair(self) -> str | Wait | None:
        """Why nothing can be repaired now."""
        row = self._pointed_at()
        refused = self.screen.session.why_not(Action.RESTORE, row.queue) if row is not None else None
        return refused or self._why_not() or self._flow.why_not("repair")

    @runs(commands.Repair, unless=why_not_repair)
    def repair(self) -> None:
        """Plan to repair what is chosen."""
        self._flow.begin()
        self._plan_repair(self._targets(), self._picked())

    @background("plan")
    def _plan_repair(self, targets: Targets, picked: Marks) -> None:
        call = self.screen.app.call_from_thread
        marks, shown = targets.find()
        left_out = not_picked(targets.catalog, marks, picked)
        marks.discard(left_out)
        some = ""
        if left_out:
            way_out = f"point at one, or mark one by one with {commands.Mark}"
            some = f"{plural(len(left_out), 'foreign key')} left out: {way_out}"
            if not len(marks):
                call(self._flow.abandon, some)
                return
        server = self.screen.session.server
        plan = with_times(server, plan_rows(targets.catalog, marks, shown))
        plan = replace(with_other_installations(server, plan), seen_at=targets.read_at, left_out=some)
        call(self._choose_repair, plan, types_of(self.screen.session.server, plan), targets)

    def _choose_repair(self, plan: Plan, types: Types, targets: Targets) -> None:
        if not self.screen.on_top:
            self._flow.abandon(OVERTAKEN)
            return
        if not plan.count:
            self._flow.abandon("these findings have left the list meanwhile")
            return
        plans = choices(plan, types, self.screen.session.limits)
        if not plans:
            self._flow.abandon(f"nothing but deleting helps here: {commands.Delete}, and {commands.Explain} explains")
            return
        title = f"What to do with {plural(plan.count, 'finding')}?"
        dialog = ChoiceDialog(title, repair_menu.menu(plan, plans), wide=True)
        self.screen.app.push_screen(dialog, partial(self._confirm_repair, plans, targets))

    def _confirm_repair(self, plans: Sequence[RepairPlan], targets: Targets, name: str | None) -> None:
        if name is None:
            self._flow.cancel()
            return
        if name == repair_menu.DELETE:
            self._plan_deletion(targets)
            return
        plan = plans[int(name)]
        if refusal := plan.why_not():
            self._flow.abandon(refusal)
            return
        self._flow.confirm(proposals.repair(plan, self.screen.session, targets.choice))

    # Explaining

    def help_topic(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The kind of the finding that is pointed at."""
        row = self._pointed_at()
        if row is None or row.kind is None:
            return {}
        more = f"{commands.Explain} says how it comes about, and the way out."
        return {"Under the cursor": [(row.kind.label, f"{row.kind.explained.what} {more}")]}

    def why_not_explain(self) -> str | None:
        """Why nothing can be explained now."""
        return "no finding here" if self._pointed_at() is None else None

    @runs(commands.Explain, unless=why_not_explain)
    def explain(self) -> None:
        """Explain the finding under the operator's eyes."""
        row = self._pointed_at()
        if row is not None and row.kind is not None:
            self.screen.app.push_screen(ExplainDialog(row.kind))
