"""Connecting to a server: what is found there, what is refused, and that no error holds a password."""

import contextlib
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from support.fake_server import bulk, speaking
from support.servers import Live, wait_until

from archive_tui.asynq.keys import ASYNQ
from archive_tui.errors import ArchiveTuiError, ConnectError, DisconnectedError, NotPermittedError, RefusedError
from archive_tui.settings.model import Secret, Settings, Tls
from archive_tui.store.link.server import Server
from archive_tui.store.read import queues

SECRET = "s3cr3t-word"


def is_one_line_without_secrets(error: BaseException) -> bool:
    said = str(error)
    return bool(said) and said.isprintable() and SECRET not in said


def test_who_answers(any_server: Live) -> None:
    info = any_server.connect().identify()
    facts = any_server.client.info()
    assert info.product == any_server.name
    assert info.version == facts.get("valkey_version", facts["redis_version"])
    assert (info.mode, info.role, info.run_id) == ("standalone", "primary", facts["run_id"])
    assert info.address == f"{any_server.settings.socket}/0"


def test_who_answers_where_it_is_redict() -> None:
    """Redict 7.3.1 gives the version of Redis as well that it began as."""
    facts = "redis_version:7.2.4\r\nredict_version:7.3.1\r\nredict_mode:standalone\r\nrole:master\r\nrun_id:ab\r\n"

    def answer(command: bytes) -> bytes:
        return bulk(facts) if command == b"INFO" else b"+OK\r\n"

    with speaking(answer) as port:
        server = Server(Settings(port=port))
        info = server.identify()
        server.close()
    assert (info.product, info.version, info.mode, info.role) == ("redict", "7.3.1", "standalone", "primary")


def test_we_say_our_name_to_the_server(any_server: Live) -> None:
    any_server.connect().identify()
    assert "archive-tui" in {one["name"] for one in any_server.client.client_list()}


def test_nobody_listens(free_port: int) -> None:
    with pytest.raises(DisconnectedError, match="connection refused: is the server running") as caught:
        Server(Settings(port=free_port)).identify()
    assert f"127.0.0.1:{free_port}/0" in str(caught.value)
    assert caught.value.exit_code == 3
    assert is_one_line_without_secrets(caught.value)


def test_no_such_socket(tmp_path: Path) -> None:
    with pytest.raises(DisconnectedError, match="there is no such socket"):
        Server(Settings(socket=str(tmp_path / "none"))).identify()


def test_a_socket_behind_which_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(tmp_path / "s"))
    with pytest.raises(DisconnectedError, match="connection refused"):
        Server(Settings(socket=str(tmp_path / "s"))).identify()


