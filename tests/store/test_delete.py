"""The verified deletion: exactly what was planned and is still so, each batch whole or not at all."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import NoScriptError
from support import asynq_data
from support.asynq_data import NOW, key, lock_key, prefix
from support.deletion import delete
from support.installations import IDS, QUEUES, planted
from support.servers import Live

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.asynq.task import FINGERPRINT_BYTES, fingerprint
from archive_tui.errors import ArchiveTuiError, NotPermittedError, RefusedError
from archive_tui.store.read import tasks
from archive_tui.store.write.delete import Doomed, Standing

LOCK = lock_key("q")


def doom(
    task_id: bytes | str,
    raw: bytes | None,
    state: str | None = "archived",
    standing: Standing = Standing.ORPHAN,
) -> Doomed:
    """What a plan says of a task."""
    return Doomed(
        asynq_data.raw(task_id),
        State(state) if state is not None else None,
        fingerprint(raw) if raw is not None else b"",
        standing,
    )


def carry_out(live: Live, *batch: Doomed, queue: str = "q", **changes: Any) -> list[Outcome]:
    with live.pipe(**changes) as pipe:
        return delete(pipe, queue, batch)


def orphan(live: Live, task_id: bytes | str = "one", state: str = "archived", **options: Any) -> Doomed:
    """Write an orphan, and plan to delete it."""
    return doom(task_id, live.asynq.add("q", task_id, state, referenced=False, **options), state)


def indexed(live: Live, task_id: bytes | str = "one", state: str = "archived", **options: Any) -> Doomed:
    """Write a task that stands in its index, and plan to delete it."""
    return doom(task_id, live.asynq.add("q", task_id, state, **options), state, standing=Standing.INDEXED)


def left(live: Live) -> set[bytes]:
    """Every key of queue q."""
    return {one for one in live.client.scan_iter(count=1000) if one.startswith(prefix("q"))}


# What may be deleted


@pytest.mark.parametrize("task_id", IDS)
def test_an_orphan_is_deleted_whatever_its_id(any_server: Live, task_id: bytes) -> None:
    one = orphan(any_server, task_id)
    other = orphan(any_server, task_id + b"!")
    assert carry_out(any_server, one) == [Outcome.DONE]
    assert left(any_server) == {key("q", other.id)}


@pytest.mark.parametrize("queue", QUEUES)
def test_an_orphan_is_deleted_whatever_its_queue(any_server: Live, queue: str) -> None:
    raw = any_server.asynq.add(queue, "one", referenced=False, unique=lock_key(queue))
    assert carry_out(any_server, doom("one", raw), queue=queue) == [Outcome.DONE_AND_UNLOCKED]
    assert any_server.client.dbsize() == 0


@pytest.mark.parametrize("state", ["archived", "completed", "scheduled", "retry"])
def test_an_indexed_task_leaves_with_its_id(any_server: Live, state: str) -> None:
    one, other = indexed(any_server, "one", state), indexed(any_server, "other", state)
    assert carry_out(any_server, one) == [Outcome.DONE]
    assert left(any_server) == {key("q", "other"), prefix("q") + state.encode()}
    assert any_server.client.zrange(prefix("q") + state.encode(), 0, -1) == [b"other"]
    assert carry_out(any_server, other) == [Outcome.DONE]
    assert left(any_server) == set()


def test_data_without_a_readable_message_is_deleted_as_it_was_seen(any_server: Live) -> None:
    any_server.client.hset(key("q", "husk"), "state", "archived")
    batch = [
        orphan(any_server, "broken", message=b"\xff\xff"),
        orphan(any_server, "empty", message=b""),
        doom("husk", None),
    ]
    assert carry_out(any_server, *batch) == [Outcome.DONE] * 3
    assert left(any_server) == set()


def test_nothing_else_goes_with_it(any_server: Live) -> None:
    orphan(any_server, "other", unique=lock_key("q", payload=b"other"))
    for state in asynq_data.STATES:
        any_server.asynq.add("q", state, state)
    any_server.asynq.add("q2", "one", referenced=False)
    before = asynq_data.everything(any_server.client)
    one = orphan(any_server, unique=LOCK)
    assert carry_out(any_server, one) == [Outcome.DONE_AND_UNLOCKED]
    assert asynq_data.everything(any_server.client) == before


def test_many_in_one_batch(any_server: Live) -> None:
    raw = any_server.asynq.add("q", "0", referenced=False)
    ids = [b"%d" % number for number in range(10_000)]
    any_server.asynq.add_many("q", ids, referenced=False, message=raw)
    outcomes = carry_out(any_server, *[doom(task_id, raw) for task_id in ids])
    assert outcomes == [Outcome.DONE] * 10_000
    assert any_server.client.dbsize() == 0


def test_nothing_to_delete(any_server: Live) -> None:
    any_server.client.config_resetstat()
    assert carry_out(any_server) == []
    assert "evalsha" not in any_server.calls()


# What must be skipped


def refer(index: str) -> Callable[[Live], object]:
    if index == "lease":
        return lambda live: live.client.zadd(prefix("q") + b"lease", {"one": NOW})
    return lambda live: live.asynq.refer("q", "one", index)


def change(name: str, value: Any) -> Callable[[Live], object]:
    return lambda live: live.client.hset(key("q", "one"), name, value)


CHANGES_OF_ANY: dict[str, tuple[Callable[[Live], object], Outcome]] = {
    "deleted": (lambda live: live.client.delete(key("q", "one")), Outcome.GONE),
    "state changed": (change("state", "pending"), Outcome.STATE_CHANGED),
    "state of another kind": (change("state", "completed"), Outcome.STATE_CHANGED),
    "state gone": (lambda live: live.client.hdel(key("q", "one"), "state"), Outcome.STATE_CHANGED),
    "message changed": (change("msg", b"\x0a\x01a"), Outcome.MESSAGE_CHANGED),
    "message emptied": (change("msg", b""), Outcome.MESSAGE_CHANGED),
    "message gone": (lambda live: live.client.hdel(key("q", "one"), "msg"), Outcome.MESSAGE_CHANGED),
    "a string now": (lambda live: live.client.set(key("q", "one"), "x"), Outcome.NOT_A_TASK),
    "a list now": (
        lambda live: (live.client.delete(key("q", "one")), live.client.lpush(key("q", "one"), "x")),
        Outcome.NOT_A_TASK,
    ),
    "a sorted set now": (
        lambda live: (live.client.delete(key("q", "one")), live.client.zadd(key("q", "one"), {"x": 1})),
        Outcome.NOT_A_TASK,
    ),
}
CHANGES_OF_ORPHANS = {
    **CHANGES_OF_ANY,
    **{
        f"in {index}": (refer(index), Outcome.NOW_REFERENCED)
        for index in ("archived", "completed", "scheduled", "retry", "lease")
    },
}
CHANGES_OF_INDEXED = {
    **CHANGES_OF_ANY,
    "left the index": (lambda live: live.client.zrem(prefix("q") + b"archived", "one"), Outcome.NOT_IN_INDEX),
    "moved to another index": (
        lambda live: (live.client.delete(prefix("q") + b"archived"), live.asynq.refer("q", "one", "retry")),
        Outcome.NOT_IN_INDEX,
    ),
    "index of another type": (lambda live: live.client.set(prefix("q") + b"archived", "x"), Outcome.NOT_IN_INDEX),
}


def check_skipped(live: Live, plan: Doomed, happens: Callable[[Live], object], outcome: Outcome) -> None:
    happens(live)
    before = asynq_data.everything(live.client)
    assert carry_out(live, plan) == [outcome]
    assert not outcome.done
    assert asynq_data.everything(live.client) == before


@pytest.mark.parametrize("case", CHANGES_OF_ORPHANS)
def test_an_orphan_that_changed_since_it_was_found_is_skipped(any_server: Live, case: str) -> None:
    check_skipped(any_server, orphan(any_server, unique=LOCK), *CHANGES_OF_ORPHANS[case])


@pytest.mark.parametrize("case", CHANGES_OF_INDEXED)
def test_an_indexed_task_that_changed_since_it_was_listed_is_skipped(any_server: Live, case: str) -> None:
    check_skipped(any_server, indexed(any_server, unique=LOCK), *CHANGES_OF_INDEXED[case])


def test_a_message_that_appeared_since_is_not_deleted(any_server: Live) -> None:
    any_server.client.hset(key("q", "one"), "state", "archived")
    check_skipped(any_server, doom("one", None), change("msg", b"\x0a\x01a"), Outcome.MESSAGE_CHANGED)
    check_skipped(any_server, doom("one", None), change("msg", b""), Outcome.MESSAGE_CHANGED)


def test_an_index_of_another_type_holds_no_ids(any_server: Live) -> None:
    one = orphan(any_server)
    for index in ("archived", "completed", "scheduled", "retry", "lease"):
        any_server.client.set(prefix("q") + index.encode(), "x")
    assert carry_out(any_server, one) == [Outcome.DONE]


def asynq_runs_it(live: Live) -> None:
    live.asynq.run("q", "one")


def a_worker_takes_it(live: Live) -> None:
    asynq_runs_it(live)
    live.asynq.take("q")


def it_fails_and_will_be_tried_again(live: Live) -> None:
    a_worker_takes_it(live)
    live.asynq.fail("q", "one", "retry")


def it_fails_and_is_archived_again(live: Live) -> None:
    a_worker_takes_it(live)
    live.asynq.fail("q", "one", "archived")


def it_succeeds_and_is_enqueued_again(live: Live) -> None:
    a_worker_takes_it(live)
    live.client.delete(key("q", "one"), prefix("q") + b"active", prefix("q") + b"lease")
    live.asynq.add("q", "one", "pending")


@pytest.mark.parametrize(
    ("happens", "outcome"),
    [
        (asynq_runs_it, Outcome.STATE_CHANGED),
        (a_worker_takes_it, Outcome.STATE_CHANGED),
        (it_fails_and_will_be_tried_again, Outcome.STATE_CHANGED),
        (it_fails_and_is_archived_again, Outcome.MESSAGE_CHANGED),
        (it_succeeds_and_is_enqueued_again, Outcome.STATE_CHANGED),
    ],
)
@pytest.mark.parametrize("write", [orphan, indexed])
def test_a_task_that_asynq_moved_on_is_skipped(
    any_server: Live, write: Callable[[Live], Doomed], happens: Callable[[Live], None], outcome: Outcome
) -> None:
    check_skipped(any_server, write(any_server), happens, outcome)


def test_a_task_in_a_state_that_has_no_sorted_set_is_skipped(any_server: Live) -> None:
    for state in ("pending", "active", "aggregating"):
        plan = indexed(any_server, "one", state)
        check_skipped(any_server, plan, lambda _: None, Outcome.NOT_IN_INDEX)
    any_server.client.hdel(key("q", "one"), "state")
    any_server.asynq.refer("q", "one", "archived")
    check_skipped(
        any_server, doom("one", None, None, standing=Standing.INDEXED), lambda _: None, Outcome.MESSAGE_CHANGED
    )


def test_one_that_is_skipped_holds_nobody_up(any_server: Live) -> None:
    batch = [orphan(any_server, name) for name in ("a", "b", "c", "d")]
    any_server.asynq.refer("q", "b", "archived")
    any_server.client.delete(key("q", "c"))
    assert carry_out(any_server, *batch) == [Outcome.DONE, Outcome.NOW_REFERENCED, Outcome.GONE, Outcome.DONE]
    assert left(any_server) == {key("q", "b"), prefix("q") + b"archived"}


@pytest.mark.parametrize("write", [orphan, indexed])
def test_the_same_task_twice_in_a_batch(any_server: Live, write: Callable[[Live], Doomed]) -> None:
    plan = write(any_server)
    assert carry_out(any_server, plan, plan) == [Outcome.DONE, Outcome.GONE]


# Leftover queues


def leftover(live: Live, task_id: str = "one") -> Doomed:
    """A completed task of a queue that is not registered any more, with its id in the index that nobody looks at."""
    return doom(task_id, live.asynq.add("q", task_id, "completed"), "completed", Standing.LEFTOVER)


def test_a_leftover_is_deleted_with_its_id(any_server: Live) -> None:
    assert carry_out(any_server, leftover(any_server), leftover(any_server, "two")) == [Outcome.DONE] * 2
    assert left(any_server) == set()


@pytest.mark.parametrize("wakes", ["registered", "pending", "active", "scheduled", "retry"])
def test_a_queue_that_came_back_to_life_keeps_its_completed_tasks(any_server: Live, wakes: str) -> None:
    plan = leftover(any_server)
    if wakes == "registered":
        any_server.asynq.register("q")
    else:
        any_server.asynq.add("q", "work", wakes)
    check_skipped(any_server, plan, lambda _: None, Outcome.QUEUE_AWAKE)


@pytest.mark.parametrize("case", ["deleted", "state changed", "message changed", "a string now"])
def test_a_leftover_that_changed_since_it_was_found_is_skipped(any_server: Live, case: str) -> None:
    check_skipped(any_server, leftover(any_server), *CHANGES_OF_ANY[case])


# Unique locks


def test_a_lock_of_its_own_is_released(any_server: Live) -> None:
    one, two = orphan(any_server, unique=LOCK), indexed(any_server, "two", unique=lock_key("q", payload=b"2"))
    assert carry_out(any_server, one) == [Outcome.DONE_AND_UNLOCKED]
    assert carry_out(any_server, two) == [Outcome.DONE_AND_UNLOCKED]
    assert left(any_server) == set()


@pytest.mark.parametrize("payload", [b"", b"\x00\x52\xff" * 100, b"x" * 70_000])
def test_a_lock_that_the_message_alone_names_is_released(any_server: Live, payload: bytes) -> None:
    """Asynq leaves it out of the hash where a task has a group and is unique."""
    facts: dict[str, Any] = {"unique_field": False, "payload": payload, "headers": {"a": "b"}, "timeout": 2**62}
    one = orphan(any_server, unique=LOCK, **facts)
    two = indexed(any_server, "two", unique=lock_key("q", payload=b"2"), **facts)
    assert carry_out(any_server, one) == [Outcome.DONE_AND_UNLOCKED]
    assert carry_out(any_server, two) == [Outcome.DONE_AND_UNLOCKED]
    assert left(any_server) == set()


def test_the_field_counts_where_field_and_message_name_different_locks(any_server: Live) -> None:
    other = lock_key("q", payload=b"other")
    one = orphan(any_server, unique=LOCK, fields={b"unique_key": other})
    any_server.client.set(other, "one")
    assert carry_out(any_server, one) == [Outcome.DONE_AND_UNLOCKED]
    assert left(any_server) == {LOCK}


def test_a_message_that_only_speaks_of_a_lock_names_none(any_server: Live) -> None:
    one = orphan(any_server, payload=LOCK)
    any_server.client.set(LOCK, "one")
    assert carry_out(any_server, one) == [Outcome.DONE]
    assert left(any_server) == {LOCK}


def test_a_lock_that_somebody_else_holds_is_left_alone(any_server: Live) -> None:
    one = orphan(any_server, unique=LOCK)
    any_server.client.set(LOCK, "two", ex=100)
    assert carry_out(any_server, one) == [Outcome.DONE]
    assert any_server.client.get(LOCK) == b"two"
    assert any_server.client.ttl(LOCK) > 90


def test_a_lock_that_has_run_out(any_server: Live) -> None:
    one = orphan(any_server, unique=LOCK)
    any_server.client.delete(LOCK)
    assert carry_out(any_server, one) == [Outcome.DONE]


def test_a_lock_of_another_type_is_left_alone(any_server: Live) -> None:
    one = orphan(any_server, unique=LOCK)
    any_server.client.delete(LOCK)
    any_server.client.sadd(LOCK, "one")
    assert carry_out(any_server, one) == [Outcome.DONE]
    assert any_server.client.smembers(LOCK) == {b"one"}


@pytest.mark.parametrize(
    "foreign",
    [b"session:one", b"asynq:queues", lock_key("q2"), prefix("q") + b"paused", key("q", "two"), b"asynq:{q}:unique",
     b"xasynq:{q}:unique:a", b""],
)  # fmt: skip
def test_a_key_that_is_no_lock_of_this_queue_is_left_alone(any_server: Live, foreign: bytes) -> None:
    one = orphan(any_server, fields={b"unique_key": foreign})
    any_server.client.set(foreign, "one")
    assert carry_out(any_server, one) == [Outcome.DONE]
    assert any_server.client.get(foreign) == b"one"


def test_a_task_that_is_skipped_keeps_its_lock(any_server: Live) -> None:
    one = orphan(any_server, unique=LOCK)
    any_server.asynq.refer("q", "one", "archived")
    assert carry_out(any_server, one) == [Outcome.NOW_REFERENCED]
    assert any_server.client.get(LOCK) == b"one"


# All or nothing

FORBIDDEN = ["unlink", "del", "zrem", "get", "hmget", "zscore", "exists", "@write", "@read"]


@pytest.mark.parametrize("write", [orphan, indexed])
@pytest.mark.parametrize("command", [*FORBIDDEN, "evalsha", "@scripting"])
def test_nothing_is_deleted_where_a_command_is_not_permitted(
    any_server: Live, command: str, write: Callable[..., Doomed]
) -> None:
    batch = [write(any_server, name, unique=lock_key("q", payload=name.encode())) for name in ("a", "b", "c")]
    any_server.user("ann", "~*", "+@all", f"-{command}")
    before = asynq_data.everything(any_server.client)
    with pytest.raises(ArchiveTuiError):
        carry_out(any_server, *batch, username="ann", password="word")
    assert asynq_data.everything(any_server.client) == before


@pytest.mark.parametrize("command", FORBIDDEN)
def test_a_command_that_the_script_may_not_use_is_a_matter_of_permission(any_server: Live, command: str) -> None:
    one = orphan(any_server)
    any_server.user("ann", "~*", "+@all", f"-{command}")
    with pytest.raises(NotPermittedError):
        carry_out(any_server, one, username="ann", password="word")


def test_nothing_is_deleted_where_the_script_itself_may_not_be_sent(any_server: Live) -> None:
    one = orphan(any_server)
    any_server.client.script_flush()
    any_server.user("ann", "~*", "+@all", "-eval")
    with pytest.raises(NotPermittedError) as caught:
        carry_out(any_server, one, username="ann", password="word")
    assert caught.value.command == "EVAL"
    assert any_server.client.exists(key("q", "one"))


@pytest.mark.parametrize("patterns", [["~asynq:{other}:*"], ["~asynq:{q}:t:*"], ["%R~asynq:*"], ["~asynq:{q}:[^t]*"]])
def test_nothing_is_deleted_where_keys_are_not_permitted(any_server: Live, patterns: list[str]) -> None:
    batch = [orphan(any_server, name) for name in ("a", "b")]
    any_server.user("ann", *patterns, "+@all")
    with pytest.raises(NotPermittedError):
        carry_out(any_server, *batch, username="ann", password="word")
    assert len(left(any_server)) == 2


def test_a_user_with_the_commands_it_takes_may_delete(any_server: Live) -> None:
    one = orphan(any_server, unique=LOCK)
    any_server.user(
        "ann",
        "~asynq:{q}:*",
        "+evalsha",
        "+eval",
        "+unlink",
        "+del",
        "+get",
        "+hmget",
        "+hgetall",
        "+zscore",
        "+zrem",
        "+exists",
    )
    assert carry_out(any_server, one, username="ann", password="word") == [Outcome.DONE_AND_UNLOCKED]


def test_nothing_is_deleted_on_a_replica(own_server: Callable[..., Live], free_port: int) -> None:
    live = own_server()
    one = orphan(live)
    live.client.execute_command("REPLICAOF", "127.0.0.1", free_port)
    with pytest.raises(RefusedError, match="read-only replica: connect to its primary"):
        carry_out(live, one)
    live.client.execute_command("REPLICAOF", "NO", "ONE")
    assert live.client.exists(key("q", "one"))


def test_a_server_that_is_out_of_memory_can_still_be_cleaned(own_server: Callable[..., Live]) -> None:
    live = own_server()
    one, two = orphan(live, unique=LOCK), indexed(live, "two")
    live.client.config_set("maxmemory", 1)
    with pytest.raises(redis.OutOfMemoryError):
        live.client.set("a", "b")
    assert carry_out(live, one) == [Outcome.DONE_AND_UNLOCKED]
    assert carry_out(live, two) == [Outcome.DONE]


def test_the_server_forgets_the_script_between_batches(any_server: Live) -> None:
    batch = [orphan(any_server, name) for name in ("a", "b")]
    with any_server.pipe() as pipe:
        assert delete(pipe, "q", batch[:1]) == [Outcome.DONE]
        any_server.client.script_flush()
        assert delete(pipe, "q", batch[1:]) == [Outcome.DONE]
    with pytest.raises(NoScriptError):
        any_server.client.evalsha("0" * 40, 0)


def test_the_script_is_sent_once_for_many_batches(any_server: Live) -> None:
    any_server.client.script_flush()
    batch = [orphan(any_server, f"{number}") for number in range(20)]
    with any_server.pipe() as pipe:
        for one in batch:
            delete(pipe, "q", [one])
    assert any_server.calls()["eval"] == 1


def test_others_see_a_batch_whole_or_not_at_all(any_server: Live) -> None:
    raw = any_server.asynq.add("q", "0")
    seen: set[int] = set()
    stop = threading.Event()
    ids = [b"%d" % number for number in range(100)]

    def look() -> None:
        with redis.Redis(unix_socket_path=any_server.settings.socket) as client:
            while not stop.is_set():
                transaction = client.pipeline(transaction=True)
                transaction.exists(*[key("q", task_id) for task_id in ids])
                transaction.zcard(prefix("q") + b"archived")
                seen.update(transaction.execute())

    for _ in range(20):
        any_server.asynq.add_many("q", ids, message=raw)
        stop.clear()
        watcher = threading.Thread(target=look)
        watcher.start()
        outcomes = carry_out(any_server, *[doom(task_id, raw, standing=Standing.INDEXED) for task_id in ids])
        stop.set()
        watcher.join()
        assert set(outcomes) == {Outcome.DONE}
    assert seen <= {0, 100}


def test_fingerprints_are_long_enough_to_tell_messages_apart() -> None:
    assert FINGERPRINT_BYTES >= 8


# Everything together


def listed(live: Live, queue: str) -> list[TaskRow]:
    with live.pipe() as pipe:
        return [
            row
            for piece in tasks.listed(pipe, queue, State.ARCHIVED)
            for batch in tasks.rows(pipe, queue, State.ARCHIVED, piece)
            for row in batch
        ]


def disturb(live: Live, queue: str, task_id: bytes, how: str) -> None:
    """Something happens to a task between the scan and the deletion."""
    at = key(queue, task_id)
    if live.client.type(at) not in (b"hash", b"none"):
        return
    if how == "deleted":
        live.client.delete(at)
    elif how == "put back":
        live.client.zadd(prefix(queue) + b"archived", {task_id: NOW})
    elif how == "moved":
        live.client.hset(at, "state", "pending")
    elif how == "failed again":
        live.client.hset(at, "msg", b"\x0a\x01b")
    elif how == "unreferenced":
        for index in ("archived", "completed"):
            live.client.zrem(prefix(queue) + index.encode(), task_id)


HOW = st.sampled_from(["nothing", "nothing", "deleted", "put back", "moved", "failed again", "unreferenced"])


@settings(max_examples=40)
@given(
    st.lists(planted(), max_size=25, unique_by=lambda task: (task.queue, task.id)),
    st.dictionaries(st.tuples(st.sampled_from(QUEUES), st.sampled_from(IDS)), HOW, max_size=20),
)
def test_only_what_was_found_and_still_holds_is_deleted(
    any_server: Live, plants: Sequence[Any], disturbances: dict[tuple[str, bytes], str]
) -> None:
    client = any_server.client
    client.flushall()
    any_server.asynq.register(*QUEUES)
    for task in plants:
        task.plant(any_server)
    rows = any_server.scan().rows
    messages = {(row.queue, row.id): client.hget(key(row.queue, row.id), "msg") for row in rows}
    for (queue, task_id), how in disturbances.items():
        disturb(any_server, queue, task_id, how)
    still = asynq_data.orphans(client, QUEUES)
    expected = {
        (row.queue, row.id)
        for row in rows
        if (row.queue, row.id, str(row.kind)) in still
        and client.hget(key(row.queue, row.id), "msg") == messages[row.queue, row.id]
    }
    before = asynq_data.everything(client)
    deleted = set()
    for row in rows:
        plan = Doomed(row.id, row.state, row.fingerprint, Standing.ORPHAN)
        (outcome,) = carry_out(any_server, plan, queue=row.queue)
        if outcome.done:
            deleted.add((row.queue, row.id))
    assert deleted == expected
    gone = {key(queue, task_id) for queue, task_id in deleted}
    assert asynq_data.everything(client) == {one: value for one, value in before.items() if one not in gone}


def test_a_live_task_of_a_queue_with_a_tag_in_its_name_survives(any_server: Live) -> None:
    any_server.asynq.register("a", "a}:t:b")
    any_server.asynq.add("a}:t:b", "one")
    for row in any_server.scan().rows:
        carry_out(any_server, Doomed(row.id, row.state, row.fingerprint, Standing.ORPHAN), queue=row.queue)
    assert any_server.client.exists(key("a}:t:b", "one"))


def test_a_listed_archive_is_deleted_whole(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(500)], unique=None)
    any_server.asynq.add("q", "orphan", referenced=False)
    batch = [Doomed(row.id, row.state, row.fingerprint, Standing.INDEXED) for row in listed(any_server, "q")]
    assert set(carry_out(any_server, *batch)) == {Outcome.DONE}
    assert left(any_server) == {key("q", "orphan")}
