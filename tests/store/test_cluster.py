"""A cluster as one server: every command goes to the node that has its key, and what is in flux is no answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.cluster import RedisCluster
from support.asynq_data import Asynq, key, prefix
from support.cluster import ClusterProcesses, running
from support.damage import put, write
from support.servers import wait_until

from archive_tui.asynq.actions import Action
from archive_tui.asynq.states import State
from archive_tui.errors import ConnectError, DisconnectedError, MovedError, RefusedError
from archive_tui.session import Session
from archive_tui.settings.address import Address
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.cluster import Cluster
from archive_tui.store.link.cluster_pipe import first_key, key_of
from archive_tui.store.link.consistent_read import read_together
from archive_tui.store.link.pipe import pack, pack_around, pack_each
from archive_tui.store.link.replies import Reply
from archive_tui.store.link.server import Server
from archive_tui.store.link.topology import topology_of
from archive_tui.store.read import extras, nodes, permissions, queues, tasks
from archive_tui.store.read.index_check import IndexCheck

QUEUES = ("default", "low", "critical", "x", "y", "mail")


@pytest.fixture(scope="module")
def cluster(valkey_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcesses]:
    """Three primaries."""
    with running(ClusterProcesses(valkey_binary, tmp_path_factory.mktemp("cluster"))) as processes:
        yield processes


@pytest.fixture
def client(cluster: ClusterProcesses) -> Iterator[RedisCluster]:
    """The test's own way in; the cluster is empty."""
    client = cluster.client()
    client.flushall(target_nodes=RedisCluster.PRIMARIES)
    yield client
    client.close()


@pytest.fixture
def server(cluster: ClusterProcesses, client: RedisCluster) -> Iterator[Server]:
    """The code under test, which knows that it is a cluster."""
    server = Server(cluster.settings)
    server.identify()
    yield server
    server.close()


def fill(client: RedisCluster) -> None:
    """Queues on every node, each with one archived task and one orphan."""
    for queue in QUEUES:
        client.sadd("asynq:queues", queue)
        for task_id in (b"archived", b"orphan"):
            write(Asynq(client), queue, task_id, "archived")
        put(Asynq(client), queue, b"archived", "archived")


def ask_ahead(server: Server, packed: bytes) -> list[Reply]:
    """The reply to a command that was sent before anybody waited for it."""
    with server.pipe() as pipe:
        pipe.send([packed])
        return pipe.receive(1)


def test_any_node_will_do_and_says_who_the_others_are(cluster: ClusterProcesses, client: RedisCluster) -> None:
    for node in cluster.primaries:
        server = Server(cluster.settings_of(node))
        info = server.identify()
        server.close()
        assert (info.mode, info.product, info.unserved, info.away) == ("cluster", "valkey", 0, ())
        assert {one.address for one in info.nodes} == {f"127.0.0.1:{one.port}/0" for one in cluster.primaries}


def test_the_queues_of_all_nodes_are_in_one_list(server: Server, client: RedisCluster) -> None:
    fill(client)
    assert len({client.get_node_from_key(f"asynq:{{{queue}}}:x").port for queue in QUEUES}) == 3
    with server.pipe() as pipe:
        assert queues.registered(pipe) == sorted(QUEUES)
        assert {name for name in queues.discover(pipe) if name} == set(QUEUES)
    assert sorted(queues.recognise(server)) == sorted(QUEUES)


def test_a_task_is_read_on_its_own_node(server: Server, client: RedisCluster) -> None:
    fill(client)
    with server.pipe() as pipe:
        for queue in QUEUES:
            assert tasks.read(pipe, queue, b"archived").queue == queue


def test_a_slot_that_has_moved_is_found(cluster: ClusterProcesses, server: Server, client: RedisCluster) -> None:
    fill(client)
    with server.pipe() as pipe:
        cluster.move("asynq:{default}:t:orphan")
        assert pipe.one(b"HGET", b"asynq:{default}:t:orphan", b"state") == b"archived"
        replies = pipe.call([(b"EXISTS", key(queue, b"orphan")) for queue in QUEUES])
        assert replies == [1] * len(QUEUES)


def test_what_is_sent_ahead_to_a_slot_that_has_moved_is_no_answer(
    cluster: ClusterProcesses, server: Server, client: RedisCluster
) -> None:
    fill(client)
    asked = pack((b"HGET", b"asynq:{low}:t:orphan", b"state"))
    cluster.move("asynq:{low}:t:orphan")
    with pytest.raises(MovedError, match="has moved"):
        ask_ahead(server, asked)
    assert ask_ahead(server, asked) == [b"archived"]


