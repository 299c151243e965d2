"""archive_tui scans and deletes in a cluster while real Asynq is busy there, and slots change hands. Zero lost."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.cluster import RedisCluster
from support.cluster import ClusterProcesses, running

from .cleaner import Cleaner, everything, refs
from .dump import Dump
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
    """Moves the slots of the queues from node to node, for a `with`."""

    def __init__(self, cluster: ClusterProcesses) -> None:
        super().__init__(daemon=True)
        self.moves = 0
        self._cluster = cluster
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._ended.wait(_BETWEEN):
                self._cluster.move_at_once(f"asynq:{{{QUEUES[self.moves % len(QUEUES)]}}}:")
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
        with Mover(cluster) as mover:
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
