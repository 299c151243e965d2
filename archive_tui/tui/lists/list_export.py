"""Exporting from a list: what is marked, else all that matches, to a file that can be restored, or decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from archive_tui.catalog.selection import Selection
from archive_tui.changes.history_plan import of_histories
from archive_tui.changes.report import Count, Report, ending
from archive_tui.changes.sheet import Line
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.record_export import UNREAD, PrivateFile, RecordJob
from archive_tui.jobs.records import USUAL, CsvForm, JsonForm, RecordForm, columns_for
from archive_tui.settings.namespace import namespace_field
from archive_tui.store.read.old_storage import why_not
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.report import ReportDialog
from archive_tui.tui.dialogs.save import SaveAnswer, SaveDialog, SaveForm
from archive_tui.tui.lists.change_flow import OVERTAKEN, ChangeFlow
from archive_tui.tui.lists.marks import RowMarks
from archive_tui.tui.lists.targets import MarkedRows, MatchingRows, Targets
from archive_tui.tui.lists.task_list import UNREADABLE, TaskList
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.people import plural
from archive_tui.wording.tone import Tone

_JOURNAL, _CSV = 0, 2
"""Places of two of the forms."""

_FORMS = (
    SaveForm("journal: can be restored", ".ndjson: plain, else gzip. It is readable by you alone.", ".journal.gz"),
    SaveForm("NDJSON: decoded payloads", "Cannot be restored. It is readable by you alone.", ".jsonl"),
    SaveForm("CSV: the columns of the list", "Cannot be restored. It is readable by you alone.", ".csv"),
)


def marked_or_matching(tasks: TaskList, marks: RowMarks) -> Targets:
    """The marked rows of a list; where nothing is marked, all that match."""
    if len(marks.marked):
        return MarkedRows(tasks.catalog, marks.marked.copy(), tasks.view.seqs, "", None)
    return MatchingRows(tasks.catalog, tasks.query_now, "", None)


def why_not_matching(tasks: TaskList, marks: RowMarks) -> str | None:
    """Why it cannot be said what that is."""
    if len(marks.marked):
        return None
    if tasks.filter_unreadable:
        return UNREADABLE
    return f"payloads are being read for the filter: {commands.Stop} stops that" if tasks.contents.running else None


class ListExport(Part):
    """Asks for a file, and writes tasks to it beside whatever the operator does. While it runs, the rows stay: its
    flow begins nothing else, and the list is not left.
    """

    def __init__(
        self,
        screen: CommandScreen,
        flow: ChangeFlow,
        targets: Callable[[], Targets],
        *,
        name: str,
        why_not: Callable[[], str | None],
        columns: Callable[[], Sequence[str]] = lambda: USUAL,
    ) -> None:
        """`targets` gives what is to be exported now, `name` how the file's name begins. `why_not` is a reason of the
        screen's own why it cannot be said now what to export. `columns` are those of a CSV.
        """
        super().__init__(screen)
        self._flow = flow
        self._targets = targets
        self._name = name
        self._why_not = why_not
        self._columns = columns
        self._finding = False
        self._job: ExportJob | RecordJob | None = None
        self._path = Path()
        self._left_out = ""
        self._old: str | None = None  # a queue among them whose tasks have no data for a journal; None: there is none
        flow.aside = self

    def background_failed(self, group: str, error: Exception) -> None:
        self._finding = False
        super().background_failed(group, error)

    # Asking

    @property
    def reading(self) -> bool:
        return self._finding

    def why_not_export(self) -> str | Wait | None:
        """Why nothing can be exported now."""
        if self._finding:
            return "finding the tasks: a moment"
        return self._why_not() or self._flow.why_not("export", pointed=False)

    @runs(commands.Export, unless=why_not_export)
    def export(self) -> None:
        """Ask for a file, and write to it what is marked, or what matches."""
        self._finding = True
        self._find(self._targets())

    @background("export")
    def _find(self, targets: Targets) -> None:
        marks, _ = targets.find()
        histories = [seq for seq in of_histories(targets.catalog) if seq in marks]
        marks.discard(histories)
        chosen = Selection(targets.catalog, marks.seqs)
        queues = (queue for (queue, _, _), _ in targets.catalog.add_up(chosen.seqs))
        old = next(filter(self.screen.session.is_old, queues), None)
        self.screen.app.call_from_thread(self._found, chosen, len(histories), old)

    def _found(self, chosen: Selection, histories: int, old: str | None) -> None:
        self._finding = False
        self._old = old
        if not self.screen.on_top:
            self.screen.say(OVERTAKEN, warning=True)
        elif not len(chosen):
            none = "nothing here is a task: the journal of a deletion keeps a copy of histories"
            self.screen.say(none if histories else "nothing matches any more", warning=True)
        else:
            stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in self._name[:60])
            now = datetime.fromtimestamp(self.screen.session.wall_clock(), UTC)
            left_out = f"{plural(histories, 'stale history')} left out: the journal of their deletion keeps a copy"
            self._left_out = left_out if histories else ""
            self._ask(chosen, f"{stem.lstrip('.') or 'tasks'}-{now:%Y%m%dT%H%M%SZ}")

    def _ask(self, chosen: Selection, stem: str, problem: str = "", before: SaveAnswer | None = None) -> None:
        title = f"Export {plural(len(chosen), 'task')}"
        dialog = SaveDialog(stem, title, _FORMS, problem or self._left_out, before)
        self.screen.app.push_screen(dialog, partial(self._start, chosen, stem))

    def _start(self, chosen: Selection, stem: str, answer: SaveAnswer | None) -> None:
        if answer is None:
            return
        try:
            path = Path(answer.name).expanduser().absolute()
            problem = _why_not_to(path)
        except (OSError, ValueError, RuntimeError) as error:
            problem = f"not a file to write to: {error.strerror if isinstance(error, OSError) else error}"
        if not problem and answer.form == _JOURNAL and self._old is not None:
            problem = f"{why_not(self._old)}; NDJSON or CSV writes its tasks as they are read"
        if problem:
            self._ask(chosen, stem, problem, answer)
            return
        session = self.screen.session
        self._path = path
        self._job = session.run(self._made(chosen, path, answer.form))
        self.screen.look()

    def _made(self, chosen: Selection, path: Path, form: int) -> ExportJob | RecordJob:
        """The job that writes a file in one of the forms."""
        session, pace = self.screen.session, self._flow.pace
        if form == _JOURNAL:
            return ExportJob(session.server, chosen, path, pace, session.wall_clock)
        namespace = namespace_field(session.server.keys.namespace)
        records: RecordForm = JsonForm(payload=True, namespace=namespace)
        if form == _CSV:
            records = CsvForm(columns_for(self._columns()))
        file = partial(PrivateFile, path)
        return RecordJob(session.reader, chosen, records, file, session.payloads, session.redaction, pace)

    # Watching and reporting; the flow asks

    @property
    def busy(self) -> str | None:
        """The export that is running, as a reason not to do something else; None for none."""
        return None if self._job is None else f"an export is running: {commands.Stop} stops it"

    def stop(self) -> None:
        """Stop the export; what was written is kept."""
        if self._job is not None:
            self._job.stop()

    def set_pace(self, pace: Pace) -> None:
        """Take another pace, where an export runs."""
        if self._job is not None:
            self._job.pace = pace

    def line(self) -> list[Piece] | None:
        """How far the export is, for the head of the screen; None where none runs."""
        if self._job is None:
            return None
        now = self._job.progress
        return [
            piece(" exporting ", "bold $text-accent"),
            piece(f"{now.written:,} of {now.planned:,}"),
            piece(f"  {self._job.pace} pace", "$text-muted", gives_way=1),
            piece(f"   {now.trouble}, retrying" if now.trouble else "", "$text-error", cut=True),
            piece(f"   {commands.Stop} stops", "$text-muted", gives_way=4),
        ]

    def watch(self) -> None:
        """See whether the export has ended, and report it."""
        job = self._job
        if job is not None and job.state.ended:
            self._job = None
            self.screen.app.push_screen(ReportDialog(_report(job, self._path, self._left_out)))


def _why_not_to(path: Path) -> str:
    """Why a new file cannot be made there; empty where it may be. Raises OSError and ValueError."""
    if path.is_symlink() or path.exists():
        return f"{line(str(path))} exists already: choose another name"
    if not path.parent.is_dir():
        return f"there is no folder {line(str(path.parent))}"
    return "" if os.access(path.parent, os.W_OK | os.X_OK) else f"you may not write to {line(str(path.parent))}"


def _report(job: ExportJob | RecordJob, path: Path, left_out: str) -> Report:
    """What an export has done; `left_out` says what was not part of it."""
    now = job.progress
    restorable = isinstance(job, ExportJob)
    left = now.planned - now.written - (now.gone if restorable else 0)
    restored = "archive-tui restore reads this file" if restorable else "this file cannot be restored"
    where = [Line(line(str(path))), Line(restored, tone=Tone.QUIET)]
    if isinstance(job, RecordJob) and isinstance(job.form, CsvForm) and job.form.defused:
        cells = plural(job.form.defused, "cell")
        where.append(Line(f"{cells} would be a formula: an apostrophe stands before it", tone=Tone.QUIET))
    gone = "had no data that could be written" if restorable else f"without payload: {UNREAD}"
    counts = [
        Count(now.written, "written to the file", in_title=True),
        Count(now.gone, gone, Tone.CAUTION),
        Count(left, "left the list meanwhile" if now.state is JobState.DONE else "not written", Tone.CAUTION),
    ]
    return Report(
        title=f"Exported {now.written:,} of {plural(now.planned, 'task')}",
        in_part=now.written < now.planned or bool(now.gone),
        ending=tuple(ending(now.state, str(job.error or ""))),
        counts=tuple(one for one in counts if one.number),
        notes=(
            *(where if job.error is None or now.written else ()),
            *([Line(left_out, tone=Tone.CAUTION)] if left_out else []),
        ),
    )
