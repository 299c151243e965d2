"""Cleaning an archive by age and number: asks what to keep, and plans to delete the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archive_tui.catalog.query import Query
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import Retention, plan_oldest
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.retention import Kept, RetentionDialog
from archive_tui.tui.lists.archive_changes import ArchiveChanges, without_ghosts
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.task_list import TaskList

_SAFE = 5_000
"""How many tasks to keep of an archive that will break: far from the 8,000 that break it."""


class ArchiveRetention(Part):
    """Retention of the archive of one queue, of which the list shows the tasks; for all queues it refuses."""

    def __init__(
        self,
        screen: CommandScreen,
        tasks: TaskList,
        flow: ChangeFlow,
        changes: ArchiveChanges,
        *,
        queue: str | None,
        read_at: Callable[[], float | None],
    ) -> None:
        """`queue` is None for all queues; `read_at` gives the time at which the archive was read, in unix seconds."""
        super().__init__(screen)
        self._tasks, self._flow, self._changes = tasks, flow, changes
        self._queue = queue
        self._read_at = read_at

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    def why_not_clean(self) -> str | Wait | None:
        """Why nothing can be deleted now."""
        if self._queue is None:  # "the newest 5,000" would be counted over all, and could empty an archive
            return "what to keep is chosen for one archive at a time: go back and open the queue's"
        return self._changes.why_not_delete()

    @runs(commands.CleanOld, unless=why_not_clean)
    def clean_old(self) -> None:
        """Ask what to keep of the archive, and plan to delete the rest."""
        forecasts = self.screen.session.watch.overview.forecasts
        forecast = forecasts.get(self._queue) if self._queue is not None else None
        in_danger = forecast is not None and forecast.preventable
        dialog = RetentionDialog(
            self._tasks.catalog.counts().total,
            why=forecast.sentence if forecast is not None and in_danger else "",
            filtered=self._tasks.query_now.filtered,
            newest=_SAFE if in_danger else None,
        )
        self._flow.begin()
        self.screen.app.push_screen(dialog, self._chosen)

    def _chosen(self, kept: Kept | None) -> None:
        if kept is None:
            self._flow.cancel()
        else:
            self._plan(kept, self._tasks.query_now, self._tasks.choice(kept.words))

    @background("plan")
    def _plan(self, kept: Kept, query: Query, choice: str) -> None:
        session, catalog = self.screen.session, self._tasks.catalog
        before = session.clock() - kept.seconds if kept.seconds is not None else None
        retention = Retention(before, kept.newest)
        plan = with_times(session.server, plan_oldest(catalog, query, retention))
        ghosts = plan_oldest(catalog, query, retention, ghosts=True).count - plan.count
        plan = replace(plan, seen_at=self._read_at(), left_out=without_ghosts(ghosts))
        none = "nothing to delete: all of them are kept"
        self.screen.app.call_from_thread(self._changes.confirm_deletion, plan, choice, none)
