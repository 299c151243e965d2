"""The plan of putting tasks back, to be confirmed, and what became of it."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from archive_tui.jobs.job import JobState
from archive_tui.jobs.restore import RestorePlan, RestoreProgress
from archive_tui.jobs.restore_notes import notes
from archive_tui.jobs.session import Session
from archive_tui.present import ago, exact, plural
from archive_tui.store.restore import Target
from archive_tui.text import clip, line
from archive_tui.tui.dialogs.confirm import ConfirmDialog, listed, where
from archive_tui.tui.dialogs.dialog import Dialog

_SHOWN = 100
_WHERE = {Target.BACK: "where they stood", Target.ARCHIVE: "into the archive", Target.RUN: "into pending, to run once"}


class RestoreDialog(ConfirmDialog):
    """Answers True only after a deliberate yes, as for a deletion: what is put back may run, and runs in production."""

    DEFAULT_CSS = """
    RestoreDialog > Vertical { border: round $warning; }
    RestoreDialog #yes:focus { background: $warning; color: $background; }
    """

    def __init__(self, plan: RestorePlan, session: Session) -> None:
        super().__init__(
            f"Restore {plural(plan.count, 'task')}?",
            where(session.settings),
            _sheet(plan, session.clock()),
            "Restore",
            plan.count if plan.count > 1 or session.settings.production else None,
        )


def _sheet(plan: RestorePlan, now: float) -> Content:
    header = plan.journal.header
    parts: list[str | tuple[str, str]] = ["queue ", (listed(plan.by_queue), "bold"), "\n"]
    parts += [f"{_WHERE[plan.target]}: ", (listed(plan.places), "bold"), "\n"]
    deleted = f"{ago(header.created_at, now)}, {exact(header.created_at)}"
    parts.append((f"written {deleted}{' by ' + line(header.user) if header.user else ''}\n\n", "$text-muted"))
    for note in notes(plan):
        parts.append((f"{note}\n", "$text-warning"))
    parts.append("each is written only where nothing stands; what cannot be is reported")
    return Content.assemble(*parts)


class RestoreReportDialog(Dialog[None]):
    """Closes with enter or escape."""

    DEFAULT_CSS = """
    RestoreReportDialog > Vertical { width: 84; }
    RestoreReportDialog VerticalScroll { height: auto; max-height: 16; }
    """

    def __init__(self, report: RestoreProgress) -> None:
        super().__init__()
        self._report = report

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Restored {self._report.restored:,} of {plural(self._report.planned, 'task')}"
            with VerticalScroll(can_focus=False):
                yield Static(self._sheet())
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        self.query_one(Button).focus()

    def _sheet(self) -> Content:
        report = self._report
        parts: list[str | tuple[str, str]] = []
        if report.state is JobState.STOPPED:
            parts.append(("stopped before the end\n", "bold $text-warning"))
        if report.error:
            parts.append((f"ended by an error: {report.error}\n", "bold $text-error"))
        for outcome, count in sorted(report.outcomes.items()):
            parts.append((f"{count:>12,}  {outcome.sentence}\n", "" if outcome.there else "$text-warning"))
        if report.untouched:
            parts.append((f"{report.untouched:>12,}  not touched\n", "$text-warning"))
        if report.examples:
            parts.append("\n")
            for one in report.examples[:_SHOWN]:
                parts += [f"  {clip(one.id, 40)}  ", (f"{one.outcome.sentence}\n", "$text-muted")]
        return Content.assemble(*parts).rstrip()

    @on(Button.Pressed)
    def _close(self) -> None:
        self.dismiss(None)
