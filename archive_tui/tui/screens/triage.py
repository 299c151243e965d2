"""The triage view of a list: errors by type and age, with counts, first and last time, and an example of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from archive_tui.asynq.installation import shown
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.breakdown import NOTHING, Amount, Breakdown, ErrorGroup
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.facets import BANDS, ERROR, NO_AGE, TYPE
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.message_values import MessageValue
from archive_tui.text import block, clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import Part, background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.lists.comparing import ListComparing
from archive_tui.tui.lists.counted_changes import OF_ARCHIVED_TASKS, OF_FINDINGS
from archive_tui.tui.lists.counts_screen import CountsScreen
from archive_tui.tui.lists.in_order import in_order
from archive_tui.tui.lists.task_list import UNREADABLE, filter_help
from archive_tui.tui.lists.triage import COUNTING, Place, Triage, Triaged
from archive_tui.tui.widgets.cells import CellTable
from archive_tui.tui.widgets.columns import Cell, Column
from archive_tui.tui.widgets.example import ErrorExample
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import age, briefly, number, plural, size

_AGES = [band.name for band in (*BANDS, NO_AGE)]
_NO_TASKS = "·"
"""Stands in a cell without tasks, where a row of zeros would hide the others."""


class TriageScreen(CountsScreen):
    """Errors by type and age. The cursor stands on a row, or on one of its ages."""

    TITLE_IN_HELP = "Triage"
    COMMANDS_HERE: ClassVar[tuple[type[Command], ...]] = (
        commands.Stop,
        commands.ChangePace,
        commands.DrillDown,
        commands.MarkCell,
        commands.Filter,
        commands.Export,
        commands.Sort,
        commands.Unmark,
        commands.Compare,
        commands.Example,
        commands.Wide,
        commands.ShowSecrets,
        commands.Back,
        commands.Leave,
    )
    PARTS: ClassVar[tuple[type[Part], ...]] = (*CountsScreen.PARTS, ListComparing)
    NAMES = frozenset({"error", "type", "queue"})

    def __init__(self, triaged: Triaged, place: Place, way: Triage) -> None:
        """`place` is where the cursor is to stand; `way` leads back to the list."""
        super().__init__(triaged, "triage", place.order)
        self._place, self._way = place, way
        self.parts = (*self.parts, ListComparing(self, triaged.tasks, triaged.marks, cursor=self._example))
        self._filter_bar = triaged.tasks.new_filter_bar(lambda: self)
        self._drawn: tuple[object, ...] = ()
        self._example_of: object = None
        self._marked: dict[tuple[str, str], int] = {}
        self._marks_counted: object = None
        self._alike: dict[int, ErrorGroup] = {}

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        table = CellTable[ErrorGroup](list(self._columns(None)), _AGES[:-1], id="rows")
        table.is_marked = self._is_marked
        table.waiting_text = "Counting…"
        yield table
        yield ErrorExample()
        yield self._filter_bar

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return filter_help()

    @property
    def table(self) -> CellTable[ErrorGroup]:
        return self.query_one("#rows", CellTable)

    def on_mount(self) -> None:
        self.table.show(Rows[ErrorGroup]((), ()), complete=False)
        self.table.cell = self._place.cell

    # The table

    def _columns(self, chosen: str | None) -> Iterator[Column[ErrorGroup]]:
        """The chosen age always has room; where that is short, those farthest from it go first."""

        def moment(of: Callable[[ErrorGroup], int | None]) -> Callable[[ErrorGroup], str]:
            return lambda group: age(of(group), self.now())

        at = _AGES.index(chosen) if chosen in _AGES else 0
        yield Column(
            "error",
            "Error",
            lambda group: ERROR.label(group.signature),
            20,
            enough=36,
            grow=3,
            help="a signature: numbers, ids and hosts replaced",
        )
        yield Column(
            "type",
            "Type",
            lambda group: TYPE.label(group.type),
            12,
            enough=16,
            grow=1,
            most=30,
            priority=5,
            help="the type of the tasks",
        )
        if self.triaged.queue() is None:
            yield Column(
                "queue", "Queue", _queues, 10, grow=1, most=20, priority=10, help="the queue of the tasks, or how many"
            )
        for value in self.triaged.tasks.contents.columns:
            yield _value_column(value)
        yield Column(
            "tasks",
            "Tasks",
            lambda group: number(group.amount.tasks),
            7,
            "right",
            help="tasks with this error and type",
        )
        yield Column(
            "bytes",
            "Bytes",
            lambda group: size(group.amount.stored_bytes),
            8,
            "right",
            priority=11,
            help="about how much they take in Redis",
        )
        for band, name in enumerate(_AGES):
            if name == NO_AGE.name and not self._some_never_failed:
                continue
            priority = 0 if name == chosen else 1 + abs(band - at)
            heading = name if name != NO_AGE.name else "never"
            yield Column(
                name, heading, partial(_tasks_cell, band), 6, "right", priority=priority, help=_band_help(name)
            )
        yield Column(
            "first", "First", moment(lambda group: group.first), 6, "right", priority=13, help="the oldest of them"
        )
        yield Column(
            "last", "Last", moment(lambda group: group.last), 6, "right", priority=12, help="the newest of them"
        )

    @property
    def _some_never_failed(self) -> bool:
        answer = self.triaged.groups.answer
        return answer is not None and any(group.by_age[-1].tasks for group in answer.errors)

    def tick(self) -> None:
        self.flow.watch()
        self.triaged.tasks.keep_up()
        self.triaged.groups.keep_up()
        answer = self.triaged.groups.answer
        if answer is None or not answer.question.most_errors:
            return
        table = self.table
        final = self.triaged.tasks.final and self.triaged.groups.current
        drawn = (answer, self.order.by, self.order.descending, table.cell)
        if (*drawn, final) != self._drawn:
            self._draw(answer, first=not self._drawn, final=final)
            self._drawn = (answer, self.order.by, self.order.descending, table.cell, final)
        self._count_marks()
        self._draw_head(answer)
        self._draw_example()

    def _draw(self, answer: Breakdown, *, first: bool, final: bool) -> None:
        place, table = self._place, self.table
        groups = in_order(answer.errors, _sorts(self.order.by), descending=self.order.descending)
        keys = [place.key_of(group) for group in groups]
        self._alike = dict(zip(keys, groups, strict=True))
        place.cell = table.cell
        table.choosable = tuple(_AGES if self._some_never_failed else _AGES[:-1])
        table.set_columns(list(self._columns(table.cell)))
        none_match = f"No task matches the filter: {commands.Back} shows all."
        table.empty_text = none_match if answer.question.query.filtered else "Nothing failed here."
        table.sorted_by = (self.order.by, self.order.descending)
        table.show(Rows(groups, keys), complete=final)
        if first and place.key is not None:
            table.move_to_key(place.key)

    def _draw_head(self, answer: Breakdown) -> None:
        marks, tasks = self.triaged.marks, self.triaged.tasks
        hidden = f", {marks.hidden:,} hidden by filter" if marks.hidden else ""
        marked = f"   {len(marks.marked):,} marked{hidden}" if len(marks.marked) else ""
        where, *crumbs = self.triaged.title
        more = answer.different_errors - len(answer.errors)
        text = tasks.query_now.text if tasks.query_now.text != self._filter_bar.shown else ""
        current = self.triaged.groups.current
        counted = answer.total.tasks or (tasks.final and current)  # no count of what nobody has read yet
        self.query_one("#head", HeadLine).show(
            self.flow.line()
            or Content.assemble(
                title(clip(where, name_room(self.size.width)), *crumbs, "triage"),
                (marked, "bold $text-accent"),
                f"   {'' if tasks.final else '≥ '}{plural(answer.total.tasks, 'task')}" if counted else "",
                (f"   the {len(answer.errors):,} largest are shown" if more > 0 else "", "$text-warning"),
                (f"   filter: “{clip(text, 60)}”" if text else "", "$text-accent"),
                *tasks.contents.said(),
                ("" if current else "   counting…", "$text-warning"),
            )
        )

    # The example

    def _draw_example(self) -> None:
        group, band = self._group, self._band
        seen = (group, band, self._marked, self.triaged.tasks.unmasked, int(self.now()) // 60)
        if seen == self._example_of:
            return
        self._example_of = seen
        example = self.query_one(ErrorExample)
        if group is None:
            example.show("", "")
            return
        amount = group.amount if band is None else group.by_age[band]
        marked = self._marked.get((group.signature, group.type), 0)
        words = [
            plural(amount.tasks, "task") + (f" {_ages_in_words(band)}" if band is not None else ""),
            f"about {size(amount.stored_bytes)}",
            TYPE.label(group.type),
            f"first {age(group.first, self.now())}, last {age(group.last, self.now())} ago" if group.first else "",
            f"{marked:,} marked" if marked else "",
        ]
        tasks = self.triaged.tasks
        row = tasks.catalog.rows([group.example], unmasked=tasks.unmasked).get(group.example)
        text = row.error if row is not None else group.signature
        example.show(" · ".join(filter(None, words)), block(text) or "These tasks carry no error.")

    @runs(commands.Example)
    def example(self) -> None:
        """Scroll the example, or go back to the rows."""
        box = self.query_one(ErrorExample)
        if box.has_focus:
            self.table.focus()
        else:
            box.focus()

    # What is chosen

    @property
    def _group(self) -> ErrorGroup | None:
        key = self.table.cursor_key
        return self._alike.get(key) if key is not None else None

    @property
    def _band(self) -> int | None:
        cell = self.table.cell
        return _AGES.index(cell) if cell is not None else None

    def _example(self) -> int | None:
        """The number of the task that stands for the row under the cursor; None: there is none."""
        group = self._group
        return group.example if group is not None else None

    def pointed_at(self) -> TaskRow | None:
        group = self._group
        return self.triaged.tasks.catalog.rows([group.example]).get(group.example) if group is not None else None

    @property
    def _chosen(self) -> Amount:
        group, band = self._group, self._band
        if group is None:
            return NOTHING
        return group.amount if band is None else group.by_age[band]

    def why_not_choose(self) -> str | None:
        if self._filter_bar.wrong:
            return UNREADABLE
        if not self._shown:
            return COUNTING
        return None if self._chosen.tasks else "no task here"

    def reading(self) -> bool:
        return not self._shown or super().reading()

    @property
    def _shown(self) -> bool:
        """Whether the rows in sight are those of the counts as they are now."""
        groups = self.triaged.groups
        return groups.current and self._drawn[:1] == (groups.answer,)

    def terms(self) -> str:
        group = self._group
        return group.terms(self._band) if group is not None else ""

    @on(VirtualTable.Opened, "#rows")
    def _opened(self) -> None:
        self.run_command(commands.DrillDown)

    @runs(commands.DrillDown, unless=CountsScreen.why_not_show_tasks)
    def drill_down(self) -> None:
        """Show the tasks of the cell under the cursor."""
        self._place.key, self._place.cell = self.table.cursor_key, self.table.cell
        self._way.drill_down(self.terms())

    # Marking

    def why_not_mark(self) -> str | None:
        """Why the cell under the cursor cannot be marked now."""
        if self._filter_bar.wrong:
            return UNREADABLE
        if not self._shown:
            return COUNTING
        return self.triaged.marks.why_not_mark_all()

    @runs(commands.MarkCell, unless=why_not_mark)
    def mark(self) -> None:
        """Mark all tasks of the cell, or unmark them, and move on: down from a row, to the right from an age."""
        table = self.table
        if self._chosen.tasks:
            self.triaged.groups.mark_terms(self.terms())
        else:
            self.say("no task here")
        if table.cell is None:
            table.move_to((table.cursor_index or 0) + 1)
        elif table.cell != table.choosable[-1]:
            table.action_pan(1)

    def _is_marked(self, key: int) -> bool:
        group = self._alike.get(key)
        marked = self._marked.get((group.signature, group.type), 0) if group is not None else 0
        return group is not None and 0 < group.amount.tasks <= marked

    def _count_marks(self) -> None:
        """Count anew, off the UI loop, how many tasks of each row are marked, where the marks have changed."""
        marks = self.triaged.marks.marked
        counted = (marks, len(marks), self.triaged.groups.answer)
        if counted != self._marks_counted:
            self._marks_counted = counted
            self._count_marked(self.triaged.tasks.catalog, marks.copy())

    @background("marked")
    def _count_marked(self, catalog: Catalog, marks: Marks) -> None:
        self.app.call_from_thread(self._take_marked, catalog.error_groups_of(marks.seqs))

    def _take_marked(self, marked: dict[tuple[str, str], int]) -> None:
        if self.is_mounted and marked != self._marked:
            self._marked = marked
            self.table.refresh()
            self.look()

    # Filtering

    @runs(commands.Filter)
    def filter(self) -> None:
        """Type a filter: it is that of the list."""
        if not self._filter_bar.is_open:
            self._filter_bar.write(self.triaged.tasks.query_now.text)
        self._filter_bar.open()
        self.triaged.tasks.sample()

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        tasks = self.triaged.tasks
        self._filter_bar.complain(tasks.try_filter(event.text, at_end=self._filter_bar.typing_at_end))
        tasks.show_filter()

    @on(FilterBar.Submitted)
    def _filter_submitted(self, event: FilterBar.Submitted) -> None:
        event.stop()
        tasks = self.triaged.tasks
        self._filter_bar.conclude(tasks.try_filter(self._filter_bar.text))
        tasks.show_filter()
        tasks.contents.resume()

    def _widen(self) -> bool:
        """Take back what was typed as a filter here; False where nothing was."""
        wrong = self._filter_bar.wrong
        widened = self._way.widen() or wrong
        if widened:
            self._filter_bar.write("")
        return widened

    # Leaving

    @runs(commands.Leave, unless=CountsScreen.why_not_leave)
    def leave(self) -> None:
        self._place.key, self._place.cell = self.table.cursor_key, None
        self.app.pop_screen()
        self._way.closed()

    @runs(commands.Back)
    def back(self) -> None:
        """Leave the example, then choose the whole row, then undo the filter typed here, then the marks, then leave."""
        table = self.table
        if not table.has_focus:
            table.focus()
        elif table.cell is not None:
            table.cell = None
            self.look()
        elif not self._widen() and not self.triaged.marks.take_back():
            self.run_command(commands.Leave)


class ArchiveTriageScreen(TriageScreen, changes=OF_ARCHIVED_TASKS):
    """The triage view of archived tasks."""


class FindingTriageScreen(TriageScreen, changes=OF_FINDINGS):
    """The triage view of findings."""


def _queues(group: ErrorGroup) -> str:
    return shown(group.queues[0]) if len(group.queues) == 1 else f"{len(group.queues):,} queues"


def _tasks_cell(band: int, group: ErrorGroup) -> str | Cell:
    count = group.by_age[band].tasks
    return briefly(count) if count else Cell(_NO_TASKS, "dim")


def _ages_in_words(band: int) -> str:
    if band == len(BANDS):
        return "that never failed"
    if BANDS[band].limit is None:
        return f"older than {BANDS[band - 1].name}"
    younger = f"more than {BANDS[band - 1].name}, " if band else ""
    return f"{younger}at most {BANDS[band].name} old"


def _sorts(name: str) -> Callable[[ErrorGroup], Any]:
    """The key to sort by, as a person reads the column: a higher age is an earlier moment."""
    if name in _AGES:
        band = _AGES.index(name)
        return lambda group: (group.by_age[band].tasks, group.amount.tasks)
    return {
        "error": lambda group: (group.signature, group.type) if group.signature else None,
        "type": lambda group: (group.type, group.signature) if group.type else None,
        "queue": lambda group: group.queues,
        "tasks": lambda group: (group.amount.tasks, group.signature, group.type),
        "bytes": lambda group: (group.amount.stored_bytes, group.signature),
        "first": lambda group: group.first,
        "last": lambda group: group.last,
    }[name]


def _value_column(value: MessageValue) -> Column[ErrorGroup]:
    """What the most tasks of an error have at a place in their messages, how many of them, and how many values more."""
    facet = value.facet

    def cell(group: ErrorGroup) -> str:
        found = group.commonest.get(facet.name)
        if found is None:
            return ""
        more = f", {found.different - 1:,} more" if found.different > 1 else ""
        return f"{facet.label(found.value)} {found.tasks:,}{more}"

    title = clip(value.name.removeprefix("payload."), 24)
    return Column(
        facet.name,
        title,
        cell,
        max(10, len(title)),
        enough=24,
        grow=1,
        most=40,
        priority=8,
        sortable=False,
        help="what stands there the most often, in how many tasks, and how many values more",
    )


def _band_help(name: str) -> str:
    """What the column of an age says."""
    return (
        "tasks that never failed"
        if name == NO_AGE.name
        else "tasks of this age: up to so long, and more than the one before"
    )
