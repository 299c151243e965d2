"""Archived tasks run again: real workers take each exactly once, and what they have not taken can be recalled."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from support.oracle import findings

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.runs import RunMode
from archive_tui.store.write.restore import Target

from .account import Account
from .cleaner import Cleaner, everything
from .planting import QUEUE
from .program import Asynq, wait_until

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

PREFIX = f"asynq:{{{QUEUE}}}:"
COUNT = 12


def ids(count: int = COUNT) -> list[str]:
    return [f"aa-{number:06}" for number in range(count)]


def use_up_retries(client: redis.Redis, task_ids: Iterable[str]) -> None:
    """Let tasks have failed as often as they may."""
    for task_id in task_ids:
        message = TaskMessage.FromString(client.hget(f"{PREFIX}t:{task_id}", "msg"))
        message.retried = message.retry
        client.hset(f"{PREFIX}t:{task_id}", "msg", message.SerializeToString())


@pytest.fixture
def archived(asynq: Asynq, client: redis.Redis) -> Asynq:
    """Tasks that an inspector has archived, without retries left."""
    asynq("archive-all", queue=QUEUE, tasks=COUNT)
    use_up_retries(client, ids())
    return asynq


def state(client: redis.Redis, task_id: str) -> bytes | None:
    found: bytes | None = client.hget(f"{PREFIX}t:{task_id}", "state")
    return found


def in_archive(client: redis.Redis) -> set[str]:
    return {one.decode() for one in client.zrange(f"{PREFIX}archived", 0, -1)}


def work(asynq: Asynq, **flags: object) -> Account:
    """Let workers succeed with whatever comes due, by Asynq's own doing."""
    return Account(asynq("process", queue=QUEUE, **flags))


def once_each(account: Account, wanted: Iterable[str]) -> bool:
    return dict(account["processed"]) == {(QUEUE, task_id): 1 for task_id in wanted}


