"""The tasks in one queue's archive, newest first: the list to hand-pick from."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content

from archive_tui.asynq.actions import Action
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import ARCHIVE_CAP, State
from archive_tui.catalog.query import Query, Sort
from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.plan import Plan, Retention, plan_oldest
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import OVERTAKEN, ScanWanted, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.retention import Kept
from archive_tui.tui.screens.deleting import DeletingScreen
from archive_tui.tui.screens.row_columns import common_columns
from archive_tui.tui.screens.rows import RowsScreen
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.keybar import KeyBar
from archive_tui.tui.widgets.status import StatusBar
from archive_tui.wording.people import age

_SAFE = 5_000
"""How many tasks to keep of an archive that will break: far from the 8,000 that break it."""

_OLD = 10.0
"""Seconds after which the list says how old it is."""


class TasksScreen(DeletingScreen):
    """One queue's archive."""

    TITLE_IN_HELP = "Archived tasks"
    COMMANDS_HERE = (
        *RowsScreen.ROW_COMMANDS[:-2],
        commands.ScanQueue,
        commands.CleanOld,
        commands.Refresh,
        *RowsScreen.ROW_COMMANDS[-2:],
    )
    FIRST_QUERY = Query(sort=Sort.DIED, descending=True)

    def __init__(self, queue: str, *, cleaning: bool = False) -> None:
        super().__init__()
        self.queue = queue
        self._cleaning = cleaning
        self._job: ListJob | None = None
        self._counted: ListJob | None = None

    def compose(self) -> ComposeResult:
        yield StatusBar()
        yield HeadLine(id="head")
        yield self.compose_table()
        yield self.compose_filter()
        yield KeyBar()

    def columns(self) -> Sequence[Column[TaskRow]]:
        return common_columns(self.session.clock, "Died", lambda row: row.scored_at)

    def on_mount(self) -> None:
        self.read_again()
        super().on_mount()

    def on_unmount(self) -> None:
        if self._job is not None:
            self._job.stop()
        super().on_unmount()

    def listing_complete(self) -> bool:
        return self._job is not None and self._job.state.ended

    @property
    def seen_at(self) -> float | None:
        return self._job.progress.read_at if self._job is not None else None

    def breadcrumb(self) -> str:
        return f"{line(self.queue)} ▸ archived"

    def tick(self) -> None:
        if self._job is not None and self._job.state.ended and self._counted is not self._job:
            self._counted = self._job
            if len(self.marks):
                self.forget_dead_marks()
        super().tick()
        if self._cleaning and self._shown_complete and not self.sorting:
            self._cleaning = False
            self.call_later(self._begin_cleaning)

    def _begin_cleaning(self) -> None:
        """What the screen was opened for, now that the archive is read."""
        if self.on_top:
            self.run_command(commands.CleanOld)
        else:
            self._no_plan(OVERTAKEN)

    def draw_head(self) -> None:
        job = self._job
        if job is None:
            return
        progress = job.progress
        total = self.catalog.counts().total
        complete = progress.complete
        parts: list[Content | str | tuple[str, str]] = [
            title(clip(self.queue, name_room(self.size.width)), "archived"),
            f"   {'' if complete else '≥ '}{total:,} of {ARCHIVE_CAP:,}",
        ]
        if progress.state is JobState.FAILED:
            parts.append((f"   {job.error}", "$text-error"))
        elif progress.state is JobState.DISCONNECTED:
            parts.append((f"   {progress.trouble}", "$text-error"))
        elif not progress.state.ended:
            parts.append(("   reading…", "$text-warning"))
        elif progress.read_at is not None and self.session.clock() - progress.read_at >= _OLD:
            parts.append((f"   read {age(progress.read_at, self.session.clock())} ago: r reads again", "$text-muted"))
        parts.append(self.counts_of_view(total=total, complete=complete))
        self.query_one("#head", HeadLine).show(self.deletion_line() or Content.assemble(*parts))
        gone = self.session.watch.overview.read_at is not None and not any(
            one.name == self.queue for one in self.session.watch.overview.queues
        )
        self.table.empty_text = (
            "No task matches the filter: esc shows all."
            if self.query_now.filtered and total
            else "The archive could not be read."
            if progress.state is JobState.FAILED
            else f"Queue {line(self.queue)} is gone."
            if gone
            else "The archive is empty."
        )

    def why_not_refresh(self) -> str | None:
        if self._planning or self._deletion is not None:
            return "not while a deletion is planned or running"
        if self._job is not None and not self._job.state.ended:
            return "still reading"
        return None

    @runs(commands.Refresh, unless=why_not_refresh)
    def read_again(self) -> None:
        self._job = self.session.run(
            ListJob(self.session.server, self.catalog, self.queue, State.ARCHIVED, self.session.clock)
        )

    def deletion_ended(self, job: DeleteJob) -> None:
        if self.why_not_refresh() is None:
            self.read_again()

    def why_not_delete(self) -> str | None:
        if self._job is not None and not self._job.state.ended:
            return "the archive is still being read"
        return self.session.why_not(Action.DELETE, self.queue) or super().why_not_delete()

    def why_not_stop(self) -> str | None:
        return None if self._job is not None and not self._job.state.ended else super().why_not_stop()

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        super().stop()
        if self._job is not None:
            self._job.stop()

    @runs(commands.CleanOld, unless=why_not_delete)
    def clean_old(self) -> None:
        from archive_tui.tui.dialogs.retention import RetentionDialog

        foretold = self.session.watch.overview.forecasts.get(self.queue)
        in_danger = foretold is not None and foretold.preventable
        dialog = RetentionDialog(
            self.catalog.counts().total,
            why=foretold.sentence if foretold is not None and in_danger else "",
            filtered=self.query_now.filtered,
            newest=_SAFE if in_danger else None,
        )
        self._planning = True
        self.app.push_screen(dialog, self._keep)

    def _keep(self, kept: Kept | None) -> None:
        if kept is None:
            self._planning = False
        else:
            self._plan_old(kept, self.query_now)

    @background("plan")
    def _plan_old(self, kept: Kept, query: Query) -> None:
        before = self.session.clock() - kept.seconds if kept.seconds is not None else None
        plan = plan_oldest(self.catalog, query, Retention(before, kept.newest))
        self.app.call_from_thread(self._confirm_old, plan, kept)

    def _confirm_old(self, plan: Plan, kept: Kept) -> None:
        if plan.count:
            self._confirm(plan, kept.words)
        else:
            self._no_plan("nothing to delete: all of them are kept")

    @runs(commands.ScanQueue)
    def scan_queue(self) -> None:
        self.post_message(ScanWanted(self.queue))
