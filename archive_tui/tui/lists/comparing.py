"""Comparing two tasks of a list: the marked ones, or the marked one and the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.task import Task
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.task_list import TaskList
from archive_tui.tui.screens.comparison import Compared, ComparisonScreen


class ListComparing(Part):
    """Opens the comparison of two tasks of a list."""

    def __init__(
        self,
        screen: CommandScreen,
        tasks: TaskList,
        marks: RowMarks,
        read: Callable[[str, bytes], Task] | None = None,
        *,
        cursor: Callable[[], int | None] | None = None,
    ) -> None:
        """`read` reads a task in full; None: from the server. `cursor` gives the number of the row that the cursor
        stands for; None: that of the list.
        """
        super().__init__(screen)
        self._tasks, self._marks, self._read = tasks, marks, read
        self._cursor = cursor or (lambda: None if tasks.beside_active else tasks.table.cursor_key)

    def _pair(self) -> list[int]:
        """The numbers of the rows to compare, as far as it is said which: two, or fewer."""
        marked, cursor = list(self._marks.marked) if len(self._marks.marked) <= 2 else [], self._cursor()
        if len(marked) == 1 and cursor is not None and cursor not in marked:
            marked.append(cursor)
        return marked

    def why_not_compare(self) -> str | None:
        """Why it is not said which two tasks to compare."""
        if reason := self._marks.why_not_toggle():
            return reason
        count = len(self._marks.marked)
        if count > 2:
            return f"{count:,} are marked: mark two, or one and go to another"
        pair = self._pair()
        if len(pair) == 2:
            return None
        if count:
            return "go to the task to compare the marked one with, or mark a second"
        return f"mark two tasks ({commands.Mark}), or one and go to another"

    @runs(commands.Compare, unless=why_not_compare)
    def compare(self) -> None:
        """Open the comparison."""
        pair = self._pair()
        rows = self._tasks.catalog.rows(pair)
        if len(rows) < 2:
            self.screen.say("compare: one of the two has left the list", warning=True)
        elif any(row.queue == INSTALLATION for row in rows.values()):
            self.screen.say("compare: one of the two is no task: its row says all there is", warning=True)
        else:
            read = self._read or self.screen.session.read_task
            first, second = (Compared(rows[seq].queue, rows[seq].id, read) for seq in pair)
            self.screen.app.push_screen(ComparisonScreen(first, second))
