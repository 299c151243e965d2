"""Schedulers of real Asynq: the history that they leave is found when they are dead, and never while they live."""

from pathlib import Path

import pytest
import redis
from support.oracle import findings

from archive_tui.asynq.schedulers import GRACE

from .cleaner import Cleaner
from .planting import QUEUE
from .program import Asynq, wait_until

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

SCHEDULERS = "asynq:schedulers"
HOUR_AND_A_BIT = GRACE + 60


def key(entry: str) -> str:
    return f"asynq:scheduler_history:{entry}"


def histories(client: redis.Redis) -> set[str]:
    """The entries that have a history."""
    return {name.decode().rpartition(":")[2] for name in client.keys("asynq:scheduler_history:*")}


def let_time_pass(client: redis.Redis, *also: str) -> None:
    """As if all events so far, and the scores in these sets, were more than an hour older."""
    for name in (*client.keys("asynq:scheduler_history:*"), *also):
        for member, score in client.zrange(name, 0, -1, withscores=True):
            client.zadd(name, {member: score - HOUR_AND_A_BIT}, xx=True)


def listed(client: redis.Redis) -> list[bytes]:
    """The keys of the lists that are there."""
    return list(client.keys("asynq:schedulers:*"))


def test_a_killed_scheduler_leaves_histories_and_a_living_one_is_left_alone(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    with asynq.scheduler(tmp_path / "killed", queue=QUEUE, entries=2) as killed:
        wait_until(lambda: histories(client) == set(killed.entries), "both entries to enqueue")
        assert not cleaner.findings(), "before its first heartbeat, or just after it"
        wait_until(lambda: listed(client), "its first heartbeat")
        let_time_pass(client)
        assert not cleaner.findings(), "while it lives"
        killed.kill()
        let_time_pass(client)
        assert not cleaner.findings(), "while its list stands"
        wait_until(lambda: not listed(client), "the end of its list")
        assert not cleaner.findings(), "for an hour after that"
        let_time_pass(client, SCHEDULERS)
    with asynq.scheduler(tmp_path / "living", queue=QUEUE, entries=1) as living:
        assert not set(living.entries) & set(killed.entries), "a new start, new entries"
        wait_until(lambda: histories(client) > set(killed.entries), "an event of the living one")
        wait_until(lambda: _lists(client, living.entries[0]), "the list of the living one alone")
        let_time_pass(client)
        found = cleaner.findings()
        assert found == {("", entry.encode()): ("stale-history", "") for entry in killed.entries}
        assert found == findings(client)
        before = {entry: client.dump(key(entry)) for entry in killed.entries}
        journal = cleaner.delete_histories(tmp_path / "journal", deleted=2)
        assert histories(client) == set(living.entries)
        events = client.zcard(key(living.entries[0]))
        wait_until(lambda: client.zcard(key(living.entries[0])) > events, "the living one to go on")
    assert cleaner.restore(journal).made == 2
    assert {entry: client.dump(key(entry)) for entry in killed.entries} == before


def _lists(client: redis.Redis, entry: str) -> bool:
    lists = [client.lrange(name, 0, -1) for name in listed(client)]
    return len(lists) == 1 and any(entry.encode() in one for one in lists[0])


def test_a_scheduler_that_is_stopped_leaves_nothing(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    with asynq.scheduler(tmp_path / "one", queue=QUEUE, entries=2) as scheduler:
        wait_until(lambda: histories(client) == set(scheduler.entries), "both entries to enqueue")
        wait_until(lambda: listed(client), "its first heartbeat")
        scheduler.stop()
    assert not histories(client)
    assert not client.exists(SCHEDULERS)
    assert not cleaner.findings()


def test_an_entry_that_is_unregistered_leaves_its_history(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    """Also when the scheduler itself is stopped in good order later on."""
    with asynq.scheduler(tmp_path / "one", queue=QUEUE, entries=2) as scheduler:
        gone, kept = scheduler.entries
        wait_until(lambda: histories(client) == {gone, kept}, "both entries to enqueue")
        scheduler.unregister()
        wait_until(lambda: _lists(client, kept) and not _lists(client, gone), "a heartbeat without it")
        let_time_pass(client)
        assert cleaner.findings() == {("", gone.encode()): ("stale-history", "")}
        scheduler.stop()
    assert histories(client) == {gone}
    assert cleaner.findings() == {("", gone.encode()): ("stale-history", "")}
