"""Every version of every server that we know: the same damage is found, deleted, restored and repaired alike on each.

What one of them alone can do, or does in its own way, stands in the tests of the module that deals with it.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.asynq_data import lock_key
from support.changes import delete_all, deleting_histories, planned, put_back, repairing
from support.contents import content
from support.damage import STALE_LOCK, plant, told
from support.oracle import findings
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.history_plan import plan_histories
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.repair_plan import RepairPlan, types_of
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob

Run = Callable[[Job], Job]

DELETED = [31, 59, 1]
"""Tasks of the archive, findings, and histories that can be deleted of what `plant` has planted."""

REPAIRED = [(247, 0), (93, 22), (113, 2), (115, 0), (109, 0), (12, 0)]
"""Of what `plant` has planted, how many findings are repaired, and how many have data that does not say where they
belong, where each kind is repaired by the first way that is offered, by the second, and so on.
"""


def scan(live: Live, run_job: Run, catalog: Catalog) -> list[TaskRow]:
    job = run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL, messages=True, locks=True))
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    assert job.progress.complete
    return list(catalog.rows(catalog.find(Query())).values())


def test_it_is_recognised(every_version: Live) -> None:
    info = every_version.connect().identify()
    assert f"{info.product}-{info.version}".startswith(f"{every_version.name}.")
    assert (info.mode, info.role) == ("standalone", "primary")


def test_every_kind_of_damage_is_found_exactly(every_version: Live, run_job: Run, catalog: Catalog) -> None:
    plant(every_version)
    before = content(every_version)
    rows = scan(every_version, run_job, catalog)
    found = told(rows)
    assert len(found) == len(rows)
    assert {Kind(kind) for kind, _ in found.values()} == set(Kind)
    assert found.pop(("damaged", STALE_LOCK)) == ("stale-lock", "")
    assert found == findings(every_version.client, messages=True)
    assert content(every_version) == before


def test_what_is_deleted_comes_back_byte_for_byte(
    every_version: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    plant(every_version)
    before = content(every_version)
    left = every_version.client.pttl(lock_key("damaged"))
    deleted = [
        delete_all(every_version, run_job, tmp_path, listed="healthy"),
        delete_all(every_version, run_job, tmp_path, "damaged", "leftover"),
    ]
    scan(every_version, run_job, catalog)
    stale = plan_matching(catalog, Query(kind=Kind.STALE_HISTORY))
    plan = plan_histories(every_version.connect(), stale)
    job = run_job(deleting_histories(every_version.connect(), plan, Pace.FULL, tmp_path))
    assert job.wait(20)
    assert [one.made for one in (*deleted, job.progress)] == DELETED
    gone = set(before) - set(content(every_version))
    assert len([key for key in gone if b"}:t:" in key]) == sum(DELETED[:2])
    for progress in (*deleted, job.progress):
        assert put_back(every_version, run_job, planned(every_version, progress)).made == progress.made
    assert content(every_version) == before
    assert left - 20_000 < every_version.client.pttl(lock_key("damaged")) <= left


@pytest.mark.parametrize("rank", range(len(REPAIRED)))
def test_each_repair_makes_the_same_of_it(
    every_version: Live, run_job: Run, catalog: Catalog, tmp_path: Path, rank: int
) -> None:
    """Each kind is repaired in the way that is offered at this rank; what was not repaired is as it was."""
    plant(every_version)
    scan(every_version, run_job, catalog)
    before = findings(every_version.client, messages=True)
    ways = {kind: offered(kind)[rank] for kind in Kind if rank < len(offered(kind))}
    findings_plan = plan_matching(catalog, Query())
    plan = RepairPlan(findings_plan, ways, types_of(every_version.connect(), findings_plan))
    job = run_job(repairing(every_version.connect(), plan, Pace.FULL, journal_dir=tmp_path))
    assert job.wait(20)
    assert job.error is None, job.error
    outcomes = job.progress.outcomes
    # A group that is named again for one of its tasks repairs the others
    repaired = outcomes[Outcome.DONE] + outcomes.get(Outcome.NOW_REFERENCED, 0)
    assert (repaired, outcomes.get(Outcome.NO_DESTINATION, 0)) == REPAIRED[rank]
    assert sum(REPAIRED[rank]) == plan.count
    after = findings(every_version.client, messages=True)
    assert after.items() <= before.items(), "a repair has made another damage"
    locks = 1 if Repair.RELEASE in ways.values() else 0
    assert len(before) - len(after) == repaired - locks


def test_what_repairs_delete_comes_back_byte_for_byte(
    every_version: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    plant(every_version)
    before = content(every_version)
    scan(every_version, run_job, catalog)
    ways = {Kind.LOST: Repair.CLEAN, Kind.MISMATCH: Repair.CLEAN, Kind.HUSK: Repair.CLEAN,
            Kind.GHOST: Repair.REMOVE_ID, Kind.STALE_LOCK: Repair.RELEASE}  # fmt: skip
    plan = RepairPlan(plan_matching(catalog, Query()), ways)
    job = run_job(repairing(every_version.connect(), plan, Pace.FULL, journal_dir=tmp_path))
    assert job.wait(20)
    assert job.progress.outcomes == {Outcome.DONE: 229}
    gone = before.keys() - content(every_version)
    assert len([key for key in gone if b"}:t:" in key]) == 229 - 12, "ghosts and a lock have no data"
    assert put_back(every_version, run_job, planned(every_version, job.progress)).outcomes == {Outcome.DONE: 229}
    after = content(every_version)
    assert {key: after.get(key) for key in gone if b"}:t:" in key} == {
        key: before[key] for key in gone if b"}:t:" in key
    }
    assert after[STALE_LOCK] == before[STALE_LOCK]
