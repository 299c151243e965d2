"""Findings of a whole Redis, judged from a full dump by the words of docs/asynq-storage.md, plainly and slowly.

Nothing of archive_tui is used here: this is what its findings are compared with. Only true at rest.
"""

from collections.abc import Iterator
from typing import Any

import redis

Finding = tuple[str, str]
"""Kind, and the index in which it stands where it concerns one."""

STATES = ("pending", "active", "scheduled", "retry", "archived", "completed", "aggregating")
LEASES = ("lease", "deadlines")
ORDER = ("pending", "active", *LEASES, "scheduled", "retry", "archived", "completed")
_TEXTS = {1, 3, 4, 7, 10, 14}


def findings(client: redis.Redis, *, messages: bool = False) -> dict[tuple[str, bytes], Finding]:
    """Every finding of every queue, by queue and task id. Husks that stand where they should are among them only with
    `messages`: an ordinary scan does not read the messages of these.
    """
    world: dict[str, dict[bytes, Any]] = {}
    for key, value in _values(client, [key for key in client.keys("*") if key.startswith(b"asynq:{") and b"}:" in key]):
        queue, _, rest = key[7:].partition(b"}:")
        world.setdefault(queue.decode("utf-8", "surrogateescape"), {})[rest] = value
    known = {name.decode("utf-8", "surrogateescape") for name in client.smembers("asynq:queues")}
    return _of_installation(client) | {
        (queue, task_id): finding
        for queue, contents in world.items()
        for task_id, finding in _of_queue(contents, registered=queue in known, messages=messages).items()
    }


def _of_installation(client: redis.Redis) -> dict[tuple[str, bytes], Finding]:
    """The histories of schedulers that nobody will clear, under the entry's id and no queue."""
    an_hour_ago = client.time()[0] - 3_600
    lists: list[bytes] = []
    for key, score in client.zrange("asynq:schedulers", 0, -1, withscores=True):
        if client.exists(key):
            lists += client.lrange(key, 0, -1)
        elif score > an_hour_ago:
            return {}
    found: dict[tuple[str, bytes], Finding] = {}
    for key in client.keys("asynq:scheduler_history:*"):
        entry = key.removeprefix(b"asynq:scheduler_history:")
        newest = client.zrange(key, -1, -1, withscores=True)
        if newest[0][1] <= an_hour_ago and not any(entry in one for one in lists):
            found["", entry] = "stale-history", ""
    return found


_READ = {
    b"hash": lambda pipe, key: pipe.hgetall(key),
    b"list": lambda pipe, key: pipe.lrange(key, 0, -1),
    b"set": lambda pipe, key: pipe.smembers(key),
    b"zset": lambda pipe, key: pipe.zrange(key, 0, -1),
}


def _values(client: redis.Redis, keys: list[bytes]) -> Iterator[tuple[bytes, Any]]:
    """Keys with what they hold; None for what is none of Asynq's structures."""
    for start in range(0, len(keys), 5_000):
        piece = keys[start : start + 5_000]
        with client.pipeline(transaction=False) as pipe:
            for key in piece:
                pipe.type(key)
            types = pipe.execute()
            known = [(key, kind) for key, kind in zip(piece, types, strict=True) if kind in _READ]
            for key, kind in known:
                _READ[kind](pipe, key)
            values = dict(zip([key for key, _ in known], pipe.execute(), strict=True))
        yield from ((key, values.get(key)) for key in piece)


def _of_queue(contents: dict[bytes, Any], *, registered: bool, messages: bool) -> dict[bytes, Finding]:
    standing: dict[bytes, set[str]] = {}
    for rest, value in contents.items():
        name = rest.decode("utf-8", "surrogateescape")
        if (name in ORDER or name.startswith("g:")) and isinstance(value, list):
            for task_id in value:
                standing.setdefault(task_id, set()).add(name)
    held = {task_id for name in (b"lease", b"deadlines") for task_id in contents.get(name) or ()}
    leftover = not registered and not any(
        contents.get(name) for name in (b"pending", b"active", b"scheduled", b"retry")
    )
    staged = {_last(name) for name in contents.get(b"aggregation_sets", ())}
    named = {"g:" + name.decode("utf-8", "surrogateescape") for name in contents.get(b"groups") or ()} | staged
    found = {}
    for task_id in {*standing, *(rest[2:] for rest in contents if rest.startswith(b"t:"))}:
        data, places = contents.get(b"t:" + task_id, "missing"), standing.get(task_id, set())
        finding = _of_task(data, places, named, held=task_id in held, leftover=leftover, messages=messages)
        if finding is not None:
            found[task_id] = finding
    return found


def _last(key: bytes) -> str:
    return key.partition(b"}:")[2].decode("utf-8", "surrogateescape")


def _of_task(
    data: Any, standing: set[str], named: set[str], *, held: bool, leftover: bool, messages: bool
) -> Finding | None:
    if data == "missing":
        return "ghost", _first(standing)
    if not isinstance(data, dict):
        return "foreign", _first(standing)
    state = data.get(b"state", b"").decode("utf-8", "replace")
    if state == "aggregating":
        groups = {one for one in standing if one.startswith("g:")}
        right = groups & {*named, "g:" + data.get(b"group", b"").decode("utf-8", "surrogateescape")}
        wrong = standing - groups
    else:
        right = standing & {state}
        wrong = standing - right - (set(LEASES) if state == "active" else set())
    if not data.get(b"msg"):
        return "husk", _first(standing)
    unheld = state == "active" and not held
    # A scan knows of the groups that Asynq names, and reads what stands in another
    in_place = (
        bool(right & named if state == "aggregating" else right)
        and not wrong
        and not (leftover and state == "completed")
        and not unheld
    )
    if (messages or not in_place) and not _decodes(data[b"msg"]):
        unread = standing - right - wrong - set(LEASES)  # groups that are not its own
        return "husk", _first(standing if messages else wrong | (right if unheld else set()) or standing - unread)
    if wrong:
        return "mismatch", _first(wrong)
    if leftover and state == "completed":
        return "orphan-completed", ""
    if right and not (state == "aggregating" and right.isdisjoint(named)) and not unheld:
        return None
    if state in ("archived", "completed"):
        return f"orphan-{state}", ""
    if state == "aggregating":
        return "lost", _first(right)  # in a set that nobody looks into
    if right:
        return "lost", "active"  # nothing recovers it
    return "lost", _first(standing.intersection(LEASES))


def _first(standing: set[str]) -> str:
    return min(standing, key=lambda one: (ORDER.index(one) if one in ORDER else len(ORDER), one), default="")


def _decodes(raw: bytes) -> bool:
    """Whether bytes are a protobuf message of varints and strings, with text where Asynq has text."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (raw[at] & 0x7F) << shift
            at += 1
            shift += 7
            if raw[at - 1] < 0x80:
                return value

    try:
        while at < len(raw):
            number, wire = divmod(varint(), 8)
            if wire == 0:
                varint()
            elif wire == 2:
                length = varint()
                if at + length > len(raw):
                    return False
                if number in _TEXTS:
                    raw[at : at + length].decode()
                at += length
            else:
                return False
    except (IndexError, UnicodeDecodeError):
        return False
    return True
