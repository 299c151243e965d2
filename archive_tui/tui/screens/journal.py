"""One journal: the tasks that can be brought back, in the same table as everywhere, and restoring them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content

from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import Task
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.view import View
from archive_tui.changes import restore_words
from archive_tui.changes.restore import RestoreJob
from archive_tui.changes.restore_plan import Chosen, RestorePlan, plan_restore
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.journals import JournalJob
from archive_tui.journal.reader import Header, Journal
from archive_tui.store.write.restore import Target
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import OVERTAKEN, CommandScreen, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.dialogs.confirm import ConfirmDialog
from archive_tui.tui.dialogs.report import ReportDialog
from archive_tui.tui.screens.marking import MarkingScreen
from archive_tui.tui.screens.row_columns import common_columns
from archive_tui.tui.screens.rows import RowsScreen
from archive_tui.tui.screens.task import TaskScreen
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, changing, name_room, title
from archive_tui.tui.widgets.keybar import KeyBar
from archive_tui.tui.widgets.status import StatusBar
from archive_tui.wording.people import age, exact
from archive_tui.wording.task import facts

_PART = 5_000
_TARGETS = {
    Target.BACK.value: "Back where each stood",
    Target.ARCHIVE.value: "Into the archive",
    Target.RUN.value: "Run once more",
}


class JournalTaskScreen(TaskScreen):
    """A task as it stood when it was deleted."""

    TITLE_IN_HELP = "Task in a journal"
    CSS = TaskScreen.CSS.replace("TaskScreen", "JournalTaskScreen")  # a screen's CSS holds for its own name only

    def __init__(
        self, job: JournalJob, view: View, index: int, breadcrumb: str, moved: Callable[[int], object], *, final: bool
    ) -> None:
        super().__init__(view, index, breadcrumb, moved, final=final)
        self._job = job

    def read_task(self, queue: str, task_id: bytes) -> Task:
        return self._job.task(queue, task_id)

    def facts_of(self, task: Task) -> Iterable[tuple[str, str]]:
        header = self._job.journal.header if self._job.journal is not None else Header()
        yield "Deleted", f"{age(header.created_at, self.session.clock())} ago\n{exact(header.created_at)}"
        for label, value in facts(task, self.session.clock()):
            if label == "Stands in":
                yield "Stood in", value if task.stands_in else "no index: orphaned task data"
            elif label != "In Redis":
                yield label, value


class JournalScreen(MarkingScreen):
    """The tasks of one journal that can be restored; those that were, leave the table."""

    TITLE_IN_HELP = "Journal"
    COMMANDS_HERE = (
        *(
            commands.Restore if command is commands.Delete else command
            for command in RowsScreen.ROW_COMMANDS
            if command is not commands.Follow
        ),
        commands.Again,
    )
    FIRST_QUERY = Query(sort=Sort.FOUND)
    OF_MARKED = frozenset({commands.Restore})

    def __init__(self, path: Path, header: Header) -> None:
        super().__init__()
        self.path = path
        self.header = header
        self._job: JournalJob | None = None
        self._restore: RestoreJob | None = None
        self._again = False

    def compose(self) -> ComposeResult:
        yield StatusBar()
        yield HeadLine(id="head")
        yield self.compose_table()
        yield FilterBar("in id, type or error")
        yield KeyBar()

    def columns(self) -> Sequence[Column[TaskRow]]:
        columns = common_columns(
            self.session.clock, "Died", lambda row: row.scored_at if row.scored_at is not None else row.last_failed_at
        )
        if len(self.header.queues) == 1:
            return columns
        columns.insert(1, Column("queue", "Queue", lambda row: clip(row.queue, 200), 8, grow=1, most=24, priority=4))
        return columns

    def on_mount(self) -> None:
        self._read()
        super().on_mount()

    def on_unmount(self) -> None:
        if self._job is not None:
            self._job.stop()
        super().on_unmount()

    def _read(self) -> None:
        self._job = self.session.run(JournalJob(self.path, self.catalog, again=self._again))

    def listing_complete(self) -> bool:
        return self._job is not None and self._job.state.ended

    def breadcrumb(self) -> str:
        return f"journal ▸ {self._named()}"

    def _named(self) -> str:
        return line(exact(self.header.created_at))

    def tick(self) -> None:
        self._watch_restore()
        super().tick()

    def draw_head(self) -> None:
        job = self._job
        if job is None:
            return
        if self._restore is not None:
            self.query_one("#head", HeadLine).show(
                changing("restoring", "$text-warning", self._restore.progress, self._restore.pace)
            )
            return
        progress = job.progress
        total = self.catalog.counts().total
        complete = progress.state.ended
        queues = ", ".join(clip(queue, name_room(self.size.width)) for queue in self.header.queues[:2])
        parts: list[Content | str | tuple[str, str]] = [
            title("journal", self._named(), queues or "–"),
            f"   {'' if complete else '≥ '}{total:,} to restore",
        ]
        if progress.back and self._again:
            parts.append((f", {progress.back:,} again", "bold $text-warning"))
        if job.error is not None:
            parts.append((f"   {job.error}", "$text-error"))
        elif not complete:
            parts.append(("   reading…", "$text-warning"))
        if progress.back and not self._again:
            parts.append((f"   {progress.back:,} restored", "$text-muted"))
        if progress.kept:
            parts.append((f"   {progress.kept:,} were not deleted", "$text-muted"))
        if progress.unsure and complete:
            parts.append((f"   {progress.unsure:,} perhaps never deleted", "$text-warning"))
        parts.append(self.counts_of_view(total=total, complete=complete))
        self.query_one("#head", HeadLine).show(Content.assemble(*parts))
        self.table.empty_text = (
            "No task matches the filter: esc shows all."
            if self.query_now.filtered and total
            else "This journal could not be read."
            if job.error is not None
            else "Nothing is left to restore."
        )

    def task_screen(self, index: int, *, final: bool) -> CommandScreen:
        assert self._job is not None  # noqa: S101 - there are rows only where something was read
        return JournalTaskScreen(self._job, self.view, index, self.breadcrumb(), self.table.move_to_key, final=final)

    # Restoring

    def why_not_restore(self) -> str | None:
        busy = None
        if not self.listing_complete():
            busy = "the journal is still being read"
        elif self.session.restoring is not None:
            busy = "something is being restored already: x stops it"
        elif self.session.deleting is not None:
            busy = "a deletion is running: x stops it"
        return self.why_no_plan("restore", busy)

    @runs(commands.Restore, unless=why_not_restore)
    def restore(self) -> None:
        self._planning = True
        self.app.push_screen(
            ChoiceDialog("Restore to", _TARGETS, Target.BACK.value), partial(self._target_chosen, self.chosen())
        )

    def _target_chosen(self, marks: Marks, target: str | None) -> None:
        if target is None:
            self._planning = False
            self.say("nothing was restored")
            return
        self.say("planning…")
        self._plan_restore(marks, Target(target))

    @background("plan")
    def _plan_restore(self, marks: Marks, target: Target) -> None:
        seqs = list(marks)
        chosen: Chosen | None = None
        if len(seqs) < self.catalog.counts().total:
            found: set[tuple[str, bytes]] = set()
            for start in range(0, len(seqs), _PART):
                found.update((row.queue, row.id) for row in self.catalog.rows(seqs[start : start + _PART]).values())
            chosen = frozenset(found)
        plan = plan_restore(self.session.server, Journal(self.path), target, chosen, again=self._again)
        self.app.call_from_thread(self._confirm_restore, plan)

    def _confirm_restore(self, plan: RestorePlan) -> None:
        if not self.on_top:
            self._no_plan(OVERTAKEN)
        elif not plan.count:
            self._no_plan(
                "these had no data: there is nothing to put back"
                if plan.bare
                else "these tasks were restored meanwhile"
            )
        else:
            sheet = restore_words.sheet(plan, self.session.site())
            self.app.push_screen(ConfirmDialog(sheet, self.session.settings), partial(self._restore_confirmed, plan))

    def _restore_confirmed(self, plan: RestorePlan, confirmed: bool | None) -> None:
        self._planning = False
        if not confirmed:
            self.say("nothing was restored")
            return
        try:
            self._restore = self.session.restore(plan, self.pace, elsewhere=bool(plan.elsewhere))
        except ArchiveTuiError as error:
            self.say(str(error), warning=True)
            return
        self._tick()

    def why_not_again(self) -> str | None:
        if self._restore is not None:
            return "something is being restored: x stops it"
        if self._planning:
            return "a plan is being made"
        if not self.listing_complete():
            return "the journal is still being read"
        back = self._job.progress.back if self._job is not None else 0
        return None if back or self._again else "nothing of this journal was restored before"

    @runs(commands.Again, unless=why_not_again)
    def again(self) -> None:
        self._again = not self._again
        self._replace_marks(Marks())  # they speak of rows that get other numbers
        self._read()

    def _watch_restore(self) -> None:
        job = self._restore
        if job is None or not job.state.ended:
            return
        self._restore = None
        self.session.watch.refresh()
        self._replace_marks(Marks())
        self._read()
        report = restore_words.report(job.progress)
        if report.remark:
            self.say(report.remark)
        else:
            self.app.push_screen(ReportDialog(report))

    def why_not_leave(self) -> str | None:
        return "tasks are being restored: x stops it" if self._restore is not None else None

    def why_not_stop(self) -> str | None:
        return "nothing is running" if self._restore is None else None

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        if self._restore is not None:
            self._restore.stop()
