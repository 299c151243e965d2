"""Changes in a cluster: a plan over queues of several nodes, slots that move and primaries that fail meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.cluster import RedisCluster
from support.asynq_data import Asynq, a_message, key, prefix
from support.catalogs import ids, once
from support.changes import Run, deletion, repairing, restoring_job
from support.cluster import ClusterProcesses
from support.damage import put, write

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server

QUEUES = ("default", "low", "critical", "x", "y", "mail")
ORPHANS = 600
"""Of each queue."""


@pytest.fixture
def client(cluster: ClusterProcesses) -> Iterator[RedisCluster]:
    """The test's own way in, to orphans in every queue."""
    client = cluster.client()
    client.flushall(target_nodes=RedisCluster.PRIMARIES)
    message = a_message().SerializeToString()
    for queue in QUEUES:
        client.sadd("asynq:queues", queue)
        with client.pipeline(transaction=False) as pipeline:
            for number in range(ORPHANS):
                pipeline.hset(key(queue, f"orphan-{number:04}"), mapping={"msg": message, "state": "archived"})
            pipeline.execute()
        write(Asynq(client), queue, b"archived", "archived")
        put(Asynq(client), queue, b"archived", "archived")
    yield client
    client.close()


@pytest.fixture
def server(cluster: ClusterProcesses, client: RedisCluster) -> Iterator[Server]:
    """The code under test."""
    server = Server(cluster.settings)
    server.identify()
    yield server
    server.close()


@pytest.fixture
def plan(server: Server, catalog: Catalog, run_job: Run) -> Plan:
    """Every orphan of every queue."""
    assert run_job(ScanJob(server, catalog, pace=Pace.FULL)).wait(60)
    assert catalog.counts().total == len(QUEUES) * ORPHANS
    return plan_matching(catalog, Query())


def contents(client: RedisCluster) -> dict[bytes, object]:
    """Every key with what it holds."""
    found: dict[bytes, object] = {}
    for one in client.scan_iter(match="asynq:*", count=5_000):
        kind = client.type(one)
        found[one] = (
            client.hgetall(one) if kind == b"hash" else client.zrange(one, 0, -1, withscores=True) if kind == b"zset"
            else client.smembers(one)
        )  # fmt: skip
    return found


def orphans(client: RedisCluster) -> int:
    return sum(b":t:orphan" in one for one in client.scan_iter(match="asynq:*", count=5_000))


def restore(server: Server, journal: Path, run_job: Run) -> None:
    job = run_job(restoring_job(server, plan_restore(server, Journal(journal)), Pace.FULL))
    assert job.wait(60)
    assert job.error is None
    assert job.progress.made == len(QUEUES) * ORPHANS


def test_what_is_deleted_on_all_nodes_is_restored_byte_for_byte(
    server: Server, client: RedisCluster, plan: Plan, run_job: Run, tmp_path: Path
) -> None:
    before = contents(client)
    job = run_job(deletion(server, plan, Pace.FULL, journal_dir=tmp_path))
    assert job.wait(60)
    assert (job.error, job.state) == (None, JobState.DONE)
    assert job.progress.outcomes == {Outcome.DONE: len(QUEUES) * ORPHANS}
    assert orphans(client) == 0
    assert job.progress.journal is not None
    restore(server, job.progress.journal, run_job)
    assert contents(client) == before


@pytest.mark.parametrize("way", [ClusterProcesses.move, ClusterProcesses.move_at_once])
def test_slots_that_move_during_a_deletion_lose_nothing(
    cluster: ClusterProcesses,
    server: Server,
    client: RedisCluster,
    plan: Plan,
    run_job: Run,
    tmp_path: Path,
    way: Callable[..., object],
) -> None:
    before = contents(client)
    seen: list[str] = []

    def move(_: Pipe, rows: list[TaskRow]) -> None:
        if (queue := rows[0].queue) not in seen:
            seen.append(queue)
            way(cluster, f"asynq:{{{queue}}}:t:archived")

    job = run_job(deletion(server, plan, Pace.FULL, before=move, journal_dir=tmp_path))
    assert job.wait(60)
    assert (job.error, job.state) == (None, JobState.DONE)
    assert len(seen) == len(QUEUES)
    assert orphans(client) == 0
    progress = job.progress
    assert progress.outcomes == {Outcome.DONE: len(QUEUES) * ORPHANS}
    assert (progress.unconfirmed, progress.unknown, progress.caution) == (0, 0, "")
    assert progress.journal is not None
    restore(server, progress.journal, run_job)
    assert contents(client) == before


def test_a_primary_that_dies_during_a_deletion_loses_nothing(
    cluster: ClusterProcesses, server: Server, client: RedisCluster, plan: Plan, run_job: Run, tmp_path: Path
) -> None:
    """What its replica had not heard of is deleted again, or told: none is there in the end that counts as deleted."""
    killed = cluster.owner("asynq:{mail}:")
    wait = [node("WAIT", 1, 2_000) for node in cluster.primaries]
    assert wait == [1] * len(wait)

    def kill(_: Pipe, rows: list[TaskRow]) -> None:
        if rows[0].queue == "mail":
            die()

    die = once(killed.process.kill)
    try:
        job = run_job(deletion(server, plan, Pace.FULL, before=kill, journal_dir=tmp_path))
        assert job.wait(60)
        assert (job.error, job.state) == (None, JobState.DONE)
        left = orphans(client)
        progress = job.progress
        assert progress.done == len(QUEUES) * ORPHANS
        assert progress.outcomes.get(Outcome.BACK, 0) == left
        assert progress.made + progress.needless + left == len(QUEUES) * ORPHANS
        assert progress.journal is not None
        restore_all(server, progress.journal, run_job)
        assert orphans(client) == len(QUEUES) * ORPHANS
    finally:
        killed.process.start()
        cluster.settle()


def restore_all(server: Server, journal: Path, run_job: Run) -> None:
    job = run_job(restoring_job(server, plan_restore(server, Journal(journal)), Pace.FULL))
    assert job.wait(60)
    assert job.error is None


def test_repairs_reach_every_node(
    server: Server, client: RedisCluster, plan: Plan, run_job: Run, tmp_path: Path
) -> None:
    job = run_job(repairing(server, RepairPlan.of(plan, Repair.ARCHIVE), Pace.FULL, journal_dir=tmp_path))
    assert job.wait(60)
    assert job.error is None
    assert job.progress.outcomes == {Outcome.DONE: len(QUEUES) * ORPHANS}
    assert [client.zcard(prefix(queue) + b"archived") for queue in QUEUES] == [ORPHANS + 1] * len(QUEUES)
    assert ids(plan.selection.catalog) == set()
