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
        before, self.info = self.info, self._server.identify()
        return before is not None and (self.info.is_another(before) or not self.info.tells)
