"""What Asynq's schedulers write: lists of entries at each heartbeat, and histories of what they enqueued."""

import time
from collections.abc import Sequence

import redis

from support.asynq_data import event, history_key

DEAD, OTHER, ALIVE = (f"{digit * 8}-1111-4222-8333-444444444444" for digit in "abc")
"""Ids of entries."""

HOUR = 3_600.0


def enqueue(client: redis.Redis, entry: str, *ages: float) -> bytes:
    """Let a scheduler enqueue a task of an entry so many seconds ago, once for each; returns the key."""
    now = time.time()
    key = history_key(entry)
    client.zadd(key, {event(f"{entry[:4]}-{age:g}", now - age): int(now - age) for age in ages})
    return key


def beat(client: redis.Redis, entries: Sequence[str], scheduler: str = "host:1:one", ttl: float = 20) -> None:
    """Let a scheduler list its entries for so many seconds, as `WriteSchedulerEntries` of 0.26.0."""
    key = f"asynq:schedulers:{{{scheduler}}}"
    client.zadd("asynq:schedulers", {key: int(time.time() + ttl)})
    client.delete(key)
    for entry in entries:
        client.lpush(key, b"\x0a\x24" + entry.encode() + b"\x12\x09@every 1s")
    client.pexpire(key, max(1, int(ttl * 1000)))


def vanish(client: redis.Redis, ago: float, scheduler: str = "host:2:two") -> None:
    """Let the list of a scheduler have run out so many seconds ago."""
    client.zadd("asynq:schedulers", {f"asynq:schedulers:{{{scheduler}}}": int(time.time() - ago)})
