"""A cluster from the command line: found by its URL, and changed by whichever of its nodes."""

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.cluster import RedisCluster
from support.asynq_data import Asynq, history_key, prefix
from support.catalogs import once
from support.changes import Run, cleaning_up, interrupt
from support.cluster import ClusterProcesses, Node, running
from support.command_line import Command, journals
from support.damage import put, write
from support.schedulers import DEAD, HOUR, enqueue
from support.servers import Live, wait_until
from support.servers import free_port as unused_port

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_oldest
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.store.link.server import Server

PERMISSIONS = Path(__file__).parents[2] / "docs" / "permissions.md"
QUEUES = ("default", "low", "critical", "x", "y", "mail")


@pytest.fixture
def client(cluster: ClusterProcesses) -> Iterator[RedisCluster]:
    """The test's own way in; each queue has an archived task and two orphans."""
    client = cluster.client()
    client.flushall(target_nodes=RedisCluster.PRIMARIES)
    for queue in QUEUES:
        client.sadd("asynq:queues", queue)
        for task_id in (b"archived", b"orphan-1", b"orphan-2"):
            write(Asynq(client), queue, task_id, "archived")
        put(Asynq(client), queue, b"archived", "archived")
    yield client
    client.close()


def url(*nodes: Node | int, options: str = "") -> str:
    ports = [node if isinstance(node, int) else node.port for node in nodes]
    return f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in ports)}{options}"


def names(cli: Command, where: str) -> set[str]:
    listed = cli("queues", "--json", "--url", where)
    assert listed.code == 0, listed.err
    return {one["queue"] for one in listed.json}


def test_the_nodes_of_a_url_are_tried_in_their_order(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster
) -> None:
    for node in cluster.nodes:  # replicas know as well
        assert names(cli, url(unused_port(), node)) == set(QUEUES)
    first, second = unused_port(), unused_port()
    ended = cli("queues", "--url", url(first, second))
    assert ended.code == 3
    assert "no node of the cluster answers" in ended.complaint
    assert str(first) in ended.complaint
    assert str(second) in ended.complaint


