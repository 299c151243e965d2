"""archive_tui scans and deletes in a cluster while real Asynq is busy there, slots change hands and a primary dies."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.cluster import RedisCluster
from support.cluster import ClusterProcesses, running

from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob

from .cleaner import Cleaner, ended, everything, refs
from .dump import Dump, Ref
from .program import VERSIONS, Asynq, Library
from .rounds import QUEUES, Rounds, close

pytestmark = [
    pytest.mark.asynq,
    pytest.mark.slow,
    pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session"),
]

PREFILL = 10_500
"""More tasks than an archive holds."""

BUSY_SECONDS = 8.0
_BETWEEN = 0.5
"""Seconds between two moves of a slot."""


@pytest.fixture
def cluster(valkey_binary: str, tmp_path: Path) -> Iterator[ClusterProcesses]:
    """Three primaries."""
    with running(ClusterProcesses(valkey_binary, tmp_path / "cluster")) as processes:
        yield processes


@pytest.fixture
def client(cluster: ClusterProcesses) -> Iterator[RedisCluster]:
    with cluster.client() as client:
        yield client


@pytest.fixture
def cleaner(cluster: ClusterProcesses, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cleaner]:
    with Cleaner(f"redis://127.0.0.1:{cluster.nodes[0].port}", monkeypatch) as operator:
        yield operator


class Mover(threading.Thread):
    """Moves the slots of queues from node to node, one after the other, for a `with`."""

    def __init__(self, move: Callable[[str], object], *queues: str) -> None:
        super().__init__(daemon=True)
        self.moves = 0
        self._move = move
        self._queues = queues
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._ended.wait(_BETWEEN):
                self._move(f"asynq:{{{self._queues[self.moves % len(self._queues)]}}}:")
                self.moves += 1
        except BaseException as error:
            self._error = error

    def __enter__(self) -> "Mover":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        if self._error is not None:
            raise self._error


def test_zero_lost_while_slots_move(
    library: Library, cluster: ClusterProcesses, cleaner: Cleaner, client: RedisCluster, tmp_path: Path
) -> None:
    asynq = Asynq(library, f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}")
    rounds = Rounds(cleaner, client)
    with asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=200, prefill=PREFILL) as traffic:
        until = time.monotonic() + BUSY_SECONDS
        with Mover(cluster.move_at_once, *QUEUES) as mover:
            rounds.run(
                [rounds.everything, rounds.one_queue, rounds.every_other, rounds.from_the_archive, rounds.the_past],
                enough=lambda: time.monotonic() > until and mover.moves >= 2 * len(QUEUES),
            )
        account = traffic.end()
    account["orphaned"].update(rounds.pushed_out)
    dump = Dump.of(client)
    close(account, dump, cleaner.attempts)
    deleted = {attempt.ref for attempt in cleaner.attempts if attempt.deleted}
    assert not rounds.found - deleted - dump.orphans, "findings that were none"
    assert sum(attempt.deleted and attempt.orphan for attempt in cleaner.attempts)

    # Nobody is busy now: the rest of the orphans goes, whichever node they have come to.
    catalog = cleaner.scan()
    assert refs(catalog) == dump.orphans
    cleaner.delete(everything(catalog))
    dump = Dump.of(client)
    close(account, dump, cleaner.attempts)
    assert not dump.orphans


QUIET = "quiet"
"""A queue on which nobody works. What is busy must not be moved key by key: Asynq's scripts find half of what they
need, and leave half of what they do.
"""


def test_zero_lost_while_slots_move_key_by_key(
    library: Library, cluster: ClusterProcesses, cleaner: Cleaner, client: RedisCluster, tmp_path: Path
) -> None:
    asynq = Asynq(library, f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}")
    planted = _plant(asynq, client, QUIET, *QUEUES)
    with asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=100) as traffic:
        job = cleaner.scanning(pace=Pace.POLITE)
        with Mover(cluster.move, QUIET) as mover:
            job.start()
            traffic.wait_until(lambda: mover.moves >= 2 and job.state.ended, "a slot to move under a scan")
            found = _found(job)
            cleaner.delete(everything(job.catalog))
        account = traffic.end()
    dump = Dump.of(client)
    _nothing_missed_nor_lost(planted, found, cleaner, dump)
    assert not account.errors


# Asynq's calls fail while their node is gone, so that there is no account: nobody knows what became of them. What the
# data itself tells must be right all the same.


def test_zero_lost_while_a_primary_is_killed(
    library: Library, valkey_binary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ClusterProcesses(valkey_binary, tmp_path / "cluster", 3, 3)) as cluster:
        url = f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}"
        asynq = Asynq(library, url)
        with cluster.client() as client:
            planted = _plant(asynq, client, *QUEUES)
        with (
            Cleaner(url, monkeypatch) as cleaner,
            asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=100) as traffic,
        ):
            job = cleaner.scanning(pace=Pace.POLITE)
            job.start()
            traffic.wait_until(lambda: job.progress.keys > PREFILL // 4, "the scan to be on its way")
            assert not job.state.ended
            cluster.kill(cluster.owner("asynq:{critical}:"))
            found = _found(job)
            deletion = cleaner.job(everything(job.catalog), Pace.GENTLE)
            deletion.start()
            traffic.wait_until(lambda: deletion.progress.done, "the deletion to be on its way")
            assert not deletion.state.ended
            cluster.kill(cluster.owner("asynq:{default}:"))
            assert not ended(deletion).progress.untouched
            traffic.end()
        with cluster.client() as client:
            _nothing_missed_nor_lost(planted, found, cleaner, Dump.of(client))


def _plant(asynq: Asynq, client: RedisCluster, *queues: str) -> set[Ref]:
    """Let Asynq itself push tasks out of the full archives of some queues; the orphans that this makes."""
    for queue in queues:
        asynq("archive-all", queue=queue, tasks=PREFILL)
    planted = Dump.of(client).orphans
    assert {queue for queue, _ in planted} == {*queues}
    return planted


def _found(job: ScanJob) -> set[Ref]:
    """What a scan that has come to its end has found."""
    assert ended(job).progress.complete
    return refs(job.catalog)


def _nothing_missed_nor_lost(planted: set[Ref], found: set[Ref], cleaner: Cleaner, dump: Dump) -> None:
    """Every orphan was found and is gone, and whatever else was found is one. No task that stands in an index misses
    its data, and none is in no index, which is what the deletion of a living task would look like.
    """
    deleted = {attempt.ref for attempt in cleaner.attempts if attempt.deleted}
    assert not planted - found, "orphans that were missed"
    assert not found - deleted - dump.orphans, "findings that were none"
    assert planted <= deleted
    assert not planted & dump.tasks.keys()
    assert not dump.ghosts
    assert not dump.husks
    assert not dump.stranded
