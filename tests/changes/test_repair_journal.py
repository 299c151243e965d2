"""What a repair or a clean-up changes is in the journal before it is changed, and comes back where it can."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from support.asynq_data import NOW, key, lock_key, prefix
from support.changes import cleaning_up, repairing, restoring_job
from support.contents import content
from support.damage import find, put
from support.oracle import findings
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.cleanup import CleanUpPlan
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.register import RegisterPlan
from archive_tui.changes.repair_plan import ARCHIVE_REPAIRS, RepairPlan, types_of
from archive_tui.changes.restore_plan import AS_GHOST, RestorePlan, plan_restore
from archive_tui.changes.restore_words import afterwards, notes
from archive_tui.commands import journal as journal_command
from archive_tui.errors import AuditError, DisconnectedError, JournalError, NotPermittedError, RefusedError
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.journals import JournalJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal import place as journal_place
from archive_tui.journal import writer
from archive_tui.journal.reader import Journal
from archive_tui.payloads.redaction import Redaction
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.write import cleanup
from archive_tui.store.write import repair as store
from archive_tui.store.write.restore import Target, are_back

Q = "q"
LOCK = lock_key(Q)
Run = Callable[[Job], Job]


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    """A folder for journals."""
    return tmp_path / "journal"


@pytest.fixture
def damaged(any_server: Live) -> Live:
    """One queue with every kind of damage that can be set right, more than a batch of it."""
    asynq, client = any_server.asynq, any_server.client
    asynq.register(Q)
    asynq.add_many(Q, [f"loose-{number}" for number in range(130)], referenced=False)
    asynq.add(Q, "done", "completed", referenced=False, fields={b"result": b"\x00\xff" * 900})
    asynq.add(Q, b"\xff\x1b", "pending", referenced=False, unique=LOCK)
    asynq.add(Q, "large", "pending", referenced=False, payload=b"\x00\x01" * 3_000_000)
    asynq.add(Q, "odd", "retry", referenced=False, retried=2, fields={b'\xfe"odd': b"", b"timeout": b"1800"})
    for number in range(20):
        put(asynq, Q, b"gone-%d" % number, "archived", NOW - number - 0.5)
    put(asynq, Q, b"gone-grouped", "g:daily")
    put(asynq, Q, b"gone-waiting", "pending")
    asynq.add(Q, "stuck", "active", referenced=False)
    client.zadd(prefix(Q) + b"archived", {"stuck": NOW - 7.25})
    client.hset(key(Q, "husk"), mapping={"state": "pending", "pending_since": "5"})
    client.lpush(prefix(Q) + b"pending", "husk")
    client.hset(key(Q, "loose-husk"), mapping={"state": "archived"})
    asynq.add(Q, "well")
    return any_server


def plan_of(live: Live, catalog: Catalog, how: dict[Kind, Repair]) -> RepairPlan:
    catalog.add(find(live, [Q], 1000))
    return RepairPlan(plan_matching(catalog, Query()), dict(how))


def ended(job: Job, run_job: Run) -> Any:
    run_job(job)
    assert job.wait(30)
    return job


def repaired(live: Live, run_job: Run, catalog: Catalog, journal_dir: Path, how: dict[Kind, Repair]) -> Path:
    job = ended(repairing(live.connect(), plan_of(live, catalog, how), Pace.FULL, journal_dir=journal_dir), run_job)
    assert job.state is JobState.DONE, job.error
    assert job.progress.made == job.progress.planned
    assert job.progress.journal is not None
    path: Path = job.progress.journal
    return path


def held(path: Path) -> dict[bytes, tuple[Copy, str]]:
    """Every task of a journal, and the digit that says what became of it."""
    journal = Journal(path)
    outline = journal.outline()
    found = {}
    for batch, copies in journal.batches(outline):
        for copy, digit in zip(copies, outline.outcomes.get(batch, "").ljust(len(copies), "-"), strict=True):
            found[copy.id] = copy, digit
    return found


def put_back(live: Live, run_job: Run, path: Path, target: Target = Target.BACK) -> tuple[RestorePlan, ChangeProgress]:
    plan = plan_restore(live.connect(), Journal(path), target)
    job = ended(restoring_job(live.connect(), plan, Pace.FULL), run_job)
    assert job.state is JobState.DONE, job.error
    return plan, job.progress


def data_of(live: Live) -> dict[bytes, Any]:
    """The fields of every task."""
    start = prefix(Q) + b"t:"
    return {one[len(start) :]: fields for one, fields in content(live).items() if one.startswith(start)}


EVERYTHING = {
    Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE, Kind.ORPHAN_COMPLETED: Repair.RUN, Kind.LOST: Repair.RUN_AFRESH,
    Kind.GHOST: Repair.REMOVE_ID, Kind.MISMATCH: Repair.FOLLOW_INDEX, Kind.HUSK: Repair.CLEAN,
}  # fmt: skip


def test_everything_that_changes_is_kept_as_it_was(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    before = data_of(damaged)
    path = repaired(damaged, run_job, catalog, journal_dir, EVERYTHING)
    assert findings(damaged.client) == {}
    kept = held(path)
    before.pop(b"well")
    assert {one: dict(zip(copy.fields[::2], copy.fields[1::2], strict=True)) for one, (copy, _) in kept.items()} == (
        before | {one: {} for one in kept if one.startswith(b"gone-")}
    )
    assert {digit for _, digit in kept.values()} == {"1"}
    places = {one: (copy.stood, copy.score) for one, (copy, _) in kept.items()}
    assert places[b"stuck"] == (State.ARCHIVED, b"%r" % (NOW - 7.25))
    assert places[b"gone-3"] == (State.ARCHIVED, b"%r" % (NOW - 3.5))
    assert places[b"gone-grouped"][0] is State.AGGREGATING
    assert places[b"gone-waiting"] == places[b"husk"] == (State.PENDING, None)
    assert places[b"loose-1"] == places[b"done"] == (None, None)
    assert (kept[b"\xff\x1b"][0].lock, kept[b"loose-1"][0].lock) == (LOCK, None)
    journal = Journal(path)
    header, ending = journal.header, journal.ending()
    assert header.command.startswith("repair: archive, ")
    assert "run with retries reset" in header.command
    assert (header.queues, header.planned, header.reason) == ((Q,), len(kept), "tests")
    assert path.name.partition("Z-")[2].startswith("repair-")
    assert ending is not None
    assert (ending.state, ending.counts) == ("done", {"done": len(kept)})


@pytest.mark.parametrize("what", ["repair", "clean up"])
def test_the_disk_has_it_before_it_changes(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    seen: list[bytes] = []

    def look(ids: list[bytes]) -> None:
        (path,) = journal_dir.glob("*.journal.gz")
        assert set(ids) <= set(held(path))
        seen.extend(ids)

    def watched_repair(pipe: Pipe, how: Repair, rows: Any, *rest: Any) -> list[Outcome]:
        look([row.id for row in rows])
        return repair(pipe, how, rows, *rest)

    def watched_remove(pipe: Pipe, queue: str, found: Any) -> int:
        look([one.partition(b":t:")[2] for one in found if b":t:" in one])
        return remove(pipe, queue, found)

    repair, remove = store.repair, cleanup.remove
    monkeypatch.setattr(store, "repair", watched_repair)
    monkeypatch.setattr(cleanup, "remove", watched_remove)
    job: Job
    if what == "repair":
        valkey.asynq.add_many(Q, [f"{number}" for number in range(250)], referenced=False)
        plan = plan_of(valkey, catalog, {Kind.ORPHAN_ARCHIVED: Repair.RUN})
        job = repairing(valkey.connect(), plan, Pace.FULL, journal_dir=journal_dir)
    else:
        valkey.asynq.add_many(Q, [f"{number}" for number in range(250)], "completed")
        job = cleaning_up(valkey.connect(), Q, Pace.FULL, journal_dir=journal_dir)
    ended(job, run_job)
    assert job.state is JobState.DONE, job.error
    assert len(seen) == 250


# What cannot be kept is not changed


def full_after(count: int) -> Callable[[int, Any], int]:
    calls = iter(range(count))

    def write(file: int, data: Any) -> int:
        if next(calls, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    real = os.write
    return write


@pytest.fixture(params=["no room", "full", "full at once", "no folder", "sync"])
def obstacle(request: pytest.FixtureRequest, journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal that cannot be written."""
    if request.param == "no room":
        monkeypatch.setattr(journal_place, "free_bytes", lambda folder: 1000)
    elif request.param.startswith("full"):
        monkeypatch.setattr(writer.os, "write", full_after(0 if request.param.endswith("once") else 1))
    elif request.param == "no folder":
        journal_dir.touch()
        journal_dir = journal_dir / "in a file"
    else:
        syncs = iter(range(2))  # of the header, and of the folder
        real = os.fsync

        def sync(file: int) -> None:
            if next(syncs, None) is None:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(file)

        monkeypatch.setattr(writer.os, "fsync", sync)
    return journal_dir


