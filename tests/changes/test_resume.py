"""Changes that were interrupted and are resumed: what is left, what changed since, and that nothing is done twice."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.asynq_data import NOW, everything, key, lock_key, prefix
from support.changes import Run, deletion, interrupt, planned, put_back, repairing, resuming
from support.contents import content
from support.schedulers import HOUR, enqueue
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.runs import RunMode
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes import edit_words, kept_plan, resume, resume_words
from archive_tui.changes.edit_plan import EditPlan, SetValues, plan_edit
from archive_tui.changes.history_plan import plan_histories
from archive_tui.changes.plan import Plan, plan_matching, plan_oldest
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.resume import plan_rest
from archive_tui.changes.run_plan import RunPlan, plan_run
from archive_tui.changes.sheet import Site
from archive_tui.errors import JournalError, NotFoundError, RefusedError
from archive_tui.jobs.histories import HistoryJob
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.folder import listed, plan_path
from archive_tui.journal.interrupted import interrupted
from archive_tui.journal.reader import Journal
from archive_tui.journal.writer import Appender
from archive_tui.payloads.editing.assignments import Assignments
from archive_tui.payloads.redaction import MASK, Redaction

SITE = Site(NOW, production=False, journal=True, free_bytes=None)


@pytest.fixture
def archive(valkey: Live) -> Live:
    """An archive of 500 tasks: 200, the first batch, and 300 more."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"task-{number:03}" for number in range(500)], score=NOW, error_msg="refused")
    return valkey


def plan_of(live: Live, run_job: Run, catalog: Catalog) -> Plan:
    assert run_job(ListJob(live.connect(), catalog, "q")).wait(20)
    return plan_oldest(catalog, Query())


def half_deleted(live: Live, run_job: Run, journal_dir: Path) -> Path:
    """Delete the first 200 tasks of the archive, and return the journal."""
    catalog = Catalog()
    progress = interrupt(live, run_job, plan_of(live, run_job, catalog), journal_dir)
    catalog.close()
    assert (progress.made, progress.journal is None) == (200, False)
    assert progress.journal is not None
    return progress.journal


def go_on(live: Live, run_job: Run, path: Path, catalog: Catalog) -> ChangeProgress:
    job = resuming(live.connect(), plan_rest(live.connect(), path, catalog), path.parent)
    run_job(job)
    assert job.wait(30)
    assert job.error is None, job.error
    return job.progress