def test_a_worker_runs_each_once(archived: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    assert cleaner.run(QUEUE, RunMode()).made == COUNT
    assert once_each(work(archived), ids())
    assert not client.keys(f"{PREFIX}t:*")
    assert not findings(client)


def test_what_fails_its_one_attempt_is_archived_again(archived: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    cleaner.run(QUEUE, RunMode())
    assert not work(archived, fail_first=True)["processed"]
    assert in_archive(client) == set(ids())
    assert not findings(client)


def test_with_retries_reset_it_fails_and_comes_back(archived: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    cleaner.run(QUEUE, RunMode(afresh=True))
    assert once_each(work(archived, fail_first=True), ids())
    assert not in_archive(client)


@pytest.mark.parametrize(
    "mode", [RunMode(delay=1), RunMode(per_second=8), RunMode(afresh=True, delay=1, per_second=20)]
)
def test_asynq_itself_begins_what_is_due(archived: Asynq, cleaner: Cleaner, client: redis.Redis, mode: RunMode) -> None:
    cleaner.run(QUEUE, mode)
    assert {state(client, task_id) for task_id in ids()} == {b"scheduled"}
    assert archived("check", queue=QUEUE)["listed"]["scheduled"] == COUNT
    assert once_each(work(archived), ids())
    assert not findings(client)


@pytest.mark.parametrize("mode", [RunMode(), RunMode(afresh=True), RunMode(delay=1)])
def test_a_task_from_a_group_runs_alone_and_is_not_lost_when_it_fails(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, mode: RunMode
) -> None:
    """With Asynq's own Run it would be: the group that it returns to is named nowhere."""
    asynq("archive-all", queue=QUEUE, tasks=3, **{"from": "aggregating"})
    members = [one.decode().rpartition(":")[2] for one in client.keys(f"{PREFIX}t:*")]
    assert {client.hexists(f"{PREFIX}t:{one}", "group") for one in members} == {True}
    cleaner.run(QUEUE, mode)
    assert once_each(work(asynq, fail_first=True), members)
    assert not findings(client)


def test_the_latency_of_the_queue_is_known(archived: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    cleaner.run(QUEUE, RunMode())
    assert all(client.hget(f"{PREFIX}t:{task_id}", "pending_since").isdigit() for task_id in ids())
    assert archived("check", queue=QUEUE)["sizes"]["pending"] == COUNT


@pytest.mark.parametrize("mode", [RunMode(), RunMode(afresh=True, delay=3600)])
def test_what_was_recalled_does_not_run_and_can_be_run_again(
    archived: Asynq, cleaner: Cleaner, client: redis.Redis, mode: RunMode, tmp_path: Path
) -> None:
    before = {task_id: client.hgetall(f"{PREFIX}t:{task_id}") for task_id in ids()}
    progress = cleaner.run(QUEUE, mode, tmp_path)
    assert progress.journal is not None
    assert cleaner.restore(progress.journal).made == COUNT
    assert {task_id: client.hgetall(f"{PREFIX}t:{task_id}") for task_id in ids()} == before
    assert not work(archived)["processed"]
    archived("run-archived", queue=QUEUE, id=ids()[0])
    cleaner.run(QUEUE, RunMode())
    assert once_each(work(archived), ids())


def test_a_recall_among_workers_neither_loses_nor_repeats(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    count = 3_000
    asynq("archive-all", queue=QUEUE, tasks=count)
    progress = cleaner.run(QUEUE, RunMode(), tmp_path)
    assert progress.journal is not None
    recall = cleaner.restoring(progress.journal)
    recall.pause()
    recall.start()
    with ThreadPoolExecutor(1) as elsewhere:
        working = elsewhere.submit(work, asynq, concurrency=2)
        wait_until(lambda: client.llen(f"{PREFIX}pending") < count, "the workers to be busy")
        recall.resume()
        assert recall.wait(60)
        assert recall.error is None
        recalled = recall.progress
        done = working.result()
    back = in_archive(client)
    ran = {task_id for _, task_id in done["processed"]}
    assert ran | back == set(ids(count))
    assert not ran & back
    assert set(done["processed"].values()) == {1}
    assert recalled.outcomes.get(Outcome.DONE) == len(back) > 0
    assert sum(recalled.outcomes.values()) == count
    assert not findings(client)


@pytest.mark.parametrize("how", ["repair", "restore"])
def test_a_lost_or_deleted_task_from_a_group_is_not_lost_when_it_fails_either(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, how: str, tmp_path: Path
) -> None:
    asynq("archive-all", queue=QUEUE, tasks=3, **{"from": "aggregating"})
    members = in_archive(client)
    if how == "repair":
        client.delete(f"{PREFIX}archived")
        assert cleaner.repair(Repair.RUN_AFRESH).made == 3
    else:
        deleted = cleaner.delete(everything(cleaner.list_archive(QUEUE)), journal_dir=tmp_path)
        assert deleted.journal is not None
        assert cleaner.restore(deleted.journal, Target.RUN).made == 3
    assert once_each(work(asynq, fail_first=True), members)
    assert not findings(client)


def test_an_edited_task_holds_the_lock_that_asynq_gives_its_payload(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    """Asynq refuses the same work as it is now, takes the work as it was, and releases the lock when it is done."""
    us, eu = ({"type": "mail", "payload": f'{{"region":"{region}"}}', "unique": "1h"} for region in ("us", "eu"))
    assert asynq("enqueue", queue=QUEUE, id="one", **us)["accepted"]
    asynq("archive", queue=QUEUE, id="one")
    edited = cleaner.edit(QUEUE, 'payload.region="eu"', tmp_path)
    assert edited.made == 1
    assert asynq("enqueue", queue=QUEUE, id="two", **eu)["conflict"]
    assert asynq("enqueue", queue=QUEUE, id="three", **us)["accepted"]
    asynq("delete", queue=QUEUE, id="three")
    assert edited.journal is not None
    assert cleaner.restore(edited.journal).made == 1
    assert asynq("enqueue", queue=QUEUE, id="two", **us)["conflict"]
    cleaner.edit(QUEUE, 'payload.region="eu"')
    assert once_each(work(asynq), ["one"])
    assert not client.keys(f"{PREFIX}unique:*")
    assert not findings(client)
