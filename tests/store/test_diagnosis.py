"""What else may stand at an address, and why a server turns us away: each told by its kind, with what to do."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Command
from support.fake_server import speaking
from support.proxy import Forwarder
from support.server_programs import REDIS_SERVER
from support.servers import Live, wait_until

from archive_tui.asynq.actions import Action
from archive_tui.errors import ConnectError, DisconnectedError, RefusedError
from archive_tui.session import Session
from archive_tui.settings.model import Settings, Tls
from archive_tui.store.link.diagnosis import diagnose
from archive_tui.store.write import cleanup

HTTP = b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[31m\r\n\r\n"
DENIED = b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n"
FULL = b"-ERR max number of clients reached\r\n"


def refusal_of(settings: Settings) -> ConnectError:
    """What a session says that cannot even begin."""
    session = Session(settings)
    with pytest.raises(ConnectError) as caught:
        session.open()
    session.close()
    assert caught.value.exit_code == 3
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize(
    ("greeting", "answered", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", b"", "an SSH server answers there, not Redis"),
        (b"", HTTP, "a web server answers there, not Redis"),
        (b"220 mail.example ESMTP\r\n", b"502 what?\r\n", "something else answers there, not Redis (220 mail.example"),
        (b"\x1b[2Jhello\r\n", b"", "something else answers there"),
        (DENIED, b"", "protected mode and takes connections from its own machine only"),
        (FULL, b"", "no room for more clients (maxclients)"),
    ],
)
@pytest.mark.parametrize("database", [0, 1])
def test_what_stands_there_is_named(greeting: bytes, answered: bytes, said: str, database: int) -> None:
    """Whether or not anything is sent before the first answer is read."""
    with speaking(lambda _: answered, greeting) as port:
        assert said in str(refusal_of(Settings(port=port, database=database, timeout=2)))


def test_only_what_passes_is_worth_another_try() -> None:
    for greeting, passing in ((FULL, True), (DENIED, False), (b"SSH-2.0-x\r\n", False)):
        with speaking(lambda _: b"", greeting) as port:
            assert isinstance(refusal_of(Settings(port=port, timeout=2)), DisconnectedError) is passing


def test_a_server_in_protected_mode(own_server: Callable[..., Live], any_binary: str, free_port: int) -> None:
    """It turns away whoever does not come from its own machine, by the address."""
    address = _own_address()
    own_server("--bind", "127.0.0.1", address, "--protected-mode", "yes", port=free_port, binary=any_binary)
    assert "protected mode" in str(refusal_of(Settings(host=address, port=free_port, timeout=2)))


def _own_address() -> str:
    """An address of this machine that is not the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has the loopback address alone")
        address = str(probe.getsockname()[0])
    if address.startswith("127."):
        pytest.skip("this machine has the loopback address alone")
    return address


@pytest.mark.parametrize("by", ["socket", "port"])
def test_a_server_without_room(own_server: Callable[..., Live], any_binary: str, free_port: int, by: str) -> None:
    live = own_server(port=free_port, binary=any_binary)
    live.client.config_set("maxclients", 1)
    settings = live.settings if by == "socket" else Settings(port=free_port, timeout=2)
    error = refusal_of(settings)
    assert isinstance(error, DisconnectedError)
    assert "no room for more clients" in str(error)


@pytest.fixture
def sentinel(own_server: Callable[..., Live], tmp_path: Path, free_port: int) -> Iterator[int]:
    """The port of a Sentinel that watches a primary."""
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text("sentinel monitor asynq 127.0.0.1 6390 1\n")
    process = subprocess.Popen(
        [REDIS_SERVER, str(configuration), "--sentinel", "--port", str(free_port), "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(free_port))
        yield free_port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_sentinel_is_no_server_with_tasks(sentinel: int) -> None:
    said = str(refusal_of(Settings(port=sentinel)))
    assert f"is a Sentinel, which holds no tasks itself: write redis+sentinel://127.0.0.1:{sentinel}/asynq/0" in said
    said = str(refusal_of(Settings(port=sentinel, database=1)))
    assert f"write redis+sentinel://127.0.0.1:{sentinel}/asynq/1 to reach the service that it watches" in said


def test_a_socket_whose_server_goes_away_speaks_no_tls(tmp_path: Path) -> None:
    forwarder = Forwarder(tmp_path / "redis.sock", None)
    try:
        assert diagnose(Settings(socket=str(forwarder.path))) is None
        assert isinstance(refusal_of(Settings(socket=str(forwarder.path))), DisconnectedError)
    finally:
        forwarder.close()


def test_a_port_that_speaks_tls(tls_port: int, cli: Command) -> None:
    ended = cli("queues", "--url", f"redis://127.0.0.1:{tls_port}")
    assert ended.code == 3
    assert "this port speaks TLS: use rediss://" in ended.complaint


def test_a_port_that_speaks_no_tls(own_server: Callable[..., Live], any_binary: str, free_port: int) -> None:
    own_server(port=free_port, binary=any_binary)
    settings = Settings(port=free_port, tls=Tls(verify=False), timeout=1)
    assert "this port speaks no TLS: use redis://" in str(refusal_of(settings))


# Servers that refuse to write


def test_a_server_that_cannot_save_takes_no_writes(
    own_server: Callable[..., Live], any_binary: str, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    live = own_server("--dir", str(folder), binary=any_binary)
    folder.rmdir()
    live.client.config_set("save", "3600 1")
    live.client.bgsave()
    wait_until(lambda: live.client.info("persistence")["rdb_last_bgsave_status"] == "err")
    with pytest.raises(RefusedError, match="cannot save its data: have its disk and log looked at") as caught:
        register(live)
    assert caught.value.exit_code == 5


def test_a_server_without_enough_replicas_takes_no_writes(own_server: Callable[..., Live], any_binary: str) -> None:
    live = own_server(binary=any_binary)
    live.client.config_set("min-replicas-to-write", 1)
    with pytest.raises(RefusedError, match="too few replicas hear it") as caught:
        register(live)
    assert caught.value.exit_code == 5


def register(live: Live) -> Any:
    with live.pipe() as pipe:
        return cleanup.register(pipe, "q")


@pytest.mark.parametrize("name", ["", "run-script"])
def test_a_server_without_scripts_is_noticed_at_the_start(
    own_server: Callable[..., Live], any_binary: str, name: str
) -> None:
    live = own_server("--rename-command", "EVAL", name, binary=any_binary)
    live.asynq.register("q")
    session = Session(live.settings)
    session.open()
    assert "EVAL" in (session.why_not(Action.DELETE, "q") or "")
    assert session.read_only
    session.close()
