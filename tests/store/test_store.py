"""What Asynq has, read from real servers: connecting and what can go wrong, queues, tasks and the pipe."""

import contextlib
import hashlib
import os
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import asynq_data
from support.asynq_data import NOW, prefix
from support.servers import Live, wait_until

from archive_tui.asynq import keys
from archive_tui.asynq.states import State
from archive_tui.errors import (
    ArchiveTuiError,
    ConnectError,
    DisconnectedError,
    NotAsynqError,
    NotFoundError,
    NotPermittedError,
    RefusedError,
)
from archive_tui.settings.model import Secret, Settings, Tls
from archive_tui.store.link.pipe import pack
from archive_tui.store.link.server import Server
from archive_tui.store.read import queues, tasks
from archive_tui.text import decode

SECRET = "s3cr3t-word"
TODAY = datetime.fromtimestamp(NOW, UTC)


def is_one_line_without_secrets(error: BaseException) -> bool:
    said = str(error)
    return bool(said) and said.isprintable() and SECRET not in said


# Connecting


def test_who_answers(any_server: Live) -> None:
    info = any_server.connect().identify()
    facts = any_server.client.info()
    assert info.product == any_server.name
    assert info.version == facts.get("valkey_version", facts["redis_version"])
    assert (info.mode, info.role, info.run_id) == ("standalone", "primary", facts["run_id"])
    assert info.address == f"{any_server.settings.socket}/0"
    assert info.used_memory is not None
    assert info.used_memory > 100_000


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
    with pytest.raises(DisconnectedError) as caught:
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
    with pytest.raises(DisconnectedError, match="certificate is not trusted: give its authority with") as caught:
        Server(Settings(port=tls_port, tls=Tls())).identify()
    assert is_one_line_without_secrets(caught.value)


def test_a_certificate_for_another_host(tls_port: int, authority: Path) -> None:
    tls = Tls(ca_file=str(authority / "cert.pem"))
    with pytest.raises(DisconnectedError) as caught:
        Server(Settings(host="localhost", port=tls_port, tls=tls)).identify()
    assert is_one_line_without_secrets(caught.value)


def test_no_tls_where_the_server_wants_it(tls_port: int) -> None:
    with pytest.raises(DisconnectedError) as caught:
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
    assert (info.version, info.run_id, info.used_memory) == ("", "", None)
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
            assert pipe.one(b"SMEMBERS", keys.QUEUES) == [b"a"]


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


# Is it Asynq's?


def test_an_installation_is_recognised(any_server: Live) -> None:
    any_server.asynq.register("b", "a")
    any_server.asynq.add("a", "one", "pending")
    assert queues.recognise(any_server.connect()) == ["a", "b"]


def test_an_empty_database_is_not_asynqs(any_server: Live) -> None:
    with pytest.raises(NotAsynqError, match=r"is empty: check the database number \(--db\)") as caught:
        queues.recognise(any_server.connect())
    assert caught.value.exit_code == 3


def test_somebody_elses_database_is_not_asynqs(any_server: Live) -> None:
    any_server.client.mset({f"session:{number}": "x" for number in range(1234)})
    any_server.client.set("asynq:servers", "x")
    with pytest.raises(NotAsynqError, match="holds 1,235 keys, none of them Asynq's"):
        queues.recognise(any_server.connect())


def test_a_set_of_queues_that_is_none(any_server: Live) -> None:
    any_server.client.set("asynq:queues", "x")
    with pytest.raises(NotAsynqError, match="asynq:queues is a string"):
        queues.recognise(any_server.connect())


def test_leftover_queues_alone_are_asynqs(any_server: Live) -> None:
    any_server.asynq.add("left", "one", "completed")
    assert queues.recognise(any_server.connect()) == []


