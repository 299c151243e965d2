"""The top line: where we are connected, whether we may change anything, how fresh the data is, what is running."""

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from archive_tui.text import line
from archive_tui.wording.people import span


@dataclass(frozen=True, slots=True)
class Status:
    """Facts for the top line."""

    address: str = ""
    """The server, without secrets."""

    profile: str | None = None
    """The name of the profile; None where none was chosen."""

    production: bool = False
    """Whether the profile says that this is production: its badge is red."""

    role: str = ""
    """primary or replica; empty where the server does not tell."""

    product: str = ""
    """Product and version of the server."""

    read_only: bool = False
    """Whether nothing may be changed."""

    latency: float | None = None
    """Seconds that a question takes to be answered; None before the first answer."""

    data_age: float | None = None
    """Seconds since the data was read; None before it was."""

    paused: bool = False
    """Whether the refresh is paused."""

    trouble: str = ""
    """The reason why the server does not answer; empty while it does."""

    running: str = ""
    """The jobs that are under way; empty for none."""


class StatusBar(Widget):
    """One line; `show` replaces what it says. The address gives way where the terminal is narrow."""

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
        before, after = _before(status, roomy=width >= 100), _after(status, roomy=width >= 120)
        room = width - before.cell_length - after.cell_length - right.cell_length - 2
        address = Content.styled(line(status.address), "bold").truncate(max(room, 8), ellipsis=True)
        left = Content.assemble(before, address, after)
        gap = max(width - left.cell_length - right.cell_length - 1, 1)
        return Content.assemble(left, " " * gap, right)


def _before(status: Status, *, roomy: bool) -> Content:
    """The name of the program and the badge of the profile."""
    parts: list[Content | str | tuple[str, str]] = [" "]
    if roomy:
        parts.append(("archive-tui  ", "bold $text-accent"))
    if status.production:
        parts.append((f" ● {line(status.profile or 'PRODUCTION').upper()} ", "bold $text on $error"))
        parts.append(" ")
    elif status.profile:
        parts.append((f"● {line(status.profile)}  ", "bold"))
    return Content.assemble(*parts)


def _after(status: Status, *, roomy: bool) -> Content:
    """What kind of server it is, and whether we may write."""
    parts: list[Content | str | tuple[str, str]] = []
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
        milliseconds = status.latency * 1000
        parts.append((f"{milliseconds:.0f} ms" if milliseconds >= 1 else "<1 ms", "$text-muted"))
    if status.data_age is not None:
        tone = "$text-warning" if status.trouble or status.paused else "$text-muted"
        word = "paused, as of" if status.paused else "as of"
        parts.append((f"   {word} {span(status.data_age)} ago", tone))
    return Content.assemble(*parts)
