"""A server that is none of ours: it says what a test wants, whatever it is asked."""

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def speaking(answer: Callable[[bytes], bytes], greeting: bytes = b"") -> Iterator[int]:
    """A TCP port at which somebody says `greeting`, then `answer` to each command, by its first word in upper case; an
    empty answer closes the connection.
    """

    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.settimeout(5)
                self.request.sendall(greeting)
                while received := self.request.recv(65_536):
                    for command in _commands(received):
                        if not (reply := answer(command)):
                            return
                        self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _commands(received: bytes) -> list[bytes]:
    """The first words of the commands in some bytes, in upper case; of what is no command, one that is empty."""
    lines = received.split(b"\r\n")
    starts = [at for at, one in enumerate(lines) if one.startswith(b"*")]
    return [lines[at + 2].upper() for at in starts if at + 2 < len(lines)] or [b""]


def bulk(text: str) -> bytes:
    """A string as the protocol has it."""
    content = text.encode()
    return b"$%d\r\n%b\r\n" % (len(content), content)