OLD = asynq_data.a_message("old", "abc").SerializeToString()


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.zadd("asynq:{old}:dead", {OLD: 1}),
        lambda client: client.zadd("asynq:{old}:deadlines", {OLD: 1}),
        lambda client: client.lpush("asynq:{old}:pending", OLD),
        lambda client: client.lpush("asynq:{old}:pending", b'{"Type":"x","Payload":null,"ID":"1","Queue":"old"}'),
    ],
    ids=["dead", "deadlines", "message", "json"],
)
def test_storage_of_before_018_is_recognised(
    any_server: Live, registered: bool, write: Callable[[redis.Redis], object]
) -> None:
    write(any_server.client)
    if registered:
        any_server.asynq.register("old", "new")
    with pytest.raises(NotAsynqError, match=r"'old' was written by Asynq before 0\.18.*asynq migrate"):
        queues.recognise(any_server.connect())


@pytest.mark.parametrize("task_id", [b"{}", b"\x0a\x01a", b"hello", b"\xff", OLD[:5], b""])
def test_odd_ids_are_not_taken_for_old_storage(any_server: Live, task_id: bytes) -> None:
    any_server.asynq.register("new")
    any_server.asynq.add("new", task_id, "pending")
    assert queues.recognise(any_server.connect()) == ["new"]


# Queues

NASTY_QUEUES = ["q", "q*", "q?", "[q]", "{q}", "q\\", "a-z^", "a b", "grüße", "\x1b[31m\n", "caf\udce9", "q:t:x", "*"]


def test_queues_are_discovered_whatever_their_names(any_server: Live) -> None:
    for number, queue in enumerate(NASTY_QUEUES):
        any_server.asynq.add(queue, "one", asynq_data.STATES[number % len(asynq_data.STATES)])
    any_server.asynq.register("empty")
    any_server.client.mset({f"asynq:servers:{{{number}}}": "x" for number in range(50)})
    with any_server.pipe() as pipe:
        found = [name for name in queues.discover(pipe) if name is not None]
    assert sorted(found) == sorted(NASTY_QUEUES)


def test_discovery_gives_way_between_its_steps(any_server: Live) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(5000)])
    with any_server.pipe() as pipe:
        steps = list(queues.discover(pipe))
    assert steps.count(None) >= 3
    assert [name for name in steps if name is not None] == ["q"]


NAMES = st.text("ab*?[]^-\\{} \n", min_size=1, max_size=5) | st.sampled_from(NASTY_QUEUES)


@settings(max_examples=40)
@given(NAMES, st.sets(NAMES, max_size=6))
@example("*", {"a", "ab"})
@example("[ab]", {"a", "b"})
@example("a\\", {"a", "a\\\\"})
@example("[^a]", {"b", "^"})
def test_a_pattern_matches_exactly_its_own_queues_keys(any_server: Live, queue: str, others: set[str]) -> None:
    any_server.client.flushall()
    own = {keys.task(queue, task_id) for task_id in (b"1", b"*", b"", b"x\ny", b"\xff")}
    foreign = {keys.task(other, b"1") for other in others - {queue}} | {keys.index(queue, State.ARCHIVED)}
    any_server.client.mset(dict.fromkeys(own | foreign, "x"))
    with any_server.pipe() as pipe:
        cursor, found = pipe.one(b"SCAN", b"0", b"MATCH", keys.tasks_pattern(queue), b"COUNT", b"1000")
        everything = pipe.one(b"SCAN", b"0", b"MATCH", keys.tasks_pattern(), b"COUNT", b"1000")[1]
    assert cursor == b"0"
    # A longer name that begins with `queue}:t:` cannot be told apart from ids of this queue.
    start = keys.task_prefix(queue)
    assert set(found) == own | {one for one in foreign if one.startswith(start)}
    assert set(everything) >= own


def stats_of(live: Live, *names: str) -> list[queues.QueueStats]:
    with live.pipe() as pipe:
        return queues.stats(pipe, names, queues.registered(pipe), TODAY)


