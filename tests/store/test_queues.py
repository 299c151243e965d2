"""Queues: whether a database is one of Asynq, and its queues, discovered, counted and measured."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import asynq_data
from support.asynq_data import NOW, prefix
from support.servers import Live

from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.states import State
from archive_tui.errors import NotAsynqError, NotPermittedError
from archive_tui.store.read import queues
from archive_tui.store.read.memory import SAMPLE, Estimate, memory


def test_an_installation_is_recognised(any_server: Live) -> None:
    any_server.asynq.register("b", "a")
    any_server.asynq.add("a", "one", "pending")
    assert queues.recognise(any_server.connect()) == ["a", "b"]


def test_an_empty_database_is_not_asynqs(any_server: Live) -> None:
    with pytest.raises(NotAsynqError, match=r"is empty: check the database number \(--db\)") as caught:
        queues.recognise(any_server.connect())
    assert caught.value.exit_code == 3


def test_somebody_elses_database_is_not_asynqs(any_server: Live) -> None:
    any_server.client.mset({f"session:{number}": "x" for number in range(1234)})
    any_server.client.set("asynq:servers", "x")
    with pytest.raises(NotAsynqError, match="holds 1,235 keys, none of them Asynq's"):
        queues.recognise(any_server.connect())


@pytest.mark.parametrize(
    ("namespaces", "named"),
    [
        (["billing:asynq"], "--namespace billing:asynq"),
        (["asynq-prod", "a b:asynq"], "--namespace 'a b:asynq', --namespace asynq-prod"),
        ([f"{number}asynq" for number in range(7)], "--namespace 4asynq, …"),
    ],
)
def test_queues_of_other_namespaces_are_said_to_be_there(any_server: Live, namespaces: list[str], named: str) -> None:
    for namespace in namespaces:
        any_server.client.hset(f"{namespace}:{{q}}:t:x", "state", "pending")
        any_server.client.sadd(f"{namespace}:queues", "q")
    with pytest.raises(NotAsynqError) as caught:
        queues.recognise(any_server.connect())
    said = str(caught.value)
    assert "holds nothing in the namespace asynq; it holds others, as forks of Asynq have them: say --names" in said
    assert f"{named} (or check" in said
    assert caught.value.exit_code == 3


def test_a_set_of_queues_that_is_none(any_server: Live) -> None:
    any_server.client.set("asynq:queues", "x")
    with pytest.raises(NotAsynqError, match="asynq:queues is a string"):
        queues.recognise(any_server.connect())


def test_leftover_queues_alone_are_asynqs(any_server: Live) -> None:
    any_server.asynq.add("left", "one", "completed")
    assert queues.recognise(any_server.connect()) == []


TODAY = datetime.fromtimestamp(NOW, UTC)

NASTY_QUEUES = ["q", "q*", "q?", "[q]", "{q}", "q\\", "a-z^", "a b", "grüße", "\x1b[31m\n", "caf\udce9", "q:t:x", "*"]


def test_queues_are_discovered_whatever_their_names(any_server: Live) -> None:
    for number, queue in enumerate(NASTY_QUEUES):
        any_server.asynq.add(queue, "one", asynq_data.STATES[number % len(asynq_data.STATES)])
    any_server.asynq.register("empty")
    any_server.client.mset({f"asynq:servers:{{{number}}}": "x" for number in range(50)})
    with any_server.pipe() as pipe:
        found = [name for name in queues.discover(pipe) if name is not None]
    assert sorted(found) == sorted(NASTY_QUEUES)


def test_discovery_gives_way_between_its_steps(any_server: Live) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(5000)])
    with any_server.pipe() as pipe:
        steps = list(queues.discover(pipe))
    assert steps.count(None) >= 3
    assert [name for name in steps if name is not None] == ["q"]


NAMES = st.text("ab*?[]^-\\{} \n", min_size=1, max_size=5) | st.sampled_from(NASTY_QUEUES)


@settings(max_examples=40)
@given(NAMES, st.sets(NAMES, max_size=6))
@example("*", {"a", "ab"})
@example("[ab]", {"a", "b"})
@example("a\\", {"a", "a\\\\"})
@example("[^a]", {"b", "^"})
def test_a_pattern_matches_exactly_its_own_queues_keys(any_server: Live, queue: str, others: set[str]) -> None:
    any_server.client.flushall()
    own = {ASYNQ.task(queue, task_id) for task_id in (b"1", b"*", b"", b"x\ny", b"\xff")}
    foreign = {ASYNQ.task(other, b"1") for other in others - {queue}} | {ASYNQ.index(queue, State.ARCHIVED)}
    any_server.client.mset(dict.fromkeys(own | foreign, "x"))
    with any_server.pipe() as pipe:
        cursor, found = pipe.one(b"SCAN", b"0", b"MATCH", ASYNQ.tasks_pattern(queue), b"COUNT", b"1000")
        everything = pipe.one(b"SCAN", b"0", b"MATCH", ASYNQ.tasks_pattern(), b"COUNT", b"1000")[1]
    assert cursor == b"0"
    # A longer name that begins with `queue}:t:` cannot be told apart from ids of this queue.
    start = ASYNQ.task_prefix(queue)
    assert set(found) == own | {one for one in foreign if one.startswith(start)}
    assert set(everything) >= own


def stats_of(live: Live, *names: str) -> list[queues.QueueStats]:
    with live.pipe() as pipe:
        return queues.stats(pipe, names, queues.registered(pipe), TODAY)


def test_how_a_queue_is_doing(any_server: Live) -> None:
    asynq = any_server.asynq
    asynq.register("q", "other")
    for count, state in enumerate(asynq_data.STATES, 1):
        asynq.add_many("q", [f"{state}-{number}" for number in range(count)], state, score=NOW - count)
    asynq.add("q", "older", score=NOW - 500)
    asynq.add("q", "second-group", "aggregating", group="g2")
    any_server.client.set("asynq:{q}:paused", NOW)
    any_server.client.mset(
        {"asynq:{q}:failed:2026-11-18": 7, "asynq:{q}:failed:2026-11-05": 2, "asynq:{q}:failed:2026-11-04": 99}
    )
    any_server.client.set("asynq:{q}:processed:2026-11-18", 70)
    staged = b"asynq:{q}:g:g1:some-set"
    any_server.client.zadd(staged, {"staged": 1})
    any_server.client.zadd("asynq:{q}:aggregation_sets", {staged: NOW + 60})
    one, other, missing = stats_of(any_server, "q", "other", "left")
    assert one.counts == {
        State.PENDING: 1, State.ACTIVE: 2, State.SCHEDULED: 3, State.RETRY: 4, State.ARCHIVED: 6, State.COMPLETED: 6,
        State.AGGREGATING: 9,
    }  # fmt: skip
    assert (one.groups, one.paused, one.registered) == (2, True, True)
    assert one.oldest_archived_at == NOW - 500
    assert one.failed == (2, *[0] * 12, 7)
    assert one.processed_today == 70
    assert set(other.counts.values()) == {0}
    assert (other.registered, other.paused, other.oldest_archived_at) == (True, False, None)
    assert not missing.registered


def test_too_many_groups_to_ask_each_make_no_number(any_server: Live) -> None:
    any_server.asynq.register("many", "few")
    any_server.client.sadd("asynq:{many}:groups", *range(2000))
    any_server.asynq.add("few", "one", "aggregating")
    few, many = stats_of(any_server, "few", "many")
    assert few.counts[State.AGGREGATING] == 1
    assert (many.groups, many.counts.get(State.AGGREGATING)) == (2000, None)


def test_days_are_those_of_utc(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:processed:2026-11-18", 5)
    with any_server.pipe() as pipe:
        local = datetime.fromisoformat("2026-11-19T03:00:00+05:00")  # still the 18th in UTC
        (one,) = queues.stats(pipe, ["q"], ["q"], local)
    assert one.processed_today == 5


def test_no_queues_at_all(any_server: Live) -> None:
    assert stats_of(any_server) == []


def test_an_index_of_another_type_is_named(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:archived", "x")
    any_server.client.sadd("asynq:{q}:pending", "x")
    any_server.client.lpush("asynq:{q}:groups", "x")
    any_server.client.set("asynq:{q}:failed:2026-11-18", "many")
    (one,) = stats_of(any_server, "q")
    assert set(one.unreadable) == {"archived", "pending"}
    assert State.ARCHIVED not in one.counts
    assert one.oldest_archived_at is None
    assert one.failed[-1] == 0


def test_an_infinite_score_breaks_nothing(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", score=float("-inf"))
    (one,) = stats_of(any_server, "q")
    assert one.counts[State.ARCHIVED] == 1


@pytest.mark.parametrize("value", ["--5", "9" * 5000])
def test_a_counter_that_is_no_number_breaks_nothing(any_server: Live, value: str) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:processed:2026-11-18", value)
    assert stats_of(any_server, "q")[0].counts


def test_counts_that_are_not_permitted_are_said_not_guessed(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all", "-zcard")
    with pytest.raises(NotPermittedError), any_server.pipe(username="ann", password="word") as pipe:
        queues.stats(pipe, ["q"], ["q"], TODAY)


def test_memory_is_about_right(any_server: Live) -> None:
    asynq = any_server.asynq
    asynq.register("q")
    asynq.add_many("q", [f"{number:032}" for number in range(500)], payload=b"x" * 1000)
    asynq.add_many("q", [f"p{number:032}" for number in range(200)], "pending", payload=b"x" * 100)
    client = any_server.client
    real = sum(
        client.memory_usage(key)
        for key in client.scan_iter(match="asynq:{q}:*", count=10_000)
        if key != b"asynq:queues"
    )
    with any_server.pipe() as pipe:
        assert memory(pipe, []) == []
        nothing, estimate = memory(pipe, ["none", "q"])
    assert nothing == Estimate(0, 0)
    assert estimate is not None
    assert estimate.bytes == pytest.approx(real, rel=0.1)


SPREADS = {
    "20 small before 2,000 large": [10] * 20 + [20_000] * 400,
    "every other large": [10, 20_000] * 200,
    "few large": [10] * 360 + [20_000] * 40,
    "all alike": [1000] * 400,
    "no more than are weighed": [10, 50_000] * 10,
}


@pytest.mark.parametrize("state", ["archived", "pending", "aggregating"])
@pytest.mark.parametrize("sizes", SPREADS.values(), ids=SPREADS)
def test_the_error_of_memory_holds_however_sizes_are_spread(any_server: Live, state: str, sizes: list[int]) -> None:
    asynq, client = any_server.asynq, any_server.client
    asynq.register("q")
    for number, size in enumerate(sizes):
        asynq.add("q", f"{number:032}", state, payload=b"x" * size)
    held = (b"asynq:queues", b"asynq:{q}:groups")
    real = sum(client.memory_usage(key) for key in client.scan_iter(count=10_000) if key not in held)
    with any_server.pipe() as pipe:
        (estimate,) = memory(pipe, ["q"])
    assert estimate is not None
    assert abs(estimate.bytes - real) <= estimate.error + real // 50  # MEMORY USAGE itself samples large indexes
    assert (estimate.error == 0) == (len(sizes) <= SAMPLE)


def test_memory_is_unknown_where_the_server_will_not_say(any_server: Live) -> None:
    any_server.asynq.add("q", "one")
    any_server.user("ann", "~*", "+@all", "-memory")
    with any_server.pipe(username="ann", password="word") as pipe:
        assert memory(pipe, ["q"]) == [None]


def test_memory_of_ghosts(any_server: Live) -> None:
    any_server.asynq.refer("q", "ghost", "archived")
    with any_server.pipe() as pipe:
        assert memory(pipe, ["q"]) == [Estimate(any_server.client.memory_usage("asynq:{q}:archived"), 0)]


@pytest.mark.parametrize("queue", ["q*", "caf\udce9", "{x}"])
def test_which_queues_exist(any_server: Live, queue: str) -> None:
    def exists() -> bool:
        with any_server.pipe() as pipe:
            return queues.exists(pipe, queue)

    any_server.asynq.add("qq", "one")
    any_server.client.mset({f"other:{number}": "x" for number in range(3000)})
    assert not exists()
    any_server.asynq.add(queue, "one", "completed", referenced=False)
    assert exists()
    any_server.client.delete(asynq_data.key(queue, "one"))
    any_server.asynq.refer(queue, "ghost", "retry")
    assert exists()
    any_server.client.delete(prefix(queue) + b"retry")
    any_server.asynq.register(queue)
    assert exists()


def test_tasks_in_groups_that_asynq_does_not_name_are_counted(any_server: Live) -> None:
    """As far as a walk over the keyspace has met their sets."""
    asynq = any_server.asynq
    asynq.register("q")
    asynq.add_many("q", ["a", "b"], "aggregating", group="named")
    asynq.add_many("q", ["c", "d", "e"], "aggregating", group="nameless")
    any_server.client.srem(prefix("q") + b"groups", "nameless")
    groups: queues.GroupNames = {}
    with any_server.pipe() as pipe:
        assert {name for name in queues.discover(pipe, groups) if name is not None} == {"q"}
        (one,) = queues.stats(pipe, ["q"], ["q"], datetime.fromtimestamp(NOW, UTC), groups)
    assert groups == {"q": {b"named", b"nameless"}}
    assert one.counts[State.AGGREGATING] == 5


def test_a_registered_name_that_is_empty_is_no_queue(valkey: Live) -> None:
    valkey.client.sadd("asynq:queues", "", "q")
    with valkey.pipe() as pipe:
        assert queues.registered(pipe) == ["q"]
