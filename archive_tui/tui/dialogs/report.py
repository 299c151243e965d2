"""What a job has done, with the reason for everything that it left alone."""

from collections.abc import Iterable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import clip, line
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.wording.people import plural

_SHOWN = 100

Part = str | tuple[str, str]


class Report(Dialog[None]):
    """A title and a sheet. Closes with enter or escape."""

    DEFAULT_CSS = """
    Report > Vertical { width: 84; }
    Report VerticalScroll { height: auto; max-height: 16; }
    """

    def __init__(self, title: str, parts: Iterable[Part]) -> None:
        super().__init__()
        self._title = title
        self._sheet = Content.assemble(*parts).rstrip()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            with VerticalScroll(can_focus=False):
                yield Static(self._sheet)
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        self.query_one(Button).focus()

    @on(Button.Pressed)
    def _close(self) -> None:
        self.dismiss(None)


class ReportDialog(Report):
    """What a deletion has done."""

    def __init__(self, report: ChangeProgress) -> None:
        parts = how_it_ended(report.state, report.error)
        for outcome, count in sorted(report.outcomes.items()):
            tone = "" if outcome.done else "$text-muted" if outcome.needless else "$text-warning"
            parts.append(counted(count, report.verb.sentence(outcome), tone))
        parts += not_known(report.untouched, report.unknown)
        if report.unconfirmed:
            parts.append(
                f"\n{report.unconfirmed:,} of those already gone were in a batch whose answer was lost with the "
                "connection: it deleted them, or somebody else did\n"
            )
        if report.caution:
            parts.append((f"\n{report.caution}\n", "$text-warning"))
        if report.journal is not None and (report.made or report.unknown):
            parts.append((f"\na copy is in the journal {line(str(report.journal))}\n", "$text-muted"))
        parts += left_alone(report)
        super().__init__(f"Deleted {report.made:,} of {plural(report.planned, 'task')}", parts)


def how_it_ended(state: JobState, error: str) -> list[Part]:
    """The first lines, where it did not come to its end."""
    parts: list[Part] = []
    if state is JobState.STOPPED:
        parts.append(("stopped before the end\n", "bold $text-warning"))
    if error:
        parts.append((f"ended by an error: {error}\n", "bold $text-error"))
    return parts


def counted(count: int, sentence: str, tone: str) -> Part:
    """How many had one outcome."""
    return f"{count:>12,}  {sentence}\n", tone


def not_known(untouched: int, unknown: int = 0) -> list[Part]:
    """How many have no outcome."""
    parts = [counted(untouched, "not touched", "$text-warning")] if untouched else []
    if unknown:
        parts.append(counted(unknown, "unknown: sent, but the answer had not come", "$text-warning"))
    return parts


def examples(report: ChangeProgress) -> list[Part]:
    """Some tasks, each with what became of it."""
    return [
        part
        for one in report.examples[:_SHOWN]
        for part in (f"  {clip(one.id, 40)}  ", _muted(report.verb.sentence(one.outcome)))
    ]


def left_alone(report: ChangeProgress) -> list[Part]:
    """The tasks that were left alone."""
    if not report.examples:
        return []
    more = report.changed - min(len(report.examples), _SHOWN)
    return [("\nleft alone:\n", "bold"), *examples(report), *([f"  and {more:,} more\n"] if more > 0 else [])]


def _muted(sentence: str) -> Part:
    return f"{sentence}\n", "$text-muted"
