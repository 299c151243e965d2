"""Every kind of damage, planted and found exactly: compared with what a plain reading of the whole Redis says."""

import contextlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.asynq_data import key
from support.damage import DATA, INDEXES, NAMED, find, put, told, write
from support.oracle import findings
from support.servers import Live
from support.ways import WAYS, going

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.errors import DisconnectedError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.store.link.node_pipe import NodePipe
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.index_check import IndexCheck

Worlds = st.lists(st.tuples(st.sampled_from(DATA), st.sets(st.sampled_from(INDEXES), max_size=2)), max_size=25)


@pytest.mark.parametrize("way", WAYS)
@given(world=Worlds, registered=st.booleans(), messages=st.booleans())
def test_findings_are_exactly_those_of_a_full_dump(
    any_server: Live, way: str, world: list[Any], registered: bool, messages: bool
) -> None:
    any_server.client.flushall()
    asynq, server = any_server.asynq, any_server.connect()
    if registered:
        asynq.register("default")
    asynq.add("other", "healthy", "archived")
    for number, (what, places) in enumerate(world):
        task_id = b"task-%d" % number
        write(asynq, "default", task_id, what)
        for place in places:
            put(asynq, "default", task_id, place)
    with going(way):
        found = told(find(any_server, ["default", "other"], server=server, messages=messages))
    assert found == findings(any_server.client, messages=messages)
    server.close()


@given(
    st.lists(st.tuples(st.sampled_from(DATA), st.sets(st.sampled_from(NAMED), max_size=2)), min_size=1, max_size=25),
    st.booleans(),
    st.booleans(),
)
@example([("garbled", {"completed"}), ("archived", {"completed"})], False, False).via("a leftover queue")
@example([("astray", {"g:stray"})], True, False).via("a group that nobody looks into")
def test_a_whole_scan_finds_exactly_what_is_there(
    any_server: Live, world: list[Any], registered: bool, messages: bool
) -> None:
    """The job that the screens start: SCAN, index check and settling together."""
    any_server.client.flushall()
    asynq, server = any_server.asynq, any_server.connect()
    asynq.register("other")
    if registered:
        asynq.register("default")
    asynq.add("other", "healthy", "archived")
    for number, (what, places) in enumerate(world):
        task_id = b"task-%d" % number
        write(asynq, "default", task_id, what)
        for place in places:
            put(asynq, "default", task_id, place)
    catalog = Catalog()
    job = ScanJob(server, catalog, pace=Pace.FULL, messages=messages, also=["default"])
    job.start()
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    assert job.progress.complete
    rows = list(catalog.rows(catalog.find(Query())).values())
    assert told(rows) == findings(any_server.client, messages=messages)
    assert len(rows) == len(told(rows))
    catalog.close()
    server.close()


@pytest.mark.parametrize("check", [True, False])
def test_a_quick_scan_looks_only_at_what_has_task_data(valkey: Live, catalog: Catalog, check: bool) -> None:
    valkey.asynq.register("default")
    for number, what in enumerate(DATA):
        write(valkey.asynq, "default", b"loose-%d" % number, what)
        put(valkey.asynq, "default", b"gone-%d" % number, INDEXES[number % len(INDEXES)])
    job = ScanJob(valkey.connect(), catalog, pace=Pace.FULL, check_indexes=check)
    job.start()
    assert job.wait(20)
    found = told(list(catalog.rows(catalog.find(Query())).values()))
    every = findings(valkey.client)
    assert found == {ref: what for ref, what in every.items() if check or what[0] != "ghost"}
    assert {kind for kind, _ in every.values()} >= {"ghost", "lost", "husk", "foreign", "orphan-archived"}


def test_nothing_is_wrong_with_tasks_in_every_state(valkey: Live) -> None:
    asynq = valkey.asynq
    asynq.register("default")
    for state in ("pending", "active", "scheduled", "retry", "archived", "completed", "aggregating"):
        asynq.add_many("default", [f"{state}-{number}" for number in range(30)], state)
    assert find(valkey, ["default"]) == []
    assert findings(valkey.client) == {}