def test_what_a_silent_node_has_is_said_to_be_missing(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_tui.commands.foreground._PATIENCE", 1.0)

    silent = cluster.owner("asynq:queues")
    here = {queue for queue in QUEUES if cluster.owner(f"asynq:{{{queue}}}:") is not silent}
    where = ("--url", url(cluster.other_than(silent)), "--timeout", "0.5")
    with cluster.frozen(silent):
        listed = cli("queues", "--json", *where)
        scanned = cli("scan", "--json", "--pace", "full", *where)
        tasks = cli("list", "--ndjson", *where)
    assert listed.code == scanned.code == tasks.code == 4
    assert f"127.0.0.1:{silent.port}/0 does not answer: this list is not complete" in tasks.err
    assert {one["queue"] for one in tasks.lines} == here
    assert f"127.0.0.1:{silent.port}/0 does not answer: this list is not complete" in listed.err
    assert {one["queue"] for one in listed.json if "away" not in one} == here
    assert {(one["complete"], one["registered"]) for one in listed.json} == {(False, None)}
    report = scanned.json
    assert report["complete"] is False
    assert f"127.0.0.1:{silent.port}/0 was not read" in report["caution"]
    answers = {one["address"]: one["answers"] for one in report["server"]["nodes"]}
    assert answers == {f"127.0.0.1:{node.port}/0": node is not silent for node in cluster.primaries}
    assert {one["registered"] for one in report["queues"]} == {None}
    assert {one["queue"] for one in report["queues"] if one["findings"]["orphan-archived"]["count"] == 2} == here


def test_a_server_that_is_no_cluster_says_so(cli: Command, own_server: Callable[..., Live]) -> None:
    port = unused_port()
    own_server(port=port)
    ended = cli("queues", "--url", url(port))
    assert ended.code == 3
    assert (
        ended.complaint
        == f"127.0.0.1:{port} is no node of a cluster: write redis://127.0.0.1:{port}/0 to reach it by itself"
    )


def test_nodes_of_different_clusters_are_refused(
    cli: Command, cluster: ClusterProcesses, valkey_binary: str, tmp_path: Path
) -> None:
    with running(ClusterProcesses(valkey_binary, tmp_path, primaries=1)) as other:
        ended = cli("queues", "--url", url(cluster.nodes[0], other.nodes[0]))
    assert ended.code == 3
    assert "are nodes of different clusters" in ended.complaint


def test_a_cluster_has_one_database(cli: Command, cluster: ClusterProcesses) -> None:
    node = cluster.nodes[0]
    assert cli("queues", "--url", url(node), "--db", "1").code == 2
    assert cli("queues", "--url", f"redis://127.0.0.1:{node.port}/1").code == 3


def test_nodes_are_reached_at_other_addresses_than_they_name(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster
) -> None:
    with called(cluster, "node.invalid"):
        mapped = ",".join(f"node.invalid:{node.port}=127.0.0.1:{node.port}" for node in cluster.nodes)
        assert names(cli, url(cluster.nodes[0], options=f"?address_map={mapped}")) == set(QUEUES)
        listed = cli("queues", "--json", "--url", url(cluster.nodes[0]))
        assert listed.code == 3
        assert "node.invalid" in listed.complaint


@contextlib.contextmanager
def called(cluster: ClusterProcesses, name: str) -> Iterator[None]:
    """The nodes name a host that nobody can reach."""
    try:
        for node in cluster.nodes:
            node.client.config_set("cluster-announce-hostname", name)
            node.client.config_set("cluster-preferred-endpoint-type", "hostname")
        wait_until(lambda: all(_names(node) == {name.encode()} for node in cluster.nodes))
        yield
    finally:
        for node in cluster.nodes:
            node.client.config_set("cluster-announce-hostname", "")
            node.client.config_set("cluster-preferred-endpoint-type", "ip")
        wait_until(lambda: all(_names(node) == {b"127.0.0.1"} for node in cluster.nodes))


def _names(node: Node) -> set[bytes]:
    shards = node.client.execute_command("CLUSTER SLOTS", NEVER_DECODE=True)
    return {one[0] for _, _, *nodes in shards for one in nodes}


def test_what_one_node_recorded_is_restored_by_another(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster
) -> None:
    first, second, third = cluster.primaries
    before = client.hgetall("asynq:{mail}:t:orphan-1")
    plan = ("delete", "--queue", "mail", "--kind", "orphan-archived", "--yes")
    assert cli(*plan, "--url", f"redis://127.0.0.1:{first.port}").code == 0
    assert not client.exists("asynq:{mail}:t:orphan-1")
    (journal,) = journals()
    assert first.id in Journal(Path(journal)).header.nodes
    cluster.move_at_once("asynq:{mail}:")
    assert cli("restore", journal, "--yes", "--url", url(second, third)).code == 0
    assert client.hgetall("asynq:{mail}:t:orphan-1") == before


def test_another_cluster_is_elsewhere(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster, valkey_binary: str, tmp_path: Path
) -> None:
    plan = ("delete", "--queue", "mail", "--kind", "orphan-archived", "--yes")
    assert cli(*plan, "--url", url(cluster.nodes[0])).code == 0
    (journal,) = journals()
    with running(ClusterProcesses(valkey_binary, tmp_path, primaries=1)) as other:
        ended = cli("restore", journal, "--yes", "--url", url(other.nodes[0]))
        assert ended.code == 5
        assert "--elsewhere" in ended.complaint


def test_archived_tasks_run_and_are_exported_where_their_queue_is(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster, tmp_path: Path
) -> None:
    for queue in QUEUES:
        cluster.move_at_once(f"asynq:{{{queue}}}:")
        file = tmp_path / f"{queue}.ndjson"
        assert cli("export", "--queue", queue, "--archived", str(file), "--url", url(cluster.nodes[0])).code == 0
        assert Journal(file).header.nodes
        ended = cli("run", "--queue", queue, "--yes", "--json", "--url", url(cluster.nodes[0]))
        assert (ended.code, client.lrange(prefix(queue) + b"pending", 0, -1)) == (0, [b"archived"])


def test_stale_histories_of_all_nodes_are_deleted(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster
) -> None:
    entries = [DEAD, *(f"{number}{DEAD[1:]}" for number in range(6))]
    for entry in entries:
        enqueue(client, entry, 100 * HOUR)
    assert len({cluster.owner(history_key(entry).decode()).port for entry in entries}) > 1
    ended = cli("delete", "--kind", "stale-history", "--yes", "--json", "--url", url(cluster.nodes[0]))
    assert ended.code == 0, ended.err
    assert not any(client.exists(history_key(entry)) for entry in entries)
    (journal,) = journals()
    assert cli("restore", journal, "--yes", "--url", url(cluster.nodes[-1])).code == 0
    assert all(client.exists(history_key(entry)) for entry in entries)


def test_the_rights_that_are_documented_suffice(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, deleting, _, in_a_cluster, *_ = re.findall(r"^ACL SETUSER archive-tui .*$", PERMISSIONS.read_text(), re.M)
    for node in cluster.nodes:
        node("ACL", "DELUSER", "archive-tui")
        for line in (reading, deleting, in_a_cluster):
            node(*[word.replace("PASSWORD", "word") for word in shlex.split(line)])
    monkeypatch.setenv("ARCHIVE_TUI_USERNAME", "archive-tui")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    in_step(cluster)
    scanned = cli("scan", "--json", "--prefer-replica", "--url", url(cluster.primaries[0]))
    assert {one["role"] for one in scanned.json["read_from"]["nodes"]} == {"replica"}
    assert (scanned.code, scanned.json["complete"]) == (0, True), scanned.err
    assert {
        one["queue"]: one["findings"]["orphan-archived"]["count"] for one in scanned.json["queues"]
    } == dict.fromkeys(QUEUES, 2)
    plan = ("delete", "--queue", "mail", "--kind", "orphan-archived", "--yes")
    assert cli(*plan, "--url", url(cluster.primaries[0])).code == 0


def in_step(cluster: ClusterProcesses) -> None:
    """Wait until every replica has all that its primary has."""
    wait_until(lambda: all(node("WAIT", 1, 1000) == 1 for node in cluster.primaries))


def _silent_for(replica: Node) -> int:
    """Seconds since its primary spoke to it."""
    return int(replica.client.info("replication")["master_last_io_seconds_ago"])


def test_a_change_is_read_at_replicas_and_done_at_the_primary(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster
) -> None:
    where = ("--prefer-replica", "--url", url(cluster.nodes[0]))
    choice = ("delete", "--queue", "mail", "--kind", "orphan-archived", *where)
    in_step(cluster)
    wait_until(lambda: all(_silent_for(node) > 0 for node in cluster.nodes if node not in cluster.primaries))
    plan = cli(*choice, "--dry-run")
    assert "scans and lists read 3 replicas, with all that the primaries have" in plan.text
    ended = cli(*choice, "--yes", "--json")
    assert (ended.code, ended.json["report"]["deleted"]) == (0, 2), ended.err
    assert client.exists("asynq:{mail}:t:orphan-1") == 0
    shown = cli("connection", *where).text
    assert "scans and lists at a replica of each node:" in shown
    assert shown.count("which has all that the primary has") + shown.count(" behind") >= 3
    addresses = {one["address"] for one in cli("connection", "--json", *where).json["read_from"]["nodes"]}
    assert addresses == {f"127.0.0.1:{node.port}/0" for node in cluster.nodes if node not in cluster.primaries}


def test_a_node_whose_replica_is_lost_is_read_itself(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster
) -> None:
    (lost,) = [node for node in cluster.nodes if node not in cluster.primaries][:1]
    lost.process.kill()
    try:
        scanned = cli("scan", "--json", "--prefer-replica", "--url", url(cluster.primaries[0]))
    finally:
        lost.process.start()
        cluster.settle()
    assert (scanned.code, scanned.json["complete"]) == (0, True)
    nodes = scanned.json["read_from"]["nodes"]
    assert sorted(one["role"] for one in nodes) == ["primary", "replica", "replica"]
    (why,) = [one["why"] for one in nodes if one["role"] == "primary"]
    assert str(lost.port) in why
    assert "2 replicas" in scanned.err
    assert f"and 1 primary: {next(one['address'] for one in nodes if 'why' in one)}: cannot reach" in scanned.err


@pytest.mark.parametrize("way", [ClusterProcesses.move, ClusterProcesses.move_at_once])
def test_a_leftover_queue_is_cleaned_up_while_it_moves(
    cluster: ClusterProcesses, client: RedisCluster, run_job: Run, tmp_path: Path, way: Callable[..., object]
) -> None:
    asynq = Asynq(client)
    for number in range(600):
        write(asynq, "gone", b"%d" % number, "completed")
    names_at = cluster.owner("asynq:queues")
    if cluster.owner("asynq:{gone}:") is names_at:
        cluster.move("asynq:{gone}:t:1", cluster.other_than(names_at))
    server = Server(cluster.settings)
    server.identify()
    move = once(lambda: way(cluster, "asynq:{gone}:t:1"))
    job = run_job(cleaning_up(server, "gone", Pace.FULL, lambda _pipe, _rows: move(), journal_dir=tmp_path))
    assert job.wait(60)
    assert (job.error, job.state, job.progress.made) == (None, JobState.DONE, 600)
    assert not list(client.scan_iter(match="asynq:{gone}:*"))
    server.close()


def test_the_rest_of_a_deletion_is_deleted_where_its_queue_is_by_then(
    cli: Command, cluster: ClusterProcesses, client: RedisCluster, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    for number in range(300):
        write(Asynq(client), "mail", b"more-%d" % number, "archived")
    assert run_job(ScanJob(cluster.connect(), catalog, ["mail"], Pace.FULL)).wait(30)
    made = interrupt(cluster, run_job, plan_oldest(catalog, Query()), tmp_path).made
    assert 0 < made < 302
    cluster.move_at_once("asynq:{mail}:")
    (journal,) = tmp_path.glob("*.journal.gz")
    rest = ("delete", "--resume", journal.name.partition(".")[0], "--journal-dir", str(tmp_path), "--yes", "--json")
    ended = cli(*rest, "--url", url(cluster.nodes[-1]))
    assert (ended.code, ended.json["report"]["deleted"]) == (0, 302 - made), ended.err
    assert list(client.scan_iter(match="asynq:{mail}:t:*")) == [b"asynq:{mail}:t:archived"]
    assert cli(*rest, "--url", url(cluster.nodes[0])).code == 6


def test_namespaces_of_a_cluster_are_kept_apart(cli: Command, cluster: ClusterProcesses, client: RedisCluster) -> None:
    there = "billing:asynq:{mail}:t:orphan-1"
    client.sadd("billing:asynq:queues", "mail")
    client.hset(there, mapping=client.hgetall("asynq:{mail}:t:orphan-1"))
    before = client.hgetall(there)
    where = ("--url", url(cluster.nodes[0]))
    listed = cli("queues", "--all-namespaces", "--json", *where).json
    assert {one["namespace"]: sorted(queue["queue"] for queue in one["queues"]) for one in listed} == {
        "asynq": sorted(QUEUES),
        "billing:asynq": ["mail"],
    }
    billing = (*where, "--namespace", "billing:asynq")
    scanned = cli("scan", "--json", *billing).json
    assert (scanned["complete"], scanned["keys_scanned"], len(scanned["queues"])) == (True, 1, 1)
    plan = ("delete", "--queue", "mail", "--kind", "orphan-archived", "--yes", *billing)
    assert cli(*plan).code == 0
    assert (client.exists(there), client.exists("asynq:{mail}:t:orphan-1")) == (0, 1)
    (journal,) = journals()
    restored = cli("restore", journal, "--yes", "--namespace", "billing:asynq", "--url", url(cluster.nodes[-1]))
    assert restored.code == 0, restored.err
    assert client.hgetall(there) == before
