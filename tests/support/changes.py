"""Whole changes in one call, and single jobs of each kind as a test wants them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.change import Change, ChangeBatch, Plannable
from archive_tui.changes.cleanup import CleanUpPlan
from archive_tui.changes.edit_plan import EditPlan
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.history_plan import HistoryPlan
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import RestorePlan, plan_restore
from archive_tui.changes.resume import Rest
from archive_tui.changes.run_plan import RunPlan
from archive_tui.errors import RefusedError
from archive_tui.jobs.job import Job
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.audit import Audit
from archive_tui.journal.reader import Journal
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.write.restore import Target
from support.servers import Live

Run = Callable[[Job], Job]
Before = Callable[[Pipe, Sequence[TaskRow]], None]
"""Called before a batch is sent for the first time; what it raises ends the job."""


class Silent(Audit):
    """An audit that writes nothing, so that a test may break the disk under the journal alone."""

    def begin(self, action: str, facts: Mapping[str, object]) -> str:
        return ""

    def end(self, action: str, name: str, facts: Mapping[str, object]) -> None:
        pass


def deletion(
    server: Server,
    plan: Plan,
    pace: Pace = Pace.POLITE,
    before: Before | None = None,
    journal_dir: Path | None = None,
    clock: Callable[[], float] | None = None,
    audit: Audit | None = None,
) -> ChangeJob:
    return _job(server, plan, pace, before, journal_dir, clock, audit)


def repairing(
    server: Server,
    plan: RepairPlan,
    pace: Pace = Pace.POLITE,
    before: Before | None = None,
    journal_dir: Path | None = None,
    clock: Callable[[], float] | None = None,
) -> ChangeJob:
    return _job(server, plan, pace, before, journal_dir, clock)


def deleting_histories(
    server: Server, plan: HistoryPlan, pace: Pace = Pace.POLITE, journal_dir: Path | None = None
) -> ChangeJob:
    return _job(server, plan, pace, None, journal_dir, None)


def running(
    server: Server,
    plan: RunPlan | EditPlan,
    pace: Pace = Pace.POLITE,
    before: Before | None = None,
    journal_dir: Path | None = None,
    clock: Callable[[], float] | None = None,
) -> ChangeJob:
    return _job(server, plan, pace, before, journal_dir, clock)


def cleaning_up(
    server: Server,
    queue: str,
    pace: Pace = Pace.POLITE,
    before: Before | None = None,
    journal_dir: Path | None = None,
) -> ChangeJob:
    return _job(server, CleanUpPlan(queue), pace, before, journal_dir, None)


def restoring_job(
    server: Server,
    plan: RestorePlan,
    pace: Pace = Pace.POLITE,
    *,
    elsewhere: bool = False,
    clock: Callable[[], float] | None = None,
) -> ChangeJob:
    return _job(server, replace(plan, anywhere=elsewhere), pace, None, None, clock)


def resuming(server: Server, rest: Rest, journal_dir: Path, before: Before | None = None) -> ChangeJob:
    """The change that carries out what another has left, with a journal beside that of the first."""
    return _job(server, rest.plan, Pace.FULL, before, journal_dir, None, continues=rest.journal)


def _job(
    server: Server,
    plan: Plannable,
    pace: Pace,
    before: Before | None,
    journal_dir: Path | None,
    clock: Callable[[], float] | None,
    audit: Audit | None = None,
    **options: Any,
) -> ChangeJob:
    change = plan.change()
    if before is not None:
        _call_before(change, before)
    options |= {"clock": clock} if clock is not None else {}
    return ChangeJob(server, change, audit or Silent(), pace, journal=journal_dir, reason="tests", **options)


def _call_before(change: Change[Any], before: Before) -> None:
    send = change.send

    def sending(pipe: Pipe, batch: ChangeBatch) -> None:
        if not batch.tries:
            if change.catalog is None:
                before(pipe, [row_of(batch.queue, task_id, None, None) for task_id in batch.ids])
            else:
                rows = change.catalog.rows(batch.seqs)
                before(pipe, [rows[seq] for seq in batch.seqs if seq in rows])
        send(pipe, batch)

    change.send = sending  # type: ignore[method-assign]


def delete_all(
    live: Live, run_job: Run, journal_dir: Path | None, *queues: str, listed: str | None = None, **options: Any
) -> ChangeProgress:
    """Delete every finding, or the archive of a queue, with a journal."""
    catalog = Catalog()
    if listed is not None:
        assert run_job(ListJob(live.connect(), catalog, listed)).wait(20)
    else:
        assert run_job(ScanJob(live.connect(), catalog, list(queues) or None, pace=Pace.FULL)).wait(20)
    job = deletion(live.connect(), plan_matching(catalog, Query()), Pace.FULL, None, journal_dir, **options)
    run_job(job)
    assert job.wait(30)
    assert job.error is None, job.error
    catalog.close()
    return job.progress


def planned(live: Live, progress: ChangeProgress, target: Target = Target.BACK, **options: Any) -> RestorePlan:
    assert progress.journal is not None
    return plan_restore(live.connect(), Journal(progress.journal), target, **options)


class Reached(Protocol):
    """A server, or a cluster, that can be connected to."""

    def connect(self) -> Server:
        """Connect as the code under test does."""


def interrupt(live: Reached, run_job: Run, plan: Plannable, journal_dir: Path, batches: int = 1) -> ChangeProgress:
    """Begin a change, and let it fail after some batches: its plan stays beside its journal."""
    began = [0]

    def fail(_pipe: Pipe, _rows: Sequence[TaskRow]) -> None:
        began[0] += 1
        if began[0] > batches:
            raise RefusedError("the test ends it here")

    job = _job(live.connect(), plan, Pace.FULL, fail, journal_dir, None)
    run_job(job)
    assert job.wait(30)
    assert isinstance(job.error, RefusedError), job.error
    assert job.progress.resumable
    return job.progress


def put_back(live: Live, run_job: Run, plan: RestorePlan, **options: Any) -> ChangeProgress:
    job = restoring_job(live.connect(), plan, Pace.FULL, **options)
    run_job(job)
    assert job.wait(30)
    assert job.error is None, job.error
    return job.progress
