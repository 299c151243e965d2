"""Tasks: listings of an index, and all there is to read about one task."""

import hashlib
import os
import socket

import pytest
from redis.exceptions import ConnectionError, ResponseError, TimeoutError
from support import asynq_data
from support.asynq_data import NOW
from support.servers import Live

from archive_tui.asynq.states import State
from archive_tui.errors import NotFoundError, RefusedError
from archive_tui.store.link.large_reply import LargeReply
from archive_tui.store.read import tasks


def listed(live: Live, queue: str, state: State = State.ARCHIVED) -> list[tuple[bytes, int | None]]:
    with live.pipe() as pipe:
        return [one for piece in tasks.listed(pipe, queue, state) for one in piece]


def test_a_sorted_set_is_listed_newest_first(any_server: Live) -> None:
    mapping = {b"%d" % number: NOW + number for number in range(3500)}
    any_server.client.zadd("asynq:{q}:archived", mapping)
    found = list(dict.fromkeys(listed(any_server, "q")))
    assert found == [(b"%d" % number, NOW + number) for number in reversed(range(3500))]


def test_a_list_is_listed_in_its_order(any_server: Live) -> None:
    any_server.client.rpush("asynq:{q}:pending", *[b"%d" % number for number in range(2100)])
    found = list(dict.fromkeys(listed(any_server, "q", State.PENDING)))
    assert found == [(b"%d" % number, None) for number in range(2100)]


def test_what_is_removed_above_does_not_make_a_listing_skip(any_server: Live) -> None:
    any_server.client.zadd("asynq:{q}:archived", {b"%d" % number: number for number in range(2500)})
    found: set[bytes] = set()
    with any_server.pipe() as pipe:
        for piece in tasks.listed(pipe, "q", State.ARCHIVED):
            found.update(task_id for task_id, _ in piece)
            any_server.client.zremrangebyrank("asynq:{q}:archived", -40, -1)
    assert found >= {b"%d" % number for number in range(2460)}


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 1950, 1951])
def test_listings_of_every_length_end(valkey: Live, count: int) -> None:
    if count:
        valkey.client.zadd("asynq:{q}:retry", {b"%d" % number: number for number in range(count)})
    assert len(set(listed(valkey, "q", State.RETRY))) == count


def rows(live: Live, queue: str, piece: list[tuple[bytes, int | None]]) -> list[list[object]]:
    with live.pipe() as pipe:
        return [list(batch) for batch in tasks.rows(pipe, queue, State.ARCHIVED, piece)]


def test_rows_of_a_listing(any_server: Live) -> None:
    raw = any_server.asynq.add("q", "fine", error_msg="boom", retried=3, payload=b"x" * 200)
    any_server.asynq.add("q", "husk", message=b"")
    any_server.asynq.add("q", "broken", message=b"\xff\xff")
    any_server.client.hdel(asynq_data.key("q", "husk"), "msg")
    any_server.client.set(asynq_data.key("q", "string"), "x")
    any_server.asynq.add("q", "other-state", "active")
    piece = [(name, 5) for name in (b"fine", b"ghost", b"husk", b"broken", b"string", b"other-state")]
    (batch,) = rows(any_server, "q", piece)
    fine, ghost, husk, broken, string, other = batch
    assert (fine.error, fine.retried, fine.scored_at, fine.state) == ("boom", 3, 5, State.ARCHIVED)
    assert fine.fingerprint == hashlib.sha1(raw).digest()[:8]
    assert fine.stored_bytes == pytest.approx(any_server.client.memory_usage(asynq_data.key("q", "fine")), rel=0.3)
    assert (ghost.readable, ghost.state, ghost.stored_bytes) == (False, None, None)
    assert (string.readable, string.state) == (False, None)
    assert (husk.readable, husk.state) == (False, State.ARCHIVED)
    assert (broken.readable, broken.stored_bytes is None) == (False, False)
    assert other.state is State.ACTIVE


def test_large_messages_are_read_a_few_at_a_time(any_server: Live) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(10)], payload=b"x" * 1_500_000)
    piece = [(b"%d" % number, 1) for number in range(10)]
    batches = rows(any_server, "q", piece)
    assert [len(batch) for batch in batches] == [2, 2, 2, 2, 2]
    assert [row.id for batch in batches for row in batch] == [task_id for task_id, _ in piece]


def test_a_message_larger_than_the_budget_is_read_alone(any_server: Live) -> None:
    for task_id, size in ((b"a", 10), (b"b", 6_000_000), (b"c", 10)):
        any_server.asynq.add("q", task_id, payload=b"x" * size)
    assert [len(batch) for batch in rows(any_server, "q", [(b"a", 1), (b"b", 1), (b"c", 1)])] == [1, 1, 1]


