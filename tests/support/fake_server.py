"""A server that is none of ours: it says what a test wants, whatever it is asked."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def speaking(answer: Callable[[bytes], bytes], greeting: bytes = b"") -> Iterator[int]:
    """A TCP port at which somebody says `greeting`, then `answer` to each command, by its first word in upper case; an
    empty answer closes the connection.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, answer, greeting))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, answer: Callable[[bytes], bytes], greeting: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            connection.sendall(greeting)
            _talk(connection, answer)


def _talk(connection: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    while received := connection.recv(65_536):
        lines = received.split(b"\r\n")
        starts = [at for at, one in enumerate(lines) if one.startswith(b"*")]
        for start in starts or [-2]:
            reply = answer(lines[start + 2].upper() if start >= 0 else b"")
            if not reply:
                return
            connection.sendall(reply)


def bulk(text: str) -> bytes:
    """A string as the protocol has it."""
    content = text.encode()
    return b"$%d\r\n%b\r\n" % (len(content), content)