def test_a_slot_that_others_know_to_have_moved_is_not_taken_for_keys_that_lie_apart(
    cluster: ClusterProcesses, server: Server, client: RedisCluster
) -> None:
    fill(client)

    def ask_while_others_look(nodes: Cluster | None) -> None:
        assert nodes is not None
        with server.pipe() as pipe:
            pipe.one(b"HGET", b"asynq:{low}:t:orphan", b"state")
            cluster.move("asynq:{low}:t:orphan")
            pipe.send([pack((b"HGET", b"asynq:{low}:t:orphan", b"state"))])
            nodes.outdated()
            nodes.refresh()
            pipe.receive(1)

    with pytest.raises(MovedError, match="has moved"):
        ask_while_others_look(server.cluster)


def test_a_slot_that_is_being_moved_is_not_read_in_part(
    cluster: ClusterProcesses, server: Server, client: RedisCluster
) -> None:
    fill(client)
    with cluster.moving("asynq:{x}:t:orphan"):  # a part of its keys is on the other node by now
        for commands in ([(b"EXISTS", key("x", b"orphan"))], [(b"EXISTS", key("x", b"orphan"), key("x", b"archived"))]):
            with pytest.raises(DisconnectedError, match="is being moved"), server.pipe() as pipe:
                pipe.call(commands, errors="return")
    with server.pipe() as pipe:
        assert pipe.one(b"EXISTS", key("x", b"orphan")) == 1


def test_a_transaction_stays_on_one_node(server: Server, client: RedisCluster) -> None:
    """Where it is begun to be given up, no command of it may be carried out by another node."""
    fill(client)
    with server.pipe() as pipe:
        assert pipe.call([(b"MULTI",)]) == [b"OK"]
        pipe.call([*[(b"DEL", key(queue, b"orphan")) for queue in QUEUES], (b"DISCARD",)], errors="return")
        assert pipe.call([(b"EXISTS", key(queue, b"orphan")) for queue in QUEUES]) == [1] * len(QUEUES)
        assert pipe.one(b"PING") == b"PONG"


def test_permissions_are_found_out_without_dry_runs(
    cluster: ClusterProcesses, server: Server, client: RedisCluster
) -> None:
    fill(client)
    for node in cluster.primaries:
        node(
            "ACL", "SETUSER", "ann", "reset", "on", ">word", "~asynq:*", "+@all", "-acl", "-unlink", "-evalsha", "-eval"
        )
    own = Server(cluster.settings_of(cluster.primaries[0], "ann", "word"))
    own.identify()
    with own.pipe() as pipe:
        found = permissions.discover(pipe, QUEUES)
        assert pipe.call([(b"EXISTS", key(queue, b"orphan")) for queue in QUEUES]) == [1] * len(QUEUES)
    own.close()
    assert not found.unreadable
    assert {queue for queue, _ in found.refused if queue} == set(QUEUES)


def test_a_node_that_is_silent_is_named_and_the_others_answer(
    cluster: ClusterProcesses, server: Server, client: RedisCluster
) -> None:
    fill(client)
    silent = cluster.primaries[2]
    here = next(queue for queue in QUEUES if cluster.owner(f"asynq:{{{queue}}}:x") is not silent)
    there = next(queue for queue in QUEUES if cluster.owner(f"asynq:{{{queue}}}:x") is silent)
    with cluster.without(silent):
        info = server.identify()
        assert info.away == (f"127.0.0.1:{silent.port}/0",)
        with server.pipe() as pipe:
            assert tasks.read(pipe, here, b"orphan").queue == here
        with pytest.raises(DisconnectedError, match=str(silent.port)), server.pipe() as pipe:
            tasks.read(pipe, there, b"orphan")
    wait_until(lambda: not server.identify().away)


def test_nodes_of_which_none_serves_a_slot_are_told_apart(valkey_binary: str, tmp_path: Path) -> None:
    cluster = ClusterProcesses(valkey_binary, tmp_path, primaries=1)
    cluster.nodes[0].process.start()
    server = Server(cluster.settings)
    with pytest.raises(ConnectError, match="nobody serves a slot"):
        server.identify()
    server.close()
    cluster.stop()


