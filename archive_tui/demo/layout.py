"""Lay tasks out in Redis exactly as Asynq 0.24 to 0.26 does (docs/asynq-storage.md)."""

from hashlib import md5
from types import TracebackType
from typing import Self

import redis

from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.text import encode

Argument = bytes | str | int

_CHUNK = 1_000
"""Commands that go to the server together."""


class Writer:
    """Sends commands in chunks, in order, and wants no answers. A context manager: leaving sends the rest."""

    def __init__(self, client: redis.Redis) -> None:
        self._pipe = client.pipeline(transaction=False)

    def send(self, *command: Argument) -> None:
        """Send one command, now or with later ones."""
        self._pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        if len(self._pipe) >= _CHUNK:
            self._pipe.execute()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._pipe.execute()
        self._pipe.reset()


class Layout:
    """Puts the tasks of one queue where their state says. Times are unix seconds unless they say otherwise."""

    def __init__(self, writer: Writer, queue: str) -> None:
        self._send = writer.send
        self._index: dict[State, bytes] = {
            state: ASYNQ.index(queue, state) for state in State if state is not State.AGGREGATING
        }
        self._tasks = ASYNQ.task_prefix(queue)
        self.queue = queue

    def register(self) -> None:
        """Make the queue known, as the first task that is enqueued does."""
        self._send("SADD", ASYNQ.queues, encode(self.queue))

    def pause(self, at: int) -> None:
        """Stop workers from taking tasks."""
        self._send("SET", ASYNQ.paused(self.queue), at)

    def data(self, message: TaskMessage, state: State, **fields: Argument) -> None:
        """Write a task's hash and stand it in no index: alone, this leaves an orphan or a lost task."""
        # Deterministic, for the sake of the headers: without, their order changes from run to run.
        raw = message.SerializeToString(deterministic=True)
        extra: list[Argument] = [part for field in fields.items() for part in field]
        if message.unique_key:
            extra += ["unique_key", message.unique_key]
        self._send("HSET", self._tasks + message.id.encode(), "msg", raw, "state", state.value, *extra)

    def lock(self, message: TaskMessage, seconds: int, holder: str | None = None) -> None:
        """Give a task, or `holder` in its stead, the unique lock that its message names."""
        self._send("SET", message.unique_key, holder or message.id, "EX", seconds)

    def pending(self, message: TaskMessage, since_ns: int) -> None:
        """A task that waits for a worker; the one that was added first is taken first."""
        self.data(message, State.PENDING, pending_since=since_ns)
        self._send("LPUSH", self._index[State.PENDING], message.id)

    def active(self, message: TaskMessage, lease_ends: int) -> None:
        """A task that a worker has."""
        self.data(message, State.ACTIVE)
        self._send("LPUSH", self._index[State.ACTIVE], message.id)
        self._send("ZADD", ASYNQ.lease(self.queue), lease_ends, message.id)

    def sorted(self, message: TaskMessage, state: State, score: int, **fields: Argument) -> None:
        """A task in one of the states that have a sorted set."""
        self.data(message, state, **fields)
        self._send("ZADD", self._index[state], score, message.id)

    def aggregating(self, message: TaskMessage, since: int, set_id: str | None = None) -> None:
        """A task that waits in its group, or in the set of those of its group that are being aggregated right now."""
        name = message.group_key
        self.data(message, State.AGGREGATING, group=name)
        if set_id is None:
            self._send("ZADD", ASYNQ.group(self.queue, name.encode()), since, message.id)
            self._send("SADD", ASYNQ.groups(self.queue), name)
        else:
            self._send("ZADD", self._set_key(name, set_id), since, message.id)

    def aggregation_set(self, group: str, set_id: str, expires: int) -> None:
        """List a set as being aggregated; when it expires, Asynq puts its tasks back into their group."""
        self._send("ZADD", ASYNQ.aggregation_sets(self.queue), expires, self._set_key(group, set_id))

    def counter(self, name: str, value: int, seconds: int | None = None) -> None:
        """A statistic, `processed` or `failed`, of a day (with the seconds it is kept) or of all time."""
        key = ASYNQ.prefix(self.queue) + name.encode()
        self._send("SET", key, value, *(() if seconds is None else ("EX", seconds)))

    def odd(self, command: str, task_id: bytes, *arguments: Argument) -> None:
        """Write something under a task's key that Asynq would not."""
        self._send(command, self._tasks + task_id, *arguments)

    def mention(self, task_id: bytes, state: State, score: int) -> None:
        """Put an id into an index, whatever its task data says."""
        if state in {State.PENDING, State.ACTIVE}:
            self._send("LPUSH", self._index[state], task_id)
        else:
            self._send("ZADD", self._index[state], score, task_id)

    def _set_key(self, group: str, set_id: str) -> bytes:
        return ASYNQ.group(self.queue, f"{group}:{set_id}".encode())


def unique_key(queue: str, type_: str, payload: bytes) -> str:
    """The name of the lock that a unique task takes; a task without payload has no digest in it."""
    digest = md5(payload, usedforsecurity=False).hexdigest() if payload else ""
    return f"{ASYNQ.unique_prefix(queue).decode()}{type_}:{digest}"
