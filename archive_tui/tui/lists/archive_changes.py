"""Changes of archived tasks, for any screen that shows some: a list, a table of counts, a single task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import DELETE
from archive_tui.catalog.query import Query
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import Plan, plan_rows
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.change_flow import ChangeFlow, deletion
from archive_tui.tui.lists.targets import Targets
from archive_tui.wording.people import plural


class ArchiveChanges(Part):
    """Plans for archived tasks. The screen says which, and the flow of the screen confirms and starts them."""

    def __init__(
        self,
        screen: CommandScreen,
        flow: ChangeFlow,
        targets: Callable[[], Targets],
        *,
        queue: Callable[[], str | None],
        why_not: Callable[[], str | None],
    ) -> None:
        """`targets` gives what is chosen now. `queue` names the queue whose rights count before there is a plan, None
        for none; the rights in every queue of a plan are checked once more when it starts. `why_not` is a reason of the
        screen's own why nothing can be changed now: it must give one where there is nothing to choose, unless the flow
        has marks.
        """
        super().__init__(screen)
        self._flow = flow
        self._targets = targets
        self._queue = queue
        self._why_not = why_not

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    # Deleting

    def why_not_delete(self) -> str | Wait | None:
        """Why nothing can be deleted now."""
        if reason := self._why_not():
            return reason
        session, queue = self.screen.session, self._queue()
        refused = session.why_not(Action.DELETE, queue) if queue is not None else None
        another = "another deletion is running: x stops it" if session.changing(DELETE) is not None else None
        return refused or self._flow.why_not("delete", another)

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
            self._flow.confirm(deletion(plan, self.screen.session, choice))
        else:
            self._flow.abandon(if_empty)


def without_ghosts(count: int) -> str:
    """Say that there is nothing to delete of so many of the chosen rows; empty for none."""
    if not count:
        return ""
    return f"{plural(count, 'ghost')} left out: the data is gone already. o scans, and m removes the ids"
