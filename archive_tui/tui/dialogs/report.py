"""What a deletion has done, with the reason for everything that it left alone."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from archive_tui.jobs.delete import DeleteProgress
from archive_tui.jobs.job import JobState
from archive_tui.present import plural
from archive_tui.text import clip, line
from archive_tui.tui.dialogs.dialog import Dialog

_SHOWN = 100


class ReportDialog(Dialog[None]):
    """Closes with enter or escape."""

    DEFAULT_CSS = """
    ReportDialog > Vertical { width: 84; }
    ReportDialog VerticalScroll { height: auto; max-height: 16; }
    """

    def __init__(self, report: DeleteProgress) -> None:
        super().__init__()
        self._report = report

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Deleted {self._report.deleted:,} of {plural(self._report.planned, 'task')}"
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
            tone = "" if outcome.deleted else "$text-muted" if outcome.value == 0 else "$text-warning"
            parts.append((f"{count:>12,}  {outcome.sentence}\n", tone))
        if report.untouched:
            parts.append((f"{report.untouched:>12,}  not touched\n", "$text-warning"))
        if report.unknown:
            parts.append((f"{report.unknown:>12,}  unknown: sent, but the answer had not come\n", "$text-warning"))
        if report.unconfirmed:
            parts.append(
                f"\n{report.unconfirmed:,} of those already gone were in a batch whose answer was lost with the "
                "connection: it deleted them, or somebody else did\n"
            )
        if report.journal is not None and report.deleted:
            parts.append((f"\na copy is in the journal {line(str(report.journal))}\n", "$text-muted"))
        if report.skipped:
            parts.append(("\nleft alone:\n", "bold"))
            for one in report.skipped[:_SHOWN]:
                parts += [f"  {clip(one.id, 40)}  ", (f"{one.outcome.sentence}\n", "$text-muted")]
            if report.changed > min(len(report.skipped), _SHOWN):
                parts.append(f"  and {report.changed - min(len(report.skipped), _SHOWN):,} more\n")
        return Content.assemble(*parts).rstrip()

    @on(Button.Pressed)
    def _close(self) -> None:
        self.dismiss(None)
