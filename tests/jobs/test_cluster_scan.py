"""A scan of a cluster: all of its primaries side by side, whatever moves from one to another meanwhile."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from redis.cluster import RedisCluster
from support.asynq_data import Asynq, a_message, key
from support.catalogs import Hooked, once
from support.cluster import ClusterProcesses, Node
from support.damage import put, write
from support.scan_processes import scan_by, scanning
from support.servers import wait_until

from archive_tui.asynq import keys
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.errors import MovedError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListAllJob, ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.settings.model import Settings
from archive_tui.store.link.server import Server
from archive_tui.store.read.keyspace import FractionBySlots

QUEUES = ("default", "low", "critical", "x", "y", "mail")
ORPHANS = 300


@pytest.fixture
def client(cluster: ClusterProcesses) -> Iterator[RedisCluster]:
    """The test's own way in; the cluster holds a leaky installation."""
    client = cluster.client()
    client.flushall(target_nodes=RedisCluster.PRIMARIES)
    message = a_message().SerializeToString()
    with client.pipeline(transaction=False) as pipeline:
        for queue in QUEUES:
            for number in range(ORPHANS):
                pipeline.hset(key(queue, f"orphan-{number}"), mapping={"msg": message, "state": "archived"})
        pipeline.execute()
    for queue in QUEUES:
        client.sadd("asynq:queues", queue)
        write(Asynq(client), queue, b"archived", "archived")
        put(Asynq(client), queue, b"archived", "archived")
        put(Asynq(client), queue, b"ghost", "archived")
    write(Asynq(client), "leftover", b"done", "completed")
    yield client
    client.close()


@pytest.fixture
def connect(cluster: ClusterProcesses, client: RedisCluster) -> Iterator[Callable[[], Server]]:
    """The code under test."""
    servers: list[Server] = []

    def connect(settings: Settings = cluster.settings) -> Server:
        servers.append(Server(settings))
        return servers[-1]

    yield connect
    for server in servers:
        server.close()