def test_how_a_queue_is_doing(any_server: Live) -> None:
    asynq = any_server.asynq
    asynq.register("q", "other")
    for count, state in enumerate(asynq_data.STATES, 1):
        asynq.add_many("q", [f"{state}-{number}" for number in range(count)], state, score=NOW - count)
    asynq.add("q", "older", score=NOW - 500)
    asynq.add("q", "second-group", "aggregating", group="g2")
    any_server.client.set("asynq:{q}:paused", NOW)
    any_server.client.mset(
        {"asynq:{q}:failed:2026-11-18": 7, "asynq:{q}:failed:2026-11-05": 2, "asynq:{q}:failed:2026-11-04": 99}
    )
    any_server.client.set("asynq:{q}:processed:2026-11-18", 70)
    staged = b"asynq:{q}:g:g1:some-set"
    any_server.client.zadd(staged, {"staged": 1})
    any_server.client.zadd("asynq:{q}:aggregation_sets", {staged: NOW + 60})
    one, other, missing = stats_of(any_server, "q", "other", "left")
    assert one.counts == {
        State.PENDING: 1, State.ACTIVE: 2, State.SCHEDULED: 3, State.RETRY: 4, State.ARCHIVED: 6, State.COMPLETED: 6,
        State.AGGREGATING: 9,
    }  # fmt: skip
    assert (one.groups, one.paused, one.registered) == (2, True, True)
    assert one.oldest_archived_at == NOW - 500
    assert one.failed == (2, *[0] * 12, 7)
    assert one.processed_today == 70
    assert set(other.counts.values()) == {0}
    assert (other.registered, other.paused, other.oldest_archived_at) == (True, False, None)
    assert not missing.registered


def test_too_many_groups_to_ask_each_make_no_number(any_server: Live) -> None:
    any_server.asynq.register("many", "few")
    any_server.client.sadd("asynq:{many}:groups", *range(2000))
    any_server.asynq.add("few", "one", "aggregating")
    few, many = stats_of(any_server, "few", "many")
    assert few.counts[State.AGGREGATING] == 1
    assert (many.groups, many.counts.get(State.AGGREGATING)) == (2000, None)


