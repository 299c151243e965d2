"""The rows of an index, read in bulk: those that reading it task by task gives."""

import random

import pytest
from support.asynq_data import prefix
from support.damage import DATA, put, write
from support.servers import Live
from support.ways import WAYS, going

from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.errors import RefusedError
from archive_tui.store.read import listing, tasks

QUEUE = "default"


def one_by_one(live: Live, state: State) -> list[TaskRow]:
    """Every row of an index, the plain way."""
    with live.pipe() as pipe:
        pieces = list(tasks.listed(pipe, QUEUE, state))
        return [row for piece in pieces for rows in tasks.rows(pipe, QUEUE, state, piece) for row in rows]


def in_bulk(live: Live, state: State) -> list[TaskRow]:
    with live.pipe() as pipe:
        found = listing.batches(pipe, QUEUE, state)
        return [row for batches in found for batch in batches for row in batch.rows()]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [State.PENDING, State.ARCHIVED, State.COMPLETED])
@pytest.mark.parametrize("damaged", [False, True])
def test_the_rows_are_those_of_reading_task_by_task(any_server: Live, way: str, state: State, damaged: bool) -> None:
    asynq = any_server.asynq
    for number in range(150):
        asynq.add(QUEUE, f"fine-{number}", state.value, score=1_795_000_000 + number // 40, error_msg=f"no {number}")
        if damaged and number % 7 == 0:
            write(asynq, QUEUE, b"odd-%d" % number, DATA[number // 7 % len(DATA)])
            put(asynq, QUEUE, b"odd-%d" % number, state.value, 1_795_000_000 + number // 40)
    put(asynq, QUEUE, b"\xff\xfe", state.value)
    expected = one_by_one(any_server, state)
    any_server.client.config_resetstat()
    with going(way, at_once=20):
        rows = in_bulk(any_server, state)
    assert sorted(rows) == sorted(expected)
    assert len(rows) >= 151
    calls = any_server.calls()
    assert ("sort_ro" in calls, calls.get("hmget", 0) > 100) == (way == "joined", way != "joined")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [State.PENDING, State.ARCHIVED])
def test_what_stands_there_all_the_while_is_listed_once(any_server: Live, way: str, state: State) -> None:
    chance = random.Random(1)
    index, client = prefix(QUEUE) + state.value.encode(), any_server.client
    standing, moving = [f"standing-{number}" for number in range(80)], [f"moving-{number}" for number in range(300)]
    for number, task_id in enumerate(chance.sample([*standing, *moving], 380)):
        any_server.asynq.add(QUEUE, task_id, state.value, score=1_000 + number)
    listed: list[bytes] = []
    with going(way, at_once=20), any_server.pipe() as pipe:
        for number, batches in enumerate(listing.batches(pipe, QUEUE, state)):
            listed += [row.id for batch in batches for row in batch.rows()]
            for task_id in chance.sample(moving, 30):
                if state is State.PENDING:
                    client.lrem(index, 1, task_id)
                    client.lpush(index, task_id)
                else:
                    client.zadd(index, {task_id: chance.choice([500, 5_000]) + number})
    assert {task_id.encode() for task_id in standing} <= set(listed)
    assert len(listed) == len(set(listed))


def test_a_key_that_is_no_index_is_refused(any_server: Live) -> None:
    any_server.client.set(prefix(QUEUE) + b"archived", "text")
    with any_server.pipe() as pipe, pytest.raises(RefusedError, match="not the index"):
        list(listing.batches(pipe, QUEUE, State.ARCHIVED))