def read(live: Live, queue: str, task_id: bytes, **changes: object) -> tasks.Task:
    with live.pipe(**changes) as pipe:
        return tasks.read(pipe, queue, task_id)


NASTY_IDS = [b"a\nb", b"\x1b]0;x\x07", b"\xff\xfe", b"x" * 300, b"", b"*", b"[/x]", "grüße".encode(), b"t:x", b"}:t:"]


@pytest.mark.parametrize("task_id", NASTY_IDS)
def test_a_task_with_any_id_is_read(any_server: Live, task_id: bytes) -> None:
    any_server.asynq.add("q", task_id, payload=b"abc", score=NOW + 5)
    task = read(any_server, "q", task_id)
    assert (task.id, task.payload, task.state) == (task_id, b"abc", State.ARCHIVED)
    assert task.stands_in == {"archived": NOW + 5}
    assert task.referenced
    assert task.memory == any_server.client.memory_usage(asynq_data.key("q", task_id))


@pytest.mark.parametrize("state", asynq_data.STATES)
def test_where_a_task_stands(any_server: Live, state: str) -> None:
    any_server.asynq.add("q", "one", state)
    task = read(any_server, "q", b"one")
    score = None if state in asynq_data.LISTS else float(NOW)
    assert task.stands_in == {state: score} | ({"lease": float(NOW)} if state == "active" else {})
    assert task.referenced
    any_server.asynq.add("q", "two", state, referenced=False)
    assert not read(any_server, "q", b"two").referenced


def test_a_task_that_is_being_aggregated(any_server: Live) -> None:
    any_server.asynq.add("q", "one", "aggregating", referenced=False)
    any_server.client.zadd("asynq:{q}:g:g1:set", {"one": NOW})
    any_server.client.zadd("asynq:{q}:aggregation_sets", {"asynq:{q}:g:g1:set": NOW})
    assert read(any_server, "q", b"one").stands_in == {"aggregating": NOW}


def test_a_task_that_stands_in_several_indexes(any_server: Live) -> None:
    any_server.asynq.add("q", "one", "active", referenced=False)
    any_server.asynq.refer("q", "one", "archived")
    any_server.asynq.refer("q", "one", "pending")
    task = read(any_server, "q", b"one")
    assert task.stands_in == {"archived": NOW, "pending": None}
    assert not task.referenced


def test_the_lock_of_a_task(any_server: Live) -> None:
    lock = asynq_data.lock_key("q")
    any_server.asynq.add("q", "one", unique=lock)
    found = read(any_server, "q", b"one").lock
    assert found is not None
    assert (found.key, found.holder) == (lock, b"one")
    assert found.seconds_left == pytest.approx(3600, abs=30)
    any_server.client.set(lock, "two")
    found = read(any_server, "q", b"one").lock
    assert found is not None
    assert (found.holder, found.seconds_left) == (b"two", None)
    any_server.client.delete(lock)
    any_server.client.lpush(lock, "a list")
    assert read(any_server, "q", b"one").lock.holder is None
    any_server.asynq.add("q", "without")
    assert read(any_server, "q", b"without").lock is None


def test_a_lock_that_the_message_alone_names(any_server: Live) -> None:
    lock = asynq_data.lock_key("q")
    any_server.asynq.add("q", "one", unique=lock, unique_field=False)
    found = read(any_server, "q", b"one").lock
    assert found is not None
    assert (found.key, found.holder, found.named) == (lock, b"one", True)


@pytest.mark.parametrize("payload", [b"{}", b"", None], ids=["payload", "empty payload", "no payload"])
def test_a_lock_that_no_name_leads_to_is_found_by_its_holder(any_server: Live, payload: bytes | None) -> None:
    lock = asynq_data.lock_key("q", payload=payload or b"")
    if payload is None:
        lock = lock[:-32]
    any_server.asynq.add("q", "one", payload=payload or b"")
    assert read(any_server, "q", b"one").lock is None
    any_server.client.set(lock, "two")
    assert read(any_server, "q", b"one").lock is None
    any_server.client.set(lock, "one", ex=100)
    found = read(any_server, "q", b"one").lock
    assert found is not None
    assert (found.key, found.holder, found.named) == (lock, b"one", False)


@pytest.mark.parametrize("state", [State.ARCHIVED, State.PENDING])
def test_a_key_that_is_no_index_lists_nothing_and_says_so(any_server: Live, state: State) -> None:
    any_server.client.hset(asynq_data.prefix("q") + state.value.encode(), "a", "b")
    with pytest.raises(
        RefusedError, match=rf"asynq:{{q}}:{state} is a hash, not the index that Asynq writes"
    ) as caught:
        listed(any_server, "q", state)
    assert caught.value.exit_code == 5


