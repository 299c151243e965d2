"""One line of a screen's head, written several times a second and drawn only when it says something else."""

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.tui import commands
from archive_tui.tui.widgets.pieces import Piece, assembled, piece
from archive_tui.wording.people import number


class HeadLine(Widget):
    """`show` replaces what it says. Of pieces, those that matter least give way where there is no room; what still does
    not fit ends in an ellipsis.
    """

    DEFAULT_CSS = """
    HeadLine { height: 1; width: 100%; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pieces: Sequence[Piece] = ()
        self._content = Content("")

    def show(self, line: Content | Sequence[Piece]) -> None:
        """Say this from now on."""
        self._pieces = [Piece(line)] if isinstance(line, Content) else line
        content = assembled(self._pieces, self.size.width)
        if not content.is_same(self._content):
            self._content = content
            self.refresh()

    def on_resize(self) -> None:
        self.show(self._pieces)

    def render(self) -> Content:
        return self._content


def changing(word: str, tone: str, now: ChangeProgress, pace: Pace) -> list[Piece]:
    """How far a job is that changes tasks; `word` says what it does with them."""
    return [
        piece(f" {word} ", f"bold {tone}"),
        piece(f"{now.done:,} of {now.planned:,}"),
        piece(f"  {now.share:.0%}", gives_way=3),
        piece(f"  {number(int(now.rate))}/s", gives_way=2),
        piece(f"  {pace} pace", "$text-muted", gives_way=1),
        piece(f"   {now.trouble}, retrying" if now.trouble else "", "$text-error", cut=True),
        piece(
            "   done; the replicas are gone: waiting whether one takes over" if now.waiting else "",
            "$text-warning",
            cut=True,
        ),
        piece(f"   {commands.Stop} stops", "$text-muted", gives_way=4),
    ]


def title(*crumbs: str) -> Content:
    """Where we are: the path in bold."""
    return Content.assemble((" ▸ ".join(crumbs), "bold"))


def name_room(width: int) -> int:
    """Characters that a queue's name may take in a head of `width` cells: the counts behind it must have room."""
    return max(24, width // 3)
