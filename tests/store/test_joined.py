"""Indexes that are read together with their task data: the same is found in every way, whoever moves what meanwhile."""

import random
from typing import Any

import pytest
from support.asynq_data import key, prefix
from support.damage import DATA, find, put, told, write
from support.oracle import findings
from support.servers import Live
from support.ways import WAYS, going

from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.node_pipe import NodePipe
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.carrying import Contest, Sizes
from archive_tui.store.read.index_check import IndexCheck

LONG = 2_600


def fill(live: Live, queue: str = "default") -> None:
    """Two long indexes with everything that can be wrong in them, here and there."""
    live.asynq.register(queue)
    for state in ("pending", "archived"):
        for part in range(2):
            names = [f"fine-{part}-{number}" for number in range(LONG // 2)]
            live.asynq.add_many(queue, [f"{state}-{name}" for name in names], state)
            for number, what in enumerate(DATA):
                task_id = b"%b-%d-%d" % (state.encode(), part, number)
                write(live.asynq, queue, task_id, what)
                put(live.asynq, queue, task_id, state, 1_795_000_000 - 100_000 * part)


def joins(live: Live) -> int:
    return live.calls().get("sort_ro", 0)


@pytest.mark.parametrize("messages", [False, True])
@pytest.mark.parametrize(
    ("rules", "joined"),
    [
        ("~* +@all", True),
        ("~asynq:* %R~* +@all", True),
        ("~asynq:* +@all", False),
        ("~* +@all -sort_ro", False),
        ("~* +@all -multi", False),
    ],
)
def test_long_indexes_are_joined_where_the_user_may_and_the_same_is_found(
    any_server: Live, rules: str, joined: bool, messages: bool
) -> None:
    fill(any_server)
    any_server.user("u", *rules.split())
    server = any_server.connect(username="u", password="word")
    any_server.client.config_resetstat()
    for _ in range(2):
        found = find(any_server, ["default"], 1_000, server, messages=messages)
        assert told(found) == findings(any_server.client, messages=messages)
        assert len(told(found)) > 50
    assert all(map(server.abilities.has, (Ability.SORT_RO, Ability.TRANSACTIONS))) is joined
    assert joins(any_server) > 4 if joined else joins(any_server) <= 2  # tried once


@pytest.mark.parametrize("queue", ["a*b", "a->b", "a?[b]\\"])
def test_a_name_that_is_a_pattern_is_found_no_less(any_server: Live, queue: str) -> None:
    fill(any_server, queue)
    any_server.client.config_resetstat()
    assert told(find(any_server, [queue], 1_000)) == findings(any_server.client)
    assert (joins(any_server) > 0) is ("*" not in queue)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", ["pending", "archived", "retry"])
@pytest.mark.parametrize("seed", range(3))
def test_whoever_moves_what_meanwhile_nobody_is_lost_and_nothing_false_is_found(
    any_server: Live, way: str, state: str, seed: int
) -> None:
    """Between any two questions tasks are taken out, come back elsewhere, and new ones come in, as workers do it."""
    chance = random.Random(seed)
    asynq, client, index = any_server.asynq, any_server.client, prefix("default") + state.encode()
    standing = [b"gone-%d" % number for number in range(60)]
    fine = [b"fine-%d" % number for number in range(900)]
    order = chance.sample([*standing, *fine], len(standing) + len(fine))
    asynq.register("default")
    asynq.add_many("default", fine, state, referenced=False)
    if state == "pending":
        client.rpush(index, *order)
    else:
        client.zadd(index, {task_id: 1_000 + number for number, task_id in enumerate(order)})
    clock = iter(range(1, 1_000_000))
    message = client.hget(key("default", fine[0]), "msg")

    def move() -> None:
        """One script each, as Asynq does it."""
        with client.pipeline() as together:
            for task_id in chance.sample(fine, 40):
                if state == "pending":
                    together.lrem(index, 1, task_id)
                    (together.lpush if chance.random() < 0.7 else together.rpush)(index, task_id)
                else:
                    together.zadd(index, {task_id: 5_000 + next(clock)}, gt=True)
            new = b"new-%d" % next(clock)
            together.hset(key("default", new), mapping={"state": state, "msg": message})
            if state == "pending":
                together.lpush(index, new)
            else:
                together.zadd(index, {new: chance.choice([0, 500, 9_000])})
            together.execute()

    left = 40
    with going(way, at_once=30), any_server.pipe() as pipe:
        check = IndexCheck(["default"], {}, count=90)
        rows = []
        while not check.done:
            rows += check.step(pipe).rows
            if left:
                move()
                left -= 1
    assert told(rows) == {("default", task_id): ("ghost", state) for task_id in standing}


def test_large_messages_are_not_carried(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of many that were archived together, nor of a whole queue of them."""
    asynq = valkey.asynq
    asynq.register("default")
    asynq.add_many("default", [f"small-{number}" for number in range(3_000)], score=1_000)
    asynq.add_many("default", [f"large-{number}" for number in range(400)], score=2_000, payload=b"x" * 100_000)
    asynq.add_many("default", [f"later-{number}" for number in range(25_000)], score=3_000)
    put(asynq, "default", b"gone", "archived", 2_000)
    receive, most = NodePipe.receive, 0

    def weighed(pipe: Pipe, count: int) -> list[Any]:
        nonlocal most
        replies = receive(pipe, count)
        most = max(most, weight(replies))
        return replies

    monkeypatch.setattr(NodePipe, "receive", weighed)
    valkey.client.config_resetstat()
    with valkey.pipe() as pipe:
        check = IndexCheck(["default"], {}, count=1_000)
        rows = []
        while not check.done:
            rows += check.step(pipe).rows
    assert told(rows) == {("default", b"gone"): ("ghost", "archived")}
    assert most < 1_000_000
    assert joins(valkey)  # of the small ones that follow


def weight(reply: Any) -> int:
    return sum(map(weight, reply)) if isinstance(reply, list) else len(reply) if isinstance(reply, bytes) else 0


def test_carrying_is_given_up_where_the_link_is_slow_and_tried_again() -> None:
    contest = Contest()
    contest.took(1.0, 1_000, carried=False)
    for _ in range(5):
        assert contest.carry()
        contest.took(3.0, 1_000, carried=True)
    turns = []
    for _ in range(40):
        turns.append(contest.carry())
        contest.took(3.0 if turns[-1] else 1.0, 1_000, carried=turns[-1])
    assert 1 <= sum(turns) <= 4
    contest.took(1.5, 1_000, carried=True)  # the link is better now
    assert all(contest.carry() for _ in range(40))


def test_one_large_message_is_enough_not_to_carry_many() -> None:
    sizes = Sizes()
    sizes.note([300] * 500)
    assert sizes.let_carry(1_000)
    sizes.note([10_000])
    assert not sizes.let_carry(1_000)
