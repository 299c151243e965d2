"""Stale locks: found among those that live, released, and taken again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.asynq_data import NOW, everything, key, lock_key, prefix
from support.changes import repairing, restoring_job
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.store.write.repair import repair

LOCK = lock_key("q")


def ended(job: Job) -> None:
    job.start()
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error


def scan(live: Live, catalog: Catalog, queues: list[str] | None = None) -> list[TaskRow]:
    ended(ScanJob(live.connect(), catalog, queues, pace=Pace.FULL, locks=True))
    return list(catalog.rows(catalog.find(Query())).values())


@pytest.fixture
def locked(any_server: Live) -> Live:
    """A lock whose task is gone, among locks that tasks hold."""
    asynq = any_server.asynq
    asynq.register("q", "fine")
    for number in range(20):
        queue = "q" if number % 2 else "fine"
        asynq.add(queue, f"held-{number}", "pending", unique=lock_key(queue, payload=b"%d" % number))
    any_server.client.set(LOCK, "gone", px=3_600_000)
    return any_server


@pytest.mark.parametrize("queues", [["q"], None, ["q", "fine"]])
def test_a_lock_whose_holder_has_no_data_is_stale(locked: Live, catalog: Catalog, queues: list[str] | None) -> None:
    (row,) = scan(locked, catalog, queues)
    assert (row.queue, row.id, row.kind, row.type) == ("q", LOCK, Kind.STALE_LOCK, "email:send")
    assert row.error.startswith("held by gone until ")
    assert row.scored_at is not None


def test_a_scan_of_another_queue_does_not_look_at_it(locked: Live, catalog: Catalog) -> None:
    assert scan(locked, catalog, ["fine"]) == []


@pytest.mark.parametrize(
    "lock",
    [
        "asynq:{q}:unique:send:not an md5",  # of Asynq 0.17, whose tasks have no hashes
        "asynq:{q}:note:send:",
        "asynq:{a}:t:b}:unique:send:",
    ],
)
def test_what_is_no_lock_of_asynq_is_none(valkey: Live, catalog: Catalog, lock: str) -> None:
    valkey.asynq.register("q", "a}:t:b")
    valkey.client.set(lock, "gone")
    assert [row.kind for row in scan(valkey, catalog) if row.kind is Kind.STALE_LOCK] == []


def enqueued(live: Live) -> None:
    live.asynq.add("q", "gone", "pending")


def taken(live: Live) -> None:
    live.client.set(LOCK, "another", px=1000)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (enqueued, Outcome.NOT_A_GHOST),
        (taken, Outcome.GONE),
        (lambda live: live.client.delete(LOCK), Outcome.GONE),
        (lambda live: live.client.delete(LOCK) and live.client.lpush(LOCK, "gone"), Outcome.GONE),
    ],
)
def test_a_lock_that_is_not_stale_any_more_stays(
    locked: Live, catalog: Catalog, change: Callable[[Live], object], outcome: Outcome
) -> None:
    rows = scan(locked, catalog)
    change(locked)
    before = everything(locked.client)
    with locked.pipe() as pipe:
        assert repair(pipe, Repair.RELEASE, rows, NOW) == [outcome]
    assert everything(locked.client).keys() == before.keys()


def released(live: Live, catalog: Catalog, folder: Path) -> Journal:
    """Release the stale lock; the journal of it."""
    scan(live, catalog)
    plan = RepairPlan.of(plan_matching(catalog, Query()), Repair.RELEASE)
    job = repairing(live.connect(), plan, Pace.FULL, journal_dir=folder)
    ended(job)
    assert job.progress.outcomes == {Outcome.DONE: 1}
    assert not live.client.exists(LOCK)
    assert job.progress.journal is not None
    return Journal(job.progress.journal)


def test_a_released_lock_is_taken_again_for_the_time_that_is_left(
    locked: Live, catalog: Catalog, tmp_path: Path
) -> None:
    journal = released(locked, catalog, tmp_path)
    plan = plan_restore(locked.connect(), journal)
    assert (plan.count, plan.locks, plan.bare) == (1, 1, 0)
    job = restoring_job(locked.connect(), plan, Pace.FULL)
    ended(job)
    assert job.progress.outcomes == {Outcome.DONE: 1}
    assert locked.client.get(LOCK) == b"gone"
    assert 3_500_000 < locked.client.pttl(LOCK) <= 3_600_000
    assert not locked.client.exists(key("q", "gone"))


def test_a_lock_that_somebody_has_taken_meanwhile_is_not_taken_from_them(
    locked: Live, catalog: Catalog, tmp_path: Path
) -> None:
    journal = released(locked, catalog, tmp_path)
    locked.asynq.add("q", "new", "pending", unique=LOCK)
    job = restoring_job(locked.connect(), plan_restore(locked.connect(), journal), Pace.FULL)
    ended(job)
    assert job.progress.outcomes == {Outcome.LOCK_TAKEN: 1}
    assert locked.client.get(LOCK) == b"new"


def test_a_lock_without_an_end_comes_back_without_one(any_server: Live, catalog: Catalog, tmp_path: Path) -> None:
    any_server.asynq.register("q")
    any_server.client.set(LOCK, "gone")
    journal = released(any_server, catalog, tmp_path)
    ended(restoring_job(any_server.connect(), plan_restore(any_server.connect(), journal), Pace.FULL))
    assert (any_server.client.get(LOCK), any_server.client.pttl(LOCK)) == (b"gone", -1)


def test_a_queue_of_which_only_locks_are_left(valkey: Live, catalog: Catalog) -> None:
    """What `DeleteQueue` leaves."""
    valkey.client.set(LOCK, "gone")
    assert [row.queue for row in scan(valkey, catalog)] == ["q"]
    assert valkey.client.keys(prefix("q") + b"*") == [LOCK]
