"""Servers without some commands, as hosting services and proxies have them: said at the start, each with its fallback.

Here they are missing altogether, for everybody; users who may not use them are those of test_permissions.py.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError
from support.asynq_data import lock_key
from support.changes import Run, delete_all, planned, put_back
from support.command_line import Command, Ended, at
from support.contents import content
from support.damage import STALE_LOCK, plant, told
from support.fake_server import speaking
from support.oracle import findings
from support.pilot import Operator, operate
from support.server_programs import VERSIONS, server_program
from support.servers import Live

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.errors import ExitCode
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.session import Session
from archive_tui.store.link.replies import is_refusal, is_unknown_command, refused_command
from archive_tui.store.link.server_info import info_of
from archive_tui.store.write.restore import Target, restore

Lacking = Callable[..., Live]

DISPENSABLE = (
    "ACL", "CLIENT", "CONFIG", "DBSIZE", "DISCARD", "EXEC", "HELLO", "INFO", "LPOS", "MEMORY", "MULTI", "OBJECT",
    "SELECT", "UNWATCH", "WATCH", "ZMSCORE",
)  # fmt: skip
"""Commands that archive_tui can do without, or never uses, and which services are known to take away."""


@pytest.fixture
def lacking(own_server: Callable[..., Live]) -> Lacking:
    """Makes a server of a version without some commands, holding a task that failed and an orphan."""

    def make(version: str, *commands: str) -> Live:
        options = [word for command in commands for word in ("--rename-command", command, "")]
        live = own_server(*options, binary=server_program(version))
        live.client.close()
        live.client = redis.Redis(unix_socket_path=live.settings.socket, protocol=2)  # without HELLO
        live.asynq.register("email")
        live.asynq.add("email", "failed", unique=lock_key("email"))
        live.asynq.add("email", "orphan", referenced=False)
        return live

    return make


@pytest.mark.parametrize("without", [[], ["ACL"], ["ACL", "MULTI"]], ids=["dry run", "transaction", "list of commands"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_scripts_is_read_only_from_the_start(
    lacking: Lacking, cli: Command, version: str, without: list[str]
) -> None:
    live = lacking(version, "EVAL", *without)
    before = content(live)
    session = Session(live.settings)
    session.open()
    assert session.read_only
    assert session.why_read_only == (
        "the server does not know EVAL (renamed, switched off, or refused by a proxy before it)"
    )
    session.close()
    assert cli(*at(live, "scan", "--json")).json["queues"][0]["findings"]["orphan-archived"]["count"] == 1
    for arguments in (["delete", "--archived"], ["repair", "--kind", "orphan-archived", "--action", "run"]):
        ended = cli(*at(live, *arguments, "--queue", "email", "--yes"))
        assert ended.code == ExitCode.REFUSED
        assert "the server does not know EVAL" in ended.err
    assert content(live) == before
    assert not {"evalsha", "unlink"} & live.calls().keys()


def test_nothing_is_deleted_whose_time_to_live_cannot_be_kept(lacking: Lacking) -> None:
    session = Session(lacking("redis-7.0", "PTTL").settings)
    session.open()
    assert "does not know PTTL" in session.why_read_only
    session.close()


def test_the_screens_say_at_the_start_why_they_are_read_only(lacking: Lacking) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("read-only: the server does not know EVALSHA, EVAL")

    operate(lacking("valkey-9.1", "EVAL", "EVALSHA").settings, play)


def test_a_server_that_does_not_know_what_restoring_needs_can_be_deleted_from(lacking: Lacking) -> None:
    session = Session(lacking("redis-7.0", "PEXPIREAT").settings)
    session.open()
    assert session.why_not(Action.DELETE, "email") is None
    assert "does not know PEXPIREAT" in (session.why_not(Action.RESTORE, "email") or "")
    session.close()


@pytest.mark.parametrize("command", ["SCAN", "TYPE", "EXISTS", "HSTRLEN", "ZRANGE"])
@pytest.mark.parametrize("version", ["redis-6.2", "redis-8.2", "valkey-9.1"])
def test_what_reading_cannot_do_without_is_said_in_one_sentence(
    lacking: Lacking, cli: Command, version: str, command: str
) -> None:
    live = lacking(version, command)
    before = set(live.client.keys())
    for arguments in (["queues"], ["scan", "--json"], ["delete", "--queue", "email", "--archived", "--yes"]):
        ended = cli(*at(live, *arguments))
        assert (ended.code, ended.out) == (ExitCode.REFUSED, b"")
        assert f"does not know {command} (renamed, switched off, or refused by a proxy before it)" in ended.err
        assert ended.err.count("\n") == 1
    assert set(live.client.keys()) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_it_can_do_without_may_be_missing_at_once(
    lacking: Lacking, run_job: Run, catalog: Catalog, tmp_path: Path, version: str
) -> None:
    live = lacking(version, *DISPENSABLE)
    live.client.flushall()
    plant(live)
    before = content(live)
    job = run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL, messages=True, locks=True))
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    found = told(catalog.rows(catalog.find(Query())).values())
    assert found.pop(("damaged", STALE_LOCK)) == ("stale-lock", "")
    assert found == findings(live.client, messages=True)
    deleted = delete_all(live, run_job, tmp_path, "damaged", "leftover")
    assert deleted.made == 59
    assert put_back(live, run_job, planned(live, deleted)).made == 59
    assert content(live) == before


def test_an_id_is_not_put_into_a_list_twice_where_nobody_can_look_for_it(lacking: Lacking) -> None:
    live = lacking("redis-7.0", "LPOS")
    live.client.lpush("asynq:{email}:pending", "ghost")
    ghost = Copy("email", b"ghost", (), stood=State.PENDING, place="pending")
    with live.pipe() as pipe:
        outcomes, failure = restore(pipe, [ghost], Target.BACK, time.time())
    assert outcomes == []
    assert "unknown" in str(failure).lower()
    assert live.client.lrange("asynq:{email}:pending", 0, -1) == [b"ghost"]


@pytest.mark.parametrize("version", ["redis-6.2", "redis-8.2", "valkey-9.1"])
def test_a_stale_lock_is_not_said_to_be_for_ever_where_its_time_is_unknown(
    lacking: Lacking, run_job: Run, catalog: Catalog, version: str
) -> None:
    live = lacking(version, "PTTL", "MULTI")
    live.client.set(lock_key("email", payload=b"gone"), "gone", px=3_600_000)
    job = run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL, locks=True))
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    (row,) = catalog.rows(catalog.find(Query(kind=Kind.STALE_LOCK))).values()
    assert row.error == "held by gone for an unknown time"


@pytest.mark.parametrize("version", VERSIONS)
def test_sizes_are_unknown_and_not_0_where_memory_usage_is_missing(
    lacking: Lacking, cli: Command, version: str
) -> None:
    live = lacking(version, "MEMORY")
    (queue,) = cli(*at(live, "queues", "--json")).json
    assert queue["memory_bytes_estimate"] is None
    assert re.search(r"email +1/9,999 .* – ", cli(*at(live, "queues")).text)
    assert cli(*at(live, "show", "email", "failed", "--json")).json["memory_bytes"] is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_info_is_asked_by_hello(lacking: Lacking, cli: Command, version: str) -> None:
    """Whatever its user may do."""
    live = lacking(version, "INFO")
    live.user("ann", "~*", "-@all", "+scan", "+type", "+smembers")
    info = live.connect(username="ann", password="word").identify()
    assert f"{info.product}-{info.version}".startswith(version)
    assert (info.mode, info.role, info.run_id) == ("standalone", "primary", "")
    assert (info.expires, info.fields_expire) == (None, None)
    assert info.unsaid == (
        "the server does not say which process it is (INFO): after each reconnection it may be another one"
    )
    server = cli(*at(live, "scan", "--json")).json["server"]
    assert (server["version"], server["mode"]) == (info.version, "standalone")
    (node,) = cli(*at(live, "connection", "--json")).json["nodes"]
    assert (node["version"], node["mode"], node["role"]) == (info.version, "standalone", "primary")


def test_what_a_server_does_not_say_of_itself_is_said(lacking: Lacking, cli: Command) -> None:
    live = lacking("redis-8.2", "INFO", "HELLO")
    unsaid = "the server does not say its mode and role (INFO and HELLO): it may be a replica"
    assert live.connect().identify().unsaid == unsaid
    server = cli(*at(live, "scan", "--json")).json["server"]
    assert (server["version"], server["mode"]) == (None, None)
    assert unsaid in cli(*at(live, "queues")).text

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees(unsaid)

    operate(live.settings, play)


def test_a_reply_to_info_without_its_counters_rules_nothing_out() -> None:
    """Services leave whole sections out; a journal must not lose the time of a lock because of it."""
    part = info_of(b"# Server\r\nredis_version:7.2.4\r\nredis_mode:standalone\r\n", "there")
    assert (part.expires, part.fields_expire) == (None, None)
    empty = info_of(b"# Server\r\nredis_version:7.2.4\r\n\r\n# Keyspace\r\n", "there")
    assert (empty.expires, empty.fields_expire) == (False, False)


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("unknown command 'EVAL', with args beginning with: 'return 0' '1' 'k' ", "EVAL"),
        ("unknown command `scan`, with args beginning with: `0`, ", "SCAN"),
        ("unsupported command 'SCAN'", "SCAN"),
        ("command eval not support for normal user", "EVAL"),
        ("command eval not support for your account", "EVAL"),
        ("unknown command eval", "EVAL"),
        ("Command is not available: 'OBJECT'. See the list of commands", "OBJECT"),
    ],
)
def test_the_words_of_servers_and_services_for_a_command_that_they_do_not_have(said: str, command: str) -> None:
    error = ResponseError(said)
    assert is_unknown_command(error)
    assert is_refusal(error)
    assert refused_command(said) == command


# Proxies


def proxied(cli: Command, answer: Callable[[bytes], bytes]) -> Ended:
    with speaking(answer) as port:
        return cli("scan", "--url", f"redis://127.0.0.1:{port}", "--timeout", "3")


def test_a_proxy_that_refuses_what_it_does_not_know(cli: Command) -> None:
    """As Envoy: no CLIENT, no INFO, no HELLO, no SCAN."""

    def answer(command: bytes) -> bytes:
        known = {b"PING": b"+PONG\r\n", b"TYPE": b"+set\r\n", b"SMEMBERS": b"*1\r\n$1\r\nq\r\n"}
        return known.get(command, b"-ERR unknown command '" + command + b"', with args beginning with: \r\n")

    ended = proxied(cli, answer)
    assert ended.code == ExitCode.REFUSED
    assert "does not know SCAN (renamed, switched off, or refused by a proxy before it)" in ended.err
    assert ended.err.count("\n") == 1


def test_a_proxy_that_closes_the_connection_at_what_it_does_not_know(cli: Command) -> None:
    """As twemproxy."""
    ended = proxied(cli, lambda command: b"+PONG\r\n" if command == b"PING" else b"")
    assert ended.code == ExitCode.CONNECTION
    assert "it answers PING, and closes the connection at INFO, as a proxy does that does not know it" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("reply", [b"%1\r\n$1\r\na\r\n:1\r\n", b"#t\r\n", b",1.5\r\n"])
def test_replies_of_the_newer_protocol_are_not_taken_for_something_else(cli: Command, reply: bytes) -> None:
    """We speak RESP2: a proxy that has agreed on RESP3 with the server behind it must translate."""
    ended = proxied(cli, lambda command: {b"CLIENT": b"+OK\r\n", b"": b"+PONG\r\n"}.get(command, reply))
    assert ended.code == ExitCode.CONNECTION
    assert "does not answer in Redis's protocol as it was agreed on (RESP2)" in ended.err
    assert ended.err.count("\n") == 1
