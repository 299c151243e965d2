"""One task in full: error, payload and facts; next and previous without leaving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import Task
from archive_tui.catalog.view import GONE, View
from archive_tui.changes.engine import ChangeJob
from archive_tui.errors import ArchiveTuiError, NotFoundError
from archive_tui.payloads.error_text import error_readings
from archive_tui.payloads.readings import Reading
from archive_tui.payloads.rendering import TextDocument, document, views
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.targets import Targets
from archive_tui.tui.task import facts as fact_lines
from archive_tui.tui.task.below import Below
from archive_tui.tui.task.boxes import ERROR, FACTS, PAYLOAD, TaskBoxes
from archive_tui.tui.task.comparing import TaskComparing
from archive_tui.tui.task.copies import TaskCopies
from archive_tui.tui.task.mark import ShownMark
from archive_tui.tui.task.outside import ShowOutside
from archive_tui.tui.task.payload_export import Loaded, PayloadExport
from archive_tui.tui.task.reading import ShownReading, error_title, payload_title, reading_fact
from archive_tui.tui.task.search import TaskSearch
from archive_tui.tui.task.secrets import MaskedValues
from archive_tui.tui.task.tree import PayloadTree
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.fitted import FittedText
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.wording.task import facts, summary

_FACTS_EVERY = 5.0
"""Seconds after which the times among the facts count on."""

_LOOKING_OVER = 0.01
"""Seconds of looking over a payload between two questions whether it is still shown."""

_SHOWN_ID = 200
"""Characters of an id that the head passes on; no screen is wider."""

_LEFT = "this task has left the list: it was deleted"


class TaskScreen(CommandScreen):
    """The task at an index of a view; the view stands still while this screen is open, but for what is changed from
    here. Subclasses add the changes that their kind of task can have: `flow` confirms and starts them, for exactly the
    task that is shown.
    """

    TITLE_IN_HELP = "Task"
    AUTO_FOCUS = ""
    COMMANDS_HERE: ClassVar[tuple[type[Command], ...]] = (
        commands.SearchNext,
        commands.Search,
        commands.Copy,
        commands.NextView,
        commands.Zoom,
        commands.Save,
        commands.NextTask,
        commands.PreviousTask,
        commands.ShowSecrets,
        commands.FoldFacts,
        commands.NextBox,
        commands.PreviousBox,
        commands.SearchPrevious,
        commands.CopyId,
        commands.CopyMenu,
        commands.OpenOutside,
        commands.Compare,
        commands.Wrap,
        commands.FoldNode,
        commands.UnfoldAll,
        commands.FoldAll,
        commands.FilterByNode,
        commands.NodeAsColumn,
        commands.ReadAgain,
        commands.Back,
        commands.Leave,
    )
    CHANGES_HERE: ClassVar[tuple[type[Command], ...]] = (commands.Stop, commands.Mark)
    """The commands of a task in a list whose tasks can be changed, to be listed before the others."""

    PARTS: ClassVar[tuple[type, ...]] = (
        TaskSearch,
        TaskCopies,
        PayloadExport,
        ShowOutside,
        ShownReading,
        ShownMark,
        MaskedValues,
        TaskComparing,
        PayloadTree,
    )
    IN_REDIS: ClassVar[bool] = True
    """Whether the tasks are in Redis now."""
    CSS = """
    #summary { height: auto; margin: 0 1; color: $text-muted; }
    """

    def __init__(
        self,
        view: View,
        index: int,
        breadcrumb: str,
        moved: Callable[[int], object],
        below: Below,
        *,
        final: bool,
    ) -> None:
        """`moved` is told the key of the task that is shown, so that the table below can follow; `final` says that
        the view will not grow.
        """
        super().__init__()
        self._moved = moved
        self._final = final
        self._view = view
        self._index = index
        self._breadcrumb = breadcrumb
        self._below = below
        self._boxes = TaskBoxes()
        self._search_bar = FilterBar(
            "in error and payload",
            label="search",
            anew=True,
            give_back=self._boxes.focus_current,
            beside=(commands.SearchNext,),
        )
        self._loaded: Loaded | None = None
        self._ticket = self._answered = 0
        self._queue, self._task_id = "", b""
        self._facts_drawn: object = None
        self._facts_at = 0.0
        self._entitled = ""
        self._looking_over = self._was_looking = False
        self._change_seen: ChangeJob | None = None
        self.flow = ChangeFlow(self, self._change_ended)
        self.exporting = PayloadExport(self, lambda: self._loaded)
        self.marking = ShownMark(self, below.marks, lambda: self._key, self._move_on)
        self.shown_reading = ShownReading(self, self._boxes, lambda: self._loaded, self._show_reading)
        outside = ShowOutside(self, self._boxes, lambda: self._loaded)
        self.secrets = MaskedValues(self, lambda: self._loaded, lambda: self._load(again=True))
        comparing = TaskComparing(self, below, self._shown, self._after, self.read_task)
        reading = self.shown_reading
        self.searching = TaskSearch(self, self._boxes, self._search_bar, reading.other_views)
        self.payload_tree = PayloadTree(self, self._boxes, below, reading.why_lists_differ, self._leave_at_once)
        self.copying = TaskCopies(
            self,
            lambda: self._loaded,
            lambda: self.row.id if self.row else None,
            self.payload_tree.to_copy,
            in_redis=self.IN_REDIS,
        )
        taking = (self.copying, self.exporting, outside, self.payload_tree)
        self.parts = (self.searching, *taking, reading, self.marking, self.secrets, comparing)

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield FittedText(id="summary")
        self._boxes.unfolded = self.host.appearance.facts
        yield self._boxes
        yield self._search_bar

    def on_mount(self) -> None:
        self._boxes.entitle(PAYLOAD, "Payload")
        self._boxes.entitle(ERROR, "Error")
        self._boxes.entitle(FACTS, "Facts")
        self._boxes.focus_current()
        self._load()

    @on(TaskBoxes.Arranged)
    def _arranged(self) -> None:
        self._draw_facts()

    def reading(self) -> bool:
        return self._answered != self._ticket or self.flow.reading or super().reading()

    def tick(self) -> None:
        self._change_seen = self.flow.job
        self.flow.watch()
        self._draw_head()
        self._grow()
        if self.now() - self._facts_at >= _FACTS_EVERY:
            self._draw_facts()

    @property
    def row(self) -> TaskRow | None:
        """The row of the task that is shown; None where it has left the list."""
        rows = self._view.page(self._index, 1)
        return rows[0] if rows and rows[0] is not GONE else None

    @property
    def _key(self) -> int | None:
        return self._view.key(self._index) if self.row is not None else None

    def _shown(self) -> tuple[int, TaskRow] | None:
        """The number and the row of the task; None where it has left the list."""
        row = self.row
        return (self._view.key(self._index), row) if row is not None else None

    def _after(self) -> TaskRow | None:
        """The row of the next task; None behind the last."""
        return next(iter(self._view.page(self._index + 1, 1)), None)

    def _draw_head(self) -> None:
        row = self.row
        name = line(self._task_id[:_SHOWN_ID]) + (" (gone)" if row is None else "")
        marked = self.marking.words()
        badge = self.secrets.badge()
        position = Content.styled(
            f"{self._index + 1:,} of {'' if self._final else '≥ '}{len(self._view):,}", "$text-muted"
        )
        right = Content.assemble(
            marked,
            "   " if marked else "",
            badge,
            "  " if badge else "",
            position,
            (f"  {commands.NextTask} {commands.PreviousTask}", "$text-accent"),
        )
        width = self.size.width - 3 - right.cell_length
        path = title(self._breadcrumb, name)
        if path.cell_length > width:  # the id is worth more than the way to it
            path = title("…", name)
        path = path.truncate(max(width, 0), ellipsis=True)
        gap = max(width - path.cell_length, 1)
        self.query_one("#head", HeadLine).show(self.flow.line() or Content.assemble(path, " " * gap, right))

    # Reading

    def _load(self, *, again: bool = False) -> None:
        """Read the task off the UI loop; what was asked for before does not replace what is asked for now. With `again`
        it is the one that was shown, also where it has left the list meanwhile.
        """
        self._ticket += 1
        row = self.row
        if row is not None:
            self._queue, self._task_id = row.queue, row.id
        elif not (again and self._task_id):
            self._answered = self._ticket
            self._task_id = b""
            self._show_problem(_LEFT)
            return
        self._show_problem("reading…")
        self._read(self._ticket, self._queue, self._task_id)

    @background("read")
    def _read(self, ticket: int, queue: str, task_id: bytes) -> None:
        try:
            task = self.read_task(queue, task_id)
            redaction = self.secrets.redaction
            found = redaction.readings(self.session.payloads.readings_to_show(task.payload, task.type))
            readings = [one.to_show() for one in found]
            shown = redaction.task(task, readings)
            errors = redaction.readings(_error_readings(shown))
            error = document(errors[0]) if errors else TextDocument("", "(none)")
            ways = views(readings)
            way = self.shown_reading.first_of(ways)
            payload = ways[way].shown()
            loaded = Loaded(shown, task, payload, error, self.session.clock(), readings, ways, errors, way)
        except ArchiveTuiError as error:
            self.app.call_from_thread(self._failed, ticket, error)
        else:
            self.app.call_from_thread(self._arrived, ticket, loaded)

    def read_task(self, queue: str, task_id: bytes) -> Task:
        """One task in full; blocks. Raises NotFoundError, ConnectError and kin."""
        return self.session.read_task(queue, task_id)

    def facts_of(self, task: Task, read_at: float) -> Iterable[tuple[str, str]]:
        """What there is to say about it beside payload and error; it was read at `read_at` (unix seconds)."""
        return facts(task, self.now(), read_at)

    def summary_of(self, task: Task, read_at: float) -> list[str]:
        """The most telling of the facts."""
        return summary(task, self.now(), read_at)

    def _failed(self, ticket: int, error: ArchiveTuiError) -> None:
        if ticket != self._ticket or not self.is_mounted:
            return
        self._answered = ticket
        if isinstance(error, NotFoundError):
            self._show_problem(str(error))
        else:
            self._show_problem(f"{error} ({commands.ReadAgain} reads again)")

    def _show_problem(self, problem: str) -> None:
        self._loaded = None
        self._boxes.show(PAYLOAD, TextDocument("", problem))
        self._boxes.show(ERROR, TextDocument("", ""))
        self._boxes.entitle(PAYLOAD, "Payload")
        self._boxes.entitle(ERROR, "Error")
        self._draw_facts()
        self.searching.documents_changed()

    def _arrived(self, ticket: int, loaded: Loaded) -> None:
        if ticket != self._ticket or not self.is_mounted:
            return
        self._answered = ticket
        self.shown_reading.begin(loaded)
        for box in (ERROR, PAYLOAD):
            self._show_reading(loaded, box)
        self._look_over(ticket, loaded)

    @background("look over")
    def _look_over(self, ticket: int, loaded: Loaded) -> None:
        """Look over what is read piece by piece, as long as it is shown."""
        self._looking_over = True
        for reading in loaded.readings:
            if reading.large is not None:
                while ticket == self._ticket and self.is_mounted and reading.large.advance(_LOOKING_OVER):
                    time.sleep(_LOOKING_OVER / 2)  # for the screen, which else has to wait for its turn
        if ticket == self._ticket:
            self._looking_over = False

    def _grow(self) -> None:
        """Show what has become of a payload that is looked over meanwhile."""
        if self._loaded is None:
            return
        looking, self._was_looking = self._was_looking or self._looking_over, self._looking_over
        if (title := payload_title(self._loaded, self._boxes.title_room)) != self._entitled:
            self._entitled = title
            self._boxes.entitle(PAYLOAD, title)
            looking = True
        if looking:  # once more behind the end: the last lines have come since
            self._boxes.views[1].grow()

    def _show_reading(self, loaded: Loaded, box: str) -> None:
        """Show error or payload in the reading that was chosen."""
        self._loaded = loaded
        self._boxes.show(box, loaded.error if box == ERROR else loaded.payload)
        if box == ERROR:
            self._boxes.entitle(ERROR, error_title(loaded))
        else:
            self._entitled = payload_title(loaded, self._boxes.title_room)
            self._boxes.entitle(PAYLOAD, self._entitled)
            self._draw_facts()
        self.searching.documents_changed()

    def _draw_facts(self) -> None:
        """Draw the facts where one of them has changed: their times count on."""
        if not self.is_mounted:
            return
        loaded = self._loaded
        self._facts_at = self.now()
        short = self.query_one("#summary", FittedText)
        short.display = self._boxes.folded
        lines = 1 if self._boxes.low else 2
        facts = [*self.facts_of(loaded.task, loaded.read_at), reading_fact(loaded)] if loaded is not None else []
        parts = fact_lines.parts_of(facts)
        pieces = self.summary_of(loaded.task, loaded.read_at) if loaded is not None else []
        if (parts, pieces, lines) != self._facts_drawn:
            self._facts_drawn = (parts, pieces, lines)
            self._boxes.facts.write(lambda width: fact_lines.whole(parts, width))
            short.write(lambda width: fact_lines.folded(pieces, lines, width) if pieces else Content(""))

    # Moving on

    def why_not_next_task(self) -> str | None:
        """Why there is no next task to show now."""
        if self.flow.planning:
            return "a plan is being made for this task"
        return "this is the last task of the list" if self._index + 1 >= len(self._view) else None

    @runs(commands.NextTask, unless=why_not_next_task)
    def next_task(self) -> None:
        """Show the next task."""
        self._go(self._index + 1)

    def why_not_previous_task(self) -> str | None:
        """Why there is no task before to show now."""
        if self.flow.planning:
            return "a plan is being made for this task"
        return "this is the first task of the list" if self._index == 0 else None

    @runs(commands.PreviousTask, unless=why_not_previous_task)
    def previous_task(self) -> None:
        """Show the task before."""
        self._go(self._index - 1)

    def _move_on(self) -> None:
        """Show the next task, if there is one."""
        if self.why_not_next_task() is None:
            self._go(self._index + 1)

    def _go(self, index: int) -> None:
        self._index = index
        self.secrets.begin()
        self._search_bar.clear()
        self._draw_head()
        self._load()
        self._moved(self._view.key(index))

    @runs(commands.ReadAgain)
    def read_again(self) -> None:
        """Read the task again."""
        self._load()

    # Changing what is shown

    def targets(self) -> Targets:
        """The task that is shown, and no other."""
        return self._below.only(self._view.key(self._index))

    def why_not_change(self) -> str | None:
        """Why this task cannot be changed now."""
        return "this task has left the list" if self.row is None else self._below.why_not_change()

    def _change_ended(self) -> None:
        """Show the next task where this one is no longer what the list is about, else what became of it."""
        job = self._change_seen
        self._below.changed()
        if job is None or not job.progress.achieved:
            self._load(again=True)  # the list below may have let it go by now
            return
        self._view = self._view.without(self._view.key(self._index))
        if not len(self._view):
            self.app.pop_screen()
            return
        self._go(min(self._index, len(self._view) - 1))

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        return "nothing is running" if self.flow.job is None else None

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop the change."""
        self.flow.stop()

    # Searching and looking

    @on(FilterBar.Submitted)
    def _search_submitted(self, event: FilterBar.Submitted) -> None:
        event.stop()
        self.searching.submitted()

    @on(FilterBar.Changed)
    def _search_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.searching.text_changed()

    @runs(commands.Wrap)
    def wrap(self) -> None:
        """Break long lines, or scroll sideways."""
        wrap = not self._boxes.documents[1].wrap
        for view in self._boxes.documents:
            view.wrap = wrap
        self.searching.show_again()
        self.say("long lines are broken" if wrap else "long lines scroll sideways")

    @runs(commands.FoldFacts)
    def fold_facts(self) -> None:
        """Show all facts, or fold them away."""
        self._boxes.fold()
        self.host.appearance.facts = self._boxes.unfolded

    @runs(commands.Zoom)
    def zoom(self) -> None:
        """Give a box the whole screen, or take it back."""
        self._boxes.zoom()

    @runs(commands.NextBox)
    def next_box(self) -> None:
        """Go to the next box."""
        self._boxes.step(1)

    @runs(commands.PreviousBox)
    def previous_box(self) -> None:
        """Go to the box before."""
        self._boxes.step(-1)

    # Leaving

    def _leave_at_once(self) -> None:
        self.app.pop_screen()

    def why_not_leave(self) -> str | None:
        return self.flow.busy

    @runs(commands.Back)
    def back(self) -> None:
        """Undo the search, then the zoom, then leave."""
        if self._search_bar.clear():
            return
        if self._boxes.zoomed:
            self._boxes.zoom()
        else:
            self.run_command(commands.Leave)


def _error_readings(task: Task) -> list[Reading]:
    message = task.message.error_msg if task.message is not None else ""
    return error_readings(message) if message else []
