"""All groups of one facet of a list: what the panel beside it has no room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from archive_tui.catalog.breakdown import Breakdown, Group
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.facets import ERROR, Facet
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query
from archive_tui.tui import commands
from archive_tui.tui.command_screen import background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.lists.counted_changes import OF_ARCHIVED_TASKS, OF_FINDINGS
from archive_tui.tui.lists.counts_screen import CountsScreen
from archive_tui.tui.lists.in_order import Order, in_order
from archive_tui.tui.lists.triage import COUNTING, Triaged
from archive_tui.tui.widgets.columns import Cell, Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import age, number, plural, size, sparkline


class GroupsScreen(CountsScreen):
    """All groups of a facet. enter goes back to the list, narrowed to one."""

    TITLE_IN_HELP = "Groups"
    COMMANDS_HERE: ClassVar[tuple[type[Command], ...]] = (
        commands.Stop,
        commands.ChangePace,
        commands.Narrow,
        commands.MarkGroup,
        commands.Filter,
        commands.Export,
        commands.Sort,
        commands.Unmark,
        commands.Wide,
        commands.ShowSecrets,
        commands.Back,
        commands.Leave,
    )
    NAMES = frozenset({"name"})

    def __init__(self, triaged: Triaged, facet: Facet) -> None:
        super().__init__(triaged, "groups", Order("tasks", descending=True))
        self._facet = facet
        self._answer: Breakdown | None = None
        self._catalog: Catalog | None = None
        self._counting = False
        self._drawn: object = None
        self._head = Content()
        self._numbers: dict[str, int] = {}

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield VirtualTable[Group](self._columns(), id="rows")
        yield FilterBar(f"a part of the {self._facet.title.lower()}")

    def _columns(self) -> Sequence[Column[Group]]:
        def moment(of: Callable[[Group], int | None]) -> Callable[[Group], str]:
            return lambda group: age(of(group), self.now())

        facet = self._facet
        return [
            Column(
                "name",
                facet.title,
                lambda group: facet.label(group.value),
                20,
                grow=1,
                help="what the tasks of a group share",
            ),
            Column(
                "tasks",
                "Tasks",
                lambda group: number(group.amount.tasks),
                9,
                "right",
                help="tasks that the filter shows",
            ),
            Column(
                "bytes",
                "Bytes",
                lambda group: size(group.amount.stored_bytes),
                9,
                "right",
                priority=1,
                help="about how much they take in Redis",
            ),
            Column(
                "first", "First", moment(lambda group: group.first), 8, "right", priority=3, help="the oldest of them"
            ),
            Column("last", "Last", moment(lambda group: group.last), 8, "right", priority=2, help="the newest of them"),
            Column("days", "14 days", _days, 14, priority=4, sortable=False, help="tasks by day, the newest last"),
        ]

    def on_mount(self) -> None:
        self._count()

    def why_nothing_is_masked(self) -> str | None:
        """Why there is nothing to show: only values from messages are masked here, and signatures for good."""
        if isinstance(self._facet.extract, MessageValue):
            return None
        return "signatures stay masked: filters go by them" if self._facet is ERROR else "nothing is masked here"

    def _keep_up(self) -> None:
        """Count anew where the rows are others by now. While they come, groups are as they were when the screen was
        opened; but values from messages are counted as they are read, masked or not.
        """
        tasks, value = self.triaged.tasks, self._facet.extract
        tasks.keep_up()
        facet = replace(value, unmasked=tasks.unmasked).facet if isinstance(value, MessageValue) else self._facet
        outdated = self._outdated and (tasks.complete or isinstance(value, MessageValue)) and not tasks.frozen
        if not self._counting and (facet != self._facet or outdated):
            self._facet = facet
            self._count()

    @property
    def _outdated(self) -> bool:
        """Whether the rows are others than those that were counted."""
        answer, catalog = self._answer, self.triaged.tasks.catalog
        return answer is not None and (self._catalog is not catalog or answer.version != catalog.version)

    def _count(self) -> None:
        self._counting = True
        self._count_groups(self._facet, self.triaged.tasks.catalog)

    @background("groups")
    def _count_groups(self, facet: Facet, catalog: Catalog) -> None:
        self.app.call_from_thread(self._take, self.triaged.groups.all_groups(facet), catalog)

    def background_failed(self, group: str, error: Exception) -> None:
        self._counting = False
        super().background_failed(group, error)

    def _take(self, answer: Breakdown | None, catalog: Catalog) -> None:
        self._counting = False
        self._answer, self._catalog = answer, catalog
        if self.is_mounted:
            self.look()

    def reading(self) -> bool:
        return self._answer is None or self._drawn is None or super().reading()

    def tick(self) -> None:
        self.flow.watch()
        self._keep_up()
        self._draw()
        self.query_one("#head", HeadLine).show(self.flow.line() or self._head)

    def _draw(self) -> None:
        answer = self._answer
        text = self.query_one(FilterBar).text.casefold()
        marked_tasks = len(self.triaged.marks.marked)
        drawn = (answer, text, self.order.by, self.order.descending, marked_tasks)
        if answer is None or drawn == self._drawn or self._facet.name not in answer.groups:
            return
        self._drawn = drawn
        every = answer.groups[self._facet.name]
        shown = [group for group in every if text in self._facet.label(group.value).casefold()]
        shown = in_order(shown, _SORTS[self.order.by], descending=self.order.descending)
        keys = [self._numbers.setdefault(group.value, len(self._numbers)) for group in shown]
        self.table.sorted_by = (self.order.by, self.order.descending)
        self.table.empty_text = f"No group matches the filter: {commands.Back} shows all."
        self.table.show(Rows(shown, keys))
        different = answer.different[self._facet.name]
        matching = f"   {len(shown):,} match of {different:,}" if text else f"   {different:,} in all"
        cut = f"   the {len(every):,} largest are shown" if different > len(every) else ""
        tasks = f"   {plural(sum(group.amount.tasks for group in shown), 'task')}"
        marked = f"   {marked_tasks:,} marked" if marked_tasks else ""
        self._head = Content.assemble(
            title("Groups", self._facet.title),
            (marked, "bold $text-accent"),
            matching,
            (tasks, "$text-muted"),
            (cut, "$text-warning"),
        )

    @on(FilterBar.Changed)
    def _filter_changed(self) -> None:
        self.look()

    @on(VirtualTable.Opened, "#rows")
    def _opened(self) -> None:
        self.run_command(commands.Narrow)

    # What is chosen

    @property
    def _group(self) -> Group | None:
        """The group under the cursor."""
        group: Group | None = self.table.cursor_row
        return group

    def terms(self) -> str:
        group = self._group
        return group.term if group is not None else ""

    def narrowed(self) -> Query:
        group = self._group
        return self.triaged.groups.query_of_group(group) if group is not None else super().narrowed()

    def why_not_choose(self) -> str | None:
        if self._answer is None or self._drawn is None or (self._outdated and self.triaged.tasks.complete):
            return COUNTING
        return "no group here" if self._group is None else None

    def why_not_tell(self) -> str | None:
        if reason := self.why_not_choose():
            return reason
        group = self._group
        return self.triaged.groups.why_not_tell(group) if group is not None else None

    def why_not_narrow(self) -> str | None:
        """Why the list cannot be narrowed to the group now."""
        if reason := self.why_not_show_tasks():
            return reason
        group = self._group
        return self.triaged.groups.why_not_narrow(group) if group is not None else None

    @runs(commands.Narrow, unless=why_not_narrow)
    def narrow(self) -> None:
        """Go back to the list, narrowed to the group under the cursor."""
        group = self._group
        if group is not None:
            self.app.pop_screen()
            self.triaged.groups.narrow(group)

    @runs(commands.MarkGroup, unless=why_not_choose)
    def mark(self) -> None:
        """Mark all of the group under the cursor, or unmark it, and move on."""
        group = self._group
        if group is not None:
            self.triaged.groups.mark(group)
        self.table.move_to((self.table.cursor_index or 0) + 1)

    @runs(commands.Filter)
    def filter(self) -> None:
        """Type a part of the names."""
        self.query_one(FilterBar).open()

    @runs(commands.Back)
    def back(self) -> None:
        """Undo the filter, then leave."""
        if not self.query_one(FilterBar).clear():
            self.run_command(commands.Leave)


class ArchiveGroupsScreen(GroupsScreen, changes=OF_ARCHIVED_TASKS):
    """The groups of archived tasks."""


class FindingGroupsScreen(GroupsScreen, changes=OF_FINDINGS):
    """The groups of findings."""


def _days(group: Group) -> Cell:
    return Cell(sparkline(group.days), "dim")


_SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: group.facet.label(group.value) if group.value else None,
    "tasks": lambda group: (group.amount.tasks, group.value),
    "bytes": lambda group: (group.amount.stored_bytes, group.value),
    "first": lambda group: group.first,
    "last": lambda group: group.last,
}
