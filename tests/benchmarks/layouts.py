"""Where a version of archive_tui keeps what is measured. Nothing else here knows the names of its modules.

`--against` runs this file with the interpreter of another version, so it imports archive_tui inside functions only. A
layout is added where names change, and goes with the last version that nobody compares with any more.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = tempfile.TemporaryDirectory(prefix="archive-tui-audit-")
"""Where the audit of measured changes goes; removed at the end."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of one version. Jobs are returned before they are started."""

    settings: Callable[[str], Any]
    """Settings from a URL."""

    server: Callable[[Any], Any]
    """A server from settings; it has `close`."""

    catalog: Callable[[], Any]
    """An empty catalog; it has `close`."""

    scan: Callable[[Any, Any, str, bool], Any]
    """The scan of a queue at full pace, from server, catalog and queue; True: with the check of its indexes."""

    listing: Callable[[Any, Any, str], Any]
    """The listing of a queue's archive, from server, catalog and queue."""

    plan: Callable[[Any], Any]
    """The deletion of everything in a catalog."""

    deletion: Callable[[Any, Any, Path | None], Any]
    """The job that carries a plan out at full pace, from server, plan and the folder of its journal; None: none."""

    deleted: Callable[[Any], int]
    """How many tasks a deletion has deleted, from its progress."""


def installed() -> Layout:
    """The layout of the version that this interpreter finds."""
    for layout in (_one_engine, _all_jobs_together):
        try:
            return layout()
        except ModuleNotFoundError as missing:
            if not (missing.name or "").startswith("archive_tui"):
                raise
    raise SystemExit("this version of archive_tui keeps its jobs where the benchmark does not look for them")


def _one_engine() -> Layout:
    """Since one engine carries every change out, between two lines of the audit."""
    from archive_tui.catalog.catalog import Catalog
    from archive_tui.catalog.query import Query
    from archive_tui.changes.engine import ChangeJob
    from archive_tui.changes.plan import plan_matching
    from archive_tui.jobs.listing import ListJob
    from archive_tui.jobs.pace import Pace
    from archive_tui.jobs.scan import ScanJob
    from archive_tui.journal.audit import Audit
    from archive_tui.settings.url import parse_url
    from archive_tui.store.link.server import Server

    audit = Audit(Path(_FOLDER.name) / "audit.jsonl")
    return Layout(
        settings=parse_url,
        server=Server,
        catalog=Catalog,
        scan=lambda server, catalog, queue, check: ScanJob(server, catalog, [queue], Pace.FULL, check_indexes=check),
        listing=ListJob,
        plan=lambda catalog: plan_matching(catalog, Query()),
        deletion=lambda server, plan, folder: ChangeJob(server, plan.change(), audit, Pace.FULL, journal=folder),
        deleted=lambda progress: int(progress.made),
    )


def _all_jobs_together() -> Layout:
    """Up to commit a7330f6: changes are jobs beside the scan."""
    from archive_tui.jobs.delete import DeleteJob
    from archive_tui.jobs.keeping import Keeping
    from archive_tui.jobs.plan import plan_matching
    from archive_tui.store.connection import Server

    from archive_tui.catalog.catalog import Catalog
    from archive_tui.catalog.query import Query
    from archive_tui.jobs.listing import ListJob
    from archive_tui.jobs.pace import Pace
    from archive_tui.jobs.scan import ScanJob
    from archive_tui.settings import parse_url

    return Layout(
        settings=parse_url,
        server=Server,
        catalog=Catalog,
        scan=lambda server, catalog, queue, check: ScanJob(server, catalog, [queue], Pace.FULL, check_indexes=check),
        listing=ListJob,
        plan=lambda catalog: plan_matching(catalog, Query()),
        deletion=lambda server, plan, folder: DeleteJob(
            server, plan, Pace.FULL, keeping=None if folder is None else Keeping(folder)
        ),
        deleted=lambda progress: int(progress.deleted),
    )