def test_empty_indexes_cost_no_question(valkey: Live) -> None:
    """A thousand queues on a long way: only what holds something is read."""
    names = [f"queue-{number:03}" for number in range(300)]
    valkey.asynq.register(*names)
    put(valkey.asynq, names[7], b"gone", "retry")
    with valkey.pipe() as pipe:
        check = IndexCheck(names, {})
        steps = [check.step(pipe)]
        while not check.done:
            steps.append(check.step(pipe))
    assert told([row for step in steps for row in step.rows]) == {(names[7], b"gone"): ("ghost", "retry")}
    assert len(steps) <= 2


def test_messages_are_read_a_few_mib_at_a_time(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ids one piece has, each step sends and takes in only so much; without being asked, none is read."""
    asynq = valkey.asynq
    asynq.register("default")
    asynq.add_many("default", [f"small-{number}" for number in range(500)], "retry")
    for number in range(30):
        asynq.add("default", f"large-{number}", "archived", payload=b"x" * 1_000_000)
    asynq.add("default", "huge", "archived", payload=b"x" * 9_000_000)
    write(asynq, "default", b"shell", "garbled")
    put(asynq, "default", b"shell", "archived")
    sizes: list[int] = []
    receive = NodePipe.receive

    def weighed(pipe: Pipe, count: int) -> list[Any]:
        replies = receive(pipe, count)
        sizes.append(sum(len(reply) for reply in replies if isinstance(reply, bytes)))
        return replies

    monkeypatch.setattr(NodePipe, "receive", weighed)
    for messages in (False, True):
        found: list[TaskRow] = []
        with valkey.pipe() as pipe:
            check = IndexCheck(["default"], {}, count=1_000, messages=messages)
            while not check.done:
                sizes.clear()
                found += check.step(pipe).rows
                assert sum(sizes) < (9_100_000 if len(sizes) == 1 and messages else 5_000_000 if messages else 100_000)
        assert told(found) == findings(valkey.client, messages=messages)
        assert told(found) == ({("default", b"shell"): ("husk", "archived")} if messages else {})


@pytest.mark.parametrize("messages", [False, True])
def test_a_check_that_is_cut_off_goes_on_where_it_was(
    valkey: Live, monkeypatch: pytest.MonkeyPatch, messages: bool
) -> None:
    """Each step loses its connection once, at each of its answers in turn, and is taken again on another."""
    asynq = valkey.asynq
    asynq.register("default")
    asynq.add_many("default", [f"fine-{number}" for number in range(40)], "archived")
    asynq.add_many("default", [f"busy-{number}" for number in range(25)], "active")
    for place in INDEXES:
        for number in range(7):
            put(asynq, "default", b"gone-%d-%b" % (number, place.encode()), place)
    for place in ("pending", "active", "archived", "completed"):
        for number in range(7):
            shell = b"shell-%d-%b" % (number, place.encode())
            valkey.client.hset(key("default", shell), mapping={"state": place, "msg": b"\xff\xff"})
            put(asynq, "default", shell, place)
    server, receive = valkey.connect(), NodePipe.receive
    for answers in range(4):
        check = IndexCheck(["default"], count=10, messages=messages)
        rows: list[TaskRow] = []
        while not check.done:
            left = answers

            def cut(pipe: Pipe, count: int) -> list[Any]:
                nonlocal left
                left -= 1
                if left < 0:
                    raise DisconnectedError("lost")
                return receive(pipe, count)

            monkeypatch.setattr(NodePipe, "receive", cut)
            with contextlib.suppress(DisconnectedError), server.pipe() as pipe:
                rows += check.step(pipe).rows
            monkeypatch.setattr(NodePipe, "receive", receive)
            if not check.done:
                with server.pipe() as pipe:
                    rows += check.step(pipe).rows
        assert told(rows) == findings(valkey.client, messages=messages)


@pytest.mark.parametrize("state", ["pending", "archived"])
@pytest.mark.parametrize("counts", [(10, 500), (500, 10), (10, 500, 10, 40)])
def test_a_check_that_reads_faster_or_slower_from_now_on_misses_nothing(
    valkey: Live, state: str, counts: tuple[int, ...]
) -> None:
    """The pace sets anew how much a step reads while the next piece has been asked for already."""
    for number in range(700):
        put(valkey.asynq, "default", b"gone-%d" % number, state)
    rows: list[TaskRow] = []
    with valkey.pipe() as pipe:
        check = IndexCheck(["default"], {}, count=counts[0])
        for count in counts:
            check.count = count
            rows += check.step(pipe).rows
        while not check.done:
            rows += check.step(pipe).rows
    assert told(rows) == findings(valkey.client)
    assert len(told(rows)) == 700


@pytest.mark.parametrize("size", [1, 3_000])
def test_active_tasks_without_a_lease_are_lost(any_server: Live, size: int) -> None:
    """Nobody recovers them. A worker of Asynq 0.18 to 0.21 writes a deadline in its place: it may still be there."""
    asynq = any_server.asynq
    asynq.register("default")
    asynq.add_many("default", [f"fine-{number}" for number in range(size)], "active")
    for task_id in (b"lost", b"older"):
        write(asynq, "default", task_id, "active")
        put(asynq, "default", task_id, "active")
    put(asynq, "default", b"older", "deadlines")
    rows = find(any_server, ["default"], 1000)
    assert told(rows) == {("default", b"lost"): ("lost", "active")} == findings(any_server.client)


@pytest.mark.parametrize("state", ["pending", "active"])
@pytest.mark.parametrize("size", [10, 6_000])
def test_lost_tasks_beside_short_and_long_lists(valkey: Live, state: str, size: int) -> None:
    """Beyond a few thousand ids a list is no longer read in one go."""
    asynq = valkey.asynq
    asynq.register("default")
    asynq.add_many("default", [f"fine-{number}" for number in range(size)], state)
    asynq.add_many("default", [f"lost-{number}" for number in range(300)], state, referenced=False)
    found = told(find(valkey, ["default"], 1000))
    assert found == findings(valkey.client)
    assert len(found) == 300


@pytest.mark.parametrize("refused", ["-multi", "-zmscore", "-watch", "-multi -watch -zmscore"])
def test_what_the_server_refuses_is_done_without(valkey: Live, refused: str) -> None:
    asynq = valkey.asynq
    asynq.register("default")
    asynq.add_many("default", [f"fine-{number}" for number in range(6_000)], "pending")
    for number, what in enumerate(DATA):
        write(asynq, "default", b"loose-%d" % number, what)
        write(asynq, "default", b"standing-%d" % number, what)
        put(asynq, "default", b"standing-%d" % number, INDEXES[number % len(INDEXES)])
    valkey.user("careful", "~*", "+@all", *refused.split())
    found = find(valkey, ["default"], 1000, valkey.connect(username="careful", password="word"))
    assert told(found) == findings(valkey.client)


@pytest.mark.parametrize("queues", [["a"], None], ids=["one queue", "all"])
def test_an_index_of_a_queue_with_a_longer_name_is_no_foreign_key(
    valkey: Live, catalog: Catalog, queues: list[str] | None
) -> None:
    """`asynq:{a}:t:b}:archived` reads as task data of `a`; deleting it would take the archive of `a}:t:b` away."""
    valkey.asynq.register("a", "a}:t:b")
    for state in ("archived", "pending"):
        valkey.asynq.add("a", f"one-{state}", state)
        valkey.asynq.add("a}:t:b", f"other-{state}", state)
    valkey.client.set(key("a", "note}:to myself"), "text")
    job = ScanJob(valkey.connect(), catalog, queues, pace=Pace.FULL)
    job.start()
    assert job.wait(30)
    assert job.error is None
    assert told(list(catalog.rows(catalog.find(Query())).values())) == {("a", b"note}:to myself"): ("foreign", "")}