def test_days_are_those_of_utc(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:processed:2026-11-18", 5)
    with any_server.pipe() as pipe:
        local = datetime.fromisoformat("2026-11-19T03:00:00+05:00")  # still the 18th in UTC
        (one,) = queues.stats(pipe, ["q"], ["q"], local)
    assert one.processed_today == 5


def test_no_queues_at_all(any_server: Live) -> None:
    assert stats_of(any_server) == []


def test_an_index_of_another_type_is_named(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:archived", "x")
    any_server.client.sadd("asynq:{q}:pending", "x")
    any_server.client.lpush("asynq:{q}:groups", "x")
    any_server.client.set("asynq:{q}:failed:2026-11-18", "many")
    (one,) = stats_of(any_server, "q")
    assert set(one.unreadable) == {"archived", "pending"}
    assert State.ARCHIVED not in one.counts
    assert one.oldest_archived_at is None
    assert one.failed[-1] == 0


def test_an_infinite_score_breaks_nothing(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", score=float("-inf"))
    (one,) = stats_of(any_server, "q")
    assert one.counts[State.ARCHIVED] == 1


@pytest.mark.parametrize("value", ["--5", "9" * 5000])
def test_a_counter_that_is_no_number_breaks_nothing(any_server: Live, value: str) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:processed:2026-11-18", value)
    assert stats_of(any_server, "q")[0].counts


def test_counts_that_are_not_permitted_are_said_not_guessed(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all", "-zcard")
    with pytest.raises(NotPermittedError), any_server.pipe(username="ann", password="word") as pipe:
        queues.stats(pipe, ["q"], ["q"], TODAY)


def test_memory_is_about_right(any_server: Live) -> None:
    asynq = any_server.asynq
    asynq.register("q")
    asynq.add_many("q", [f"{number:032}" for number in range(500)], payload=b"x" * 1000)
    asynq.add_many("q", [f"p{number:032}" for number in range(200)], "pending", payload=b"x" * 100)
    client = any_server.client
    real = sum(
        client.memory_usage(key)
        for key in client.scan_iter(match="asynq:{q}:*", count=10_000)
        if key != b"asynq:queues"
    )
    with any_server.pipe() as pipe:
        assert queues.memory(pipe, []) == []
        nothing, estimate = queues.memory(pipe, ["none", "q"])
    assert nothing == 0
    assert estimate == pytest.approx(real, rel=0.1)


def test_memory_is_unknown_where_the_server_will_not_say(any_server: Live) -> None:
    any_server.asynq.add("q", "one")
    any_server.user("ann", "~*", "+@all", "-memory")
    with any_server.pipe(username="ann", password="word") as pipe:
        assert queues.memory(pipe, ["q"]) == [None]


def test_memory_of_ghosts(any_server: Live) -> None:
    any_server.asynq.refer("q", "ghost", "archived")
    with any_server.pipe() as pipe:
        assert queues.memory(pipe, ["q"]) == [any_server.client.memory_usage("asynq:{q}:archived")]


@pytest.mark.parametrize("queue", ["q*", "caf\udce9", "{x}"])
def test_which_queues_exist(any_server: Live, queue: str) -> None:
    def exists() -> bool:
        with any_server.pipe() as pipe:
            return queues.exists(pipe, queue)

    any_server.asynq.add("qq", "one")
    any_server.client.mset({f"other:{number}": "x" for number in range(3000)})
    assert not exists()
    any_server.asynq.add(queue, "one", "completed", referenced=False)
    assert exists()
    any_server.client.delete(asynq_data.key(queue, "one"))
    any_server.asynq.refer(queue, "ghost", "retry")
    assert exists()
    any_server.client.delete(prefix(queue) + b"retry")
    any_server.asynq.register(queue)
    assert exists()


# Tasks


def listed(live: Live, queue: str, state: State = State.ARCHIVED) -> list[tuple[bytes, int | None]]:
    with live.pipe() as pipe:
        return [one for piece in tasks.listed(pipe, queue, state) for one in piece]


def test_a_sorted_set_is_listed_newest_first(any_server: Live) -> None:
    mapping = {b"%d" % number: NOW + number for number in range(3500)}
    any_server.client.zadd("asynq:{q}:archived", mapping)
    found = list(dict.fromkeys(listed(any_server, "q")))
    assert found == [(b"%d" % number, NOW + number) for number in reversed(range(3500))]


def test_a_list_is_listed_in_its_order(any_server: Live) -> None:
    any_server.client.rpush("asynq:{q}:pending", *[b"%d" % number for number in range(2100)])
    found = list(dict.fromkeys(listed(any_server, "q", State.PENDING)))
    assert found == [(b"%d" % number, None) for number in range(2100)]


def test_what_is_removed_above_does_not_make_a_listing_skip(any_server: Live) -> None:
    any_server.client.zadd("asynq:{q}:archived", {b"%d" % number: number for number in range(2500)})
    found: set[bytes] = set()
    with any_server.pipe() as pipe:
        for piece in tasks.listed(pipe, "q", State.ARCHIVED):
            found.update(task_id for task_id, _ in piece)
            any_server.client.zremrangebyrank("asynq:{q}:archived", -40, -1)
    assert found >= {b"%d" % number for number in range(2460)}


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 1950, 1951])
def test_listings_of_every_length_end(valkey: Live, count: int) -> None:
    if count:
        valkey.client.zadd("asynq:{q}:retry", {b"%d" % number: number for number in range(count)})
    assert len(set(listed(valkey, "q", State.RETRY))) == count


def rows(live: Live, queue: str, piece: list[tuple[bytes, int | None]]) -> list[list[object]]:
    with live.pipe() as pipe:
        return [list(batch) for batch in tasks.rows(pipe, queue, State.ARCHIVED, piece)]


def test_rows_of_a_listing(any_server: Live) -> None:
    raw = any_server.asynq.add("q", "fine", error_msg="boom", retried=3, payload=b"x" * 200)
    any_server.asynq.add("q", "husk", message=b"")
    any_server.asynq.add("q", "broken", message=b"\xff\xff")
    any_server.client.hdel(asynq_data.key("q", "husk"), "msg")
    any_server.client.set(asynq_data.key("q", "string"), "x")
    any_server.asynq.add("q", "other-state", "active")
    piece = [(name, 5) for name in (b"fine", b"ghost", b"husk", b"broken", b"string", b"other-state")]
    (batch,) = rows(any_server, "q", piece)
    fine, ghost, husk, broken, string, other = batch
    assert (fine.error, fine.retried, fine.scored_at, fine.state) == ("boom", 3, 5, State.ARCHIVED)
    assert fine.fingerprint == hashlib.sha1(raw).digest()[:8]
    assert fine.stored_bytes == pytest.approx(any_server.client.memory_usage(asynq_data.key("q", "fine")), rel=0.3)
    assert (ghost.readable, ghost.state, ghost.stored_bytes) == (False, None, None)
    assert (string.readable, string.state) == (False, None)
    assert (husk.readable, husk.state) == (False, State.ARCHIVED)
    assert (broken.readable, broken.stored_bytes is None) == (False, False)
    assert other.state is State.ACTIVE


def test_large_messages_are_read_a_few_at_a_time(any_server: Live) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(10)], payload=b"x" * 1_500_000)
    piece = [(b"%d" % number, 1) for number in range(10)]
    batches = rows(any_server, "q", piece)
    assert [len(batch) for batch in batches] == [2, 2, 2, 2, 2]
    assert [row.id for batch in batches for row in batch] == [task_id for task_id, _ in piece]


