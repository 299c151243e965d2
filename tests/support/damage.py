"""Damage of every kind, one task or one id at a time, and what the index check makes of it."""

from collections.abc import Iterable

from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.rows import TaskRow
from archive_tui.store.link.server import Server
from archive_tui.store.read.index_check import IndexCheck
from archive_tui.store.read.leftover import is_leftover
from archive_tui.store.read.referenced import referenced_keys
from archive_tui.store.read.unreferenced import settle
from support.asynq_data import STATES, Asynq, a_message, key, lock_key, prefix
from support.oracle import ORDER, Finding
from support.schedulers import ALIVE, DEAD, HOUR, beat, enqueue
from support.servers import Live

INDEXES = (*ORDER, "held", "g:daily", "g:daily:0badcafe", "g:stray")
"""Indexes in which `put` puts an id."""

NAMED = tuple(one for one in INDEXES if one != "g:stray")
"""The same without a group that nobody names."""

DATA = (
    "nothing", "string", "stateless", "husk", "garbled", "undone", "empty", "other", "unheard-of",
    "pending", "active", "scheduled", "retry", "archived", "completed", "aggregating", "astray",
    "garbled pending", "garbled active", "garbled completed", "garbled aggregating",
)  # fmt: skip
"""Kinds of data that `write` writes."""


def put(asynq: Asynq, queue: str, task_id: bytes, index: str, score: float = 1_795_000_000) -> None:
    """Put an id into one index, and nowhere else."""
    name = prefix(queue) + index.encode()
    if index in ("pending", "active"):
        asynq.client.lpush(name, task_id)
    elif index == "held":
        put(asynq, queue, task_id, "active")
        put(asynq, queue, task_id, "lease")
    else:
        asynq.client.zadd(name, {task_id: score})
    if index == "g:daily":
        asynq.client.sadd(prefix(queue) + b"groups", "daily")
    if index == "g:daily:0badcafe":
        asynq.client.zadd(prefix(queue) + b"aggregation_sets", {name: score})


def write(asynq: Asynq, queue: str, task_id: bytes, what: str) -> None:
    """Write the data of one task, in no index: a state, or one of several things that are no proper data."""
    at = key(queue, task_id)
    message = a_message(queue, task_id).SerializeToString()
    if what == "string":
        asynq.client.set(at, "text")
    elif what == "stateless":
        asynq.client.hset(at, mapping={"msg": message})
    elif what == "husk":
        asynq.client.hset(at, mapping={"state": "pending"})
    elif what == "garbled":
        asynq.client.hset(at, mapping={"state": "archived", "msg": b"\xff\xff"})
    elif what.startswith("garbled "):
        asynq.client.hset(at, mapping={"state": what[8:], "msg": b"\x0a\x05abc", "group": "daily"})
    elif what == "undone":
        asynq.client.hset(at, mapping={"state": "completed"})
    elif what == "empty":
        asynq.client.hset(at, mapping={"state": "retry", "msg": b""})
    elif what == "other":
        asynq.client.hset(at, mapping={"result": b"1"})
    elif what == "aggregating":
        asynq.client.hset(at, mapping={"state": what, "msg": message, "group": "daily"})
    elif what == "astray":
        asynq.client.hset(at, mapping={"state": "aggregating", "msg": message, "group": "stray"})
    elif what != "nothing":
        asynq.client.hset(at, mapping={"state": what, "msg": message})


def plant(live: Live, healthy: int = 30) -> None:
    """Everything that can be wrong in an installation: each kind of data in each index and in none, a leftover queue, a
    stale lock, the history of a scheduler that is gone. Beside it so many healthy tasks in each state.
    """
    asynq = live.asynq
    asynq.register("damaged", "healthy")
    for state in STATES:
        asynq.add_many("healthy", [f"{state}-{number}" for number in range(healthy)], state)
    asynq.add("healthy", "locked", unique=lock_key("healthy"))
    places = [(what, place) for what in DATA for place in ("", *NAMED)]
    for number, (what, place) in enumerate([*places, ("astray", "g:stray")]):
        task_id = b"task-%d" % number
        write(asynq, "damaged", task_id, what)
        if place:
            put(asynq, "damaged", task_id, place)
    asynq.add("damaged", b"\xff\x1b[31m\n", referenced=False, payload=bytes(range(256)), fields={b"\xfe": b"\x00"})
    asynq.add("damaged", "locked", referenced=False, unique=lock_key("damaged"))
    asynq.add_many("leftover", ["one", "two"], "completed")
    live.client.set(STALE_LOCK, "gone", px=3_600_000)
    enqueue(live.client, DEAD, 3 * HOUR, 2 * HOUR)
    enqueue(live.client, ALIVE, 3 * HOUR, 2 * HOUR)
    beat(live.client, [ALIVE])


STALE_LOCK = lock_key("damaged", payload=b"of a task that is gone")
"""The lock that `plant` leaves without a task."""


def told(rows: Iterable[TaskRow]) -> dict[tuple[str, bytes], Finding]:
    """What was found, each task once; what is found first counts."""
    found: dict[tuple[str, bytes], Finding] = {}
    for row in rows:
        assert row.kind is not None
        found.setdefault((row.queue, row.id), (row.kind.value, row.index_name))
    return found


def find(
    live: Live, queues: list[str], count: int = 3, server: Server | None = None, *, messages: bool = False
) -> list[TaskRow]:
    """Check the indexes and settle every task there is."""
    rows: list[TaskRow] = []
    with (server or live.connect()).pipe() as pipe:
        leftover = frozenset(queue for queue in queues if is_leftover(pipe, queue))
        check = IndexCheck(queues, count=count, messages=messages)
        candidates = []
        while not check.done:
            step = check.step(pipe)
            rows += step.rows
            candidates += step.unsettled
        in_index = {(row.queue, row.id) for row in rows}
        known = {
            one
            for queue in queues
            for piece in referenced_keys(pipe, queue, without_completed=queue in leftover)
            for one in piece
        }
        for found in live.client.scan_iter(b"asynq:{*}:t:*"):
            place = ASYNQ.split_task(found)
            if place is not None and place not in in_index and hash(found) not in known:
                candidates.append(place)
        for settled in settle(pipe, candidates, leftover):
            rows += settled
    return rows
