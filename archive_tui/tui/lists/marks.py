"""The marks of a list: one by one, a range, all that match. They belong to tasks, and stay when the list is sorted or
filtered.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.task_list import UNREADABLE, TaskList
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.people import plural

MARKING = "marking: a moment"
"""Why nothing can be done with marks that are being made."""


_FOR_A_ROW = (commands.Open, commands.Mark, commands.MarkRange)
"""Commands for the row under the cursor, which wait for the first rows of a list."""

_PATIENCE = 3.0
"""Seconds for which they wait."""


class RowMarks(Part):
    """The marks of one list. A command that takes what is marked, given while it is being marked or the rows are being
    sorted, waits: all can be typed at once.
    """

    def __init__(self, screen: CommandScreen, tasks: TaskList) -> None:
        super().__init__(screen)
        self.marked = Marks()
        self.picked = Marks()
        """What was marked one by one, as far as it has stayed marked since."""
        self.marking = False
        """Whether rows are being marked off the UI loop."""
        self.hidden = 0
        """How many marked rows the filter hides, as counted last."""
        self.undo_change: Callable[[], None] | None = None
        """Undoes the change that ended last; None where it cannot be undone, or nobody can mean it any more."""
        self._forgotten: tuple[Marks, Marks] | None = None
        """The marks that were forgotten last, and those of them made one by one: they can be brought back."""
        self._tasks = tasks
        self._waits_since: float | None = None
        self._anchor: int | None = None
        self._counted = 0  # how often those that are hidden were counted
        self._replaced = 0  # how often: marks that were asked for before the last time come too late
        tasks.table.is_marked = self.marked.__contains__

    @property
    def reading(self) -> bool:
        return self.marking

    def counts(self, *, total: int, complete: bool, what: str = "") -> list[Piece]:
        """The counts of the list, with those of the marks."""
        hidden = f", {self.hidden:,} hidden by filter" if self.hidden else ""
        marked = f"   {len(self.marked):,} marked{hidden}" if len(self.marked) else ""
        range_begun = f"   range: {commands.MarkRange} marks up to here"
        return [
            piece(marked, "bold $text-accent"),
            *self._tasks.counts(total=total, complete=complete, what=what),
            piece(range_begun if self._anchor is not None else "", "bold $text-accent", gives_way=5),
        ]

    def view_changed(self) -> None:
        """Take note that the list shows other rows."""
        self._count_hidden()
        self._run_waiting()

    def take_back(self) -> bool:
        """Forget the range that was begun, or the marks; False where there is nothing to forget."""
        if self._anchor is not None:
            self._anchor = None
        elif self.marking or len(self.marked):
            self._unmark_all()
        else:
            return False
        return True

    def background_failed(self, group: str, error: Exception) -> None:
        if group == "marks":
            self.marking, self.screen.waiting = False, None
        super().background_failed(group, error)

    # What to do with what is marked

    def chosen(self) -> Marks:
        """The marked rows, or where nothing is marked the one under the cursor; a copy."""
        marks, key = self.marked.copy(), self._tasks.table.cursor_key
        if not len(marks) and key is not None:
            marks.add([key])
        return marks

    def chosen_by_hand(self) -> Marks:
        """Those of the chosen rows that the operator pointed at one by one; a copy."""
        return self.marked_by_hand() if len(self.marked) else self.chosen()

    def marked_by_hand(self) -> Marks:
        """Those of the marked rows that the operator pointed at one by one; a copy."""
        return self.picked.copy()

    def _unsteady(self) -> str | None:
        """Why the rows under the operator's hands are not the ones they will be in a moment."""
        if self._tasks.sorting:
            return "the filter or the order is being changed: a moment"
        return MARKING if self.marking else None

    def why_not_choose(self) -> str | Wait | None:
        """Why it cannot be said just now what is chosen."""
        unsteady = self._unsteady()
        if unsteady is not None and (self.marking or len(self.marked)):
            return Wait(f"in a moment: {'marking' if self.marking else 'sorting'} first")
        return unsteady

    def why_not_point(self) -> str | None:
        """Why the row under the cursor is not what is meant, where nothing is marked."""
        return None if len(self.marked) else self._elsewhere()

    def _elsewhere(self) -> str | None:
        """Why the row under the cursor is not meant: keys go to the groups."""
        if not self._tasks.beside_active:
            return None
        return f"which tasks? {commands.Mark} marks all of a group, {commands.Groups} goes to the rows"

    def keep_up(self) -> None:
        """Run a command that has waited for the first rows; called a few times a second. After a while nobody means it
        any more.
        """
        command = self.screen.waiting
        if command not in _FOR_A_ROW:
            self._waits_since = None
            return
        if self._waits_since is None:
            self._waits_since = time.monotonic()
        late = time.monotonic() - self._waits_since > _PATIENCE
        if not late and self._tasks.awaits_rows:
            return
        self.screen.waiting = self._waits_since = None
        if command is not None and self.screen.on_top:
            if self._tasks.awaits_rows:
                self.screen.say(f"{command.title}: no task here yet", warning=True)
            else:
                self.screen.run_command(command)

    def _run_waiting(self) -> None:
        """Run the command that has waited, if its time has come: it was meant for what is marked, and nothing else."""
        command = self.screen.waiting
        if command is not None and command not in _FOR_A_ROW and self._unsteady() is None:
            self.screen.waiting = None
            if len(self.marked) and self.screen.on_top:
                self.screen.run_command(command)

    # Marking

    def why_not_toggle(self) -> str | None:
        """Why no row can be marked now."""
        return self._unsteady()

    def toggle(self, key: int) -> None:
        """Mark the row with this number, or unmark it: the operator has pointed at it."""
        if key in self.marked:
            self.marked.discard([key])
            self.picked.discard([key])
        else:
            self.marked.add([key])
            self.picked.add([key])
        self._marks_changed()

    def why_not_mark(self) -> str | Wait | None:
        """Why the row under the cursor cannot be marked now."""
        if reason := self._unsteady() or self._elsewhere():
            return reason
        return self._tasks.why_no_row() if self._tasks.table.cursor_key is None else None

    @runs(commands.Mark, unless=why_not_mark)
    def mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and move on."""
        table = self._tasks.table
        key, index = table.cursor_key, table.cursor_index
        if key is None or index is None:
            return
        table.move_to(index + 1)
        self.toggle(key)

    @runs(commands.MarkRange, unless=why_not_mark)
    def mark_range(self) -> None:
        """Begin a range at the cursor, or mark everything from its begin to the cursor."""
        key, index = self._tasks.table.cursor_key, self._tasks.table.cursor_index
        view = self._tasks.view
        start = view.find(self._anchor) if self._anchor is not None else None
        if start is None or index is None:
            self._anchor = key
            self.screen.say(f"range begins here: move, then {commands.MarkRange} again")
        else:
            self._anchor = None
            low, high = sorted((start, index))
            self.marking = True
            self._mark_these(self._replaced, view.seqs[low : high + 1])

    def why_not_mark_all(self) -> str | None:
        """Why what matches cannot be marked now."""
        if self.marking:
            return MARKING
        if self._tasks.filter_unreadable:
            return UNREADABLE
        view = self._tasks.view
        to_come = self._tasks.sorting or view.version != self._tasks.catalog.version
        return None if len(view) or to_come else "there is nothing to mark"

    @runs(commands.MarkAll, unless=why_not_mark_all)
    def mark_all(self) -> None:
        """Mark everything that matches the query."""
        self.marking = True
        if not self._tasks.contents.complete(self._tasks.catalog, self._tasks.query_now):
            self.screen.say("only what has matched so far is marked: not all payloads are read", warning=True)
        self._mark_matching(self._replaced, self._tasks.catalog, self._tasks.query_now)

    @background("marks")
    def _mark_matching(self, replaced: int, catalog: Catalog, query: Query) -> None:
        """What matches now, which may be more, or something else, than the table shows as yet."""
        marks = self.marked.copy()
        marks.add(catalog.find(query.narrowed))
        self.screen.app.call_from_thread(self._take_marked, replaced, marks)

    def mark_query(self, query: Query) -> None:
        """Mark all that a query shows; where all of it is marked, unmark it."""
        self.marking = True
        self._mark_or_unmark(self._replaced, self._tasks.catalog, query)

    @background("marks")
    def _mark_or_unmark(self, replaced: int, catalog: Catalog, query: Query) -> None:
        marks = self.marked.copy()
        seqs = catalog.find(query.narrowed)
        if len(seqs) and marks.among(seqs) == len(seqs):
            marks.discard(seqs)
        else:
            marks.add(seqs)
        self.screen.app.call_from_thread(self._take_marked, replaced, marks)

    @background("marks")
    def _mark_these(self, replaced: int, seqs: array[int]) -> None:
        marks = self.marked.copy()
        marks.add(seqs)
        self.screen.app.call_from_thread(self._take_marked, replaced, marks)

    def why_not_unmark(self) -> str | None:
        """Why no marks can be forgotten now."""
        if self.marking:
            return MARKING
        if len(self.marked) or self._forgotten is not None or self.undo_change is not None:
            return None
        return "nothing is marked"

    @runs(commands.Unmark, unless=why_not_unmark)
    def unmark(self) -> None:
        """Forget all marks; where there are none, undo that, or the change that was made since."""
        if len(self.marked):
            self._unmark_all()
        elif self.undo_change is not None:
            self.undo_change()
        elif self._forgotten is not None:
            (marked, self.picked), self._forgotten = self._forgotten, None
            self._replace(marked)
            self.forget_dead()

    def _unmark_all(self) -> None:
        """Forget all marks, also those that are being made, in a way that can be undone."""
        marked, picked = self.marked, self.picked
        self.forget()
        if len(marked):
            self._forgotten = marked, picked
            self.screen.say(f"{plural(len(marked), 'mark')} forgotten: {commands.Unmark} brings {_them(marked)} back")

    def forget(self) -> None:
        """Forget all marks for good: they speak of rows that are no more."""
        self.picked = Marks()
        self._forgotten = self.undo_change = None
        self._replace(Marks())

    def _take_marked(self, replaced: int, marks: Marks) -> None:
        """All that was to be marked is known. Where all marks were taken back meanwhile, these are, too."""
        if replaced == self._replaced:
            self.picked.intersect(marks)
            self._replace(marks)
            self._run_waiting()

    def _replace(self, marks: Marks) -> None:
        self._replaced += 1
        self.marking = False
        self.marked = marks
        self._tasks.table.is_marked = marks.__contains__
        self._marks_changed()

    def _marks_changed(self) -> None:
        if self.screen.is_mounted:
            self._tasks.table.refresh()
            self._count_hidden()
            self.screen.look()

    def _count_hidden(self) -> None:
        self._counted += 1
        if not self._tasks.query_now.filtered or not len(self.marked):
            self.hidden = 0
            return
        self._count_hidden_among(self._counted, self.marked, self._tasks.view.seqs)

    @background("hidden")
    def _count_hidden_among(self, counted: int, marks: Marks, seqs: array[int]) -> None:
        hidden = len(marks) - marks.among(seqs)
        if counted == self._counted:  # an older count may end after a newer one
            self.hidden = hidden

    def forget_dead(self) -> None:
        """Forget the marks of tasks that have left the catalog."""
        if len(self.marked):
            self._find_dead(self._tasks.catalog, self.marked.copy())

    @background("dead")
    def _find_dead(self, catalog: Catalog, marks: Marks) -> None:
        alive = Marks()
        alive.add(catalog.find(Query()))
        marks.subtract(alive)
        self.screen.app.call_from_thread(self._discard, marks, catalog)

    def _discard(self, dead: Marks, catalog: Catalog) -> None:
        if catalog is self._tasks.catalog and self.screen.is_mounted:
            self.marked.subtract(dead)
            self._marks_changed()


def _them(marks: Marks) -> str:
    return "it" if len(marks) == 1 else "them"
