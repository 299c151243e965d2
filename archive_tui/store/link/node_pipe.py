"""A pipe to one server process, over a connection of its own."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.exceptions import ConnectionError, InvalidResponse

from archive_tui.asynq.keys import Keys
from archive_tui.settings.model import Snapshot
from archive_tui.store.link.abilities import Abilities
from archive_tui.store.link.large_reply import LargeReply
from archive_tui.store.link.node import Node
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import PLAIN, Reply, raise_first

if TYPE_CHECKING:
    from archive_tui.store.facts import Encryption


class NodePipe(Pipe):
    """A connection to a node, open until it is given back by `release`."""

    def __init__(
        self,
        node: Node,
        abilities: Abilities,
        keys: Keys,
        *,
        read_only: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        super().__init__(abilities, keys, read_only=read_only, snapshot=snapshot)
        self.node = node
        self._connection = node.connect()

    @property
    def encryption(self) -> Encryption | None:
        """TLS of this connection, and whether the other end had to prove who it is; None where it is not encrypted."""
        sock = getattr(self._connection, "_sock", None)
        if not isinstance(sock, ssl.SSLSocket) or (cipher := sock.cipher()) is None:
            return None
        from archive_tui.store.facts import Encryption

        until = (sock.getpeercert() or {}).get("notAfter")  # without verification nothing of it is told
        return Encryption(
            sock.version() or "",
            cipher[0],
            sock.context.verify_mode is not ssl.CERT_NONE,
            float(ssl.cert_time_to_seconds(str(until))) if until else None,
        )

    def send(self, packed: Sequence[bytes], count: int | None = None) -> None:
        self.owed += len(packed) if count is None else count
        self._connection.send_packed_command([b"".join(packed)], check_health=False)  # type: ignore[no-untyped-call]

    def receive(self, count: int) -> list[Reply]:
        self.owed -= count
        parser: Any = self._connection._parser
        read, reader = parser.read_response, getattr(parser, "_reader", None)
        if reader is None:  # without hiredis, or not connected
            return [read(disable_decoding=True) for _ in range(count)]
        # What has arrived is taken from the parser itself: `read_response` costs several times as much for each reply.
        gets = reader.gets
        replies: list[Reply] = []
        while len(replies) < count:
            fresh = [gets(False) for _ in range(count - len(replies))]
            if not PLAIN.issuperset(map(type, fresh)):
                for at, reply in enumerate(fresh):
                    if reply is NOT_ENOUGH_DATA:  # nor is there for those behind it
                        fresh[at:] = [_of_resp2(read(disable_decoding=True))]
                        break
                    if isinstance(reply, ConnectionError):
                        raise reply
                    _of_resp2(reply)
            replies += fresh
        return replies

    def large(self, *command: bytes) -> Reply:
        parser: Any = self._connection._parser
        reader, sock = getattr(parser, "_reader", None), getattr(self._connection, "_sock", None)
        if self.owed or sock is None or reader is None or reader.has_data():
            return self.one(*command)
        self.refuse_writing([command])
        self.send([pack(command)])
        reply = LargeReply(sock).read()
        self.owed -= 1
        raise_first([reply])
        return reply

    def release(self, *, broken: bool) -> None:
        """Give the connection back; closed where the exchange is `broken`, or replies are still to come: nobody else
        must take them for the answers to theirs.
        """
        if broken or self.owed:
            self._connection.disconnect()  # type: ignore[no-untyped-call]
        self.node.release(self._connection)


def _of_resp2(reply: Reply) -> Reply:
    """The same reply. Raises InvalidResponse for what RESP3 alone has: it must not pass for something else."""
    if type(reply) not in PLAIN and not isinstance(reply, Exception):
        raise InvalidResponse(f"a {type(reply).__name__} of RESP3 came")
    return reply
