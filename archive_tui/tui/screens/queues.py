"""The start screen: every queue and how it is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from archive_tui.asynq.actions import Action
from archive_tui.asynq.forecast import Cause
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.limits import CAP_IS_DEFAULT, DEFAULTS, Limits, Origin
from archive_tui.asynq.states import State
from archive_tui.jobs.job import JobState
from archive_tui.session import ScanSummary
from archive_tui.store.read.old_storage import why_not
from archive_tui.store.read.queues import QueueStats
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, QuitWanted, ScanWanted
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.interrupted_changes import InterruptedChanges
from archive_tui.tui.kept_screens import archive_name
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.queue_trouble import ORDER, Trouble, trouble
from archive_tui.tui.queue_repair import QueueRepair
from archive_tui.tui.widgets.columns import Cell, Column, Tone
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import UNKNOWN, age, bar, number, plural, roughly, sparkline

if TYPE_CHECKING:
    from archive_tui.tui.screens.tasks import TasksScreen

_BAR = 7


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the list of queues."""

    stats: QueueStats
    """How the queue is doing."""

    scan: ScanSummary | None
    """What the last scan found in it; None where there was none."""

    now: float
    """Unix seconds of the moment that the line shows."""

    limits: Limits = DEFAULTS
    """The limits of its archive."""

    marked: int = 0
    """Tasks that are marked in its list, which was left."""

    trouble: Trouble = Trouble.NONE
    """How much it needs attention."""

    def count(self, state: State) -> int:
        """How many tasks in a state."""
        return self.stats.counts.get(state, 0)


def _name(row: QueueRow) -> str | Cell:
    name = line(row.stats.name)
    if row.stats.old:
        return f"{name} (before 0.18)"
    if not row.stats.registered:
        return f"{name} (leftover)"
    marked = f" ●{row.marked:,}" if row.marked else ""
    return f"{name} ⏸{marked}" if row.stats.paused else f"{name}{marked}"


def _archived(row: QueueRow) -> str | Cell:
    if row.stats.refused:
        return Cell("not permitted", "dim")
    if State.ARCHIVED.value in row.stats.unreadable:
        return Cell("wrong type", "bad")
    count = row.count(State.ARCHIVED)
    if not row.stats.registered and not count:
        return Cell("leftover", "dim")
    cap = row.limits.cap
    if row.limits.denies(count):
        return Cell(f"{bar(1, _BAR)} {count:>6,}/?", "warn")
    shown = f"{bar(count / cap, _BAR)} {count:>6,}/{cap:,}"
    if count >= cap:
        return Cell(shown, "bad")
    return Cell(shown, "warn") if count >= cap * 0.8 else shown


def _findings(row: QueueRow) -> str | Cell:
    if row.scan is None:
        return Cell(UNKNOWN, "dim")
    shown = number(row.scan.findings) if row.scan.complete else f"≥ {row.scan.findings:,}"
    return Cell(shown, "bad") if row.scan.findings else shown


def _state(state: State) -> Any:
    def cell(row: QueueRow) -> str | Cell:
        if state.value in row.stats.unreadable:
            return Cell("wrong type", "bad")
        count = row.stats.counts.get(state)
        return number(count) if count is not None and (count or row.stats.registered) else Cell(UNKNOWN, "dim")

    return cell


def _memory(row: QueueRow) -> str | Cell:
    estimate = row.stats.memory
    return Cell(UNKNOWN, "dim") if estimate is None else roughly(estimate.bytes, estimate.error)


def _oldest(row: QueueRow) -> str:
    return age(row.stats.oldest_archived_at, row.now)


def _failures(row: QueueRow) -> str | Cell:
    return Cell(sparkline(row.stats.failed), "warn") if any(row.stats.failed) else sparkline(row.stats.failed)


