"""The job that sets findings right: batches, plans, warnings, stopping, and a connection that breaks in the middle."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.asynq_data import NOW, prefix
from support.catalogs import Hooked, once
from support.changes import cleaning_up, repairing
from support.damage import find, put
from support.oracle import findings
from support.servers import Live, wait_until

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.changes.repair_plan import RepairPlan, choices
from archive_tui.errors import ArchiveTuiError, DisconnectedError, RefusedError
from archive_tui.jobs.archive_check import ArchiveCheckJob
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.write import repair as store

Q = "default"
Run = Callable[[Job], Job]


@pytest.fixture
def damaged(valkey: Live) -> Live:
    """Orphans, ghosts and lost tasks of two queues."""
    for queue in (Q, "other"):
        valkey.asynq.register(queue)
        valkey.asynq.add_many(queue, [f"loose-{number}" for number in range(150)], referenced=False)
        valkey.asynq.add_many(queue, [f"lost-{number}" for number in range(30)], "pending", referenced=False)
        for number in range(20):
            put(valkey.asynq, queue, b"gone-%d" % number, "archived")
    return valkey


def plan_of(live: Live, catalog: Catalog) -> Plan:
    """Everything that is wrong."""
    catalog.add(find(live, [Q, "other"], 1000))
    return plan_matching(catalog, Query())


def test_choices_are_what_fits_most_first_and_deleting_last(damaged: Live, catalog: Catalog) -> None:
    found = choices(plan_of(damaged, catalog))
    assert [(one.label, one.count, one.others) for one in found] == [
        ("archive, as of its last failure", 360, 40),
        ("archive, as of now", 360, 40),
        ("run once", 360, 40),
        ("run with retries reset", 360, 40),
        ("let the index follow the state", 60, 340),
        ("remove the id from its index", 40, 360),
        ("delete data and id", 60, 340),
    ]


def test_running_ghosts_is_refused_with_the_reason(damaged: Live, catalog: Catalog) -> None:
    plan = plan_of(damaged, catalog)
    assert "40 of these are ghosts: running them would make husks" in (RepairPlan.of(plan, Repair.RUN).why_not() or "")
    assert RepairPlan.of(plan, Repair.ARCHIVE).why_not() is None
    assert RepairPlan.of(plan_matching(catalog, Query(kind=Kind.LOST)), Repair.RUN).why_not() is None


def test_archive_that_would_overflow_is_foretold(damaged: Live, catalog: Catalog) -> None:
    plan = plan_of(damaged, catalog)
    archive = RepairPlan.of(plan, Repair.ARCHIVE)
    assert archive.beyond_cap({Q: 9_999, "other": 9_900}) == 200 + 101
    assert RepairPlan.of(plan, Repair.ARCHIVE_NOW).beyond_cap({Q: 9_999, "other": 9_900}) == 200 + 101
    assert RepairPlan.of(plan, Repair.RUN).beyond_cap({Q: 19_999}) == 0


def test_what_stays_where_it_is_fills_no_archive(damaged: Live, catalog: Catalog) -> None:
    """Of 400 rows 40 are ghosts, which go nowhere: no queue gets more than the 360 others."""
    damaged.asynq.add_many(Q, [f"late-{number}" for number in range(40)], referenced=False)
    plan = plan_of(damaged, catalog)
    assert plan.totals.by_queue[Q] == 240
    mended = RepairPlan(plan, {Kind.LOST: Repair.ARCHIVE})
    assert mended.beyond_cap({Q: 9_999}) == 60


@pytest.mark.parametrize("pace", list(Pace))
def test_everything_is_set_right_in_batches(damaged: Live, catalog: Catalog, run_job: Run, pace: Pace) -> None:
    how = {
        Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE, Kind.LOST: Repair.RUN, Kind.GHOST: Repair.REMOVE_ID,
    }  # fmt: skip
    recorded: list[bytes] = []

    def record(pipe: Pipe, rows: Any) -> None:
        assert len({(row.queue, row.kind) for row in rows}) == 1
        recorded.extend(row.id for row in rows)

    job = repairing(damaged.connect(), RepairPlan(plan_of(damaged, catalog), how), pace, record)
    assert run_job(job).wait(30)
    report = job.progress
    assert (report.state, report.made, report.planned, report.in_part) == (JobState.DONE, 400, 400, False)
    assert len(recorded) == 400
    assert findings(damaged.client) == {}
    assert catalog.counts().total == 0
    assert damaged.client.zcard(prefix(Q) + b"archived") == 150


def test_what_could_not_be_recorded_is_not_touched(damaged: Live, catalog: Catalog, run_job: Run) -> None:
    def record(pipe: Pipe, rows: Any) -> None:
        raise ArchiveTuiError("the disk is full")

    before = findings(damaged.client)
    plan = RepairPlan.of(plan_of(damaged, catalog), Repair.ARCHIVE)
    job = repairing(damaged.connect(), plan, Pace.FULL, record)
    assert run_job(job).wait(30)
    assert (job.state, job.progress.error, job.progress.untouched) == (JobState.FAILED, "the disk is full", 360)
    assert findings(damaged.client) == before


def lose() -> None:
    raise DisconnectedError("lost")


def after_calls(monkeypatch: pytest.MonkeyPatch, actions: dict[int, Callable[[], None]]) -> None:
    """Let a batch be repaired, and do something before its answer is known: at the so manieth."""
    whole, calls = store.repair, itertools.count(1)

    def repaired(pipe: Pipe, *args: Any) -> list[Outcome]:
        outcomes = whole(pipe, *args)
        actions.get(next(calls), lambda: None)()
        return outcomes

    monkeypatch.setattr(store, "repair", repaired)


@pytest.mark.parametrize("lost", [0, 2])
def test_a_server_that_does_not_tell_who_it_is_is_doubted_only_after_a_loss(
    damaged: Live, catalog: Catalog, run_job: Run, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    real = Server.identify
    after_calls(monkeypatch, {lost: lose})
    monkeypatch.setattr(Server, "identify", lambda self: replace(real(self), run_id=""))
    job = repairing(damaged.connect(), RepairPlan.of(plan_of(damaged, catalog), Repair.ARCHIVE), Pace.FULL)
    assert run_job(job).wait(30)
    assert job.progress.state is JobState.DONE
    assert bool(job.progress.caution) == bool(lost)


def test_answer_that_is_lost_leaves_nothing_half_done(
    damaged: Live, catalog: Catalog, run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch is done, but its answer does not come: it is sent again, and reported as what it is."""
    after_calls(monkeypatch, {2: lose})
    job = repairing(damaged.connect(), RepairPlan.of(plan_of(damaged, catalog), Repair.RUN), Pace.FULL)
    assert run_job(job).wait(30)
    report = job.progress
    assert report.state is JobState.DONE
    assert report.made + report.unconfirmed == 360
    assert report.unconfirmed == report.changed > 0
    left = [kind for kind, _ in findings(damaged.client).values()]
    assert set(left) == {"ghost"}
    for queue in (Q, "other"):
        ids = damaged.client.lrange(prefix(queue) + b"pending", 0, -1)
        assert len(ids) == len(set(ids)) == 180, "nobody is queued twice"


