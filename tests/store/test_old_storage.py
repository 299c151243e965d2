"""Queues of before Asynq 0.18, whose tasks are members of indexes: recognised one by one, read, and never changed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from support import asynq_data
from support.asynq_data import NOW, everything, prefix
from support.damage import find
from support.oracle import findings
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.errors import NotFoundError, RefusedError
from archive_tui.store.read import old_storage, queues, tasks
from archive_tui.store.write.repair import repair

TASK_ID = "08fc0c65-a65f-4164-8096-40e17c7453d8"
Write = Callable[[redis.Redis], object]


def a_member(queue: str = "old", task_id: str = TASK_ID, **facts: Any) -> bytes:
    """A task as Asynq 0.17.2 writes it."""
    fields = {
        "Type": "send", "Payload": {"n": 1}, "ID": task_id, "Queue": queue, "Retry": 25, "Retried": 0, "ErrorMsg": "",
        "Timeout": 1800, "Deadline": 0, "UniqueKey": "",
    }  # fmt: skip
    return json.dumps(fields | facts, separators=(",", ":")).encode()


MEMBER = a_member()
ENCODED = asynq_data.a_message("old", "abc").SerializeToString()

WRITES: dict[str, Write] = {
    "dead": lambda client: client.zadd("asynq:{old}:dead", {MEMBER: 1}),
    "whole": lambda client: client.lpush("asynq:{old}", MEMBER),
    "pending": lambda client: client.lpush("asynq:{old}:pending", MEMBER),
    "active": lambda client: client.lpush("asynq:{old}:active", MEMBER),
    "scheduled": lambda client: client.zadd("asynq:{old}:scheduled", {MEMBER: 4102444800}),
    "behind an id": lambda client: client.zadd("asynq:{old}:scheduled", {MEMBER: 4102444800, "one": 1}),
    "retry": lambda client: client.zadd("asynq:{old}:retry", {MEMBER: NOW}),
    "archived": lambda client: client.zadd("asynq:{old}:archived", {MEMBER: NOW}),
    "deadlines": lambda client: client.zadd("asynq:{old}:deadlines", {MEMBER: NOW}),
    "protobuf": lambda client: client.lpush("asynq:{old}:pending", ENCODED),
    "without a payload": lambda client: client.lpush("asynq:{old}:pending", a_member(Payload=None)),
}


def old(live: Live, *names: str) -> set[str]:
    with live.pipe() as pipe:
        return set(old_storage.old_queues(pipe, names))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("registered", [True, False])
def test_an_old_queue_is_recognised_and_closes_no_other(any_server: Live, registered: bool, write: Write) -> None:
    write(any_server.client)
    any_server.asynq.add("new", "one", "pending")
    any_server.asynq.register(*["old", "new"][not registered :])
    assert queues.recognise(any_server.connect()) == ["new", "old"][: 1 + registered]
    with any_server.pipe() as pipe:
        names = ["new", "old"]
        stats = {one.name: one for one in queues.stats(pipe, names, [], datetime.fromtimestamp(NOW, UTC))}
    assert stats["old"].old
    assert not stats["new"].old
    assert old(any_server, "new", "old") == {"old"}


@pytest.mark.parametrize("state", ["pending", "active", "scheduled", "retry", "archived", "completed"])
@pytest.mark.parametrize(
    "task_id", [b'{"Queue":"a"}', b'{"Queue":"new"}', a_member("new"), ENCODED, b"{}", b"", b"\xff"]
)
def test_what_has_task_data_is_an_id_whatever_it_looks_like(any_server: Live, state: str, task_id: bytes) -> None:
    any_server.asynq.register("new")
    any_server.asynq.add("new", task_id, state)
    assert old(any_server, "new") == set()
    assert find(any_server, ["new"]) == []


def test_odd_ids_without_task_data_are_ghosts(any_server: Live) -> None:
    odd = [b'{"Queue":"new"}', b"{}", b"{", b'["Type","ID","Queue"]', b"hello", ENCODED, b"\x0a\x01a", b'{"Type":1}']
    any_server.asynq.register("new")
    any_server.client.lpush("asynq:{new}:pending", *odd)
    assert old(any_server, "new") == set()
    assert {(row.id, row.kind) for row in find(any_server, ["new"])} == {(one, Kind.GHOST) for one in odd}


def test_deadlines_of_ids_make_no_old_queue(any_server: Live) -> None:
    """Asynq 0.18 to 0.21 kept them for active tasks; a worker that crashed before an upgrade leaves them."""
    any_server.asynq.register("q")
    any_server.asynq.add("q", "left", "active", referenced=False)
    any_server.client.lpush("asynq:{q}:active", "left")
    any_server.client.zadd("asynq:{q}:deadlines", {"left": NOW})
    assert old(any_server, "q") == set()
    assert find(any_server, ["q"]) == []


def test_deadlines_are_read_like_leases(any_server: Live) -> None:
    any_server.asynq.register("q")
    client = any_server.client
    any_server.asynq.add("q", "fell out", "active", referenced=False)
    any_server.asynq.add("q", "elsewhere", "pending")
    client.zadd("asynq:{q}:deadlines", {"fell out": NOW, "gone": NOW, "elsewhere": NOW})
    found = {(row.id, row.kind, row.index_name) for row in find(any_server, ["q"])}
    assert found == {
        (b"fell out", Kind.LOST, "deadlines"),
        (b"gone", Kind.GHOST, "deadlines"),
        (b"elsewhere", Kind.MISMATCH, "deadlines"),
    }
    assert {(task_id, *finding) for (_, task_id), finding in findings(client).items()} == {
        (task_id, kind.value, index) for task_id, kind, index in found
    }


@pytest.mark.parametrize("how", [Repair.RUN, Repair.FOLLOW_STATE, Repair.ARCHIVE, Repair.CLEAN])
def test_a_repair_takes_the_id_out_of_deadlines(any_server: Live, how: Repair) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "fell out", "active", referenced=False)
    any_server.client.zadd("asynq:{q}:deadlines", {"fell out": NOW})
    with any_server.pipe() as pipe:
        assert repair(pipe, how, find(any_server, ["q"]), float(NOW)) == [Outcome.DONE]
    assert any_server.client.exists("asynq:{q}:deadlines") == 0
    assert findings(any_server.client) == {}


INDEXES = ["pending", "active", "lease", "deadlines", "scheduled", "retry", "archived", "completed", "g:mail"]


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("member", [MEMBER, ENCODED.replace(b"abc", b"xyz")], ids=["json", "protobuf"])
def test_a_message_is_never_called_a_ghost_nor_removed(any_server: Live, index: str, member: bytes) -> None:
    any_server.asynq.register("old")
    if index in ("pending", "active"):
        any_server.client.lpush(prefix("old") + index.encode(), member)
    else:
        any_server.client.zadd(prefix("old") + index.encode(), {member: NOW})
    if index == "g:mail":
        any_server.client.sadd("asynq:{old}:groups", "mail")
    assert find(any_server, ["old"]) == []
    before = everything(any_server.client)
    # A plan of an older build may still say so
    row = TaskRow("old", member, None, Kind.GHOST, readable=False, index_name=index)
    with any_server.pipe() as pipe:
        assert repair(pipe, Repair.REMOVE_ID, [row], float(NOW)) == [Outcome.WHOLE_MESSAGE]
    assert everything(any_server.client) == before


def test_the_script_itself_spares_messages(any_server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.store.write.repair.message_in", lambda *_: None)
    any_server.client.zadd("asynq:{old}:retry", {MEMBER: NOW, b'{"Queue":"old"}': NOW})
    rows = [TaskRow("old", member, None, Kind.GHOST, readable=False, index_name="retry") for member in
            (MEMBER, b'{"Queue":"old"}')]  # fmt: skip
    with any_server.pipe() as pipe:
        outcomes = repair(pipe, Repair.REMOVE_ID, rows, float(NOW))
    assert outcomes == [Outcome.WHOLE_MESSAGE, Outcome.DONE]
    assert any_server.client.zrange("asynq:{old}:retry", 0, -1) == [MEMBER]


@pytest.mark.parametrize("where", ["", ":pending", ":active", ":scheduled", ":retry", ":archived"])
def test_its_tasks_are_listed_and_read(any_server: Live, where: str) -> None:
    key = b"asynq:{old}" + where.encode()
    member = a_member(ErrorMsg="boom", Retried=3, Queue="old", UniqueKey="asynq:{old}:unique:send:x")
    if where in ("", ":pending", ":active"):
        any_server.client.lpush(key, member)
    else:
        any_server.client.zadd(key, {member: NOW})
    state = State(where[1:] or "pending")
    with any_server.pipe() as pipe:
        (piece,) = tasks.listed(pipe, "old", state)
        ((row,),) = tasks.rows(pipe, "old", state, piece)
        task = tasks.read(pipe, "old", TASK_ID.encode())
        with pytest.raises(NotFoundError):
            tasks.read(pipe, "old", TASK_ID[:-1].encode())
    assert (row.id, row.state, row.type, row.error) == (TASK_ID.encode(), state, "send", "boom")
    assert (row.retried, row.retry, row.payload_bytes, row.readable) == (3, 25, len(b'{"n":1}'), True)
    assert row.scored_at == (None if where in ("", ":pending", ":active") else NOW)
    assert (task.member, task.state, task.payload) == (member, state, b'{"n":1}')
    assert list(task.stands_in) == [state.value]


def test_pending_messages_are_counted(any_server: Live) -> None:
    any_server.asynq.register("old")
    any_server.client.lpush("asynq:{old}", MEMBER, a_member(task_id="two"))
    any_server.client.lpush("asynq:{old}:pending", "new")
    with any_server.pipe() as pipe:
        (one,) = queues.stats(pipe, ["old"], ["old"], datetime.fromtimestamp(NOW, UTC))
        assert queues.exists(pipe, "old")
    assert one.counts[State.PENDING] == 3


def test_a_change_is_refused_with_what_to_do(any_server: Live) -> None:
    any_server.client.lpush("asynq:{old}", MEMBER)
    any_server.asynq.add("new", "one", "pending")
    with any_server.pipe() as pipe:
        old_storage.refuse(pipe, "new")
        with pytest.raises(RefusedError, match=r"'old' was written by Asynq before 0\.18.*asynq migrate"):
            old_storage.refuse(pipe, "old")


@pytest.mark.parametrize(
    "member",
    [
        a_member(Payload={"a": "\ud800", "b": [1e400]}), a_member(Retry=2**70, Timeout="x", Retried=1.5, Deadline=None),
        a_member(Type="\ud800", ErrorMsg=7), a_member(ID="ünï", Extra={}),
    ],
)  # fmt: skip
def test_odd_messages_are_messages(any_server: Live, member: bytes) -> None:
    any_server.client.lpush("asynq:{old}:pending", member)
    with any_server.pipe() as pipe:
        (piece,) = tasks.listed(pipe, "old", State.PENDING)
        ((row,),) = tasks.rows(pipe, "old", State.PENDING, piece)
    assert row.readable


def test_deep_json_is_no_message(any_server: Live) -> None:
    any_server.client.lpush("asynq:{new}:pending", b'{"Type":' + b"[" * 100_000)
    assert old(any_server, "new") == set()