_COLUMNS: list[Column[QueueRow]] = [
    Column("queue", "Queue", _name, 16, grow=1, most=60),
    Column("archived", "Archived", _archived, _BAR + 13),
    Column("findings", "Findings", _findings, 9, "right"),
    Column("pending", "Pending", _state(State.PENDING), 9, "right", priority=3),
    Column("active", "Active", _state(State.ACTIVE), 6, "right", priority=2),
    Column("retry", "Retry", _state(State.RETRY), 7, "right", priority=1),
    Column("scheduled", "Scheduled", _state(State.SCHEDULED), 9, "right", priority=7),
    Column("completed", "Completed", _state(State.COMPLETED), 9, "right", priority=8),
    Column("aggregating", "Grouped", _state(State.AGGREGATING), 8, "right", priority=9),
    Column("memory", "Idx memory", _memory, 10, "right", priority=4),
    Column("oldest", "Oldest", _oldest, 7, "right", priority=5),
    Column("failed", "Failed 14 d", _failures, 14, priority=6, sortable=False),
]

_HELP = {
    "Columns": [
        ("Archived", f"ids in the archive, of those that it keeps. {CAP_IS_DEFAULT}"),
        ("Findings", "what the last scan found. ≥: it was stopped; –: nobody has looked"),
        ("Idx memory", "estimate, by samples from the indexes; orphans are not in it"),
    ],
    "Order of the queues": ORDER,
}

_TROUBLE = "trouble"
"""The order at the start; it is no column."""

_SORTS: dict[str, Any] = {
    _TROUBLE: attrgetter("trouble", "stats.name"),
    "queue": attrgetter("stats.name"),
    "archived": lambda row: row.count(State.ARCHIVED),
    "findings": lambda row: row.scan.findings if row.scan else -1,
    "memory": lambda row: row.stats.memory.bytes if row.stats.memory is not None else -1,
    "oldest": lambda row: -(row.stats.oldest_archived_at or row.now),
    "pending": lambda row: row.count(State.PENDING),
    "active": lambda row: row.count(State.ACTIVE),
    "retry": lambda row: row.count(State.RETRY),
    "scheduled": lambda row: row.count(State.SCHEDULED),
    "completed": lambda row: row.count(State.COMPLETED),
    "aggregating": lambda row: row.count(State.AGGREGATING),
}


