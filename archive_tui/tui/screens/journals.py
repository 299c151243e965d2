"""The journals of deletions: what was deleted, when, by whom and where."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from archive_tui.asynq.installation import shown
from archive_tui.errors import JournalError
from archive_tui.jobs.journals import FolderJob, tasks_of
from archive_tui.journal import folder as journal_folder
from archive_tui.journal.folder import Listed
from archive_tui.journal.interrupted import deal_with
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Wait
from archive_tui.tui.commands import runs
from archive_tui.tui.kept_screens import journal_name
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.widgets.columns import Cell, Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import UNKNOWN, age, number, plural, size

_SHOWN = 200


def _tasks(one: Listed) -> str | Cell:
    if one.problem:
        return Cell("unreadable", "bad")
    count = tasks_of(one)
    return number(count) if count is not None else Cell(f"≤ {number(one.header.planned)}", "warn")


def _state(one: Listed) -> str | Cell:
    if one.problem:
        return UNKNOWN
    if one.ending is None:
        return Cell("cut off", "warn")
    return one.ending.state if one.ending.state == "done" else Cell(line(one.ending.state), "warn")


def _queues(one: Listed) -> str:
    """What it is about: of one that cannot be read, its name is all that tells it from the others."""
    if one.problem:
        return clip(one.path.name, _SHOWN)
    return clip(", ".join(shown(queue) for queue in one.header.queues[:20]), _SHOWN)


def _why(one: Listed) -> str | Cell:
    if one.problem:
        return Cell(clip(one.problem.replace(f"{line(str(one.path))} ", ""), _SHOWN), "bad")
    return clip(one.header.reason, _SHOWN)


class JournalsScreen(CommandScreen):
    """The list of journals, the newest first."""

    TITLE_IN_HELP = "Journals"
    COMMANDS_HERE = (
        commands.Stop,
        commands.Open,
        commands.RestoreJournal,
        commands.Filter,
        commands.Refresh,
        commands.Wide,
        commands.Back,
        commands.Leave,
    )
    CSS = "JournalsScreen #notice { height: auto; max-height: 3; padding: 0 1; color: $text-warning; }"

    def __init__(self) -> None:
        super().__init__()
        self.flow = ChangeFlow(self, self._changed)
        self._job: FolderJob | None = None
        self._numbers: dict[str, int] = {}
        self._drawn: tuple[FolderJob, str, int] | None = None
        self._head: Content | None = None
        self._moment = 0.0

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield VirtualTable[Listed](self._columns(), id="journals")
        yield Static(id="notice")
        yield FilterBar("in user, server, queue or reason")

    def _columns(self) -> list[Column[Listed]]:
        def when(one: Listed) -> str:
            return age(one.header.created_at or one.modified_at, self._moment)

        return [
            Column("when", "When", when, 8, "right", help="when the change began"),
            Column("what", "What", lambda one: line(one.header.command) or UNKNOWN, 8, grow=1, most=32,
                   help="what was done: a change, and what it was told"),
            Column("tasks", "Tasks", _tasks, 10, "right", help="tasks that it changed"),
            Column("queue", "Queue", _queues, 10, grow=2, most=40, help="the queues of these tasks"),
            Column("server", "Server", lambda one: clip(one.header.place, _SHOWN), 10, grow=2, most=40, priority=4,
                   help="the server that was changed"),
            Column("user", "By", lambda one: clip(one.header.user, _SHOWN), 8, grow=1, most=20, priority=3,
                   help="who did it"),
            Column("size", "Size", lambda one: size(one.size), 9, "right", priority=5, help="size of the file"),
            Column("state", "Run", _state, 7, grow=1, most=14, help="whether it came to its end"),
            Column("reason", "Why", _why, 8, grow=3, priority=1, help="the reason that was given"),
        ]  # fmt: skip

    @property
    def _table(self) -> VirtualTable[Listed]:
        return self.query_one("#journals", VirtualTable)

    def on_mount(self) -> None:
        self._table.empty_text = "Reading…"
        self.read_again()

    def on_screen_resume(self) -> None:
        self.read_again()

    def reading(self) -> bool:
        drawn = self._drawn is not None and self._drawn[0] is self._job
        return not drawn or self.flow.reading

    def tick(self) -> None:
        self.flow.watch()
        self._draw_list()
        if (restoring := self.flow.line()) is not None:
            self.query_one("#head", HeadLine).show(restoring)
        elif self._head is not None:
            self.query_one("#head", HeadLine).show(self._head)

    def _draw_list(self) -> None:
        job = self._job
        if job is None or not job.state.ended:
            return
        text = self.query_one(FilterBar).text.casefold()
        drawn = (job, text, int(self.now()) // 5)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self._moment = self.session.wall_clock()
        rows = [one for one in job.journals if text in _searched(one)]
        keys = [self._numbers.setdefault(str(one.path), len(self._numbers)) for one in rows]
        folder = line(str(self.session.journal_folder))
        self._table.empty_text = "No journal matches the filter." if text else f"No journals in {folder}."
        self._table.show(Rows(rows, keys), complete=True)
        total = f"   {plural(len(job.journals), 'journal')}, {size(sum(one.size for one in job.journals))}"
        parts: list[Content | str | tuple[str, str]] = [title("journal"), total, (f"   {folder}", "$text-muted")]
        if job.error is not None:
            parts.append((f"   {job.error}", "$text-error"))
        self._head = Content.assemble(*parts)
        self.query_one("#notice", Static).update(self._notice(job.journals))

    def _notice(self, found: Sequence[Listed]) -> Content:
        settings = self.session.settings
        keep_mb = settings.journal_keep_mb
        stale = journal_folder.stale(
            found,
            self.session.wall_clock(),
            keep_days=settings.journal_keep_days,
            keep_bytes=int(keep_mb * 1e6) if keep_mb is not None else None,
        )
        if not stale:
            return Content("")
        return Content(f"{plural(len(stale), 'journal')} beyond what the profile keeps: archive-tui journal prune")

    @on(VirtualTable.Opened, "#journals")
    def _opened(self) -> None:
        self.run_command(commands.Open)

    @on(FilterBar.Changed)
    def _filter_changed(self) -> None:
        self.look()

    def why_not_open(self) -> str | None:
        row = self._table.cursor_row
        if row is None:
            return "no journal here"
        return row.problem or None

    @runs(commands.Open, unless=why_not_open)
    def open(self) -> None:
        from archive_tui.tui.screens.journal import JournalScreen

        row = self._table.cursor_row
        if row is not None:
            self._deal_with(row)
            self.kept.open(journal_name(row.path), lambda: JournalScreen(row.path, row.header))

    # Restoring

    def why_not_restore(self) -> str | Wait | None:
        """Why nothing can be restored now."""
        return self.why_not_open() or self.flow.why_not("restore", self.flow.restoring.another())

    @runs(commands.RestoreJournal, unless=why_not_restore)
    def restore(self) -> None:
        """Ask where to, and plan to restore all of the journal under the cursor, or to go on with its change."""
        row = self._table.cursor_row
        if row is not None:
            self._deal_with(row)
            self.flow.restoring.ask(row.path, resumable=row.resumable)

    def _deal_with(self, row: Listed) -> None:
        """Take note that somebody sees to a change that was interrupted."""
        if (row.ending is None or row.resumable) and not row.problem:
            try:
                deal_with(row.path)
            except JournalError as error:
                self.say(str(error), warning=True)

    def _changed(self) -> None:
        self.session.watch.refresh()
        self.read_again()

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        return "nothing is running" if self.flow.job is None else None

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop restoring."""
        self.flow.stop()

    # Leaving

    def why_not_journals(self) -> str | None:
        return "this is the list of journals"

    def why_not_leave(self) -> str | None:
        return self.flow.busy

    @runs(commands.Filter)
    def filter(self) -> None:
        self.query_one(FilterBar).open()

    @runs(commands.Refresh)
    def read_again(self) -> None:
        if self._job is None or self._job.state.ended:
            self._job = self.session.run(FolderJob(self.session.journal_folder))

    @runs(commands.Wide)
    def wide(self) -> None:
        self._table.wide = not self._table.wide

    @runs(commands.Back)
    def back(self) -> None:
        if not self.query_one(FilterBar).clear():
            self.run_command(commands.Leave)


def _searched(one: Listed) -> str:
    header = one.header
    return "\n".join([header.user, header.place, header.reason, header.command, *map(shown, header.queues)]).casefold()
