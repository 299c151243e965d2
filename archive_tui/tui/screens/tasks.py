"""Archived tasks of one queue, or of all, newest first: the list to hand-pick from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult

from archive_tui.asynq.actions import Action
from archive_tui.asynq.installation import shown
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.catalog.facets import AGE, ERROR, QUEUE, TRIES, TYPE
from archive_tui.catalog.query import Query, Sort
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListAllJob, Listing, ListJob
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, ScanWanted
from archive_tui.tui.commands import runs
from archive_tui.tui.kept_screens import ALL_QUEUES, archive_name
from archive_tui.tui.lists.appearance import ALL_ARCHIVES, ARCHIVE
from archive_tui.tui.lists.archive_changes import ArchiveChanges
from archive_tui.tui.lists.archive_edits import ArchiveEdits
from archive_tui.tui.lists.archive_retention import ArchiveRetention
from archive_tui.tui.lists.change_flow import OVERTAKEN, ChangeFlow
from archive_tui.tui.lists.columns import common_columns
from archive_tui.tui.lists.comparing import ListComparing
from archive_tui.tui.lists.groups import Groups
from archive_tui.tui.lists.list_columns import ListColumns
from archive_tui.tui.lists.list_export import ListExport, marked_or_matching, why_not_matching
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.targets import MarkedRows, Targets, single_row
from archive_tui.tui.lists.task_list import TaskList, filter_help
from archive_tui.tui.lists.triage import Triage, Triaged
from archive_tui.tui.lists.unmasking import Unmasking
from archive_tui.tui.screens.archived_task import ArchivedTaskScreen
from archive_tui.tui.screens.groups import ArchiveGroupsScreen
from archive_tui.tui.screens.triage import ArchiveTriageScreen
from archive_tui.tui.task.below import Below
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.groups import GroupsPanel
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.people import age

_ROOM_FOR_ORIGIN = 100
"""Cells of a head that has room to say that the limit of an archive is only the default."""

_OLD = 10.0
"""Seconds after which the list says how old it is."""


class TasksScreen(CommandScreen):
    """The archive of one queue, or those of all queues."""

    TITLE_IN_HELP = "Archived tasks"
    COMMANDS_HERE = (
        commands.Stop,
        commands.ChangePace,
        commands.Mark,
        commands.Delete,
        commands.Run,
        commands.Edit,
        commands.Triage,
        commands.Filter,
        commands.Export,
        commands.MarkAll,
        commands.Groups,
        commands.Open,
        commands.Sort,
        commands.ScanQueue,
        commands.MarkRange,
        commands.Unmark,
        commands.Compare,
        commands.Follow,
        commands.Wide,
        commands.ChooseColumns,
        commands.ExactTimes,
        commands.ShowSecrets,
        commands.CleanOld,
        commands.Refresh,
        commands.Back,
        commands.Leave,
    )
    PARTS = (
        TaskList,
        RowMarks,
        ListColumns,
        ChangeFlow,
        ArchiveChanges,
        ArchiveEdits,
        ArchiveRetention,
        Groups,
        Triage,
        ListExport,
        ListComparing,
        Unmasking,
    )

    def __init__(self, queue: str | None) -> None:
        """`queue` is None for all queues."""
        super().__init__()
        self.queue = queue
        panel = GroupsPanel()
        self.tasks = TaskList(self._columns(), self._task_screen, Query(sort=Sort.DIED, descending=True), beside=panel)
        self.marks = RowMarks(self, self.tasks)
        self.columns = ListColumns(self, self.tasks, ARCHIVE if queue is not None else ALL_ARCHIVES, queue)
        self.flow = ChangeFlow(self, self._changed, self.tasks, self.marks)
        self.changes = ArchiveChanges(self, self.flow, self._targets, queue=lambda: queue, why_not=self._why_not_change)
        edits = ArchiveEdits(self, self.flow, self._targets, queue=lambda: queue, why_not=self._why_not_change)
        self.retention = ArchiveRetention(self, self.tasks, self.flow, self.changes, queue=queue, read_at=self._read_at)
        facets = (ERROR, TYPE, AGE, TRIES) if queue is not None else (ERROR, QUEUE, TYPE, AGE, TRIES)
        self.groups = Groups(
            self, panel, self.tasks, self.marks, facets, lambda facet: ArchiveGroupsScreen(self.triaged, facet)
        )
        self.triaged = Triaged(
            (self._where, "archived"),
            self.tasks,
            self.marks,
            self.groups,
            read_at=self._read_at,
            changed=self._changed,
            why_not_change=self._why_not_change,
            why_not_export=self._why_not_change,
            queue=lambda: queue,
        )
        self.triage = Triage(self, self.triaged, ArchiveTriageScreen)
        export = ListExport(
            self,
            self.flow,
            lambda: marked_or_matching(self.tasks, self.marks),
            name=f"{line(queue) if queue is not None else 'all-queues'}-archived",
            why_not=lambda: self._why_not_change() or why_not_matching(self.tasks, self.marks),
            columns=lambda: self.columns.shown,
        )
        own = (self.tasks, self.marks, self.columns, self.flow, self.changes, edits)
        comparing = ListComparing(self, self.tasks, self.marks)
        self.parts = (*own, self.retention, self.groups, self.triage, export, comparing, Unmasking(self, self.tasks))
        self._cleaning = False
        self._job: Listing | None = None
        self._counted: Listing | None = None

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        if self.queue is None:
            yield HeadLine(id="unread")
        yield self.tasks

    @property
    def _where(self) -> str:
        """Whose archive it is."""
        return line(self.queue) if self.queue is not None else "all queues"

    def _columns(self) -> Sequence[Column[TaskRow]]:
        columns = common_columns(
            lambda: self.tasks.moment,
            "Died",
            lambda row: row.scored_at,
            "when it was archived: after its last try, or by hand",
        )
        queue: Column[TaskRow] = Column(
            "queue", "Queue", lambda row: shown(row.queue), 10, grow=1, most=24, help="the queue of the task"
        )
        return [*columns[:1], *([queue] if self.queue is None else []), *columns[1:]]

    def on_mount(self) -> None:
        self.read_again()
        self.triage.mounted()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return filter_help()

    def _task_screen(self, index: int) -> CommandScreen:
        tasks = self.tasks
        below = Below(tasks, self.columns, self.marks, self._only, self._changed, self._why_not_change)
        moved = tasks.table.move_to_key
        return ArchivedTaskScreen(tasks.view, index, self._breadcrumb(), moved, below, final=tasks.complete)

    def _breadcrumb(self) -> str:
        return f"{self._where} ▸ archived"

    def reading(self) -> bool:
        return not self.tasks.shown or self.flow.reading or super().reading()

    def tick(self) -> None:
        self.flow.watch()
        if self._job is not None and self._job.state.ended and self._counted is not self._job:
            self._counted = self._job
            self.marks.forget_dead()
        self.columns.keep_up()
        self.tasks.keep_up()
        self.marks.keep_up()
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
        complete = progress.complete and not self._unread
        where = clip(self.queue, name_room(self.size.width)) if self.queue is not None else self._where
        parts = [Piece(title(where, "archived"), cut=True)]
        if not self.tasks.counts_matches:
            parts.append(piece(f"   {'' if complete else '≥ '}{self._share(total)}", gives_way=2))
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
        self._draw_unread()
        self.tasks.table.empty_text = (
            f"No task matches the filter: {commands.Back} shows all."
            if self.tasks.query_now.filtered and total
            else "The archive could not be read."
            if progress.state is JobState.FAILED
            else f"Queue {self._where} is gone."
            if self._gone
            else "The archive is empty."
            if self.queue is not None
            else "The archives are empty."
        )

    def _draw_unread(self) -> None:
        """Name what is not in the list, all names before the reasons."""
        if self.queue is not None:
            return
        unread = self._unread
        names = [clip(queue, 24) for queue in unread]
        reasons = unread.values() if len(unread) == 1 else map(": ".join, zip(names, unread.values(), strict=True))
        text = f"not read: {', '.join(names)} ({'; '.join(reasons)})"
        notice = self.query_one("#unread", HeadLine)
        notice.display = bool(unread)
        notice.show([piece(text, "$text-warning", cut=True)])

    def _share(self, total: int) -> str:
        """How many tasks there are, of those that the archive keeps; there is no such limit for all queues."""
        if self.queue is None:
            return f"{total:,}"
        return self.session.limits(self.queue).share(total, briefly=self.size.width < _ROOM_FOR_ORIGIN)

    @property
    def _gone(self) -> bool:
        overview = self.session.watch.overview
        known = (one.name for one in overview.queues)
        return self.queue is not None and overview.read_at is not None and self.queue not in known

    @property
    def _unread(self) -> dict[str, str]:
        """The queues whose archived tasks are not in the list, each with the reason."""
        job = self._job
        if not isinstance(job, ListAllJob) or not job.queues:
            return {}
        since = {
            one.name: f"found since, {commands.Refresh} reads again"
            for one in self.session.watch.overview.queues
            if one.name not in job.queues and one.counts.get(State.ARCHIVED)
        }
        return {**job.progress.left_out, **since}

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
        self._job = self.session.run(self._listing())
        self.tasks.fill(self._job)

    def _listing(self) -> Listing:
        session, catalog = self.session, self.tasks.catalog
        if self.queue is not None:
            return ListJob(session.reader, catalog, self.queue, State.ARCHIVED, session.clock)
        known = [one.name for one in session.watch.overview.queues]
        why_not = partial(session.why_not, Action.READ)
        return ListAllJob(session.reader, catalog, known, why_not, session.clock)

    @property
    def _reading(self) -> bool:
        return self._job is not None and not self._job.state.ended

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        going_on = self._reading or self.flow.busy or self.tasks.contents.running
        return None if going_on else "nothing is running"

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop reading, and stop the deletion."""
        self.flow.stop()
        self.tasks.contents.stop()
        if self._job is not None:
            self._job.stop()

    # Changing

    def _targets(self) -> Targets:
        tasks = self.tasks
        return MarkedRows(tasks.catalog, self.marks.chosen(), tasks.view.seqs, tasks.choice("by hand"), self._read_at())

    def _only(self, seq: int) -> Targets:
        return single_row(self.tasks.catalog, seq, "by hand", self._read_at())

    def _read_at(self) -> float | None:
        read_at = self._job.progress.read_at if self._job is not None else None
        return self.session.seen_at(read_at) if read_at is not None else None

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
        return archive_name(self.queue) if self.queue is not None else ALL_QUEUES

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

    def why_not_scan_queue(self) -> str | None:
        """Why there is no queue to scan."""
        return None if self._queue_here else "no task here, and so no queue"

    @property
    def _queue_here(self) -> str | None:
        """The queue of the list; of all queues, that of the task under the cursor."""
        row = self.tasks.row_in_sight
        return self.queue or (row.queue if row is not None else None)

    @runs(commands.ScanQueue, unless=why_not_scan_queue)
    def scan_queue(self) -> None:
        """Scan this queue, or that of the task under the cursor."""
        self.post_message(ScanWanted(self._queue_here))
