"""Archived tasks that get another message: their unique locks, what is left alone, and the way back."""

from collections.abc import Sequence

import pytest
import redis
from support.asynq_data import NOW, everything, key, lock_key, prefix
from support.contents import content
from support.servers import Live

from archive_tui.asynq import edits
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.errors import NotPermittedError
from archive_tui.store.read import snapshots
from archive_tui.store.write.recall import can_be_taken_back, recall
from archive_tui.store.write.run import Runnable, digest_of, run

Q = "work"
KEYS = Keys()
LATER = float(NOW + 600)
OLD, NEW = b'{"user":1}', b'{"user":2}'
OLD_LOCK, NEW_LOCK = lock_key(Q, payload=OLD), lock_key(Q, payload=NEW)
UNKNOWN = b"\xfa\x01\x03abc"
"""A field of a later Asynq."""


@pytest.fixture
def live(any_server: Live) -> Live:
    any_server.asynq.register(Q)
    any_server.asynq.add(Q, "one", payload=OLD, unique=OLD_LOCK, retry=3, retried=3)
    return any_server


def copy_of(live: Live, task_id: bytes = b"one") -> Copy:
    with live.pipe() as pipe:
        (copy,) = snapshots.whole(pipe, Q, [task_id], ["archived"])
    return copy


def made(copy: Copy) -> edits.Edited:
    found = edits.edited(KEYS, Q, copy.field(b"msg") or b"", copy.field(b"unique_key"), NEW)
    assert found is not None
    return found


def edit(live: Live, copy: Copy, *, due: int | None = None, stays: bool = False, user: str = "") -> Sequence[Outcome]:
    new = made(copy)
    options = {"username": user, "password": "word"} if user else {}
    with live.pipe(**options) as pipe:
        task = Runnable(copy.id, digest_of(copy.field(b"msg") or b""), due, new.message, new.lock, stays)
        return run(pipe, Q, [task], LATER)


def undo(live: Live, copy: Copy, now: float = LATER) -> Sequence[Outcome]:
    with live.pipe() as pipe:
        edited = copy._replace(edited=digest_of(made(copy).message))
        waits = can_be_taken_back(pipe, [edited])
        outcomes = recall(pipe, [edited], now)
    assert waits == [outcomes[0].done]
    return outcomes


def message(client: redis.Redis) -> TaskMessage:
    return TaskMessage.FromString(client.hget(key(Q, "one"), "msg"))


def test_everything_else_of_a_message_is_kept(live: Live) -> None:
    before = live.client.hget(key(Q, "one"), "msg") + UNKNOWN
    new = edits.edited(KEYS, Q, before, None, NEW)
    assert new is not None
    assert UNKNOWN in new.message
    was, now = TaskMessage.FromString(before), TaskMessage.FromString(new.message)
    was.payload, was.unique_key = NEW, NEW_LOCK.decode()
    assert now == was
    afresh = edits.edited(KEYS, Q, before, None, NEW, afresh=True)
    assert afresh is not None
    assert TaskMessage.FromString(afresh.message).retried == 0


@pytest.mark.parametrize(("due", "stays"), [(None, False), (NOW + 3600, False), (None, True)])
def test_the_lock_follows_the_payload_for_the_time_that_was_left(live: Live, due: int | None, stays: bool) -> None:
    live.client.pexpire(OLD_LOCK, 50_000)
    before = content(live)
    copy = copy_of(live)
    assert edit(live, copy, due=due, stays=stays) == [Outcome.DONE]
    client = live.client
    assert client.get(NEW_LOCK) == b"one"
    assert 0 < client.pttl(NEW_LOCK) <= 50_000
    assert not client.exists(OLD_LOCK)
    assert client.hget(key(Q, "one"), "unique_key") == NEW_LOCK
    assert (message(client).payload, message(client).unique_key) == (NEW, NEW_LOCK.decode())
    stands = {b"archived": stays, b"pending": due is None and not stays, b"scheduled": due is not None}
    assert {name: bool(client.exists(prefix(Q) + name)) for name in stands} == stands
    assert undo(live, copy, copy.lock_until / 1000 - 40 if copy.lock_until else 0) == [Outcome.DONE]
    assert content(live) == before
    assert 0 < client.pttl(OLD_LOCK) <= 50_000


