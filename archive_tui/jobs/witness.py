"""A witness of which server process answers: after a restart or a failover it is another than before."""

from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import ServerInfo


class Witness:
    """Knows who answered last. Where the server does not tell who it is (`INFO` refused), every new connection may lead
    to another.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.info: ServerInfo | None = None
        """The server as it was when it was last looked at; None before."""

    def look(self) -> bool:
        """Whether another server process answers than the time before; asks it. Raises DisconnectedError."""
        before, now = self.info, self._server.identify()
        self.info = now if before is None else now.remembering(before)
        return before is not None and (now.is_another(before) or not now.tells)
