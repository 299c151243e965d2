"""The tasks in one queue's archive, newest first: the list to hand-pick from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult

from archive_tui.asynq.states import State
from archive_tui.catalog.facets import AGE, ERROR, TRIES, TYPE
from archive_tui.catalog.query import Query, Sort
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, ScanWanted
from archive_tui.tui.commands import runs
from archive_tui.tui.kept_screens import archive_name
from archive_tui.tui.lists.appearance import ARCHIVE
from archive_tui.tui.lists.archive_changes import ArchiveChanges
from archive_tui.tui.lists.archive_retention import ArchiveRetention
from archive_tui.tui.lists.change_flow import OVERTAKEN, ChangeFlow
from archive_tui.tui.lists.columns import common_columns
from archive_tui.tui.lists.groups import Groups
from archive_tui.tui.lists.list_columns import ListColumns
from archive_tui.tui.lists.list_export import ListExport, marked_or_matching, why_not_matching
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.targets import MarkedRows, Targets, single_row
from archive_tui.tui.lists.task_list import HELP, TaskList
from archive_tui.tui.lists.triage import Triage, Triaged
from archive_tui.tui.screens.archived_task import ArchivedTaskScreen
from archive_tui.tui.screens.triage import ArchiveTriageScreen
from archive_tui.tui.task.below import Below
from archive_tui.tui.widgets.groups import GroupsPanel
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.people import age

_ROOM_FOR_ORIGIN = 100
"""Cells of a head that has room to say that the limit of an archive is only the default."""

_OLD = 10.0
"""Seconds after which the list says how old it is."""


class TasksScreen(CommandScreen):
    """One queue's archive."""

    TITLE_IN_HELP = "Archived tasks"
    COMMANDS_HERE = (
        commands.Stop,
        commands.Open,
        commands.Mark,
        commands.Delete,
        commands.Run,
        commands.MarkAll,
        commands.Filter,
        commands.Sort,
        commands.MarkRange,
        commands.Unmark,
        commands.Export,
        commands.Follow,
        commands.Wide,
        commands.ChooseColumns,
        commands.ExactTimes,
        commands.Groups,
        commands.Triage,
        commands.ScanQueue,
        commands.CleanOld,
        commands.Refresh,
        commands.Back,
        commands.Leave,
    )
    PARTS = (TaskList, RowMarks, ListColumns, ArchiveChanges, ArchiveRetention, Groups, Triage, ListExport)

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue
        columns = common_columns(lambda: self.tasks.moment, "Died", lambda row: row.scored_at)
        panel = GroupsPanel()
        self.tasks = TaskList(columns, self._task_screen, Query(sort=Sort.DIED, descending=True), beside=panel)
        self.marks = RowMarks(self, self.tasks)
        self.columns = ListColumns(self, self.tasks, ARCHIVE)
        self.flow = ChangeFlow(self, self._changed, self.tasks, self.marks)
        self.changes = ArchiveChanges(self, self.flow, self._targets, queue=lambda: queue, why_not=self._why_not_change)
        self.retention = ArchiveRetention(self, self.tasks, self.flow, self.changes, queue=queue, read_at=self._read_at)
        self.groups = Groups(self, panel, self.tasks, self.marks, (ERROR, TYPE, AGE, TRIES))
        triaged = Triaged(
            (line(queue), "archived"),
            self.tasks,
            self.marks,
            self.groups,
            read_at=self._read_at,
            changed=self._changed,
            why_not_change=self._why_not_change,
            why_not_export=self._why_not_change,
            queue=lambda: queue,
        )
        self.triage = Triage(self, triaged, ArchiveTriageScreen)
        export = ListExport(
            self,
            self.flow,
            lambda: marked_or_matching(self.tasks, self.marks),
            name=f"{line(queue)}-archived",
            why_not=lambda: self._why_not_change() or why_not_matching(self.tasks, self.marks),
        )
        own = (self.tasks, self.marks, self.columns, self.changes)
        self.parts = (*own, self.retention, self.groups, self.triage, export)
        self._cleaning = False
        self._job: ListJob | None = None
        self._counted: ListJob | None = None

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield self.tasks

    def on_mount(self) -> None:
        self.read_again()
        self.triage.mounted()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return HELP

    def _task_screen(self, index: int) -> CommandScreen:
        tasks = self.tasks
        below = Below(self.marks, self._only, self._changed, self._why_not_change)
        moved = tasks.table.move_to_key
        return ArchivedTaskScreen(tasks.view, index, self._breadcrumb(), moved, below, final=tasks.complete)

    def _breadcrumb(self) -> str:
        return f"{line(self.queue)} ▸ archived"

    def reading(self) -> bool:
        return not self.tasks.shown or self.marks.marking or self.flow.planning

    def tick(self) -> None:
        self.flow.watch()
        if self._job is not None and self._job.state.ended and self._counted is not self._job:
            self._counted = self._job
            self.marks.forget_dead()
        self.columns.keep_up()
        self.tasks.keep_up()
        self.groups.keep_up()
        self._draw_head()
        if self._cleaning and self.tasks.shown:
            self._cleaning = False
            self.call_later(self._begin_cleaning)

    @on(GroupsPanel.Wanted)
    def _group_wanted(self, event: GroupsPanel.Wanted) -> None:
        event.carry_out(self.groups)

    @on(TaskList.Changed)
    def _view_changed(self) -> None:
        self.marks.view_changed()
        self._draw_head()

    def clean_when_read(self) -> None:
        """Ask what to keep of the archive as soon as it is read."""
        self._cleaning = True

    def _begin_cleaning(self) -> None:
        """What the screen was opened for, now that the archive is read."""
        if self.on_top:
            self.run_command(commands.CleanOld)
        else:
            self.say(OVERTAKEN, warning=True)

    def _draw_head(self) -> None:
        job = self._job
        if job is None:
            return
        progress = job.progress
        total = self.tasks.catalog.counts().total
        complete = progress.complete
        share = self.session.limits(self.queue).share(total, briefly=self.size.width < _ROOM_FOR_ORIGIN)
        parts = [
            Piece(title(clip(self.queue, name_room(self.size.width)), "archived"), cut=True),
            piece(f"   {'' if complete else '≥ '}{share}", gives_way=2),
        ]
        if progress.state is JobState.FAILED:
            parts.append(piece(f"   {job.error}", "$text-error", cut=True))
        elif progress.state is JobState.DISCONNECTED:
            parts.append(piece(f"   {progress.trouble}", "$text-error", cut=True))
        elif not progress.state.ended:
            parts.append(piece(f"   {progress.phase}…", "$text-warning"))
        elif progress.read_at is not None and self.now() - progress.read_at >= _OLD:
            ago = age(progress.read_at, self.now())
            parts.append(piece(f"   read {ago} ago: {commands.Refresh} reads again", "$text-muted", gives_way=1))
        parts += self.marks.counts(total=total, complete=complete)
        self.query_one("#head", HeadLine).show(self.flow.line() or parts)
        gone = self.session.watch.overview.read_at is not None and not any(
            one.name == self.queue for one in self.session.watch.overview.queues
        )
        self.tasks.table.empty_text = (
            f"No task matches the filter: {commands.Back} shows all."
            if self.tasks.query_now.filtered and total
            else "The archive could not be read."
            if progress.state is JobState.FAILED
            else f"Queue {line(self.queue)} is gone."
            if gone
            else "The archive is empty."
        )

    # Reading

    def why_not_refresh(self) -> str | None:
        """Why the archive cannot be read again now."""
        if self.flow.planning or self.flow.job is not None:
            return "not while a deletion is planned or running"
        if self.flow.busy:
            return self.flow.busy
        return "still reading" if self._reading else None

    @runs(commands.Refresh, unless=why_not_refresh)
    def read_again(self) -> None:
        """Read the archive again."""
        session = self.session
        self._job = session.run(ListJob(session.server, self.tasks.catalog, self.queue, State.ARCHIVED, session.clock))
        self.tasks.fill(self._job)

    @property
    def _reading(self) -> bool:
        return self._job is not None and not self._job.state.ended

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        return None if self._reading or self.flow.busy else "nothing is running"

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop reading, and stop the deletion."""
        self.flow.stop()
        if self._job is not None:
            self._job.stop()

    # Changing

    def _targets(self) -> Targets:
        tasks = self.tasks
        return MarkedRows(tasks.catalog, self.marks.chosen(), tasks.view.seqs, tasks.choice("by hand"), self._read_at())

    def _only(self, seq: int) -> Targets:
        return single_row(self.tasks.catalog, seq, "by hand", self._read_at())

    def _read_at(self) -> float | None:
        return self._job.progress.read_at if self._job is not None else None

    def _why_not_change(self) -> str | None:
        return "the archive is still being read" if self._reading else None

    def _changed(self) -> None:
        self.marks.forget_dead()
        self.session.watch.refresh()
        if self.why_not_refresh() is None:
            self.read_again()

    # Leaving

    @property
    def kept_as(self) -> str:
        return archive_name(self.queue)

    @property
    def marked(self) -> int:
        return len(self.marks.marked)

    def open_again(self) -> None:
        if self.why_not_refresh() is None:
            self.read_again()

    def why_not_leave(self) -> str | None:
        return self.flow.busy

    @runs(commands.Back)
    def back(self) -> None:
        """Leave the groups, then go back to the triage view, or undo the filter, then the marks, then leave."""
        if (
            not self.groups.leave()
            and not self.triage.come_back()
            and not self.tasks.clear_filter()
            and not self.marks.take_back()
        ):
            self.run_command(commands.Leave)

    @runs(commands.ScanQueue)
    def scan_queue(self) -> None:
        """Scan this queue."""
        self.post_message(ScanWanted(self.queue))
