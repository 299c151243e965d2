"""Synthetic queues, loaded in bulk: whole buffers of commands on one socket, seeded, faithful to Asynq's layout."""

import random
import uuid
from collections.abc import Iterator

from archive_tui.asynq import keys, message
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import ARCHIVE_CAP, State
from archive_tui.store.pipe import Pipe, pack

QUEUE = "bench"
_CHUNK = 2_000
_TYPES = ("email:deliver", "report:generate", "image:resize", "webhook:send", "search:index")
_ERRORS = (
    "dial tcp 10.0.{a}.{b}:587: connect: connection refused",
    "context deadline exceeded",
    "HTTP 503 from https://api-{a}.example.com/v2/events: upstream overloaded",
    'pq: duplicate key value violates unique constraint "users_{a}_key"',
)
_NOW = 1_795_399_200


def load(pipe: Pipe, tasks: int, *, leaky: bool, payload_bytes: int = 150, seed: int = 1) -> None:
    """Fill one queue with archived and, where it is healthy, pending tasks.

    A leaky queue has a full archive and orphans for the rest; a healthy one has every task in an index.
    """
    rng = random.Random(seed)
    archived = min(ARCHIVE_CAP, tasks // 100 if tasks < 1_000_000 else ARCHIVE_CAP)
    pipe.one(b"SADD", keys.QUEUES, QUEUE.encode())
    chunk: list[bytes] = []
    for number, (task_id, raw) in enumerate(_messages(rng, tasks, payload_bytes)):
        dead = leaky or number < archived
        state = State.ARCHIVED if dead else State.PENDING
        chunk.append(pack((b"HSET", keys.task(QUEUE, task_id), b"msg", raw, b"state", state.value.encode())))
        if number < archived:
            score = b"%d" % (_NOW - number)
            chunk.append(pack((b"ZADD", keys.index(QUEUE, State.ARCHIVED), score, task_id)))
        elif not leaky:
            chunk.append(pack((b"LPUSH", keys.index(QUEUE, State.PENDING), task_id)))
        if len(chunk) >= max(1, min(_CHUNK, 4_000_000 // payload_bytes)):
            _flush(pipe, chunk)
    _flush(pipe, chunk)


def _messages(rng: random.Random, tasks: int, payload_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(tasks):
        task_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        error = rng.choice(_ERRORS).format(a=rng.randrange(4), b=rng.randrange(250))
        filler = "x" * max(0, payload_bytes - 40)
        body = TaskMessage(
            type=_TYPES[min(int(rng.expovariate(1.0)), len(_TYPES) - 1)],
            payload=f'{{"user_id":{number},"note":"{filler}"}}'.encode(),
            id=task_id,
            queue=QUEUE,
            retry=25,
            retried=25,
            error_msg=error,
            timeout=1800,
            last_failed_at=_NOW - rng.randrange(10_000_000),
        )
        yield task_id.encode(), message.encode(body)


def _flush(pipe: Pipe, chunk: list[bytes]) -> None:
    if chunk:
        pipe.send(chunk)
        pipe.receive(len(chunk))
        chunk.clear()
