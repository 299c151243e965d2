"""Locks that a task holds by the rule of its payload and names nowhere, as foreign writers have them: they go with the
task, and come back with it.
"""

from pathlib import Path

import pytest
from support.asynq_data import NOW, key, lock_key
from support.changes import Run, cleaning_up, delete_all, planned, put_back, repairing
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes import delete
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob

PAID = lock_key("q", payload=b"paid")
NIL = b"asynq:{q}:unique:email:send:"
OTHER = lock_key("q", payload=b"other")


@pytest.fixture
def foreign(any_server: Live) -> Live:
    """Orphans that hold a lock by their payload, by no payload, and none, for another task holds it."""
    asynq, client = any_server.asynq, any_server.client
    asynq.register("q")
    asynq.add("q", "paid", referenced=False, payload=b"paid")
    asynq.add("q", "nil", referenced=False, payload=b"")
    asynq.add("q", "other", referenced=False, payload=b"other")
    client.set(PAID, "paid", px=500_000)
    client.set(NIL, "nil")
    client.set(OTHER, "somebody", px=500_000)
    return any_server


def test_they_go_with_the_task_and_come_back_with_it(foreign: Live, run_job: Run, tmp_path: Path) -> None:
    client = foreign.client
    until = client.pexpiretime(PAID) if foreign.name == "valkey" else None
    deleted = delete_all(foreign, run_job, tmp_path)
    assert deleted.outcomes == {Outcome.DONE_AND_UNLOCKED: 2, Outcome.DONE: 1}
    assert client.exists(PAID, NIL) == 0
    assert client.get(OTHER) == b"somebody"
    restored = put_back(foreign, run_job, planned(foreign, deleted))
    assert restored.outcomes == {Outcome.DONE: 3}
    assert (client.get(PAID), client.get(NIL), client.ttl(NIL)) == (b"paid", b"nil", -1)
    if until is not None:
        assert abs(client.pexpiretime(PAID) - until) <= 1_000
    assert client.get(OTHER) == b"somebody"


@pytest.mark.parametrize("first", ["other", "paid"])
def test_they_go_whichever_task_comes_first(foreign: Live, run_job: Run, tmp_path: Path, first: str) -> None:
    for task_id in ("paid", "nil", "other"):
        foreign.asynq.refer("q", task_id, "archived", score=NOW - (task_id != first))
    deleted = delete_all(foreign, run_job, tmp_path, listed="q")
    assert deleted.outcomes == {Outcome.DONE_AND_UNLOCKED: 2, Outcome.DONE: 1}
    assert foreign.client.exists(PAID, NIL) == 0


def test_a_task_that_names_another_lock_holds_that_one(foreign: Live, run_job: Run, tmp_path: Path) -> None:
    named = lock_key("q", payload=b"named")
    foreign.asynq.add("q", "paid", referenced=False, payload=b"paid", unique=named)
    delete_all(foreign, run_job, tmp_path)
    assert foreign.client.exists(named) == 0
    assert foreign.client.get(PAID) == b"paid"


def test_a_long_deletion_leaves_them(
    foreign: Live, run_job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delete, "_LOOKED_FOR_LOCKS", 2)
    assert delete_all(foreign, run_job, tmp_path).outcomes == {Outcome.DONE: 3}
    assert foreign.client.exists(PAID, NIL, OTHER) == 3


def test_a_repair_that_deletes_releases_them(foreign: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    for task_id, payload in (("paid", b"paid"), ("nil", b""), ("other", b"other")):
        foreign.asynq.add("q", task_id, "pending", referenced=False, payload=payload)
    assert run_job(ScanJob(foreign.connect(), catalog, pace=Pace.FULL)).wait(20)
    assert catalog.counts().by_kind == {Kind.LOST: 3}
    plan = RepairPlan.of(plan_matching(catalog, Query()), Repair.CLEAN)
    job = repairing(foreign.connect(), plan, journal_dir=tmp_path)
    assert run_job(job).wait(20)
    assert job.progress.outcomes == {Outcome.DONE_AND_UNLOCKED: 2, Outcome.DONE: 1}
    assert foreign.client.exists(PAID, NIL) == 0
    assert foreign.client.get(OTHER) == b"somebody"
    put_back(foreign, run_job, planned(foreign, job.progress))
    assert (foreign.client.get(PAID), foreign.client.get(NIL)) == (b"paid", b"nil")


def test_a_restore_of_a_clean_up_takes_them_again(foreign: Live, run_job: Run, tmp_path: Path) -> None:
    foreign.client.srem("asynq:queues", "q")
    job = cleaning_up(foreign.connect(), "q", Pace.FULL, journal_dir=tmp_path)
    assert run_job(job).wait(20)
    assert job.error is None
    assert foreign.client.dbsize() == 0
    put_back(foreign, run_job, planned(foreign, job.progress))
    assert (foreign.client.get(PAID), foreign.client.get(NIL)) == (b"paid", b"nil")
    assert foreign.client.exists(key("q", "paid"), key("q", "nil"), key("q", "other")) == 3
