"""A witness of which server process answers: after a restart or a failover it is another than before."""

from archive_tui.store.link.server import Server


class Witness:
    """Knows who answered last. Where the server does not tell who it is (`INFO` refused), every new connection may lead
    to another.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._run_id: str | None = None

    def look(self) -> bool:
        """Whether another server process answers than the time before; asks it. Raises DisconnectedError."""
        before, self._run_id = self._run_id, self._server.identify().run_id
        return before is not None and (before != self._run_id or not before)
