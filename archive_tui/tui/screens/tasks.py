"""The tasks in one queue's archive, newest first: the list to hand-pick from."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content

from archive_tui.asynq.states import ARCHIVE_CAP, State
from archive_tui.asynq.task import TaskRow
from archive_tui.catalog.query import Query, Sort
from archive_tui.jobs.delete import DeleteJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.present import age
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.screens.base import ScanWanted
from archive_tui.tui.screens.row_columns import common_columns
from archive_tui.tui.screens.rows import RowsScreen
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.keybar import KeyBar
from archive_tui.tui.widgets.status import StatusBar

_OLD = 10.0
"""Seconds after which the list says how old it is."""


class TasksScreen(RowsScreen):
    """One queue's archive."""

    TITLE_IN_HELP = "Archived tasks"
    COMMANDS_HERE = (
        *RowsScreen.ROW_COMMANDS[:-2],
        commands.ScanQueue,
        commands.Refresh,
        *RowsScreen.ROW_COMMANDS[-2:],
    )
    FIRST_QUERY = Query(sort=Sort.DIED, descending=True)

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue
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
        self.do_refresh()
        super().on_mount()

    def on_unmount(self) -> None:
        if self._job is not None:
            self._job.stop()
        super().on_unmount()

    def listing_complete(self) -> bool:
        return self._job is not None and self._job.state.ended

    def breadcrumb(self) -> str:
        return f"{line(self.queue)} ▸ archived"

    def tick(self) -> None:
        if self._job is not None and self._job.state.ended and self._counted is not self._job:
            self._counted = self._job
            if len(self.marks):
                self.forget_dead_marks()
        super().tick()

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

    def refuse_refresh(self) -> str | None:
        if self._planning or self._deletion is not None:
            return "not while a deletion is planned or running"
        if self._job is not None and not self._job.state.ended:
            return "still reading"
        return None

    def do_refresh(self) -> None:
        self._job = self.session.run(
            ListJob(self.session.server, self.catalog, self.queue, State.ARCHIVED, self.session.clock)
        )

    def deletion_ended(self, job: DeleteJob) -> None:
        if self.refuse_refresh() is None:
            self.do_refresh()

    def refuse_delete(self) -> str | None:
        if self._job is not None and not self._job.state.ended:
            return "the archive is still being read"
        return super().refuse_delete()

    def refuse_stop(self) -> str | None:
        return None if self._job is not None and not self._job.state.ended else super().refuse_stop()

    def do_stop(self) -> None:
        super().do_stop()
        if self._job is not None:
            self._job.stop()

    def do_scan_queue(self) -> None:
        self.post_message(ScanWanted(self.queue))
