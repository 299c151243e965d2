"""What every change has in common, whatever it changes: words, clock, audit, and its place in a session."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from support.asynq_data import NOW, a_message, everything
from support.changes import Run, cleaning_up, deletion, repairing, restoring_job
from support.servers import Live

from archive_tui.asynq.outcomes import CLEAN_UP, DELETE, REPAIR, RESTORE, Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.changes.cleanup import CleanUpPlan
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import RestorePlan, plan_restore
from archive_tui.errors import RefusedError
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.reader import Journal
from archive_tui.session import ScanSummary, Session

DELETED = Path(__file__).parents[1] / "journal" / "version1" / "delete.journal.gz"


@pytest.fixture
def session(valkey: Live) -> Iterator[Session]:
    """A session whose clock stands still, over a queue with orphans and a leftover queue."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"{number}" for number in range(20)], referenced=False)
    valkey.asynq.add_many("left", [f"{number}" for number in range(10)], "completed")
    made = Session(valkey.settings, clock=lambda: NOW, stopwatch=lambda: 0.0)
    yield made
    made.close()


@pytest.fixture
def plan(session: Session, catalog: Catalog) -> Plan:
    assert session.scan(catalog, ["q"]).wait(30)
    return plan_matching(catalog, Query())


def restore_plan(session: Session, folder: Path) -> RestorePlan:
    """The plan of a copy: what is restored is noted in the journal."""
    return plan_restore(session.server, Journal(Path(shutil.copy(DELETED, folder))))


def ended(job: ChangeJob) -> ChangeJob:
    assert job.wait(30)
    assert job.state is JobState.DONE, job.error
    return job


def audit() -> list[dict[str, Any]]:
    file = Path(platformdirs.user_state_dir("archive-tui", appauthor=False)) / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_change_and_an_export_say_what_they_are_doing(session: Session, plan: Plan, tmp_path: Path) -> None:
    server = session.server
    jobs = [
        deletion(server, plan),
        repairing(server, RepairPlan.of(plan, Repair.ARCHIVE)),
        restoring_job(server, restore_plan(session, tmp_path), elsewhere=True),
        cleaning_up(server, "left"),
        ExportJob(server, Selection(plan.selection.catalog, plan.selection.seqs), tmp_path / "file"),
    ]
    assert [job.doing for job in jobs] == [
        "deleting 0 of 20", "repairing 0 of 20", "restoring 0 of 3", "cleaning up 0", "exporting 0 of 20",
    ]  # fmt: skip
    assert all(job.leaving is not None and job.leaving.stays.startswith("What was ") for job in jobs)


def test_every_journal_is_dated_by_the_clock_of_the_session(session: Session, plan: Plan) -> None:
    plans = [CleanUpPlan("left"), RepairPlan.of(plan, Repair.ARCHIVE), plan]
    for number, one in enumerate(plans):
        job = ended(session.start(one))
        if number < 2:  # the repair has left nothing to delete
            assert job.progress.journal is not None
            assert Journal(job.progress.journal).header.created_at == NOW
        assert job.progress.rate == 0.0
    assert {line["time"] for line in audit()} == {"2026-11-18T11:06:40Z"}


def test_what_is_under_way_is_known_by_its_verb(session: Session, plan: Plan) -> None:
    assert session.changing(DELETE) is None
    job = session.start(plan)
    assert session.changing(DELETE) in (job, None)  # it may have ended
    assert [session.changing(verb) for verb in (REPAIR, RESTORE, CLEAN_UP)] == [None] * 3
    ended(job)
    assert session.changing(DELETE) is None


@pytest.mark.parametrize("what", ["delete", "repair", "clean up"])
def test_the_audit_does_not_keep_a_caution_to_itself(session: Session, plan: Plan, what: str) -> None:
    plans = {"delete": plan, "repair": RepairPlan.of(plan, Repair.RUN), "clean up": CleanUpPlan("left")}
    change = plans[what].change()  # type: ignore[attr-defined]
    progress = ChangeProgress(change.verb, JobState.DONE, 3, 3, outcomes={Outcome.DONE: 3}, caution=change.caution)
    assert change.report(progress)["caution"] == change.caution != ""
    assert "caution" not in change.report(ChangeProgress(change.verb, JobState.DONE, 3, 3))


def test_what_a_scan_found_is_unknown_once_something_was_put_back(
    session: Session, catalog: Catalog, tmp_path: Path
) -> None:
    plan = replace(restore_plan(session, tmp_path), anywhere=True)
    queue, *_ = plan.change().queues
    scan = session.scan(catalog)
    assert scan.wait(30)
    session.note_scan(scan)
    others = set(session.scans) - {queue}
    session.scans[queue] = ScanSummary(0, complete=True)
    ended(session.start(plan))
    session.note_scan(scan)  # by the screen of a scan that was before
    assert set(session.scans) == others
    assert session.outdated(scan)
    with closing(Catalog()) as anew:
        after = session.scan(anew)
        assert after.wait(30)
        session.note_scan(after)
        assert not session.outdated(after)
        assert queue in session.scans


def test_the_reason_of_a_restore_is_in_the_audit(session: Session, tmp_path: Path) -> None:
    ended(session.start(replace(restore_plan(session, tmp_path), anywhere=True), reason="INC-4711"))
    begun, end = audit()
    assert (begun["action"], begun["reason"], begun["planned"]) == ("restore", "INC-4711", 3)
    assert (end["result"], end["restored"], end["outcomes"]) == ("done", 3, {"restored": 3})


def test_a_queue_of_before_018_is_refused_for_every_change(valkey: Live, run_job: Run, tmp_path: Path) -> None:
    """Also where nobody has looked at it before: a leftover queue, or one that was taken for another."""
    valkey.client.lpush("asynq:{left}", a_message("left", "one").SerializeToString())
    valkey.asynq.add("left", "loose", "completed")
    before = everything(valkey.client)
    job = run_job(cleaning_up(valkey.connect(), "left", journal_dir=tmp_path))
    assert job.wait(30)
    assert isinstance(job.error, RefusedError)
    assert "'left' was written by Asynq before 0.18" in str(job.error)
    assert everything(valkey.client) == before
