"""The start screen: every queue and how it is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.widgets import Static

from archive_tui.asynq.actions import Action
from archive_tui.asynq.states import State
from archive_tui.tui import commands
from archive_tui.tui.ahead import import_ahead
from archive_tui.tui.command_screen import LOW, CommandScreen, QuitWanted, ScanWanted
from archive_tui.tui.commands import runs
from archive_tui.tui.interrupted_changes import InterruptedChanges
from archive_tui.tui.kept_screens import ALL_QUEUES, archive_name
from archive_tui.tui.lists import queue_notice
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.in_order import in_order
from archive_tui.tui.lists.queue_columns import BY_TROUBLE, COLUMNS, HELP, SORTS, QueueRow, row_style
from archive_tui.tui.lists.queue_trouble import trouble
from archive_tui.tui.queue_repair import QueueRepair
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from archive_tui.store.read.queues import QueueStats
    from archive_tui.tui.screens.tasks import TasksScreen

_ROWS, _LOW_ROWS = 6, 2
"""Rows of what is wrong, at most, and in a low terminal."""

_FIRST_LOOK = 0.02
"""Seconds between two looks whether the first rows have come."""


class QueuesScreen(CommandScreen):
    """All queues, refreshing by itself."""

    TITLE_IN_HELP = "Queues"
    COMMANDS_HERE = (
        commands.Stop,
        commands.Open,
        commands.Triage,
        commands.ScanQueue,
        commands.Filter,
        commands.AllArchives,
        commands.ScanAll,
        commands.Journals,
        commands.Sort,
        commands.CleanOld,
        commands.RepairQueue,
        commands.Connection,
        commands.PauseRefresh,
        commands.Refresh,
        commands.Wide,
        commands.Back,
        commands.Quit,
    )
    PARTS = (QueueRepair,)
    CSS = "#notice { height: auto; padding: 0 1; color: $text-warning; }"

    def __init__(self) -> None:
        super().__init__()
        self.flow = ChangeFlow(self, self._changed)
        self.parts = (QueueRepair(self, self.flow, self.current),)
        self._numbers: dict[str, int] = {}
        self._sort, self._descending = BY_TROUBLE, False
        self._drawn: object = None
        self._rows_drawn = False
        self._interrupted = InterruptedChanges()
        self._cut: dict[str, list[tuple[str, str]]] = {}

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return HELP

    def help_topic(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {**self._cut, **super().help_topic()}

    def body(self) -> ComposeResult:
        yield VirtualTable[QueueRow](COLUMNS, row_style=row_style, id="queues")
        yield Static(id="notice")
        yield FilterBar("queue name")

    def on_mount(self) -> None:
        self._first_look = self.set_interval(_FIRST_LOOK, self._look_for_first_rows)

    def _look_for_first_rows(self) -> None:
        if self.session.watch.overview.read_at is not None:
            self._first_look.stop()
            self.look()

    def on_screen_resume(self) -> None:
        if self._rows_drawn:  # else once they are: nothing is to delay them
            self._interrupted.look(self.session)
        self._drawn = None  # a list may have been left with marks

    @property
    def _table(self) -> VirtualTable[QueueRow]:
        return self.query_one("#queues", VirtualTable)

    def _changed(self) -> None:
        self.session.watch.refresh(leftovers=True)

    def reading(self) -> bool:
        return not self._rows_drawn or self.flow.reading

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
            self.size,
        )
        if drawn == self._drawn:
            return
        self._drawn = drawn
        everything = [self._row(stats, now) for stats in overview.queues]
        rows = [row for row in everything if text in row.stats.name.casefold()]
        rows = in_order(rows, SORTS[self._sort], descending=self._descending)
        keys = [self._numbers.setdefault(row.stats.name, len(self._numbers)) for row in rows]
        table = self._table
        table.sorted_by = (self._sort, self._descending)
        table.empty_text = "No queue matches the filter." if text else "No queues."
        first = not self._rows_drawn
        self._rows_drawn = overview.read_at is not None
        table.show(Rows(rows, keys), complete=self._rows_drawn)
        if first and self._rows_drawn:
            self.call_after_refresh(self._first_rows_seen)
        self._draw_notice(everything)  # also of what the filter hides

    def _first_rows_seen(self) -> None:
        self._interrupted.look(self.session)
        import_ahead()

    def _draw_notice(self, rows: Sequence[QueueRow]) -> None:
        kept = self.kept.marked(ALL_QUEUES)
        said = queue_notice.sentences(self.session, self._interrupted.sentence, rows, kept)
        width, most = self.size.width - 2, _LOW_ROWS if self.size.height < LOW else _ROWS
        cut = not queue_notice.fits(said, width, most)
        self._cut = {"What needs attention": queue_notice.as_help(said)} if cut else {}
        self.query_one("#notice", Static).update(queue_notice.fitted(said, width, most))

    def _row(self, stats: QueueStats, now: float) -> QueueRow:
        scan, limits = self.session.scans.get(stats.name), self.session.limits(stats.name)
        forecast = self.session.watch.overview.forecasts.get(stats.name)
        marked = self.kept.marked(archive_name(stats.name))
        return QueueRow(stats, scan, now, limits, marked, trouble(stats, scan, forecast, limits))

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
        return self.session.why_not(Action.READ, queue.name) or queue.why_unread

    @runs(commands.Open, unless=why_not_open)
    def open(self) -> None:
        self._open_tasks()

    def _open_tasks(self) -> TasksScreen | None:
        """Open the archive under the cursor; None where there is no queue."""
        queue = self.current()
        return self.open_archive(queue.name) if queue is not None else None

    def open_archive(self, queue: str) -> TasksScreen:
        """Open the archive of a queue."""
        from archive_tui.tui.screens.tasks import TasksScreen

        return self.kept.open(archive_name(queue), lambda: TasksScreen(queue))

    @runs(commands.Triage, unless=why_not_open)
    def triage(self) -> None:
        """Open the triage view of the archive under the cursor."""
        screen = self._open_tasks()
        if screen is not None:
            screen.triage.open_alone()

    @runs(commands.AllArchives)
    def all_archives(self) -> None:
        """Open the archives of all queues as one list."""
        from archive_tui.tui.screens.tasks import TasksScreen

        self.kept.open(ALL_QUEUES, lambda: TasksScreen(None))

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
        from archive_tui.tui.dialogs.choice import ChoiceDialog

        names = {BY_TROUBLE: "What needs attention first"}
        names |= {column.name: column.title for column in COLUMNS if column.sortable}
        self.app.push_screen(ChoiceDialog("Sort by", names, self._sort), self._sort_by)

    def _sort_by(self, name: str | None) -> None:
        if name is not None:
            self._descending = not self._descending if name == self._sort else name not in (BY_TROUBLE, "queue")
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
