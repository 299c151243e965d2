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
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.lists.archive_changes import ArchiveChanges
from archive_tui.tui.lists.archive_edits import ArchiveEdits
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.chosen_group import ChosenGroup
from archive_tui.tui.lists.finding_changes import FindingChanges
from archive_tui.tui.lists.in_order import in_order
from archive_tui.tui.lists.list_export import ListExport
from archive_tui.tui.lists.triage import COUNTING, Triaged
from archive_tui.tui.lists.unmasking import Unmasking
from archive_tui.tui.widgets.columns import Cell, Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import age, number, plural, size, sparkline


class GroupsScreen(CommandScreen):
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
    PARTS: ClassVar[tuple[type[Part], ...]] = (ChangeFlow, ListExport, Unmasking)

    def __init__(self, triaged: Triaged, facet: Facet) -> None:
        super().__init__()
        self.triaged = triaged
        self.flow = ChangeFlow(self, triaged.changed, triaged.tasks)
        self._facet = facet
        self._answer: Breakdown | None = None
        self._catalog: Catalog | None = None
        self._counting = False
        self.chosen = ChosenGroup(triaged, "groups", self._term, self.why_not_choose)
        export = ListExport(
            self, self.flow, self.chosen.targets, name="-".join(triaged.title), why_not=self.chosen.why_not_export
        )
        unmasking = Unmasking(self, triaged.tasks, mask_when_left=False, why_not=self.why_nothing_is_masked)
        self.common: tuple[Part, ...] = (export, unmasking)
        """The parts of every such screen, beside the flow."""
        self._sort, self._descending = "tasks", True
        self._drawn: object = None
        self._head = Content()
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
        uncounted = self._answer is None or self._drawn is None
        return uncounted or self.triaged.marks.marking or self.flow.reading or super().reading()

    def tick(self) -> None:
        self.flow.watch()
        self._keep_up()
        self._draw()
        self.query_one("#head", HeadLine).show(self.flow.line() or self._head)

    def _draw(self) -> None:
        answer = self._answer
        text = self.query_one(FilterBar).text.casefold()
        marked_tasks = len(self.triaged.marks.marked)
        drawn = (answer, text, self._sort, self._descending, marked_tasks)
        if answer is None or drawn == self._drawn or self._facet.name not in answer.groups:
            return
        self._drawn = drawn
        every = answer.groups[self._facet.name]
        shown = [group for group in every if text in self._facet.label(group.value).casefold()]
        shown = in_order(shown, _SORTS[self._sort], descending=self._descending)
        keys = [self._numbers.setdefault(group.value, len(self._numbers)) for group in shown]
        self._table.sorted_by = (self._sort, self._descending)
        self._table.empty_text = f"No group matches the filter: {commands.Back} shows all."
        self._table.show(Rows(shown, keys))
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

    @on(VirtualTable.SortWanted, "#rows")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self._sort_by(event.name)

    # What is chosen

    def _term(self) -> str:
        """The term that shows the group under the cursor."""
        group = self._table.cursor_row
        return group.term if group is not None else ""

    def why_not_choose(self) -> str | None:
        """Why there is no group under the cursor to do anything with."""
        if self._answer is None or self._drawn is None or (self._outdated and self.triaged.tasks.complete):
            return COUNTING
        return "no group here" if self._table.cursor_row is None else None

    def why_not_narrow(self) -> str | None:
        """Why the list cannot be shown now."""
        return self.flow.busy or self.why_not_choose()

    @runs(commands.Narrow, unless=why_not_narrow)
    def narrow(self) -> None:
        """Go back to the list, narrowed to the group under the cursor."""
        term = self._term()
        self.app.pop_screen()
        self.triaged.groups.narrow(term)

    @runs(commands.MarkGroup, unless=why_not_choose)
    def mark(self) -> None:
        """Mark all of the group under the cursor, or unmark it, and move on."""
        self.triaged.groups.mark(self._term())
        self._table.move_to((self._table.cursor_index or 0) + 1)

    def why_not_unmark(self) -> str | None:
        """Why no marks can be forgotten now."""
        return self.triaged.marks.why_not_unmark()

    @runs(commands.Unmark, unless=why_not_unmark)
    def unmark(self) -> None:
        """Forget all marks."""
        self.triaged.marks.unmark()

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

    # Stopping and leaving

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        return None if self.flow.busy else "nothing is running"

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop what is running."""
        self.flow.stop()

    def why_not_leave(self) -> str | None:
        return self.flow.busy

    @runs(commands.Back)
    def back(self) -> None:
        """Undo the filter, then leave."""
        if not self.query_one(FilterBar).clear():
            self.run_command(commands.Leave)


class ArchiveGroupsScreen(GroupsScreen):
    """The groups of archived tasks."""

    COMMANDS_HERE = (
        *GroupsScreen.COMMANDS_HERE[:4],
        commands.Delete,
        commands.Run,
        commands.Edit,
        *GroupsScreen.COMMANDS_HERE[4:],
    )
    PARTS = (*GroupsScreen.PARTS, ArchiveChanges, ArchiveEdits)

    def __init__(self, triaged: Triaged, facet: Facet) -> None:
        super().__init__(triaged, facet)
        changes, edits = (
            part(self, self.flow, self.chosen.targets, queue=triaged.queue, why_not=self.chosen.why_not_change)
            for part in (ArchiveChanges, ArchiveEdits)
        )
        self.parts = (self.flow, changes, edits, *self.common)


class FindingGroupsScreen(GroupsScreen):
    """The groups of findings."""

    COMMANDS_HERE = (
        *GroupsScreen.COMMANDS_HERE[:4],
        commands.Repair,
        commands.Delete,
        *GroupsScreen.COMMANDS_HERE[4:],
    )
    PARTS = (*GroupsScreen.PARTS, FindingChanges)

    def __init__(self, triaged: Triaged, facet: Facet) -> None:
        super().__init__(triaged, facet)
        findings = FindingChanges(
            self,
            self.flow,
            self.chosen.targets,
            picked=triaged.marks.marked_by_hand,
            pointed_at=lambda: None,
            why_not=self.chosen.why_not_change,
        )
        self.parts = (self.flow, findings, *self.common)


def _days(group: Group) -> Cell:
    return Cell(sparkline(group.days), "dim")


_SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: group.facet.label(group.value) if group.value else None,
    "tasks": lambda group: (group.amount.tasks, group.value),
    "bytes": lambda group: (group.amount.stored_bytes, group.value),
    "first": lambda group: group.first,
    "last": lambda group: group.last,
}
