"""The job that runs archived tasks: batches, what is left alone, stopping, and answers that are lost."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import NOW, key, prefix
from support.changes import planned, put_back, running
from support.servers import Live

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.runs import RunMode
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_oldest
from archive_tui.changes.run_plan import RunPlan, plan_run, runnable
from archive_tui.errors import DisconnectedError
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.listing import ListAllJob, ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write import run as store

Q = "work"
COUNT = 250
Run = Callable[[Job], Job]


@pytest.fixture
def failed(valkey: Live) -> Live:
    valkey.asynq.register(Q)
    valkey.asynq.add_many(Q, [f"task-{number:03}" for number in range(COUNT)], score=NOW, retry=3, retried=3)
    return valkey


def plan_of(live: Live, catalog: Catalog, run_job: Run, mode: RunMode) -> RunPlan:
    assert run_job(ListJob(live.connect(), catalog, Q)).wait(20)
    plan, left_out = runnable(plan_oldest(catalog, Query()))
    assert not left_out
    return plan_run(live.connect(), plan, mode)


def test_tasks_of_several_queues_begin_in_the_order_of_the_plan(
    valkey: Live, catalog: Catalog, run_job: Run, tmp_path: Path
) -> None:
    """One a second, by turns of one queue and the other: batches are of one queue, the moments are not."""
    valkey.asynq.register("one", "two")
    for number in range(10):
        valkey.asynq.add(("one", "two")[number % 2], f"task-{number}", score=NOW + number)
    assert run_job(ListAllJob(valkey.connect(), catalog)).wait(20)
    plan = plan_run(valkey.connect(), plan_oldest(catalog, Query()), RunMode(at=NOW, per_second=1.0))
    job = running(valkey.connect(), plan, Pace.FULL, None, tmp_path)
    run_job(job)
    assert job.wait(20)
    assert job.progress.outcomes == {Outcome.DONE: 10}
    due: dict[bytes, float] = {}
    for queue in ("one", "two"):
        due |= valkey.client.zrange(prefix(queue) + b"scheduled", 0, -1, withscores=True)
    assert due == {b"task-%d" % number: NOW + number for number in range(10)}


def pending(live: Live) -> set[bytes]:
    return set(live.client.lrange(prefix(Q) + b"pending", 0, -1))


@pytest.mark.parametrize("journaled", [True, False])
def test_all_are_queued_in_calls_of_a_hundred(
    failed: Live, catalog: Catalog, run_job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journaled: bool
) -> None:
    sizes: list[int] = []
    whole = store.run

    def counting(pipe: Pipe, queue: str, tasks: Any, now: float) -> list[Outcome]:
        sizes.append(len(tasks))
        return whole(pipe, queue, tasks, now)

    monkeypatch.setattr(store, "run", counting)
    plan = plan_of(failed, catalog, run_job, RunMode(afresh=True))
    job = running(failed.connect(), plan, Pace.FULL, journal_dir=tmp_path if journaled else None)
    assert run_job(job).wait(30)
    assert (job.progress.made, job.progress.in_part) == (COUNT, False)
    assert len(pending(failed)) == COUNT
    assert sum(sizes) == COUNT
    assert max(sizes) <= 100
    assert catalog.counts().total == 0


@pytest.mark.parametrize("lost", [1, 2])
def test_an_answer_that_is_lost_queues_nothing_twice(
    failed: Live, catalog: Catalog, run_job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """What was done before the connection broke is unknown to the journal, and can be taken back."""
    whole, calls = store.run, itertools.count(1)

    def losing(pipe: Pipe, queue: str, tasks: Any, now: float) -> list[Outcome]:
        outcomes = whole(pipe, queue, tasks, now)
        if next(calls) == lost:
            raise DisconnectedError("lost")
        return outcomes

    monkeypatch.setattr(store, "run", losing)
    plan = plan_of(failed, catalog, run_job, RunMode())
    job = running(failed.connect(), plan, Pace.FULL, journal_dir=tmp_path)
    assert run_job(job).wait(60)
    progress = job.progress
    assert progress.state is JobState.DONE
    assert progress.unconfirmed == progress.outcomes[Outcome.STATE_CHANGED] == 100
    assert progress.made == COUNT - 100
    assert failed.client.llen(prefix(Q) + b"pending") == len(pending(failed)) == COUNT
    back = put_back(failed, run_job, planned(failed, progress))
    assert back.made == COUNT
    assert not pending(failed)
    assert failed.client.zcard(prefix(Q) + b"archived") == COUNT


def test_a_stop_leaves_the_rest_in_the_archive(failed: Live, catalog: Catalog, run_job: Run, tmp_path: Path) -> None:
    plan = plan_of(failed, catalog, run_job, RunMode())
    job = running(failed.connect(), plan, Pace.FULL, before=lambda _pipe, _rows: job.stop(), journal_dir=tmp_path)
    assert run_job(job).wait(30)
    assert job.state is JobState.STOPPED
    done = job.progress.made
    assert done + job.progress.untouched == COUNT
    assert len(pending(failed)) == done
    assert failed.client.zcard(prefix(Q) + b"archived") == COUNT - done


def test_what_has_changed_since_the_plan_is_left_alone(
    failed: Live, catalog: Catalog, run_job: Run, tmp_path: Path
) -> None:
    plan = plan_of(failed, catalog, run_job, RunMode())
    failed.asynq.run(Q, "task-001")
    failed.client.hset(key(Q, "task-002"), "msg", b"\xff\xff")
    failed.client.delete(key(Q, "task-003"))
    failed.client.zrem(prefix(Q) + b"archived", "task-004")
    job = running(failed.connect(), plan, Pace.FULL, journal_dir=tmp_path)
    assert run_job(job).wait(30)
    assert job.progress.outcomes == {
        Outcome.DONE: COUNT - 4,
        Outcome.STATE_CHANGED: 1,
        Outcome.MESSAGE_CHANGED: 1,
        Outcome.NO_DATA: 1,
        Outcome.NOT_IN_INDEX: 1,
    }
    assert len(pending(failed)) == COUNT - 3
