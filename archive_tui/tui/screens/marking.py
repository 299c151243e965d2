"""Marks on the rows of a table: one by one, a range, all that match; and commands that take what is marked."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import ClassVar

from textual.content import Content

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.tui import commands
from archive_tui.tui.command_screen import background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.screens.rows import RowsScreen
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.table import VirtualTable

MARKING = "marking: a moment"


class MarkingScreen(RowsScreen):
    """A table whose rows can be marked. Marks belong to tasks: they stay while the table is sorted or filtered."""

    OF_MARKED: ClassVar[frozenset[type[Command]]] = frozenset()
    """Commands that take what is marked. Given while it is being marked, or the rows are being sorted or filtered, they
    wait: all can be typed at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.marks = Marks()
        self.picked = Marks()
        """What was marked one by one; whether it still is, `marks` says."""
        self._anchor: int | None = None
        self._marking = False
        self._replaced = 0  # how often: marks that were asked for before the last time come too late
        self._waiting: type[Command] | None = None
        self._hidden = 0

    def compose_table(self) -> VirtualTable[TaskRow]:
        table = super().compose_table()
        table.is_marked = self.marks.__contains__
        return table

    def counts_of_view(self, *, total: int, complete: bool) -> Content:
        """Also the marks, with those that the filter hides."""
        hidden = f", {self._hidden:,} hidden by filter" if self._hidden else ""
        marked = f"   {len(self.marks):,} marked{hidden}" if len(self.marks) else ""
        return Content.assemble(
            (marked, "bold $text-accent"),
            super().counts_of_view(total=total, complete=complete),
            ("   range: v marks up to here" if self._anchor is not None else "", "bold $text-accent"),
        )

    def view_changed(self) -> None:
        self._count_hidden()
        self._obey()

    def take_back(self) -> bool:
        if self._anchor is not None:
            self._anchor = None
        elif self._marking or len(self.marks):
            self.unmark()
        else:
            return False
        return True

    def background_failed(self, group: str, error: Exception) -> None:
        if group == "marks":
            self._marking, self._waiting = False, None
        super().background_failed(group, error)

    def _unsteady(self) -> str | None:
        """Why the rows under the operator's hands are not the ones they will be in a moment."""
        if self.sorting:
            return "the filter or the order is being changed: a moment"
        return MARKING if self._marking else None

    def run_command(self, command: type[Command]) -> None:
        unsteady, marked = self._unsteady(), self._marking or len(self.marks) > 0
        if command in self.OF_MARKED and marked and unsteady is not None and self.refusal(command) == unsteady:
            self._waiting = command
            self.say(f"in a moment: {'marking' if self._marking else 'sorting'} first")
        else:
            self._waiting = None  # something else is wanted now
            super().run_command(command)

    def _obey(self) -> None:
        """Run the command that has waited, if its time has come: it was meant for what is marked, and nothing else."""
        if self._waiting is not None and self._unsteady() is None:
            command, self._waiting = self._waiting, None
            if len(self.marks) and self.on_top:
                self.run_command(command)

    # Planning what to do with what is marked

    def chosen(self) -> Marks:
        """The marked rows, or where nothing is marked the one under the cursor; a copy."""
        marks, key = self.marks.copy(), self.table.cursor_key
        if not len(marks) and key is not None:
            marks.add([key])
        return marks

    def why_no_plan(self, what: str, busy: str | None) -> str | None:
        """Why nothing can be planned for these rows now; `what` is as in “to delete”, and `busy` is a reason of the
        screen's own.
        """
        if unsteady := self._unsteady():
            return unsteady
        if self._planning:
            return "a plan is being made"
        if busy is not None:
            return busy
        if not len(self.marks) and self.table.cursor_key is None:
            return f"there is nothing to {what}"
        return "the server is away" if self.session.watch.trouble else None

    # Marking

    def why_not_mark(self) -> str | None:
        return self._unsteady() or ("no task here" if self.table.cursor_key is None else None)

    @runs(commands.Mark, unless=why_not_mark)
    def mark(self) -> None:
        key, index = self.table.cursor_key, self.table.cursor_index
        if key is None or index is None:
            return
        if key in self.marks:
            self.marks.discard([key])
            self.picked.discard([key])
        else:
            self.marks.add([key])
            self.picked.add([key])
        self.table.move_to(index + 1)
        self._marks_changed()

    @runs(commands.MarkRange, unless=why_not_mark)
    def mark_range(self) -> None:
        key, index = self.table.cursor_key, self.table.cursor_index
        start = self.view.find(self._anchor) if self._anchor is not None else None
        if start is None or index is None:
            self._anchor = key
            self.say("range begins here: move, then v again")
        else:
            self._anchor = None
            low, high = sorted((start, index))
            self._marking = True
            self._mark_these(self._replaced, self.view.seqs[low : high + 1])

    def why_not_mark_all(self) -> str | None:
        if self._marking:
            return MARKING
        if self.query_one(FilterBar).wrong:
            return "the filter cannot be read: mend it, or esc shows all"
        to_come = self.sorting or self.view.version != self.catalog.version
        return None if len(self.view) or to_come else "there is nothing to mark"

    @runs(commands.MarkAll, unless=why_not_mark_all)
    def mark_all(self) -> None:
        self._marking = True
        self._mark_matching(self._replaced, self.catalog, self.query_now)

    @background("marks")
    def _mark_matching(self, replaced: int, catalog: Catalog, query: Query) -> None:
        """What matches now, which may be more, or something else, than the table shows as yet."""
        marks = self.marks.copy()
        marks.add(catalog.find(replace(query, sort=Sort.FOUND, descending=False)))
        self.app.call_from_thread(self._marked, replaced, marks)

    @background("marks")
    def _mark_these(self, replaced: int, seqs: array[int]) -> None:
        marks = self.marks.copy()
        marks.add(seqs)
        self.app.call_from_thread(self._marked, replaced, marks)

    def why_not_unmark(self) -> str | None:
        if self._marking:
            return MARKING
        return None if len(self.marks) else "nothing is marked"

    @runs(commands.Unmark, unless=why_not_unmark)
    def unmark(self) -> None:
        self.picked = Marks()
        self._replace_marks(Marks())

    def _marked(self, replaced: int, marks: Marks) -> None:
        """All that was to be marked is known. Where all marks were taken back meanwhile, these are, too."""
        if replaced == self._replaced:
            self._replace_marks(marks)
            self._obey()

    def _replace_marks(self, marks: Marks) -> None:
        self._replaced += 1
        self._marking = False
        self.marks = marks
        if self.is_mounted:
            self.table.is_marked = marks.__contains__
            self._marks_changed()

    def _marks_changed(self) -> None:
        self.table.refresh()
        self._count_hidden()
        self.draw_head()

    def _count_hidden(self) -> None:
        if not self.query_now.filtered or not len(self.marks):
            self._hidden = 0
            return
        self._count_hidden_among(self.marks, self.view.seqs)

    @background("hidden")
    def _count_hidden_among(self, marks: Marks, seqs: array[int]) -> None:
        hidden = len(marks) - marks.among(seqs)
        if marks is self.marks:
            self._hidden = hidden

    def forget_dead_marks(self) -> None:
        """Marks belong to tasks: those of tasks that have left the catalog go with them."""
        if len(self.marks):
            self._find_dead_marks(self.catalog, self.marks.copy())

    @background("dead")
    def _find_dead_marks(self, catalog: Catalog, marks: Marks) -> None:
        alive = Marks()
        alive.add(catalog.find(Query()))
        marks.subtract(alive)
        self.app.call_from_thread(self._discard_marks, marks, catalog)

    def _discard_marks(self, dead: Marks, catalog: Catalog) -> None:
        if catalog is self.catalog and self.is_mounted:
            self.marks.subtract(dead)
            self._marks_changed()
