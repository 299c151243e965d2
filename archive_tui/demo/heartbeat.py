"""The heartbeat of an Asynq server process: which process it is, and what its workers are doing."""

from collections.abc import Mapping, Sequence

import redis

from archive_tui.asynq.message import TaskMessage
from archive_tui.demo.wire import field

_SERVERS, _WORKERS = "asynq:servers", "asynq:workers"
_TTL = 10
"""Seconds after which a process that says nothing counts as gone."""


class Heartbeat:
    """One server process among the others. Its keys vanish by themselves when it stops giving signs of life."""

    def __init__(self, server_id: str, queues: Mapping[str, int], started: int) -> None:
        self._host, self._pid, self._id = "demo-worker-1", 4_242, server_id
        self._queues = queues
        self._started = started
        name = f"{{{self._host}:{self._pid}:{self._id}}}"
        self._server_key, self._workers_key = f"{_SERVERS}:{name}", f"{_WORKERS}:{name}"

    def announce(self, client: redis.Redis, active: Sequence[TaskMessage], concurrency: int, now: int) -> None:
        """Write the state of the process and the tasks that its workers have; `now` is in unix seconds."""
        pipe = client.pipeline(transaction=True)
        pipe.zadd(_SERVERS, {self._server_key: now + _TTL})
        pipe.zadd(_WORKERS, {self._workers_key: now + _TTL})
        pipe.set(self._server_key, self._server_info(len(active), concurrency), ex=_TTL)
        pipe.delete(self._workers_key)
        if active:
            pipe.hset(self._workers_key, mapping={task.id: self._worker_info(task, now) for task in active})
            pipe.expire(self._workers_key, _TTL)
        pipe.execute()

    def withdraw(self, client: redis.Redis) -> None:
        """Say goodbye, as a process does that ends in order."""
        pipe = client.pipeline(transaction=True)
        pipe.zrem(_SERVERS, self._server_key)
        pipe.zrem(_WORKERS, self._workers_key)
        pipe.delete(self._server_key, self._workers_key)
        pipe.execute()

    def _process(self) -> bytes:
        return field(1, self._host) + field(2, self._pid) + field(3, self._id)

    def _server_info(self, active: int, concurrency: int) -> bytes:
        queues = (field(5, field(1, name) + field(2, weight)) for name, weight in self._queues.items())
        started = field(8, field(1, self._started))
        return (
            self._process() + field(4, concurrency) + b"".join(queues) + field(7, "active") + started + field(9, active)
        )

    def _worker_info(self, task: TaskMessage, now: int) -> bytes:
        times = field(8, field(1, now)) + field(9, field(1, now + task.timeout))
        return (
            self._process()
            + field(4, task.id)
            + field(5, task.type)
            + field(6, task.payload)
            + field(7, task.queue)
            + times
        )