def test_an_unknown_host() -> None:
    with pytest.raises(DisconnectedError, match="host name is unknown"):
        Server(Settings(host="no-such-host.invalid", timeout=3)).identify()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_of_somebody_else(valkey: Live, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as private:
        private.bind(str(tmp_path / "s"))
        private.listen()
        (tmp_path / "s").chmod(0)
        with pytest.raises(DisconnectedError, match="no permission to open the socket"):
            Server(Settings(socket=str(tmp_path / "s"))).identify()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_server_that_never_answers(deaf: int) -> None:
    with pytest.raises(DisconnectedError, match=r"did not answer within 0\.2 s"):
        Server(Settings(port=deaf, timeout=0.2)).identify()


def test_tls_where_the_server_speaks_none(own_server: Callable[..., Live], free_port: int) -> None:
    own_server(port=free_port)
    with pytest.raises(ConnectError, match="this port speaks no TLS: use redis://") as caught:
        Server(Settings(port=free_port, tls=Tls(), timeout=0.3)).identify()
    assert is_one_line_without_secrets(caught.value)


def test_tls(tls_port: int, authority: Path) -> None:
    for tls in (Tls(ca_file=str(authority / "cert.pem")), Tls(verify=False)):
        server = Server(Settings(port=tls_port, tls=tls, database=1))
        assert server.identify().run_id
        server.close()


def test_tls_without_login_and_database(tls_port: int, authority: Path) -> None:
    for _ in range(30):  # one in three failed
        server = Server(Settings(port=tls_port, tls=Tls(ca_file=str(authority / "cert.pem"))))
        assert server.identify().run_id
        server.close()


def test_a_certificate_that_nobody_vouches_for(tls_port: int) -> None:
    with pytest.raises(ConnectError, match="certificate is signed by nobody but itself") as caught:
        Server(Settings(port=tls_port, tls=Tls())).identify()
    assert is_one_line_without_secrets(caught.value)


def test_a_certificate_for_another_host(tls_port: int, authority: Path) -> None:
    tls = Tls(ca_file=str(authority / "cert.pem"))
    with pytest.raises(ConnectError, match=r"is for 127\.0\.0\.1, not for localhost") as caught:
        Server(Settings(host="localhost", port=tls_port, tls=tls)).identify()
    assert is_one_line_without_secrets(caught.value)


def test_no_tls_where_the_server_wants_it(tls_port: int) -> None:
    with pytest.raises(ConnectError, match="this port speaks TLS: use rediss://") as caught:
        Server(Settings(port=tls_port, timeout=2)).identify()
    assert is_one_line_without_secrets(caught.value)


def test_an_authority_that_is_not_there(tls_port: int) -> None:
    with pytest.raises(ConnectError) as caught:
        Server(Settings(port=tls_port, tls=Tls(ca_file="/none.pem"))).identify()
    assert is_one_line_without_secrets(caught.value)


def test_something_else_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[31m\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ArchiveTuiError) as caught:
            Server(Settings(port=listener.getsockname()[1], timeout=2)).identify()
        thread.join()
    assert is_one_line_without_secrets(caught.value)


@pytest.fixture
def locked(own_server: Callable[..., Live]) -> Live:
    """A server that wants a password."""
    return own_server("--requirepass", SECRET, password=SECRET)


def test_the_right_password(locked: Live) -> None:
    assert locked.connect().identify().run_id


def test_no_password_where_one_is_wanted(locked: Live) -> None:
    with pytest.raises(ConnectError, match="asks for a password: set ARCHIVE_TUI_PASSWORD") as caught:
        locked.connect(password=None).identify()
    assert not isinstance(caught.value, DisconnectedError)  # trying again would not help


def test_the_wrong_password(locked: Live) -> None:
    with pytest.raises(ConnectError, match="refused this user and password") as caught:
        locked.connect(password="wrong").identify()
    assert not isinstance(caught.value, DisconnectedError)


def test_a_password_where_none_is_wanted(any_server: Live) -> None:
    with pytest.raises(ConnectError, match="has no password set"):
        any_server.connect(password=SECRET).identify()


def test_users(any_server: Live) -> None:
    any_server.user("ann", "~*", "+@all")
    assert any_server.connect(username="ann", password="word").identify().run_id
    for changes in ({"password": "wrong"}, {"username": "bob"}, {"password": None}):
        with pytest.raises(ConnectError, match="refused this user and password"):
            any_server.connect(**{"username": "ann", "password": "word", **changes}).identify()
    any_server.client.execute_command("ACL", "SETUSER", "ann", "off")
    with pytest.raises(ConnectError, match="that the user is enabled"):
        any_server.connect(username="ann", password="word").identify()


def test_databases(any_server: Live) -> None:
    any_server.client.execute_command("SELECT", 3)
    any_server.asynq.register("in-three")
    with any_server.pipe(database=3) as pipe:
        assert queues.registered(pipe) == ["in-three"]
    with any_server.pipe() as pipe:
        assert queues.registered(pipe) == []


def test_a_database_that_is_not_there(any_server: Live) -> None:
    with pytest.raises(ConnectError, match="no such database: choose another with --db") as caught:
        any_server.connect(database=99).identify()
    assert not isinstance(caught.value, DisconnectedError)


def test_a_command_that_is_not_permitted_is_named(any_server: Live) -> None:
    any_server.user("ann", "~*", "+@all", "-smembers")
    with any_server.connect(username="ann", password="word").pipe() as pipe, pytest.raises(redis.ResponseError):
        queues.registered(pipe)
    server = any_server.connect(username="ann", password="word")
    with pytest.raises(NotPermittedError) as caught, server.pipe() as pipe:
        queues.registered(pipe)
    assert caught.value.command == "SMEMBERS"
    assert "smembers" in str(caught.value)
    assert caught.value.exit_code == 5
    assert is_one_line_without_secrets(caught.value)


def test_a_key_that_is_not_permitted(any_server: Live) -> None:
    any_server.user("ann", "~asynq:{default}:*", "+@all")
    with pytest.raises(NotPermittedError), any_server.pipe(username="ann", password="word") as pipe:
        queues.registered(pipe)


def test_a_command_that_the_server_does_not_know(own_server: Callable[..., Live]) -> None:
    live = own_server("--rename-command", "SMEMBERS", "")
    with pytest.raises(NotPermittedError) as caught, live.pipe() as pipe:
        queues.registered(pipe)
    assert caught.value.command == "SMEMBERS"


def test_a_server_that_will_not_say_who_it_is(any_server: Live) -> None:
    any_server.user("ann", "~*", "+@all", "-info", "-client")
    info = any_server.connect(username="ann", password="word").identify()
    assert info.version, "HELLO tells it"
    assert info.run_id == ""
    assert info.address == any_server.connect().address


def test_a_server_that_pauses(any_server: Live) -> None:
    server = any_server.connect(timeout=0.1)
    server.identify()
    any_server.client.execute_command("CLIENT", "PAUSE", "400")
    with pytest.raises(DisconnectedError, match=r"did not answer within 0\.1 s"):
        server.identify()
    assert any_server.client.ping()  # answered when the pause is over
    assert server.identify().run_id


def test_an_answer_that_came_too_late_is_never_taken_for_another(own_server: Callable[..., Live]) -> None:
    live = own_server()
    live.asynq.register("a")
    server = live.connect(timeout=0.3)
    with pytest.raises(DisconnectedError), server.pipe() as pipe:
        pipe.call([(b"DEBUG", b"SLEEP", b"0.4"), (b"ECHO", b"late")])
    for _ in range(3):  # the first of these is asked before the late answers come
        with server.pipe() as pipe:
            assert pipe.one(b"SMEMBERS", ASYNQ.queues) == [b"a"]


def test_a_connection_that_the_server_has_cut_is_made_again(any_server: Live) -> None:
    server = any_server.connect()
    server.identify()
    any_server.client.client_kill_filter(_type="normal", skipme=True)
    assert server.identify().run_id


def test_a_connection_that_is_cut_in_the_middle(any_server: Live) -> None:
    def cut() -> None:
        with any_server.pipe() as pipe:
            pipe.one(b"PING")
            any_server.client.client_kill_filter(_type="normal", skipme=True)
            pipe.one(b"PING")

    with pytest.raises(DisconnectedError) as caught:
        cut()
    assert is_one_line_without_secrets(caught.value)


def test_a_server_without_room_for_more_clients(own_server: Callable[..., Live]) -> None:
    live = own_server()
    live.client.config_set("maxclients", 1)
    with pytest.raises(DisconnectedError) as caught:
        live.connect().identify()
    assert is_one_line_without_secrets(caught.value)


def test_a_replica_refuses_to_write(own_server: Callable[..., Live], free_port: int) -> None:
    live = own_server()
    live.client.execute_command("REPLICAOF", "127.0.0.1", free_port)
    assert live.connect().identify().role == "replica"
    with pytest.raises(RefusedError, match="read-only replica: connect to its primary"), live.pipe() as pipe:
        pipe.one(b"SET", b"a", b"b")


def test_a_server_that_is_out_of_memory(own_server: Callable[..., Live]) -> None:
    live = own_server("--maxmemory", "1")
    with pytest.raises(RefusedError, match="out of memory"), live.pipe() as pipe:
        pipe.one(b"SET", b"a", b"b")


def test_a_server_that_is_busy_with_a_script(own_server: Callable[..., Live]) -> None:
    live = own_server("--lua-time-limit", "50")
    live.client.connection_pool.connection_kwargs["socket_timeout"] = 20

    def hang() -> None:
        with contextlib.suppress(redis.ResponseError):  # it is killed
            redis.Redis(unix_socket_path=live.settings.socket).eval("while true do end", 0)

    thread = threading.Thread(target=hang)
    thread.start()

    def busy() -> bool:
        try:
            live.client.ping()
        except redis.ResponseError as error:
            return "BUSY" in str(error)
        return False

    wait_until(busy)
    with pytest.raises(DisconnectedError, match="cannot answer now"), live.pipe() as pipe:
        pipe.one(b"PING")
    live.client.script_kill()
    thread.join()


def with_locals(error: BaseException) -> str:
    """What a crash report that prints local variables would print."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize("case", ["wrong password", "password unwanted", "unreachable", "cut", "not permitted", "deaf"])
def test_no_traceback_holds_the_password(case: str, own_server: Callable[..., Live], deaf: int) -> None:
    live = own_server("--requirepass", "other", password="other")
    secret = Secret(SECRET)
    failing: Settings = {
        "wrong password": replace(live.settings, password=secret),
        "password unwanted": replace(live.settings, username="nobody", password=secret),
        "unreachable": Settings(socket="/none", username="ann", password=secret),
        "cut": replace(live.settings, username="ann", password=secret),
        "not permitted": replace(live.settings, username="ann", password=secret),
        "deaf": Settings(port=deaf, password=secret, timeout=0.2),
    }[case]
    live.client.execute_command("ACL", "SETUSER", "ann", "reset", "on", f">{SECRET}", "~*", "+ping", "+client|kill")
    server = Server(failing)

    def fail() -> None:
        with server.pipe() as pipe:
            if case == "cut":
                live.client.client_kill_filter(_type="normal", skipme=True)
            pipe.one(b"DBSIZE" if case == "not permitted" else b"PING")

    with pytest.raises(ArchiveTuiError) as caught:
        fail()
    assert is_one_line_without_secrets(caught.value)
    report = with_locals(caught.value)
    assert "server" in report  # it does print variables
    assert SECRET not in report
    assert SECRET not in repr(server.__dict__)


def test_a_defect_while_connected_prints_no_password(own_server: Callable[..., Live]) -> None:
    live = own_server("--requirepass", SECRET, password=SECRET)
    server = live.connect()

    def fail() -> None:
        with server.pipe() as pipe:
            pipe.one(b"PING")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    assert SECRET not in with_locals(caught.value)
