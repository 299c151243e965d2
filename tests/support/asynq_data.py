"""Write into a server what Asynq writes (docs/asynq-storage.md), and judge all of it without the code under test."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import redis
from google.protobuf.message import DecodeError

from archive_tui.asynq.message import TaskMessage

NOW = 1_795_000_000
"""The unix time at which the tests' world stands."""

LISTS = ("pending", "active")
SORTED_SETS = ("scheduled", "retry", "archived", "completed")
STATES = (*LISTS, *SORTED_SETS, "aggregating")


def raw(text: str | bytes) -> bytes:
    """A queue name or an id as it stands in a key."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def prefix(queue: str) -> bytes:
    return b"asynq:{" + raw(queue) + b"}:"


def key(queue: str, task_id: str | bytes) -> bytes:
    return prefix(queue) + b"t:" + raw(task_id)


def lock_key(queue: str, type_: str = "email:send", payload: bytes = b"{}") -> bytes:
    digest = hashlib.md5(payload, usedforsecurity=False).hexdigest()
    return prefix(queue) + b"unique:" + f"{type_}:{digest}".encode()


def a_message(queue: str = "default", task_id: str | bytes = "one", **facts: Any) -> TaskMessage:
    """A message as Asynq makes it. Ids and queue names that are not UTF-8 do not fit into one: they are left out."""
    message = TaskMessage(type="email:send", payload=b'{"user": 1}', retry=25, timeout=1800)
    for name, value in (("queue", raw(queue)), ("id", raw(task_id))):
        try:
            setattr(message, name, value.decode())
        except UnicodeDecodeError:
            continue
    for name, value in facts.items():
        if name == "headers":
            message.headers.update(value)
        else:
            setattr(message, name, value)
    return message


class Asynq:
    """What Asynq does to a server, one command a time where Asynq itself uses a script. `real_asynq/test_model.py` lets
    both do the same.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def register(self, *queues: str) -> None:
        self.client.sadd("asynq:queues", *[raw(queue) for queue in queues])

    def add(
        self,
        queue: str,
        task_id: str | bytes,
        state: str = "archived",
        *,
        referenced: bool = True,
        score: float = NOW,
        message: TaskMessage | bytes | None = None,
        unique: bytes | None = None,
        unique_field: bool = True,
        group: str = "g1",
        fields: dict[bytes, bytes] | None = None,
        **facts: Any,
    ) -> bytes:
        """Write one task, with its id in the index of its state unless it is to be `referenced` by none.

        `unique` is the key of a lock that the task holds, which the message alone names without `unique_field`, as
        Asynq has it for tasks with a group; `facts` are fields of its message, unless a whole `message`
        is given. Returns the message as stored.
        """
        if unique is not None:
            facts["unique_key"] = unique.decode("utf-8", "replace")
        if state == "aggregating":
            facts["group_key"] = group
        if message is None:
            message = a_message(queue, task_id, **facts)
        stored = message if isinstance(message, bytes) else message.SerializeToString()
        content = {b"msg": stored, b"state": state.encode()}
        pipe = self.client.pipeline(transaction=False)
        if state == "pending":
            content[b"pending_since"] = b"%d" % (NOW * 10**9)
        if state == "aggregating":
            content[b"group"] = raw(group)
        if unique is not None:
            if unique_field:
                content[b"unique_key"] = unique
            pipe.set(unique, raw(task_id), ex=3600)
        pipe.hset(key(queue, task_id), mapping={**content, **(fields or {})})
        if referenced:
            self.refer(queue, task_id, state, score=score, group=group, pipe=pipe)
        pipe.execute()
        return stored

    def refer(
        self, queue: str, task_id: str | bytes, state: str, *, score: float = NOW, group: str = "g1", pipe: Any = None
    ) -> None:
        """Put an id into the index of a state."""
        to = pipe if pipe is not None else self.client
        if state in LISTS:
            to.lpush(prefix(queue) + state.encode(), raw(task_id))
            if state == "active":
                to.zadd(prefix(queue) + b"lease", {raw(task_id): score})
        elif state == "aggregating":
            to.sadd(prefix(queue) + b"groups", raw(group))
            to.zadd(prefix(queue) + b"g:" + raw(group), {raw(task_id): score})
        else:
            to.zadd(prefix(queue) + state.encode(), {raw(task_id): score})

    def add_many(self, queue: str, ids: Iterable[str | bytes], state: str = "archived", **options: Any) -> None:
        """Write many alike tasks, fast."""
        pipe = self.client.pipeline(transaction=False)
        batch = Asynq(_Unsent(pipe))  # type: ignore[arg-type]
        for task_id in ids:
            batch.add(queue, task_id, state, **options)
        pipe.execute()

    def run(self, queue: str, task_id: str | bytes, index: str = "archived") -> None:
        """What Asynq's RunTask does: out of its index, into pending."""
        pipe = self.client.pipeline(transaction=True)
        pipe.zrem(prefix(queue) + index.encode(), raw(task_id))
        pipe.lpush(prefix(queue) + b"pending", raw(task_id))
        pipe.hset(key(queue, task_id), "state", "pending")
        pipe.execute()

    def take(self, queue: str) -> bytes:
        """What a worker does: the oldest pending task becomes active."""
        task_id = self.client.rpoplpush(prefix(queue) + b"pending", prefix(queue) + b"active")
        pipe = self.client.pipeline(transaction=True)
        pipe.hset(key(queue, task_id), "state", "active")
        pipe.hdel(key(queue, task_id), "pending_since")
        pipe.zadd(prefix(queue) + b"lease", {task_id: NOW + 30})
        pipe.execute()
        return bytes(task_id)

    def succeed(self, queue: str, task_id: str | bytes, retention: int = 0) -> None:
        """What a worker does with an active task that went well: gone with its lock, or kept for some seconds."""
        message = TaskMessage.FromString(self.client.hget(key(queue, task_id), "msg"))
        pipe = self.client.pipeline(transaction=True)
        pipe.lrem(prefix(queue) + b"active", 0, raw(task_id))
        pipe.zrem(prefix(queue) + b"lease", raw(task_id))
        if retention:
            message.completed_at = NOW
            pipe.zadd(prefix(queue) + b"completed", {raw(task_id): NOW + retention})
            pipe.hset(key(queue, task_id), mapping={"msg": message.SerializeToString(), "state": "completed"})
        else:
            pipe.delete(key(queue, task_id))
        if self.client.get(message.unique_key or "none") == raw(task_id):
            pipe.delete(message.unique_key)
        pipe.execute()

    def archive(self, queue: str, task_id: str | bytes, state: str) -> None:
        """What Asynq's ArchiveTask does: out of the index of its state, into the archive."""
        pipe = self.client.pipeline(transaction=True)
        self._leave(pipe, queue, task_id, state)
        pipe.zadd(prefix(queue) + b"archived", {raw(task_id): NOW})
        pipe.hset(key(queue, task_id), "state", "archived")
        pipe.execute()

    def delete(self, queue: str, task_id: str | bytes, state: str) -> None:
        """What Asynq's DeleteTask does: the task goes, and its lock with it."""
        lock = self.client.hget(key(queue, task_id), "unique_key")
        pipe = self.client.pipeline(transaction=True)
        self._leave(pipe, queue, task_id, state)
        pipe.delete(key(queue, task_id))
        if lock is not None and self.client.get(lock) == raw(task_id):
            pipe.delete(lock)
        pipe.execute()

    def _leave(self, pipe: Any, queue: str, task_id: str | bytes, state: str) -> None:
        index = prefix(queue) + state.encode()
        if state in LISTS:
            pipe.lrem(index, 0, raw(task_id))
        else:
            pipe.zrem(index, raw(task_id))

    def fail(self, queue: str, task_id: str | bytes, state: str = "retry", **facts: Any) -> None:
        """What a worker does with a task that failed: out of active, into retry or archived, with a new message."""
        facts = {"retried": 1, "error_msg": "it failed", "last_failed_at": NOW, **facts}
        message = a_message(queue, task_id, **facts)
        pipe = self.client.pipeline(transaction=True)
        pipe.lrem(prefix(queue) + b"active", 0, raw(task_id))
        pipe.zrem(prefix(queue) + b"lease", raw(task_id))
        pipe.zadd(prefix(queue) + state.encode(), {raw(task_id): NOW})
        pipe.hset(key(queue, task_id), mapping={"msg": message.SerializeToString(), "state": state})
        pipe.execute()


