"""The report of a change: what it did, and why it left anything alone."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from archive_tui.changes.report import Report
from archive_tui.tui import commands
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dialog import TONES, Dialog


class ReportDialog(Dialog[bool]):
    """Shows the report of any change. Closes with enter or escape. Answers True to somebody who wants to undo it."""

    DEFAULT_CSS = """
    ReportDialog > Vertical { width: 84; }
    ReportDialog VerticalScroll { height: auto; max-height: 16; }
    """

    COMMANDS_HERE = (commands.UndoChange,)
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField)
    TITLE_IN_HELP = "Report"

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._report.title)
            with VerticalScroll(can_focus=False):
                yield Static(_content(self._report))
            with Horizontal(classes="buttons"):
                if self._report.undo is not None:
                    yield Button(f"{commands.UndoChange} Undo…", id="undo", compact=True)
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        self.query_one("#close", Button).focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#undo")
    @runs(commands.UndoChange)
    def undo(self) -> None:
        """Close, and go on to the plan that undoes the change."""
        if self._report.undo is not None:
            self.dismiss(True)
        else:
            self.say(f"{commands.UndoChange} does nothing here: there is nothing to undo")


def _content(report: Report) -> Content:
    parts: list[str | tuple[str, str]] = [(f"{one.text}\n", f"bold {TONES[one.tone]}") for one in report.ending]
    parts += [(f"{one.number:>12,}  {one.sentence}\n", TONES[one.tone]) for one in report.counts]
    parts += [(f"\n{one.text}\n", TONES[one.tone]) for one in report.notes]
    if report.examples:
        parts.append(("\nnot as planned:\n", "bold"))
        for task_id, sentence in report.examples:
            parts += [f"  {task_id}  ", (f"{sentence}\n", "$text-muted")]
        parts += [f"  and {report.more:,} more\n"] if report.more else []
    return Content.assemble(*parts).rstrip()
