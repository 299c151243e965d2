"""Replicas that do not hear their primary: what they answer is old, or nothing, and never called the present."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.catalogs import Hooked, ids, once
from support.command_line import Command, at
from support.pilot import Operator, operate
from support.servers import Live, wait_until
from support.servers import free_port as unused_port

from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.store.link.source import ClusterSource, Source
from archive_tui.tui.widgets.status import StatusBar


@dataclass
class Pair:
    """A primary and its replica."""

    primary: Live
    replica: Live

    def part(self) -> None:
        """The primary is gone, and the replica has noticed."""
        assert self.primary.process is not None
        self.primary.process.kill()
        wait_until(lambda: self.replica.client.info("replication")["master_link_status"] == "down")


@pytest.fixture
def pair(own_server: Callable[..., Live], any_binary: str, free_port: int) -> Pair:
    primary = own_server("--repl-diskless-sync-delay", "0", port=free_port, binary=any_binary)
    primary.asynq.register("q")
    primary.asynq.add_many("q", ["one", "two"])
    primary.asynq.add("q", "loose", referenced=False)
    replica = own_server("--replicaof", "127.0.0.1", str(free_port), binary=any_binary)
    wait_until(lambda: replica.client.info("replication").get("master_link_status") == "up")
    primary.client.wait(1, 20_000)
    return Pair(primary, replica)


@pytest.fixture
def reachable(own_server: Callable[..., Live], any_binary: str) -> Pair:
    """A primary and its replica, both with a port; the primary knows that its replica has all."""
    primary = own_server("--repl-diskless-sync-delay", "0", port=unused_port(), binary=any_binary)
    primary.asynq.register("q")
    primary.asynq.add_many("q", ["one", "two"])
    primary.asynq.add("q", "loose", referenced=False)
    replica = own_server("--replicaof", "127.0.0.1", str(port_of(primary)), port=unused_port(), binary=any_binary)
    wait_until(lambda: replica.client.info("replication").get("master_link_status") == "up")
    primary.client.wait(1, 20_000)
    replica.client.config_resetstat()
    primary.client.config_resetstat()
    return Pair(primary, replica)


def port_of(live: Live) -> int:
    assert live.process is not None
    return live.process.port


def by_port(live: Live, command: str, *arguments: str) -> list[str]:
    return [command, "--url", f"redis://127.0.0.1:{port_of(live)}", *arguments]


def test_a_scan_prefers_the_replica(reachable: Pair, cli: Command) -> None:
    scanned = cli(*by_port(reachable.primary, "scan", "--json", "--prefer-replica"))
    assert (scanned.code, scanned.json["complete"], scanned.err) == (0, True, "")
    read_from = scanned.json["read_from"]
    assert (read_from["role"], read_from["address"]) == ("replica", f"127.0.0.1:{port_of(reachable.replica)}/0")
    assert read_from["lag_bytes"] is not None
    assert read_from["lag_seconds"] <= 1
    assert scanned.json["server"]["address"] == f"127.0.0.1:{port_of(reachable.primary)}/0"
    assert reachable.replica.calls()["scan"] > 0
    said = cli(*by_port(reachable.primary, "scan", "--prefer-replica")).err
    assert f"scans and lists read the replica 127.0.0.1:{port_of(reachable.replica)}/0" in said


def test_a_deletion_is_read_at_the_replica_and_done_at_the_primary(
    reachable: Pair, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVE_TUI_PREFER_REPLICA", "yes")
    choice = ("--queue", "q", "--kind", "orphan-archived")
    plan = cli(*by_port(reachable.primary, "delete", *choice, "--dry-run"))
    assert f"scans and lists read the replica 127.0.0.1:{port_of(reachable.replica)}/0" in plan.text
    ended = cli(*by_port(reachable.primary, "delete", *choice, "--yes", "--json"))
    assert (ended.code, ended.json["report"]["deleted"]) == (0, 1), ended.err
    assert ended.json["server"] == f"127.0.0.1:{port_of(reachable.primary)}/0"
    assert not reachable.primary.client.exists("asynq:{q}:t:loose")
    ended = cli(*by_port(reachable.primary, "delete", "--queue", "q", "--archived", "--yes", "--json"))
    assert ended.json["report"]["deleted"] == 2
    assert reachable.replica.calls()["zrange"] > 0


def test_without_a_linked_replica_the_primary_is_read(reachable: Pair, cli: Command) -> None:
    reachable.replica.client.execute_command("REPLICAOF", "NO", "ONE")
    wait_until(lambda: reachable.primary.client.info("replication")["connected_slaves"] == 0)
    scanned = cli(*by_port(reachable.primary, "scan", "--json", "--prefer-replica"))
    assert scanned.json["read_from"]["role"] == "primary"
    assert "scans and lists read the primary: it has no replica that is linked" in scanned.err
    assert scanned.json["complete"]


def test_a_replica_that_cannot_be_reached_is_not_read(pair: Pair, cli: Command) -> None:
    """It has no port; its primary knows it all the same."""
    scanned = cli(*at(pair.primary, "scan", "--json", "--prefer-replica"))
    assert (scanned.code, scanned.json["complete"], scanned.json["read_from"]["role"]) == (0, True, "primary")
    assert "scans and lists read the primary" in scanned.err


def test_a_scan_goes_on_at_the_primary_when_its_replica_goes(
    reachable: Pair, run_job: Callable[[Job], Job], hooked: Hooked
) -> None:
    reachable.primary.asynq.add_many("q", [b"%d" % number for number in range(1500)], referenced=False)
    reachable.primary.client.wait(1, 20_000)
    session = Session(Settings(port=port_of(reachable.primary), prefer_replica=True))
    session.open()
    assert session.source is not None
    assert not session.source.why_primary
    assert reachable.replica.process is not None
    hooked.hook = once(reachable.replica.process.kill)
    job = session.scan(hooked, pace=Pace.FULL)
    assert job.wait(20)
    assert (job.error, job.progress.complete, job.progress.restarts) == (None, True, 1)
    assert len(ids(hooked)) == 1501
    assert session.source.why_primary
    session.close()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (Source("a:1/0", 0, 0), "read the replica a:1/0, which has all that the primary has"),
        (Source("a:1/0", 0, 396), "read the replica a:1/0, 396 B behind"),
        (Source("a:1/0", 3, 0), "read the replica a:1/0, 3 s behind"),
        (Source("a:1/0", 3, 2000), "read the replica a:1/0, 3 s and 2.0 kB behind"),
        (Source("a:1/0", 0, None), "read the replica a:1/0, of which nobody says how far it is behind"),
        (Source("a:1/0", why_primary="it has none"), "read the primary: it has none"),
    ],
)
def test_how_far_a_replica_is_behind(source: Source, sentence: str) -> None:
    assert source.sentence == f"scans and lists {sentence}"


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ([Source("a:1/0", 3, 396), Source("b:1/0", 0, 0)], "2 replicas, at most 3 s and 396 B behind"),
        ([Source("a:1/0", 0, 0)], "1 replica, with all that the primaries have"),
        ([Source("a:1/0", 0, None), Source("b:1/0", 0, 0)], "2 replicas, of which nobody says how far behind"),
        (
            [Source("a:1/0", 0, 5), Source("b:1/0", why_primary="it has none")],
            "1 replica, at most 5 B behind, and 1 primary: b:1/0: it has none",
        ),
        ([Source("b:1/0", why_primary="it has none")], "the primaries: b:1/0: it has none"),
    ],
)
def test_how_far_the_replicas_of_a_cluster_are_behind(nodes: list[Source], sentence: str) -> None:
    assert ClusterSource("c:1/0", tuple(nodes)).sentence == f"scans and lists read {sentence}"


def test_the_screens_say_what_they_read(reachable: Pair) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("scans and lists read the replica", str(port_of(reachable.replica)))
        reachable.replica.client.execute_command("REPLICAOF", "NO", "ONE")
        await op.sees("scans and lists read the primary")

    operate(Settings(port=port_of(reachable.primary), prefer_replica=True), play)


def test_a_replica_names_its_primary(reachable: Pair, cli: Command) -> None:
    ended = cli(*by_port(reachable.replica, "delete", "--queue", "q", "--archived", "--yes"))
    port = port_of(reachable.primary)
    assert ended.code == 5
    assert f"connect to its primary, 127.0.0.1:{port} (--url redis://127.0.0.1:{port}/0)" in ended.complaint


def test_a_replica_that_hears_its_primary_is_as_good_as_that(pair: Pair, cli: Command) -> None:
    info = pair.replica.connect().identify()
    assert (info.role, info.linked, info.staleness) == ("replica", True, "")
    scanned = cli(*at(pair.replica, "scan", "--json"))
    assert (scanned.code, scanned.json["complete"], scanned.json["caution"]) == (0, True, None)


def test_a_scan_of_a_replica_without_its_primary_is_not_complete(pair: Pair, cli: Command) -> None:
    pair.part()
    info = pair.replica.connect().identify()
    assert not info.linked
    assert info.unlinked_for is not None
    assert info.unlinked_for < 60
    scanned = cli(*at(pair.replica, "scan", "--json"))
    assert (scanned.code, scanned.json["complete"]) == (4, False)
    assert "has not heard its primary for" in scanned.json["caution"]
    assert "has not heard its primary for" in cli(*at(pair.replica, "queues")).err
    assert "not complete: this replica" in cli(*at(pair.replica, "scan")).err
    assert cli(*at(pair.replica, "scan", "--check")).code == 10


def test_the_screens_do_not_call_old_data_fresh(pair: Pair) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("as of 0 s ago")
        pair.part()
        await op.sees("primary away")
        bar = op.app.screen.query_one(StatusBar)
        await op.until(lambda: "as of 0 s ago" not in bar.render().plain)

    operate(pair.replica.settings, play)


def test_a_replica_before_its_first_sync_is_not_an_empty_database(
    own_server: Callable[..., Live], any_binary: str, free_port: int, cli: Command
) -> None:
    replica = own_server("--replicaof", "127.0.0.1", str(free_port), binary=any_binary)
    ended = cli(*at(replica, "queues"))
    assert ended.code == 3
    assert "holds nothing of Asynq's, and this replica has not heard its primary yet" in ended.complaint
    assert "database number" not in ended.complaint


def test_a_replica_that_refuses_to_answer_is_no_cluster(pair: Pair, cli: Command) -> None:
    pair.replica.client.config_set("replica-serve-stale-data", "no")
    pair.part()
    ended = cli(*at(pair.replica, "queues"))
    assert ended.code == 3
    assert "is a replica that has lost its primary" in ended.complaint
    assert "cluster" not in ended.complaint


@pytest.mark.parametrize(
    "arguments",
    [("delete", "--archived"), ("repair", "--kind", "orphan-archived", "--action", "archive")],
    ids=["delete", "repair"],
)
def test_a_dry_run_says_that_it_cannot_be_done_on_a_replica(
    pair: Pair, cli: Command, arguments: tuple[str, ...]
) -> None:
    command, *rest = arguments
    ended = cli(*at(pair.replica, command, "--queue", "q", *rest, "--dry-run"))
    assert ended.code == 0
    assert "this cannot be done here: this server is a replica" in ended.text
    ended = cli(*at(pair.replica, command, "--queue", "q", *rest, "--dry-run", "--json"))
    assert "is a replica" in ended.json["refused"]
    ended = cli(*at(pair.primary, command, "--queue", "q", *rest, "--dry-run", "--json"))
    assert ended.json["refused"] is None