def test_tasks_that_are_not_there(any_server: Live) -> None:
    with pytest.raises(NotFoundError, match="'q' holds no data for task 'a␛b'") as caught:
        read(any_server, "q", b"a\x1bb")
    assert caught.value.exit_code == 6
    any_server.client.lpush(asynq_data.key("q", "one"), "x")
    with pytest.raises(NotFoundError, match="is a list, not task data"):
        read(any_server, "q", b"one")


def test_a_task_without_a_readable_message(any_server: Live) -> None:
    any_server.client.hset(asynq_data.key("q", "husk"), "state", "nonsense")
    task = read(any_server, "q", b"husk")
    assert (task.message, task.state, task.payload, task.fields.get(b"msg")) == (None, None, b"", None)
    any_server.asynq.add("q", "broken", message=b"\xff")
    assert read(any_server, "q", b"broken").message is None


def test_a_task_is_read_by_a_user_who_may_only_read(any_server: Live) -> None:
    any_server.asynq.add("q", "one", unique=asynq_data.lock_key("q"))
    any_server.user("ann", "~*", "+@read", "-memory", "-lpos")
    task = read(any_server, "q", b"one", username="ann", password="word")
    assert task.referenced
    assert task.memory is None
    assert task.unchecked == ("pending", "active")
    assert task.lock is not None


def test_a_task_of_fifty_mebibytes(valkey: Live) -> None:
    payload = os.urandom(1024) * 50 * 1024
    valkey.asynq.add("q", "huge", payload=payload)
    assert read(valkey, "q", b"huge").payload == payload
    ((row,),) = rows(valkey, "q", [(b"huge", 1)])
    assert row.payload_bytes == len(payload)


def test_a_large_task_is_read_with_every_field_beside_it(any_server: Live) -> None:
    payload = b"$5\r\n\r\n" + os.urandom(2 * 1024 * 1024)
    any_server.asynq.add("q", "large", payload=payload, error_msg="boom", fields={b"": b"\r\n", b"note": b"$1\r\n*"})
    any_server.asynq.add("q", "after")
    task = read(any_server, "q", b"large")
    assert (task.payload, task.type, task.referenced) == (payload, "email:send", True)
    assert task.message is not None
    assert task.message.error_msg == "boom"
    assert task.fields == any_server.client.hgetall(asynq_data.key("q", "large"))
    with any_server.pipe() as pipe:
        both = [tasks.read(pipe, "q", task_id) for task_id in (b"large", b"after", b"large")]
    assert [task.payload == payload for task in both] == [True, False, True]


def test_every_reply_that_is_read_as_a_large_one_is_what_it_is(any_server: Live) -> None:
    any_server.client.hset("hash", mapping={"a": "1", "b": ""})
    any_server.client.sadd("set", "x")
    with any_server.pipe() as pipe:
        assert pipe.large(b"HGETALL", b"hash") == [b"a", b"1", b"b", b""]
        assert pipe.large(b"HGETALL", b"none") == []
        assert pipe.large(b"HGET", b"hash", b"c") is None
        assert pipe.large(b"HMGET", b"hash", b"b", b"c") == [b"", None]
        assert (pipe.large(b"HLEN", b"hash"), pipe.large(b"PING"), pipe.one(b"HLEN", b"hash")) == (2, b"PONG", 2)
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            pipe.large(b"HGETALL", b"set")
        assert pipe.one(b"PING") == b"PONG"


def test_a_large_reply_whose_connection_ends_is_a_lost_connection() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.01)
        theirs.sendall(b"*2\r\n$3\r\nmsg\r\n$9\r\nabc")
        with pytest.raises(TimeoutError):
            LargeReply(ours).read()
        theirs.sendall(b"$9\r\nabc")
        theirs.close()
        with pytest.raises(ConnectionError):
            LargeReply(ours).read()


def test_a_listing_asks_for_the_type_of_an_index_only_where_it_is_wrong(valkey: Live) -> None:
    valkey.asynq.add_many("q", ["one", "two"])
    valkey.client.set("asynq:{q}:retry", "text")
    with valkey.pipe() as pipe:
        valkey.client.config_resetstat()
        assert list(tasks.listed(pipe, "q", State.ARCHIVED))
        assert "type" not in valkey.calls()
        with pytest.raises(RefusedError, match=r"asynq:\{q\}:retry is a string, not the index that Asynq writes"):
            list(tasks.listed(pipe, "q", State.RETRY))
        assert pipe.owed == 0