@pytest.mark.parametrize("how", [Repair.ARCHIVE, Repair.RUN, Repair.CLEAN, Repair.REMOVE_ID, Repair.FOLLOW_INDEX])
def test_a_repair_that_cannot_be_kept_changes_nothing(
    damaged: Live, run_job: Run, catalog: Catalog, obstacle: Path, how: Repair
) -> None:
    before = content(damaged)
    catalog.add(find(damaged, [Q], 1000))
    plan = RepairPlan.of(plan_matching(catalog, Query()), how)
    job = ended(repairing(damaged.connect(), plan, Pace.FULL, journal_dir=obstacle), run_job)
    assert isinstance(job.error, JournalError), job.error
    assert len(job.progress.error.splitlines()) == 1
    assert "--journal-dir" in job.progress.error
    assert (job.progress.made, job.progress.untouched) == (0, plan.count)
    assert content(damaged) == before


def test_a_clean_up_that_cannot_be_kept_changes_nothing(valkey: Live, run_job: Run, obstacle: Path) -> None:
    valkey.asynq.add_many("gone", [f"done-{number}" for number in range(50)], "completed")
    before = content(valkey)
    job = ended(cleaning_up(valkey.connect(), "gone", Pace.FULL, journal_dir=obstacle), run_job)
    assert isinstance(job.error, JournalError), job.error
    assert (job.progress.made, job.progress.keys) == (0, 0)
    assert content(valkey) == before


