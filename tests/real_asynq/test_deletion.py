"""After a deletion Asynq goes on as if the task had never been; what Asynq does before it comes first."""

import json
from pathlib import Path

import pytest
import redis

from archive_tui.asynq.outcomes import Outcome
from archive_tui.jobs.progress import ChangeProgress

from .cleaner import Cleaner, chosen, everything, refs, rows
from .dump import Dump
from .program import Asynq

pytestmark = pytest.mark.asynq

QUEUE = "default"
OVERFLOWING = 10_050
ORPHANS = [f"aa-{number:06}" for number in range(OVERFLOWING - 9_999)]
PLANNED = [f"aa-{number:06}" for number in range(60)]
LOCKED = "email:welcome"


def payload(number: int) -> str:
    """The payload of a sample task; every tenth task holds a unique lock for it."""
    return json.dumps(
        {"n": number, "tags": ["sample", "aa"], "user": f"user-{number}@example.test"}, separators=(",", ":")
    )


def skipped(done: ChangeProgress) -> dict[str, Outcome]:
    """Why which tasks were left alone."""
    return {one.id.decode(): one.outcome for one in done.examples}


@pytest.fixture
def overflowed(asynq: Asynq) -> Asynq:
    """An archive that was overflowed by an inspector, which leaves the same orphans in every version."""
    asynq("archive-all", queue=QUEUE, tasks=OVERFLOWING)
    return asynq


