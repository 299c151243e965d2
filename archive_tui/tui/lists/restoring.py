"""Restoring from a journal: ask where to, plan, and hand the plan to the flow of changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tui.asynq.outcomes import DELETE, RESTORE
from archive_tui.changes.restore_plan import Chosen, RestorePlan, plan_restore
from archive_tui.journal.reader import Journal
from archive_tui.store.write.restore import Target
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.lists import proposals

if TYPE_CHECKING:
    from archive_tui.tui.lists.change_flow import ChangeFlow

_TARGETS = {
    Target.BACK.value: "Back where each stood",
    Target.ARCHIVE.value: "Into the archive",
    Target.RUN.value: "Run once more",
}


_REST = "rest"
"""The name of the choice to go on instead."""


def everything() -> Chosen | None:
    """Choose all tasks of a journal."""
    return None


class Restoring(Part):
    """Plans to restore what a journal holds."""

    def __init__(self, screen: CommandScreen, flow: ChangeFlow) -> None:
        super().__init__(screen)
        self._flow = flow

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    def another(self) -> str | None:
        """Why nothing can be restored besides what is running; None where nothing is."""
        session = self.screen.session
        if session.changing(RESTORE) is not None:
            return f"something is being restored already: {commands.Stop} stops it"
        if session.changing(DELETE) is not None:
            return f"a deletion is running: {commands.Stop} stops it"
        return None

    def ask(
        self,
        path: Path,
        chosen: Callable[[], Chosen | None] = everything,
        *,
        again: bool = False,
        resumable: bool = False,
    ) -> None:
        """Ask where to, and plan. `chosen` picks the tasks, off the UI loop; with `again` also those that were restored
        before. Where the change of the journal is `resumable`, going on with its rest is a choice, too.
        """
        self._flow.begin()
        choices = {_REST: "Go on with the rest", **_TARGETS} if resumable else _TARGETS
        dialog = ChoiceDialog("Go on, or restore to" if resumable else "Restore to", choices, Target.BACK.value)
        self.screen.app.push_screen(dialog, partial(self._target_chosen, path, chosen, again))

    def undo(self, path: Path) -> None:
        """Plan to restore all that the change of this journal took away to where it stood."""
        if reason := self.another() or self._flow.why_not_now():
            self.screen.say(f"undo: {reason}", warning=True)
            return
        self._flow.begin()
        self._plan(path, everything, Target.BACK, again=False, ready=True)

    def _target_chosen(self, path: Path, chosen: Callable[[], Chosen | None], again: bool, target: str | None) -> None:
        if target is None:
            self._flow.abandon("nothing was restored", warning=False)
            return
        if target == _REST:
            self._flow.resuming.plan(path)
            return
        self._plan(path, chosen, Target(target), again=again, ready=False)

    @background("plan")
    def _plan(
        self, path: Path, chosen: Callable[[], Chosen | None], target: Target, *, again: bool, ready: bool
    ) -> None:
        session = self.screen.session
        plan = plan_restore(session.server, Journal(path), target, chosen(), again=again, limits=session.limits)
        self.screen.app.call_from_thread(self._confirm, plan, ready)

    def _confirm(self, plan: RestorePlan, ready: bool) -> None:
        if plan.count:
            self._flow.confirm(proposals.restore(plan, self.screen.session), ready=ready)
        elif plan.bare:
            self._flow.abandon("these had no data: there is nothing to restore")
        else:
            self._flow.abandon("these tasks were restored meanwhile")
