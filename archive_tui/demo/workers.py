"""A small imitation of producers and workers, so that the demo's screens move."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from types import TracebackType
from typing import Self

import redis

from archive_tui.asynq.message import TaskMessage
from archive_tui.demo.broker import Broker
from archive_tui.demo.heartbeat import Heartbeat
from archive_tui.demo.job_types import (
    EMAIL,
    INVOICE,
    JOBS,
    PICTURE,
    PUSH,
    REPORT,
    WEBHOOK,
    Job,
    enqueued,
    make_id,
    retry_delay,
)

_BEAT = 0.3
"""Seconds between two steps."""

_SUCCEEDS, _RETRIES = 0.87, 0.08
"""Shares of the tasks that a worker ends; the others are archived, some before their retries are used up."""

_FAREWELL = 10.0

_PRODUCED: dict[str, tuple[Job, ...]] = {
    "default": (EMAIL, EMAIL, EMAIL, REPORT, PICTURE, WEBHOOK),
    "critical": (PUSH, INVOICE),
}
_CONCURRENCY = {"default": 12, "critical": 4}


class Workers:
    """Producers and workers of the queues `default` and `critical`, in one thread of their own.

    A context manager: entering starts the thread, leaving stops and joins it. `client_factory` makes the connection,
    which must answer in bytes; where the server does not answer, they try again until they are stopped. `clock` gives
    unix seconds. Instead of entering, `step` may be called: nothing then happens by itself.
    """

    def __init__(
        self,
        client_factory: Callable[[], redis.Redis],
        seed: int,
        *,
        clock: Callable[[], float] = time.time,
        beat: float = _BEAT,
    ) -> None:
        self._client_factory = client_factory
        self._random = Random(f"{seed}/workers")
        self._clock = clock
        self._beat = beat
        self._heartbeat = Heartbeat(make_id(self._random), _CONCURRENCY, int(clock()))
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="demo-workers", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_FAREWELL)
            self._thread = None

    def step(self, client: redis.Redis) -> None:
        """Let everybody do one thing: end some of the active tasks, take new ones, add about as many to the queues."""
        broker, now = Broker(client), self._clock()
        for queue, concurrency in _CONCURRENCY.items():
            broker.forward(queue, now)
            at_work = broker.active(queue)
            ended = self._random.sample(at_work, min(len(at_work), self._random.randint(0, concurrency // 2)))
            gone = sum([self._end(broker, task, now) for task in ended])
            free = concurrency - len(at_work) + len(ended)
            idle = sum([broker.take(queue, now) is None for _ in range(free)])
            for _ in range(self._random.randint(0, 2 * gone + idle)):  # on average what went, and what was missing
                broker.enqueue(enqueued(self._random.choice(_PRODUCED[queue]), queue, self._random), now)
            broker.extend_leases(queue, now)
        active = [task for queue in _CONCURRENCY for task in broker.active(queue)]
        self._heartbeat.announce(client, active, sum(_CONCURRENCY.values()), int(now))

    def _end(self, broker: Broker, task: TaskMessage, now: float) -> bool:
        """End an active task one way or the other; True where it is not to come back."""
        fate = self._random.random()
        if fate < _SUCCEEDS:
            return broker.done(task, now)
        job = JOBS.get(task.type, EMAIL)
        error = job.error(self._random)
        if fate < _SUCCEEDS + _RETRIES and task.retried < task.retry:
            broker.retry(task, now, error, retry_delay(task.retried, self._random))
            return False
        return broker.archive(task, now, error)

    def _run(self) -> None:
        with self._client_factory() as client:
            while not self._stopping.is_set():
                with suppress(redis.RedisError):  # busy, away or gone for good: we try until we are stopped
                    self.step(client)
                self._stopping.wait(self._beat)
            with suppress(redis.RedisError):
                self._heartbeat.withdraw(client)
