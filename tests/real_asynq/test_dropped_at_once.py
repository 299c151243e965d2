"""A task that a full archive has no room for loses its id as it is archived, and Asynq then writes its data again."""

import time

import pytest
import redis

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.limits import CAP

from .cleaner import Cleaner, rows
from .dump import Dump
from .program import Asynq

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

TASKS = 7


def test_what_is_the_oldest_of_a_full_archive_at_once_is_an_orphan(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis
) -> None:
    """The worker's clock is behind, or the whole archive was filled in one second. Asynq 0.25 and newer deletes data
    that it drops, and afterwards writes state and message of the task that it archives.
    """
    soon = int(time.time()) + 3_600
    client.sadd("asynq:queues", "q")
    ids = [f"id-{number:05}" for number in range(CAP)]
    client.zadd("asynq:{q}:archived", dict.fromkeys(ids, soon))
    pipe = client.pipeline(transaction=False)
    for one in ids:
        pipe.hset(f"asynq:{{q}}:t:{one}", mapping={"msg": b"\x0a\x01t\x1a\x08" + one.encode(), "state": "archived"})
    pipe.execute()
    asynq("worker-trim", queue="q", tasks=TASKS)
    assert client.zcard("asynq:{q}:archived") == CAP
    found = [row for row in rows(cleaner.scan()) if row.kind is Kind.ORPHAN_ARCHIVED]
    assert len(found) == TASKS
    assert {(row.queue, row.id.decode()) for row in found} == Dump.of(client).orphans
