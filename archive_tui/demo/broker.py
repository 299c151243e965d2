"""The changes of state that Asynq 0.24.1 makes, each of them atomic: one small script, as in Asynq itself.

Only what workers and producers need. Version 0.24.1, because its archiving is what makes orphans: it pushes the oldest
ids out of a full archive and leaves their data (docs/asynq-storage.md).
"""

from datetime import UTC, datetime
from typing import Any

import redis

from archive_tui.asynq import message
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.limits import CAP
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.demo import job_types
from archive_tui.text import encode

_LEASE = 30
_KEPT = 90 * 86_400
"""Seconds for which Asynq keeps archived tasks and the counters of a day."""

_ENQUEUE = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'msg', ARGV[2], 'state', 'pending', 'pending_since', ARGV[3])
redis.call('LPUSH', KEYS[1], ARGV[1])
return 1
"""

_TAKE = """
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[3])
if not id then return false end
redis.call('HSET', ARGV[1] .. id, 'state', 'active')
redis.call('HDEL', ARGV[1] .. id, 'pending_since')
redis.call('ZADD', KEYS[4], ARGV[2], id)
return redis.call('HGET', ARGV[1] .. id, 'msg')
"""

_FORWARD = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, 100)
for _, id in ipairs(due) do
  redis.call('LPUSH', KEYS[2], id)
  redis.call('ZREM', KEYS[1], id)
  redis.call('HSET', ARGV[1] .. id, 'state', 'pending', 'pending_since', ARGV[3])
end
return #due
"""

# The three ways in which an active task ends. A task that is active no more is left alone, whoever took it away.
# KEYS: active, lease, task data, target, processed, processed today, failed, failed today
# ARGV: id, seconds to keep the counters of a day, message, score, cutoff
_LEAVE = """
if redis.call('LREM', KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
local function count(total, today)
  redis.call('INCR', total)
  if redis.call('INCR', today) == 1 then redis.call('EXPIRE', today, ARGV[2]) end
end
count(KEYS[5], KEYS[6])
"""
_DONE = f"""{_LEAVE}
redis.call('DEL', KEYS[3])
if redis.call('GET', KEYS[4]) == ARGV[1] then redis.call('DEL', KEYS[4]) end
return 1
"""
_RETRY = f"""{_LEAVE}
count(KEYS[7], KEYS[8])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
redis.call('HSET', KEYS[3], 'msg', ARGV[3], 'state', 'retry')
return 1
"""
_ARCHIVE = f"""{_LEAVE}
count(KEYS[7], KEYS[8])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[5])
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -{CAP + 1})
redis.call('HSET', KEYS[3], 'msg', ARGV[3], 'state', 'archived')
return 1
"""


class Broker:
    """The requests of a worker or producer to Redis; `client` must answer in bytes. Times are unix seconds."""

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._enqueue, self._take, self._forward, self._done, self._retry, self._archive = (
            client.register_script(script) for script in (_ENQUEUE, _TAKE, _FORWARD, _DONE, _RETRY, _ARCHIVE)
        )

    def enqueue(self, task: TaskMessage, now: float) -> bool:
        """Add a new task to the end of its queue; False where its id is taken."""
        queue = task.queue
        self._client.sadd(ASYNQ.queues, encode(queue))
        where = [ASYNQ.index(queue, State.PENDING), ASYNQ.task(queue, task.id.encode())]
        return bool(self._enqueue(where, [task.id, message.encode(task), _nanoseconds(now)]))

    def take(self, queue: str, now: float) -> TaskMessage | None:
        """Make the oldest pending task active and give it to the caller; None where the queue is empty or paused."""
        where = [
            ASYNQ.index(queue, State.PENDING),
            ASYNQ.paused(queue),
            ASYNQ.index(queue, State.ACTIVE),
            ASYNQ.lease(queue),
        ]
        raw = self._take(where, [ASYNQ.task_prefix(queue), int(now) + _LEASE])
        return message.decode(raw) if raw is not None else None

    def active(self, queue: str) -> list[TaskMessage]:
        """The tasks that workers have now, as far as their messages can be read."""
        ids = self._client.lrange(ASYNQ.index(queue, State.ACTIVE), 0, -1)
        raws = [self._client.hget(ASYNQ.task(queue, task_id), "msg") for task_id in ids]
        return [task for raw in raws if raw is not None and (task := message.decode(raw)) is not None]

    def extend_leases(self, queue: str, now: float) -> None:
        """Keep every active task of a queue for its worker."""
        if ids := self._client.zrange(ASYNQ.lease(queue), 0, -1):
            self._client.zadd(ASYNQ.lease(queue), dict.fromkeys(ids, int(now) + _LEASE), xx=True)

    def forward(self, queue: str, now: float) -> int:
        """Make those tasks pending whose time has come, 100 of each sort at most; how many they were."""
        arguments: list[bytes | int] = [ASYNQ.task_prefix(queue), int(now), _nanoseconds(now)]
        pending = ASYNQ.index(queue, State.PENDING)
        sources = (ASYNQ.index(queue, state) for state in (State.SCHEDULED, State.RETRY))
        return sum(self._forward([source, pending], arguments) for source in sources)

    def done(self, task: TaskMessage, now: float) -> bool:
        """Remove a task that succeeded, and its lock; False where it is active no more."""
        lock = task.unique_key.encode() or ASYNQ.unique_prefix(task.queue)
        return bool(self._done(_keys(task, lock, now), [task.id, _KEPT]))

    def retry(self, task: TaskMessage, now: float, error: str, delay: int) -> bool:
        """Have a task that failed wait `delay` seconds for its next attempt; False where it is active no more."""
        failed = TaskMessage()
        failed.CopyFrom(task)
        failed.retried += 1
        job_types.fail(failed, error, int(now))
        where = _keys(task, ASYNQ.index(task.queue, State.RETRY), now)
        return bool(self._retry(where, [task.id, _KEPT, message.encode(failed), int(now) + delay]))

    def archive(self, task: TaskMessage, now: float, error: str) -> bool:
        """Archive a task that failed for good, which may push others out; False where it is active no more."""
        failed = TaskMessage()
        failed.CopyFrom(task)
        job_types.fail(failed, error, int(now))
        where = _keys(task, ASYNQ.index(task.queue, State.ARCHIVED), now)
        return bool(
            self._archive(where, [task.id, _KEPT, message.encode(failed), int(now), int(now) - _KEPT]),
        )


def _keys(task: TaskMessage, target: bytes, now: float) -> list[bytes]:
    queue, day = task.queue, f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    return [
        ASYNQ.index(queue, State.ACTIVE),
        ASYNQ.lease(queue),
        ASYNQ.task(queue, task.id.encode()),
        target,
        ASYNQ.prefix(queue) + b"processed",
        ASYNQ.processed_on(queue, day),
        ASYNQ.prefix(queue) + b"failed",
        ASYNQ.failed_on(queue, day),
    ]


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