@pytest.fixture(params=["threads", "processes"])
def side_by_side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The nodes are scanned by threads of this process, or each by a process of its own."""
    scan_by(request.param, monkeypatch)
    return str(request.param)


@pytest.fixture
def reader(cluster: ClusterProcesses, client: RedisCluster) -> Iterator[Server]:
    """The same, reading replicas, which have all that their primaries have."""
    for node in cluster.primaries:
        wait_until(lambda node=node: node("WAIT", 1, 1000) == 1)
    server = Server(cluster.settings)
    server.identify()
    reader, _ = server.read_at_replica()
    yield reader
    reader.close()
    server.close()


def started(job: ScanJob) -> ScanJob:
    job.start()
    return job


def expected(queues: tuple[str, ...] = QUEUES) -> set[tuple[str, bytes, str]]:
    found = {(queue, f"orphan-{number}".encode(), "orphan-archived") for queue in queues for number in range(ORPHANS)}
    return found | {(queue, b"ghost", "ghost") for queue in queues}


def found(catalog: Catalog) -> set[tuple[str, bytes, str]]:
    return {(row.queue, row.id, str(row.kind)) for row in catalog.rows(catalog.find(Query())).values()}


def check(job: ScanJob, wanted: set[tuple[str, bytes, str]]) -> None:
    assert job.wait(60)
    assert job.error is None
    assert (job.state, job.progress.complete, job.progress.caution) == (JobState.DONE, True, "")
    assert found(job.catalog) == wanted
    assert job.catalog.counts().total == len(wanted)
    assert job.progress.fraction == 1.0


EVERYTHING = {*expected(), ("leftover", b"done", "orphan-completed")}


@pytest.mark.usefixtures("side_by_side")
def test_all_nodes_are_scanned_and_nothing_is_missed(connect: Callable[[], Server], catalog: Catalog) -> None:
    job = started(ScanJob(connect(), catalog, pace=Pace.FULL))
    check(job, EVERYTHING)
    assert job.keys_by_queue["default"] == ORPHANS + 1
    assert job.progress.keys == len(QUEUES) * (ORPHANS + 1) + 1
    assert job.progress.members == 2 * len(QUEUES)


def test_some_queues_are_scanned_on_their_nodes_alone(
    cluster: ClusterProcesses, connect: Callable[[], Server], catalog: Catalog
) -> None:
    before = {node.port: node.client.info("commandstats").get("cmdstat_scan", {}).get("calls", 0)
              for node in cluster.primaries}  # fmt: skip
    check(started(ScanJob(connect(), catalog, ["low"], pace=Pace.FULL)), expected(("low",)))
    after = {node.port: node.client.info("commandstats").get("cmdstat_scan", {}).get("calls", 0)
             for node in cluster.primaries}  # fmt: skip
    assert [port for port in after if after[port] != before[port]] == [cluster.owner("asynq:{low}:").port]


def test_several_queues_are_scanned_each_in_its_slot(connect: Callable[[], Server], catalog: Catalog) -> None:
    check(started(ScanJob(connect(), catalog, ["low", "x", "mail"], pace=Pace.FULL)), expected(("low", "x", "mail")))


@pytest.mark.usefixtures("side_by_side")
@pytest.mark.parametrize("way", [ClusterProcesses.move, ClusterProcesses.move_at_once])
def test_a_slot_that_moves_during_the_scan_is_neither_missed_nor_found_twice(
    cluster: ClusterProcesses, connect: Callable[[], Server], hooked: Hooked, way: Callable[..., object]
) -> None:
    moved = []

    def move() -> None:
        for queue in ("default", "x"):
            moved.append(way(cluster, f"asynq:{{{queue}}}:t:archived"))

    hooked.hook = once(move)
    check(started(ScanJob(connect(), hooked, pace=Pace.FULL)), EVERYTHING)
    assert len(moved) == 2


def test_a_slot_that_is_being_moved_is_waited_for(
    cluster: ClusterProcesses, connect: Callable[[], Server], catalog: Catalog
) -> None:
    with cluster.moving("asynq:{critical}:t:archived"):
        job = started(ScanJob(connect(), catalog, pace=Pace.FULL))
        wait_until(lambda: "being moved" in job.progress.trouble)
        assert not job.progress.complete
    check(job, EVERYTHING)


@pytest.mark.usefixtures("side_by_side")
def test_a_replica_that_takes_over_is_scanned_in_the_place_of_its_primary(
    cluster: ClusterProcesses, connect: Callable[[], Server], hooked: Hooked
) -> None:
    killed = cluster.owner("asynq:{mail}:")
    wait_until(lambda: killed("WAIT", 1, 1000) == 1)
    hooked.hook = once(killed.process.kill)
    try:
        check(
            started(ScanJob(connect(cluster.settings_of(cluster.other_than(killed))), hooked, pace=Pace.FULL)),
            EVERYTHING,
        )
    finally:
        killed.process.start()
        cluster.settle()


@pytest.mark.usefixtures("side_by_side")
def test_a_primary_that_hands_over_to_its_replica_is_not_waited_for(
    cluster: ClusterProcesses, client: RedisCluster, connect: Callable[[], Server], hooked: Hooked
) -> None:
    old = cluster.owner("asynq:{mail}:")
    message = a_message().SerializeToString()
    with old.client.pipeline(transaction=False) as pipeline:
        for number in range(10_000):
            pipeline.hset(key("mail", f"more-{number}"), mapping={"msg": message, "state": "archived"})
        pipeline.execute()
    successor = next(node for node in cluster.nodes if node.client.info("replication").get("master_port") == old.port)
    wait_until(lambda: old("WAIT", 1, 1000) == 1)
    job = ScanJob(connect(cluster.settings_of(cluster.other_than(old))), hooked, pace=Pace.GENTLE)

    def hand_over() -> None:
        successor("CLUSTER", "FAILOVER")
        wait_until(lambda: cluster.owner("asynq:{mail}:") is successor)
        job.pace = Pace.FULL

    hooked.hook = once(hand_over)
    more = {("mail", f"more-{number}".encode(), "orphan-archived") for number in range(10_000)}
    check(started(job), EVERYTHING | more)
    cluster.settle()


def test_a_node_that_fails_leaves_the_others_going_and_is_named(
    cluster: ClusterProcesses, connect: Callable[[], Server], catalog: Catalog
) -> None:
    silent = cluster.owner("asynq:{low}:")
    here = tuple(queue for queue in QUEUES if cluster.owner(f"asynq:{{{queue}}}:") is not silent)
    server = connect(cluster.settings_of(cluster.other_than(silent)))
    job = ScanJob(server, catalog, pace=Pace.FULL)
    job.patience = 1.0
    with cluster.frozen(silent):
        job.start()
        assert job.wait(60)
    assert job.error is None
    assert not job.progress.complete
    assert f"127.0.0.1:{silent.port}/0 was not read" in job.progress.caution
    assert expected(here) <= found(catalog)
    assert not any(queue == "low" for queue, _, _ in found(catalog))


@pytest.mark.parametrize("side_by_side", ["processes"], indirect=True)
@pytest.mark.usefixtures("side_by_side")
def test_a_process_that_is_killed_costs_nothing(connect: Callable[[], Server], hooked: Hooked) -> None:
    killed: list[int] = []

    def kill() -> None:
        killed.extend(scanning())
        for process in killed:
            os.kill(process, signal.SIGKILL)

    hooked.hook = once(kill)
    check(started(ScanJob(connect(), hooked, pace=Pace.FULL)), EVERYTHING)
    assert killed
    assert not scanning()


@pytest.mark.parametrize("side_by_side", ["processes"], indirect=True)
@pytest.mark.usefixtures("side_by_side")
@pytest.mark.parametrize("end", [ScanJob.resume, ScanJob.stop])
def test_processes_are_held_with_the_scan(
    connect: Callable[[], Server], hooked: Hooked, end: Callable[[ScanJob], None]
) -> None:
    job = ScanJob(connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(job.pause)
    job.start()
    wait_until(lambda: job.state is JobState.PAUSED and len(scanning()) == 3)
    assert not job.wait(0.3)
    end(job)
    if end is ScanJob.resume:
        check(job, EVERYTHING)
    assert job.wait(20)
    assert job.state is (JobState.DONE if end is ScanJob.resume else JobState.STOPPED)
    assert not scanning()


def test_archives_of_all_nodes_are_listed_but_for_one_that_is_silent(
    cluster: ClusterProcesses, connect: Callable[[], Server], catalog: Catalog
) -> None:
    silent = cluster.owner("asynq:{low}:")
    here = {queue for queue in QUEUES if cluster.owner(f"asynq:{{{queue}}}:") is not silent}
    server = connect(cluster.settings_of(cluster.other_than(silent)))
    server.identify()
    with cluster.frozen(silent):
        job = ListAllJob(server, catalog, QUEUES)
        job.start()
        assert job.wait(60)
    assert (job.error, job.state) == (None, JobState.DONE)
    assert {row.queue for row in catalog.rows(catalog.find(Query())).values()} == here
    assert str(silent.port) in job.progress.left_out["low"]


@pytest.mark.usefixtures("side_by_side")
def test_a_queue_whose_keys_lie_apart_is_named(
    client: RedisCluster, connect: Callable[[], Server], catalog: Catalog
) -> None:
    write(Asynq(client), "}x", b"one", "archived")
    job = started(ScanJob(connect(), catalog, pace=Pace.FULL))
    assert job.wait(60)
    assert job.error is None
    assert "queue '}x' was not scanned" in job.progress.caution
    assert found(catalog) == EVERYTHING


@pytest.mark.usefixtures("side_by_side")
def test_it_is_held_and_stopped_on_all_nodes(connect: Callable[[], Server], catalog: Catalog) -> None:
    job = ScanJob(connect(), catalog, pace=Pace.FULL)
    job.pause()
    job.start()
    assert job.state is JobState.PAUSED
    job.stop()
    assert job.wait(20)
    assert job.state is JobState.STOPPED
    assert not scanning()


def test_progress_goes_by_the_keys_of_each_slot() -> None:
    fraction = FractionBySlots({7: 900, 100: 100})
    assert fraction(7) == 0.0
    assert fraction(1 << 14 | 7) == 0.45  # half of the slot's table is behind it
    assert fraction(100) == 0.9
    assert fraction(50) == 0.9
    assert FractionBySlots({})(7) == 0.0


def test_progress_never_falls_on_its_way(connect: Callable[[], Server], hooked: Hooked) -> None:
    job = ScanJob(connect(), hooked, pace=Pace.FULL)
    seen: list[float] = []
    hooked.hook = lambda: seen.append(job.progress.fraction)
    check(started(job), EVERYTHING)
    assert all(0.0 <= one <= 1.0 for one in seen)
    assert keys.is_plain("low")
    assert not keys.is_plain("lo*w")


def calls(cluster: ClusterProcesses, command: str) -> dict[str, int]:
    """How often a command was sent to primaries and to replicas since `forget_calls`."""
    sent = {"master": 0, "slave": 0}
    for node in cluster.nodes:
        stats = node.client.info("commandstats").get(f"cmdstat_{command}", {})
        sent[node.client.info("replication")["role"]] += stats.get("calls", 0)
    return sent


def forget_calls(cluster: ClusterProcesses) -> None:
    for node in cluster.nodes:
        node.client.config_resetstat()


def replica_of(cluster: ClusterProcesses, primary: Node) -> Node:
    port = primary.client.info("replication")["slave0"]["port"]
    return next(node for node in cluster.nodes if node.port == port)


def test_replicas_are_scanned_in_the_place_of_their_primaries(
    cluster: ClusterProcesses, reader: Server, catalog: Catalog
) -> None:
    forget_calls(cluster)
    check(started(ScanJob(reader, catalog, pace=Pace.FULL)), EVERYTHING)
    assert calls(cluster, "scan")["master"] == calls(cluster, "hmget")["master"] == 0
    assert calls(cluster, "scan")["slave"] >= 3


def test_replicas_are_listed_in_the_place_of_their_primaries(
    cluster: ClusterProcesses, reader: Server, catalog: Catalog
) -> None:
    forget_calls(cluster)
    job = ListAllJob(reader, catalog, QUEUES)
    job.start()
    assert job.wait(60)
    assert (job.error, job.state) == (None, JobState.DONE)
    assert {row.queue for row in catalog.rows(catalog.find(Query())).values()} == set(QUEUES)
    assert calls(cluster, "zrange")["master"] == 0
    assert calls(cluster, "zrange")["slave"] >= len(QUEUES)


@pytest.mark.parametrize("way", [ClusterProcesses.move, ClusterProcesses.move_at_once])
def test_a_slot_that_moves_while_replicas_are_read_is_neither_missed_nor_found_twice(
    cluster: ClusterProcesses, reader: Server, hooked: Hooked, way: Callable[..., object]
) -> None:
    def move() -> None:
        for queue in ("default", "x"):
            way(cluster, f"asynq:{{{queue}}}:t:archived")

    hooked.hook = once(move)
    check(started(ScanJob(reader, hooked, pace=Pace.FULL)), EVERYTHING)


def test_a_slot_that_is_being_moved_is_not_read_at_a_replica(
    cluster: ClusterProcesses, reader: Server, catalog: Catalog
) -> None:
    with cluster.moving("asynq:{critical}:t:archived"):
        job = ListJob(reader, catalog, "critical")
        job.start()
        wait_until(lambda: "being moved" in job.progress.trouble)
    assert job.wait(60)
    assert catalog.counts().total == 2


def test_what_moved_while_it_was_read_at_a_replica_is_read_again(
    cluster: ClusterProcesses, reader: Server, client: RedisCluster
) -> None:
    def read_while_it_moves() -> None:
        with reader.pipe() as pipe:
            assert pipe.one(b"EXISTS", key("mail", b"archived")) == 1
            cluster.move("asynq:{mail}:t:archived")

    with pytest.raises(MovedError, match="changing hands"):
        read_while_it_moves()
    with reader.pipe() as pipe:
        assert pipe.one(b"EXISTS", key("mail", b"archived")) == 1


def test_a_replica_that_is_lost_is_replaced_by_its_primary(
    cluster: ClusterProcesses, client: RedisCluster, reader: Server, hooked: Hooked
) -> None:
    lost = replica_of(cluster, cluster.owner("asynq:{mail}:"))
    hooked.hook = once(lost.process.kill)
    try:
        check(started(ScanJob(reader, hooked, pace=Pace.FULL)), EVERYTHING)
    finally:
        lost.process.start()
        cluster.settle()


def test_a_replica_that_takes_over_while_it_is_read_is_read_again(
    cluster: ClusterProcesses, client: RedisCluster, reader: Server, hooked: Hooked
) -> None:
    killed = cluster.owner("asynq:{low}:")
    hooked.hook = once(killed.process.kill)
    try:
        check(started(ScanJob(reader, hooked, pace=Pace.FULL)), EVERYTHING)
    finally:
        killed.process.start()
        cluster.settle()
