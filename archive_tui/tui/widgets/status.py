"""The top line: where we are connected, whether we may change anything, how fresh the data is, what is running."""

from dataclasses import dataclass, replace

from textual.content import Content
from textual.widget import Widget

from archive_tui.settings.model import BadgeColor
from archive_tui.text import clip, line
from archive_tui.tui.themes import BADGE, badge
from archive_tui.tui.widgets.pieces import Piece, cells, fitting
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

    read_only: bool | None = False
    """Whether nothing may be changed; None where nothing is connected."""

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

    changing: bool = False
    """Whether one of them changes Redis: where that happens is then said in full."""

    namespace: str = ""
    """The namespace, where it is not Asynq's own; empty for that."""

    snapshot: str = ""
    """The moment that a dump file shows, in words; empty for a server."""

    color: BadgeColor | None = None
    """The colour of the badge of a profile that is no production."""

    unverified: bool = False
    """Whether nobody checks the server's certificate: a red badge says so."""

    secrets_shown: bool = False
    """Whether nothing is masked, because the operator asked for it: a badge says so."""


class StatusBar(Widget):
    """One line; `show` replaces what it says.

    The program's name and the server's product only stand on a wide terminal, so that the line keeps its form while
    figures in it change. Where there is no room, the address is cut first; then pieces give way one by one, the
    namespace last. What is running, how old the data is, the badges and that nothing may be changed always stay.

    While something is changed, the address is whole: how old the data is, and in the end how far the change is, give
    way to it.
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
        address = Content.styled(line(status.address), "bold")
        short_address = _BESIDE_NAMESPACE if status.namespace else _SHORT_ADDRESS
        least = address.cell_length if status.changing else short_address
        short, middle = Piece(address.truncate(least, ellipsis=True)), Piece(Content(""))
        pieces = [
            *_badges(status, roomy=width >= 100),
            short,
            *_server(status, roomy=width >= 120),
            middle,
            *_freshness(status),
        ]
        kept = fitting(pieces, width - _MARGIN)
        room = short.content.cell_length + width - _MARGIN - cells(kept)
        shown = [address.truncate(max(room, 0), ellipsis=True) if one is short else one.content for one in kept]
        at = next(number for number, one in enumerate(kept) if one is middle)
        start, end = Content.assemble(*shown[:at]), Content.assemble(*shown[at:])
        gap = max(width - start.cell_length - end.cell_length - 1, 1)
        return Content.assemble(start, " " * gap, end)


UNVERIFIED = "TLS unverified"
"""On the badge of a server whose certificate nobody checks."""

SECRETS_SHOWN = "secrets shown"
"""On the badge of a screen that masks nothing."""

_MARGIN = 3
"""Cells between the two halves of the line, two that neither runs into the other, and one at its end."""

_NAMESPACE = 24
"""Characters of a namespace that are shown."""

_SHORT_ADDRESS = 11
"""Cells of the address that are worth more than any piece that gives way."""

_BESIDE_NAMESPACE = 7
"""The same where a namespace stands beside it."""


def _badges(status: Status, *, roomy: bool) -> list[Piece]:
    """The name of the program, and the badges of the profile and of a server that nobody has verified."""
    pieces = [Piece(Content.styled(" archive-tui ", "bold $text-accent"), gives_way=2)] if roomy else []
    if status.production:
        production = Content.styled(f" ● {line(status.profile or 'PRODUCTION').upper()} ", BADGE)
        pieces.append(Piece(Content.assemble(" ", production)))
    elif status.profile and status.color is not None:
        pieces.append(Piece(Content.assemble(" ", Content.styled(f" ● {line(status.profile)} ", badge(status.color)))))
    elif status.profile:
        pieces.append(Piece(Content.styled(f" ● {line(status.profile)} ", "bold")))
    if status.unverified:
        pieces.append(Piece(Content.assemble(" ", Content.styled(f" {UNVERIFIED} ", BADGE))))
    if status.secrets_shown:
        pieces.append(Piece(Content.assemble(" ", Content.styled(f" {SECRETS_SHOWN} ", BADGE))))
    pieces.append(Piece(Content(" ")))
    return pieces


def _server(status: Status, *, roomy: bool) -> list[Piece]:
    """The namespace, what kind of server it is, and whether we may write."""
    pieces: list[Piece] = []
    if status.namespace:
        pieces.append(
            Piece(Content.styled(f"  {clip(status.namespace, _NAMESPACE)}", "bold $text-accent"), gives_way=7)
        )
    if status.snapshot:
        pieces.append(Piece(Content.styled(f"  snapshot of {status.snapshot}", "bold $text-warning")))
    elif status.role:
        tone = "$text-warning" if status.role == "replica" else "$text-muted"
        pieces.append(Piece(Content.styled(f"  {line(status.role)}", tone), gives_way=4 if not status.changing else 5))
    if roomy and status.product:
        pieces.append(Piece(Content.styled(f"  {line(status.product)}", "$text-muted"), gives_way=1))
    if status.read_only is None:
        return pieces
    if status.read_only:
        pieces.append(Piece(Content.styled("  read-only", "bold $text-warning")))
    else:
        pieces.append(Piece(Content.styled("  read-write", "$text-muted"), gives_way=5 if not status.changing else 4))
    return pieces


def _freshness(status: Status) -> list[Piece]:
    """What is running, how fast the server answers, and how old its data is."""
    pieces: list[Piece] = []
    if status.running:
        pieces.append(Piece(Content.styled(status.running, "bold $text-accent"), cut=status.changing))
    if status.trouble:
        pieces.append(Piece(Content.styled("   ● disconnected, retrying", "bold $text-error")))
    elif status.latency is not None:
        milliseconds = status.latency * 1000
        latency = f"{milliseconds:.0f} ms" if milliseconds >= 1 else "<1 ms"
        pieces.append(Piece(Content.styled(f"   {latency}", "$text-muted"), gives_way=3))
    if status.unlinked:
        pieces.append(Piece(Content.styled("   primary away", "bold $text-warning")))
    if status.data_age is not None:
        tone = "$text-warning" if status.trouble or status.paused or status.unlinked else "$text-muted"
        word = "paused, as of" if status.paused else "as of"
        data_age = Content.styled(f"   {word} {span(status.data_age)} ago", tone)
        pieces.append(Piece(data_age, gives_way=6 if status.changing else 0))
    return pieces