def test_deleting_an_orphan_frees_its_id_and_its_lock(overflowed: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    def enqueue(**flags: object) -> bool:
        answer = overflowed("enqueue", queue=QUEUE, **flags)
        assert answer["accepted"] is not answer["conflict"]
        return bool(answer["accepted"])

    by_id, by_lock = {"type": "report:build", "id": ORPHANS[3]}, {"type": LOCKED, "unique": "60s"}
    assert not enqueue(**by_id)
    assert not enqueue(**by_lock, payload=payload(0))
    lock = client.hget(f"asynq:{{{QUEUE}}}:t:{ORPHANS[40]}", "unique_key")
    client.delete(lock)  # it has run out
    assert enqueue(**by_lock, payload=payload(40))

    done = cleaner.delete(everything(cleaner.scan()))
    assert (done.made, done.unlocked) == (len(ORPHANS), 5)
    assert enqueue(**by_id)
    assert enqueue(**by_lock, payload=payload(0))
    assert not enqueue(**by_lock, payload=payload(40)), "the lock has passed to another task"
    assert not enqueue(**by_lock, payload=payload(60)), "the task that holds the lock is in the archive"
    assert overflowed("check", queue=QUEUE)["sizes"]["archived"] == 9_999
    assert overflowed.process(QUEUE)["processed"].total() == 3


def test_deleting_a_grouped_task_frees_the_lock_that_its_message_names(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    """With Group and Unique every version leaves the lock's name out of the hash."""
    unique: dict[str, object] = {"queue": QUEUE, "type": "digest", "payload": "x", "group": "mail", "unique": "1h"}
    for journal_dir in (None, tmp_path):
        assert asynq("enqueue", id="grouped", **unique)["accepted"]
        assert client.hget(f"asynq:{{{QUEUE}}}:t:grouped", "unique_key") is None
        asynq("archive", queue=QUEUE, id="grouped")
        assert asynq("enqueue", **unique)["conflict"]
        done = cleaner.delete(everything(cleaner.list_archive(QUEUE)), journal_dir=journal_dir)
        assert (done.made, done.unlocked) == (1, 1)
        assert not client.keys("asynq:*:unique:*")
    assert asynq("enqueue", **unique)["accepted"]


def test_orphan_whose_id_was_taken_by_a_new_task_is_left_alone(
    overflowed: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    """Somebody else deletes two orphans between plan and deletion; Asynq then accepts their ids for new tasks."""
    plan = everything(cleaner.scan())
    overflowed("delete", queue=QUEUE, id=f"aa-{OVERFLOWING - 1:06}")  # makes room in the archive for another
    for task_id in ORPHANS[1:3]:
        client.delete(f"asynq:{{{QUEUE}}}:t:{task_id}")
        assert overflowed("enqueue", queue=QUEUE, type="report:build", id=task_id)["accepted"]
    overflowed("archive", queue=QUEUE, id=ORPHANS[2])
    done = cleaner.delete(plan)
    assert done.made == len(ORPHANS) - 2
    assert skipped(done) == {
        ORPHANS[1]: Outcome.STATE_CHANGED,
        ORPHANS[2]: Outcome.MESSAGE_CHANGED,
    }
    assert set(overflowed.process(QUEUE)["processed"]) == {(QUEUE, ORPHANS[1])}
    dump = Dump.of(client)
    assert dump.stands_in((QUEUE, ORPHANS[2])) == ["archived"]
    assert refs(cleaner.scan()) == dump.orphans == set()


def test_deleting_from_the_archive_removes_exactly_the_chosen(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    asynq("archive-all", queue=QUEUE, tasks=1_500)
    asynq("archive-all", queue="other", tasks=30)
    before = Dump.of(client)
    catalog = cleaner.list_archive(QUEUE)
    assert refs(catalog) == {ref for ref in before.tasks if ref[0] == QUEUE}
    wanted = {(QUEUE, f"aa-{number:06}") for number in range(0, 1_500, 4)}
    done = cleaner.delete(chosen(catalog, wanted))
    assert done.made == len(wanted)
    assert Dump.of(client).contents == before.without(wanted)
    assert refs(catalog) == {ref for ref in before.tasks if ref[0] == QUEUE} - wanted
    assert asynq("check", queue=QUEUE)["sizes"]["archived"] == 1_500 - len(wanted)


def test_what_asynq_does_between_plan_and_deletion_comes_first(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    asynq("archive-all", queue=QUEUE, tasks=8)
    plan = everything(cleaner.list_archive(QUEUE))
    run, run_and_back, deleted, replaced, replaced_in_archive = (f"aa-{number:06}" for number in range(1, 6))
    for task_id in (run, run_and_back):
        asynq("run-archived", queue=QUEUE, id=task_id)
    for task_id in (deleted, replaced, replaced_in_archive):
        asynq("delete", queue=QUEUE, id=task_id)
    for task_id in (replaced, replaced_in_archive):
        assert asynq("enqueue", queue=QUEUE, type="report:build", id=task_id)["accepted"]
    for task_id in (run_and_back, replaced_in_archive):
        asynq("archive", queue=QUEUE, id=task_id)

    done = cleaner.delete(plan)
    # A task that was run and archived again before any worker saw it is the same task in the same place.
    assert (done.made, done.needless) == (4, 1)
    assert skipped(done) == {
        run: Outcome.STATE_CHANGED,
        replaced: Outcome.STATE_CHANGED,
        replaced_in_archive: Outcome.MESSAGE_CHANGED,
    }
    assert set(asynq.process(QUEUE)["processed"]) == {(QUEUE, run), (QUEUE, replaced)}
    dump = Dump.of(client)
    assert set(dump.tasks) == {(QUEUE, replaced_in_archive)}
    assert dump.stands_in((QUEUE, replaced_in_archive)) == ["archived"]
    assert not rows(cleaner.scan())


def test_what_was_pushed_out_of_the_archive_is_left_to_the_scan(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    """The archive overflows between plan and deletion, so that most of the plan is no longer in it."""
    asynq("archive-all", queue=QUEUE, tasks=9_990)
    catalog = cleaner.list_archive(QUEUE)
    plan = chosen(catalog, {(QUEUE, task_id) for task_id in PLANNED})
    asynq("archive-all", queue=QUEUE, tasks=60, prefix="newer")
    done = cleaner.delete(plan)
    assert skipped(done) == dict.fromkeys(ORPHANS, Outcome.NOT_IN_INDEX)
    assert done.made == len(PLANNED) - len(ORPHANS)
    assert refs(cleaner.scan()) == Dump.of(client).orphans == {(QUEUE, task_id) for task_id in ORPHANS}
    assert asynq("check", queue=QUEUE)["sizes"]["archived"] == 9_999 - done.made


def test_leftover_queue_that_is_used_again_is_left_alone(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """With the queue registered again, its completed tasks are results that Asynq keeps and will expire."""
    asynq("delete-queue", queue=QUEUE, completed=20)
    plan = everything(cleaner.scan())
    assert plan.count == 20
    assert asynq("enqueue", queue=QUEUE, type="report:build", id="new")["accepted"]
    done = cleaner.delete(plan)
    assert done.outcomes == {Outcome.QUEUE_AWAKE: 20}
    assert set(asynq.process(QUEUE)["processed"]) == {(QUEUE, "new")}
    assert len(Dump.of(client).indexes[QUEUE]["completed"]) == 20
    assert not rows(cleaner.scan())
