"""The way from a list to its triage view, and back to the same place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archive_tui.catalog.breakdown import ErrorGroup
from archive_tui.catalog.filter.terms import with_term
from archive_tui.catalog.query import Query
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.groups import Groups
from archive_tui.tui.lists.in_order import Order
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.task_list import TaskList

MOST_ERRORS = 5_000
"""How many rows a triage view has at most; the rest are counted."""


COUNTING = "still counting: a moment"
"""Why nothing can be chosen just now."""


@dataclass(slots=True)
class Place:
    """Where the operator is in a triage view; it outlives the view."""

    order: Order = field(default_factory=lambda: Order("tasks", descending=True))

    cell: str | None = None
    """The column of ages that is chosen; None: the whole row."""

    key: int | None = None
    """The number of the error group under the cursor."""

    before: Query | None = None
    """What the list was asked when the view was opened; None: it is not known yet."""

    keys: dict[tuple[str, str], int] = field(default_factory=dict)
    """Numbers of error groups, by signature and type."""

    def key_of(self, group: ErrorGroup) -> int:
        """The number of an error group, the same for as long as the list is open."""
        return self.keys.setdefault((group.signature, group.type), len(self.keys))


@dataclass(frozen=True, slots=True)
class Triaged:
    """A list, as far as its triage view and the screens of its groups need it."""

    title: tuple[str, ...]
    """Where the list is, as crumbs."""

    tasks: TaskList
    marks: RowMarks
    groups: Groups

    read_at: Callable[[], float | None]
    """When the rows were read, in unix seconds; None where that is not known."""

    changed: Callable[[], None]
    """Takes note that a change made from the view has ended."""

    why_not_change: Callable[[], str | None]
    """A reason of the list why nothing can be changed now; None for none."""

    why_not_export: Callable[[], str | None]
    """A reason of the list why it cannot be said now what is in it; None for none."""

    queue: Callable[[], str | None]
    """The queue whose rights count; None for none."""


class Triage(Part):
    """Opens the triage view of a list, lets the list show a part of it, and comes back."""

    def __init__(
        self, screen: CommandScreen, triaged: Triaged, view: Callable[[Triaged, Place, Triage], CommandScreen]
    ) -> None:
        """`view` makes the screen."""
        super().__init__(screen)
        self._triaged = triaged
        self._view = view
        self._place = Place()
        self._before: Query | None = None
        self._drilled = ""
        self._alone = False

    def open_alone(self) -> None:
        """Open the view in place of the list: leaving it leaves both."""
        self._alone = True
        if self.screen.is_mounted:
            self.open()

    def mounted(self) -> None:
        """The list is there: open the view that waits for it."""
        if self._alone:
            self.open()

    @runs(commands.Triage)
    def open(self) -> None:
        """Open the view."""
        self._place.before = self._triaged.tasks.query_now
        self._open()

    def _open(self) -> None:
        self._triaged.groups.most_errors = MOST_ERRORS
        self._triaged.groups.keep_up()
        self.screen.app.push_screen(self._view(self._triaged, self._place, self))

    def drill_down(self, terms: str) -> None:
        """Let the list show a part of what the view shows; `come_back` shows all of that again."""
        tasks = self._triaged.tasks
        self._before = tasks.query_now
        self._drilled = with_term(tasks.query_now.text, terms)
        now = self._triaged.groups.moment
        self.screen.app.pop_screen()
        tasks.filter_by(self._drilled, now)

    def come_back(self) -> bool:
        """Open the view again where the list shows a part of it; False where it does not."""
        before, self._before = self._before, None
        tasks = self._triaged.tasks
        if before is None or tasks.query_now.text != self._drilled:
            return False
        self._show_again(before)
        self._open()
        return True

    def widen(self) -> bool:
        """Show again what was shown when the view was opened, where a filter was typed since; False where none was."""
        before, text = self._place.before, self._triaged.tasks.query_now.text
        if before is None or not text or text == before.text:
            return False
        self._show_again(before)
        return True

    def _show_again(self, query: Query) -> None:
        now = query.now if query.now is not None else self._triaged.groups.moment
        self._triaged.tasks.filter_by(query.text, now)

    def closed(self) -> None:
        """The view is left: nobody wants its table any more, and perhaps not the list either."""
        self._triaged.groups.most_errors = 0
        if self._alone:
            self._alone = False
            self.screen.run_command(commands.Leave)
