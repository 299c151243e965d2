"""Read one reply of many MiB from the socket itself, in pieces.

hiredis (3.5) holds such a reply twice, and makes the value in one go, while nothing else of the process runs: 40 ms for
50 MiB. Here it is in memory once, and no step takes longer than a piece does.
"""

import io
import socket

from redis._parsers import BaseParser
from redis.exceptions import ConnectionError, InvalidResponse
from redis.exceptions import TimeoutError as TimedOutError

from archive_tui.store.link.replies import Reply

_PIECE = 256 * 1024
"""Bytes that are taken from the socket at once."""


class LargeReply:
    """The reply to one command, on a connection on which nothing else is under way."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ahead = b""

    def read(self) -> Reply:
        """The reply; an error is returned like any other. Raises ConnectionError and TimeoutError of redis-py, and
        InvalidResponse for what is not of RESP2.
        """
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return self._bulk(int(rest)) if rest != b"-1" else None
        if kind == b"*":
            return [self.read() for _ in range(int(rest))] if rest != b"-1" else None
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"-":
            return BaseParser.parse_error(rest.decode("utf-8", "replace"))  # type: ignore[no-untyped-call]
        raise InvalidResponse(f"a reply that begins with {kind!r} came")

    def _line(self) -> bytes:
        while (end := self._ahead.find(b"\r\n")) < 0:
            self._ahead += self._piece()
        line, self._ahead = self._ahead[:end], self._ahead[end + 2 :]
        return line

    def _bulk(self, length: int) -> bytes:
        value = io.BytesIO()  # it grows in place, and gives away what it holds without a copy
        while value.tell() < length:
            piece = self._ahead or self._piece()
            taken = value.write(piece[: length - value.tell()])
            self._ahead = piece[taken:]
        self._line()
        return value.getvalue()

    def _piece(self) -> bytes:
        try:
            piece = self._sock.recv(_PIECE)
        except TimeoutError as error:
            raise TimedOutError("Timeout reading from socket") from error
        except OSError as error:
            raise ConnectionError(f"Error while reading from socket: {error.args}") from error
        if not piece:
            raise ConnectionError("Connection closed by server.")
        return piece
