"""What the tests take for Asynq (`asynq_data.Asynq`, by which the histories of test_journal_model.py go) is what Asynq
does: the same random history, once by the real library and once by the model, leaves the same in Redis.
"""

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import redis
from support import asynq_data
from support.asynq_data import NOW, a_message, key, lock_key

from archive_tui.asynq.message import TaskMessage

from .dump import read_all
from .program import Asynq

pytestmark = pytest.mark.asynq

QUEUE = "q"
IDS = [f"t{number}" for number in range(8)]
STEPS = 40
FAILED = "the first attempt fails"
_BESIDE = re.compile(rb"asynq:(servers|workers|schedulers)|asynq:\{.*\}:(processed|failed)")
_MOMENTS = ("last_failed_at", "completed_at")


def said(client: redis.Redis) -> dict[bytes, Any]:
    """Everything that is about tasks; of a moment, only that there is one."""
    return {one: _plain(value) for one, value in read_all(client).items() if not _BESIDE.match(one)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        message = TaskMessage.FromString(value[b"msg"])
        for moment in _MOMENTS:
            setattr(message, moment, min(getattr(message, moment), 1))
        when = {b"pending_since": b"then"} if b"pending_since" in value else {}
        return {**value, b"msg": message.SerializeToString(deterministic=True), **when}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {task_id for task_id, _ in value}
    return value


class Both:
    """The library and the model, each at a database of its own, and what the history needs to know."""

    def __init__(self, real: Asynq, model: asynq_data.Asynq, random: Random) -> None:
        self.real, self.model, self.random = real, model, random
        self.states: dict[str, str] = {}
        self.retention: dict[str, int] = {}
        self.retries: dict[str, int] = {}
        self.serial = 0

    def one_of(self, *states: str) -> str | None:
        found = sorted(task_id for task_id, state in self.states.items() if state in states)
        return self.random.choice(found) if found else None

    def enqueue(self) -> None:
        free = [task_id for task_id in IDS if task_id not in self.states]
        if not free:
            return
        task_id = self.random.choice(free)
        self.serial += 1
        payload = f"payload {self.serial}"
        later, unique = self.random.random() < 0.3, self.random.random() < 0.4
        retries, kept = self.random.choice([0, 25]), self.random.choice([0, 3600])
        flags: dict[str, object] = {"max_retry": retries}
        flags |= {"in": "1h"} if later else {}
        flags |= {"unique": "1h"} if unique else {}
        flags |= {"retention": f"{kept}s"} if kept else {}
        assert self.real("enqueue", queue=QUEUE, type="email:send", id=task_id, payload=payload, **flags)["accepted"]
        state = "scheduled" if later else "pending"
        self.model.register(QUEUE)
        self.model.add(
            QUEUE, task_id, state, payload=payload.encode(), retry=retries, retention=kept,
            unique=lock_key(QUEUE, payload=payload.encode()) if unique else None,
        )  # fmt: skip
        self.states[task_id], self.retention[task_id], self.retries[task_id] = state, kept, retries

    def archive(self) -> None:
        task_id = self.one_of("pending", "scheduled")
        if task_id is not None:
            self.real("archive", queue=QUEUE, id=task_id)
            self.model.archive(QUEUE, task_id, self.states[task_id])
            self.states[task_id] = "archived"

    def run(self) -> None:
        task_id = self.one_of("archived", "scheduled")
        if task_id is not None:
            self.real("run-archived", queue=QUEUE, id=task_id)
            self.model.run(QUEUE, task_id, self.states[task_id])
            self.states[task_id] = "pending"

    def delete(self) -> None:
        task_id = self.one_of("pending", "scheduled", "archived", "completed")
        if task_id is not None:
            self.real("delete", queue=QUEUE, id=task_id)
            self.model.delete(QUEUE, task_id, self.states.pop(task_id))

    def work(self) -> None:
        """Workers take all there is, and fail each task once: what has no retries left goes into the archive."""
        self.real("process", queue=QUEUE, run_delayed=True, fail_first=True)
        for task_id in [one for one, state in self.states.items() if state == "scheduled"]:
            self.model.run(QUEUE, task_id, "scheduled")
        waiting = [task_id for task_id, state in self.states.items() if state in ("pending", "scheduled")]
        for _ in waiting:
            task_id = self.model.take(QUEUE).decode()
            last = not self.retries[task_id]
            message = TaskMessage.FromString(self.model.client.hget(key(QUEUE, task_id), "msg"))
            failed = a_message(QUEUE, task_id)
            failed.CopyFrom(message)
            failed.error_msg, failed.last_failed_at, failed.retried = FAILED, NOW, message.retried + (not last)
            self.model.fail(QUEUE, task_id, "archived" if last else "retry")
            self.model.client.hset(key(QUEUE, task_id), "msg", failed.SerializeToString())
            if last:
                self.states[task_id] = "archived"
                continue
            self.states[task_id] = "retry"
        for task_id in [one for one, state in self.states.items() if state == "retry"]:
            self.model.run(QUEUE, task_id, "retry")
            assert self.model.take(QUEUE).decode() == task_id
            self._succeed(task_id)

    def _succeed(self, task_id: str) -> None:
        self.model.succeed(QUEUE, task_id, self.retention[task_id])
        if self.retention[task_id]:
            self.states[task_id] = "completed"
        else:
            del self.states[task_id]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_history_leaves_the_same(asynq: Asynq, url: str, client: redis.Redis, seed: int) -> None:
    random = Random(seed)
    with redis.Redis.from_url(url.replace("?db=0", "?db=1")) as second:
        both = Both(asynq, asynq_data.Asynq(second), random)
        steps: dict[Callable[[], None], int] = {
            both.enqueue: 10, both.archive: 4, both.run: 4, both.delete: 2, both.work: 1,
        }  # fmt: skip
        done = []
        for step in [both.enqueue, *random.choices(list(steps), list(steps.values()), k=STEPS), both.work, both.delete]:
            step()
            done.append(step.__name__)
            assert said(client) == said(second), f"after {done}"
        assert set(done) == {"enqueue", "archive", "run", "delete", "work"}
