"""One journal: the tasks that can be brought back, in the same table as everywhere, and restoring them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult

from archive_tui.asynq.installation import shown
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import Task
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.changes.restore_plan import Chosen
from archive_tui.jobs.contents import ContentJob, JournalContentJob
from archive_tui.jobs.journals import JournalJob
from archive_tui.journal.reader import Header
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Wait
from archive_tui.tui.commands import runs
from archive_tui.tui.kept_screens import journal_name
from archive_tui.tui.lists.appearance import JOURNAL
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.columns import common_columns
from archive_tui.tui.lists.comparing import ListComparing
from archive_tui.tui.lists.list_columns import ListColumns
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.targets import Targets, single_row
from archive_tui.tui.lists.task_list import TaskList, filter_help
from archive_tui.tui.lists.unmasking import Unmasking
from archive_tui.tui.screens.task import TaskScreen
from archive_tui.tui.task.below import Below
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.people import age, exact
from archive_tui.wording.task import facts

_PART = 5_000
_TO_RESTORE = " to restore"


class JournalTaskScreen(TaskScreen):
    """A task as it stood when it was deleted, to be restored alone."""

    TITLE_IN_HELP = "Task in a journal"
    IN_REDIS = False
    COMMANDS_HERE = (*TaskScreen.CHANGES_HERE, commands.Restore, *TaskScreen.COMMANDS_HERE)

    def __init__(self, job: JournalJob, path: Path, *args: Any, again: bool, **options: Any) -> None:
        """`path` is the journal that `job` reads; with `again` its tasks may have been restored before."""
        super().__init__(*args, **options)
        self._job = job
        self._path = path
        self._again = again

    def why_not_restore(self) -> str | Wait | None:
        """Why this task cannot be restored now."""
        return self.flow.why_not("restore", self.why_not_change() or self.flow.restoring.another())

    @runs(commands.Restore, unless=why_not_restore)
    def restore(self) -> None:
        """Ask where to, and plan to restore the task that is shown."""
        row = self.row
        if row is not None:
            only: Chosen = frozenset({(row.queue, row.id)})
            self.flow.restoring.ask(self._path, lambda: only, again=self._again)

    def read_task(self, queue: str, task_id: bytes) -> Task:
        return self._job.task(queue, task_id)

    def facts_of(self, task: Task, read_at: float) -> Iterable[tuple[str, str]]:
        header = self._job.journal.header if self._job.journal is not None else Header()
        yield "Deleted", f"{age(header.created_at, self.session.wall_clock())} ago\n{exact(header.created_at)}"
        for label, value in facts(task, self.session.wall_clock(), read_at):
            if label == "Stands in":
                yield "Stood in", value if task.stands_in else "no index: orphaned task data"
            elif label != "In Redis":
                yield label, value


class JournalScreen(CommandScreen):
    """The tasks of one journal that can be restored; those that were, leave the table."""

    TITLE_IN_HELP = "Journal"
    COMMANDS_HERE = (
        commands.Stop,
        commands.ChangePace,
        commands.Mark,
        commands.Restore,
        commands.Filter,
        commands.MarkAll,
        commands.Open,
        commands.Sort,
        commands.MarkRange,
        commands.Unmark,
        commands.Compare,
        commands.Wide,
        commands.ChooseColumns,
        commands.ExactTimes,
        commands.ShowSecrets,
        commands.Again,
        commands.Back,
        commands.Leave,
    )
    PARTS = (TaskList, RowMarks, ListColumns, ChangeFlow, ListComparing, Unmasking)

    def __init__(self, path: Path, header: Header) -> None:
        super().__init__()
        self.path = path
        self.header = header
        self.tasks = TaskList(self._columns(), self._task_screen, Query(sort=Sort.FOUND))
        self.tasks.contents.new_job = self._content_job
        self.marks = RowMarks(self, self.tasks)
        self.columns = ListColumns(self, self.tasks, JOURNAL)
        self.flow = ChangeFlow(self, self._changed, self.tasks, self.marks)
        comparing = ListComparing(self, self.tasks, self.marks, self._read_task)
        self.parts = (self.tasks, self.marks, self.columns, self.flow, comparing, Unmasking(self, self.tasks))
        self._job: JournalJob | None = None
        self._again = False
        self._outdated = False

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield self.tasks

    def _columns(self) -> Sequence[Column[TaskRow]]:
        columns = common_columns(
            lambda: self.tasks.moment,
            "Died",
            lambda row: row.scored_at if row.scored_at is not None else row.last_failed_at,
            "when the task was archived, or else when it last failed",
        )
        if len(self.header.queues) == 1:
            return columns
        columns.insert(
            4,
            Column(
                "queue",
                "Queue",
                lambda row: clip(shown(row.queue), 200),
                8,
                grow=1,
                most=24,
                priority=4,
                help="the queue that it was in",
            ),
        )
        return columns

    def on_mount(self) -> None:
        self._read()

    def on_screen_resume(self) -> None:
        if self._outdated:
            self._changed()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return filter_help()

    def _read(self) -> None:
        self._outdated = False
        self._job = self.session.run(JournalJob(self.path, self.tasks.catalog, again=self._again))
        self.tasks.fill(self._job)

    def _read_task(self, queue: str, task_id: bytes) -> Task:
        assert self._job is not None  # noqa: S101 - there are rows only where something was read
        return self._job.task(queue, task_id)

    def _content_job(self, *what: Any, **options: Any) -> ContentJob:
        """The job that reads messages for a filter: they stand in the journal, and perhaps nowhere else."""
        assert self._job is not None  # noqa: S101 - the list asks for nothing before something fills it
        return JournalContentJob(self._job, *what, **options)

    def _task_screen(self, index: int) -> CommandScreen:
        assert self._job is not None  # noqa: S101 - there are rows only where something was read
        tasks = self.tasks
        where = f"journal ▸ {self._named()}"
        below = Below(tasks, self.columns, self.marks, self._only, self._changed_above, self._why_not_change)
        return JournalTaskScreen(
            self._job,
            self.path,
            tasks.view,
            index,
            where,
            tasks.table.move_to_key,
            below,
            final=tasks.complete,
            again=self._again,
        )

    def _only(self, seq: int) -> Targets:
        return single_row(self.tasks.catalog, seq, "by hand", None)

    def _named(self) -> str:
        return line(exact(self.header.created_at))

    def reading(self) -> bool:
        return not self.tasks.shown or self.flow.reading or super().reading()

    def tick(self) -> None:
        self.flow.watch()
        self.columns.keep_up()
        self.tasks.keep_up()
        self.marks.keep_up()
        self._draw_head()

    @on(TaskList.Changed)
    def _view_changed(self) -> None:
        self.marks.view_changed()
        self._draw_head()

    def _draw_head(self) -> None:
        job = self._job
        if job is None:
            return
        if (restoring := self.flow.line()) is not None:
            self.query_one("#head", HeadLine).show(restoring)
            return
        progress = job.progress
        total = self.tasks.catalog.counts().total
        complete = progress.state.ended
        queues = ", ".join(clip(shown(queue), name_room(self.size.width)) for queue in self.header.queues[:2])
        parts = [Piece(title("journal", self._named(), queues or "–"), cut=True)]
        filtered = self.tasks.counts_matches
        if not filtered:
            parts.append(piece(f"   {'' if complete else '≥ '}{total:,}{_TO_RESTORE}", gives_way=5))
        if progress.back and self._again:
            parts.append(piece(f"{'   ' if filtered else ', '}{progress.back:,} again", "bold $text-warning"))
        if job.error is not None:
            parts.append(piece(f"   {job.error}", "$text-error", cut=True))
        elif not complete:
            parts.append(piece("   reading the journal…", "$text-warning"))
        if progress.back and not self._again:
            parts.append(piece(f"   {progress.back:,} restored", "$text-muted", gives_way=2))
        if progress.kept:
            parts.append(piece(f"   {progress.kept:,} were not deleted", "$text-muted", gives_way=1))
        if progress.unsure and complete:
            parts.append(piece(f"   {progress.unsure:,} perhaps never deleted", "$text-warning", gives_way=6))
        parts += self.marks.counts(total=total, complete=complete, what=_TO_RESTORE)
        self.query_one("#head", HeadLine).show(parts)
        self.tasks.table.empty_text = (
            f"No task matches the filter: {commands.Back} shows all."
            if self.tasks.query_now.filtered and total
            else "This journal could not be read."
            if job.error is not None
            else "Nothing is left to restore."
        )

    # Restoring

    def why_not_restore(self) -> str | Wait | None:
        """Why nothing can be restored now."""
        return self.flow.why_not("restore", self._why_not_change() or self.flow.restoring.another())

    @runs(commands.Restore, unless=why_not_restore)
    def restore(self) -> None:
        """Ask where to, and plan to restore what is chosen."""
        self.flow.restoring.ask(self.path, partial(self._names, self.marks.chosen()), again=self._again)

    def _names(self, marks: Marks) -> Chosen | None:
        """The marked tasks by queue and id; None for all. Not for the UI loop."""
        seqs = list(marks)
        catalog = self.tasks.catalog
        if len(seqs) >= catalog.counts().total:
            return None
        names: set[tuple[str, bytes]] = set()
        for start in range(0, len(seqs), _PART):
            names.update((row.queue, row.id) for row in catalog.rows(seqs[start : start + _PART]).values())
        return frozenset(names)

    def why_not_again(self) -> str | None:
        """Why what was restored before cannot be shown now."""
        if self.flow.job is not None:
            return self.flow.busy
        if self.flow.planning:
            return "a plan is being made"
        if not self.tasks.complete:
            return "the journal is still being read"
        back = self._job.progress.back if self._job is not None else 0
        return None if back or self._again else "nothing of this journal was restored before"

    @runs(commands.Again, unless=why_not_again)
    def again(self) -> None:
        """Also show what was restored before, or no longer."""
        self._again = not self._again
        self.marks.forget()  # they speak of rows that get other numbers
        self._read()

    def _why_not_change(self) -> str | None:
        return None if self.tasks.complete else "the journal is still being read"

    def _changed_above(self) -> None:
        """Read again once the screen of the task is left: until then it walks through the rows as they are numbered."""
        self.session.watch.refresh()
        self._outdated = True

    def _changed(self) -> None:
        self.session.watch.refresh()
        self.marks.forget()
        self._read()

    # Leaving and stopping

    @property
    def kept_as(self) -> str:
        return journal_name(self.path)

    @property
    def marked(self) -> int:
        return len(self.marks.marked)

    def why_not_leave(self) -> str | None:
        return self.flow.busy

    @runs(commands.Back)
    def back(self) -> None:
        """Undo the filter, then the marks, then leave."""
        if not self.tasks.clear_filter() and not self.marks.take_back():
            self.run_command(commands.Leave)

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        return "nothing is running" if self.flow.job is None and not self.tasks.contents.running else None

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop restoring, and reading payloads for the filter."""
        self.flow.stop()
        self.tasks.contents.stop()
