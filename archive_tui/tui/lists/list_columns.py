"""The columns of one list: choosing them, and switching between ages and times."""

from __future__ import annotations

from collections.abc import Sequence

from archive_tui.asynq.rows import TaskRow
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.columns import ColumnsDialog
from archive_tui.tui.lists.appearance import ListAppearance
from archive_tui.tui.lists.task_list import TaskList
from archive_tui.tui.widgets.columns import Column


class ListColumns(Part):
    """Draws a list with the columns that were chosen for its kind, in whichever list that was."""

    def __init__(self, screen: CommandScreen, tasks: TaskList, kind: str) -> None:
        """`kind` is one of `appearance.LISTS`."""
        super().__init__(screen)
        self._tasks = tasks
        self._kind = kind
        self._columns: Sequence[Column[TaskRow]] = tasks.table.columns
        self._version = 0

    @property
    def _appearance(self) -> ListAppearance:
        return self.screen.host.appearance

    def keep_up(self) -> None:
        """Draw the list as it was asked for meanwhile; to be called a few times a second."""
        appearance = self._appearance
        if appearance.version != self._version or not self._drawn:
            self._version = appearance.version
            self._tasks.set_columns(appearance.arrange(self._kind, self._columns))

    @property
    def _drawn(self) -> bool:
        shown = tuple(column.name for column in self._tasks.table.columns)
        return shown == self._appearance.chosen(self._kind, self._columns)

    @runs(commands.ExactTimes)
    def exact_times(self) -> None:
        """Write times out, or as ages again."""
        self._appearance.toggle_times()
        self.keep_up()
        self.screen.say("times in UTC" if self._appearance.exact_times else "times as ages")

    @runs(commands.ChooseColumns)
    def choose_columns(self) -> None:
        """Ask which columns to show, and in which order."""
        titles = {column.name: column.title for column in self._columns}
        shown = self._appearance.chosen(self._kind, self._columns)
        self.screen.app.push_screen(ColumnsDialog(self._kind, titles, shown), self._chosen)

    def _chosen(self, names: Sequence[str] | None) -> None:
        if names is not None:
            self._appearance.choose(self._kind, names)
            self.keep_up()