def test_a_lock_without_an_end_has_none_afterwards(live: Live) -> None:
    live.client.persist(OLD_LOCK)
    copy = copy_of(live)
    assert edit(live, copy) == [Outcome.DONE]
    assert live.client.ttl(NEW_LOCK) == -1
    assert undo(live, copy) == [Outcome.DONE]
    assert live.client.ttl(OLD_LOCK) == -1


@pytest.mark.parametrize("holder", [None, "another"])
def test_a_lock_that_it_does_not_hold_is_neither_released_nor_taken(live: Live, holder: str | None) -> None:
    live.client.delete(OLD_LOCK)
    if holder is not None:
        live.client.set(OLD_LOCK, holder)
    copy = copy_of(live)
    assert edit(live, copy) == [Outcome.DONE]
    assert not live.client.exists(NEW_LOCK)
    assert live.client.get(OLD_LOCK) == (holder.encode() if holder else None)
    assert message(live.client).unique_key == NEW_LOCK.decode()
    assert undo(live, copy) == [Outcome.DONE]
    assert live.client.get(OLD_LOCK) == (holder.encode() if holder else None)


@pytest.mark.parametrize("stays", [False, True])
def test_where_another_task_holds_the_new_lock_nothing_is_touched(live: Live, stays: bool) -> None:
    live.client.set(NEW_LOCK, "another")
    before = everything(live.client)
    assert edit(live, copy_of(live), stays=stays) == [Outcome.LOCK_TAKEN]
    assert everything(live.client) == before


def test_a_name_that_only_the_message_has_is_changed_there_alone(live: Live) -> None:
    """A task with Group and Unique."""
    live.client.hdel(key(Q, "one"), "unique_key")
    before = content(live)
    copy = copy_of(live)
    assert edit(live, copy) == [Outcome.DONE]
    assert not live.client.hexists(key(Q, "one"), "unique_key")
    assert live.client.get(NEW_LOCK) == b"one"
    assert undo(live, copy, (copy.lock_until or 0) / 1000 - 3600) == [Outcome.DONE]
    assert content(live) == before


def test_a_lock_of_another_name_than_asynqs_stays(live: Live) -> None:
    odd = prefix(Q) + b"unique:email:send:by-customer"
    live.asynq.add(Q, "one", payload=OLD, unique=odd)
    copy = copy_of(live)
    assert made(copy).lock == b""
    assert edit(live, copy) == [Outcome.DONE]
    assert live.client.get(odd) == b"one"
    assert message(live.client).unique_key == odd.decode()


def test_a_lock_that_another_task_took_meanwhile_is_left_to_it(live: Live) -> None:
    copy = copy_of(live)
    assert edit(live, copy) == [Outcome.DONE]
    live.client.set(OLD_LOCK, "another")
    assert undo(live, copy) == [Outcome.WITHOUT_LOCK]
    assert live.client.get(OLD_LOCK) == b"another"
    assert not live.client.exists(NEW_LOCK)


def test_a_lock_whose_time_is_over_is_not_taken_back(live: Live) -> None:
    copy = copy_of(live)
    assert edit(live, copy) == [Outcome.DONE]
    assert undo(live, copy, (copy.lock_until or 0) / 1000 + 1) == [Outcome.LOCK_EXPIRED]
    assert not live.client.exists(OLD_LOCK, NEW_LOCK)


def test_what_has_run_keeps_its_new_payload(live: Live) -> None:
    copy = copy_of(live)
    assert edit(live, copy) == [Outcome.DONE]
    live.asynq.take(Q)
    before = everything(live.client)
    assert undo(live, copy) == [Outcome.HAS_RUN]
    live.asynq.fail(Q, "one", "archived", retried=4, payload=NEW)
    assert undo(live, copy) == [Outcome.HAS_RUN]
    assert before != everything(live.client)


@pytest.mark.parametrize("refused", ["set", "get", "pttl", "del"])
def test_who_may_not_do_all_of_it_does_none_of_it(live: Live, refused: str) -> None:
    copy = copy_of(live)
    before = everything(live.client)
    live.user("half", "~*", "+@all", f"-{refused}")
    with pytest.raises(NotPermittedError):
        edit(live, copy, user="half")
    assert everything(live.client) == before
