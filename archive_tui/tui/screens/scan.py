"""The orphan scan: findings stream into the table while counts by kind and type grow beside it."""

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult

from archive_tui.asynq.actions import Action
from archive_tui.asynq.installation import shown
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.facets import AGE, ERROR, KIND, QUEUE, TRIES, TYPE
from archive_tui.jobs.job import JobState
from archive_tui.jobs.node_scan import Phase
from archive_tui.jobs.scan import ScanJob, ScanProgress
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.question import QuestionDialog
from archive_tui.tui.lists.appearance import SCAN
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.columns import common_columns, kind_cell
from archive_tui.tui.lists.comparing import ListComparing
from archive_tui.tui.lists.finding_changes import FindingChanges
from archive_tui.tui.lists.groups import Groups
from archive_tui.tui.lists.list_columns import ListColumns
from archive_tui.tui.lists.list_export import ListExport, marked_or_matching, why_not_matching
from archive_tui.tui.lists.marks import MARKING, RowMarks
from archive_tui.tui.lists.targets import MarkedRows, Targets, single_row
from archive_tui.tui.lists.task_list import TaskList, filter_help
from archive_tui.tui.lists.triage import Triage, Triaged
from archive_tui.tui.lists.unmasking import Unmasking
from archive_tui.tui.screens.finding_task import FindingTaskScreen
from archive_tui.tui.screens.groups import FindingGroupsScreen
from archive_tui.tui.screens.triage import FindingTriageScreen
from archive_tui.tui.task.below import Below
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.groups import GroupsPanel
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.people import bar, number, plural, span

_BAR = 30


