"""Repairing a queue as a whole: register or clean up a leftover queue, clear an archive that is stuck."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from archive_tui.asynq.actions import Action
from archive_tui.jobs.job import JobState
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs

if TYPE_CHECKING:
    from archive_tui.asynq.forecast import Forecast
    from archive_tui.catalog.catalog import Catalog
    from archive_tui.changes.repair_plan import RepairPlan
    from archive_tui.store.read.queues import QueueStats
    from archive_tui.tui.lists.change_flow import ChangeFlow


class QueueRepair(Part):
    """Plans for the queue under the cursor, which `current` gives."""

    def __init__(self, screen: CommandScreen, flow: ChangeFlow, current: Callable[[], QueueStats | None]) -> None:
        super().__init__(screen)
        self._flow = flow
        self._current = current

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    def why_not_repair_queue(self) -> str | None:
        """Why no queue can be repaired now."""
        if self._flow.busy or self._flow.planning:
            return self._flow.busy or f"a plan is being made: {commands.Stop} stops it"
        queue = self._current()
        if queue is None:
            return "no queue here"
        return self.screen.session.why_not(Action.DELETE if queue.leftover else Action.RESTORE, queue.name)

    @runs(commands.RepairQueue, unless=why_not_repair_queue)
    def repair_queue(self) -> None:
        """Ask what to do with a leftover queue, or look for what is wrong with another one."""
        queue = self._current()
        if queue is None:
            return
        if not queue.leftover:
            self._flow.begin()
            self.screen.say(f"reading the ids of the archive of {clip(queue.name, 40)}: what is wrong with it?")
            self._inspect_archive(queue.name)
            return
        from archive_tui.tui.dialogs.choice import ChoiceDialog

        choices = {
            "register": "register it again: Asynq lists and expires it",
            "clean": "clean up: delete all its keys",
        }
        dialog = ChoiceDialog(f"Leftover queue {clip(queue.name, 40)}", choices, wide=True)
        self.screen.app.push_screen(dialog, partial(self._leftover_chosen, queue))

    # A leftover queue

    def _leftover_chosen(self, queue: QueueStats, choice: str | None) -> None:
        from archive_tui.tui.lists import proposals

        if choice == "register":
            self._flow.confirm(proposals.register(queue, self.screen.session))
        elif choice == "clean":
            self._flow.confirm(proposals.clean_up(queue.name, self.screen.session))

    # A stuck archive

    @background("plan")
    def _inspect_archive(self, queue: str) -> None:
        """Find out whether an archive is stuck; where it is, check each of its ids."""
        from archive_tui.catalog.catalog import Catalog
        from archive_tui.catalog.query import Query
        from archive_tui.changes.other_installations import with_other_installations
        from archive_tui.changes.plan import plan_matching
        from archive_tui.changes.repair_plan import ARCHIVE_REPAIRS, RepairPlan
        from archive_tui.jobs.archive_check import ArchiveCheckJob

        call, session = self.screen.app.call_from_thread, self.screen.session
        forecast = session.archive_forecast(queue)
        if not forecast.stuck:
            call(
                self._flow.abandon,
                f"nothing is known to be wrong with this queue as a whole: {commands.ScanQueue} scans it",
            )
            return
        catalog = Catalog(redaction=session.redaction)
        job = session.run(ArchiveCheckJob(session.server, catalog, queue))
        job.wait()
        if job.state is not JobState.DONE:
            catalog.close()
            call(self._flow.abandon, str(job.error or "stopped"))
            return
        rows = with_other_installations(session.server, plan_matching(catalog, Query()))
        plan = RepairPlan(rows, ARCHIVE_REPAIRS, limits=session.limits)
        call(self._confirm, plan, forecast, catalog)

    def _confirm(self, plan: RepairPlan, forecast: Forecast, catalog: Catalog) -> None:
        if not plan.count:
            catalog.close()
            self._flow.abandon(f"its ids have data, so nothing is damaged yet: {commands.CleanOld} deletes the oldest")
            return
        from archive_tui.tui.lists import proposals

        self._flow.confirm(proposals.archive_repair(plan, forecast, self.screen.session, catalog.close))
