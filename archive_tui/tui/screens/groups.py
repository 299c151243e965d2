"""All groups of one facet of a list: what the panel beside it has no room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from archive_tui.catalog.breakdown import Breakdown, Group
from archive_tui.catalog.facets import ERROR, Facet
from archive_tui.catalog.message_values import MessageValue
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.lists.task_list import TaskList
from archive_tui.tui.lists.unmasking import Unmasking
from archive_tui.tui.widgets.columns import Cell, Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.groups import GroupActions
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import age, number, plural, size, sparkline


class GroupList(GroupActions, Protocol):
    """The list whose groups are shown."""

    @property
    def tasks(self) -> TaskList:
        """The list itself."""

    @property
    def marked(self) -> int:
        """How many tasks of the list are marked."""

    def all_groups(self, facet: Facet) -> Breakdown | None:
        """All groups of a facet, as of now; None where the list has gone. Not for the UI loop."""


class GroupsScreen(CommandScreen):
    """All groups of a facet. enter goes back to the list, narrowed to one."""

    TITLE_IN_HELP = "Groups"
    COMMANDS_HERE = (
        commands.Narrow,
        commands.MarkGroup,
        commands.Filter,
        commands.Sort,
        commands.Wide,
        commands.ShowSecrets,
        commands.Back,
        commands.Leave,
    )
    PARTS = (Unmasking,)

    def __init__(self, groups: GroupList, facet: Facet) -> None:
        super().__init__()
        self._groups = groups
        self._facet = facet
        self._answer: Breakdown | None = None
        self._counting = False
        self.parts = (Unmasking(self, groups.tasks, mask_when_left=False, why_not=self.why_nothing_is_masked),)
        self._sort, self._descending = "tasks", True
        self._drawn: object = None
        self._numbers: dict[str, int] = {}

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield VirtualTable[Group](self._columns(), id="rows")
        yield FilterBar(f"a part of the {self._facet.title.lower()}")

    @property
    def _table(self) -> VirtualTable[Group]:
        return self.query_one("#rows", VirtualTable)

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
        """Count values from messages anew where they are masked no longer, or again, and as they are read."""
        tasks, value = self._groups.tasks, self._facet.extract
        if not isinstance(value, MessageValue):
            return
        tasks.keep_up()
        facet = replace(value, unmasked=tasks.unmasked).facet
        outdated = self._answer is not None and self._answer.version != tasks.catalog.version
        if not self._counting and (facet != self._facet or outdated):
            self._facet = facet
            self._count()

    def _count(self) -> None:
        self._counting = True
        self._count_groups(self._facet)

    @background("groups")
    def _count_groups(self, facet: Facet) -> None:
        self.app.call_from_thread(self._take, self._groups.all_groups(facet))

    def background_failed(self, group: str, error: Exception) -> None:
        self._counting = False
        super().background_failed(group, error)

    def _take(self, answer: Breakdown | None) -> None:
        self._counting = False
        self._answer = answer
        if self.is_mounted:
            self.look()

    def reading(self) -> bool:
        return self._answer is None or self._drawn is None

    def tick(self) -> None:
        self._keep_up()
        answer = self._answer
        text = self.query_one(FilterBar).text.casefold()
        drawn = (answer, text, self._sort, self._descending, self._groups.marked)
        if answer is None or drawn == self._drawn or self._facet.name not in answer.groups:
            return
        self._drawn = drawn
        every = answer.groups[self._facet.name]
        shown = [group for group in every if text in self._facet.label(group.value).casefold()]
        shown.sort(key=_SORTS[self._sort], reverse=self._descending)
        keys = [self._numbers.setdefault(group.value, len(self._numbers)) for group in shown]
        self._table.sorted_by = (self._sort, self._descending)
        self._table.empty_text = f"No group matches the filter: {commands.Back} shows all."
        self._table.show(Rows(shown, keys))
        different = answer.different[self._facet.name]
        matching = f"   {len(shown):,} match of {different:,}" if text else f"   {different:,} in all"
        cut = f"   the {len(every):,} largest are shown" if different > len(every) else ""
        tasks = f"   {plural(sum(group.amount.tasks for group in shown), 'task')}"
        marked = f"   {self._groups.marked:,} marked" if self._groups.marked else ""
        self.query_one("#head", HeadLine).show(
            Content.assemble(
                title("Groups", self._facet.title),
                (marked, "bold $text-accent"),
                matching,
                (tasks, "$text-muted"),
                (cut, "$text-warning"),
            )
        )

    @on(FilterBar.Changed)
    def _filter_changed(self) -> None:
        self.look()

    @on(VirtualTable.Opened, "#rows")
    def _opened(self) -> None:
        self.run_command(commands.Narrow)

    @on(VirtualTable.SortWanted, "#rows")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self._sort_by(event.name)

    def why_not_choose(self) -> str | None:
        """Why there is nothing to narrow to, or to mark."""
        return "no group here" if self._table.cursor_row is None else None

    @runs(commands.Narrow, unless=why_not_choose)
    def narrow(self) -> None:
        """Go back to the list, narrowed to the group under the cursor."""
        group = self._table.cursor_row
        if group is not None:
            self.app.pop_screen()
            self._groups.narrow(group.term)

    @runs(commands.MarkGroup, unless=why_not_choose)
    def mark(self) -> None:
        """Mark all of the group under the cursor, or unmark it, and move on."""
        group, index = self._table.cursor_row, self._table.cursor_index
        if group is not None and index is not None:
            self._groups.mark(group.term)
            self._table.move_to(index + 1)

    @runs(commands.Filter)
    def filter(self) -> None:
        """Type a part of the names."""
        self.query_one(FilterBar).open()

    @runs(commands.Sort)
    def sort(self) -> None:
        """Choose what to sort by."""
        names = {column.name: column.title for column in self._table.columns if column.sortable}
        self.app.push_screen(ChoiceDialog("Sort by", names, self._sort), self._sort_by)

    def _sort_by(self, name: str | None) -> None:
        if name is not None:
            self._descending = not self._descending if name == self._sort else name != "name"
            self._sort = name
            self.look()

    @runs(commands.Wide)
    def wide(self) -> None:
        """Show whole columns, or fit them to the screen."""
        self._table.wide = not self._table.wide

    @runs(commands.Back)
    def back(self) -> None:
        """Undo the filter, then leave."""
        if not self.query_one(FilterBar).clear():
            self.run_command(commands.Leave)


def _days(group: Group) -> Cell:
    return Cell(sparkline(group.days), "dim")


_SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: group.facet.label(group.value),
    "tasks": lambda group: (group.amount.tasks, group.value),
    "bytes": lambda group: (group.amount.stored_bytes, group.value),
    "first": lambda group: group.first or 0,
    "last": lambda group: group.last or 0,
}