class _Unsent:
    """Lets many `add`s share one round trip: their pipelines collect into one that somebody else executes."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def pipeline(self, *, transaction: bool) -> "_Unsent":
        return self

    def execute(self) -> None:
        """Not yet."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)


def everything(client: redis.Redis) -> dict[bytes, bytes]:
    """Every key with its content in the server's own form: two of these are equal if nothing was changed."""
    found = sorted(client.scan_iter(count=10_000))
    pipe = client.pipeline(transaction=False)
    for one in found:
        pipe.dump(one)
    return dict(zip(found, pipe.execute(), strict=True))


def orphans(client: redis.Redis, queues: Iterable[str]) -> set[tuple[str, bytes, str]]:
    """Every orphan of these queues, judged from a full dump by the words of docs/asynq-storage.md. One whose
    message cannot be read is a husk.
    """
    known = client.smembers("asynq:queues")
    found = set()
    for queue in queues:
        start = prefix(queue)
        keys = [one for one in client.scan_iter(count=10_000) if one.startswith(start)]
        types = {one: client.type(one) for one in keys}
        data = {one[len(start) + 2 :]: client.hgetall(one) for one in keys if _is_task(one, start, types)}
        leftover = raw(queue) not in known and not any(
            start + name in types for name in (b"pending", b"active", b"scheduled", b"retry")
        )
        indexed: set[bytes] = set()
        completed: set[bytes] = set()
        for one in keys:
            name = one[len(start) :]
            if name.startswith((b"t:", b"unique:")):
                continue
            if leftover and name == b"completed":
                completed.update(client.zrange(one, 0, -1) if types[one] == b"zset" else ())
            elif types[one] == b"zset":
                indexed.update(client.zrange(one, 0, -1))
            elif types[one] == b"list":
                indexed.update(client.lrange(one, 0, -1))
        found |= {
            (queue, task_id, f"orphan-{fields[b'state'].decode()}" if _is_readable(fields) else "husk")
            for task_id, fields in data.items()
            if fields.get(b"state") in (b"archived", b"completed") and task_id not in indexed
            if fields[b"state"] == b"completed" or task_id not in completed  # else a mismatch
        }
    return found


def _is_readable(fields: dict[bytes, bytes]) -> bool:
    try:
        TaskMessage.FromString(fields.get(b"msg", b""))
    except DecodeError:
        return False
    return bool(fields.get(b"msg"))


def _is_task(one: bytes, start: bytes, types: dict[bytes, bytes]) -> bool:
    return bool(re.match(re.escape(start) + rb"t:", one)) and types[one] == b"hash"


def history_key(entry: str) -> bytes:
    return b"asynq:scheduler_history:" + entry.encode()


def event(task_id: str, seconds: float) -> bytes:
    """An event of a scheduler's history: the id of the task, and a protobuf time."""
    return b"\x0a" + bytes([len(task_id)]) + task_id.encode() + b"\x12\x06\x08" + _varint(int(seconds))


def _varint(number: int) -> bytes:
    septets = []
    while number > 0x7F:
        septets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*septets, number])
