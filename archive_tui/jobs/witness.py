"""A witness of which server process answers: after a restart or a failover it is another than before."""

from archive_tui.store.link.server import Server, ServerInfo


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
        return before is not None and (before.run_id != self.info.run_id or not before.run_id)
