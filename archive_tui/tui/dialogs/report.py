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
    alone = len(report.counts) == 1  # among others it is given again, so that they add up
    counts = [one for one in report.counts if not (alone and one.in_title)]
    numbers = [
        *(Content.styled(one.text, f"bold {TONES[one.tone]}") for one in report.ending),
        *(Content.styled(f"{one.number:>12,}  {one.sentence}", TONES[one.tone]) for one in counts),
    ]
    examples = [Content.assemble(f"  {task_id}  ", (said, "$text-muted")) for task_id, said in report.examples]
    if examples:
        more = [Content(f"  and {report.more:,} more")] if report.more else []
        examples = [Content.styled("not as planned:", "bold"), *examples, *more]
    notes = [[Content.styled(one.text, TONES[one.tone])] for one in report.notes]
    return Content("\n\n").join(Content("\n").join(lines) for lines in (numbers, *notes, examples) if lines)
