"""The connection is cut inside a reply, at every kind of place that a reply has, in everything that we do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import asynq_data, oracle
from support.agreement import COUNT, check_agreement, fill, journals_in, plan_of
from support.asynq_data import NOW, key
from support.changes import deletion, repairing, restoring_job
from support.contents import content
from support.proxy import Cut, Forwarder
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import Repair
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.store.link.server import Server
from archive_tui.store.write.restore import Target

Run = Callable[[Job], Job]
Through = Callable[[Cut], Server]
PLACES = ["length", "bulk", "crlf", "between", "array", "nested"]


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def through(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Through]:
    """A server behind a link that will be cut."""
    monkeypatch.setattr("archive_tui.jobs.job._FIRST_WAIT", 0.01)
    made: list[Forwarder] = []

    def connect(cut: Cut) -> Server:
        made.append(Forwarder(tmp_path / f"f{len(made)}", valkey.settings.socket, cut.watches))
        return valkey.connect(socket=str(made[-1].path))

    yield connect
    for one in made:
        one.close()


def finish(run_job: Run, job: Any, cut: Cut) -> Any:
    run_job(job)
    assert job.wait(30)
    assert cut.done, "it never came to such a place"
    assert job.error is None
    return job.progress


def damaged(live: Live) -> dict[tuple[str, bytes], Any]:
    """Something of everything, among much that is fine, with lists that cannot be searched in one go."""
    for queue in ("q", "other"):
        live.asynq.register(queue)
        live.asynq.add_many(queue, [f"loose-{number}" for number in range(200)], referenced=False)
        live.asynq.add_many(queue, [f"lost-{number}" for number in range(60)], "pending", referenced=False)
        for state in asynq_data.STATES:
            live.asynq.add_many(queue, [f"{state}-{number}" for number in range(150)], state)
        for number in range(40):
            live.asynq.refer(queue, f"ghost-{number}", "archived", score=NOW)
            live.client.hset(key(queue, f"retry-{number}"), "state", "archived")
    return oracle.findings(live.client)


def found(catalog: Catalog) -> dict[tuple[str, bytes], Any]:
    rows = catalog.rows(catalog.find(Query()))
    return {(row.queue, row.id): row.kind for row in rows.values()}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("after", "times"), [(b"", 7), (b"ZSCAN", 3), (b"ZSCAN", 40)], ids=["data", "index", "later"])
def test_a_scan_finds_the_same(
    valkey: Live, through: Through, catalog: Catalog, run_job: Run, place: str, after: bytes, times: int
) -> None:
    wrong = damaged(valkey)
    before = content(valkey)
    cut = Cut(place, times if place != "between" or not after else min(times, 9), after)
    progress = finish(run_job, ScanJob(through(cut), catalog, pace=Pace.FULL), cut)
    assert (progress.complete, progress.restarts) == (True, 0)
    assert set(found(catalog)) == {(queue, task_id) for queue, task_id in wrong}
    assert progress.found == len(found(catalog))
    assert content(valkey) == before


@pytest.mark.parametrize(
    ("journal", "place", "times"),
    [(True, place, times) for place in ("length", "bulk", "crlf", "between", "array") for times in (1, 5)]
    + [(False, place, 1) for place in ("length", "crlf", "between", "array")],
)
def test_a_deletion_deletes_the_same(
    valkey: Live,
    through: Through,
    catalog: Catalog,
    run_job: Run,
    journal_dir: Path,
    place: str,
    times: int,
    journal: bool,
) -> None:
    before = fill(valkey)
    cut = Cut(place, times, b"EVALSHA")
    job = deletion(through(cut), plan_of(valkey, run_job, catalog), Pace.FULL, None, journal_dir if journal else None)
    progress = finish(run_job, job, cut)
    assert progress.made + progress.unconfirmed == COUNT
    assert {one for one in content(valkey) if b"}:t:" in one} == {one for one in before if b"}:t:fine" in one}
    if journal:
        check_agreement(valkey, before, journals_in(journal_dir), progress)


@pytest.mark.parametrize("place", ["length", "crlf", "between", "array"])
@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("target", [Target.BACK, Target.RUN])
def test_a_restore_restores_the_same(
    valkey: Live,
    through: Through,
    catalog: Catalog,
    run_job: Run,
    journal_dir: Path,
    place: str,
    times: int,
    target: Target,
) -> None:
    before = fill(valkey)
    job = deletion(valkey.connect(), plan_of(valkey, run_job, catalog), Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    (path,) = journals_in(journal_dir)
    cut = Cut(place, times, b"EVALSHA")
    plan = plan_restore(valkey.connect(), Journal(path), target)
    progress = finish(run_job, restoring_job(through(cut), plan, Pace.FULL, elsewhere=True), cut)
    assert progress.achieved == COUNT
    if target is Target.BACK:
        assert content(valkey) == before
    else:
        pending = valkey.client.lrange("asynq:{q}:pending", 0, -1)
        assert len(pending) == len(set(pending)) == COUNT
    assert plan_restore(valkey.connect(), Journal(path), target).count == 0


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("place", ["length", "bulk", "crlf", "between", "array"])
def test_a_repair_repairs_the_same(
    valkey: Live, through: Through, catalog: Catalog, run_job: Run, journal_dir: Path, place: str, journal: bool
) -> None:
    how = {
        Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE, Kind.LOST: Repair.RUN, Kind.GHOST: Repair.REMOVE_ID,
        Kind.MISMATCH: Repair.FOLLOW_INDEX,
    }  # fmt: skip
    wrong = damaged(valkey)
    run_job(scan := ScanJob(valkey.connect(), catalog, pace=Pace.FULL))
    assert scan.wait(20)
    cut = Cut(place, 3, b"EVALSHA")
    plan = RepairPlan(plan_matching(catalog, Query()), how)
    assert plan.count == len(wrong)
    progress = finish(run_job, repairing(through(cut), plan, Pace.FULL, None, journal_dir if journal else None), cut)
    assert progress.made + progress.unconfirmed >= len(wrong)
    assert oracle.findings(valkey.client) == {}
