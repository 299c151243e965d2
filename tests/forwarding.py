"""Stands at an address and leads to a server behind it, which may become another one: what a failover looks like."""

import contextlib
import socket
import threading
from pathlib import Path


class Forwarder:
    """Forwards a unix socket to that of a server. `lead_to` makes the same address lead elsewhere, and ends what was
    connected before; `None` leads nowhere.
    """

    def __init__(self, path: Path, target: str | None) -> None:
        self.path = path
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
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=_pump, args=(source, sink))
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


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _end(sockets: list[socket.socket]) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
