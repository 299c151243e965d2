"""The base of the screens that stand above a list and count its rows: a table of groups, sorted, marked and changed."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.query import Query
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.chosen_group import ChosenGroup
from archive_tui.tui.lists.counted_changes import CountedChanges
from archive_tui.tui.lists.in_order import Order
from archive_tui.tui.lists.list_export import ListExport
from archive_tui.tui.lists.triage import Triaged
from archive_tui.tui.lists.unmasking import Unmasking
from archive_tui.tui.widgets.table import VirtualTable


class CountsScreen(CommandScreen):
    """A table of groups with the id `rows`. What is done is for what is marked in the list, else for the group under
    the cursor.

    A subclass for one kind of rows says how these are changed: `class FindingGroups(Groups, changes=OF_FINDINGS)`.
    """

    PARTS: ClassVar[tuple[type[Part], ...]] = (ChangeFlow, ListExport, Unmasking)
    CHANGES: ClassVar[CountedChanges]
    NAMES: ClassVar[frozenset[str]]
    """The columns of words, which are sorted from the first on; all others begin with the most."""

    def __init_subclass__(cls, changes: CountedChanges | None = None) -> None:
        if changes is not None:
            behind_marking = cls.COMMANDS_HERE.index(commands.Filter)
            before, rest = cls.COMMANDS_HERE[:behind_marking], cls.COMMANDS_HERE[behind_marking:]
            cls.COMMANDS_HERE = (*before, *changes.commands, *rest)
            cls.PARTS = (*cls.PARTS, *changes.parts)
            cls.CHANGES = changes
        super().__init_subclass__()

    def __init__(self, triaged: Triaged, where: str, order: Order) -> None:
        """`where` names the screen, for the audit. `order` goes on changing here."""
        super().__init__()
        self.triaged = triaged
        self.order = order
        self.flow = ChangeFlow(self, triaged.changed, triaged.tasks)
        self.chosen = ChosenGroup(triaged, where, self.terms, self.narrowed, self.why_not_tell)
        name, why_not = "-".join(triaged.title), self.chosen.why_not_export
        export = ListExport(self, self.flow, self.chosen.targets, name=name, why_not=why_not)
        unmasking = Unmasking(self, triaged.tasks, mask_when_left=False, why_not=self.why_nothing_is_masked)
        self.parts = (self.flow, *self.CHANGES.make(self), export, unmasking)

    def why_nothing_is_masked(self) -> str | None:
        """Why there is nothing to show or to mask."""
        return None

    def reading(self) -> bool:
        return self.triaged.marks.marking or super().reading()

    # What is chosen

    @property
    def table(self) -> VirtualTable[Any]:
        """The groups."""
        return self.query_one("#rows", VirtualTable)

    def terms(self) -> str:
        """What shows the group under the cursor alone, in the filter language; empty where there is none."""
        raise NotImplementedError

    def narrowed(self) -> Query:
        """The query that shows it. Raises FilterError."""
        return self.triaged.groups.query_of(self.terms())

    def why_not_choose(self) -> str | None:
        """Why there is no group under the cursor to do anything with."""
        raise NotImplementedError

    def why_not_tell(self) -> str | None:
        """Why no filter may say which group is under the cursor."""
        return self.why_not_choose()

    def pointed_at(self) -> TaskRow | None:
        """The row that stands for the group under the cursor; None: none does."""
        return None

    def why_not_show_tasks(self) -> str | None:
        """Why the list cannot be shown now."""
        return self.flow.busy or self.why_not_choose()

    def why_not_unmark(self) -> str | None:
        """Why no marks can be forgotten now."""
        return self.triaged.marks.why_not_unmark()

    @runs(commands.Unmark, unless=why_not_unmark)
    def unmark(self) -> None:
        """Forget all marks."""
        self.triaged.marks.unmark()

    # Sorting

    @on(VirtualTable.SortWanted, "#rows")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self._sort_by(event.name)

    @runs(commands.Sort)
    def sort(self) -> None:
        """Choose what to sort by."""
        names = {column.name: column.title for column in self.table.columns if column.sortable}
        self.app.push_screen(ChoiceDialog("Sort by", names, self.order.by), self._sort_by)

    def _sort_by(self, name: str | None) -> None:
        if name is not None:
            self.order.choose(name, descending=name not in self.NAMES)
            self.look()

    @runs(commands.Wide)
    def wide(self) -> None:
        """Show whole columns, or fit them to the screen."""
        self.table.wide = not self.table.wide

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
