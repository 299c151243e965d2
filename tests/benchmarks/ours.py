"""Every use that the benchmark makes of archive_tui's own jobs, in one place; for the screens, see `stage`."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import QUEUE

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.settings.model import Settings
from archive_tui.store.link.server import Server


class NotThereError(Exception):
    """This version of archive_tui cannot do what would be measured; the message says what is missing."""


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Server, Catalog]]:
    """A server and an empty catalog, closed at the end."""
    server, catalog = Server(settings), Catalog()
    try:
        yield server, catalog
    finally:
        catalog.close()
        server.close()


def ended(job: Job) -> Any:
    """Run a job to its end, and return its progress."""
    job.start()
    job.wait()
    if job.state is not JobState.DONE:
        raise RuntimeError(f"{type(job).__name__} {job.state}: {job.error}")
    return job.progress  # type: ignore[attr-defined]


def scan(server: Server, catalog: Catalog, *, check_indexes: bool) -> tuple[int, int]:
    """Scan at full pace, with full detail into the catalog; how many keys there were and how many findings."""
    progress = ended(ScanJob(server, catalog, [QUEUE], Pace.FULL, check_indexes=check_indexes))
    if not progress.complete:
        raise RuntimeError(f"the scan is not complete: {progress}")
    return progress.keys, progress.found


def list_archive(server: Server, catalog: Catalog) -> int:
    """List the archive of the queue as the screen does; how many tasks it holds."""
    return int(ended(ListJob(server, catalog, QUEUE)).listed)


def plan_everything(catalog: Catalog) -> Plan:
    """Freeze everything that the catalog holds."""
    return plan_matching(catalog, Query())


def deletion(server: Server, plan: Plan, journal: Path | None) -> DeleteJob:
    """The deletion of a plan at full pace, with its journal in a folder, or without. Raises NotThereError."""
    if journal is None:
        return DeleteJob(server, plan, Pace.FULL)
    try:
        keeping: Any = importlib.import_module("archive_tui.journal.recorder")
    except ModuleNotFoundError:
        raise NotThereError("this version deletes without a journal") from None
    kept: dict[str, Any] = {"keeping": keeping.Keeping(journal)}
    return DeleteJob(server, plan, Pace.FULL, **kept)


def delete(job: DeleteJob) -> int:
    """Carry a deletion out; how many tasks it deleted."""
    return int(ended(job).made)
