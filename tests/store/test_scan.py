"""The scan: exactly the orphans, whatever else stands in the server, and without hurting it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import asynq_data
from support.asynq_data import NOW
from support.installations import INSTALLATIONS, QUEUES, Planted, planted
from support.servers import Found, Live, rows_of

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.errors import DisconnectedError, NotPermittedError
from archive_tui.store.link.node_pipe import NodePipe
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.keyspace import fraction_of
from archive_tui.store.read.leftover import is_leftover
from archive_tui.store.read.walk import Scan, Step

MIB = 1024 * 1024


def build(live: Live, tasks: list[Planted], registered: set[str]) -> None:
    live.client.flushall()
    if registered:
        live.asynq.register(*registered)
    for task in tasks:
        task.plant(live)


@settings(max_examples=50)
@given(INSTALLATIONS, st.sets(st.sampled_from(QUEUES)), st.sampled_from([1, 10, 1000]))
@example([Planted("q*", b"1", "completed", frozenset({"completed"}), "whole")], set(), 10)
def test_exactly_the_orphans(any_server: Live, tasks: list[Planted], registered: set[str], count: int) -> None:
    build(any_server, tasks, registered)
    found = any_server.scan(count=count)
    assert found.findings == asynq_data.orphans(any_server.client, QUEUES)
    assert found.total("not_tasks") >= sum(task.form in ("string", "list") and not task.stands_in for task in tasks)


@settings(max_examples=25)
@given(INSTALLATIONS, st.sets(st.sampled_from(QUEUES)))
def test_exactly_the_orphans_where_transactions_are_refused(
    any_server: Live, tasks: list[Planted], registered: set[str]
) -> None:
    build(any_server, tasks, registered)
    any_server.user("ann", "~*", "+@all", "-multi")
    found = any_server.scan(username="ann", password="word")
    assert found.findings == asynq_data.orphans(any_server.client, QUEUES)


@settings(max_examples=25)
@given(INSTALLATIONS, st.sets(st.sampled_from(QUEUES), min_size=1, max_size=2))
def test_exactly_the_orphans_of_the_queues_that_were_asked_for(
    any_server: Live, tasks: list[Planted], wanted: set[str]
) -> None:
    build(any_server, tasks, set(QUEUES))
    found = any_server.scan(sorted(wanted))
    assert found.findings == asynq_data.orphans(any_server.client, wanted)
    assert {name for step in found.steps for name in step.keys_by_queue} <= wanted


def test_a_queue_that_is_named_like_a_pattern_is_not_one(any_server: Live) -> None:
    for queue in ("*", "ab", "a?", "[ab]", "a"):
        any_server.asynq.add(queue, "one", referenced=False)
    for queue in ("*", "a?", "[ab]"):
        assert any_server.scan([queue]).findings == {(queue, b"one", "orphan-archived")}


def test_a_referenced_task_of_a_queue_with_a_tag_in_its_name_is_no_orphan(any_server: Live) -> None:
    any_server.asynq.register("a", "a}:t:b")
    any_server.asynq.add("a}:t:b", "one")
    assert any_server.scan().findings == set()


@pytest.mark.parametrize("form", ["whole", "without message", "undecodable"])
def test_an_id_may_hold_what_ends_a_queues_name(any_server: Live, form: str) -> None:
    any_server.asynq.register("q", "q}:t:x")
    Planted("q", b"x}:t:y", "archived", frozenset(), form).plant(any_server)
    any_server.asynq.add("q", "x}:t:fine")
    any_server.asynq.add("q}:t:x", "fine")
    # Without a message nobody can tell whose task this is: then it is nobody's finding.
    assert any_server.scan().findings == ({("q", b"x}:t:y", "orphan-archived")} if form == "whole" else set())


@pytest.mark.parametrize("queues", [None, ["a}:t:b"]])
def test_a_queue_with_a_tag_in_its_name_may_have_many_tasks(any_server: Live, queues: list[str] | None) -> None:
    any_server.asynq.register("a}:t:b")
    any_server.asynq.add_many("a}:t:b", [b"fine%d" % number for number in range(2000)])
    any_server.asynq.add_many("a}:t:b", [b"lost%d" % number for number in range(500)], referenced=False)
    found = any_server.scan(queues, count=1000)
    assert {row.id for row in found.rows} == {b"lost%d" % number for number in range(500)}
    assert sum(step.keys_by_queue.get("a}:t:b", 0) for step in found.steps) == 2500


def test_what_is_found_says_what_the_task_is(any_server: Live) -> None:
    any_server.asynq.register("q")
    raw = any_server.asynq.add(
        "q", "one", referenced=False, error_msg="boom", retried=3, last_failed_at=NOW - 5, payload=b"x" * 300,
        unique=asynq_data.lock_key("q"),
    )  # fmt: skip
    (row,) = any_server.scan().rows
    assert (row.queue, row.id, row.state, row.kind) == ("q", b"one", State.ARCHIVED, Kind.ORPHAN_ARCHIVED)
    assert (row.type, row.error, row.retried, row.retry, row.last_failed_at) == ("email:send", "boom", 3, 25, NOW - 5)
    assert (row.payload_bytes, row.readable, row.unique, row.scored_at) == (300, True, True, None)
    assert len(row.fingerprint) == 8
    assert row.stored_bytes == pytest.approx(any_server.client.memory_usage(asynq_data.key("q", "one")), rel=0.3)
    assert len(raw) > 300


def test_husks_are_found_without_being_read(any_server: Live) -> None:
    any_server.client.hset(asynq_data.key("q", "husk"), "state", "archived")
    any_server.asynq.add("q", "broken", referenced=False, message=b"\xff\xff")
    rows = {row.id: row for row in any_server.scan().rows}
    assert not rows[b"husk"].readable
    assert rows[b"husk"].stored_bytes is None
    assert not rows[b"broken"].readable
    assert rows[b"broken"].fingerprint


def test_what_is_no_orphan_is_met_but_not_found(any_server: Live) -> None:
    any_server.asynq.register("q")
    for state in asynq_data.STATES:
        any_server.asynq.add("q", state, state, referenced=False)
    any_server.client.set(asynq_data.key("q", "string"), "x")
    any_server.client.sadd(asynq_data.key("q", "set"), "x")
    any_server.client.hset(asynq_data.key("q", "stateless"), "msg", "x")
    found = any_server.scan()
    assert {row.id for row in found.rows} == {b"archived", b"completed"}
    assert found.total("not_tasks") == 2
    assert found.total("keys") == 10


# Leftover queues


def completed_of(live: Live) -> set[bytes]:
    return {row.id for row in live.scan().rows if row.kind is Kind.ORPHAN_COMPLETED}


def test_the_completed_tasks_of_a_leftover_queue_are_orphans(any_server: Live) -> None:
    any_server.asynq.add_many("left", [b"1", b"2"], "completed")
    any_server.asynq.add("left", "3")
    (one, two) = sorted(any_server.scan().rows, key=lambda row: row.id)
    assert (one.id, two.id) == (b"1", b"2")
    assert one.kind is Kind.ORPHAN_COMPLETED
    assert one.scored_at == NOW  # the index stands: a deletion must take the id out of it


@pytest.mark.parametrize("state", ["pending", "active", "scheduled", "retry"])
def test_an_unregistered_queue_with_work_to_do_is_no_leftover(any_server: Live, state: str) -> None:
    any_server.asynq.add("left", "done", "completed")
    assert completed_of(any_server) == {b"done"}
    any_server.asynq.add("left", "work", state)
    assert completed_of(any_server) == set()


def test_a_registered_queue_is_no_leftover(any_server: Live) -> None:
    any_server.asynq.add("left", "done", "completed")
    any_server.asynq.register("left")
    assert completed_of(any_server) == set()


def test_who_may_not_ask_whether_a_queue_is_registered_finds_no_leftovers(any_server: Live) -> None:
    any_server.asynq.add("left", "done", "completed")
    any_server.user("ann", "~*", "+@all", "-sismember")
    with any_server.pipe(username="ann", password="word") as pipe:
        assert not is_leftover(pipe, "left")
    assert any_server.scan(username="ann", password="word").findings == set()


# Permissions


def test_a_scan_needs_no_more_than_reading(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(50)], referenced=False)
    any_server.user("ann", "~asynq:*", "+@read")  # no transactions, no scripts, not even PING
    assert len(any_server.scan(username="ann", password="word").rows) == 50


def test_a_refused_transaction_is_asked_for_once(any_server: Live) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(1000)], referenced=False)
    any_server.user("ann", "~*", "+@all", "-multi")
    any_server.client.config_resetstat()
    assert len(any_server.scan(username="ann", password="word").rows) == 1000
    assert any_server.client.info("commandstats")["cmdstat_multi"]["rejected_calls"] == 1


@pytest.mark.parametrize("rules", [["-zmscore"], ["-zmscore", "-multi"]])
def test_a_server_of_before_62_is_scanned_as_well(any_server: Live, rules: list[str]) -> None:
    any_server.asynq.register("q")
    for state in ("archived", "completed"):
        any_server.asynq.add_many("q", [f"{state}{number}" for number in range(5)], state, referenced=False)
        any_server.asynq.add_many("q", [f"{state}-fine{number}" for number in range(5)], state)
    any_server.user("ann", "~*", "+@all", *rules)
    found = any_server.scan(username="ann", password="word")
    assert found.findings == asynq_data.orphans(any_server.client, ["q"])
    assert len(found.rows) == 10


@pytest.mark.parametrize(
    ("refused", "transactions"),
    [
        ("scan", True),
        ("zrange", True),
        ("lrange", True),
        ("hstrlen", True),
        ("hmget", True),
        ("hmget", False),
        ("zmscore zscore", True),
        ("zmscore zscore", False),
    ],
)
def test_what_may_not_be_read_is_said_and_not_passed_over(any_server: Live, refused: str, transactions: bool) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(5)], referenced=False)
    forbidden = [f"-{command}" for command in refused.split()]
    any_server.user("ann", "~*", "+@all", *forbidden, *([] if transactions else ["-multi"]))
    with pytest.raises(NotPermittedError) as caught:
        any_server.scan(username="ann", password="word")
    assert caught.value.command == refused.rsplit(maxsplit=1)[-1].upper()


def test_data_that_may_not_be_read_is_said_and_not_passed_over(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False)
    any_server.user("ann", "~asynq:queues", "~asynq:{q}:[^t]*", "+@all")
    with pytest.raises(NotPermittedError):
        any_server.scan(username="ann", password="word")


def test_an_index_of_another_type_breaks_nothing(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False)
    any_server.asynq.add("q", "two", "completed", referenced=False)
    any_server.client.set("asynq:{q}:archived", "x")
    any_server.client.set("asynq:{q}:pending", "x")
    any_server.client.hset("asynq:{q}:groups", "x", "y")
    any_server.client.set("asynq:{q}:lease", "x")
    assert ("q", b"two", "orphan-completed") in any_server.scan().findings


def test_an_infinite_score_breaks_nothing(any_server: Live) -> None:
    any_server.asynq.add("left", "one", "completed", score=float("inf"))
    assert any_server.scan().findings == {("left", b"one", "orphan-completed")}


# What it costs the server


def test_the_server_sees_nothing_but_reading(any_server: Live) -> None:
    asynq = any_server.asynq
    asynq.register("q")
    for state in asynq_data.STATES:
        asynq.add_many("q", [f"{state}{number}" for number in range(20)], state)
        asynq.add_many("q", [f"{state}{number}-lost" for number in range(20)], state, referenced=False)
    asynq.add_many("left", [b"1", b"2"], "completed")
    content = asynq_data.everything(any_server.client)
    any_server.client.config_resetstat()
    assert len(any_server.scan().rows) == 42
    used = set(any_server.calls()) - {"config|resetstat", "info"}
    flags = any_server.client.execute_command("COMMAND", "INFO", *used)
    facts = flags.values() if isinstance(flags, dict) else flags
    for fact in facts:
        said = {str(flag) for flag in (fact["flags"] if isinstance(fact, dict) else fact[2])}
        assert "write" not in said, fact
    assert used <= {
        "scan", "sismember", "llen", "zcard", "lrange", "smembers", "zrange", "hstrlen", "hmget", "zmscore",
        "multi", "exec",
    }  # fmt: skip
    assert asynq_data.everything(any_server.client) == content


def test_referenced_tasks_cost_no_look_of_their_own(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(2000)])
    any_server.asynq.add_many("q", [b"lost%d" % number for number in range(10)], referenced=False)
    any_server.client.config_resetstat()
    assert len(any_server.scan(count=500).rows) == 10
    calls = any_server.calls()
    assert (calls["hmget"], calls["hstrlen"]) == (10, 10)
    assert calls["scan"] > 3
    assert calls["sismember"] == 1  # the indexes were read once for all of these steps


def test_long_indexes_are_read_in_pieces(any_server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(3000)])
    any_server.asynq.add_many("q", [b"p%d" % number for number in range(3000)], "pending")
    sizes = reply_sizes(monkeypatch)
    assert any_server.scan(count=500).rows == []
    assert max(sizes) < 100_000


def reply_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From here on, the bytes of each group of replies that is in memory at one time."""
    sizes: list[int] = []
    receive = NodePipe.receive

    def noting(pipe: Pipe, count: int) -> list[Any]:
        replies = receive(pipe, count)
        sizes.append(weight(replies))
        return replies

    monkeypatch.setattr(NodePipe, "receive", noting)
    return sizes


