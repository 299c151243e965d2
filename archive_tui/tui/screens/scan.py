"""The orphan scan: findings stream into the table while counts by kind and type grow beside it."""

import time
from collections.abc import Sequence
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.counts import Counts
from archive_tui.catalog.view import View
from archive_tui.changes.delete import DeleteJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import Phase, ScanJob, ScanProgress
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import background
from archive_tui.tui.commands import runs
from archive_tui.tui.screens.marking import MARKING
from archive_tui.tui.screens.repairing import FindingsMending
from archive_tui.tui.screens.row_columns import common_columns, kind_cell
from archive_tui.tui.screens.rows import RowsScreen
from archive_tui.tui.widgets.columns import Column, fit
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, name_room, title
from archive_tui.tui.widgets.keybar import KeyBar
from archive_tui.tui.widgets.status import StatusBar
from archive_tui.wording.people import bar, number, span

_BAR = 30
_GROUPS_WIDTH = 34
_TYPES_SHOWN = 8
_SIGNATURES_SHOWN = 8


class ScanScreen(FindingsMending):
    """A scan of one queue, or of all. It lives on when it is left, and is there again when it is opened again."""

    TITLE_IN_HELP = "Orphan scan"
    COMMANDS_HERE = (
        commands.Stop,
        commands.PauseScan,
        commands.ChangePace,
        *RowsScreen.ROW_COMMANDS[1:3],
        commands.Repair,
        *RowsScreen.ROW_COMMANDS[3:-2],
        commands.Explain,
        commands.Groups,
        commands.Rescan,
        commands.ScanMessages,
        *RowsScreen.ROW_COMMANDS[-2:],
    )
    CSS = f"""
    ScanScreen #groups {{ width: {_GROUPS_WIDTH}; border-right: solid $panel; padding: 0; }}
    ScanScreen #groups OptionList {{ border: none; height: 1fr; background: $background; padding: 0; }}
    ScanScreen #groups OptionList:focus {{ background: $surface; }}
    ScanScreen.-narrow #groups {{ display: none; }}
    ScanScreen.-narrow.-groups #groups {{ display: block; }}
    """

    def __init__(self, queue: str | None) -> None:
        super().__init__()
        self.queue = queue
        self._pace = Pace.POLITE
        self._messages = False
        self._job: ScanJob | None = None
        self._refused: list[str] = []
        self._noted: object = None
        self._groups: object = None
        self._signatures: tuple[dict[str, int], int] = ({}, 0)
        self._signed = -1
        self._signing = False
        self._signing_took = self._signed_at = 0.0

    def compose(self) -> ComposeResult:
        yield StatusBar()
        yield HeadLine(id="head")
        yield HeadLine(id="progress")
        with Horizontal():
            with Vertical(id="groups"):
                yield OptionList()
            yield self.compose_table()
        yield self.compose_filter()
        yield KeyBar()

    def columns(self) -> Sequence[Column[TaskRow]]:
        columns = common_columns(self.session.clock, "Last failed", lambda row: row.last_failed_at)
        kind: Column[TaskRow] = Column("kind", "Kind", kind_cell, 17, grow=1, most=30, priority=5)
        queue: Column[TaskRow] = Column("queue", "Queue", lambda row: line(row.queue), 10, priority=4)
        return [*columns[:1], *([] if self.queue is not None else [queue]), kind, *columns[1:]]

    def on_mount(self) -> None:
        self._start()
        super().on_mount()
        self.on_resize()

    def on_resize(self) -> None:
        self.set_class(self.size.width < 100, "-narrow")

    def on_unmount(self) -> None:
        if self._job is not None:
            self._job.stop()
        super().on_unmount()

    def _start(self) -> None:
        queues, self._refused = ([self.queue], []) if self.queue is not None else self.session.scope()
        known = [one.name for one in self.session.watch.overview.queues]
        session = self.session
        job = ScanJob(
            session.server,
            self.catalog,
            queues,
            self._pace,
            session.clock,
            stopwatch=session.stopwatch,
            messages=self._messages,
            also=known,
        )
        self._job = session.run(job)

    @property
    def pace(self) -> Pace:
        return self._pace

    def listing_complete(self) -> bool:
        return self._job is not None and self._job.state.ended

    @property
    def seen_at(self) -> float | None:
        return self._job.progress.started_at if self._job is not None else None

    def breadcrumb(self) -> str:
        return f"Orphan scan ▸ {line(self.queue) if self.queue is not None else 'all queues'}"

    def _tick(self) -> None:
        if self._job is not None and self.is_mounted:
            noted = (self._job, self._job.state, self.catalog.version)
            if noted != self._noted:  # an old scan must not write over what a later one found
                self._noted = noted
                self.session.note_scan(self._job)
            self._sign()
        super()._tick()

    def _sign(self) -> None:
        """Keep the counts by signature up to date, in a tenth of the time at most: every error is looked at."""
        rested = time.monotonic() - self._signed_at > 10 * self._signing_took
        calm = self.listing_complete() and not self.changing
        if not self._signing and self._signed != self.catalog.version and (rested or calm):
            self._signing = True
            self._ask_signatures(self.catalog)

    @background("signatures")
    def _ask_signatures(self, catalog: Catalog) -> None:
        began, version = time.monotonic(), catalog.version
        found = catalog.signatures(_SIGNATURES_SHOWN)
        self.app.call_from_thread(self._take_signatures, catalog, version, found, time.monotonic() - began)

    def _take_signatures(self, catalog: Catalog, version: int, found: tuple[dict[str, int], int], took: float) -> None:
        self._signing, self._signing_took, self._signed_at = False, took, time.monotonic()
        if catalog is self.catalog and self.is_mounted:
            self._signatures, self._signed = found, version

    def background_failed(self, group: str, error: Exception) -> None:
        if group == "signatures":
            self._signing, self._signed_at = False, time.monotonic()
        super().background_failed(group, error)

    def draw_head(self) -> None:
        if self._job is None:
            return
        progress = self._job.progress
        counts = self.catalog.counts()
        where = clip(self.queue, name_room(self.size.width)) if self.queue is not None else "all queues"
        found = f"   {'' if progress.complete else '≥ '}{counts.total:,} found"
        self.query_one("#head", HeadLine).show(
            Content.assemble(
                title("Orphan scan", where),
                (found, "bold $text-warning" if counts.total else ""),
                self.counts_of_view(total=counts.total, complete=progress.complete),
                (_not_permitted(self._refused), "$text-warning"),
            )
        )
        self.query_one("#progress", HeadLine).show(
            self.deletion_line() or self.repair_line() or _progress_line(progress, self._job, self.size.width)
        )
        self.table.empty_text = (
            "No finding matches the filter: esc shows all." if self.query_now.filtered and counts.total
            else "Nothing wrong was found." if progress.complete
            else "Nothing was found before the scan was stopped."
        )  # fmt: skip
        shown = (counts, self.query_now, self._signatures)
        if self._groups != shown:
            self._groups = shown
            self._draw_groups(counts)

    def _draw_groups(self, counts: Counts) -> None:
        """Kinds, types and signatures of errors with their counts; what the table is narrowed to is marked."""
        query = self.query_now
        options: list[Option] = [_heading("Kind")]
        for kind, count in counts.by_kind.items():
            options.append(_group(f"kind {kind.value}", kind.label, count, chosen=query.kind is kind))
        options.append(_heading("Type"))
        shown = list(counts.by_type.items())[:_TYPES_SHOWN]
        for type_, count in shown:
            label = line(type_) or "(no type)"
            options.append(_group(f"type {type_}", label, count, chosen=query.type == type_))
        if counts.types > len(shown):
            options.append(_more(counts.types - len(shown)))
        signatures, different = self._signatures
        if signatures:
            options.append(_heading("Error"))
        for signature, count in signatures.items():
            chosen = query.signature == signature
            options.append(_group(f"error {signature}", line(signature), count, chosen=chosen))
        if different > len(signatures):
            options.append(_more(different - len(signatures)))
        groups = self.query_one("#groups OptionList", OptionList)
        if [one.id for one in groups.options] == [one.id for one in options]:  # where it is scrolled to stays as it is
            for number, option in enumerate(options):
                groups.replace_option_prompt_at_index(number, option.prompt)
            return
        chosen_id = groups.highlighted_option.id if groups.highlighted_option is not None else None
        at = groups.scroll_y
        groups.set_options(options)
        groups.scroll_y = at
        # By name, not by position: the order changes while counts grow. Out of sight it is only by the wheel's doing
        found = (number for number, one in enumerate(options) if chosen_id and one.id == chosen_id)
        groups.highlighted = next(found, None)
        if not groups.has_focus:
            groups.scroll_y = at

    @on(OptionList.OptionSelected, "#groups OptionList")
    def _narrow(self, event: OptionList.OptionSelected) -> None:
        what, _, which = (event.option.id or "").partition(" ")
        query = self.query_now
        if what == "kind":
            kind = Kind(which)
            self.ask(replace(query, kind=None if query.kind is kind else kind))
        elif what == "type":
            self.ask(replace(query, type=None if query.type == which else which))
        elif what == "error":
            self.ask(replace(query, signature=None if query.signature == which else which))

    @runs(commands.Groups)
    def groups(self) -> None:
        groups = self.query_one("#groups OptionList", OptionList)
        if groups.has_focus:
            self.remove_class("-groups")
            self.table.focus()
        else:
            self.add_class("-groups")
            groups.focus()

    @runs(commands.Back)
    def back(self) -> None:
        if self.query_one("#groups OptionList", OptionList).has_focus:
            self.groups()
        else:
            super().back()

    # The scan itself

    def _scanning(self) -> bool:
        return self._job is not None and not self._job.state.ended

    def why_not_stop(self) -> str | None:
        return None if self._scanning() else super().why_not_stop()

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        if self.changing:
            super().stop()
        elif self._job is not None:
            self._job.stop()

    def why_not_pause_scan(self) -> str | None:
        return None if self._scanning() else "the scan has ended: r scans again"

    @runs(commands.PauseScan, unless=why_not_pause_scan)
    def pause_scan(self) -> None:
        if self._job is None:
            return
        if self._job.state is JobState.PAUSED:
            self._job.resume()
        else:
            self._job.pause()

    def why_not_change_pace(self) -> str | None:
        return None if self._scanning() or self.changing else "nothing is running"

    @runs(commands.ChangePace, unless=why_not_change_pace)
    def change_pace(self) -> None:
        self._pace = self._pace.next
        for job in (self._job, self._deletion, self._repairing):
            if job is not None:
                job.pace = self._pace
        self.say(f"{self._pace} pace")

    def why_not_rescan(self) -> str | None:
        if self._planning or self.changing:
            return "not while a deletion or a repair is planned or running"
        return MARKING if self._marking else None

    @runs(commands.ScanMessages, unless=why_not_rescan)
    def scan_messages(self) -> None:
        self._messages = not self._messages
        self.rescan()
        self.say("scanning again, and reading every message" if self._messages else "scanning again, without messages")

    @runs(commands.Rescan, unless=why_not_rescan)
    def rescan(self) -> None:
        if self._job is not None:
            self._job.stop()
        old, self.catalog = self.catalog, Catalog()
        self._signatures, self._signed = ({}, 0), -1
        self.unmark()
        self.query_now = self.query_now.unfiltered()
        self.query_one(FilterBar).clear()
        self.view = View(self.catalog, self.query_now, -1)
        self._show(self.view)
        self._start()
        old.close()

    def why_not_delete(self) -> str | None:
        if self._scanning() and self._job is not None and self._job.state is not JobState.PAUSED:
            return "the scan is running: stop it (x) or pause it (z) first"
        refused = self.session.why_not(Action.DELETE, self.queue) if self.queue is not None else None
        return refused or super().why_not_delete()

    def deletion_ended(self, job: DeleteJob) -> None:
        self.changed()

    def changed(self) -> None:
        if self._job is not None:
            self.session.note_scan(self._job)


