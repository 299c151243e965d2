"""Replicas that do not hear their primary: what they answer is old, or nothing, and never called the present."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.command_line import Command, at
from support.pilot import Operator, operate
from support.servers import Live, wait_until

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
