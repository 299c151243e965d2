"""What the screens with tasks in a table share: a catalog, a query, and a view that keeps up with both."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.content import Content

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.filter import HINT, FilterError, manual, parse
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.view import View
from archive_tui.jobs.pace import Pace
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, background
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.table import VirtualTable


class RowsScreen(CommandScreen):
    """Tasks in a table. Subclasses fill the catalog with a job of theirs and write the head of the screen."""

    ROW_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        commands.Stop,
        commands.Open,
        commands.Mark,
        commands.Delete,
        commands.MarkAll,
        commands.Filter,
        commands.Sort,
        commands.MarkRange,
        commands.Unmark,
        commands.Follow,
        commands.Wide,
        commands.Back,
        commands.Leave,
    )
    FIRST_QUERY: ClassVar[Query] = Query()

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog()
        self.query_now = self.FIRST_QUERY
        self.view = View(self.catalog, self.query_now, -1)
        self._answered_at = 0.0
        self._answer_took = 0.0
        self._asking = False
        self._shown_complete = False
        self._planning = False
        """A plan is being made, or looked at: meanwhile the rows stay as they are."""

    @property
    def table(self) -> VirtualTable[TaskRow]:
        """The table."""
        return self.query_one("#rows", VirtualTable)

    def columns(self) -> Sequence[Column[TaskRow]]:
        """The columns of this screen."""
        raise NotImplementedError

    def compose_table(self) -> VirtualTable[TaskRow]:
        """The table with its columns."""
        table = VirtualTable[TaskRow](self.columns(), id="rows")
        table.show(self.view, complete=False)
        return table

    def compose_filter(self) -> FilterBar:
        """The line in which a filter is typed."""
        return FilterBar("a word, or field:value", hint=HINT)

    def listing_complete(self) -> bool:
        """Whether the job that fills the catalog has ended."""
        raise NotImplementedError

    def on_unmount(self) -> None:
        self.catalog.close()

    # The view keeps up with the catalog, off the UI loop

    def tick(self) -> None:
        stale = self.view.query != self.query_now or self.view.version != self.catalog.version
        rested = time.monotonic() - self._answered_at > 3 * self._answer_took
        frozen = self._planning and self.view.query == self.query_now
        if stale and not self._asking and not frozen and (rested or self.view.query != self.query_now):
            self._asking = True
            self._ask(self.query_now)
        elif not stale and self.listing_complete() and not self._shown_complete:
            self._show(self.view)
        self.draw_head()

    @background("view")
    def _ask(self, query: Query) -> None:
        began = time.monotonic()
        view = View.of(self.catalog, query, self.view)
        took = time.monotonic() - began
        self.app.call_from_thread(self._answer, view, took)

    def _answer(self, view: View, took: float) -> None:
        self._asking = False
        self._answered_at, self._answer_took = time.monotonic(), took
        if not self.is_mounted or view.query != self.query_now or view.catalog is not self.catalog:
            return  # the operator has asked something else meanwhile; the next tick asks again
        self.view = view
        table = self.table
        table.sorted_by = (view.query.sort.value, view.query.descending)
        self._show(view)
        self.view_changed()
        self.draw_head()

    def view_changed(self) -> None:
        """For subclasses: the table shows other rows."""

    def _show(self, view: View) -> None:
        """Give a view to the table; what an empty one says depends on whether there may yet be rows."""
        self._shown_complete = self.listing_complete() and view.version == self.catalog.version
        self.table.show(view, complete=self._shown_complete)

    @property
    def sorting(self) -> bool:
        """Whether the table still shows the answer to an earlier question."""
        return self.view.query != self.query_now

    def ask(self, query: Query) -> None:
        """Show what this query finds, as soon as it is found; the old view stays usable until then."""
        self.query_now = query
        self._tick()

    # The head of the screen

    def draw_head(self) -> None:
        """Write the lines above the table."""

    def counts_of_view(self, *, total: int, complete: bool) -> Content:
        """`n of m`, and what the filter matches."""
        least = "" if complete else "≥ "
        parts: list[tuple[str, str]] = []
        query = self.query_now
        if query.filtered:
            if not self.sorting:  # the view still answers the question before
                parts.append((f"   {len(self.view):,} match of {least}{total:,}", "$text-accent"))
            narrowed = [str(query.kind.label)] if query.kind is not None else []
            narrowed += [f"type {line(query.type)[:40] or '(none)'}"] if query.type is not None else []
            narrowed += [f"error {line(query.signature)[:40]}"] if query.signature is not None else []
            narrowed += [f"“{line(query.text)[:40]}”"] if query.text else []
            parts.append((f"   filter: {', '.join(narrowed)}", "$text-muted"))
        if self.sorting:
            parts.append(("   sorting…", "$text-warning"))
        return Content.assemble(*parts)

    # Moving and opening

    @on(VirtualTable.Opened, "#rows")
    def _opened(self) -> None:
        self.run_command(commands.Open)

    @on(VirtualTable.SortWanted, "#rows")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self._sort_by(event.name)

    @on(VirtualTable.FollowStopped, "#rows")
    def _follow_stopped(self) -> None:
        self.say("no longer following")

    def why_not_open(self) -> str | None:
        return "no task here" if self.table.cursor_index is None else None

    @runs(commands.Open, unless=why_not_open)
    def open(self) -> None:
        index = self.table.cursor_index
        if index is not None:
            final = self.listing_complete()
            self.app.push_screen(self.task_screen(index, final=final))

    def task_screen(self, index: int, *, final: bool) -> CommandScreen:
        """The screen that shows one task in full."""
        from archive_tui.tui.screens.task import TaskScreen

        return TaskScreen(self.view, index, self.breadcrumb(), self.table.move_to_key, final=final)

    def breadcrumb(self) -> str:
        """Where we are, as safe text."""
        raise NotImplementedError

    @runs(commands.Follow)
    def follow(self) -> None:
        self.table.follow = not self.table.follow
        self.say("following new rows" if self.table.follow else "no longer following")

    @runs(commands.Wide)
    def wide(self) -> None:
        self.table.wide = not self.table.wide

    # Filtering and sorting

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        bar, now = self.query_one(FilterBar), self.session.clock()
        try:
            parse(event.text, now)
        except FilterError as error:  # the rows stay as they are until it can be read
            bar.complain(str(error).removeprefix("the filter, "))
            return
        bar.complain("")
        if event.text != self.query_now.text:  # a later moment alone is no other question
            self.ask(replace(self.query_now, text=event.text, now=now if event.text else None))

    @runs(commands.Filter)
    def filter(self) -> None:
        self.query_one(FilterBar).open()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {"What a filter may say": manual()}

    @runs(commands.Sort)
    def sort(self) -> None:
        names = {column.name: column.title for column in self.columns() if column.sortable}
        names |= {Sort.FOUND.value: "As found"}
        self.app.push_screen(ChoiceDialog("Sort by", names, self.query_now.sort.value), self._sort_by)

    def _sort_by(self, name: str | None) -> None:
        if name is None:
            return
        again = name == self.query_now.sort.value
        down = not self.query_now.descending if again else name in (Sort.DIED, Sort.SIZE, Sort.TRIES)
        self.ask(replace(self.query_now, sort=Sort(name), descending=down))

    @runs(commands.Back)
    def back(self) -> None:
        if self.query_one(FilterBar).clear() or self.query_now.filtered:
            self.ask(self.query_now.unfiltered())
        elif not self.take_back():
            self.run_command(commands.Leave)

    def take_back(self) -> bool:
        """For subclasses: undo the last thing that `esc` undoes before it leaves; False where there is none."""
        return False

    # Planning what to do with rows

    @property
    def pace(self) -> Pace:
        """The pace of jobs started from here."""
        return Pace.POLITE

    def _no_plan(self, reason: str) -> None:
        self._planning = False
        self.say(reason, warning=True)

    def background_failed(self, group: str, error: Exception) -> None:
        if group == "view":
            self._asking, self._answered_at = False, time.monotonic()
        elif group == "plan":
            self._planning = False
        super().background_failed(group, error)