def test_what_was_sent_before_the_server_stayed_away_is_unknown_and_not_untouched(
    damaged: Live, catalog: Catalog, run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_server: Server) -> None:
        raise DisconnectedError("away")

    def lose_for_good() -> None:
        monkeypatch.setattr(Server, "pipe", away)
        lose()

    after_calls(monkeypatch, {2: lose_for_good})
    job = repairing(damaged.connect(), RepairPlan.of(plan_of(damaged, catalog), Repair.RUN), Pace.FULL)
    job.patience = 0.1
    assert run_job(job).wait(30)
    report = job.progress
    assert isinstance(job.error, DisconnectedError)
    queued = sum(damaged.client.llen(prefix(queue) + b"pending") for queue in (Q, "other"))
    assert queued > report.made > 0, "more was done than we were told"
    assert report.unknown == queued - report.made
    assert report.untouched == 360 - queued


def test_stop_leaves_the_rest_untouched(damaged: Live, catalog: Catalog, run_job: Run) -> None:
    job = repairing(damaged.connect(), RepairPlan.of(plan_of(damaged, catalog), Repair.RUN), Pace.FULL)
    job.pause()
    run_job(job)
    wait_until(lambda: job.state is JobState.PAUSED)
    job.stop()
    assert job.wait(10)
    assert job.progress.made + job.progress.untouched == 360


def test_read_only_session_sets_nothing_right(damaged: Live, catalog: Catalog) -> None:
    server = damaged.connect(read_only=True)
    with pytest.raises(RefusedError):
        repairing(server, RepairPlan.of(plan_of(damaged, catalog), Repair.RUN))
    with pytest.raises(RefusedError):
        cleaning_up(server, Q)


def test_leftover_queue_is_cleaned_up(valkey: Live, run_job: Run) -> None:
    valkey.asynq.add_many("gone", [f"done-{number}" for number in range(1_100)], "completed")
    valkey.asynq.add("gone", "waiting", "aggregating")
    recorded: list[TaskRow] = []
    job = cleaning_up(valkey.connect(), "gone", Pace.FULL, lambda pipe, rows: recorded.extend(rows))
    assert run_job(job).wait(30)
    progress = job.progress
    assert (progress.state, progress.made) == (JobState.DONE, 1_101)
    assert progress.keys >= 1_101 + 3
    assert len({row.id for row in recorded}) == 1_101
    assert not valkey.client.keys("asynq:{gone}*")


def test_queue_that_is_in_use_is_not_cleaned_up(valkey: Live, run_job: Run) -> None:
    valkey.asynq.register("used")
    valkey.asynq.add("used", "one", "completed")
    job = cleaning_up(valkey.connect(), "used", Pace.FULL)
    assert run_job(job).wait(30)
    assert job.state is JobState.FAILED
    assert "no leftover" in job.progress.error
    assert valkey.client.exists(prefix("used") + b"t:one")


def test_archive_is_checked_alone(damaged: Live, catalog: Catalog, run_job: Run) -> None:
    put(damaged.asynq, Q, b"elsewhere", "retry")
    damaged.asynq.add(Q, "stuck", "active", referenced=False)
    damaged.client.zadd(prefix(Q) + b"archived", {"stuck": NOW})
    job = ArchiveCheckJob(damaged.connect(), catalog, Q, Pace.FULL)
    assert run_job(job).wait(30)
    assert (job.state, job.fraction) == (JobState.DONE, 1.0)
    assert catalog.counts().by_kind == {Kind.GHOST: 20, Kind.MISMATCH: 1}


def test_an_archive_is_checked_whole_where_the_server_was_started_anew(
    lasting: Live,
    hooked: Hooked,
    run_job: Run,
) -> None:
    """A cursor means nothing to another process: what it passes over would be left in an archive that is stuck."""
    lasting.asynq.register(Q)
    lasting.client.zadd(prefix(Q) + b"archived", {f"gone-{number}": NOW for number in range(5_000)})
    assert lasting.process is not None
    hooked.hook = once(lasting.process.restart)
    job = run_job(ArchiveCheckJob(lasting.connect(), hooked, Q, Pace.FULL))
    assert job.wait(30)
    assert (job.error, hooked.counts().by_kind) == (None, {Kind.GHOST: 5_000})
