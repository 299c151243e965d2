"""Everything that a Redis holds, read and understood without a line of archive_tui: what its findings are checked with.

Only true at rest: nobody may write while it is read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import redis

Ref = tuple[str, str]
"""Queue and id of a task."""

Contents = dict[bytes, Any]

_READ: dict[str, Callable[[Any, bytes], object]] = {
    "hash": lambda client, key: client.hgetall(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: client.smembers(key),
    "string": lambda client, key: client.get(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
}
_INDEXES = {"pending", "active", "scheduled", "retry", "archived", "completed"}
_PIECE = 5_000
_LEASE_EXPIRED = "asynq: task lease expired"  # the error that its recoverer writes into the message

_ERROR_FIELD = 7  # error_msg in Asynq's asynq.proto


def read_all(client: redis.Redis) -> Contents:
    """The value of every key."""
    contents: Contents = {}
    for kind, read in _READ.items():
        found = list({*client.scan_iter(count=_PIECE, _type=kind)})
        for start in range(0, len(found), _PIECE):
            piece = found[start : start + _PIECE]
            with client.pipeline(transaction=False) as pipe:
                for key in piece:
                    read(pipe, key)
                contents.update(zip(piece, pipe.execute(), strict=True))
    return {key: value for key, value in contents.items() if value}  # without what expired meanwhile


@dataclass
class Dump:
    """What Asynq would make of the contents of a Redis: `indexes` are the ids by queue and state."""

    contents: Contents
    registered: set[str] = field(default_factory=set)
    tasks: dict[Ref, dict[bytes, bytes]] = field(default_factory=dict)
    indexes: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    @classmethod
    def of(cls, client: redis.Redis) -> "Dump":
        """Read a Redis."""
        dump = cls(read_all(client))
        for raw, value in dump.contents.items():
            key = raw.decode()
            start, _, rest = key.partition("}:")
            queue = start.removeprefix("asynq:{")
            if key == "asynq:queues":
                dump.registered = {name.decode() for name in value}
            elif start == queue:
                continue  # what servers tell about themselves
            elif rest.startswith("t:"):
                dump.tasks[queue, rest[2:]] = value
            elif rest in _INDEXES:
                dump.indexes[queue][rest].update(_ids(value))
            elif rest.startswith("g:"):  # a group, or the part of one that is being aggregated
                dump.indexes[queue]["aggregating"].update(_ids(value))
        return dump

    def state(self, ref: Ref) -> str | None:
        """What the data of a task says; None where there is no data."""
        return self.tasks[ref].get(b"state", b"").decode() if ref in self.tasks else None

    def error(self, ref: Ref) -> str:
        """The error of a task's last attempt."""
        found = fields(self.tasks.get(ref, {}).get(b"msg", b"")).get(_ERROR_FIELD, b"")
        return found.decode() if isinstance(found, bytes) else ""

    def stands_in(self, ref: Ref) -> list[str]:
        """The indexes that hold a task's id, by the state that each stands for."""
        queue, task_id = ref
        return [state for state, ids in self.indexes[queue].items() if task_id in ids]

    def unreferenced(self, *states: str) -> set[Ref]:
        """Tasks whose data says one of these states while the index of that state lacks them."""
        return {
            ref
            for ref in self.tasks
            if (state := self.state(ref)) in states and ref[1] not in self.indexes[ref[0]][state]
        }

    @property
    def orphans(self) -> set[Ref]:
        """Task data that Asynq will never look at again."""
        return self.unreferenced("archived", "completed")

    @property
    def stranded(self) -> set[Ref]:
        """Tasks that should still run and that no worker will ever find."""
        return self.unreferenced("pending", "active", "scheduled", "retry", "aggregating")

    @property
    def overdue(self) -> set[Ref]:
        """Tasks that Asynq took from a worker who had not been heard of for half a minute: the machine stood still."""
        return {ref for ref in self.tasks if self.error(ref) == _LEASE_EXPIRED}

    @property
    def husks(self) -> set[Ref]:
        """Task data without a message."""
        return {ref for ref, task in self.tasks.items() if b"msg" not in task}

    @property
    def ghosts(self) -> set[Ref]:
        """Ids in an index whose task data is gone."""
        return {
            (queue, task_id) for queue, states in self.indexes.items() for ids in states.values() for task_id in ids
        }.difference(self.tasks)

    def without(self, refs: Iterable[Ref]) -> Contents:
        """What must be left when just these tasks are deleted: not their data, ids and locks, but all the rest."""
        gone: dict[str, set[bytes]] = defaultdict(set)
        for queue, task_id in refs:
            gone[queue].add(task_id.encode())
        left = {key: _less(key.decode(), value, gone) for key, value in self.contents.items()}
        return {key: value for key, value in left.items() if value}


def _ids(members: Iterable[Any]) -> set[str]:
    """The members of a list, or of a sorted set with scores."""
    return {(member[0] if isinstance(member, tuple) else member).decode() for member in members}


def _less(key: str, value: Any, gone: dict[str, set[bytes]]) -> Any:
    """What is left of one key when tasks are deleted."""
    start, _, rest = key.partition("}:")
    ids = gone.get(start.removeprefix("asynq:{"), set())
    if rest.startswith("t:"):
        return None if rest[2:].encode() in ids else value
    if rest.startswith("unique:"):
        return None if value in ids else value
    if rest in _INDEXES:
        return [one for one in value if (one[0] if isinstance(one, tuple) else one) not in ids]
    return value


def fields(message: bytes) -> dict[int, int | bytes]:
    """The fields of a protobuf message by their numbers, the last of each: Asynq writes only varints and strings."""
    found: dict[int, int | bytes] = {}
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            found[number] = varint()
        elif wire == 2:
            length = varint()
            found[number] = message[position : position + length]
            position += length
        else:
            raise ValueError(f"Asynq writes no field of wire type {wire}")
    return found
