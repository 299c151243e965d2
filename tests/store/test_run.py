"""Putting archived tasks where Asynq runs them, and taking them back: what is checked, refused, and left alone."""

from collections.abc import Callable

import pytest
import redis
from support.asynq_data import NOW, a_message, everything, key, prefix
from support.contents import content
from support.servers import Live

from archive_tui.asynq import runs
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.runs import RunMode
from archive_tui.errors import ArchiveTuiError, NotPermittedError
from archive_tui.store.read import snapshots
from archive_tui.store.write.recall import recall
from archive_tui.store.write.run import Runnable, digest_of, run

Q = "work"
LATER = float(NOW + 600)


@pytest.fixture
def live(any_server: Live) -> Live:
    any_server.asynq.register(Q)
    any_server.asynq.add(Q, "one", retry=3, retried=3)
    return any_server


def start(live: Live, *, due: int | None = None, message: bytes = b"", task_id: bytes = b"one") -> list[Outcome]:
    """Run the task as it is planned: with the message that it has before anything happens to it."""
    planned = a_message(Q, "one", retry=3, retried=3).SerializeToString()
    with live.pipe() as pipe:
        return run(pipe, Q, [Runnable(task_id, digest_of(planned), due, message)], LATER)


def becomes_active(client: redis.Redis) -> None:
    client.hset(key(Q, "one"), "state", "active")


def gets_another_message(client: redis.Redis) -> None:
    client.hset(key(Q, "one"), "msg", a_message(Q, "one", retried=1).SerializeToString())


def leaves_the_archive(client: redis.Redis) -> None:
    client.zrem(prefix(Q) + b"archived", "one")


def goes(client: redis.Redis) -> None:
    client.delete(key(Q, "one"))


def becomes_a_string(client: redis.Redis) -> None:
    client.delete(key(Q, "one"))
    client.set(key(Q, "one"), "text")


def waits_for_a_retry_too(client: redis.Redis) -> None:
    client.zadd(prefix(Q) + b"retry", {"one": NOW})


def is_leased(client: redis.Redis) -> None:
    client.zadd(prefix(Q) + b"lease", {"one": NOW})


@pytest.mark.parametrize(
    ("happens", "outcome"),
    [
        (becomes_active, Outcome.STATE_CHANGED),
        (gets_another_message, Outcome.MESSAGE_CHANGED),
        (leaves_the_archive, Outcome.NOT_IN_INDEX),
        (goes, Outcome.NO_DATA),
        (becomes_a_string, Outcome.NOT_A_TASK),
        (waits_for_a_retry_too, Outcome.ID_IN_USE),
        (is_leased, Outcome.ID_IN_USE),
    ],
)
@pytest.mark.parametrize("due", [None, NOW + 3600])
def test_what_has_changed_is_left_alone(
    live: Live, happens: Callable[[redis.Redis], None], outcome: Outcome, due: int | None
) -> None:
    happens(live.client)
    before = everything(live.client)
    assert start(live, due=due) == [outcome]
    assert everything(live.client) == before


def test_a_task_of_another_queue_is_left_alone(any_server: Live) -> None:
    """`left` is not registered; the key is one of `left}:t:x`, which is."""
    any_server.asynq.register("left}:t:x")
    any_server.asynq.add("left}:t:x", "one")
    planned = any_server.client.hget(key("left}:t:x", "one"), "msg")
    any_server.client.zadd(prefix("left") + b"archived", {"x}:t:one": NOW})
    before = everything(any_server.client)
    with any_server.pipe() as pipe:
        assert run(pipe, "left", [Runnable(b"x}:t:one", digest_of(planned), None)], LATER) == [Outcome.OTHER_QUEUE]
    assert everything(any_server.client) == before


def test_a_task_that_is_to_live_has_no_time_to_live_any_more(live: Live) -> None:
    live.client.expire(key(Q, "one"), 60)
    assert start(live) == [Outcome.DONE]
    assert live.client.ttl(key(Q, "one")) == -1


@pytest.mark.parametrize("refused", ["zadd", "zrem", "hset", "lpush", "hdel", "persist", "hgetall", "del"])
def test_who_may_not_do_all_of_it_does_none_of_it(live: Live, refused: str) -> None:
    before = everything(live.client)
    live.user("half", "~*", "+@all", f"-{refused}")
    with pytest.raises(NotPermittedError), live.pipe(username="half", password="word") as pipe:
        run(pipe, Q, [Runnable(b"one", "", None)], LATER)
    assert everything(live.client) == before


