"""A link with a delay: TCP on this side, the server's unix socket on the other. It takes nothing from the throughput.

`python tests/benchmarks/link.py SOCKET MILLISECONDS` prints its port and carries until its standard input ends.
Each direction delays by half of the round trip.
"""

import contextlib
import queue
import socket
import sys
import threading
import time

_PIECE = 256 * 1024


def carry(near: socket.socket, far: socket.socket, delay: float) -> None:
    """Carry what comes from one end to the other, each piece as late as it must be, however many are under way."""
    under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def deliver() -> None:
        with contextlib.suppress(OSError):
            while True:
                due, piece = under_way.get()
                wait = due - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                if not piece:
                    break
                far.sendall(piece)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_WR)

    threading.Thread(target=deliver, daemon=True).start()
    with contextlib.suppress(OSError):
        while piece := near.recv(_PIECE):
            under_way.put((time.monotonic() + delay, piece))
    under_way.put((time.monotonic() + delay, b""))


def serve(listener: socket.socket, target: str, delay: float) -> None:
    """Accept for ever."""
    while True:
        near, _ = listener.accept()
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far = socket.socket(socket.AF_UNIX)
        far.connect(target)
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=carry, args=(one, other, delay), daemon=True).start()


if __name__ == "__main__":
    entrance = socket.create_server(("127.0.0.1", 0))
    entrance.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    print(entrance.getsockname()[1], flush=True)
    threading.Thread(target=serve, args=(entrance, sys.argv[1], float(sys.argv[2]) / 2000), daemon=True).start()
    sys.stdin.read()