class ScanScreen(CommandScreen):
    """A scan of one queue, or of all. It lives on when it is left, and is there again when it is opened again."""

    TITLE_IN_HELP = "Orphan scan"
    COMMANDS_HERE = (
        commands.Stop,
        commands.PauseScan,
        commands.ChangePace,
        commands.Mark,
        commands.Repair,
        commands.Delete,
        commands.Filter,
        commands.Triage,
        commands.Export,
        commands.Explain,
        commands.MarkAll,
        commands.Groups,
        commands.Open,
        commands.Sort,
        commands.MarkRange,
        commands.Unmark,
        commands.Compare,
        commands.Follow,
        commands.Wide,
        commands.ChooseColumns,
        commands.ExactTimes,
        commands.ShowSecrets,
        commands.Rescan,
        commands.ScanMessages,
        commands.Back,
        commands.Leave,
    )
    PARTS = (TaskList, RowMarks, ListColumns, FindingChanges, Groups, Triage, ListExport, ListComparing, Unmasking)

    def __init__(self, queue: str | None) -> None:
        """`queue` is None for all queues."""
        super().__init__()
        self.queue = queue
        panel = GroupsPanel()
        self.tasks = TaskList(self._columns(), self._task_screen, beside=panel)
        self.marks = RowMarks(self, self.tasks)
        self.columns = ListColumns(self, self.tasks, SCAN, queue)
        self.flow = ChangeFlow(self, self._changed, self.tasks, self.marks)
        self.findings = FindingChanges(
            self,
            self.flow,
            self._targets,
            picked=self.marks.chosen_by_hand,
            pointed_at=lambda: self.tasks.row_in_sight,
            why_not=self._why_not_change,
        )
        facets = (KIND, ERROR, TYPE, AGE, TRIES, *([] if queue is not None else [QUEUE]))
        self.groups = Groups(
            self, panel, self.tasks, self.marks, facets, lambda facet: FindingGroupsScreen(self.triaged, facet)
        )
        self.triaged = Triaged(
            ("Orphan scan", line(queue) if queue is not None else "all queues"),
            self.tasks,
            self.marks,
            self.groups,
            read_at=self._seen_at,
            changed=self._changed,
            why_not_change=self._why_not_change,
            why_not_export=self._why_not_export,
            queue=lambda: queue,
        )
        self.triage = Triage(self, self.triaged, FindingTriageScreen)
        export = ListExport(
            self,
            self.flow,
            lambda: marked_or_matching(self.tasks, self.marks),
            name=f"{line(queue) if queue is not None else 'all-queues'}-findings",
            why_not=lambda: self._why_not_export() or why_not_matching(self.tasks, self.marks),
            columns=lambda: ("kind", *self.columns.shown),
        )
        comparing = ListComparing(self, self.tasks, self.marks)
        own = (self.tasks, self.marks, self.columns, self.findings)
        self.parts = (*own, self.groups, self.triage, export, comparing, Unmasking(self, self.tasks))
        self._messages = False
        self._job: ScanJob | None = None
        self._refused: list[str] = []
        self._noted: object = None

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield HeadLine(id="progress")
        yield self.tasks

    def _columns(self) -> Sequence[Column[TaskRow]]:
        columns = common_columns(
            lambda: self.tasks.moment,
            "Last failed",
            lambda row: row.last_failed_at,
            "when its last attempt failed, by its own record; – for none",
        )
        kind: Column[TaskRow] = Column(
            "kind", "Kind", kind_cell, 17, grow=1, most=30, priority=5, help="what is wrong with it"
        )
        queue: Column[TaskRow] = Column(
            "queue", "Queue", lambda row: shown(row.queue), 10, priority=4, help="the queue of the task"
        )
        return [*columns[:4], *([] if self.queue is not None else [queue]), kind, *columns[4:]]

    def on_mount(self) -> None:
        self._start()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return filter_help()

    def _task_screen(self, index: int) -> CommandScreen:
        tasks = self.tasks
        where = f"Orphan scan ▸ {line(self.queue) if self.queue is not None else 'all queues'}"
        below = Below(tasks, self.columns, self.marks, self._only, self._changed, self._why_not_change_from_above)
        return FindingTaskScreen(tasks.view, index, where, tasks.table.move_to_key, below, final=tasks.complete)

    def _start(self) -> None:
        queues, self._refused = ([self.queue], []) if self.queue is not None else self.session.scope()
        self._job = self.session.scan(
            self.tasks.catalog, queues, self.flow.pace, messages=self._messages, locks=self._messages
        )
        self.tasks.fill(self._job)

    def reading(self) -> bool:
        return self.tasks.reading or self.flow.reading or super().reading()

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

    def look(self) -> None:
        """Also out of sight: the queues screen shows what was found, and the errors are grouped meanwhile."""
        if self._job is not None and self.is_mounted:
            noted = (self._job, self._job.state, self.tasks.catalog.version)
            if noted != self._noted:  # an old scan must not write over what a later one found
                self._noted = noted
                self.session.note_scan(self._job)
            self.groups.keep_up()
        super().look()

    def _draw_head(self) -> None:
        if self._job is None:
            return
        tasks, progress = self.tasks, self._job.progress
        counts = tasks.catalog.counts()
        where = clip(self.queue, name_room(self.size.width)) if self.queue is not None else "all queues"
        total = f"   {'' if progress.complete else '≥ '}{counts.total:,}{_FOUND}"
        found = [
            piece(total, "bold $text-warning" if counts.total else "", gives_way=2),
            piece(_expected(progress), "$text-muted", gives_way=1),
        ]
        self.query_one("#head", HeadLine).show(
            [
                Piece(title("Orphan scan", where), cut=True),
                *([] if tasks.counts_matches else found),
                *self.marks.counts(total=counts.total, complete=progress.complete, what=_FOUND),
                piece(_not_permitted(self._refused), "$text-warning", cut=True),
            ]
        )
        self.query_one("#progress", HeadLine).show(
            self.flow.line()
            or _progress_line(progress, self._job, self.size.width, outdated=self.session.outdated(self._job))
        )
        tasks.table.empty_text = (
            f"No finding matches the filter: {commands.Back} shows all." if tasks.query_now.filtered and counts.total
            else "Nothing wrong was found." if progress.complete or progress.caution
            else "Nothing was found before the scan was stopped."
        )  # fmt: skip

    # Groups

    @on(GroupsPanel.Wanted)
    def _group_wanted(self, event: GroupsPanel.Wanted) -> None:
        event.carry_out(self.groups)

    @runs(commands.Back)
    def back(self) -> None:
        """Leave the groups, then undo the filter, then the marks, then leave."""
        if (
            not self.groups.leave()
            and not self.triage.come_back()
            and not self.tasks.clear_filter()
            and not self.marks.take_back()
        ):
            self.run_command(commands.Leave)

    # The scan itself

    @property
    def _scanning(self) -> bool:
        return self._job is not None and not self._job.state.ended

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        going_on = self._scanning or self.flow.busy or self.tasks.contents.running
        return None if going_on else "nothing is running"

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop the change, or where there is none the scan."""
        if self.flow.busy:
            self.flow.stop()
            return
        self.tasks.contents.stop()
        if self._job is not None:
            self._job.stop()

    def why_not_pause_scan(self) -> str | None:
        """Why there is no scan to hold."""
        return None if self._scanning else f"the scan has ended: {commands.Rescan} scans again"

    @runs(commands.PauseScan, unless=why_not_pause_scan)
    def pause_scan(self) -> None:
        """Hold the scan, or go on with it."""
        if self._job is None:
            return
        if self._job.state is JobState.PAUSED:
            self._job.resume()
        else:
            self._job.pause()

    def why_not_change_pace(self) -> str | None:
        """Why there is nothing whose pace could be changed."""
        going_on = self._scanning or self.flow.busy or self.tasks.contents.running
        return None if going_on else "nothing is running"

    @runs(commands.ChangePace, unless=why_not_change_pace)
    def change_pace(self) -> None:
        """Take the next pace for the scan and for changes."""
        pace = self.flow.pace.next
        self.flow.set_pace(pace)
        self.tasks.contents.pace = pace
        if self._job is not None:
            self._job.pace = pace
        self.say(f"{pace} pace")

    def why_not_rescan(self) -> str | None:
        """Why the scan cannot begin again now."""
        if self.flow.planning or self.flow.job is not None:
            return "not while a deletion or a repair is planned or running"
        return self.flow.busy or (MARKING if self.marks.marking else None)

    @runs(commands.Rescan, unless=why_not_rescan)
    def rescan(self) -> None:
        """Forget what was found, and scan again; asks first where that throws anything away."""
        self._ask_to_rescan(messages=self._messages)

    def _ask_to_rescan(self, *, messages: bool) -> None:
        found, marked = self.tasks.catalog.counts().total, len(self.marks.marked)
        if not found and not marked:
            self._scan_again(messages=messages)
            return
        thrown_away = [plural(found, "finding"), *([plural(marked, "mark")] if marked else [])]
        question = QuestionDialog(
            "Scan again?",
            f"That forgets {' and '.join(thrown_away)}. Nothing in Redis changes.",
            lambda: self.why_not_rescan() is None,
            yes="Scan again",
            no="Keep them",
        )
        self.app.push_screen(question, lambda yes: self._scan_again(messages=messages) if yes else None)

    def _scan_again(self, *, messages: bool) -> None:
        if messages != self._messages:
            self.say("scanning again, and reading every message" if messages else "scanning again, without messages")
        self._messages = messages
        if self._job is not None:
            self._job.stop()
        self.marks.forget()
        self.tasks.start_again()
        self._start()

    @runs(commands.ScanMessages, unless=why_not_rescan)
    def scan_messages(self) -> None:
        """Scan again and read every message, or no longer."""
        self._ask_to_rescan(messages=not self._messages)

    # Changing what was found

    def _targets(self) -> Targets:
        tasks = self.tasks
        return MarkedRows(tasks.catalog, self.marks.chosen(), tasks.view.seqs, tasks.choice("by hand"), self._seen_at())

    def _only(self, seq: int) -> Targets:
        return single_row(self.tasks.catalog, seq, "by hand", self._seen_at())

    def _why_not_change_from_above(self) -> str | None:
        """The same for the screen of one finding, which has no keys for the scan."""
        return "the scan is running: go back, and stop (x) or pause (z) it" if self._busy_scanning else self._why_not()

    def _seen_at(self) -> float | None:
        return self.session.seen_at(self._job.progress.started_at) if self._job is not None else None

    def _why_not_change(self) -> str | None:
        return self._why_not_export() or self._why_not()

    def _why_not_export(self) -> str | None:
        return "the scan is running: stop it (x) or pause it (z) first" if self._busy_scanning else None

    @property
    def _busy_scanning(self) -> bool:
        return self._scanning and self._job is not None and self._job.state is not JobState.PAUSED

    def _why_not(self) -> str | None:
        return self.session.why_not(Action.DELETE, self.queue) if self.queue is not None else None

    def _changed(self) -> None:
        self.marks.forget_dead()
        self.session.watch.refresh()
        if self._job is not None:
            self.session.note_scan(self._job)

    def why_not_leave(self) -> str | None:
        return self.flow.busy


def _not_permitted(queues: Sequence[str]) -> str:
    """Which queues this user may not read."""
    return f"   not permitted: {', '.join(clip(queue, 24) for queue in queues)}" if queues else ""


_FOUND = " found"

_PHASES = {
    Phase.TASK_DATA: "walking the task data",
    Phase.INDEXES: "checking the indexes",
    Phase.SETTLING: "settling what is not sure yet",
}


def _expected(progress: ScanProgress) -> str:
    """What there will be in the end, marked as an estimate."""
    return f" of about {progress.expected}" if progress.expected is not None else ""


def _progress_line(progress: ScanProgress, job: ScanJob, width: int, *, outdated: bool) -> list[Piece]:
    """How far the scan is, how fast, how long yet, and at which pace."""
    going_on = not progress.state.ended
    cells = min(_BAR, max(width // 4, 5))
    parts = [
        piece(bar(progress.fraction, cells), "$text-accent"),
        piece(f" {progress.fraction:>4.0%}", "bold"),
        piece(f"   {progress.keys:,} task keys", gives_way=4),
    ]
    if progress.members and not progress.complete:
        parts.append(piece(f"   {progress.members:,} ids", gives_way=2))
    if progress.state is JobState.RUNNING:
        phase = _PHASES[progress.phase] if progress.keys or progress.fraction else "reading the indexes"
        parts.append(piece(f"   {phase}", "$text-muted", gives_way=6))
    if progress.rate and going_on:
        parts.append(piece(f"   {number(int(progress.rate))}/s", "$text-muted", gives_way=1))
    word = {
        JobState.RUNNING: "",
        JobState.PAUSED: f"   paused: {commands.PauseScan} goes on",
        JobState.DISCONNECTED: "   disconnected, retrying",
        JobState.STOPPED: f"   stopped: counts are minimums, {commands.Rescan} scans again",
        JobState.FAILED: f"   failed: {job.error}",
    }.get(progress.state, "")
    if progress.complete:
        seconds = (progress.finished_at or progress.started_at) - progress.started_at
        word = f"   complete in {span(seconds)}" if seconds >= 1 else "   complete in under a second"
    parts.append(piece(word, "$text-success" if progress.complete else "$text-warning", cut=True))
    if outdated:
        again = f"   tasks were restored since: {commands.Rescan} scans again"
        parts.append(piece(again, "$text-warning", cut=True))
    if progress.trouble:
        parts.append(piece(f"   {progress.trouble}", "$text-error", cut=True))
    if progress.caution:
        parts.append(piece(f"   {progress.caution}", "$text-warning", cut=True))
    if progress.unsure:
        unsure = f"   {plural(progress.unsure, 'history')} not judged: {progress.why_unsure}"
        parts.append(piece(unsure, "$text-warning", cut=True))
    if progress.restarts:
        again = f"   began again {progress.restarts} ×: another server answered"
        parts.append(piece(again, "$text-warning", cut=True))
    if progress.not_tasks:
        parts.append(piece(f"   {_no_task_data(progress.not_tasks)}", "$text-warning", gives_way=7))
    if not progress.complete and progress.seconds_left is not None and progress.state is JobState.RUNNING:
        parts.append(piece(f"   about {span(progress.seconds_left)} left", "$text-muted", gives_way=5))
    if job.messages:
        parts.append(piece("   with messages and locks", "$text-muted", gives_way=3))
    if going_on:
        parts.append(piece(f"   {progress.pace} pace", "$text-muted", gives_way=3))
    return parts


def _no_task_data(keys: int) -> str:
    return "1 key is no task data" if keys == 1 else f"{keys:,} keys are no task data"
