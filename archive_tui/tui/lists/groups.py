"""The groups of a list: counted anew, off the UI loop, whenever its rows or its filter change; narrowed to, marked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from archive_tui.catalog.breakdown import Breakdown, Group, Question
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.facets import Facet
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.terms import has_term, with_term, without_term
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.task_list import UNREADABLE, TaskList
from archive_tui.tui.widgets.groups import GroupsPanel

_AGES_EVERY = 60
"""Seconds after which ages are counted from a later moment, where the filter does not hold one."""

_SHARE = 9
"""Counting rests for so many times as long as it took, while rows come."""

MOST_GROUPS = 10_000
"""How many groups of one facet a screen of their own shows."""


class Groups(Part):
    """The breakdown of what a list shows, and the panel beside the list that draws it."""

    def __init__(
        self,
        screen: CommandScreen,
        panel: GroupsPanel,
        tasks: TaskList,
        marks: RowMarks,
        facets: Sequence[Facet],
        all_of: Callable[[Facet], CommandScreen],
    ) -> None:
        """`panel` stands beside the list; `facets` are drawn in this order. `all_of` makes the screen that shows all
        groups of one.
        """
        super().__init__(screen)
        self._all_of = all_of
        self.panel = panel
        self.facets = tuple(facets)
        self.most_errors = 0
        """How many error groups are wanted beside: a table of them may be open."""
        self._tasks, self._marks = tasks, marks
        self._answer: Breakdown | None = None
        self._catalog: Catalog | None = None
        self._asked: Question | None = None
        self._stop = threading.Event()
        self._now = 0
        self._took = self._answered_at = 0.0

    @property
    def answer(self) -> Breakdown | None:
        """The last breakdown of this list; None: there is none yet."""
        return self._answer if self._catalog is self._tasks.catalog else None

    @property
    def current(self) -> bool:
        """Whether the counts are those of the rows and of the filter as they are now."""
        answer = self.answer
        return answer is not None and self._answers(answer) and answer.version == self._tasks.catalog.version

    @property
    def drawn(self) -> bool:
        """Whether the panel shows them."""
        return self.current and self.answer is not None and self.panel.shows(self.answer)

    @property
    def reading(self) -> bool:
        """Whether the keys go to groups that are not those of the filter as it is now."""
        shown = self.answer
        return self.panel.active and (shown is None or not self._answers(shown) or not self.panel.shows(shown))

    def _answers(self, answer: Breakdown) -> bool:
        return answer.question == self._question()

    # Counting

    def keep_up(self) -> None:
        """Ask anew where the rows or the filter have changed; show the counts."""
        self._let_ages_count_on()
        question = self._question()
        if self._asked is not None:
            if self._asked != question:
                self._stop.set()  # a newer question: nobody waits for the answer to this one
        elif not self.current and not self._tasks.frozen:
            anew = self.answer is None or self.answer.question != question
            rested = time.monotonic() - self._answered_at > _SHARE * self._took
            if anew or rested or self._tasks.complete:
                self._asked, self._stop = question, threading.Event()
                self._ask(self._tasks.catalog, question, self._stop)
        if self.answer is not None and self.screen.is_mounted:
            self.panel.show(self.answer, self._tasks.query_now.text)

    def _let_ages_count_on(self) -> None:
        now = int(self.screen.now())
        if now - self._now > max(_AGES_EVERY, 100 * self._took):
            self._now = now

    def _question(self, most: Mapping[str, int] | None = None) -> Question:
        query = self._tasks.query_now
        now = self._now if query.now is None else int(query.now)
        others = tuple(value.facet for value in self._tasks.contents.columns)
        wanted = most or dict.fromkeys(
            [facet.name for facet in (*self.facets[:1], *others, *self.facets[1:])], self.panel.groups_wanted
        )
        plain = replace(query.narrowed, now=None)
        return Question(plain, now, wanted, self.most_errors, others)

    @background("groups")
    def _ask(self, catalog: Catalog, question: Question, stop: threading.Event) -> None:
        began = time.monotonic()
        answer = catalog.breakdown(question, stop.is_set)
        self.screen.app.call_from_thread(self._take, catalog, answer, time.monotonic() - began)

    def _take(self, catalog: Catalog, answer: Breakdown | None, took: float) -> None:
        self._asked = None
        if answer is not None:
            self._answer, self._catalog = answer, catalog
            self._took, self._answered_at = took, time.monotonic()
        self.keep_up()

    def background_failed(self, group: str, error: Exception) -> None:
        self._asked, self._answered_at, self._took = None, time.monotonic(), max(self._took, 1.0)
        super().background_failed(group, error)

    # Narrowing and marking

    def why_not_tell(self, group: Group) -> str | None:
        """Why no filter may be written that shows a group: audit and journals keep filters, and this one would tell
        what is shown here alone.
        """
        value = group.facet.extract
        if isinstance(value, MessageValue) and value.hides(group.value, self.screen.session.redaction):
            return f"a filter must not tell what {commands.ShowSecrets} shows: {commands.MarkGroup} marks its tasks"
        return None

    def why_not_narrow(self, group: Group) -> str | None:
        """Why the list cannot be narrowed to a group."""
        try:
            return None if has_term(self._tasks.query_now.text, group.term) else self.why_not_tell(group)
        except FilterError:
            return UNREADABLE

    def narrow(self, group: Group) -> None:
        """Let the list show one group alone; or, where it does already, no longer."""
        if reason := self.why_not_narrow(group):
            self.screen.say(f"{commands.Narrow.title}: {reason}", warning=True)
            return
        text, term = self._tasks.query_now.text, group.term
        text = without_term(text, term) if has_term(text, term) else with_term(text, term)
        self._tasks.filter_by(text, self.moment)

    def mark(self, group: Group) -> None:
        """Mark all of a group that the list shows; where all of it is marked, unmark it."""
        self._mark(partial(self.query_of_group, group))

    def mark_terms(self, terms: str) -> None:
        """Mark all that the list and some terms show; where all of it is marked, unmark it."""
        self._mark(partial(self.query_of, terms))

    def _mark(self, query: Callable[[], Query]) -> None:
        if reason := self._marks.why_not_mark_all():
            self.screen.say(f"{commands.Mark.title}: {reason}", warning=True)
            return
        try:
            self._marks.mark_query(query())
        except FilterError:
            self.screen.say(UNREADABLE, warning=True)

    def query_of(self, term: str) -> Query:
        """What the list shows, narrowed by a term. Raises FilterError."""
        query = self._tasks.query_now
        text = query.text if has_term(query.text, term) else with_term(query.text, term)
        return replace(query, text=text, now=self.moment)

    def query_of_group(self, group: Group) -> Query:
        """What the list shows, narrowed to a group. Raises FilterError."""
        value = group.facet.extract
        if isinstance(value, MessageValue):  # it was read already, and a filter would have it read once more
            return replace(self._tasks.query_now, value=(value, group.value), now=self.moment)
        return self.query_of(group.term)

    def show_all(self, facet: Facet) -> None:
        """Show all groups of a facet on a screen of their own."""
        self.screen.app.push_screen(self._all_of(facet))

    def all_groups(self, facet: Facet) -> Breakdown | None:
        """All groups of a facet, as of now; None where the list has gone. Not for the UI loop."""
        return self._tasks.catalog.breakdown(self._question({facet.name: MOST_GROUPS}))

    @property
    def moment(self) -> float:
        """Unix seconds from which the ages count that are on screen."""
        return self.answer.question.now if self.answer is not None else self._question().now

    # Going there

    def taken(self) -> Sequence[tuple[type[Command], type[Command], Callable[[], object]]]:
        panel = self.panel
        if not panel.active:
            return ()
        return (
            (commands.Open, commands.Narrow, panel.action_choose),
            (commands.Mark, commands.MarkGroup, panel.action_mark),
            (commands.Groups, commands.Rows, self.go),
        )

    @runs(commands.Groups)
    def go(self) -> None:
        """Go to the groups, and back."""
        if self.panel.active:
            self._tasks.remove_class("-groups")
            self._tasks.table.focus()
        else:
            self._tasks.add_class("-groups")
            self.panel.activate()

    def leave(self) -> bool:
        """Go back to the rows; False where keys go to them already."""
        active = self.panel.active
        if active:
            self.go()
        return active
