"""Damage of every kind, one task or one id at a time, and what the index check makes of it."""

from archive_tui.asynq import keys
from archive_tui.asynq.rows import TaskRow
from archive_tui.store.link.server import Server
from archive_tui.store.read.index_check import IndexCheck
from archive_tui.store.read.leftover import is_leftover
from archive_tui.store.read.referenced import referenced_keys
from archive_tui.store.read.unreferenced import settle
from support.asynq_data import Asynq, a_message, key, prefix
from support.servers import Live


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
            place = keys.split_task(found)
            if place is not None and place not in in_index and hash(found) not in known:
                candidates.append(place)
        for settled in settle(pipe, candidates, leftover):
            rows += settled
    return rows