@pytest.mark.parametrize("refused", ["zadd", "zrem", "hset", "lrem", "hdel", "pexpireat"])
def test_who_may_not_take_all_of_it_back_takes_nothing(live: Live, refused: str) -> None:
    with live.pipe() as pipe:
        copies = snapshots.whole(pipe, Q, [b"one"], ["archived"])
    assert start(live) == [Outcome.DONE]
    before = everything(live.client)
    live.user("half", "~*", "+@all", f"-{refused}")
    with pytest.raises(NotPermittedError), live.pipe(username="half", password="word") as pipe:
        recall(pipe, copies, LATER)
    assert everything(live.client) == before


@pytest.mark.parametrize("index", ["pending", "scheduled", "archived", "lease"])
def test_an_index_of_another_type_is_not_touched(live: Live, index: str) -> None:
    live.client.delete(prefix(Q) + index.encode())
    live.client.set(prefix(Q) + index.encode(), "text")
    before = everything(live.client)
    with pytest.raises(ArchiveTuiError, match="not the index that Asynq writes"):
        start(live)
    assert everything(live.client) == before


def test_each_is_moved_once_however_often_it_is_sent(live: Live) -> None:
    assert [*start(live), *start(live)] == [Outcome.DONE, Outcome.STATE_CHANGED]
    assert live.client.lrange(prefix(Q) + b"pending", 0, -1) == [b"one"]


# Taking back


def test_a_long_list_is_searched_a_little_at_a_time(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call searches 200,000 ids at most, which are two milliseconds of the server's time."""
    many = [f"task-{number}" for number in range(30)]
    live.asynq.add_many(Q, many)
    live.client.lpush(prefix(Q) + b"pending", *range(20_000))
    with live.pipe() as pipe:
        copies = snapshots.whole(pipe, Q, [one.encode() for one in many], ["archived"] * len(many))
        tasks = [Runnable(copy.id, digest_of(copy.field(b"msg") or b""), None) for copy in copies]
        assert set(run(pipe, Q, tasks, LATER)) == {Outcome.DONE}
        script, sizes = pipe.script, []

        def counting(source: bytes, digest: bytes, keys: list[bytes], arguments: list[bytes]) -> object:
            sizes.append(len(keys) - 3)
            return script(source, digest, keys, arguments)

        monkeypatch.setattr(pipe, "script", counting)
        assert set(recall(pipe, copies, LATER)) == {Outcome.DONE}
    assert sizes == [9, 9, 9, 3]
    assert live.client.llen(prefix(Q) + b"pending") == 20_000


def test_a_time_to_live_comes_back_unless_it_has_run_out(live: Live) -> None:
    live.client.expire(key(Q, "one"), 60)
    with live.pipe() as pipe:
        (copy,) = snapshots.whole(pipe, Q, [b"one"], ["archived"])
        assert copy.until is not None
        for now, lives in ((copy.until / 1000 - 30, True), (copy.until / 1000 + 30, False)):
            assert start(live) == [Outcome.DONE]
            assert recall(pipe, [copy], now) == [Outcome.DONE]
            assert (live.client.pttl(key(Q, "one")) > 0) is lives


def test_what_is_back_already_is_told_apart(live: Live) -> None:
    before = content(live)
    with live.pipe() as pipe:
        (copy,) = snapshots.whole(pipe, Q, [b"one"], ["archived"])
        assert recall(pipe, [copy], LATER) == [Outcome.ALREADY]
    assert content(live) == before


# When, and with how many attempts


def test_a_task_is_due_at_whole_seconds() -> None:
    assert RunMode().due(7, 100.5) is None
    assert [RunMode(delay=60).due(place, 100.5) for place in (0, 9)] == [161, 161]
    assert [RunMode(per_second=3).due(place, 100) for place in range(7)] == [100, 100, 100, 101, 101, 101, 102]
    assert [RunMode(at=500, per_second=0.2).due(place, 100) for place in range(3)] == [500, 505, 510]
    assert RunMode(at=500, per_second=0.2).spread(3) == 10
    assert RunMode(per_second=4).spread(0) == RunMode().spread(9) == 0


@pytest.mark.parametrize(("retried", "retry", "count"), [(3, 3, 1), (0, 3, 4), (5, 3, 1), (0, 0, 1)])
def test_attempts_are_those_that_asynq_gives(retried: int, retry: int, count: int) -> None:
    assert runs.attempts(retried, retry) == count


def test_what_does_not_decode_cannot_be_reset() -> None:
    assert runs.afresh(b"\xff\xff") is None
    message = TaskMessage(id="one", retried=3)
    assert TaskMessage.FromString(runs.afresh(message.SerializeToString()) or b"").retried == 0
