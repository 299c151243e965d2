"""Damage planted by hand among the tasks of a busy Asynq, such as Asynq itself never touches."""

import redis

from .program import Asynq

Found = dict[tuple[str, bytes], tuple[str, str]]
"""Kind and place of findings, by queue and task id."""

NEVER = 4_000_000_000
"""A moment that does not come while a test runs."""

DAY = 86_400
"""Seconds."""

_LOST = ("pending", "active", "scheduled", "retry", "aggregating")
_PLACES = ("active", "lease", "completed", "g:stray")
_MEANS = {"lease": "active", "g:stray": "aggregating"}
_GARBLED = b"\x0a\x07short"


class Plantation:
    """Damage of every kind in one queue; the ids begin with `name`, so that several stand side by side.

    `in_place` are the husks that only a scan finds which reads every message.
    """

    def __init__(self, client: redis.Redis, queue: str, name: str) -> None:
        self.planted: Found = {}
        self.in_place: Found = {}
        self._client = client
        self._queue = queue
        self._prefix = f"asynq:{{{queue}}}:"
        self._name = name
        message = b"\x0a\x07planted\x22" + bytes([len(queue)]) + queue.encode()
        for state in _LOST:
            self._write(f"lost-{state}", "lost", state=state, msg=message, group="daily")
        self._write("lost-unleased", "lost", "active", state="active", msg=message)
        self._write("loose-archived", "orphan-archived", state="archived", msg=message)
        self._write("loose-completed", "orphan-completed", state="completed", msg=message)
        self._write("loose-husk", "husk", state="active")
        self._write("loose-garbled", "husk", state="retry", msg=_GARBLED)
        client.set(f"{self._prefix}t:{name}-text", "text")
        self.planted[queue, f"{name}-text".encode()] = ("foreign", "")
        for place in _PLACES:
            self._write(f"ghost-{place}", "ghost", place)
            self._write(f"torn-{place}", "mismatch", place, state="retry", msg=message)
            self._write(f"husk-{place}", "husk", place, state="pending")
            if place != "lease":
                right = _MEANS.get(place, place)
                self._write(f"mute-{place}", "husk", place, True, state=right, msg=_GARBLED, group="stray")

    def _write(self, what: str, kind: str, place: str = "", in_place: bool = False, **fields: str | bytes) -> None:
        """The data first, and then the id: at no moment is there more wrong than what is planted."""
        task_id = f"{self._name}-{what}"
        if fields:
            self._client.hset(f"{self._prefix}t:{task_id}", mapping=fields)
        if place == "active":
            if in_place:
                self._client.zadd(self._prefix + "lease", {task_id: NEVER})
            self._client.lpush(self._prefix + place, task_id)
        elif place:
            self._client.zadd(self._prefix + place, {task_id: NEVER})
        (self.in_place if in_place else self.planted)[self._queue, task_id.encode()] = (kind, place)

    def expected(self, *, messages: bool) -> Found:
        """What a scan must find of it."""
        return {**self.planted, **(self.in_place if messages else {})}

    def dig_up(self) -> None:
        """Take everything away again."""
        with self._client.pipeline() as pipe:
            for (_, task_id), (_, place) in {**self.planted, **self.in_place}.items():
                if place == "active":
                    pipe.lrem(self._prefix + place, 0, task_id)
                    pipe.zrem(self._prefix + "lease", task_id)
                elif place:
                    pipe.zrem(self._prefix + place, task_id)
                pipe.delete(self._prefix.encode() + b"t:" + task_id)
            pipe.execute()


QUEUE = "default"


GHOSTS = 8_000
"""So many ids are too many for one call of Asynq's archive script."""


def age(client: redis.Redis, index: str = "archived", days: int = 91) -> None:
    """Let time pass for all that stands in an index."""
    name = f"asynq:{{{QUEUE}}}:{index}"
    with client.pipeline(transaction=False) as pipe:
        for member, score in client.zrange(name, 0, -1, withscores=True):
            pipe.zadd(name, {member: score - days * DAY})
        pipe.execute()


def stick(asynq: Asynq, client: redis.Redis, failing: int = 20) -> None:
    """Let 8,000 archived tasks pass the line of 90 days at once, and more tasks fail after that."""
    asynq("archive-all", queue=QUEUE, tasks=GHOSTS)
    age(client)
    asynq("fail", queue=QUEUE, tasks=failing)


def lose_data(client: redis.Redis, count: int) -> list[str]:
    """Somebody deletes the data of the first tasks of a filling by hand."""
    ids = [f"aa-{number:06}" for number in range(count)]
    client.delete(*[f"asynq:{{{QUEUE}}}:t:{one}" for one in ids])
    return ids


def lose_group(asynq: Asynq) -> None:
    """Run a grouped task that fails: it comes back from retry into a group that `groups` names no more."""
    asynq("enqueue", queue=QUEUE, type="mail", id="x", group="mail")
    asynq("run-archived", queue=QUEUE, id="x")
    asynq("process", queue=QUEUE, fail_first=True)
