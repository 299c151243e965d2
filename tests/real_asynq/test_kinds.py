"""Every kind of damage: done by real Asynq, and found exactly."""

import pytest
import redis
from support.oracle import findings

from archive_tui.asynq.repairs import Repair

from .cleaner import Cleaner
from .planting import GHOSTS, QUEUE, Found, lose_data, lose_group, stick
from .program import Asynq

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

DAY = 86_400


def told(cleaner: Cleaner, *queues: str) -> Found:
    """What archive_tui finds."""
    return cleaner.findings(*queues)


def counted(found: Found) -> dict[str, int]:
    """How often each kind was found."""
    kinds = [kind for kind, _ in found.values()]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def test_archive_that_is_stuck(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """From 8,000 ids on, Asynq 0.25 and newer archives no more."""
    stick(asynq, client)
    found = told(cleaner)
    assert found == findings(client)
    if asynq.forgets_what_workers_trim:
        assert counted(found) == {"orphan-archived": GHOSTS}, "0.24 forgets the ids and leaves the data"
    else:
        assert counted(found) == {"ghost": GHOSTS, "mismatch": 20}


def test_run_all_over_ghosts_makes_husks_on_which_workers_choke(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    asynq("archive-all", queue=QUEUE, tasks=30)
    lose_data(client, 2)
    assert counted(told(cleaner)) == {"ghost": 2}
    assert told(cleaner) == findings(client)
    asynq("run-all", queue=QUEUE)
    assert counted(told(cleaner)) == {"husk": 2}
    assert told(cleaner) == findings(client)
    asynq("work-pending", queue=QUEUE)  # each holds a worker up for a second
    found = told(cleaner)
    assert found == findings(client)
    assert set(found.values()) == {("husk", "active")}


def test_queue_that_was_deleted_by_force(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    asynq("delete-queue", queue=QUEUE, completed=20, aggregating=5)
    found = told(cleaner)
    assert found == findings(client)
    assert counted(found) == {"orphan-completed": 20}


def test_grouped_task_that_comes_back_from_retry(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """`RunTask` takes the name of the emptied group away; the forwarder puts the id back without the name."""
    lose_group(asynq)
    found = told(cleaner)
    assert found == findings(client)
    assert found == {(QUEUE, b"x"): ("lost", "g:mail")}
    asynq("enqueue", queue=QUEUE, type="mail", id="y", group="mail")
    assert not told(cleaner), "the next task of the group heals it"


def test_lock_of_a_deleted_grouped_task_is_stale(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """`DeleteTask` releases the lock that the hash names, and of a grouped task only the message names it."""
    asynq("enqueue", queue=QUEUE, type="mail", id="x", group="mail", unique="1h")
    assert not cleaner.findings(locks=True)
    asynq("delete", queue=QUEUE, id="x")
    (((queue, lock), found),) = cleaner.findings(locks=True).items()
    assert (queue, found) == (QUEUE, ("stale-lock", ""))
    assert client.get(lock) == b"x"
    assert not asynq("enqueue", queue=QUEUE, type="mail", group="mail", unique="1h")["accepted"]
    assert cleaner.repair(Repair.RELEASE, locks=True).made == 1
    assert asynq("enqueue", queue=QUEUE, type="mail", group="mail", unique="1h")["accepted"]


def test_script_that_was_cut_off_half_way(asynq: Asynq, cleaner: Cleaner, client: redis.Redis) -> None:
    """What Asynq's scripts write first, without what they write last: a crash, or a Redis before 6.2."""
    asynq("archive-all", queue=QUEUE, tasks=10)
    for number, state in enumerate(["pending", "active", "scheduled", "retry", "aggregating", "completed"]):
        task_id = f"aa-{number:06}"
        client.zrem(f"asynq:{{{QUEUE}}}:archived", task_id)
        client.hset(f"asynq:{{{QUEUE}}}:t:{task_id}", mapping={"state": state, "group": "g"})
    found = told(cleaner)
    assert found == findings(client)
    assert counted(found) == {"lost": 5, "orphan-completed": 1}
