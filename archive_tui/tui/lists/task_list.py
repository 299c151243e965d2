"""A list of tasks: a catalog that a job fills, a query asked of it, the view that answers, the table that shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.manual import HINT, manual
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.terms import has_term, with_term
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.view import GONE, View
from archive_tui.jobs.job import Job
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.lists.content_reading import ContentReading
from archive_tui.tui.lists.filter_assistant import FilterAssistant
from archive_tui.tui.widgets.columns import Column
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.groups import LEAST_WIDTH
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.tui.widgets.table import VirtualTable

_SHOWN = 40
"""Characters that the head shows of what narrows the list; a cut has an ellipsis."""

_SAMPLED = 100
"""Rows whose payloads are looked at for paths."""

_ROOM_BESIDE = 100
"""Columns from which on there is room for something beside the table."""

_AGES_EVERY = 5.0
"""Seconds after which the ages on screen count on: each time sends the rows over a link that may be thin."""

UNREADABLE = f"the filter cannot be read: correct it, or {commands.Back} shows all"
"""Why nothing can be chosen by a filter."""


def filter_help() -> Mapping[str, Sequence[tuple[str, str]]]:
    """The pages about filters, for the help of a screen with a list."""
    typing = [(" ".join(command.keys()), command.help) for command in commands.FILTER_LINE]
    return {
        "While a filter is typed": [*typing, ("ctrl+u", "Clear the line; ctrl+w takes the last word away.")],
        "What a filter may say": manual(),
    }


class TaskList(Vertical):
    """A table of tasks with the line to filter it. The screen fills `catalog` with a job that it gives to `fill`, and
    calls `keep_up` a few times a second.
    """

    DEFAULT_CSS = """
    TaskList { height: 1fr; }
    TaskList.-narrow > Horizontal > GroupsPanel {
        display: none; width: 1fr; max-width: 100%; border-right: none;
    }
    TaskList.-narrow.-groups > Horizontal > GroupsPanel { display: block; }
    TaskList.-narrow.-groups #rows { display: none; }
    """

    class Changed(Message):
        """The table shows another view."""

    def __init__(
        self,
        columns: Sequence[Column[TaskRow]],
        open_task: Callable[[int], CommandScreen],
        first_query: Query | None = None,
        *,
        beside: Widget | None = None,
    ) -> None:
        """`open_task` makes the screen of the task at an index of the view; `beside` stands left of the table."""
        super().__init__()
        self.catalog = Catalog()
        self.query_now = first_query or Query()
        """What the operator asks; `view` answers it a moment later."""
        self.view = View(self.catalog, self.query_now, -1)
        self.frozen = False
        """Whether the rows stay as they are, although the catalog changes: while a plan is made, or looked at."""
        self.unmasked = False
        """Whether errors, and what columns show of messages, are shown as they are."""
        self.table = VirtualTable[TaskRow](columns, id="rows")
        self.table.show(self.view, complete=False)
        self._filter_bar = self.new_filter_bar(lambda: self._screen)
        self.contents = ContentReading(lambda: self._screen)
        """Reads the messages that the filter looks into."""
        self._beside = beside
        self._open_task = open_task
        self._job: Job | None = None
        self._answered_at = 0.0
        self._answer_took = 0.0
        self._asking = False
        self._shown_complete = False
        self.moment = 0.0
        """Unix seconds from which every age on screen counts, so that rows drawn at different times agree."""

    def compose(self) -> ComposeResult:
        self.catalog.mask(self._screen.session.redaction)
        if self._beside is None:
            yield self.table
        else:
            with Horizontal():
                yield self._beside
                yield self.table
        yield self._filter_bar

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.width)

    def set_columns(self, columns: Sequence[Column[TaskRow]]) -> None:
        """Show these columns."""
        self.table.set_columns(columns)
        self._fit(self.size.width)

    def show_values(self, values: Iterable[MessageValue]) -> None:
        """Read these of the messages, for columns."""
        self.contents.columns = tuple(replace(value, unmasked=self.unmasked) for value in values)

    def unmask(self, unmasked: bool) -> None:
        """Show what is masked, or mask it again."""
        self.unmasked = unmasked
        self.show_values(self.contents.columns)
        if (by := self.query_now.by) is not None:
            self.query_now = replace(self.query_now, by=replace(by, unmasked=unmasked))
        self._screen.look()

    def _fit(self, width: int) -> None:
        """Where the columns of the table would be too narrow, or the terminal is, what stands beside the table has no
        room beside it, but in its place.
        """
        self.set_class(width < max(_ROOM_BESIDE, self.table.needed + LEAST_WIDTH), "-narrow")

    def on_unmount(self) -> None:
        self.contents.stop()
        if self._job is not None:
            self._job.stop()
        self.catalog.close()

    @property
    def row_in_sight(self) -> TaskRow | None:
        """The row under the cursor; None where there is none, or something else stands in the place of the rows."""
        return self.table.cursor_row if self.table.display else None

    @property
    def beside_active(self) -> bool:
        """Whether keys go to what stands beside the table."""
        focused = self._screen.focused
        return self._beside is not None and focused is not None and self._beside in focused.ancestors_with_self

    @property
    def _screen(self) -> CommandScreen:
        return cast("CommandScreen", self.screen)

    # The job that fills the catalog

    def fill(self, job: Job) -> None:
        """Take note of the job that fills the catalog from now on. It is stopped when the list goes."""
        self._job = job
        self.contents.resume()

    @property
    def complete(self) -> bool:
        """Whether the job that fills the catalog has ended, however it ended."""
        return self._job is not None and self._job.state.ended

    @property
    def final(self) -> bool:
        """Whether besides it is known of each row whether it matches, as far as anybody can tell."""
        return self.complete and self.contents.complete(self.catalog, self.query_now)

    @property
    def shown(self) -> bool:
        """Whether the table shows all that the job brought, in the order that was asked for; of a filter that looks
        into messages, what it has matched so far.
        """
        # While messages are read the rows change with every batch, and keys must not wait for the last one
        shown = self._shown_complete or (self.complete and self.contents.running)
        return shown and not self.sorting

    @property
    def reading(self) -> bool:
        """Whether the table does not show yet what was asked for, or nothing at all so far."""
        return self.sorting or not (self.table.row_count or self._shown_complete)

    def start_again(self) -> None:
        """Begin with an empty catalog, and with no filter."""
        old, self.catalog = self.catalog, Catalog(redaction=self.catalog.redaction)
        self.query_now = self.query_now.unfiltered()
        self._filter_bar.clear()
        self.view = View(self.catalog, self.query_now, -1)
        self._job = None
        self._show(self.view)
        old.close()

    # The view keeps up with the catalog, off the UI loop

    def keep_up(self) -> None:
        """Ask for a new view where the catalog or the query has changed; let the ages count on."""
        if self._screen.now() - self.moment >= _AGES_EVERY:
            self._count_on()
        if not self.frozen:
            growing, typing = lambda: not self.complete, isinstance(self.app.focused, Input)
            self.contents.keep_up(self.catalog, self.query_now, growing=growing, typing=typing)
        now = (self.query_now, self.contents.columns, self.unmasked)
        asked_anew = (self.view.query, self.view.values, self.view.unmasked) != now
        stale = asked_anew or self.view.version != self.catalog.version
        rested = time.monotonic() - self._answered_at > 3 * self._answer_took
        if stale and not self._asking and (asked_anew or (rested and not self.frozen)):
            self._asking = True
            self._ask(*now)
        elif not stale and self.complete and (not self._shown_complete or self.table.complete != self.final):
            self._show(self.view)

    def _count_on(self) -> None:
        """Draw the rows in sight anew where an age among them has changed."""
        before = self._ages()
        self.moment = self._screen.now()
        if self._ages() != before:
            self.table.refresh()

    def _ages(self) -> list[object]:
        rows = self.table.visible_range
        cells = [column.cell for column in self.table.columns if column.name == Sort.DIED.value]
        return [cell(row) for row in self.view.page(rows.start, len(rows)) for cell in cells]

    @background("view")
    def _ask(self, query: Query, values: tuple[MessageValue, ...], unmasked: bool) -> None:
        began = time.monotonic()
        view = View.of(self.catalog, query, self.view, values, unmasked=unmasked)
        took = time.monotonic() - began
        self.app.call_from_thread(self._answer, view, took)

    def _answer(self, view: View, took: float) -> None:
        self._asking = False
        self._answered_at, self._answer_took = time.monotonic(), took
        if not self.is_mounted or view.query != self.query_now or view.catalog is not self.catalog:
            return  # the operator has asked something else meanwhile; the next tick asks again
        self.view = view
        self.table.sorted_by = (view.query.sorted_by, view.query.descending)
        self._show(view)
        self.post_message(self.Changed())

    def background_failed(self, group: str, error: Exception) -> None:
        """The view could not be made: the next tick asks again."""
        self._asking, self._answered_at = False, time.monotonic()
        self._screen.background_failed(group, error)

    def _show(self, view: View) -> None:
        """Give a view to the table; what an empty one says depends on whether there may yet be rows."""
        self._shown_complete = self.complete and view.version == self.catalog.version
        self.moment = self._screen.now()
        self.table.show(view, complete=self._shown_complete and self.final)

    @property
    def sorting(self) -> bool:
        """Whether the table still shows the answer to an earlier question."""
        return self.view.query != self.query_now

    def ask(self, query: Query) -> None:
        """Show what this query finds, as soon as it is found; the old view stays usable until then."""
        self.query_now = query
        self._screen.look()

    # What it says about itself

    @property
    def counts_matches(self) -> bool:
        """Whether `counts` says how many rows there are: the head need not say it twice."""
        return self.query_now.filtered and not self.sorting  # sorting, the view still answers the question before

    def counts(self, *, total: int, complete: bool, what: str = "") -> list[Piece]:
        """How many of all rows the filter matches, and what it is; `what` is behind their number."""
        least = "" if complete else "≥ "
        parts: list[Piece] = []
        query = self.query_now
        if query.filtered:
            if self.counts_matches:
                fewest = least or ("" if self.contents.complete(self.catalog, query) else "≥ ")
                parts.append(piece(f"   {fewest}{len(self.view):,} match", "$text-accent", gives_way=4))
                parts.append(piece(f" of {least}{total:,}{what}", "$text-accent", gives_way=3))
            narrowed = [str(query.kind.label)] if query.kind is not None else []
            if query.text and query.text != self._filter_bar.shown:  # else it stands below, whole
                narrowed.append(f"“{clip(query.text, _SHOWN)}”")
            if narrowed:
                parts.append(piece(f"   filter: {', '.join(narrowed)}", "$text-muted", cut=True, insists=16))
        parts += self.contents.pieces()
        if self.sorting:
            parts.append(piece("   sorting…", "$text-warning"))
        return parts

    def choice(self, how: str) -> str:
        """How rows were chosen, for the audit: `how`, and what the list was narrowed to."""
        query = self.query_now
        narrowed = [f"kind {query.kind.value}"] if query.kind is not None else []
        narrowed += [f"filter {query.text}"] if query.text.strip() else []
        return ", ".join([how, *narrowed])

    # Opening

    @on(VirtualTable.Opened, "#rows")
    def _opened(self) -> None:
        self._screen.run_command(commands.Open)

    @property
    def awaits_rows(self) -> bool:
        """Whether it shows no row as yet, and may in a moment."""
        return not self.table.row_count and not self._shown_complete

    def why_no_row(self) -> str | Wait:
        """Why there is no row under the cursor."""
        return Wait("in a moment: the list is being read") if self.awaits_rows else "no task here"

    def why_not_open(self) -> str | Wait | None:
        """Why no task can be opened now."""
        row = self.table.cursor_row
        if self.table.cursor_index is None or row is None:
            return self.why_no_row()
        return "this is no task: its row says all there is" if row.queue == INSTALLATION and row is not GONE else None

    @runs(commands.Open, unless=why_not_open)
    def open(self) -> None:
        """Open the task under the cursor."""
        index = self.table.cursor_index
        if index is not None:
            self.app.push_screen(self._open_task(index))

    # Moving

    @on(VirtualTable.FollowStopped, "#rows")
    def _follow_stopped(self) -> None:
        self._screen.say("no longer following")

    def why_out_of_sight(self) -> str | None:
        """Why nothing about the rows can be seen: something else stands in their place."""
        return None if self.table.display else f"the rows are out of sight: {commands.Groups} shows them"

    @runs(commands.Follow, unless=why_out_of_sight)
    def follow(self) -> None:
        """Follow new rows, or no longer."""
        self.table.follow = not self.table.follow
        self._screen.say("following new rows" if self.table.follow else "no longer following")

    @runs(commands.Wide, unless=why_out_of_sight)
    def wide(self) -> None:
        """Show whole columns, or fit them to the screen."""
        self.table.wide = not self.table.wide

    # Filtering and sorting

    @property
    def filter_unreadable(self) -> bool:
        """Whether what stands in the filter line cannot be read."""
        return self._filter_bar.wrong

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self._filter_bar.complain(self.try_filter(event.text, at_end=self._filter_bar.typing_at_end))

    def try_filter(self, text: str, *, at_end: bool = False) -> str:
        """Show what a filter shows that is being typed. Returns what is wrong with it: then the rows stay as they are.
        Empty: it can be read. With `at_end` somebody types at its end: a word that is not whole yet changes nothing.
        """
        now = self._screen.session.clock()
        if at_end:
            text = self._assistant.whole_part(text, now)
        try:
            parse(text, now)
        except FilterError as error:
            return str(error).removeprefix("the filter, ")
        if text != self.query_now.text:  # a later moment alone is no other question
            self.ask(replace(self.query_now, text=text, now=now if text else None))
        return ""

    def show_filter(self) -> None:
        """Show the filter of the list as if it had been typed here."""
        self._filter_bar.write(self.query_now.text)

    def new_filter_bar(self, screen: Callable[[], CommandScreen]) -> FilterBar:
        """Make a line to type the filter of this list in, on whichever screen; what is typed is for `try_filter`."""
        assistant = FilterAssistant(screen, lambda: self.view, lambda: self.contents.paths)
        return FilterBar("a word, or field:value", hint=HINT, assistant=assistant)

    @property
    def _assistant(self) -> FilterAssistant:
        return FilterAssistant(lambda: self._screen, lambda: self.view, lambda: self.contents.paths)

    @on(FilterBar.Submitted)
    def _filter_submitted(self, event: FilterBar.Submitted) -> None:
        event.stop()
        self._filter_bar.conclude(self.try_filter(self._filter_bar.text))
        self.contents.resume()

    @runs(commands.Filter)
    def filter(self) -> None:
        """Type a filter."""
        self._filter_bar.open()
        self.sample()

    def sample(self) -> None:
        """Look which paths the payloads in the list have: somebody begins to type."""
        self.contents.sample(self.view.page(0, _SAMPLED))

    def filter_by(self, text: str, now: float) -> None:
        """Show what a filter shows that was not typed, as if it had been. Its ages count from `now` (unix seconds),
        unless those of the filter before count from another moment.
        """
        before = self.query_now.now
        self.query_now = replace(self.query_now, text=text, now=(now if before is None else before) if text else None)
        self.show_filter()
        self._screen.look()

    def narrow(self, term: str) -> None:
        """Show of the rows only what a term shows, as if that had been typed as well."""
        text = self.query_now.text
        if not text or not has_term(text, term):
            self.filter_by(with_term(text, term), self._screen.session.clock())

    def clear_filter(self) -> bool:
        """Show all rows again; False where all were shown already."""
        if not self._filter_bar.clear() and not self.query_now.filtered:
            return False
        self.ask(self.query_now.unfiltered())
        return True

    @on(VirtualTable.SortWanted, "#rows")
    def _sort_wanted(self, event: VirtualTable.SortWanted) -> None:
        self.sort_by(event.name)

    @runs(commands.Sort)
    def sort(self) -> None:
        """Choose what to sort by."""
        names = {column.name: column.title for column in self.table.columns if column.sortable}
        names |= {Sort.FOUND.value: "As found"}
        self.app.push_screen(ChoiceDialog("Sort by", names, self.query_now.sorted_by), self.sort_by)

    def sort_by(self, name: str | None) -> None:
        """Sort by a column; by the same one again in the other direction. None for nothing chosen."""
        if name is None:
            return
        again = name == self.query_now.sorted_by
        down = not self.query_now.descending if again else name in (Sort.DIED, Sort.SIZE, Sort.TRIES)
        by = next((value for value in self.contents.columns if value.name == name), None)
        sort = Sort.FOUND if by is not None else Sort(name)
        self.ask(replace(self.query_now, sort=sort, by=by, descending=down))
