"""Keys that can be read in several ways are one queue's: in discovery, scan, clean-up, and the server's own check."""

import pytest
from support.asynq_data import STATES, a_message, everything, key, lock_key, prefix
from support.deletion import delete
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.ownership import Ownership, Reading
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint
from archive_tui.errors import RefusedError
from archive_tui.store.read import leftover, owners, queues
from archive_tui.store.read.index_check import IndexCheck
from archive_tui.store.read.walk import Scan
from archive_tui.store.write import cleanup
from archive_tui.store.write.delete import Doomed, Standing
from archive_tui.store.write.repair import repair

NAMES = ["a}:t:b", "a}:g:b", "a}:unique:b", "a}:processed", "a}:failed", "a}:pending", "a}:lease", "a}:", "a}:t:b}:t:c"]
TANGLED = pytest.mark.parametrize("name", NAMES)


def fill(live: Live, queue: str) -> None:
    """Every sort of key that a queue has."""
    for state in STATES:
        live.asynq.add(queue, f"one-{state}", state, unique=lock_key(queue, state))
    live.asynq.add(queue, "g:in}:t:braces", "pending")
    for name in ("processed", "processed:2026-01-01", "failed:2026-01-01"):
        live.client.set(prefix(queue) + name.encode(), 1)
    staged = prefix(queue) + b"g:g1:set"
    live.client.zadd(prefix(queue) + b"aggregation_sets", {staged: 1})
    live.client.hset(key(queue, "staged"), mapping={"msg": a_message(queue, "staged").SerializeToString(),
                                                    "state": "aggregating", "group": "g1"})  # fmt: skip
    live.client.zadd(staged, {"staged": 1})


def discovered(live: Live) -> set[str]:
    with live.pipe() as pipe:
        return {name for name in queues.discover(pipe) if name is not None}


@TANGLED
def test_a_registered_name_has_no_made_up_queue_beside_it(any_server: Live, name: str) -> None:
    fill(any_server, name)
    any_server.asynq.register(name)
    assert discovered(any_server) == {name}
    groups: queues.GroupNames = {}
    with any_server.pipe() as pipe:
        assert list(filter(None, queues.discover(pipe, groups))) == [name]
        assert groups == {name: {b"g1", b"g1:set"}}
        assert not queues.exists(pipe, "a")
        assert queues.exists(pipe, name)
        assert not any(met.rows or met.others for met in leftover.leavings(pipe, "a"))
    found = any_server.scan()
    assert found.findings == set()
    assert {queue for step in found.steps for queue in step.keys_by_queue} == {name}
    assert any_server.scan(["a"]).steps[-1].keys_by_queue == {}


@TANGLED
@pytest.mark.parametrize("others", [[], ["a"]])
def test_a_scan_tells_the_queues_apart(any_server: Live, name: str, others: list[str]) -> None:
    """Whether the shorter name is another queue, or none at all."""
    for queue in (name, *others):
        fill(any_server, queue)
        any_server.asynq.add(queue, "loose", referenced=False)
        any_server.asynq.register(queue)
    expected = {(queue, b"loose", "orphan-archived") for queue in (name, *others)}
    assert any_server.scan().findings == expected
    for queue in (name, "a"):
        assert any_server.scan([queue]).findings == {one for one in expected if one[0] == queue}
    with any_server.pipe() as pipe:
        scan = Scan(None, meet_groups=True)
        while not scan.done:
            scan.step(pipe)
        check = IndexCheck([name, *others])
        while not check.done:
            assert check.step(pipe).rows == [] or not check.done
    assert scan.groups == {queue: {b"g1", b"g1:set"} for queue in (name, *others)}
    assert check._groups == scan.groups


@TANGLED
def test_a_clean_up_takes_its_own_keys_only(any_server: Live, name: str) -> None:
    fill(any_server, name)
    any_server.asynq.register(name)
    before = everything(any_server.client)
    any_server.asynq.add("a", "left", "completed")
    any_server.asynq.add("a", "b}:t:left", "completed")
    any_server.client.set(prefix("a") + b"news", 1)
    with any_server.pipe() as pipe:
        met = list(leftover.leavings(pipe, "a"))
        doomed = {key("a", row.id) for one in met for row in one.rows} | {other for one in met for other in one.others}
        assert cleanup.remove(pipe, "a", sorted(doomed)) == len(doomed)
    left = everything(any_server.client)
    undecided = {key("a", "b}:t:left")} if name == "a}:t:b" else set()
    assert {one: value for one, value in left.items() if one not in undecided} == before


