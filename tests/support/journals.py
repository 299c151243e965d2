"""Journals on disk, written by a deletion."""

from dataclasses import replace
from pathlib import Path

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.jobs.listing import ListJob
from archive_tui.session import Session
from support.servers import Live


def deleted(live: Live, folder: Path, count: int = 30) -> Path:
    """Archived tasks of queue q, deleted with a journal in this folder."""
    live.asynq.register("q")
    live.asynq.add_many("q", [b"%d" % number for number in range(count)], error_msg="dial tcp")
    return delete_again(live, folder)


def delete_again(live: Live, folder: Path, queue: str = "q") -> Path:
    """The whole archive of a queue, deleted with a journal in this folder."""
    session = Session(replace(live.settings, journal_dir=folder))
    catalog = Catalog()
    listing = session.run(ListJob(session.server, catalog, queue))
    assert listing.wait(20)
    job = session.start(plan_matching(catalog, Query()), reason="night shift")
    assert job.wait(20)
    assert job.error is None
    session.close()
    catalog.close()
    assert job.progress.journal is not None
    return job.progress.journal
