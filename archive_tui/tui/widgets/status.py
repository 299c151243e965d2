"""The top line: where we are connected, whether we may change anything, how fresh the data is, what is running."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.content import Content
from textual.widget import Widget

from archive_tui.text import line
from archive_tui.tui.themes import BADGE
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

    unlinked: bool = False
    """Whether the server is a replica that does not hear its primary: its data is older than its answers."""

    paused: bool = False
    """Whether the refresh is paused."""

    trouble: str = ""
    """The reason why the server does not answer; empty while it does."""

    running: str = ""
    """The jobs that are under way; empty for none."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the line that is shown whole or not at all."""

    content: Content
    gives_way: int = 0
    """The order in which pieces leave a line that is too narrow, from 1; 0 stays."""


class StatusBar(Widget):
    """One line; `show` replaces what it says.

    The program's name and the server's product only stand on a wide terminal, so that the line keeps its form while
    figures in it change. Where there is no room, the address is cut first; then pieces give way one by one. What is
    running, how old the data is, the badge of the profile and that nothing may be changed always stay.
    """

    DEFAULT_CSS = """
    StatusBar { height: 1; dock: top; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._status = Status()

    def show(self, status: Status, *, counting: bool = True) -> None:
        """Say this from now on; not `counting`, only if more has changed than the figures that always do."""
        shown = self._status
        if not counting and replace(status, latency=shown.latency, data_age=shown.data_age) == shown:
            return
        if status != self._status:
            self._status = status
            self.refresh()

    def render(self) -> Content:
        status = self._status
        width = self.size.width
        left, middle = _badges(status, roomy=width >= 100), _server(status, roomy=width >= 120)
        right = _freshness(status)
        address = Content.styled(line(status.address), "bold")
        least = min(address.cell_length, _SHORT_ADDRESS)
        kept = _fitting([*left, *middle, *right], width - _MARGIN - least)
        room = width - _MARGIN - _cells(kept)
        address = address.truncate(max(room, 0), ellipsis=True)
        start = Content.assemble(_shown(left, kept), address, _shown(middle, kept))
        end = _shown(right, kept)
        gap = max(width - start.cell_length - end.cell_length - 1, 1)
        return Content.assemble(start, " " * gap, end)


_MARGIN = 2
"""Cells between the two halves of the line, and at its end."""

_SHORT_ADDRESS = 12
"""Cells of the address that are worth more than any piece that gives way."""


def _fitting(pieces: list[_Piece], width: int) -> list[_Piece]:
    """The pieces that are left when as many have given way as it takes to fit them into `width` cells."""
    kept = list(pieces)
    for piece in sorted((piece for piece in pieces if piece.gives_way), key=lambda piece: piece.gives_way):
        if _cells(kept) <= width:
            break
        kept.remove(piece)
    return kept


def _cells(pieces: Sequence[_Piece]) -> int:
    return sum(piece.content.cell_length for piece in pieces)


def _shown(pieces: Sequence[_Piece], kept: Sequence[_Piece]) -> Content:
    return Content.assemble(*(piece.content for piece in pieces if piece in kept))


def _badges(status: Status, *, roomy: bool) -> list[_Piece]:
    """The name of the program and the badge of the profile."""
    pieces = [_Piece(Content.styled(" archive-tui ", "bold $text-accent"), gives_way=2)] if roomy else []
    if status.production:
        badge = Content.styled(f" ● {line(status.profile or 'PRODUCTION').upper()} ", BADGE)
        pieces.append(_Piece(Content.assemble(" ", badge)))
    elif status.profile:
        pieces.append(_Piece(Content.styled(f" ● {line(status.profile)} ", "bold")))
    pieces.append(_Piece(Content(" ")))
    return pieces


def _server(status: Status, *, roomy: bool) -> list[_Piece]:
    """What kind of server it is, and whether we may write."""
    pieces: list[_Piece] = []
    if status.role:
        tone = "$text-warning" if status.role == "replica" else "$text-muted"
        pieces.append(_Piece(Content.styled(f"  {line(status.role)}", tone), gives_way=4))
    if roomy and status.product:
        pieces.append(_Piece(Content.styled(f"  {line(status.product)}", "$text-muted"), gives_way=1))
    if status.read_only:
        pieces.append(_Piece(Content.styled("  read-only", "bold $text-warning")))
    else:
        pieces.append(_Piece(Content.styled("  read-write", "$text-muted"), gives_way=5))
    return pieces


def _freshness(status: Status) -> list[_Piece]:
    """What is running, how fast the server answers, and how old its data is."""
    pieces: list[_Piece] = []
    if status.running:
        pieces.append(_Piece(Content.styled(status.running, "bold $text-accent")))
    if status.trouble:
        pieces.append(_Piece(Content.styled("   ● disconnected, retrying", "bold $text-error")))
    elif status.latency is not None:
        milliseconds = status.latency * 1000
        latency = f"{milliseconds:.0f} ms" if milliseconds >= 1 else "<1 ms"
        pieces.append(_Piece(Content.styled(f"   {latency}", "$text-muted"), gives_way=3))
    if status.unlinked:
        pieces.append(_Piece(Content.styled("   primary away", "bold $text-warning")))
    if status.data_age is not None:
        tone = "$text-warning" if status.trouble or status.paused or status.unlinked else "$text-muted"
        word = "paused, as of" if status.paused else "as of"
        pieces.append(_Piece(Content.styled(f"   {word} {span(status.data_age)} ago", tone)))
    return pieces
