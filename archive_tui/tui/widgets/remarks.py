"""The line above the footer: remarks, and the place in the list. Nothing is ever drawn over anything else for them."""

from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer
from textual.widget import Widget

_TICK = 0.25
"""Seconds between two looks at how long a remark has stood."""

_READ = 1.0
"""Seconds in sight after which an urgent remark counts as seen: keys typed ahead must not take it away unread."""

_MOST = 4
"""Rows that remarks may take; one of them is the line that is always there."""

_GAP = 3


@dataclass(slots=True)
class _Remark:
    text: str
    """Safe to show; never parsed as markup."""

    urgent: bool
    """Whether it stays until it was seen and something else was done."""

    seconds: float
    """Time in sight after which it goes by itself, unless it is urgent."""

    seen: float = 0.0
    """Seconds for which it was in sight so far."""


class RemarkLine(Widget):
    """Says remarks at its left, and at its right the place in the list of the screen. It grows by the rows that long
    remarks need, and gives them back.

    A remark goes after some seconds in sight. An urgent one stays until it was seen and the next command is given.
    """

    DEFAULT_CSS = """
    RemarkLine { height: auto; width: 100%; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._remarks: list[_Remark] = []
        self._place = ""
        self._timer: Timer | None = None
        self._rows = 1

    @property
    def texts(self) -> list[str]:
        """The remarks that stand there now, the oldest first."""
        return [remark.text for remark in self._remarks]

    def say(self, text: str, *, urgent: bool = False, seconds: float = 4.0) -> None:
        """Say something from now on, instead of everything but urgent remarks that nobody has seen."""
        kept = [one for one in self._remarks if one.urgent and one.seen < _READ and one.text != text]
        self._remarks = [*kept, _Remark(text, urgent, seconds)][-_MOST:]
        if self._timer is None:
            self._timer = self.set_interval(_TICK, self._pass_time)
        self._draw()

    def make_way(self) -> None:
        """Forget what was said about what was done before; something else is done now."""
        self._keep([one for one in self._remarks if one.urgent and one.seen < _READ])

    def forget(self) -> None:
        """Forget every remark."""
        self._keep([])

    def place(self, text: str) -> None:
        """Show where the cursor stands, at the right; empty for nothing."""
        if text != self._place:
            self._place = text
            self._draw()

    def render(self) -> Content:
        width = self.size.width
        lines = self._lines(width)
        place = Content.styled(self._place, "$text-muted")
        last = lines[-1].cell_length if lines else 0
        if place and last + _GAP + place.cell_length <= width:
            last_line = lines.pop() if lines else Content("")
            lines.append(Content.assemble(last_line, " " * (width - last - place.cell_length), place))
        return Content("\n").join(lines)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(len(self._lines(width)), 1)

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for remark in self._remarks:
            tone = "bold $text-warning" if remark.urgent else "$text"
            lines += Content.styled(remark.text, tone).wrap(max(width, 1))
        if len(lines) > _MOST:
            lines = [*lines[: _MOST - 1], lines[_MOST - 1].truncate(max(width - 1, 1)) + "…"]
        return [line.rstrip() for line in lines]

    def _draw(self) -> None:
        rows = self.get_content_height(self.size, self.size, self.size.width)
        self.refresh(layout=rows != self._rows)
        self._rows = rows

    def _keep(self, remarks: list[_Remark]) -> None:
        if len(remarks) != len(self._remarks):
            self._remarks = remarks
            self._draw()
        if not remarks and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _pass_time(self) -> None:
        """Count the time in sight: none passes beneath another screen or a dialog."""
        if self.app.screen_stack[-1:] == [self.screen]:  # the stack may be empty already, when the program ends
            for remark in self._remarks:
                remark.seen += _TICK
            self._keep([one for one in self._remarks if one.urgent or one.seen < one.seconds])