def _not_permitted(queues: Sequence[str]) -> str:
    """Which queues this user may not read."""
    return f"   not permitted: {', '.join(clip(queue, 24) for queue in queues)}" if queues else ""


def _progress_line(progress: ScanProgress, job: ScanJob, width: int) -> Content:
    """How far the scan is, how fast, how long yet, and at which pace."""
    cells = min(_BAR, max(width // 4, 5))
    parts: list[tuple[str, str]] = [
        (bar(progress.fraction, cells), "$text-accent"),
        (f" {progress.fraction:>4.0%}", "bold"),
        (f"   {progress.keys:,} task keys", ""),
    ]
    if progress.members and not progress.complete:
        parts.append((f"   {progress.members:,} ids", ""))
    if job.messages:
        parts.append(("   with messages", "$text-muted"))
    if progress.phase is not Phase.TASK_DATA and progress.state is JobState.RUNNING:
        parts.append((f"   {progress.phase}", "$text-muted"))
    if progress.rate and not progress.state.ended:
        parts.append((f"   {number(int(progress.rate))}/s", "$text-muted"))
    word = {
        JobState.RUNNING: "",
        JobState.PAUSED: "   paused: z goes on",
        JobState.DISCONNECTED: "   disconnected, retrying",
        JobState.STOPPED: "   stopped: counts are minimums, r scans again",
        JobState.FAILED: f"   failed: {job.error}",
    }.get(progress.state, "")
    if progress.complete:
        seconds = (progress.finished_at or progress.started_at) - progress.started_at
        word = f"   complete in {span(seconds)}" if seconds >= 1 else "   complete in under a second"
    parts.append((word, "$text-success" if progress.complete else "$text-warning"))
    if not progress.complete and progress.seconds_left is not None and progress.state is JobState.RUNNING:
        parts.append((f"   about {span(progress.seconds_left)} left", "$text-muted"))
    if not progress.state.ended:
        parts.append((f"   {progress.pace} pace", "$text-muted"))
    if progress.restarts:
        parts.append((f"   began again {progress.restarts} ×: another server answered", "$text-warning"))
    if progress.not_tasks:
        parts.append((f"   {progress.not_tasks:,} keys are no task data", "$text-warning"))
    if progress.trouble:
        parts.append((f"   {progress.trouble}", "$text-error"))
    return Content.assemble(*parts)


def _heading(text: str) -> Option:
    return Option(Content.styled(f" {text}", "bold $text-muted"), disabled=True)


def _more(count: int) -> Option:
    return Option(Content.styled(f"   and {count:,} more", "$text-muted"), disabled=True)


def _group(name: str, label: str, count: int, *, chosen: bool) -> Option:
    figure = f"{count:,}"
    shown = fit(label, _GROUPS_WIDTH - len(figure) - 6)
    return Option(
        Content.assemble(("▸ " if chosen else "  ", "bold $text-accent"), shown, " ", (figure, "bold")), id=name
    )