class QueuesScreen(CommandScreen):
    """All queues, refreshing by itself."""

    TITLE_IN_HELP = "Queues"
    COMMANDS_HERE = (
        commands.Stop,
        commands.Open,
        commands.Triage,
        commands.ScanQueue,
        commands.ScanAll,
        commands.CleanOld,
        commands.RepairQueue,
        commands.Journals,
        commands.Filter,
        commands.Sort,
        commands.PauseRefresh,
        commands.Refresh,
        commands.Wide,
        commands.Back,
        commands.Quit,
    )
    PARTS = (QueueRepair,)
    CSS = "#notice { height: auto; max-height: 6; padding: 0 1; color: $text-warning; }"

    def __init__(self) -> None:
        super().__init__()
        self.flow = ChangeFlow(self, self._changed)
        self.parts = (QueueRepair(self, self.flow, self.current),)
        self._numbers: dict[str, int] = {}
        self._sort, self._descending = _TROUBLE, False
        self._drawn: object = None
        self._interrupted = InterruptedChanges()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return _HELP

    def body(self) -> ComposeResult:
        yield VirtualTable[QueueRow](_COLUMNS, row_style=_row_style, id="queues")
        yield Static(id="notice")
        yield FilterBar("queue name")

    def on_screen_resume(self) -> None:
        self._interrupted.look(self.session)
        self._drawn = None  # a list may have been left with marks

    @property
    def _table(self) -> VirtualTable[QueueRow]:
        return self.query_one("#queues", VirtualTable)

    def _changed(self) -> None:
        self.session.watch.refresh(leftovers=True)

    def reading(self) -> bool:
        return self.session.watch.overview.read_at is None or self.flow.planning

    def tick(self) -> None:
        self.flow.watch()
        if self._drawn is not None and not self.on_top and not self.session.running:
            return  # beneath a dialog the rows stand still
        overview = self.session.watch.overview
        text = self.query_one(FilterBar).text.casefold()
        now = self.now()
        watch = self.session.watch
        drawn = (
            overview,
            watch.trouble,
            watch.error,
            text,
            self._sort,
            self._descending,
            dict(self.session.scans),
            self._interrupted.sentence,
            int(now) // 5,
        )
        if drawn == self._drawn:
            return
        self._drawn = drawn
        everything = [self._row(stats, now) for stats in overview.queues]
        rows = [row for row in everything if text in row.stats.name.casefold()]
        rows.sort(key=_SORTS[self._sort], reverse=self._descending)
        keys = [self._numbers.setdefault(row.stats.name, len(self._numbers)) for row in rows]
        table = self._table
        table.sorted_by = (self._sort, self._descending)
        table.empty_text = "No queue matches the filter." if text else "No queues."
        table.show(Rows(rows, keys), complete=overview.read_at is not None)
        self.query_one("#notice", Static).update(self._notice(everything))  # also of what the filter hides

    def _row(self, stats: QueueStats, now: float) -> QueueRow:
        scan, limits = self.session.scans.get(stats.name), self.session.limits(stats.name)
        forecast = self.session.watch.overview.forecasts.get(stats.name)
        marked = self.kept.marked(archive_name(stats.name))
        return QueueRow(stats, scan, now, limits, marked, trouble(stats, scan, forecast, limits))

    def _notice(self, rows: Sequence[QueueRow]) -> Content:
        """One line about what is wrong, most urgent first, and about what is not known."""
        overview = self.session.watch.overview
        watch = self.session.watch
        denied = [line(row.stats.name) for row in rows if row.limits.denies(row.count(State.ARCHIVED))]
        full = [
            line(row.stats.name)
            for row in rows
            if row.count(State.ARCHIVED) >= row.limits.cap and not row.limits.denies(row.count(State.ARCHIVED))
        ]
        assumed = any(row.limits.cap_from is Origin.DEFAULT for row in rows if line(row.stats.name) in full)
        leftover = [line(row.stats.name) for row in rows if not row.stats.registered]
        parts: list[tuple[str, str]] = []
        if interrupted := self._interrupted.sentence:
            parts.append((f"⚠ {interrupted}\n", "bold $text-warning"))
        if watch.trouble:
            parts.append((f"✗ {watch.trouble}\n", "$text-error"))
        if watch.error is not None:
            parts.append((f"✗ {watch.error}\n", "$text-error"))
        foretold = overview.forecasts
        if any(one.cause is Cause.OLD_SERVER for one in foretold.values()):
            parts.append((f"⚠ {next(iter(foretold.values())).sentence}\n", "$text-error"))
        for row in rows:
            one = foretold.get(row.stats.name)
            if one is not None and one.preventable:
                way_out = (
                    f"{commands.RepairQueue} repairs it" if one.stuck else f"{commands.CleanOld} deletes the oldest"
                )
                parts.append((f"⚠ {line(row.stats.name)}: {one.sentence}: {way_out}\n", "bold $text-error"))
        if full:
            by = f" ({DEFAULTS.cap:,} by default)" if assumed else ""
            text = f"⚠ archive full{by}: {', '.join(full)}. What Asynq trims may stay in Redis: "
            parts.append((f"{text}{commands.ScanQueue} looks for orphans\n", "$text-warning"))
        if denied:
            text = (
                f"⚠ more than Asynq keeps by default ({DEFAULTS.cap:,}): {', '.join(denied)}. It keeps more here, or "
                "trims them when it next archives\n"
            )
            parts.append((text, "$text-warning"))
        if leftover:
            text = f"⚠ leftover: {', '.join(leftover)}. Keys of a queue that Asynq no longer knows\n"
            parts.append((text, "$text-warning"))
        histories = self.session.scans.get(INSTALLATION)
        if histories is not None and histories.findings:
            text = f"⚠ {plural(histories.findings, 'history')} of dead schedulers: the scan of all queues lists them\n"
            parts.append((text, "$text-warning"))
        for row in rows:
            if row.stats.old:
                parts.append((f"⚠ {why_not(row.stats.name)}\n", "$text-warning"))
        session = self.session
        if refused := [one.stats.name for one in rows if one.stats.refused]:
            text = f"not permitted to this user: {', '.join(clip(name, 24) for name in refused)}\n"
            parts.append((text, "$text-muted"))
        if session.read_only and not session.settings.read_only:
            parts.append((f"read-only: {session.why_read_only}\n", "$text-muted"))
        if overview.searching and watch.state is not JobState.FAILED:
            parts.append(("looking for leftover queues…", "$text-muted"))
        elif overview.memory_refused:
            parts.append(("memory is not shown: the server refuses MEMORY USAGE", "$text-muted"))
        return Content.assemble(*parts).rstrip()

    @on(VirtualTable.Opened, "#queues")
    def _opened(self) -> None:
        self.run_command(commands.Open)

    @on(VirtualTable.SortWanted, "#queues")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self._sort_by(event.name)

    @on(FilterBar.Changed)
    def _filter_changed(self) -> None:
        self.look()

    def current(self) -> QueueStats | None:
        """The queue under the cursor."""
        row = self._table.cursor_row
        return row.stats if row is not None else None

    def why_not_open(self) -> str | None:
        queue = self.current()
        if queue is None:
            return "no queue here"
        return self.session.why_not(Action.READ, queue.name) or ("not permitted" if queue.refused else None)

    @runs(commands.Open, unless=why_not_open)
    def open(self) -> None:
        self._open_tasks()

    def _open_tasks(self) -> TasksScreen | None:
        """Open the archive under the cursor; None where there is no queue."""
        from archive_tui.tui.screens.tasks import TasksScreen

        queue = self.current()
        if queue is None:
            return None
        return self.kept.open(archive_name(queue.name), lambda: TasksScreen(queue.name))

    @runs(commands.Triage, unless=why_not_open)
    def triage(self) -> None:
        """Open the triage view of the archive under the cursor."""
        screen = self._open_tasks()
        if screen is not None:
            screen.triage.open_alone()

    def why_not_clean_old(self) -> str | None:
        queue = self.current()
        if queue is None:
            return "no queue here"
        refused = self.why_not_open() or self.session.why_not(Action.DELETE, queue.name)
        return refused or (None if queue.counts.get(State.ARCHIVED) else "its archive is empty")

    @runs(commands.CleanOld, unless=why_not_clean_old)
    def clean_old(self) -> None:
        screen = self._open_tasks()
        if screen is not None:
            screen.clean_when_read()

    @runs(commands.ScanQueue, unless=why_not_open)
    def scan_queue(self) -> None:
        queue = self.current()
        if queue is not None:
            self.post_message(ScanWanted(queue.name))

    def why_not_scan_all(self) -> str | None:
        overview, restricted = self.session.watch.overview, self.session.permissions.unreadable
        if restricted and (overview.read_at is None or overview.searching):
            return "still finding out which queues there are: a moment"
        return None

    @runs(commands.ScanAll, unless=why_not_scan_all)
    def scan_all(self) -> None:
        self.post_message(ScanWanted(None))

    @runs(commands.Filter)
    def filter(self) -> None:
        self.query_one(FilterBar).open()

    @runs(commands.Sort)
    def sort(self) -> None:
        names = {_TROUBLE: "What needs attention first"}
        names |= {column.name: column.title for column in _COLUMNS if column.sortable}
        self.app.push_screen(ChoiceDialog("Sort by", names, self._sort), self._sort_by)

    def _sort_by(self, name: str | None) -> None:
        if name is not None:
            self._descending = not self._descending if name == self._sort else name not in (_TROUBLE, "queue")
            self._sort = name
            self.look()

    @runs(commands.PauseRefresh)
    def pause_refresh(self) -> None:
        watch = self.session.watch
        if watch.paused:
            watch.resume()
        else:
            watch.pause()

    @runs(commands.Refresh)
    def read_again(self) -> None:
        self.session.watch.resume()
        self.session.watch.refresh(leftovers=True)
        self.say("reading again; looking for leftover queues")

    def why_not_stop(self) -> str | None:
        return None if self.session.running else "nothing is running"

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        for job in self.session.running:
            job.stop()

    @runs(commands.Wide)
    def wide(self) -> None:
        self._table.wide = not self._table.wide

    @runs(commands.Back)
    def back(self) -> None:
        self.query_one(FilterBar).clear()

    @runs(commands.Quit)
    def quit(self) -> None:
        self.post_message(QuitWanted())


def _row_style(row: QueueRow) -> Tone | None:
    return None if row.stats.registered else "dim"
