"""What filters that look into payloads cost, each in a process of its own:
`python tests/benchmarks/contents.py NAME URL QUEUE`.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from gauges import count_sends, measured
from ours import Version

from archive_tui.catalog.query import Query
from archive_tui.jobs.contents import StoredContentJob
from archive_tui.jobs.pace import Pace
from archive_tui.payloads.readings import PayloadReader

QUERY = Query("payload.user_id=77")


def filter_findings(version: Version, figures: dict[str, Any]) -> None:
    """Everything that a scan has found, filtered by what stands at a path of its payloads."""
    with version.opened() as (server, catalog):
        version.scan(server, catalog, check_indexes=False)
        _filter(server, catalog, figures)


def filter_archive(version: Version, figures: dict[str, Any]) -> None:
    """The same with an archive."""
    with version.opened() as (server, catalog):
        version.list_archive(server, catalog)
        _filter(server, catalog, figures)


def _filter(server: Any, catalog: Any, figures: dict[str, Any]) -> None:
    job = StoredContentJob(server, catalog, QUERY, PayloadReader(), Pace.FULL)
    with measured(figures):
        job.start()
        job.wait()
    progress = job.progress
    if not progress.complete or progress.unknown:
        raise RuntimeError(f"not every payload was read: {progress}: {job.error}")
    figures["keys"], figures["found"] = progress.read, len(catalog.find(QUERY))


SUBJECTS: dict[str, Callable[[Version, dict[str, Any]], None]] = {
    subject.__name__: subject for subject in (filter_findings, filter_archive)
}

if __name__ == "__main__":
    count_sends()
    told: dict[str, Any] = {}
    SUBJECTS[sys.argv[1]](Version(sys.argv[2], sys.argv[3]), told)
    print(json.dumps(told))
