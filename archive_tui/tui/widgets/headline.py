"""One line of a screen's head, written several times a second and drawn only when it says something else."""

from textual.content import Content
from textual.widget import Widget

from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.tui import commands
from archive_tui.wording.people import number


class HeadLine(Widget):
    """`show` replaces what it says; what does not fit ends in an ellipsis."""

    DEFAULT_CSS = """
    HeadLine { height: 1; width: 100%; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = Content("")

    def show(self, content: Content) -> None:
        """Say this from now on."""
        if not content.is_same(self._content):
            self._content = content
            self.refresh()

    def render(self) -> Content:
        return self._content


def changing(word: str, tone: str, now: ChangeProgress, pace: Pace) -> Content:
    """How far a job is that changes tasks; `word` says what it does with them."""
    return Content.assemble(
        (f" {word} ", f"bold {tone}"),
        f"{now.done:,} of {now.planned:,}  {now.share:.0%}  {number(int(now.rate))}/s",
        (f"  {pace} pace", "$text-muted"),
        (f"   {now.trouble}, retrying" if now.trouble else "", "$text-error"),
        ("   done; the replicas are gone: waiting whether one takes over" if now.waiting else "", "$text-warning"),
        (f"   {commands.Stop} stops", "$text-muted"),
    )


def title(*crumbs: str) -> Content:
    """Where we are: the path in bold."""
    return Content.assemble((" ▸ ".join(crumbs), "bold"))


def name_room(width: int) -> int:
    """Characters that a queue's name may take in a head of `width` cells: the counts behind it must have room."""
    return max(24, width // 3)