def weight(reply: Any) -> int:
    if isinstance(reply, list):
        return sum(weight(one) for one in reply)
    return len(reply) if isinstance(reply, bytes) else 8


@pytest.mark.parametrize(("transactions", "mebibytes"), [(True, 50), (False, 9)])
def test_no_group_of_replies_is_large_unless_one_message_is(
    any_server: Live, monkeypatch: pytest.MonkeyPatch, transactions: bool, mebibytes: int
) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(20)], referenced=False, payload=b"x" * MIB)
    any_server.asynq.add("q", "huge", referenced=False, payload=b"x" * mebibytes * MIB)
    any_server.user("ann", "~*", "+@all", *([] if transactions else ["-multi"]))
    sizes = reply_sizes(monkeypatch)
    rows = any_server.scan(username="ann", password="word").rows
    assert len(rows) == 21
    assert {row.payload_bytes for row in rows} == {MIB, mebibytes * MIB}
    large = [size for size in sizes if size > 5 * MIB]
    # Without transactions two looks are needed, and a refused transaction may have been tried on it before.
    assert len(large) in ((1,) if transactions else (2, 3))
    assert max(large) < (mebibytes + 1) * MIB


# How far it is


@given(st.integers(0, 2**64 - 1))
def test_every_cursor_is_a_fraction(cursor: int) -> None:
    assert 0 <= fraction_of(cursor) <= 1


