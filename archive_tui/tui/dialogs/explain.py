"""The help pages of the findings: what each kind is, its cause, its consequences, and the ways out."""

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import CAP, Repair, done_already, offered
from archive_tui.tui import commands
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dialog import Dialog


class ExplainDialog(Dialog[None]):
    """One page a kind, to be turned."""

    DEFAULT_CSS = """
    ExplainDialog > Vertical { width: 78; }
    ExplainDialog VerticalScroll { height: auto; max-height: 100%; }
    """
    COMMANDS_HERE = (commands.NextKind, commands.PreviousKind, commands.CloseExplanation)
    TITLE_IN_HELP = "Explanation"

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind

    def compose(self) -> ComposeResult:
        with Vertical() as box, VerticalScroll(can_focus=True):
            turning = f"{commands.PreviousKind} {commands.NextKind}"
            box.border_subtitle = f"{turning} other kinds · {commands.CloseDialog} closes"
            yield Static()

    def on_mount(self) -> None:
        self._draw()

    @runs(commands.NextKind)
    def next_kind(self) -> None:
        self._turn(1)

    @runs(commands.PreviousKind)
    def previous_kind(self) -> None:
        self._turn(-1)

    @runs(commands.CloseExplanation)
    def close(self) -> None:
        self.action_answer_nothing()

    def _turn(self, direction: int) -> None:
        kinds = list(Kind)
        self._kind = kinds[(kinds.index(self._kind) + direction) % len(kinds)]
        self._draw()

    def _draw(self) -> None:
        kinds = list(Kind)
        box = self.query_one(Vertical)
        box.border_title = f"What is this? {self._kind.label} ({kinds.index(self._kind) + 1} of {len(kinds)})"
        self.query_one(Static).update(_page(self._kind))


def _page(kind: Kind) -> Content:
    said = kind.explained
    parts: list[str | tuple[str, str]] = [(f"{said.what}\n\n", "bold")]
    for title, text in (
        ("How it comes about", said.cause),
        ("What follows", said.consequence),
        ("What can be done", said.way_out),
    ):
        parts += [(f"{title}\n", "bold $text-accent"), f"{text}\n\n"]
    for repair in offered(kind):
        warning = done_already(repair, {kind: 2})
        parts += [(f"{repair.label}: ", "bold"), (f"{warning} " if warning else "", "$text-warning")]
        parts += [f"{repair.consequence}{f' {CAP}' if repair is Repair.ARCHIVE_NOW else ''}\n"]
    return Content.assemble(*parts).rstrip()