def test_a_message_larger_than_the_budget_is_read_alone(any_server: Live) -> None:
    for task_id, size in ((b"a", 10), (b"b", 6_000_000), (b"c", 10)):
        any_server.asynq.add("q", task_id, payload=b"x" * size)
    assert [len(batch) for batch in rows(any_server, "q", [(b"a", 1), (b"b", 1), (b"c", 1)])] == [1, 1, 1]


def read(live: Live, queue: str, task_id: bytes, **changes: object) -> tasks.Task:
    with live.pipe(**changes) as pipe:
        return tasks.read(pipe, queue, task_id)


NASTY_IDS = [b"a\nb", b"\x1b]0;x\x07", b"\xff\xfe", b"x" * 300, b"", b"*", b"[/x]", "grüße".encode(), b"t:x", b"}:t:"]


@pytest.mark.parametrize("task_id", NASTY_IDS)
def test_a_task_with_any_id_is_read(any_server: Live, task_id: bytes) -> None:
    any_server.asynq.add("q", task_id, payload=b"abc", score=NOW + 5)
    task = read(any_server, "q", task_id)
    assert (task.id, task.payload, task.state) == (task_id, b"abc", State.ARCHIVED)
    assert task.stands_in == {"archived": NOW + 5}
    assert task.referenced
    assert task.memory == any_server.client.memory_usage(asynq_data.key("q", task_id))


@pytest.mark.parametrize("state", asynq_data.STATES)
def test_where_a_task_stands(any_server: Live, state: str) -> None:
    any_server.asynq.add("q", "one", state)
    task = read(any_server, "q", b"one")
    score = None if state in asynq_data.LISTS else float(NOW)
    assert task.stands_in == {state: score} | ({"lease": float(NOW)} if state == "active" else {})
    assert task.referenced
    any_server.asynq.add("q", "two", state, referenced=False)
    assert not read(any_server, "q", b"two").referenced


def test_a_task_that_is_being_aggregated(any_server: Live) -> None:
    any_server.asynq.add("q", "one", "aggregating", referenced=False)
    any_server.client.zadd("asynq:{q}:g:g1:set", {"one": NOW})
    any_server.client.zadd("asynq:{q}:aggregation_sets", {"asynq:{q}:g:g1:set": NOW})
    assert read(any_server, "q", b"one").stands_in == {"aggregating": NOW}


