"""Stands at an address and leads to a server behind it, which may become another one: what a failover looks like."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Watch = Callable[[bytes], int | None]
"""Sees what goes one way of a connection; the number of bytes after which the connection is to be cut, or None."""


class Forwarder:
    """Forwards a unix socket to that of a server. `lead_to` makes the same address lead elsewhere, and ends what was
    connected before; `None` leads nowhere. `watches` makes for each connection what sees its requests and its replies.
    """

    def __init__(
        self, path: Path, target: str | None, watches: Callable[[], tuple[Watch, Watch]] | None = None
    ) -> None:
        self.path = path
        self._watches = watches
        self._target = target
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lead_to(self, target: str | None) -> None:
        """From now on, this is where the address leads."""
        with self._lock:
            self._target = target
            opened, self._open = self._open, []
        _end(opened)

    def close(self) -> None:
        self.lead_to(None)
        _end([self._listener])
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                far = self._connected()
                if far is None:
                    near.close()
                    continue
                self._open += [near, far]
            requests, replies = self._watches() if self._watches is not None else (_unseen, _unseen)
            for source, sink, watch in ((near, far, requests), (far, near, replies)):
                thread = threading.Thread(target=_pump, args=(source, sink, watch))
                self._threads.append(thread)
                thread.start()

    def _connected(self) -> socket.socket | None:
        if self._target is None:
            return None
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self._target)
        except OSError:
            far.close()
            return None
        return far


def _unseen(_data: bytes) -> None:
    return None


def _pump(source: socket.socket, sink: socket.socket, watch: Watch) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            end = watch(data)
            sink.sendall(data if end is None else data[:end])
            if end is not None:
                break
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _end(sockets: list[socket.socket]) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


class Cut:
    """Cuts one connection once, inside the replies of the server: the `times`th time that it comes to a place of a kind
    after a request held `after`. Kinds: "length", inside the line that says how long something is; "bulk",
    in the middle of a value; "crlf", between the two bytes that end something; "between", behind a reply and before the
    next; "array", between two elements; "nested", the same inside an array of arrays, as that of EXEC is.
    """

    def __init__(self, kind: str, times: int, after: bytes = b"") -> None:
        self.kind = kind
        self.done = False
        self._left = times
        self._after = after
        self._armed = not after

    def watches(self) -> tuple[Watch, Watch]:
        """For a new connection."""
        places = _Places()
        return self._request, lambda data: self._reply(places, data)

    def _request(self, data: bytes) -> None:
        self._armed = self._armed or self._after in data

    def _reply(self, places: "_Places", data: bytes) -> int | None:
        for offset, kind in places.of(data):
            if kind == self.kind and self._armed and not self.done:
                self._left -= 1
                if not self._left:
                    self.done = True
                    return offset
        return None


class _Places:
    """Walks through a stream of replies (RESP 2), however it is cut into pieces."""

    def __init__(self) -> None:
        self._line = b""
        self._bulk = 0
        self._open: list[int] = []

    def of(self, data: bytes) -> Iterator[tuple[int, str]]:
        """The places in the next piece, each with the bytes before it."""
        at = 0
        while at < len(data):
            if self._bulk:
                taken = min(self._bulk, len(data) - at)
                self._bulk -= taken
                if taken > 4:
                    yield at + taken // 2, "bulk"
                at += taken
                if not self._bulk:
                    yield at - 1, "crlf"
                    yield from self._ended(at)
                continue
            end = data.find(b"\n", at) + 1
            if not end:
                self._line += data[at:]
                return
            line, begun, at = self._line + data[at:end], at, end
            if line[:1] in b"$*" and not self._line:
                yield begun + 1, "length"
            self._line = b""
            yield at - 1, "crlf"
            length = int(line[1:]) if line[:1] in b"$*" else 0
            if line[:1] == b"$" and length >= 0:
                self._bulk = length + 2
            elif line[:1] == b"*" and length > 0:
                self._open.append(length)
            else:
                yield from self._ended(at)

    def _ended(self, at: int) -> Iterator[tuple[int, str]]:
        """Something is whole, and perhaps what it is a part of."""
        while self._open:
            self._open[-1] -= 1
            if self._open[-1]:
                yield at, "nested" if len(self._open) > 1 else "array"
                return
            self._open.pop()
        yield at, "between"


class Cutter:
    """Stands before a server, and cuts a connection when so many bytes of its replies have gone through."""

    def __init__(self, path: Path, server: str) -> None:
        self.path = path
        self.left: int | None = None
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._server)
            self._open += [near, far]
            for source, sink, counted in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._pump, args=(source, sink, counted))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if counted and self.left is not None:
                    data, rest = data[: self.left], data[self.left :]
                    self.left -= len(data)
                    sink.sendall(data)
                    if rest or not self.left:
                        self.left = None
                        break
                    continue
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