def test_the_rest_of_a_deletion(archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    before = content(archive)
    path = half_deleted(archive, run_job, tmp_path)
    (found,) = interrupted(listed(tmp_path), archive.settings)
    assert (found.path, found.resumable, found.ending is not None) == (path, True, True)
    assert plan_path(path).stat().st_mode & 0o777 == 0o600
    assert found.size == path.stat().st_size + plan_path(path).stat().st_size

    rest = plan_rest(archive.connect(), path, catalog)
    assert (rest.planned, rest.done, rest.count) == (500, 200, 300)
    assert (rest.unknown, rest.passed_over, rest.restored) == (0, 0, 0)
    assert rest.since == (300, True, 0, 0)
    sheet = resume_words.sheet(rest, replace(SITE, now=rest.header.created_at or 0), {})
    assert sheet.title == "Go on: delete 300 tasks?"
    assert sheet.what[0].text.endswith(": 200 of 500 tasks deleted")
    assert "refused" in [one.text for one in sheet.what if one.label == "error"]
    assert not sheet.cautions
    assert sheet.facts["resumes"] == {
        "journal": str(path), "planned": 500, "done": 200, "left_alone": 0, "restored": 0, "unknown": 0,
        "looked_at": 300, "gone": 0, "changed": 0,
    }  # fmt: skip

    progress = go_on(archive, run_job, path, catalog)
    assert (progress.made, progress.outcomes) == (300, {Outcome.DONE: 300})
    assert not everything(archive.client).keys() & {key("q", f"task-{number:03}") for number in range(500)}
    assert progress.journal is not None
    assert Journal(progress.journal).header.continues == path.name
    assert not list(tmp_path.glob("*.plan*"))
    assert not interrupted(listed(tmp_path), archive.settings)
    with pytest.raises(NotFoundError, match="nothing is left to resume"):
        plan_rest(archive.connect(), path, Catalog())
    for one in (progress.journal, path):
        put_back(archive, run_job, planned(archive, replace(progress, journal=one)))
    assert content(archive) == before


def test_what_changed_since_is_said_and_left_alone(
    archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    archive.asynq.run("q", "task-300")
    archive.client.hset(key("q", "task-301"), "msg", b"\x0a\x01t\x12\x01x\x1a\x08task-301\x22\x01q")
    archive.client.delete(key("q", "task-302"))
    rest = plan_rest(archive.connect(), path, catalog)
    assert rest.since == (300, True, 1, 2)
    (caution,) = resume_words.sheet(rest, SITE, {}).cautions
    assert caution.text == "of the rest, 1 gone and 2 changed since: such are left alone"
    progress = go_on(archive, run_job, path, catalog)
    assert progress.outcomes == {
        Outcome.DONE: 297, Outcome.GONE: 1, Outcome.STATE_CHANGED: 1, Outcome.MESSAGE_CHANGED: 1,
    }  # fmt: skip
    assert archive.client.exists(key("q", "task-300"), key("q", "task-301")) == 2


def test_of_a_long_rest_some_are_looked_at(
    archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    archive.client.delete(*[key("q", f"task-{number:03}") for number in range(400, 500)])
    monkeypatch.setattr(resume, "_MOST_TASKS", 150)
    rest = plan_rest(archive.connect(), path, catalog)
    assert rest.since == (150, False, 50, 0)
    (caution,) = resume_words.sheet(rest, SITE, {}).cautions
    assert caution.text.startswith("of 150 of the rest that were looked at, 50 gone since")


def test_a_task_without_an_outcome_is_tried_again(
    archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    """The process was killed between the answer of the server and the journal."""
    path = half_deleted(archive, run_job, tmp_path)
    raw = path.read_bytes()
    outline = Journal(path).outline()
    path.write_bytes(raw[: raw.index(b"\x1f\x8b\x08", outline.offsets[1] + 1)])  # the first batch, and nothing behind
    rest = plan_rest(archive.connect(), path, catalog)
    assert (rest.done, rest.unknown, rest.count, rest.since.gone) == (0, 200, 500, 200)
    assert "200 of the rest may be deleted by now" in resume_words.sheet(rest, SITE, {}).cautions[0].text
    assert go_on(archive, run_job, path, catalog).outcomes == {Outcome.DONE: 300, Outcome.GONE: 200}


def test_what_was_restored_since_is_not_deleted_again(
    archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    chosen = frozenset({("q", b"task-007"), ("q", b"task-008")})
    put_back(archive, run_job, planned(archive, ChangeProgress(None, None, 0, journal=path), chosen=chosen))  # type: ignore[arg-type]
    rest = plan_rest(archive.connect(), path, catalog)
    assert (rest.done, rest.restored, rest.count) == (198, 2, 300)
    go_on(archive, run_job, path, catalog)
    assert archive.client.zcard(prefix("q") + b"archived") == 2


def test_the_rest_of_a_run_keeps_its_order_and_runs_nothing_twice(
    archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    plan = plan_run(archive.connect(), plan_of(archive, run_job, catalog), RunMode(afresh=True, per_second=2.0))
    path = interrupt(archive, run_job, plan, tmp_path).journal
    assert path is not None
    rest = plan_rest(archive.connect(), path, Catalog())
    assert isinstance(rest.plan, RunPlan)
    assert (rest.kind, rest.plan.mode, rest.done, rest.count) == ("run", plan.mode, 200, 300)
    before = archive.client.zrange(prefix("q") + b"scheduled", 0, -1)
    assert go_on(archive, run_job, path, Catalog()).outcomes == {Outcome.DONE: 300}
    due = dict(archive.client.zrange(prefix("q") + b"scheduled", 0, -1, withscores=True))
    assert (len(before), len(due), archive.client.zcard(prefix("q") + b"archived")) == (200, 500, 0)
    begins = [due[row.id] for rows in rest.plan.plan.selection.batches() for _, row in rows]
    assert (begins, begins[-1] - begins[0]) == (sorted(begins), 149)


def test_the_rest_of_a_repair(valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"loose-{number:03}" for number in range(250)], referenced=False)
    assert run_job(ScanJob(valkey.connect(), catalog, pace=Pace.FULL)).wait(20)
    plan = RepairPlan.of(plan_matching(catalog, Query()), Repair.ARCHIVE)
    path = interrupt(valkey, run_job, plan, tmp_path).journal
    assert path is not None
    rest = plan_rest(valkey.connect(), path, Catalog())
    assert (rest.kind, rest.planned, rest.done, rest.count) == ("repair", 250, 100, 150)
    assert resume_words.sheet(rest, SITE, {"q": 100}).title == "Go on: repair 150 findings?"
    assert go_on(valkey, run_job, path, Catalog()).outcomes == {Outcome.DONE: 150}
    assert valkey.client.zcard(prefix("q") + b"archived") == 250


def test_the_rest_of_a_release_of_locks_is_found_by_their_names(
    valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    valkey.asynq.register("q")
    for number in range(150):
        valkey.client.set(lock_key("q", payload=b"%d" % number), "gone", ex=1_000)
    assert run_job(ScanJob(valkey.connect(), catalog, pace=Pace.FULL, locks=True)).wait(20)
    plan = RepairPlan.of(plan_matching(catalog, Query()), Repair.RELEASE)
    path = interrupt(valkey, run_job, plan, tmp_path).journal
    assert path is not None
    rest = plan_rest(valkey.connect(), path, Catalog())
    assert (rest.done, rest.count, rest.since.looked_at) == (100, 50, 0)
    assert go_on(valkey, run_job, path, Catalog()).outcomes == {Outcome.DONE: 50}


def test_the_rest_of_a_deletion_of_histories(valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    for number in range(150):
        enqueue(valkey.client, f"{number:08}-1111-4222-8333-444444444444", 30 * HOUR)
    assert run_job(HistoryJob(valkey.connect(), catalog, Pace.FULL)).wait(20)
    plan = plan_histories(valkey.connect(), plan_matching(catalog, Query(kind=Kind.STALE_HISTORY)))
    path = interrupt(valkey, run_job, plan, tmp_path).journal
    assert path is not None
    rest = plan_rest(valkey.connect(), path, Catalog())
    assert (rest.kind, rest.done, rest.count) == ("histories", 100, 50)
    assert resume_words.sheet(rest, SITE, {}).title == "Go on: delete 50 histories?"
    assert go_on(valkey, run_job, path, Catalog()).outcomes == {Outcome.DONE: 50}


def test_the_rest_of_an_edit_is_masked_as_the_profile_says(
    valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"task-{number:03}" for number in range(250)], score=NOW, payload=b'{"nickname":"Bo"}')
    assert run_job(ListJob(valkey.connect(), catalog, "q")).wait(20)
    edit = SetValues(Assignments.parse(['payload.nickname="Al"']))
    plan = plan_edit(valkey.connect(), plan_oldest(catalog, Query()), edit, RunMode())
    path = interrupt(valkey, run_job, plan, tmp_path).journal
    assert path is not None
    with contextlib.closing(Catalog(redaction=Redaction(["nickname"]))) as masking:
        rest = plan_rest(valkey.connect(), path, masking).plan
    assert isinstance(rest, EditPlan)
    words = " ".join([*rest.texts, *map(str, edit_words.differences(rest))])
    assert ("Al" in words, "Bo" in words, MASK in words) == (False, False, True)


def test_what_is_picked_by_hand_keeps_no_plan(valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    for number in range(3):
        valkey.client.set(key("q", f"foreign-{number}"), "x")
    assert run_job(ScanJob(valkey.connect(), catalog, pace=Pace.FULL)).wait(20)
    types = {("q", b"foreign-%d" % number): b"string" for number in range(3)}
    job = repairing(
        valkey.connect(), RepairPlan.of(plan_matching(catalog, Query()), Repair.DELETE_KEY, types), journal_dir=tmp_path
    )
    assert job.change.kept() is None


def test_a_change_that_ends_whole_leaves_no_plan(archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    seen: list[list[Path]] = []
    plan = plan_of(archive, run_job, catalog)
    job = deletion(
        archive.connect(), plan, Pace.FULL, lambda _pipe, _rows: seen.append(list(tmp_path.glob("*.plan"))), tmp_path
    )
    run_job(job)
    assert job.wait(20)
    assert (job.error, job.progress.resumable, len(seen[0])) == (None, False, 1)
    assert not list(tmp_path.glob("*.plan*"))


def test_a_rest_of_which_nothing_was_done_stays(archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    job = resuming(archive.connect(), plan_rest(archive.connect(), path, catalog), tmp_path)
    job.stop()
    run_job(job)
    assert job.wait(20)
    assert [one.path for one in listed(tmp_path)] == [path]
    assert list(tmp_path.glob("*.plan*")) == [plan_path(path)]  # the first can still be resumed


# What is refused


def test_a_change_of_another_server_is_refused(archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    with pytest.raises(RefusedError, match=r"planned for .*, and this is elsewhere:1/0"):
        plan_rest(archive.connect(label="elsewhere:1/0"), path, catalog)


def test_a_change_that_goes_on_is_refused(archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    rest = plan_rest(archive.connect(), path, catalog)
    with Appender(path):
        with pytest.raises(JournalError, match="is being written"):
            plan_rest(archive.connect(), path, catalog)
        job = resuming(archive.connect(), rest, tmp_path)
        run_job(job)
        assert job.wait(20)
        assert isinstance(job.error, JournalError)
        assert job.progress.made == 0


def no_file(path: Path) -> None:
    path.write_bytes(b"nothing")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40_000])


def edit(statement: str) -> Callable[[Path], None]:
    def do(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()

    return do


@pytest.mark.parametrize(
    "damage",
    [
        no_file,
        cut_short,
        edit("PRAGMA user_version=99"),
        edit("DELETE FROM note"),
        edit("""UPDATE note SET text = '{"kind": "eat"}'"""),
        edit("UPDATE rows SET state = 'eaten'"),
        edit("ALTER TABLE rows DROP COLUMN fingerprint"),
    ],
)
def test_a_plan_that_cannot_be_read_is_said_to_be(
    archive: Live, run_job: Run, catalog: Catalog, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = half_deleted(archive, run_job, tmp_path)
    damage(plan_path(path))
    with pytest.raises(JournalError, match=r"the plan of .*-delete-"):
        plan_rest(archive.connect(), path, catalog)


def test_only_the_newest_plans_are_kept(
    archive: Live, run_job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_plan, "MOST", 1)
    first = half_deleted(archive, run_job, tmp_path)
    second = half_deleted(archive, run_job, tmp_path)
    assert list(tmp_path.glob("*.plan*")) == [plan_path(second)]
    assert first.exists()