def test_a_disk_that_fills_up_leaves_the_rest(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = data_of(damaged)
    plan = plan_of(damaged, catalog, {Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE})
    monkeypatch.setattr(writer.os, "write", full_after(2))
    job = ended(repairing(damaged.connect(), plan, Pace.FULL, journal_dir=journal_dir), run_job)
    monkeypatch.undo()
    assert isinstance(job.error, JournalError)
    changed = {one for one in before if damaged.client.zscore(prefix(Q) + b"archived", one)} - {b"well", b"stuck"}
    assert len(changed) == job.progress.made == 100
    assert set(held(job.progress.journal)) == changed


# What a journal of repairs is good for


def test_what_was_deleted_comes_back(damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path) -> None:
    """Everything but membership in lists and groups: nothing is put back to where a worker would take it."""
    before = content(damaged)
    how = dict.fromkeys((Kind.LOST, Kind.MISMATCH, Kind.HUSK), Repair.CLEAN)
    path = repaired(damaged, run_job, catalog, journal_dir, how)
    assert not damaged.client.exists(LOCK)
    plan, report = put_back(damaged, run_job, path)
    assert (plan.bare, plan.there) == (0, 0)
    assert plan.places == {"no index, as an orphan": 1, "no index, as a lost task": 4, "archived": 1}
    assert report.outcomes == {Outcome.DONE: 6}
    pending = prefix(Q) + b"pending"
    assert before.pop(pending) == [b"husk", b"gone-waiting"]
    after = content(damaged)
    assert after.pop(pending) == [b"gone-waiting"]
    assert after == before


@pytest.mark.parametrize("target", list(Target))
def test_what_was_changed_is_left_alone(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path, target: Target
) -> None:
    how = {kind: repair for kind, repair in EVERYTHING.items() if kind not in (Kind.GHOST, Kind.HUSK)}
    path = repaired(damaged, run_job, catalog, journal_dir, how)
    before = content(damaged)
    plan, report = put_back(damaged, run_job, path, target)
    assert (plan.count, plan.there, report.made) == (135, 135, 0)
    # In the archive again, their data is what it was, and their place is another
    assert report.outcomes[Outcome.ALREADY if target is Target.ARCHIVE else Outcome.STANDS_ELSEWHERE] >= 130
    assert report.outcomes.get(Outcome.TAKEN, 0) == (5 if target is Target.BACK else 1)
    assert set(report.outcomes) <= {Outcome.TAKEN, Outcome.ALREADY, Outcome.STANDS_ELSEWHERE}
    assert content(damaged) == before


def test_what_was_changed_and_lost_later_comes_back(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    path = repaired(damaged, run_job, catalog, journal_dir, {Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE})
    before = content(damaged)
    damaged.client.delete(key(Q, "loose-7"))
    damaged.client.zrem(prefix(Q) + b"archived", "loose-7")
    _, report = put_back(damaged, run_job, path)
    assert report.outcomes == {Outcome.DONE: 1, Outcome.STANDS_ELSEWHERE: 129}
    after = content(damaged)
    archive = prefix(Q) + b"archived"
    assert len(before.pop(archive)) == len(after.pop(archive)) + 1  # where it was found: in no index
    assert after == before


def test_ids_that_had_no_data_are_told_apart(damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path) -> None:
    path = repaired(damaged, run_job, catalog, journal_dir, dict(ARCHIVE_REPAIRS))  # type: ignore[arg-type]
    damaged.client.hset(key(Q, "gone-3"), "state", "somebody else's")
    before = content(damaged)
    for target in (Target.ARCHIVE, Target.RUN, Target.BACK):
        plan, report = put_back(damaged, run_job, path, target)
        assert plan.bare == (0 if target is Target.BACK else 22)
        assert plan.count <= (25 if target is Target.BACK else 3)
        assert report.done == plan.count
    after = content(damaged)
    assert after[key(Q, "gone-3")] == {b"state": b"somebody else's"}
    assert not [one for one in after if b"gone-" in one and one not in before]


def test_a_journal_of_ghosts_alone_has_nothing_to_run(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    path = repaired(damaged, run_job, catalog, journal_dir, {Kind.GHOST: Repair.REMOVE_ID})
    before = content(damaged)
    plan, report = put_back(damaged, run_job, path, Target.RUN)
    assert (plan.count, plan.bare, report.done, report.in_part) == (0, 22, 0, False)
    assert content(damaged) == before


def test_what_is_there_no_more_is_neither_kept_nor_touched(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    valkey.asynq.add_many(Q, ["a", "b", "c", "d"], referenced=False)
    plan = plan_of(valkey, catalog, {Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE})
    valkey.client.delete(key(Q, "a"), key(Q, "b"))
    valkey.client.set(key(Q, "b"), "text")
    valkey.client.hset(key(Q, "c"), "state", "completed")
    job = ended(repairing(valkey.connect(), plan, Pace.FULL, journal_dir=journal_dir), run_job)
    assert job.progress.outcomes == {
        Outcome.GONE: 1, Outcome.NOT_A_TASK: 1, Outcome.STATE_CHANGED: 1, Outcome.DONE: 1
    }  # fmt: skip
    assert {one: digit for one, (_, digit) in held(job.progress.journal).items()} == {b"c": "3", b"d": "1"}
    plan_back = plan_restore(valkey.connect(), Journal(job.progress.journal))
    assert (plan_back.count, plan_back.kept) == (1, 1)


def test_an_answer_that_is_lost_is_unknown_to_the_journal(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.add_many(Q, [f"{number}" for number in range(250)], "pending", referenced=False)
    before = content(valkey)
    calls = 0

    def cut(pipe: Pipe, *args: Any) -> list[Outcome]:
        nonlocal calls
        calls += 1
        outcomes = whole(pipe, *args)
        if calls == 2:
            raise DisconnectedError("lost")
        return outcomes

    whole = store.repair
    monkeypatch.setattr(store, "repair", cut)
    plan = plan_of(valkey, catalog, {Kind.LOST: Repair.CLEAN})
    job = ended(repairing(valkey.connect(), plan, Pace.FULL, journal_dir=journal_dir), run_job)
    assert job.state is JobState.DONE
    assert not valkey.client.keys("asynq:{q}:t:*")
    digits = [digit for _, digit in held(job.progress.journal).values()]
    assert (digits.count("1"), digits.count("-")) == (150, 100)
    plan_back, report = put_back(valkey, run_job, job.progress.journal)
    assert (plan_back.unsure, report.made) == (100, 250)
    assert content(valkey) == before


def test_what_was_repaired_before_a_refusal_in_the_middle_of_a_batch_is_told(
    any_server: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a long list is searched a batch takes several script calls; before the third the user loses the right."""
    live = any_server
    live.user("half", "~*", "+@all")
    live.asynq.register(Q)
    live.asynq.add_many(Q, [f"{number}" for number in range(10)], "pending", referenced=False)
    before = content(live)
    call, calls = store._call, iter(range(100))

    def called(*arguments: Any) -> list[Outcome]:
        if next(calls) == 2:
            live.client.execute_command("ACL", "SETUSER", "half", "-unlink")
        return call(*arguments)

    monkeypatch.setattr(store, "_batch_size", lambda *_: 2)
    monkeypatch.setattr(store, "_call", called)
    plan = plan_of(live, catalog, {Kind.LOST: Repair.CLEAN})
    server = live.connect(username="half", password="word")
    job = ended(repairing(server, plan, Pace.FULL, journal_dir=journal_dir), run_job)
    assert (job.state, type(job.error)) == (JobState.FAILED, NotPermittedError)
    report = job.progress
    assert (report.made, report.unknown, report.untouched) == (4, 0, 6)
    assert catalog.counts().total == 6
    assert sorted(digit for _, digit in held(report.journal).values()) == ["1"] * 4 + ["x"] * 6
    plan_back, report = put_back(live, run_job, report.journal)
    assert (plan_back.count, plan_back.unsure, report.made) == (4, 0, 4)
    assert content(live) == before


# Clean-up


def leftovers(live: Live) -> None:
    """A leftover queue: completed tasks, some in a group, a lock, and a key that is no task."""
    live.asynq.add_many("gone", [f"done-{number}" for number in range(1_100)], "completed")
    live.asynq.add("gone", "waiting", "aggregating")
    live.asynq.add("gone", "locked", "completed", unique=lock_key("gone"))
    live.asynq.add("gone", "large", "completed", fields={b"result": b"\x00\xff" * 3_000_000})
    live.client.set(key("gone", "text"), "no task")


def test_a_clean_up_can_be_undone(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    leftovers(any_server)
    before = content(any_server)
    job = ended(cleaning_up(any_server.connect(), "gone", Pace.FULL, journal_dir=journal_dir), run_job)
    assert job.state is JobState.DONE, job.error
    assert not any_server.client.keys("asynq:{gone}*")
    path = job.progress.journal
    header, ending = Journal(path).header, Journal(path).ending()
    assert (header.command, header.queues, header.planned) == ("clean up", ("gone",), None)
    assert path.name.partition("Z-")[2].startswith("clean-up-")
    assert ending is not None
    assert ending.counts == {"deleted": 1_104}
    kept = held(path)
    assert len(kept) == 1_104
    assert kept[b"waiting"][0].stood is State.AGGREGATING
    assert kept[b"waiting"][0].score is not None
    plan, report = put_back(any_server, run_job, path)
    assert (plan.count, plan.bare, plan.locks, plan.unregistered) == (1_103, 1, 1, ("gone",))
    assert plan.places == {"completed": 1_102, "no index, as a lost task": 1}
    assert any(one.startswith("1 should still run") and "into their group" in one for one in notes(plan))
    assert report.made == 1_103
    after = content(any_server)
    missing = set(before) - set(after)
    assert missing == {key("gone", "text"), *[one for one in missing if b":g:" in one or one.endswith(b":groups")]}
    assert {one: before[one] for one in after} == after


def test_a_clean_up_whose_answer_is_lost(
    valkey: Live, run_job: Run, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftovers(valkey)
    before = content(valkey)
    calls = 0

    def cut(pipe: Pipe, *args: Any) -> int:
        nonlocal calls
        calls += 1
        count = whole(pipe, *args)
        if calls == 2:
            raise DisconnectedError("lost")
        return count

    whole = cleanup.remove
    monkeypatch.setattr(cleanup, "remove", cut)
    job = ended(cleaning_up(valkey.connect(), "gone", Pace.FULL, journal_dir=journal_dir), run_job)
    assert job.state is JobState.DONE, job.error
    assert not valkey.client.keys("asynq:{gone}*")
    assert "-" in {digit for _, digit in held(job.progress.journal).values()}
    _, report = put_back(valkey, run_job, job.progress.journal)
    assert report.made == 1_103
    after = content(valkey)
    assert {one: before[one] for one in after} == after


def test_a_clean_up_of_a_queue_without_tasks_is_cautious_after_a_failover_too(
    valkey: Live, run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that are no tasks are counted twice as well where another server takes over."""
    valkey.client.mset({prefix("gone") + b"failed:%d" % number: 5 for number in range(3_000)})

    def cut(pipe: Pipe, *args: Any) -> int:
        if next(calls) == 2:
            raise DisconnectedError("lost")
        return remove(pipe, *args)

    remove, identify = cleanup.remove, Server.identify
    calls, run_ids = iter(range(1_000)), iter("abc")
    monkeypatch.setattr(cleanup, "remove", cut)
    monkeypatch.setattr(Server, "identify", lambda self: replace(identify(self), run_id=next(run_ids)))
    job = ended(cleaning_up(valkey.connect(), "gone", Pace.FULL), run_job)
    assert (job.state, job.progress.made, job.progress.keys) == (JobState.DONE, 0, 3_000)
    assert "counted twice" in job.progress.caution


def test_a_clean_up_that_is_refused_has_deleted_nothing(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    valkey.asynq.register("used")
    valkey.asynq.add("used", "one", "completed")
    before = content(valkey)
    job = ended(cleaning_up(valkey.connect(), "used", Pace.FULL, journal_dir=journal_dir), run_job)
    assert isinstance(job.error, RefusedError)
    assert content(valkey) == before
    assert [digit for _, digit in held(job.progress.journal).values()] == ["x"]
    assert plan_restore(valkey.connect(), Journal(job.progress.journal)).count == 0


# The audit


@pytest.fixture
def session(damaged: Live) -> Iterator[Session]:
    """A session on the damaged queue."""
    one = Session(damaged.settings)
    one.open()
    yield one
    one.close()


def audit() -> list[dict[str, Any]]:
    file = Path(platformdirs.user_state_dir("archive-tui")) / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def finished(job: Job) -> Any:
    assert job.wait(30)
    assert job.state is JobState.DONE, job.error
    return job


def test_every_action_has_its_lines(session: Session, damaged: Live, catalog: Catalog) -> None:
    damaged.asynq.add_many("gone", ["a", "b"], "completed")
    damaged.asynq.add_many("back", ["a", "b"], "completed")
    repair = finished(session.start(plan_of(damaged, catalog, {Kind.LOST: Repair.CLEAN}), choice="by hand"))
    journal = repair.progress.journal
    assert journal.parent == session.journal_folder
    finished(session.start(plan_restore(session.server, Journal(journal))))
    clean = finished(session.start(CleanUpPlan("gone")))
    assert finished(session.start(RegisterPlan("back"))).progress.made == 1
    lines = audit()
    assert [(one["event"], one["action"]) for one in lines] == [
        (event, action) for action in ("repair", "restore", "clean up", "register") for event in ("confirmed", "ended")
    ]  # fmt: skip
    assert {one["server"] for one in lines[::2]} == {session.server.address}
    assert [one["name"] for one in lines[::2]] == [one["name"] for one in lines[1::2]]
    facts = {key: lines[0][key] for key in ("repairs", "kinds", "planned", "choice")}
    assert facts == {"repairs": {"clean": 3}, "kinds": {"lost": 3}, "planned": 3, "choice": "by hand"}
    assert (lines[1]["result"], lines[1]["repaired"], lines[1]["journal"]) == ("done", 3, str(journal))
    assert (lines[2]["journal"], lines[2]["planned"], lines[2]["target"]) == (str(journal), 3, "back")
    assert (lines[3]["restored"], lines[3]["outcomes"]) == (3, {"restored": 3})
    assert (lines[4]["queue"], lines[5]["tasks"]) == ("gone", 2)
    assert lines[5]["journal"] == str(clean.progress.journal)
    assert (lines[6]["queue"], lines[7]["new"]) == ("back", True)


def test_what_is_registered_already_is_so(session: Session, damaged: Live) -> None:
    damaged.asynq.add("back", "a", "completed")
    for outcome in (Outcome.DONE, Outcome.ALREADY):
        assert finished(session.start(RegisterPlan("back"))).progress.outcomes == {outcome: 1}
    assert damaged.client.sismember("asynq:queues", "back")
    assert not session.journal_folder.exists()


def test_without_an_audit_nothing_is_changed(session: Session, damaged: Live, catalog: Catalog) -> None:
    damaged.asynq.add_many("gone", ["a", "b"], "completed")
    plan = plan_of(damaged, catalog, {Kind.LOST: Repair.CLEAN})
    journal = finished(session.start(plan)).progress.journal
    session.audit.file.unlink()
    session.audit.file.mkdir()
    before = content(damaged)
    catalog.clear()
    jobs = [
        session.start(plan_of(damaged, catalog, EVERYTHING)),
        session.start(plan_restore(session.server, Journal(journal))),
        session.start(CleanUpPlan("gone")),
        session.start(RegisterPlan("gone")),
    ]
    for job in jobs:
        assert job.wait(30)
        assert isinstance(job.error, AuditError)
    assert content(damaged) == before
    assert len(list(session.journal_folder.glob("*.journal.gz"))) == 1


def test_without_a_journal_nothing_is_kept(damaged: Live, catalog: Catalog) -> None:
    settings: Settings = replace(damaged.settings, journal=False)
    session = Session(settings)
    session.open()
    job = finished(session.start(plan_of(damaged, catalog, {Kind.LOST: Repair.CLEAN})))
    assert (job.progress.made, job.progress.journal) == (3, None)
    assert not session.journal_folder.exists()
    assert audit()[-1]["journal"] is None
    session.close()


# Looking at such journals


def test_a_journal_of_repairs_can_be_looked_at(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = repaired(damaged, run_job, catalog, journal_dir, EVERYTHING)
    kept = held(path)
    shown = Catalog()
    job = ended(JournalJob(path, shown), run_job)
    assert job.state is JobState.DONE, job.error
    assert (job.progress.read, job.progress.kept, shown.counts().total) == (len(kept), 0, len(kept))
    for task_id, (copy, _) in kept.items():
        task = job.task(Q, task_id)
        assert dict(task.fields) == dict(zip(copy.fields[::2], copy.fields[1::2], strict=True))
    shown.close()
    assert journal_command.show(path, as_json=False, out=sys.stdout, redaction=Redaction()) == 0
    assert "repair: archive, as of its last failure" in capsys.readouterr().out
    assert journal_command.show(path, as_json=True, out=sys.stdout, redaction=Redaction()) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["outcome"] for one in lines} == {"done"}
    assert len([one for one in lines if not one["fields"]]) == 22
    assert journal_command.journals(journal_dir, as_json=False, out=sys.stdout) == 0
    assert f"{len(kept)} repair: archive, as of its last failure" in capsys.readouterr().out


def test_the_ids_of_ghosts_come_back_where_they_were(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    before = content(damaged)
    path = repaired(damaged, run_job, catalog, journal_dir, {Kind.GHOST: Repair.REMOVE_ID})
    assert content(damaged) != before
    plan, progress = put_back(damaged, run_job, path)
    assert plan.places == {AS_GHOST: 22}
    assert (plan.count, plan.bare, progress.made) == (22, 0, 22)
    assert afterwards(plan) == "Asynq counts 22 ids without data as tasks again"
    pending = prefix(Q) + b"pending"
    assert content(damaged).pop(pending) == [b"gone-waiting", b"husk"], "to a list they come as what is enqueued last"
    before[pending].reverse()
    assert content(damaged) == before
    again, progress = put_back(damaged, run_job, path)
    assert (again.count, again.before) == (0, 22)
    assert content(damaged) == before


def test_an_id_that_is_a_task_of_another_installation_is_left_alone(
    any_server: Live, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    """A fork keeps its data under a prefix, and puts ids of groups into the index without it."""
    any_server.asynq.register(Q)
    for name in (b"theirs", b"gone"):
        put(any_server.asynq, Q, name, "g:daily", NOW)
    any_server.client.hset(b"billing:" + key(Q, "theirs"), mapping={"state": "aggregating", "msg": b"x"})
    for journal_dir in (None, tmp_path):
        catalog.clear()
        plan = plan_of(any_server, catalog, {Kind.GHOST: Repair.REMOVE_ID})
        job = ended(repairing(any_server.connect(), plan, Pace.FULL, journal_dir=journal_dir), run_job)
        assert job.state is JobState.DONE, job.error
        assert job.progress.outcomes[Outcome.OTHER_INSTALLATION] == 1
        assert any_server.client.zrange(prefix(Q) + b"g:daily", 0, -1) == [b"theirs"]


GHOST_PLACES = [
    "pending", "active", "lease", "deadlines", "scheduled", "retry", "archived", "completed", "g:mail", "g:a:b",
    "g:daily:0badcafe", "g:mail:08fc0c65-a65f-4164-8096-40e17c7453d8",
]  # fmt: skip


@pytest.mark.parametrize("place", GHOST_PLACES)
@pytest.mark.parametrize("task_id", [b"gone", b"\xff\x1b\n", b""])
def test_a_removed_id_is_restorable_wherever_it_stood(
    any_server: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str, task_id: bytes
) -> None:
    any_server.asynq.register(Q)
    put(any_server.asynq, Q, task_id, place, NOW - 0.25)
    staged = place in ("g:daily:0badcafe", GHOST_PLACES[-1])
    if place.startswith("g:") and not staged:
        any_server.client.sadd(prefix(Q) + b"groups", place[2:])
    elif place == GHOST_PLACES[-1]:
        any_server.client.zadd(prefix(Q) + b"aggregation_sets", {prefix(Q) + place.encode(): NOW})
    before = content(any_server)
    path = repaired(any_server, run_job, catalog, journal_dir, {Kind.GHOST: Repair.REMOVE_ID})
    assert set(content(any_server)) == {b"asynq:queues"}
    _, progress = put_back(any_server, run_job, path)
    assert progress.outcomes == {Outcome.DONE: 1}
    after = content(any_server)
    index = prefix(Q) + place.encode()
    assert after[index] == before[index]
    if place == GHOST_PLACES[-1]:
        assert any_server.client.zscore(prefix(Q) + b"aggregation_sets", index) is not None, "Asynq reclaims it"
    elif not staged:
        assert after == before


@pytest.mark.parametrize("place", ["pending", "retry"])
def test_an_id_comes_back_only_where_nothing_stands(
    any_server: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str
) -> None:
    any_server.asynq.register(Q)
    for name in ("alive", "moved", "there", "away"):
        put(any_server.asynq, Q, name.encode(), place, NOW)
    path = repaired(any_server, run_job, catalog, journal_dir, {Kind.GHOST: Repair.REMOVE_ID})
    any_server.asynq.add(Q, "alive", "scheduled")
    put(any_server.asynq, Q, b"moved", "archived")
    put(any_server.asynq, Q, b"there", place, NOW)
    plan, progress = put_back(any_server, run_job, path)
    assert (plan.count, plan.there) == (4, 1)
    outcomes = {Outcome.TAKEN: 1, Outcome.ID_IN_USE: 1, Outcome.ALREADY: 1, Outcome.DONE: 1}
    assert progress.outcomes == outcomes
    standing = content(any_server)[prefix(Q) + place.encode()]
    assert {one[0] if isinstance(one, tuple) else one for one in standing} == {b"there", b"away"}
    assert any_server.client.type(key(Q, "moved")) == b"none"


def test_an_id_that_another_server_has_lost_comes_back_once_more(
    any_server: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    any_server.asynq.register(Q)
    for name, place in (("a", "pending"), ("b", "pending"), ("c", "retry"), ("d", "retry")):
        put(any_server.asynq, Q, name.encode(), place, NOW)
    path = repaired(any_server, run_job, catalog, journal_dir, {Kind.GHOST: Repair.REMOVE_ID})
    put_back(any_server, run_job, path)
    any_server.client.lrem(prefix(Q) + b"pending", 0, "a")
    any_server.client.zrem(prefix(Q) + b"retry", "c")
    copies = [copy for copy, _ in held(path).values()]
    with any_server.pipe() as pipe:
        back = dict(zip([copy.id for copy in copies], are_back(pipe, copies), strict=True))
    assert back == {b"a": False, b"b": True, b"c": False, b"d": True}


@pytest.mark.parametrize("target", [Target.RUN, Target.ARCHIVE])
def test_an_id_without_data_cannot_be_run_or_archived(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path, target: Target
) -> None:
    path = repaired(damaged, run_job, catalog, journal_dir, {Kind.GHOST: Repair.REMOVE_ID})
    plan = plan_restore(damaged.connect(), Journal(path), target)
    assert plan.count == 0
    assert notes(plan) == ["22 ids had no task data: there is nothing to restore"]


def test_of_a_foreign_key_only_the_id_is_kept_and_nothing_is_put_back(
    damaged: Live, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    for number in range(3):
        damaged.client.set(key(Q, f"odd-{number}"), b"text" * 100)
    plan = plan_of(damaged, catalog, {Kind.FOREIGN: Repair.DELETE_KEY})
    plan = replace(plan, types=types_of(damaged.connect(), plan.plan))
    damaged.client.delete(key(Q, "odd-1"))
    damaged.asynq.add(Q, "odd-1")
    before = content(damaged)
    job = ended(repairing(damaged.connect(), plan, Pace.FULL, journal_dir=journal_dir), run_job)
    assert (job.state, job.progress.made, job.progress.changed) == (JobState.DONE, 2, 1)
    after = content(damaged)
    assert after == {one: value for one, value in before.items() if one not in (key(Q, "odd-0"), key(Q, "odd-2"))}
    path = job.progress.journal
    assert {one: (copy.fields, digit) for one, (copy, digit) in held(path).items()} == {
        b"odd-0": ([], "1"), b"odd-1": ([], "a"), b"odd-2": ([], "1"),
    }  # fmt: skip
    restored, progress = put_back(damaged, run_job, path)
    assert (restored.count, restored.bare, progress.made) == (0, 3, 0)
    assert content(damaged) == after
