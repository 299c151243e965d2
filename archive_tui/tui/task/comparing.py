"""Comparing the task on the screen: with another, or with those of its type that ended well."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import Task
from archive_tui.catalog.view import GONE
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import Choice, ChoiceDialog
from archive_tui.tui.dialogs.task_name import TaskNameDialog
from archive_tui.tui.screens.comparison import Compared, ComparisonScreen
from archive_tui.tui.task.below import Below

_MARKED, _NEXT, _TYPED, _WELL_ENDED = "marked", "next", "typed", "well-ended"

_SHOWN = 60
"""Characters of an id in the choice."""


class TaskComparing(Part):
    """Asks what to compare the task with that is shown, and opens the comparison."""

    def __init__(
        self,
        screen: CommandScreen,
        below: Below,
        shown: Callable[[], tuple[int, TaskRow] | None],
        after: Callable[[], TaskRow | None],
        read: Callable[[str, bytes], Task],
    ) -> None:
        """`shown` gives the number and the row of the task, None where it is gone; `after` the row of the next in the
        list; `read` reads tasks of the list in full.
        """
        super().__init__(screen)
        self._below, self._shown, self._after, self._read = below, shown, after, read

    def why_not_compare(self) -> str | None:
        """Why there is nothing to compare."""
        return None if self._shown() is not None else "this task has left the list"

    @runs(commands.Compare, unless=why_not_compare)
    def compare(self) -> None:
        """Ask what to compare it with."""
        shown = self._shown()
        if shown is None:
            return
        key, row = shown
        others = dict(self._others(key))
        choices = {
            **{name: Choice(title, clip(other.id, _SHOWN)) for name, (title, other) in others.items()},
            _WELL_ENDED: Choice("Those of its type that ended well", "completed tasks of this queue that are kept"),
            _TYPED: Choice("A task by its id", "of this queue or another"),
        }
        dialog = ChoiceDialog("Compare with", choices, wide=True)
        rows = {name: other for name, (_, other) in others.items()}
        self.screen.app.push_screen(dialog, lambda chosen: self._chosen(row, rows, chosen))

    def _others(self, key: int) -> Iterator[tuple[str, tuple[str, TaskRow]]]:
        """The tasks of the list that may be meant, by the name of the choice, each with its title."""
        marked = [seq for seq in self._below.marks.marked if seq != key] if len(self._below.marks.marked) <= 2 else []
        if len(marked) == 1:
            row = self._below.only(marked[0]).catalog.rows(marked).get(marked[0])
            if row is not None and row.queue != INSTALLATION:
                yield _MARKED, ("The marked task", row)
        after = self._after()
        if after is not None and after is not GONE and after.queue != INSTALLATION:
            yield _NEXT, ("The next task of the list", after)

    def _chosen(self, row: TaskRow, rows: dict[str, TaskRow], chosen: str | None) -> None:
        first = Compared(row.queue, row.id, self._read)
        if chosen == _TYPED:
            dialog = TaskNameDialog("Compare with a task by its id", row.queue)
            self.screen.app.push_screen(dialog, lambda name: self._typed(first, name))
        elif chosen == _WELL_ENDED:
            self._open(first, None)
        elif chosen is not None:
            other = rows[chosen]
            self._open(first, Compared(other.queue, other.id, self._read))

    def _typed(self, first: Compared, name: tuple[str, bytes] | None) -> None:
        if name is not None:
            self._open(first, Compared(*name, self.screen.session.read_task))

    def _open(self, first: Compared, second: Compared | None) -> None:
        self.screen.app.push_screen(ComparisonScreen(first, second))
