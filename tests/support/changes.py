"""Whole changes in one call: delete what was found, plan and run its restore."""

from collections.abc import Callable
from typing import Any

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.restore import RestoreJob
from archive_tui.changes.restore_plan import RestorePlan, plan_restore
from archive_tui.jobs.job import Job
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.journal.recorder import Keeping
from archive_tui.store.write.restore import Target
from support.servers import Live

Run = Callable[[Job], Job]


def delete_all(
    live: Live, run_job: Run, keeping: Keeping | None, *queues: str, listed: str | None = None, **options: Any
) -> ChangeProgress:
    """Delete every finding, or the archive of a queue, with a journal."""
    catalog = Catalog()
    if listed is not None:
        assert run_job(ListJob(live.connect(), catalog, listed)).wait(20)
    else:
        assert run_job(ScanJob(live.connect(), catalog, list(queues) or None, pace=Pace.FULL)).wait(20)
    job = DeleteJob(live.connect(), plan_matching(catalog, Query()), Pace.FULL, None, keeping, **options)
    run_job(job)
    assert job.wait(30)
    assert job.error is None, job.error
    catalog.close()
    return job.progress


def planned(live: Live, progress: ChangeProgress, target: Target = Target.BACK, **options: Any) -> RestorePlan:
    assert progress.journal is not None
    return plan_restore(live.connect(), Journal(progress.journal), target, **options)


def put_back(live: Live, run_job: Run, plan: RestorePlan, **options: Any) -> ChangeProgress:
    job = RestoreJob(live.connect(), plan, Pace.FULL, **options)
    run_job(job)
    assert job.wait(30)
    assert job.error is None, job.error
    return job.progress