def test_a_topology_names_who_has_a_slot() -> None:
    reply = [
        [8192, 16383, [b"", 7002, b"b"]],
        [0, 5460, [b"10.0.0.1", 7000, b"a"], [b"10.0.0.4", 7003, b"d"]],
    ]
    topology = topology_of(reply, Address("bastion", 7002))
    assert topology.owner(0) == topology.owner(5460) == Address("10.0.0.1", 7000)
    assert topology.owner(5461) is topology.owner(8191) is None
    assert topology.owner(16383) == Address("bastion", 7002)
    assert topology.primaries == (Address("10.0.0.1", 7000), Address("bastion", 7002))
    assert topology.replicas(Address("10.0.0.1", 7000)) == (Address("10.0.0.4", 7003),)
    assert topology.unserved == 8191 - 5461 + 1
    assert topology.ids == {"a", "b", "d"}
    tunnel = topology_of(reply, Address("bastion", 7002), lambda address: Address("127.0.0.1", address.port + 10_000))
    assert tunnel.primaries == (Address("127.0.0.1", 17000), Address("127.0.0.1", 17002))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ((b"GET", b"k"), b"k"),
        ((b"scan", b"0", b"MATCH", b"k"), None),
        ((b"MEMORY", b"USAGE", b"k"), b"k"),
        ((b"EVALSHA", b"0" * 40, b"2", b"k", b"l", b"argument"), b"k"),
        ((b"EVAL", b"return 1", b"0", b"argument"), None),
        ((b"TIME",), None),
    ],
)
def test_the_key_of_a_command_is_found_packed_or_not(command: tuple[bytes, ...], expected: bytes | None) -> None:
    assert key_of(command) == expected
    assert first_key([pack(command)]) == expected
    assert first_key([pack((b"MULTI",)), pack((b"TIME",)), pack(command), pack((b"GET", b"other"))]) == (
        expected or b"other"
    )


def test_the_key_of_commands_that_are_packed_in_pieces_is_found() -> None:
    before, after = pack_around(b"HMGET", b"state", b"msg")
    assert first_key([pack_each(before, [b"1", b"2"], after, start=b"asynq:{q}:t:")]) == b"asynq:{q}:t:1"
    pieces = [b"*4\r\n", pack_each(b"", (b"ZMSCORE", b"index")), pack_each(b"", (b"1", b"2"))]
    assert first_key([*pieces, pack((b"GET", b"k"))]) == b"k"


def test_each_node_describes_itself(server: Server, cluster: ClusterProcesses) -> None:
    found = nodes.read_all(server)
    assert {node.address for node in found} == {f"127.0.0.1:{node.port}/0" for node in cluster.primaries}
    assert {(node.mode, node.role, node.trouble) for node in found} == {("cluster", "primary", "")}
    with server.pipe_to(server.nodes[0]) as pipe:
        assert extras.missing(pipe) == ("default", frozenset(), True)


def test_the_queues_of_a_node_that_is_silent_are_shown_as_such(
    cluster: ClusterProcesses, server: Server, client: RedisCluster
) -> None:
    fill(client)
    silent = cluster.owner("asynq:{mail}:x")
    here = [queue for queue in QUEUES if cluster.owner(f"asynq:{{{queue}}}:x") is not silent]
    with cluster.without(silent):
        info = server.identify()
        assert info.lacking == f"127.0.0.1:{silent.port}/0 does not answer"
        with server.pipe(lenient=True) as pipe:
            found = {name for name in queues.discover(pipe) if name}
            names, _ = queues.registered_if_there(pipe)
            stats = {one.name: one for one in queues.stats(pipe, QUEUES, names, datetime.now(UTC))}
    assert found == set(here)
    assert str(silent.port) in stats["mail"].away
    assert stats["mail"].counts == {}
    assert all(stats[queue].counts[State.ARCHIVED] == 1 and not stats[queue].away for queue in here)


def test_nothing_that_takes_several_keys_is_done_in_a_queue_whose_keys_lie_apart(
    server: Server, client: RedisCluster
) -> None:
    """An empty hash tag is none."""
    name = "}x"
    client.sadd("asynq:queues", name)
    for task_id in (b"one", b"two"):
        write(Asynq(client), name, task_id, "archived")
        put(Asynq(client), name, task_id, "archived")
    with server.pipe() as pipe:
        (stats,) = queues.stats(pipe, [name], [name], datetime.now(UTC))
        assert stats.counts[State.ARCHIVED] == 2
    apart = [pack((b"HGET", prefix(name) + b"t:%d" % number, b"state")) for number in range(20)]
    with pytest.raises(RefusedError, match="lie in several slots"), server.pipe() as pipe:
        read_together(pipe, apart)
    session = Session(server.settings)
    session.open()
    assert "lie in several slots" in str(session.why_not(Action.READ, name))
    assert session.why_not(Action.DELETE, "x") is None
    session.close()


def test_long_indexes_are_joined_with_their_task_data(
    cluster: ClusterProcesses, client: RedisCluster, server: Server
) -> None:
    client.sadd("asynq:queues", "default")
    client.zadd("asynq:{default}:archived", {b"gone-%d" % number: number for number in range(2_300)})
    with server.pipe() as pipe:
        check, rows = IndexCheck(["default"], {}, count=1_000), []
        while not check.done:
            rows += check.step(pipe).rows
    assert {row.id for row in rows} == {b"gone-%d" % number for number in range(2_300)}
    assert server.abilities.has(Ability.SORT_RO)
    node = client.get_node_from_key("asynq:{default}:archived")
    assert client.info("commandstats", target_nodes=node)["cmdstat_sort_ro"]["calls"] > 2
