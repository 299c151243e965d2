"""What the scan finds, compared exactly with what is there after each damage that real Asynq does to its archives."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
import redis

from archive_tui import cli
from archive_tui.asynq.rows import TaskRow
from archive_tui.jobs.pace import Pace

from .cleaner import Cleaner, everything, rows
from .dump import Dump, Ref, fields
from .program import Asynq, Library
from .servers import SERVERS, copied

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

CAP = 9_999
TASKS = 12_000
ROOM = 9
SINGLE = 60
COMPLETED = 50
AGGREGATING = 7
FULL = ("workers", "pending", "scheduled", "one-by-one", "at-the-cap")
"""The queues whose archives were filled, named after who filled them."""


class Finding(NamedTuple):
    """What must be known of each thing that is found."""

    queue: str
    id: str
    kind: str
    type: str
    error: str
    last_failed_at: int | None
    payload_bytes: int


@dataclass
class Installation:
    """An installation with every damage, at rest."""

    asynq: Asynq
    url: str
    dump: Dump = field(repr=False)
    findings: set[Finding] = field(repr=False)

    def of(self, *queues: str) -> set[Finding]:
        """The findings of some queues."""
        return {finding for finding in self.findings if finding.queue in queues}


@pytest.fixture(scope="module", params=SERVERS)
def damaged(
    request: pytest.FixtureRequest, library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The damage is done while another queue of the installation is busy."""
    with SERVERS[request.param]() as url:
        asynq = Asynq(library, url)
        with (
            asynq.traffic(tmp_path_factory.mktemp("healthy") / "traffic", queues="healthy", rate=100) as traffic,
            ThreadPoolExecutor(2) as hands,
        ):
            done = [
                hands.submit(asynq, "worker-trim", queue="workers", tasks=TASKS),
                hands.submit(one_by_one, asynq),
                hands.submit(asynq, "archive-all", queue="pending", tasks=TASKS),
                hands.submit(asynq, "archive-all", queue="scheduled", tasks=TASKS, **{"from": "scheduled"}),
                hands.submit(asynq, "archive-all", queue="at-the-cap", tasks=CAP),
                hands.submit(asynq, "delete-queue", queue="leftover", completed=COMPLETED, aggregating=AGGREGATING),
            ]
            for one in done:
                one.result()
            assert not traffic.end().errors
        with redis.Redis.from_url(url) as client:
            for lock in client.scan_iter("asynq:{healthy}:unique:*"):
                client.persist(lock)  # nothing of what is compared may expire meanwhile
            dump = Dump.of(client)
        yield Installation(asynq, url, dump, set(expected(dump)))


def one_by_one(asynq: Asynq) -> None:
    """Archive some tasks singly into an archive that is nearly full."""
    asynq("archive-all", queue="one-by-one", tasks=CAP - ROOM)
    asynq("archive-all", queue="one-by-one", tasks=SINGLE, prefix="single", one=True)


def expected(dump: Dump) -> Iterator[Finding]:
    """What is wrong, told from the dump by the words of Asynq's source and by nothing of archive_tui."""
    left_behind = {ref for ref in dump.tasks if dump.state(ref) == "completed" and ref[0] not in dump.registered}
    for queue, task_id in dump.orphans | left_behind:
        message = fields(dump.tasks[queue, task_id][b"msg"])
        yield Finding(
            queue,
            task_id,
            f"orphan-{dump.state((queue, task_id))}",
            _text(message.get(1, b"")),
            _text(message.get(7, b"")),
            int(message.get(11, 0)) or None,
            len(_bytes(message.get(2, b""))),
        )


def _bytes(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


def found(row: TaskRow) -> Finding:
    """What the scan says of a row."""
    assert row.kind is not None
    assert row.payload_bytes is not None
    return Finding(
        row.queue, row.id.decode(), row.kind.value, row.type, row.error, row.last_failed_at, row.payload_bytes
    )


def ids(findings: set[Finding]) -> set[str]:
    return {finding.id for finding in findings}


def test_asynq_does_the_damage_that_the_design_describes(damaged: Installation) -> None:
    """Otherwise the other tests of this module might compare nothing with nothing."""
    dump, forgetful = damaged.dump, damaged.asynq.forgets_what_workers_trim
    archived = {queue: len(dump.indexes[queue]["archived"]) for queue in FULL}
    assert archived == dict.fromkeys(FULL, CAP)
    assert len(damaged.of("workers")) == (TASKS - CAP if forgetful else 0)
    assert sum(queue == "workers" for queue, _ in dump.tasks) == (TASKS if forgetful else CAP)
    # An inspector archives all in one second, so that those with the lowest ids go.
    trimmed = {f"aa-{number:06}" for number in range(TASKS - CAP)}
    assert ids(damaged.of("pending")) == ids(damaged.of("scheduled")) == trimmed
    assert ids(damaged.of("one-by-one")) == {f"aa-{number:06}" for number in range(SINGLE - ROOM)}
    assert ids(damaged.of("leftover")) == {f"dq-{number:06}" for number in range(COMPLETED)}
    assert "leftover" not in dump.registered
    assert len(dump.indexes["leftover"]["completed"]) == COMPLETED
    assert sum(dump.state(ref) == "aggregating" for ref in dump.tasks if ref[0] == "leftover") == AGGREGATING
    assert not damaged.of("at-the-cap", "healthy")
    assert len({dump.state(ref) for ref in dump.tasks if ref[0] == "healthy"}) > 2
    assert not dump.husks | dump.ghosts | dump.stranded


def test_scan_of_everything(damaged: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    with Cleaner(damaged.url, monkeypatch) as cleaner:
        listed = [found(row) for row in rows(cleaner.scan())]
    assert len(listed) == len(damaged.findings)
    assert set(listed) == damaged.findings


@pytest.mark.parametrize(
    "queues", [("workers",), ("leftover",), ("at-the-cap",), ("healthy",), ("pending", "one-by-one", "nowhere")]
)
def test_scan_of_some_queues(damaged: Installation, queues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with Cleaner(damaged.url, monkeypatch) as cleaner:
        assert set(map(found, rows(cleaner.scan(*queues, pace=Pace.POLITE)))) == damaged.of(*queues)


def test_scan_without_a_screen(damaged: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    ended = cli.run(["--url", damaged.url, "scan", "--pace", "full", "--ndjson", "--check"])
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ended == 10
    told = ("queue", "id", "kind", "type", "error", "payload_bytes")
    assert {tuple(one[name] for name in told) for one in listed} == {
        tuple(getattr(finding, name) for name in told) for finding in damaged.findings
    }
    assert len(listed) == len(damaged.findings)


def test_deleting_what_was_found_leaves_all_the_rest(damaged: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    refs: set[Ref] = {(finding.queue, finding.id) for finding in damaged.findings}
    with copied(damaged.url) as url, redis.Redis.from_url(url) as client, Cleaner(url, monkeypatch) as cleaner:
        report = cleaner.delete(everything(cleaner.scan()))
        assert report.made == len(refs)
        left = Dump.of(client)
        assert left.contents == damaged.dump.without(refs)
        assert not rows(cleaner.scan())
        asynq = damaged.asynq.at(url)
        for queue in sorted(left.registered):
            assert asynq("check", queue=queue)["sizes"]["archived"] == len(left.indexes[queue]["archived"])
