"""The columns of one list: choosing them, and switching between ages and times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query
from archive_tui.catalog.view import ShownRow
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.columns import ColumnsDialog
from archive_tui.tui.lists.appearance import COLUMNS, ListAppearance
from archive_tui.tui.lists.task_list import TaskList
from archive_tui.tui.widgets.columns import Column

_LEAST, _WIDTH = 10, 16
"""Cells in which a value says something, and that show a whole id or a large number."""


class ListColumns(Part):
    """Draws a list with the columns that were chosen for its kind, in whichever list that was."""

    def __init__(self, screen: CommandScreen, tasks: TaskList, kind: str, queue: str | None = None) -> None:
        """`kind` is one of `appearance.LISTS`; `queue` is None for a list of several."""
        super().__init__(screen)
        self._tasks = tasks
        self._kind = kind if queue is None else f"{kind}:{queue}"
        self._columns: Sequence[Column[TaskRow]] = tasks.table.columns
        self._version = 0
        self._unproven: tuple[str, ...] = ()
        """The names of columns that were asked for here, of which nobody knows yet whether a task has anything there.
        """

    @property
    def _appearance(self) -> ListAppearance:
        return self.screen.host.appearance

    def keep_up(self) -> None:
        """Draw the list as it was asked for meanwhile; to be called a few times a second."""
        appearance = self._appearance
        if appearance.version != self._version or not self._drawn:
            self._version = appearance.version
            self._tasks.set_columns(appearance.arrange(self._kind, self._every))
            shown = {column.name for column in self._tasks.table.columns}
            self._tasks.show_values([value for value in self._values if value.name in shown])
        tasks = self._tasks
        if self._unproven and tasks.complete and tasks.contents.columns_read(tasks.catalog, tasks.query_now):
            asked = tuple(value for value in tasks.contents.columns if value.name in self._unproven)
            self._unproven = ()
            self._look_for_values(tasks.catalog, tasks.query_now, asked)

    @background("columns")
    def _look_for_values(self, catalog: Catalog, query: Query, columns: tuple[MessageValue, ...]) -> None:
        """Say of columns that they are empty: a path may be mistyped."""
        empty = [line(value.name) for value in columns if not catalog.has_value(query, value)]
        if empty:
            call = self.screen.app.call_from_thread
            call(partial(self.screen.say, f"no task in view has anything at {', '.join(empty)}", warning=True))

    @property
    def shown(self) -> Sequence[str]:
        """The names of the columns that the list shows, in their order."""
        return [column.name for column in self._tasks.table.columns]

    @property
    def _drawn(self) -> bool:
        shown = tuple(column.name for column in self._tasks.table.columns)
        return shown == self._appearance.chosen(self._kind, self._every)

    @property
    def _values(self) -> Sequence[MessageValue]:
        """The columns that are read from messages."""
        return self._appearance.values(self._kind)

    @property
    def _every(self) -> Sequence[Column[TaskRow]]:
        return [*self._columns, *map(_column, self._values)]

    @runs(commands.ExactTimes)
    def exact_times(self) -> None:
        """Write times out, or as ages again."""
        self._appearance.toggle_times()
        self.keep_up()
        self.screen.say("times in UTC" if self._appearance.exact_times else "times as ages")

    @runs(commands.ChooseColumns)
    def choose_columns(self) -> None:
        """Ask which columns to show, and in which order."""
        titles = {column.name: column.title for column in self._every}
        shown = self._appearance.chosen(self._kind, self._every)
        self._tasks.sample()
        dialog = ColumnsDialog(self._kind, titles, shown, lambda: self._tasks.contents.paths)
        self.screen.app.push_screen(dialog, self._chosen)

    def shows(self, value: MessageValue) -> bool:
        """Whether a value from messages is a column already."""
        return value.name in self._appearance.chosen(self._kind, self._every)

    def add(self, value: MessageValue) -> None:
        """Show a value from messages as a column, behind the first."""
        first, *others = self._appearance.chosen(self._kind, self._every)
        self._choose([first, value.name, *others])

    def _chosen(self, names: Sequence[str] | None) -> None:
        if names is not None:
            self._choose(names)

    def _choose(self, names: Sequence[str]) -> None:
        before = self._appearance.chosen(self._kind, self._every)
        self._appearance.choose(self._kind, names)
        self._unproven = tuple(name for name in names if name not in before and name not in COLUMNS)
        self.keep_up()


def _column(value: MessageValue) -> Column[TaskRow]:
    """The column of what stands at a place in messages."""

    def cell(row: TaskRow) -> str:
        return row.values.get(value.name, "") if isinstance(row, ShownRow) else ""

    title = clip(value.name.removeprefix("payload."), 24)
    return Column(
        value.name,
        title,
        cell,
        max(_WIDTH, len(title)),
        least=_LEAST,  # no priority: somebody has asked for it, and a narrow list shortens all before it hides that
        grow=1,
        most=40,
        help="what stands at this place in the payload or the headers",
    )