def test_fractions_of_a_table_of_eight() -> None:
    assert [fraction_of(cursor) for cursor in (0, 4, 2, 6, 1, 5, 3, 7)] == [one / 8 for one in range(8)]


@settings(max_examples=15)
@given(st.integers(1, 3000), st.sampled_from([1, 7, 100, 1000]))
def test_the_fraction_grows_to_one_with_the_keys_that_were_met(any_server: Live, size: int, count: int) -> None:
    count = max(count, size // 50)
    any_server.client.flushall()
    any_server.client.mset({asynq_data.key("q", b"%d" % number): "x" for number in range(size)})
    scan = Scan(count=count)
    met = 0
    fractions = [scan.fraction]
    assert not scan.done
    with any_server.pipe() as pipe:
        while not scan.done:
            step = scan.step(pipe)
            met += step.keys
            fractions.append(step.fraction)
            assert step.fraction == scan.fraction
            if size > 1000:
                assert met / size == pytest.approx(step.fraction, abs=0.1)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert all(one <= other for one, other in pairwise(fractions))
    assert met == size


def test_an_empty_server_is_scanned_in_one_step(any_server: Live) -> None:
    found = any_server.scan()
    assert [step.fraction for step in found.steps] == [1.0]
    assert found.rows == []


# Interruptions


def finish(live: Live, scan: Scan) -> list[Step]:
    steps = []
    with live.pipe() as pipe:
        while not scan.done:
            steps.append(scan.step(pipe))
    return steps


def test_a_scan_goes_on_where_its_connection_broke(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(2000)], referenced=False)
    scan = Scan(count=50)
    steps: list[Step] = []

    def until_cut() -> None:
        with any_server.pipe() as pipe:
            steps.append(scan.step(pipe))
            steps.append(scan.step(pipe))
            any_server.client.client_kill_filter(_type="normal", skipme=True)
            while not scan.done:  # what had arrived before the cut is still good
                steps.append(scan.step(pipe))

    for _ in range(3):
        before = scan.fraction
        with pytest.raises(DisconnectedError):
            until_cut()
        assert scan.fraction > before
    found = Found(steps + finish(any_server, scan))
    assert len(found.rows) == 2000
    assert found.total("keys") == 2000  # no key was walked twice


