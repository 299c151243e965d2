"""Servers of the tests: processes to be killed and started again, and a running one as a test meets it."""

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from archive_tui.asynq.rows import TaskRow
from archive_tui.settings.model import Secret, Settings
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read.walk import Scan, Step
from support.asynq_data import Asynq
from support.server_programs import ServerProgram

PATIENCE = 20.0


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for a condition, and fail where it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


_FIRST_PORT, _PORTS_A_WORKER = 10_000, 2_500
"""Ports of a worker of the tests: below those that the system gives to connections and to listeners that want any
(from 32,768 on), and none of another worker. A port that was found free stays so until a server listens there.
"""


def _ports() -> Iterator[int]:
    first = _FIRST_PORT + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8 * _PORTS_A_WORKER
    at = random.SystemRandom().randrange(_PORTS_A_WORKER)  # others may run tests on this machine as well
    while True:
        yield first + at
        at = (at + 1) % _PORTS_A_WORKER


_some_ports = _ports()


def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens, another one each time."""
    for port in _some_ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


class ServerProcess:
    """A server of one's own, to be killed and started again. What it was told survives in an append-only file."""

    def __init__(self, binary: str | ServerProgram, directory: Path, *options: str, port: int = 0) -> None:
        program = ServerProgram(binary) if isinstance(binary, str) else binary
        self.socket = directory / "s.sock"
        self.port = port
        self.settings = Settings(socket=str(self.socket))
        self._log = directory / "log"
        self._arguments = [
            program.path, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket), "--save", "",
            "--dir", str(directory), "--appendfsync", "no", *program.options, *options,
        ]  # fmt: skip
        self._environment = program.environment(directory)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        wait_until(self._answers)

    def launch(self) -> None:
        """Start it, and leave it to load its data."""
        self.socket.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def running(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None

    def restart(self) -> None:
        """Another process with the same data."""
        self.kill()
        self.start()

    def answers(self) -> bool:
        """Whether it is there and answers."""
        return self._process is not None and self._process.poll() is None and self._answers()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process, while there is one."""
        return self._process

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


@dataclass
class Live:
    """A running server as a test meets it: `client` is the test's own way in, apart from the code under test."""

    name: str
    settings: Settings
    client: redis.Redis
    process: ServerProcess | None = None
    _opened: list[Server] = field(default_factory=list)

    @property
    def asynq(self) -> Asynq:
        """Writes into the server what Asynq would."""
        return Asynq(self.client)

    @property
    def url(self) -> str:
        """How the command line reaches it."""
        return f"unix://{self.settings.socket}?db={self.settings.database}"

    def connect(self, **changes: Any) -> Server:
        """The code under test, connected with these settings changed; closed when the test ends."""
        if isinstance(changes.get("password"), str):
            changes["password"] = Secret(changes["password"])
        server = Server(replace(self.settings, **changes))
        self._opened.append(server)
        return server

    @contextlib.contextmanager
    def pipe(self, **changes: Any) -> Iterator[Pipe]:
        """A connection of the code under test."""
        with self.connect(**changes).pipe() as pipe:
            yield pipe

    def user(self, name: str, *rules: str) -> None:
        """Make an ACL user with the password `word`, who may do only what these rules say."""
        self.client.execute_command("ACL", "SETUSER", name, "reset", "on", ">word", *rules)

    def scan(self, queues: list[str] | None = None, count: int = 100, **changes: Any) -> "Found":
        """Scan from start to end."""
        scan = Scan(queues, count=count)
        with self.pipe(**changes) as pipe:
            steps = [scan.step(pipe)]
            while not scan.done:
                steps.append(scan.step(pipe))
        return Found(steps)

    def calls(self) -> dict[str, int]:
        """How often the server has run each command."""
        return {name[8:].lower(): facts["calls"] for name, facts in self.client.info("commandstats").items()}

    def close(self) -> None:
        """Close what the test opened."""
        for server in self._opened:
            server.close()
        self.client.close()


def rows_of(step: Step) -> list[TaskRow]:
    """The findings of one step, one by one."""
    return [row for batch in step.batches for row in batch.rows()]


@dataclass
class Found:
    """What a whole scan has brought."""

    steps: list[Step]

    @property
    def rows(self) -> list[TaskRow]:
        return list({(row.queue, row.id): row for step in self.steps for row in rows_of(step)}.values())

    @property
    def findings(self) -> set[tuple[str, bytes, str]]:
        return {(row.queue, row.id, str(row.kind)) for row in self.rows}

    def total(self, name: str) -> int:
        return sum(getattr(step, name) for step in self.steps)


def live_of(name: str, settings: Settings, process: ServerProcess | None = None) -> Live:
    client = redis.Redis(
        unix_socket_path=settings.socket,
        retry=Retry(NoBackoff(), 0),
        password=settings.password.reveal() if settings.password else None,
    )
    return Live(name, settings, client, process)


@contextlib.contextmanager
def fresh(name: str, settings: Settings) -> Iterator[Live]:
    live = live_of(name, settings)
    live.client.flushall()
    live.client.config_resetstat()
    try:
        yield live
    finally:
        for user in live.client.acl_users():
            if user != "default":
                live.client.acl_deluser(user)
        live.close()
