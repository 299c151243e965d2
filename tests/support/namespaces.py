"""Installations in other namespaces: copies of the one that the builders of the tests write into `asynq`."""

from collections.abc import Iterable
from typing import Any

import redis
from google.protobuf.message import DecodeError

from archive_tui.asynq.message import TaskMessage
from support.contents import content
from support.servers import Live

OWN = b"asynq:"


def copy_to(client: redis.Redis, namespace: str) -> None:
    """Copy everything of `asynq` into a namespace: every key, and every name of a key in the content of another."""
    stem = namespace.encode() + b":"
    for key in list(client.scan_iter(OWN + b"*", count=1000)):
        there = stem + key.removeprefix(OWN)
        client.copy(key, there)
        kind = client.type(key)
        if kind == b"hash":
            client.hset(there, mapping={name: _moved(value, stem) for name, value in client.hgetall(key).items()})
        elif kind == b"zset":
            for member, score in client.zrange(key, 0, -1, withscores=True):
                if member.startswith(OWN):
                    client.zrem(there, member)
                    client.zadd(there, {stem + member.removeprefix(OWN): score})


def _moved(value: bytes, stem: bytes) -> bytes:
    """The value of a field, with the name of a lock as it is in another namespace."""
    if value.startswith(OWN):
        return stem + value.removeprefix(OWN)
    try:
        message = TaskMessage.FromString(value)
    except DecodeError:
        return value
    if not message.unique_key.startswith("asynq:"):
        return value
    message.unique_key = (stem + message.unique_key.encode().removeprefix(OWN)).decode()
    return message.SerializeToString()


def parts(live: Live, namespaces: Iterable[str]) -> dict[str, dict[bytes, Any]]:
    """What each of these namespaces holds. Together they must be all."""
    everything = content(live)
    found = {
        name: {key: value for key, value in everything.items() if key.startswith(name.encode() + b":")}
        for name in namespaces
    }
    assert sum(map(len, found.values())) == len(everything)
    return found


def as_in_asynq(part: dict[bytes, Any], namespace: str) -> dict[bytes, Any]:
    """The content of a namespace as it would be in `asynq`, without what differs by the moment of a change."""
    stem = namespace.encode() + b":"
    return {OWN + key.removeprefix(stem): _back(value, stem) for key, value in part.items()}


def _back(value: Any, stem: bytes) -> Any:
    if isinstance(value, bytes):
        return value.replace(stem, OWN)
    if isinstance(value, dict):
        return {name: _decoded(one, stem) for name, one in value.items() if name != b"pending_since"}
    if isinstance(value, list):
        if value and isinstance(value[0], tuple):  # a sorted set: scores are moments of changes
            return {_back(member, stem) for member, _ in value}
        return [_back(one, stem) for one in value]
    return value


def _decoded(value: bytes, stem: bytes) -> Any:
    """A field; a message without the length of a lock's name."""
    if stem in value and not value.startswith(stem):
        message = TaskMessage.FromString(value)
        message.unique_key = message.unique_key.replace(stem.decode(), "asynq:")
        return message.SerializeToString()
    return value.replace(stem, OWN)