def test_a_step_that_was_cut_in_its_second_look_is_taken_again(
    any_server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_server.asynq.add_many("q", [b"%d" % number for number in range(200)], referenced=False)
    scan = Scan(count=10)
    steps = []
    cuts = iter(range(5))
    send = Pipe.send_transaction

    def cut_off(pipe: Pipe, *commands: Any) -> None:
        if next(cuts, None) is not None:
            any_server.client.client_kill_filter(_type="normal", skipme=True)
        send(pipe, *commands)

    monkeypatch.setattr(Pipe, "send_transaction", cut_off)
    failures = 0
    while not scan.done:
        try:
            with any_server.pipe() as pipe:
                while not scan.done:
                    steps.append(scan.step(pipe))
        except DisconnectedError:
            failures += 1
    assert failures == 5
    assert len(Found(steps).rows) == 200


def test_a_scan_that_starts_again_forgets_what_it_knew_of_the_indexes(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(300)])
    scan = Scan(count=50)
    with any_server.pipe() as pipe:
        scan.step(pipe)
    assert not scan.done
    any_server.client.delete("asynq:{q}:archived")
    scan.restart()
    assert scan.fraction == 0
    assert not scan.done
    assert len(Found(finish(any_server, scan)).rows) == 300


def test_a_scan_that_starts_again_on_the_same_pipe(any_server: Live) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(300)], referenced=False)
    scan = Scan(count=50)
    with any_server.pipe() as pipe:
        scan.step(pipe)
        scan.restart()
        steps = [scan.step(pipe)]
        while not scan.done:
            steps.append(scan.step(pipe))
        assert pipe.one(b"ECHO", b"mine") == b"mine"
    assert len(Found(steps).rows) == 300


