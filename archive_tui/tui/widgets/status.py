"""The top line: where we are connected, whether we may change anything, how fresh the data is, what is running."""

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from archive_tui.present import span
from archive_tui.text import line


@dataclass(frozen=True, slots=True)
class Status:
    """What the line says. `latency` in seconds, `data_age` seconds since the data was read."""

    address: str = ""
    profile: str | None = None
    production: bool = False
    role: str = ""
    product: str = ""
    read_only: bool = False
    latency: float | None = None
    data_age: float | None = None
    paused: bool = False
    trouble: str = ""
    running: str = ""


class StatusBar(Widget):
    """One line; `show` replaces what it says. The left part gives way first where the terminal is narrow."""

    DEFAULT_CSS = """
    StatusBar { height: 1; dock: top; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._status = Status()

    def show(self, status: Status) -> None:
        """Say this from now on."""
        if status != self._status:
            self._status = status
            self.refresh()

    def render(self) -> Content:
        status = self._status
        width = self.size.width
        right = _right(status)
        left = _left(status, roomy=width >= 90)
        room = width - right.cell_length - 2
        left = left.truncate(max(room, 0), ellipsis=True)
        gap = max(width - left.cell_length - right.cell_length - 1, 1)
        return Content.assemble(left, " " * gap, right)


def _left(status: Status, *, roomy: bool) -> Content:
    parts: list[Content | str | tuple[str, str]] = [" "]
    if roomy:
        parts.append(("archive-tui  ", "bold $text-accent"))
    if status.production:
        parts.append((f" ● {line(status.profile or 'PRODUCTION').upper()} ", "bold $text on $error"))
        parts.append(" ")
    elif status.profile:
        parts.append((f"● {line(status.profile)}  ", "bold"))
    parts.append((line(status.address), "bold"))
    if status.role:
        parts.append((f"  {line(status.role)}", "$text-warning" if status.role == "replica" else "$text-muted"))
    if roomy and status.product:
        parts.append((f"  {line(status.product)}", "$text-muted"))
    parts.append(("  read-only", "bold $text-warning") if status.read_only else ("  read-write", "$text-muted"))
    return Content.assemble(*parts)


def _right(status: Status) -> Content:
    parts: list[Content | str | tuple[str, str]] = []
    if status.running:
        parts += [(status.running, "bold $text-accent"), "   "]
    if status.trouble:
        parts.append(("● disconnected, retrying", "bold $text-error"))
    elif status.latency is not None:
        parts.append((f"{status.latency * 1000:.0f} ms", "$text-muted"))
    if status.data_age is not None:
        tone = "$text-warning" if status.trouble or status.paused else "$text-muted"
        word = "paused, as of" if status.paused else "as of"
        parts.append((f"   {word} {span(status.data_age)} ago", tone))
    return Content.assemble(*parts)
