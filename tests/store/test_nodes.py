"""How a server describes itself: what is made of INFO texts of several servers, and what real ones answer."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.fake_server import bulk, speaking
from support.servers import Live, ServerProcess, free_port, live_of, wait_until

from archive_tui.session import Session
from archive_tui.settings.model import Settings, Tls
from archive_tui.store.facts import Extra, Replica
from archive_tui.store.link.info import facts_in
from archive_tui.store.link.node import Node
from archive_tui.store.link.server import Server
from archive_tui.store.read import extras
from archive_tui.store.read.nodes import node_of, read_all

REDIS_6_2 = b"""\
# Server\r
redis_version:6.2.14\r
redis_mode:standalone\r
uptime_in_seconds:86400\r
# Clients\r
connected_clients:48\r
maxclients:10000\r
# Memory\r
used_memory:1200000000\r
maxmemory:4000000000\r
maxmemory_policy:volatile-lru\r
mem_fragmentation_ratio:1.04\r
total_system_memory:8000000000\r
# Persistence\r
loading:0\r
rdb_changes_since_last_save:120\r
rdb_bgsave_in_progress:0\r
rdb_last_save_time:1795399000\r
rdb_last_bgsave_status:err\r
aof_enabled:1\r
aof_last_bgrewrite_status:ok\r
aof_last_write_status:ok\r
# Stats\r
evicted_keys:17\r
# Replication\r
role:master\r
connected_slaves:2\r
slave0:ip=10.0.3.7,port=6379,state=online,offset=1000,lag=1\r
slave1:ip=fe80::1,port=6379,state=wait_bgsave,offset=0,lag=0\r
master_repl_offset:1400\r
"""

VALKEY_9 = b"""\
# Server\r
redis_version:7.2.4\r
valkey_version:9.1.2\r
server_mode:cluster\r
uptime_in_seconds:5\r
# Clients\r
connected_clients:1\r
# Memory\r
used_memory:900000\r
maxmemory:0\r
maxmemory_policy:noeviction\r
mem_fragmentation_ratio:6.35\r
# Persistence\r
loading:1\r
loading_loaded_perc:61.30\r
loading_eta_seconds:4\r
async_loading:0\r
rdb_last_save_time:1795399000\r
rdb_last_bgsave_status:ok\r
rdb_saves:0\r
aof_enabled:0\r
# Replication\r
role:master\r
connected_slaves:1\r
slave0:ip=10.0.3.7,port=6379,state=bg_transfer,offset=0,lag=0,type=main-channel\r
slave1:ip=10.0.3.7,port=6379,state=send_bulk_and_stream,offset=0,lag=0,type=rdb-channel\r
master_repl_offset:0\r
"""

REPLICA_7_0 = b"""\
redis_version:7.0.15\r
redis_mode:standalone\r
uptime_in_seconds:5\r
connected_clients:1\r
used_memory:900000\r
rdb_last_save_time:1795399000\r
role:slave\r
master_host:orders-primary\r
master_port:6379\r
master_link_status:down\r
master_last_io_seconds_ago:-1\r
master_sync_in_progress:0\r
master_link_down_since_seconds:42\r
connected_slaves:0\r
"""


def test_a_primary_with_replicas() -> None:
    node = node_of("here:6379", facts_in(REDIS_6_2))
    assert (node.title, node.mode, node.role, node.uptime) == ("Redis 6.2.14", "standalone", "primary", 86_400)
    assert node.replicas == (
        Replica("10.0.3.7:6379", "online", 400, 1),
        Replica("[fe80::1]:6379", "wait_bgsave", 1400, 0),
    )
    assert [one.online for one in node.replicas] == [True, False]
    assert (node.memory.share, node.memory.evicts, node.memory.evicts_anything) == (0.3, True, False)
    assert (node.memory.evicted, node.memory.fragmentation) == (17, 1.04)
    assert (node.persistence.save_failed, node.persistence.saves, node.persistence.log) == (True, None, True)
    assert not node.persistence.nothing_is_saved
    assert (node.loading, node.refused, node.fields_may_expire) == ("", (), False)


def test_a_replica_that_syncs_over_two_channels_is_one() -> None:
    node = node_of("here:6379", facts_in(VALKEY_9))
    assert (node.title, node.mode) == ("Valkey 9.1.2", "cluster")
    assert node.replicas == (Replica("10.0.3.7:6379", "bg_transfer", 0, 0),)
    assert node.loading == "61 % loaded, about 4 s left"
    assert not node.memory.evicts
    assert node.memory.share is None
    assert node.fields_may_expire


def test_a_replica_that_does_not_hear_its_primary() -> None:
    upstream = node_of("here:6379", facts_in(REPLICA_7_0)).upstream
    assert upstream is not None
    assert (upstream.address, upstream.linked, upstream.seconds_silent) == ("orders-primary:6379", False, 42)
    never = REPLICA_7_0.replace(b"seconds:42", b"seconds:1795399000")  # Redis 6: the age of the epoch
    upstream = node_of("here:6379", facts_in(never)).upstream
    assert upstream is not None
    assert upstream.seconds_silent is None


def test_sections_that_a_managed_service_leaves_out() -> None:
    node = node_of("here:6379", facts_in(b"# Server\r\nredis_version:7.4.0\r\nuptime_in_seconds:9\r\nrole:master\r\n"))
    assert node.refused == ("INFO clients", "INFO memory", "INFO persistence")
    assert (node.memory.used, node.memory.policy, node.persistence.saved_at, node.replicas) == (None, "", None, None)


@pytest.mark.parametrize("nonsense", [b"", b"\xff\xfe", b"used_memory:\r\nslave0:\r\nslave1:x=\x1b[2J\r\nmaxmemory:-1"])
def test_nonsense_is_unknown_and_safe_to_show(nonsense: bytes) -> None:
    node = node_of("here:6379", facts_in(nonsense + b"\r\nrole:\x1b[31m\r\nredis_version:\x1b]0;x\x07\r\n"))
    assert node.memory.used is None
    assert (node.role + node.version).isprintable()
    assert all((one.address + one.state).isprintable() for one in node.replicas or ())


# Real servers


def test_a_real_server(any_server: Live) -> None:
    server = any_server.connect()
    (node,) = read_all(server)
    assert (node.product, node.role, node.replicas, node.trouble) == (any_server.name, "primary", (), "")
    assert node.ahead is not None
    assert abs(node.ahead) < 2
    assert node.answered_in is not None
    assert 0 < node.answered_in < 5
    assert (node.refused, node.encryption, node.ours) == ((), None, 1)
    assert (node.persistence.schedule, node.persistence.log_sync) == (
        "",
        "no" if node.product == "redis" else "everysec",
    )
    assert node.memory.used is not None
    any_server.client.config_resetstat()
    (again,) = read_all(server, [node])
    assert again.persistence.schedule == ""
    assert {name: calls for name, calls in any_server.calls().items() if name != "config|resetstat"} == {
        "time": 1, "info": 1,
    }  # fmt: skip


@dataclass
class Pair:
    """A primary and its replica."""

    primary: Live
    replica: Live


@pytest.fixture(scope="module")
def pair(valkey_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folders = [tmp_path_factory.mktemp(name) for name in ("primary", "replica")]
    processes = []
    try:
        port = free_port()
        for folder, options in zip(
            folders,
            (("--repl-diskless-sync-delay", "0"), ("--replicaof", "127.0.0.1", str(port))),
            strict=True,
        ):
            processes.append(ServerProcess(valkey_binary, folder, *options, port=port if not processes else 0))
            processes[-1].start()
        lives = [live_of("own", process.settings, process) for process in processes]
        wait_until(lambda: lives[1].client.info("replication").get("master_link_status") == "up")
        yield Pair(*lives)
    finally:
        for process in processes:
            process.kill()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def test_a_pair_describes_itself(pair: Pair) -> None:
    wait_until(lambda: all(one.online for one in read_all(pair.primary.connect())[0].replicas or ()))
    (primary,), (replica,) = read_all(pair.primary.connect()), read_all(pair.replica.connect())
    assert primary.replicas is not None
    (one,) = primary.replicas
    assert one.online
    assert one.bytes_behind is not None
    assert one.seconds_silent is not None
    assert replica.upstream is not None
    assert (replica.role, replica.upstream.linked, replica.upstream.address.split(":")[0]) == (
        "replica", True, "127.0.0.1",
    )  # fmt: skip


def test_a_node_that_is_away_does_not_hide_the_others(
    any_server: Live, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "nodes", [Node(Settings(port=free_port)), Node(any_server.settings)])
    first, second = read_all(any_server.connect())
    assert "connection refused" in first.trouble
    assert (second.trouble, second.role) == ("", "primary")


def test_what_a_user_is_refused_is_named(any_server: Live) -> None:
    any_server.user(
        "u", "~asynq:*", "+ping", "+select", "+client|setname", "+multi", "+exec", "+discard", "+acl|whoami"
    )
    server = any_server.connect(username="u", password="word")
    (node,) = read_all(server)
    assert node.refused == ("TIME", "INFO", "CONFIG GET")
    assert (node.ahead, node.memory.used, node.persistence.schedule) == (None, None, None)
    with server.pipe() as pipe:
        user, missing, asked = extras.missing(pipe)
    assert (user, asked) == ("u", True)
    assert {*Extra} - missing == {Extra.TRANSACTIONS, Extra.WHOAMI, Extra.NAME} | (
        {Extra.WATCH} if any_server.name == "valkey" else set()  # it answers WATCH itself inside a transaction
    )


def test_a_refused_config_is_asked_for_once(any_server: Live) -> None:
    any_server.user("u", "~*", "+@all", "-config")
    server = any_server.connect(username="u", password="word")
    (node,) = read_all(server)
    any_server.client.execute_command("ACL", "LOG", "RESET")
    (node,) = read_all(server, [node])
    assert node.refused == ("CONFIG GET",)
    assert any_server.client.acl_log() == []


def test_nothing_can_be_asked_where_there_are_no_transactions(any_server: Live) -> None:
    any_server.user("u", "~*", "+@all", "-multi", "-acl")
    with any_server.connect(username="u", password="word").pipe() as pipe:
        user, missing, asked = extras.missing(pipe)
    assert (user, asked, missing) == ("", False, {Extra.TRANSACTIONS, Extra.WHOAMI})


def test_a_whole_user_misses_nothing(any_server: Live) -> None:
    session = Session(any_server.settings)
    session.open(may_be_empty=True)
    found = session.connection()
    assert found.missing == frozenset()
    assert found.missing_asked
    assert [(right.action, right.refused) for right in found.rights] == [("read", {}), ("delete", {}), ("restore", {})]
    assert (found.user, found.why_read_only, found.loopback) == ("default", "", True)
    session.close()


def test_a_server_without_info(free_port: int) -> None:
    def answer(command: bytes) -> bytes:
        if command in (b"INFO", b"CONFIG", b"HELLO"):
            return b"-ERR unknown command '%b', with args beginning with: \r\n" % command
        return b"*2\r\n$1\r\n1\r\n$1\r\n0\r\n" if command == b"TIME" else bulk("PONG")

    with speaking(answer) as port:
        server = Server(Settings(port=port))
        (node,) = read_all(server)
        server.close()
    assert (node.refused, node.version, node.role) == (("INFO", "CONFIG GET"), "", "")
    assert node.ahead is not None


@pytest.mark.parametrize("verify", [True, False])
def test_encryption(tls_port: int, authority: Path, verify: bool) -> None:
    tls = Tls(ca_file=str(authority / "cert.pem"), verify=verify)
    server = Server(Settings(port=tls_port, tls=tls))
    found = read_all(server)[0].encryption
    server.close()
    assert found is not None
    assert (found.protocol, found.verified, found.valid_until is not None) == ("TLSv1.3", verify, verify)
    assert found.cipher.startswith("TLS_")