def test_a_scan_that_is_left_in_the_middle_leaves_no_reply_to_others(
    own_server: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = own_server()
    live.asynq.add_many("q", [b"%d" % number for number in range(300)], referenced=False)
    server = live.connect()
    send = Pipe.send_transaction

    def then_pause(pipe: Pipe, *packed: Any) -> None:
        send(pipe, *packed)
        live.client.execute_command("CLIENT", "PAUSE", "200")

    monkeypatch.setattr(Pipe, "send_transaction", then_pause)
    with server.pipe() as pipe:
        Scan(count=50).step(pipe)
    with server.pipe() as pipe:
        assert pipe.one(b"ECHO", b"mine") == b"mine"


def test_keys_that_stay_are_found_while_others_come_and_go(any_server: Live) -> None:
    staying = [b"stay%d" % number for number in range(300)]
    any_server.asynq.add_many("q", staying, referenced=False)
    any_server.client.mset({f"other:{number}": "x" for number in range(5000)})
    scan = Scan(count=20)
    steps = []
    number = 0
    with any_server.pipe() as pipe:
        while not scan.done:  # the server's table shrinks and grows meanwhile
            steps.append(scan.step(pipe))
            number += 1
            if number == 20:
                any_server.client.delete(*[f"other:{one}" for one in range(5000)])
            if number == 40:
                any_server.client.mset({f"new:{one}": "x" for one in range(20_000)})
    assert {row.id for row in Found(steps).rows} == set(staying)


class Breaking:
    """Loses the connection at some of the commands that are sent, and of the replies that are waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exchanges = 0
        self.at: set[int] = set()
        for name in ("send", "receive"):
            monkeypatch.setattr(NodePipe, name, self._counting(getattr(NodePipe, name)))

    def _counting(self, exchange: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.exchanges += 1
            if self.exchanges in self.at:
                raise DisconnectedError("lost")
            return exchange(*arguments)

        return counted

    def scan(self, live: Live, scan: Scan, at: set[int], *, restart_at: int = 0, **changes: Any) -> Found:
        """Scan to the end, with a new connection each time that one was lost."""
        self.exchanges, self.at = 0, at
        steps: list[Step] = []
        taken = 0
        for _ in range(len(at) + 1):
            with suppress(DisconnectedError), live.pipe(**changes) as pipe:
                while not scan.done:
                    steps.append(scan.step(pipe))
                    taken += 1
                    if taken == restart_at:
                        scan.restart()
                        steps.clear()
        assert scan.done
        return Found(steps)


def told(found: Found, scan: Scan) -> tuple[Any, ...]:
    """All that a scan has said, whichever step said it."""
    met: Counter[str] = Counter()
    for step in found.steps:
        met.update(step.keys_by_queue)
    rows = sorted((row.queue, row.id, str(row.kind)) for step in found.steps for row in rows_of(step))
    unsettled = sorted(one for step in found.steps for one in step.unsettled)
    return rows, unsettled, +met, found.total("not_tasks"), scan.groups, scan.leftover


@pytest.mark.parametrize("queues", [None, ["q"], ["q}:t:x"], ["q", "z"]])
def test_wherever_its_connection_is_lost_a_scan_tells_the_same(
    valkey: Live, monkeypatch: pytest.MonkeyPatch, queues: list[str] | None
) -> None:
    asynq = valkey.asynq
    asynq.register("q", "q}:t:x", "z")
    asynq.add_many("q", [b"fine%d" % number for number in range(200)])
    asynq.add_many("q", [b"lost%d" % number for number in range(30)], referenced=False)
    asynq.add_many("z", [b"lost%d" % number for number in range(7)], "completed", referenced=False)
    asynq.add_many("left", [b"%d" % number for number in range(7)], "completed")
    for queue, task_id in (("q", "x}:t:"), ("q}:t:x", "")):
        asynq.add(queue, f"{task_id}fine")
        asynq.add(queue, f"{task_id}lost", referenced=False)
    valkey.client.set(asynq_data.key("q", "string"), "x")
    breaking = Breaking(monkeypatch)
    whole = Scan(queues, count=20, meet_groups=True)
    expected = told(breaking.scan(valkey, whole, set()), whole)
    assert expected[0]
    for exchange in range(1, breaking.exchanges + 1):
        scan = Scan(queues, count=20, meet_groups=True)
        assert told(breaking.scan(valkey, scan, {exchange}), scan) == expected, f"lost at exchange {exchange}"


@settings(max_examples=40)
@given(
    st.lists(planted(), max_size=30, unique_by=lambda task: (task.queue, task.id)),
    st.sampled_from([None, ["default"], ["q*", "a b"]]),
    st.sampled_from([1, 10, 50]),
    st.sets(st.integers(1, 60), max_size=6),
    st.integers(0, 12),
    st.sampled_from([(), ("-multi",), ("-zmscore",), ("-multi", "-zmscore")]),
    st.sampled_from([1, 3, 100]),
)
def test_a_scan_in_any_pieces_tells_the_same(
    any_server: Live, tasks: list[Planted], queues: list[str] | None, count: int, lost: set[int], restart_at: int,
    rules: tuple[str, ...], worth: int,
) -> None:  # fmt: skip
    """Whatever the server refuses, however many suspects are looked at together, wherever it breaks or begins again."""
    build(any_server, tasks, {"default", "q*"})
    any_server.asynq.add_many("default", [b"fine%d" % number for number in range(60)])
    any_server.asynq.add_many("a b", [b"fine%d" % number for number in range(20)], "pending")
    any_server.user("ann", "~*", "+@all", *rules)
    with pytest.MonkeyPatch.context() as patch:
        breaking = Breaking(patch)
        whole, broken = (Scan(queues, count=size, meet_groups=True) for size in (1000, count))
        expected = told(breaking.scan(any_server, whole, set(), username="ann", password="word"), whole)
        patch.setattr("archive_tui.store.read.walk._WORTH_A_PROBE", worth)
        user = {"username": "ann", "password": "word"}
        assert told(breaking.scan(any_server, broken, lost, restart_at=restart_at, **user), broken) == expected
    wanted = QUEUES if queues is None else queues
    assert {(queue, task_id, kind) for queue, task_id, kind in expected[0]} == asynq_data.orphans(
        any_server.client, wanted
    )


# Live traffic


@pytest.mark.parametrize("rules", [["+@all"], ["+@all", "-multi"]], ids=["transactions", "two looks"])
def test_busy_workers_yield_no_false_finding(any_server: Live, rules: list[str]) -> None:
    asynq = any_server.asynq
    ids = [b"%d" % number for number in range(120)]
    asynq.register("q")
    asynq.add_many("q", ids)
    asynq.add_many("q", [b"lost%d" % number for number in range(20)], referenced=False)
    any_server.user("ann", "~*", *rules)
    stop = threading.Event()
    moves = 0

    def work() -> None:
        nonlocal moves
        while not stop.is_set():
            for task_id in ids:
                asynq.run("q", task_id)
                assert asynq.take("q") == task_id
                asynq.fail("q", task_id, "archived", retried=moves)
                moves += 1
                if stop.is_set():
                    return

    worker = threading.Thread(target=work)
    worker.start()
    try:
        rounds = 0
        while rounds < 15 or moves < 500:
            rounds += 1
            found = any_server.scan(count=20, username="ann", password="word")
            assert {row.id for row in found.rows} == {b"lost%d" % number for number in range(20)}
    finally:
        stop.set()
        worker.join()


def interleaved(live: Live, monkeypatch: pytest.MonkeyPatch, between: Callable[[], None]) -> Found:
    """Scan, and do something between the first look at a task and the one that decides."""
    send = Pipe.send_transaction

    def late(pipe: Pipe, *commands: Any) -> None:
        between()
        send(pipe, *commands)

    monkeypatch.setattr(Pipe, "send_transaction", late)
    return live.scan()


def test_a_task_that_is_put_back_between_the_looks_is_no_finding(
    any_server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False)
    found = interleaved(any_server, monkeypatch, lambda: any_server.asynq.refer("q", "one", "archived"))
    assert found.findings == set()


def test_a_task_that_moves_on_between_the_looks_is_no_finding(
    any_server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False)
    found = interleaved(any_server, monkeypatch, lambda: any_server.asynq.run("q", "one"))
    assert found.findings == set()


def test_a_task_that_is_archived_while_its_completed_index_is_asked_is_no_finding(
    any_server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", "completed", referenced=False)
    looks = 0

    def between() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            any_server.asynq.add("q", "one", "archived")

    assert interleaved(any_server, monkeypatch, between).findings == set()
    assert looks == 2


@pytest.mark.parametrize("happens", ["moves on", "is put back", "was put away", "has failed again"])
def test_two_looks_that_differ_make_no_finding(any_server: Live, monkeypatch: pytest.MonkeyPatch, happens: str) -> None:
    asynq = any_server.asynq
    asynq.register("q")
    asynq.add("q", "one", referenced=False)
    any_server.user("ann", "~*", "+@all", "-multi")
    send = NodePipe.send
    looks = 0

    def late(pipe: Pipe, packed: Any, count: int | None = None) -> None:
        nonlocal looks
        joined = b"".join(packed)
        if b"HMGET" in joined and b"MULTI" not in joined:
            looks += 1
            if looks == 1 and happens == "was put away":
                asynq.refer("q", "one", "archived")
            elif looks == 2 and happens == "was put away":
                any_server.client.zrem("asynq:{q}:archived", "one")
            elif looks == 2 and happens == "moves on":
                asynq.run("q", "one")
            elif looks == 2 and happens == "is put back":
                asynq.refer("q", "one", "archived")
            elif looks == 2:
                any_server.client.hset(asynq_data.key("q", "one"), "msg", b"\x0a\x01b")
        send(pipe, packed, count)

    monkeypatch.setattr(NodePipe, "send", late)
    found = any_server.scan(username="ann", password="word")
    assert looks == 2
    assert found.findings == set()


def test_a_task_that_is_deleted_between_the_looks_is_no_finding(
    any_server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False)
    any_server.asynq.add("q", "two", referenced=False)
    found = interleaved(any_server, monkeypatch, lambda: any_server.client.delete(asynq_data.key("q", "one")))
    assert {row.id for row in found.rows} == {b"two"}


def test_a_queue_that_is_no_leftover_any_more_when_it_is_met_again(
    valkey: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while its indexes are read, and somebody registers it meanwhile."""
    valkey.asynq.add("q", "kept", "completed")
    scan = Scan(["q"])

    def cut(*_: Any, **__: Any) -> Iterator[Any]:
        raise DisconnectedError("lost")
        yield

    with monkeypatch.context() as patch, valkey.pipe() as pipe:
        patch.setattr("archive_tui.store.read.referenced.referenced_keys", cut)
        with pytest.raises(DisconnectedError):
            scan.step(pipe)
    assert scan.leftover == {"q"}
    valkey.asynq.register("q")
    with valkey.pipe() as pipe:
        steps = []
        while not scan.done:
            steps.append(scan.step(pipe))
    assert not any(map(rows_of, steps))
    assert not scan.leftover