def test_a_task_that_stands_in_several_indexes(any_server: Live) -> None:
    any_server.asynq.add("q", "one", "active", referenced=False)
    any_server.asynq.refer("q", "one", "archived")
    any_server.asynq.refer("q", "one", "pending")
    task = read(any_server, "q", b"one")
    assert task.stands_in == {"archived": NOW, "pending": None}
    assert not task.referenced


def test_the_lock_of_a_task(any_server: Live) -> None:
    lock = asynq_data.lock_key("q")
    any_server.asynq.add("q", "one", unique=lock)
    found = read(any_server, "q", b"one").lock
    assert found is not None
    assert (found.key, found.holder) == (lock, b"one")
    assert found.seconds_left == pytest.approx(3600, abs=30)
    any_server.client.set(lock, "two")
    found = read(any_server, "q", b"one").lock
    assert found is not None
    assert (found.holder, found.seconds_left) == (b"two", None)
    any_server.client.delete(lock)
    any_server.client.lpush(lock, "a list")
    assert read(any_server, "q", b"one").lock.holder is None
    any_server.asynq.add("q", "without")
    assert read(any_server, "q", b"without").lock is None


def test_tasks_that_are_not_there(any_server: Live) -> None:
    with pytest.raises(NotFoundError, match="'q' holds no data for task 'a␛b'") as caught:
        read(any_server, "q", b"a\x1bb")
    assert caught.value.exit_code == 6
    any_server.client.lpush(asynq_data.key("q", "one"), "x")
    with pytest.raises(NotFoundError, match="is a list, not task data"):
        read(any_server, "q", b"one")


def test_a_task_without_a_readable_message(any_server: Live) -> None:
    any_server.client.hset(asynq_data.key("q", "husk"), "state", "nonsense")
    task = read(any_server, "q", b"husk")
    assert (task.message, task.state, task.payload, task.raw_message) == (None, None, b"", None)
    any_server.asynq.add("q", "broken", message=b"\xff")
    assert read(any_server, "q", b"broken").message is None


def test_a_task_is_read_by_a_user_who_may_only_read(any_server: Live) -> None:
    any_server.asynq.add("q", "one", unique=asynq_data.lock_key("q"))
    any_server.user("ann", "~*", "+@read", "-memory", "-lpos")
    task = read(any_server, "q", b"one", username="ann", password="word")
    assert task.referenced
    assert task.memory is None
    assert task.unchecked == ("pending", "active")
    assert task.lock is not None


def test_a_task_of_fifty_mebibytes(valkey: Live) -> None:
    payload = os.urandom(1024) * 50 * 1024
    valkey.asynq.add("q", "huge", payload=payload)
    assert read(valkey, "q", b"huge").payload == payload
    ((row,),) = rows(valkey, "q", [(b"huge", 1)])
    assert row.payload_bytes == len(payload)


# The pipe


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5).map(tuple))
def test_commands_are_packed_as_redis_wants_them(command: tuple[bytes, ...]) -> None:
    packed = pack(command)
    sizes = re.match(rb"\*(\d+)\r\n", packed)
    assert sizes is not None
    assert int(sizes[1]) == len(command)
    at = sizes.end()
    for argument in command:
        head = b"$%d\r\n" % len(argument)
        assert packed[at : at + len(head)] == head
        at += len(head)
        assert packed[at : at + len(argument) + 2] == argument + b"\r\n"
        at += len(argument) + 2
    assert at == len(packed)


def test_replies_come_in_order_and_errors_among_them(any_server: Live) -> None:
    any_server.client.set("a", b"\r\n$5\x00\xff")
    with any_server.pipe() as pipe:
        assert pipe.call([]) == []
        assert pipe.call([(b"GET", b"a"), (b"GET", b"none"), (b"DBSIZE",)]) == [b"\r\n$5\x00\xff", None, 1]
        first, error, last = pipe.call([(b"ECHO", b"1"), (b"LLEN", b"a"), (b"ECHO", b"2")], errors="return")
        assert (first, last) == (b"1", b"2")
        assert isinstance(error, redis.ResponseError)


