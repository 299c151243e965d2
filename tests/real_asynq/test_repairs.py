"""What archive_tui has set right, real Asynq works on again as if nothing had been."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import redis
from support.oracle import findings

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.repairs import Repair
from archive_tui.jobs.progress import ChangeProgress

from .cleaner import Cleaner
from .planting import GHOSTS, QUEUE, age, lose_data, lose_group, stick
from .program import VERSIONS, Asynq

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

CAP = 9_999
ORPHANS = [f"aa-{number:06}" for number in range(11)]
PREFIX = f"asynq:{{{QUEUE}}}:"


def repaired(progress: ChangeProgress) -> int:
    """How many were set right, where nothing was left alone."""
    assert not progress.in_part, progress
    return progress.made


def state(client: redis.Redis, task_id: str) -> bytes | None:
    found: bytes | None = client.hget(f"{PREFIX}t:{task_id}", "state")
    return found


def retried(client: redis.Redis, task_ids: Iterable[str], times: int) -> None:
    """Let tasks have failed so many times before, as their messages tell it."""
    for task_id in task_ids:
        message = TaskMessage.FromString(client.hget(f"{PREFIX}t:{task_id}", "msg"))
        message.retried = times
        client.hset(f"{PREFIX}t:{task_id}", "msg", message.SerializeToString())


@pytest.fixture
def overflowed(asynq: Asynq) -> Asynq:
    """An archive that an inspector has overflowed: the same orphans in every version."""
    asynq("archive-all", queue=QUEUE, tasks=CAP + len(ORPHANS))
    return asynq


@pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session")
def test_orphans_put_back_are_listed_and_can_be_run_and_deleted(
    overflowed: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    for number in range(20):  # makes room
        overflowed("delete", queue=QUEUE, id=f"aa-{100 + number:06}")
    assert repaired(cleaner.repair(Repair.ARCHIVE)) == len(ORPHANS)
    assert not findings(client)
    assert overflowed("check", queue=QUEUE)["sizes"]["archived"] == CAP - 20 + len(ORPHANS)
    overflowed("run-archived", queue=QUEUE, id=ORPHANS[0])
    assert state(client, ORPHANS[0]) == b"pending"
    overflowed("delete", queue=QUEUE, id=ORPHANS[1])
    assert state(client, ORPHANS[1]) is None
    assert overflowed.process(QUEUE)["processed"].total() == 1


@pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session")
def test_orphans_run_once_get_one_attempt_and_those_run_afresh_all_of_them(
    overflowed: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    once, afresh = ORPHANS[:5], ORPHANS[5:]
    retried(client, ORPHANS, 25)
    assert repaired(cleaner.repair(Repair.RUN, ids=once)) == len(once)
    assert repaired(cleaner.repair(Repair.RUN_AFRESH, ids=afresh)) == len(afresh)
    assert not findings(client)
    done = overflowed("process", queue=QUEUE, fail_first=True, run_delayed=True)
    assert {one["id"] for one in done["processed"]} == set(afresh)
    assert {state(client, task_id) for task_id in once} == {b"archived"}
    assert not any(client.exists(f"{PREFIX}t:{task_id}") for task_id in afresh)


@pytest.mark.parametrize("how", [Repair.RUN, Repair.RUN_AFRESH])
@pytest.mark.parametrize("lost", ["pending", "active", "scheduled", "retry", "aggregating"])
def test_lost_tasks_run_again(asynq: Asynq, cleaner: Cleaner, client: redis.Redis, lost: str, how: Repair) -> None:
    asynq("archive-all", queue=QUEUE, tasks=5)
    client.delete(f"{PREFIX}archived")
    for number in range(5):
        client.hset(f"{PREFIX}t:aa-{number:06}", mapping={"state": lost})
    assert {kind for kind, _ in cleaner.findings().values()} == {"lost"}
    assert repaired(cleaner.repair(how)) == 5
    assert asynq.process(QUEUE)["processed"].total() == 5
    assert not client.keys(f"{PREFIX}t:*")


def test_a_group_that_is_named_again_is_aggregated_again(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    lose_group(asynq)
    assert asynq("check", queue=QUEUE)["groups"] == {}
    assert repaired(cleaner.repair(Repair.FOLLOW_STATE)) == 1
    assert not findings(client)
    assert asynq("check", queue=QUEUE)["groups"] == {"mail": 1}


@pytest.mark.parametrize("how", [Repair.RUN, Repair.FOLLOW_STATE])
def test_active_tasks_without_a_lease_get_on(asynq: Asynq, cleaner: Cleaner, client: redis.Redis, how: Repair) -> None:
    """Left alone, no worker of the library ever takes them."""
    asynq("archive-all", queue=QUEUE, tasks=5)
    for number in range(5):
        task_id = f"aa-{number:06}"
        client.zrem(f"{PREFIX}archived", task_id)
        client.hset(f"{PREFIX}t:{task_id}", "state", "active")
        client.lpush(f"{PREFIX}active", task_id)
    asynq("work-pending", queue=QUEUE)
    assert set(cleaner.findings().values()) == {("lost", "active")}
    assert repaired(cleaner.repair(how)) == 5
    assert not findings(client)
    for task_id, _ in client.zscan_iter(f"{PREFIX}lease"):
        client.zadd(f"{PREFIX}lease", {task_id: 1})  # half a minute has passed
    assert asynq("process", queue=QUEUE, run_delayed=True)["counts"]["processed"] == 5
    assert not client.keys(f"{PREFIX}t:*")


def test_ghosts_removed_let_all_be_run(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    asynq("archive-all", queue=QUEUE, tasks=30)
    lose_data(client, 10)
    assert repaired(cleaner.repair(Repair.REMOVE_ID)) == 10
    assert asynq("run-all", queue=QUEUE)["moved"] == 20
    assert asynq.process(QUEUE)["processed"].total() == 20
    assert not findings(client)


def test_husks_that_workers_choked_on_are_cleaned_up(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    asynq("archive-all", queue=QUEUE, tasks=10)
    lost = lose_data(client, 2)
    asynq("run-all", queue=QUEUE)
    asynq("work-pending", queue=QUEUE)
    assert repaired(cleaner.repair(Repair.CLEAN)) == 2
    assert not findings(client)
    assert not client.exists(f"{PREFIX}active", f"{PREFIX}lease")
    assert asynq("enqueue", queue=QUEUE, type="report:build", id=lost[0])["accepted"], "the id is free again"


def test_stuck_archive_is_mended(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """Afterwards Asynq archives again, and its tools work on what was stuck."""
    if asynq.forgets_what_workers_trim:
        pytest.skip("Asynq 0.24 does not get stuck: it removes the ids by their score")
    stick(asynq, client, failing=20)
    assert cleaner.forecast(QUEUE).stuck
    with pytest.raises(AssertionError, match="attempt to perform arithmetic"):
        asynq("check", queue=QUEUE)
    assert repaired(cleaner.repair(Repair.REMOVE_ID)) == GHOSTS
    assert not cleaner.forecast(QUEUE).stuck
    assert repaired(cleaner.repair(Repair.FOLLOW_INDEX)) == 20
    assert not findings(client)

    asynq("fail", queue=QUEUE, tasks=5, prefix="later")
    assert {state(client, f"later-{number:06}") for number in range(5)} == {b"archived"}
    assert asynq("check", queue=QUEUE)["sizes"]["archived"] == 25
    asynq("run-archived", queue=QUEUE, id="ff-000000")
    asynq("delete", queue=QUEUE, id="ff-000001")
    assert asynq.process(QUEUE)["processed"].total() == 1
    assert asynq("check", queue=QUEUE)["sizes"]["archived"] == 23
    assert not findings(client)


@pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session")
@pytest.mark.parametrize("how", [Repair.RUN, Repair.FOLLOW_STATE])
def test_tasks_stuck_in_the_archive_get_on(asynq: Asynq, cleaner: Cleaner, client: redis.Redis, how: Repair) -> None:
    """Instead of being archived they may be run, or left to Asynq as tasks of a worker that died."""
    asynq("archive-all", queue=QUEUE, tasks=5)
    for number in range(5):
        client.hset(f"{PREFIX}t:aa-{number:06}", "state", "active")
    assert {kind for kind, _ in cleaner.findings().values()} == {"mismatch"}
    assert repaired(cleaner.repair(how)) == 5
    if how is Repair.RUN:
        assert asynq.process(QUEUE)["processed"].total() == 5
    else:
        assert not findings(client)
        client.zadd(f"{PREFIX}lease", {f"aa-{number:06}": 1 for number in range(5)})  # half a minute has passed
        assert asynq("process", queue=QUEUE, run_delayed=True)["counts"]["processed"] == 5


@pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session")
def test_leftover_queue_registered_again_expires(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    asynq("delete-queue", queue=QUEUE, completed=20)
    assert {kind for kind, _ in cleaner.findings().values()} == {Kind.ORPHAN_COMPLETED}
    assert cleaner.register(QUEUE)
    assert not cleaner.findings()
    assert asynq("check", queue=QUEUE)["sizes"]["completed"] == 20


def test_cleaned_up_queue_comes_back_with_its_groups(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    """Restored grouped tasks are lost ones, which no worker takes; set right, they stand in their group as Asynq sees
    it.
    """
    asynq("delete-queue", queue=QUEUE, completed=20, aggregating=5)
    journal = cleaner.clean_up(QUEUE, tmp_path / "journal")
    assert not client.keys(f"{PREFIX}*")
    assert cleaner.restore(journal).made == 25
    assert cleaner.register(QUEUE)
    assert set(cleaner.findings().values()) == {(Kind.LOST, "")}
    assert repaired(cleaner.repair(Repair.FOLLOW_STATE)) == 5
    assert not findings(client)
    seen = asynq("check", queue=QUEUE)
    assert (seen["sizes"]["completed"], seen["sizes"]["aggregating"]) == (20, 5)
    assert sum(seen["groups"].values()) == 5


@pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session")
def test_orphans_archived_as_of_now_are_the_newest(overflowed: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """The archive is full: it is the oldest that Asynq then pushes out, and not those that were put back."""
    age(client, days=1)  # within one second, the lowest ids are the oldest
    assert repaired(cleaner.repair(Repair.ARCHIVE_NOW)) == len(ORPHANS)
    overflowed("fail", queue=QUEUE, tasks=1)
    archived = {one.decode() for one in client.zrange(f"{PREFIX}archived", 0, -1)}
    assert len(archived) == CAP
    assert archived >= {*ORPHANS, "ff-000000"}
