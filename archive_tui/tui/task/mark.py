"""Marking the task on the screen in the list below."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.marks import RowMarks


class ShownMark(Part):
    """The mark of the task that is shown."""

    def __init__(
        self, screen: CommandScreen, marks: RowMarks, shown: Callable[[], int | None], move_on: Callable[[], None]
    ) -> None:
        """`shown` gives the number of the task's row, None where it is gone; `move_on` shows the next task."""
        super().__init__(screen)
        self._marks = marks
        self._shown = shown
        self._move_on = move_on

    def words(self) -> Content:
        """Whether the task is marked, and how many are."""
        count = len(self._marks.marked)
        if not count:
            return Content("")
        sign = "● " if self._shown() in self._marks.marked else ""
        return Content.styled(f"{sign}{count:,} marked", "bold $text-accent")

    def why_not_mark(self) -> str | None:
        """Why the task cannot be marked now."""
        return self._marks.why_not_toggle() or (None if self._shown() is not None else "this task has left the list")

    @runs(commands.Mark, unless=why_not_mark)
    def mark(self) -> None:
        """Mark the task, or unmark it, and show the next."""
        key = self._shown()
        if key is not None:
            self._marks.toggle(key)
            self._move_on()