def test_an_error_is_raised_after_all_replies_were_read(any_server: Live) -> None:
    any_server.client.set("a", "x")
    with any_server.pipe() as pipe:
        with pytest.raises(redis.ResponseError):
            pipe.call([(b"LLEN", b"a"), (b"ECHO", b"2")])
        assert pipe.one(b"ECHO", b"3") == b"3"


def test_a_transaction_sees_one_moment(any_server: Live) -> None:
    any_server.client.set("counter", 0)
    stop = threading.Event()

    def count() -> None:
        with redis.Redis(unix_socket_path=any_server.settings.socket) as client:
            while not stop.is_set():
                client.incr("counter")

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with any_server.pipe() as pipe:
            wait_until(lambda: pipe.one(b"GET", b"counter") != b"0")
            for _ in range(200):
                assert len(set(pipe.atomically([pack((b"GET", b"counter"))] * 5))) == 1
    finally:
        stop.set()
        thread.join()


def test_errors_in_and_of_a_transaction(any_server: Live) -> None:
    any_server.client.set("a", "x")
    with any_server.pipe() as pipe:
        error, value = pipe.atomically([pack((b"LLEN", b"a")), pack((b"GET", b"a"))])
        assert isinstance(error, redis.ResponseError)
        assert value == b"x"
        with pytest.raises(redis.ResponseError):
            pipe.atomically([pack((b"NONSENSE",)), pack((b"SET", b"a", b"y"))])
        assert pipe.one(b"GET", b"a") == b"x"


def test_scripts_are_sent_once(any_server: Live) -> None:
    source = b"return {KEYS[1], ARGV[1]}"
    digest = hashlib.sha1(source).hexdigest().encode()
    any_server.client.script_flush()
    with any_server.pipe() as pipe:
        for value in (b"1", b"2", b"3"):
            assert pipe.script(source, digest, [b"k"], [value]) == [b"k", value]
    calls = any_server.calls()
    assert (calls["eval"], calls["evalsha"]) == (1, 3)


@given(st.binary(max_size=30))
def test_any_name_from_the_server_can_be_sent_back(any_server: Live, name: bytes) -> None:
    any_server.client.flushall()
    any_server.client.sadd("asynq:queues", name)
    with any_server.pipe() as pipe:
        (found,) = queues.registered(pipe)
        assert found == decode(name)
        assert queues.exists(pipe, found)


REPLIES = {
    (b"GET", b"nothing"): None,
    (b"GET", b"text"): b"x\r\ny",
    (b"GET", b"empty"): b"",
    (b"GET", b"large"): b"z" * 5000,
    (b"GET", b"list"): "WRONGTYPE",
    (b"NONSENSE",): "unknown command",
    (b"LLEN", b"list"): 3,
    (b"LRANGE", b"list", b"0", b"-1"): [b"c", b"", b"-ERR \r\n"],
    (b"HMGET", b"nothing", b"a"): [None],
}


@pytest.mark.parametrize("read_size", [1, 7, 64, 65_536])
@given(st.lists(st.sampled_from(sorted(REPLIES)), min_size=1, max_size=40), st.integers(1, 40))
def test_replies_are_the_same_however_they_arrive(
    valkey: Live, read_size: int, commands: list[tuple[bytes, ...]], cut: int
) -> None:
    valkey.client.mset({"text": b"x\r\ny", "empty": b"", "large": b"z" * 5000})
    valkey.client.delete("list")
    valkey.client.rpush("list", b"c", b"", b"-ERR \r\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive_tui.store.link.server._READ_SIZE", read_size)
        with valkey.pipe() as pipe:
            pipe.send([pack(one) for one in commands])
            replies = pipe.receive(min(cut, len(commands)))
            replies += pipe.receive(len(commands) - len(replies))
            assert pipe.owed == 0
    for command, reply in zip(commands, replies, strict=True):
        expected = REPLIES[command]
        assert expected in str(reply) if isinstance(expected, str) else reply == expected
