"""What is measured of archive_tui itself, each in a process of its own:
`python tests/benchmarks/ours.py NAME URL QUEUE`.

The interpreter decides which version that is: `--against` has another one run this file. For the order of what is
printed see `subjects`; for the screens, `stage`.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import layouts
from gauges import count_sends, measured


class Version:
    """The version of archive_tui that this process runs, at one server and one queue."""

    def __init__(self, url: str, queue: str) -> None:
        self.queue = queue
        self._layout = layouts.installed()
        self._settings = self._layout.settings(url)

    @contextmanager
    def opened(self) -> Iterator[tuple[Any, Any]]:
        """A server and an empty catalog, closed at the end."""
        server, catalog = self._layout.server(self._settings), self._layout.catalog()
        try:
            yield server, catalog
        finally:
            catalog.close()
            server.close()

    def scan(self, server: Any, catalog: Any, *, check_indexes: bool) -> tuple[int, int]:
        """Scan at full pace, with full detail into the catalog; how many keys there were and how many findings."""
        progress = _ended(self._layout.scan(server, catalog, self.queue, check_indexes))
        if not progress.complete:
            raise RuntimeError(f"the scan is not complete: {progress}")
        return progress.keys, progress.found

    def list_archive(self, server: Any, catalog: Any) -> int:
        """List the archive of the queue as the screen does; how many tasks it holds."""
        return int(_ended(self._layout.listing(server, catalog, self.queue)).listed)

    def deletion(self, server: Any, catalog: Any, journal: Path | None) -> Any:
        """The deletion of all that the catalog holds, with its journal in a folder, or without."""
        return self._layout.deletion(server, self._layout.plan(catalog), journal)

    def delete(self, deletion: Any) -> int:
        """Carry a deletion out; how many tasks it deleted."""
        return self._layout.deleted(_ended(deletion))


def _ended(job: Any) -> Any:
    """Run a job to its end, and return its progress."""
    job.start()
    job.wait()
    if job.state.name != "DONE":
        raise RuntimeError(f"{type(job).__name__} {job.state}: {job.error}")
    return job.progress


def scan(version: Version, figures: dict[str, Any], *, check_indexes: bool = False) -> None:
    """The scan of task data at full pace, with full detail into the catalog."""
    with version.opened() as (server, catalog), measured(figures):
        figures["keys"], figures["found"] = version.scan(server, catalog, check_indexes=check_indexes)


def scan_and_check(version: Version, figures: dict[str, Any]) -> None:
    """The same, and then every id of every index."""
    scan(version, figures, check_indexes=True)


def listing(version: Version, figures: dict[str, Any]) -> None:
    """The listing of the archive."""
    with version.opened() as (server, catalog), measured(figures):
        figures["keys"] = version.list_archive(server, catalog)


def archive_delete(version: Version, figures: dict[str, Any]) -> None:
    """The archive listed, and all of it deleted: what Asynq's one call does, checked task by task."""
    with version.opened() as (server, catalog), measured(figures):
        version.list_archive(server, catalog)
        figures["keys"] = version.delete(version.deletion(server, catalog, None))


def delete(version: Version, figures: dict[str, Any]) -> None:
    """The verified deletion of everything that a scan has found."""
    _delete(version, figures, None)


def delete_journal(version: Version, figures: dict[str, Any]) -> None:
    """The same, with everything written to a journal before."""
    with tempfile.TemporaryDirectory(prefix="archive-tui-bench-") as folder:
        _delete(version, figures, Path(folder))
        figures["journal_mib"] = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file()) / 2**20


def _delete(version: Version, figures: dict[str, Any], journal: Path | None) -> None:
    with version.opened() as (server, catalog):
        version.scan(server, catalog, check_indexes=False)
        deletion = version.deletion(server, catalog, journal)
        with measured(figures):
            figures["keys"] = version.delete(deletion)


SUBJECTS: dict[str, Callable[[Version, dict[str, Any]], None]] = {
    subject.__name__: subject for subject in (scan, scan_and_check, listing, archive_delete, delete, delete_journal)
}

if __name__ == "__main__":
    count_sends()
    told: dict[str, Any] = {}
    SUBJECTS[sys.argv[1]](Version(sys.argv[2], sys.argv[3]), told)
    print(json.dumps(told))
