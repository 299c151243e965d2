"""Agreement of Redis, journals and report after a deletion, however it ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.journal.writer import SUFFIX
from support.asynq_data import key, lock_key
from support.contents import content
from support.servers import Live

Run = Callable[[Job], Job]


COUNT = 1500


def fill(live: Live, count: int = COUNT) -> dict[bytes, Any]:
    """Orphans, some with locks, and others that nobody asked to delete; returns what there is."""
    live.asynq.register("q")
    live.asynq.add_many("q", [b"%d" % number for number in range(count)], referenced=False)
    for number in range(0, count, 100):
        live.asynq.add("q", f"{number}", referenced=False, unique=lock_key("q", payload=b"%d" % number))
    live.asynq.add_many("q", [b"fine%d" % number for number in range(50)])
    return content(live)


def plan_of(live: Live, run_job: Run, catalog: Catalog) -> Plan:
    assert run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL)).wait(20)
    return plan_matching(catalog, Query())


def data_of(found: dict[bytes, Any]) -> dict[bytes, Any]:
    return {one: value for one, value in found.items() if b"}:t:" in one}


def check_agreement(live: Live, before: dict[bytes, Any], journals: list[Path], report: ChangeProgress | None) -> None:
    """Every task is in Redis as it was, or in a journal as it was; what a journal says was deleted is not in Redis,
    what it says was not is; and the report counts what is missing.
    """
    after = content(live)
    tasks, left = data_of(before), data_of(after)
    assert all(left[one] == tasks[one] for one in left), "something was changed"
    kept: dict[bytes, dict[bytes, bytes]] = {}
    gone: set[bytes] = set()
    said_kept: set[bytes] = set()
    for path in journals:
        journal = Journal(path)
        outline = journal.outline()
        for batch, copies in journal.batches(outline):
            outcomes = outline.outcomes.get(batch, "").ljust(len(copies), "-")
            for copy, outcome in zip(copies, outcomes, strict=True):
                at = key(copy.queue, copy.id)
                kept[at] = dict(zip(copy.fields[::2], copy.fields[1::2], strict=True))
                if outcome in "12":
                    assert at not in left, "the journal says that it was deleted"
                    gone.add(at)
                elif outcome in "-0":
                    gone.add(at)
                else:
                    said_kept.add(at)
    assert said_kept - gone <= set(left), "a journal says that it was not deleted, and no other that it was"
    missing = set(tasks) - set(left)
    assert all(kept.get(one) == tasks[one] for one in missing), "deleted, and not in a journal byte for byte"
    assert not any(b"fine" in one for one in missing)
    if report is not None:
        least, most = report.made, report.made + report.unknown + report.unconfirmed
        assert least <= len(missing) <= most
    for lock in (one for one in before if b":unique:" in one):
        assert (lock in after) == (key("q", before[lock]) in left), "a task and its lock go together"


def journals_in(journal_dir: Path) -> list[Path]:
    return sorted(one for one in journal_dir.glob("*") if one.name.endswith(SUFFIX))