@TANGLED
def test_the_server_checks_again_whose_keys_they_are(any_server: Live, name: str) -> None:
    """A plan of before the queue was registered, or of an older build."""
    fill(any_server, name)
    any_server.asynq.register(name)
    doomed = [one for one in everything(any_server.client) if one.startswith(b"asynq:{a}:")]
    before = everything(any_server.client)
    with any_server.pipe() as pipe, pytest.raises(RefusedError, match="was registered meanwhile: clean up again"):
        cleanup.remove(pipe, "a", doomed)
    assert everything(any_server.client) == before


@pytest.mark.parametrize("how", [Repair.CLEAN, Repair.RUN, Repair.REMOVE_ID, Repair.DELETE_KEY])
def test_a_repair_leaves_keys_of_a_registered_queue_alone(any_server: Live, how: Repair) -> None:
    any_server.asynq.register("a}:t:b")
    raw = any_server.asynq.add("a}:t:b", "c", "pending", referenced=False)
    any_server.client.lpush(key("a", "b}:pending"), "x")
    before = everything(any_server.client)
    kinds = {Repair.REMOVE_ID: Kind.GHOST, Repair.DELETE_KEY: Kind.FOREIGN}
    if how is Repair.DELETE_KEY:
        row = TaskRow("a", b"b}:pending", None, Kind.FOREIGN, readable=False)
    else:
        row = row_of("a", b"b}:t:c", State.PENDING, raw, kind=kinds.get(how, Kind.LOST))
        row = row._replace(index_name="archived" if how is Repair.REMOVE_ID else "")
    with any_server.pipe() as pipe:
        assert repair(pipe, how, [row], 0.0, {("a", row.id): b"list"}) == [Outcome.OTHER_QUEUE]
    assert everything(any_server.client) == before


def test_a_deletion_leaves_keys_of_a_registered_queue_alone(any_server: Live) -> None:
    any_server.asynq.register("a}:t:b")
    raw = any_server.asynq.add("a}:t:b", "c", referenced=False)
    any_server.asynq.add("a", "own", referenced=False, message=raw)
    batch = [Doomed(one, State.ARCHIVED, fingerprint(raw), Standing.ORPHAN) for one in (b"b}:t:c", b"own")]
    with any_server.pipe() as pipe:
        assert list(delete(pipe, "a", batch)) == [Outcome.OTHER_QUEUE, Outcome.DONE]
    assert any_server.client.exists(key("a}:t:b", "c"))


@pytest.mark.parametrize("registered", [[], ["a"], ["a", "a}:t:b"], ["a}:t:b"]])
def test_a_task_is_never_two_queues(any_server: Live, registered: list[str]) -> None:
    """What contradicts the registered names is nobody's: it may be a live task of a queue that is not registered."""
    if registered:
        any_server.asynq.register(*registered)
    any_server.asynq.add("a", "b}:t:c", referenced=False)
    any_server.asynq.add("a}:t:b", "d", referenced=False)
    expected = {("a", b"b}:t:c", "orphan-archived"), ("a}:t:b", b"d", "orphan-archived")}
    found = any_server.scan().findings
    assert found == {one for one in expected if not registered or one[0] in registered}


def test_who_may_not_read_the_names_goes_by_messages(any_server: Live) -> None:
    any_server.asynq.register("a}:t:b")
    any_server.asynq.add("a}:t:b", "c", referenced=False)
    any_server.user("ann", "%R~asynq:{*", "+@all")
    with any_server.connect(username="ann", password="word").pipe() as pipe:
        ownership = owners.ownership(pipe)
        assert owners.readings_of(pipe, ownership, [key("a}:t:b", "c")]) == [Reading("a}:t:b", b"t:c")]
    assert ownership.claims(key("a}:t:b", "c")) == Ownership(ASYNQ, []).claims(key("a}:t:b", "c"))
