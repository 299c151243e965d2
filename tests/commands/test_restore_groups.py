"""Restoring the journal of a repair that named a group: the group loses its name again, and no other task with it."""

from collections.abc import Callable

import pytest
from support.asynq_data import a_message, key, prefix
from support.command_line import Command, Ended, at, journals
from support.servers import Live

SCORE = 1_700_000_000
GROUP = prefix("q") + b"g:mail"
GROUPS = prefix("q") + b"groups"

Restore = Callable[..., Ended]


def lose(live: Live, *ids: bytes, **fields: bytes) -> None:
    """Put grouped tasks into a group that `groups` does not name."""
    for task_id in ids:
        raw = a_message("q", task_id, group_key="mail").SerializeToString()
        live.client.hset(key("q", task_id), mapping={"msg": raw, "state": "aggregating", **fields})
        live.client.zadd(GROUP, {task_id: SCORE})


def content(live: Live) -> dict[bytes, object]:
    """Every hash, with the second at which it expires, and every set. How long a key lives and what time it is are two
    questions, so that a moment may be a millisecond off.
    """
    found: dict[bytes, object] = {}
    for one in live.client.scan_iter():
        if live.client.type(one) == b"hash":
            found[one] = (live.client.hgetall(one), round(live.client.pexpiretime(one) / 1000))
        elif live.client.type(one) == b"set":
            found[one] = live.client.smembers(one)
        else:
            found[one] = live.client.zrange(one, 0, -1, withscores=True)
    return found


@pytest.fixture
def restore(any_server: Live, cli: Command) -> Restore:
    """Repair all lost tasks of the queue by naming their group; then restore the journal of that."""
    any_server.asynq.register("q")

    def repair_and(before_restore: Callable[[], object] = lambda: None, *flags: str) -> Ended:
        repaired = cli(*at(any_server, "repair", "--queue", "q", "--kind", "lost", "--action", "follow-state", "--yes"))
        assert repaired.code == 0, repaired.err
        assert any_server.client.smembers(GROUPS) == {b"mail"}
        before_restore()
        (journal,) = journals()
        return cli(*at(any_server, "restore", journal, "--yes", "--json", *flags))

    return repair_and


def test_a_named_group_loses_its_name_again(any_server: Live, cli: Command, restore: Restore) -> None:
    many = [b"%d" % number for number in range(250)]  # several batches
    lose(any_server, *many, pending_since=b"17")
    lose(any_server, b"\xff\x00", group=b"mail")
    any_server.client.pexpireat(key("q", b"3"), 4_102_444_800_000)
    before = content(any_server)
    ended = restore()
    assert ended.code == 0, ended.err
    assert ended.json["report"]["outcomes"] == {"restored": 251}
    assert ended.json["places"] == {"groups that are not named": 251}
    assert content(any_server) == before
    (queue,) = cli(*at(any_server, "scan", "--json")).json["queues"]
    assert queue["findings"]["lost"]["count"] == 251
    again = cli(*at(any_server, "restore", *journals(), "--yes", "--json"))
    assert (again.json["planned"], again.json["restored_before"]) == (0, 251)


def test_a_group_that_holds_other_tasks_by_now_keeps_its_name(any_server: Live, restore: Restore) -> None:
    lose(any_server, b"a", b"b")
    ended = restore(lambda: lose(any_server, b"another"))
    assert ended.code == 4
    assert ended.json["report"]["outcomes"] == {"group-shared": 2}
    assert any_server.client.smembers(GROUPS) == {b"mail"}


@pytest.mark.parametrize("again", [False, True])
def test_what_was_aggregated_meanwhile_is_left_alone_unless_it_is_wanted(
    any_server: Live, restore: Restore, again: bool
) -> None:
    lose(any_server, b"done", b"waits")

    def aggregate() -> None:
        any_server.client.delete(key("q", b"done"))
        any_server.client.zrem(GROUP, b"done")

    ended = restore(aggregate, *(["--again"] if again else []))
    assert ended.json["done_since"] == 1
    assert ended.json["report"]["outcomes"] == ({"restored": 2} if again else {"restored": 1, "no-data": 1})
    assert any_server.client.exists(key("q", b"done")) == again
    assert any_server.client.smembers(GROUPS) == set()
    assert any_server.client.zrange(GROUP, 0, -1) == [b"waits"]


@pytest.mark.parametrize("what", ["being aggregated", "run", "another message"])
def test_a_task_that_moved_on_is_left_alone(any_server: Live, restore: Restore, what: str) -> None:
    lose(any_server, b"a")

    def move() -> None:
        if what == "being aggregated":
            any_server.client.zrem(GROUP, b"a")
            any_server.client.zadd(GROUP + b":08fc0c65-a65f-4164-8096-40e17c7453d8", {b"a": SCORE})
        elif what == "run":
            any_server.client.hset(key("q", b"a"), "state", "pending")
        else:
            other = a_message("q", b"a", group_key="mail", retried=1)
            any_server.client.hset(key("q", b"a"), "msg", other.SerializeToString())

    ended = restore(move)
    assert ended.code == 4
    assert ended.json["report"]["outcomes"] == {"has-run": 1}
    assert any_server.client.smembers(GROUPS) == {b"mail"}


def test_into_the_archive_it_goes_as_before(any_server: Live, restore: Restore) -> None:
    """Only what is put back where it stood takes a name away."""
    lose(any_server, b"a")
    ended = restore(lambda: any_server.client.delete(key("q", b"a"), GROUP, GROUPS), "--into-archive")
    assert ended.json["report"]["outcomes"] == {"restored": 1}
    assert any_server.client.zrange(prefix("q") + b"archived", 0, -1) == [b"a"]
