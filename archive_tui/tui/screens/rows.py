"""What the two screens with tasks in a table share: a catalog, a query, a view that keeps up, marks, and deletion."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.content import Content

from archive_tui.asynq.task import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.terms import HINT, FilterError, manual, parse
from archive_tui.catalog.view import View
from archive_tui.jobs.delete import DeleteJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan, plan_rows
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.commands import Command
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.dialogs.delete import DeleteDialog
from archive_tui.tui.screens.base import OVERTAKEN, CommandScreen, background
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import changing
from archive_tui.tui.widgets.table import VirtualTable

MARKING = "marking: a moment"


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
    OF_MARKED: ClassVar[frozenset[str]] = frozenset({"delete"})
    """Commands that take what is marked. Given while it is being marked they wait: both can be typed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog()
        self.marks = Marks()
        self.picked = Marks()
        """What was marked one by one; whether it still is, `marks` says."""
        self.query_now = self.FIRST_QUERY
        self.view = View(self.catalog, self.query_now, -1)
        self._wanted = (self.query_now, 0)
        self._answered_at = 0.0
        self._answer_took = 0.0
        self._asking = False
        self._anchor: int | None = None
        self._planning = False
        self._marking = False
        self._after_marking: str | None = None
        self._deletion: DeleteJob | None = None
        self._hidden = 0
        self._shown_complete = False

    @property
    def table(self) -> VirtualTable[TaskRow]:
        """The table."""
        return self.query_one("#rows", VirtualTable)

    def columns(self) -> Sequence[Column[TaskRow]]:
        """The columns of this screen."""
        raise NotImplementedError

    def compose_table(self) -> VirtualTable[TaskRow]:
        """The table with its columns, marks and texts."""
        table = VirtualTable[TaskRow](self.columns(), is_marked=self.marks.__contains__, id="rows")
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
        self._watch_deletion()
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
        self._count_hidden()
        self.draw_head()

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
        """`n of m`, what the filter matches, and the marks with those it hides."""
        least = "" if complete else "≥ "
        parts: list[tuple[str, str]] = []
        query = self.query_now
        if len(self.marks):
            hidden = f", {self._hidden:,} hidden by filter" if self._hidden else ""
            parts.append((f"   {len(self.marks):,} marked{hidden}", "bold $text-accent"))
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
        if self._anchor is not None:
            parts.append(("   range: v marks up to here", "bold $text-accent"))
        return Content.assemble(*parts)

    def deletion_line(self) -> Content | None:
        """How the deletion of this screen's rows is going, if there is one."""
        if self._deletion is None:
            return None
        return changing("deleting", "$text-error", self._deletion.progress, self._deletion.pace)

    # Moving and opening

    @on(VirtualTable.Opened, "#rows")
    def _opened(self) -> None:
        self.action_run_command("open")

    @on(VirtualTable.SortWanted, "#rows")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self._sort_by(event.name)

    @on(VirtualTable.FollowStopped, "#rows")
    def _follow_stopped(self) -> None:
        self.say("no longer following")

    def refuse_open(self) -> str | None:
        return "no task here" if self.table.cursor_index is None else None

    def do_open(self) -> None:
        index = self.table.cursor_index
        if index is not None:
            final = self.listing_complete()
            self.app.push_screen(self.task_screen(index, final=final))

    def task_screen(self, index: int, *, final: bool) -> CommandScreen:
        """The screen that shows one task in full."""
        from archive_tui.tui.screens.task import TaskScreen

        return TaskScreen(self.view, index, self.breadcrumb(), self.table.move_to_key, final=final)

    @property
    def seen_at(self) -> float | None:
        """Since when the rows may have changed in Redis (unix seconds), as far as anybody knows."""
        return None

    def breadcrumb(self) -> str:
        """Where we are, as safe text."""
        raise NotImplementedError

    def do_follow(self) -> None:
        self.table.follow = not self.table.follow
        self.say("following new rows" if self.table.follow else "no longer following")

    def do_wide(self) -> None:
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

    def do_filter(self) -> None:
        self.query_one(FilterBar).open()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {"What a filter may say": manual()}

    def do_sort(self) -> None:
        names = {column.name: column.title for column in self.columns() if column.sortable}
        names |= {Sort.FOUND.value: "As found"}
        self.app.push_screen(ChoiceDialog("Sort by", names, self.query_now.sort.value), self._sort_by)

    def _sort_by(self, name: str | None) -> None:
        if name is None:
            return
        again = name == self.query_now.sort.value
        down = not self.query_now.descending if again else name in (Sort.DIED, Sort.SIZE, Sort.TRIES)
        self.ask(replace(self.query_now, sort=Sort(name), descending=down))

    def do_back(self) -> None:
        if self.query_one(FilterBar).clear() or self.query_now.filtered:
            self.ask(self.query_now.unfiltered())
        elif self._anchor is not None:
            self._anchor = None
        elif len(self.marks):
            self.do_unmark()
        else:
            self.action_run_command("leave")

    def refuse_leave(self) -> str | None:
        return "a deletion is running: x stops it" if self._deletion is not None else None

    # Marking

    def _unsteady(self) -> str | None:
        """Why the rows under the operator's hands are not the ones they will be in a moment."""
        if self.sorting:
            return "the filter or the order is being changed: a moment"
        return MARKING if self._marking else None

    def action_run_command(self, name: str) -> None:
        if waits := name in self.OF_MARKED and self.refusal(name) == MARKING:
            self.say("marking first: a moment")
        self._after_marking = name if waits else None  # any other command says that something else is wanted now
        if not waits:
            super().action_run_command(name)

    def refuse_mark(self) -> str | None:
        return self._unsteady() or ("no task here" if self.table.cursor_key is None else None)

    refuse_mark_range = refuse_mark

    def do_mark(self) -> None:
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

    def do_mark_range(self) -> None:
        key, index = self.table.cursor_key, self.table.cursor_index
        start = self.view.find(self._anchor) if self._anchor is not None else None
        if start is None or index is None:
            self._anchor = key
            self.say("range begins here: move, then v again")
        else:
            self._anchor = None
            low, high = sorted((start, index))
            self._marking = True
            self._mark_these(self.catalog, self.view.seqs[low : high + 1])

    def refuse_mark_all(self) -> str | None:
        if self._marking:
            return MARKING
        if self.query_one(FilterBar).wrong:
            return "the filter cannot be read: mend it, or esc shows all"
        return None if len(self.view) or self.sorting else "there is nothing to mark"

    def do_mark_all(self) -> None:
        self._marking = True
        self._mark_matching(self.catalog, self.query_now)

    @background("marks")
    def _mark_matching(self, catalog: Catalog, query: Query) -> None:
        """What matches now, which may be more, or something else, than the table shows as yet."""
        marks = self.marks.copy()
        marks.add(catalog.find(replace(query, sort=Sort.FOUND, descending=False)))
        self.app.call_from_thread(self._replace_marks, marks, catalog)

    @background("marks")
    def _mark_these(self, catalog: Catalog, seqs: array[int]) -> None:
        marks = self.marks.copy()
        marks.add(seqs)
        self.app.call_from_thread(self._replace_marks, marks, catalog)

    def refuse_unmark(self) -> str | None:
        if self._marking:
            return MARKING
        return None if len(self.marks) else "nothing is marked"

    def do_unmark(self) -> None:
        self.picked = Marks()
        self._replace_marks(Marks(), self.catalog)

    def _replace_marks(self, marks: Marks, catalog: Catalog) -> None:
        wanted, self._marking, self._after_marking = self._after_marking, False, None
        if catalog is not self.catalog:
            return  # the rows that these marks speak of are gone
        self.marks = marks
        if self.is_mounted:
            self.table.is_marked = marks.__contains__
            self._marks_changed()
            if wanted is not None and self.on_top:
                self.action_run_command(wanted)

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

    # Deleting

    def refuse_delete(self) -> str | None:
        unsteady = self._unsteady()
        if unsteady:
            return unsteady
        if self._planning:
            return "a plan is being made"
        if self.session.deleting is not None:
            return "another deletion is running: x stops it"
        if not len(self.marks) and self.table.cursor_key is None:
            return "there is nothing to delete"
        if self.session.watch.trouble:
            return "the server is away"
        return None

    def do_delete(self) -> None:
        self._planning = True
        key = self.table.cursor_key
        if len(self.marks):
            self._plan(self.marks.copy(), self.view.seqs)
        elif key is not None:
            marks = Marks()
            marks.add([key])
            self._plan(marks, self.view.seqs)

    @background("plan")
    def _plan(self, marks: Marks, shown: array[int]) -> None:
        plan = plan_rows(self.catalog, marks, shown)
        self.app.call_from_thread(self._confirm, plan)

    def _no_plan(self, reason: str) -> None:
        self._planning = False
        self.say(reason, warning=True)

    def _confirm(self, plan: Plan, choice: str = "by hand") -> None:
        if not self.on_top:
            self._no_plan(OVERTAKEN)
            return
        if not plan.count:
            self._no_plan("these tasks have left the list meanwhile")
            return
        plan = replace(plan, seen_at=self.seen_at)
        dialog = DeleteDialog(plan, self.session)
        self.app.push_screen(dialog, partial(self._confirmed, plan, choice, dialog))

    def _confirmed(self, plan: Plan, choice: str, dialog: DeleteDialog, confirmed: bool | None) -> None:
        self._planning = False
        if not confirmed:
            self.say("nothing was deleted")
            return
        self._deletion = self.session.delete(plan, self.pace, choice=self._choice(choice), reason=dialog.reason)
        self._tick()

    def _choice(self, how: str) -> str:
        """How the rows of a plan were chosen, for the audit, and what the table was narrowed to."""
        query = self.query_now
        narrowed = [f"kind {query.kind.value}"] if query.kind is not None else []
        narrowed += [f"type {query.type}"] if query.type is not None else []
        narrowed += [f"error {query.signature}"] if query.signature is not None else []
        narrowed += [f"filter {query.text}"] if query.text.strip() else []
        return ", ".join([how, *narrowed])

    @property
    def pace(self) -> Pace:
        """The pace of jobs started from here."""
        return Pace.POLITE

    def _watch_deletion(self) -> None:
        job = self._deletion
        if job is None or not job.state.ended:
            return
        from archive_tui.tui.dialogs.report import ReportDialog

        self._deletion = None
        self.forget_dead_marks()
        self.session.watch.refresh()
        self.deletion_ended(job)
        report = job.progress
        if report.deleted == report.planned == 1:
            self.say("deleted 1 task")
        else:
            self.app.push_screen(ReportDialog(report))

    def deletion_ended(self, job: DeleteJob) -> None:
        """For subclasses: a deletion of rows of this screen has ended."""

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

    def background_failed(self, group: str, error: Exception) -> None:
        if group == "view":
            self._asking, self._answered_at = False, time.monotonic()
        elif group == "marks":
            self._marking, self._after_marking = False, None
        elif group == "plan":
            self._planning = False
        super().background_failed(group, error)

    # Stopping

    def refuse_stop(self) -> str | None:
        return "nothing is running" if self._deletion is None else None

    def do_stop(self) -> None:
        if self._deletion is not None:
            self._deletion.stop()
