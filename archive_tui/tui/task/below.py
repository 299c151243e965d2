"""The list that a task was opened from, as far as the screen of the task needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive_tui.tui.lists.list_columns import ListColumns
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.targets import Targets
from archive_tui.tui.lists.task_list import TaskList


@dataclass(frozen=True, slots=True)
class Below:
    """What the list below does for the screen of one of its tasks."""

    tasks: TaskList
    """The list, which can be narrowed from the screen of a task."""

    columns: ListColumns
    """Its columns, to which the screen of a task can add one."""

    marks: RowMarks
    """The marks of the list, which the screen of a task shows and changes."""

    only: Callable[[int], Targets]
    """Gives the row with this number, and no other, as what a change is for."""

    changed: Callable[[], None]
    """Takes note that a change made from the screen of the task has ended."""

    why_not_change: Callable[[], str | None]
    """A reason of the list why nothing can be changed now; None for none."""
