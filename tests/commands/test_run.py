"""`archive-tui run`: what it plans, when it asks, what runs again and when, and the way back."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from support.asynq_data import NOW, a_message, everything, key, lock_key, prefix, raw
from support.command_line import Command, Ended, at, audit
from support.contents import content
from support.servers import Live

from archive_tui.asynq.message import TaskMessage
from archive_tui.journal.reader import Journal

Q = "work"
DAY = 86_400


@pytest.fixture
def failed(any_server: Live) -> Live:
    """Ten archived tasks that have used up their retries; beside them a ghost, a mismatch and a husk."""
    asynq, client = any_server.asynq, any_server.client
    asynq.register(Q)
    for number in range(10):
        asynq.add(
            Q,
            f"task-{number}",
            score=NOW - number,
            retry=3,
            retried=3,
            error_msg="refused",
            last_failed_at=NOW - number,
            type=f"type:{number % 2}",
        )
    client.zadd(prefix(Q) + b"archived", {"gone": NOW})
    asynq.add(Q, "torn", "active", referenced=False)
    client.zadd(prefix(Q) + b"archived", {"torn": NOW})
    asynq.add(Q, "mute", message=b"\xff\xff")
    return any_server


def running(live: Live, *arguments: str) -> list[str]:
    return at(live, "run", "--queue", Q, *arguments)


def journal() -> Path:
    (path,) = (Path(platformdirs.user_state_dir("archive-tui")) / "journal").iterdir()
    return path


def pending(live: Live) -> list[str]:
    """The ids that wait for a worker, the next one first."""
    return [one.decode() for one in reversed(live.client.lrange(prefix(Q) + b"pending", 0, -1))]


def due(live: Live) -> dict[str, int]:
    found = live.client.zrange(prefix(Q) + b"scheduled", 0, -1, withscores=True)
    return {one.decode(): int(score) for one, score in found}


def archived(live: Live) -> set[str]:
    return {one.decode() for one in live.client.zrange(prefix(Q) + b"archived", 0, -1)}


def message(live: Live, task_id: str) -> TaskMessage:
    return TaskMessage.FromString(live.client.hget(key(Q, task_id), "msg"))


def test_all_run_once_the_oldest_first_and_what_cannot_run_stays(failed: Live, cli: Command) -> None:
    before = {number: failed.client.hget(key(Q, f"task-{number}"), "msg") for number in range(10)}
    ended = cli(*running(failed, "--yes", "--reason", "INC-7"))
    assert ended.code == 4, ended.err
    assert "3 rows left out: no archived task that Asynq could run" in ended.text
    assert "queued 10 of 10 tasks" in ended.text
    assert pending(failed) == [f"task-{number}" for number in range(9, -1, -1)]
    assert archived(failed) == {"gone", "torn", "mute"}
    for number in range(10):
        fields = failed.client.hgetall(key(Q, f"task-{number}"))
        assert fields.pop(b"pending_since").isdigit()
        assert fields == {b"state": b"pending", b"msg": before[number]}
    begun, done = audit()
    assert (begun["action"], begun["planned"], begun["reason"], begun["retries_reset"]) == ("run", 10, "INC-7", False)
    assert (done["result"], done["queued"]) == ("done", 10)
    assert Journal(journal()).header.command == "run: once"


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["--where", "type:type:1"], {f"task-{number}" for number in (1, 3, 5, 7, 9)}),
        (["--limit", "2"], {"task-9", "task-8"}),
        (["--where", "id:task-4"], {"task-4"}),
    ],
)
def test_which_run(failed: Live, cli: Command, arguments: list[str], chosen: set[str]) -> None:
    assert cli(*running(failed, "--yes", *arguments)).code in (0, 4)
    assert set(pending(failed)) == chosen


def test_retries_reset_keep_everything_else_of_the_message(failed: Live, cli: Command) -> None:
    unknown = a_message(Q, "later", retried=3, retry=3, headers={"trace": "1"}).SerializeToString() + b"\xfa\x01\x03abc"
    failed.asynq.add(Q, "later", message=unknown)
    assert cli(*running(failed, "--yes", "--fresh", "--where", "id:later")).code == 0
    stored = failed.client.hget(key(Q, "later"), "msg")
    assert b"\xfa\x01\x03abc" in stored
    was = TaskMessage.FromString(unknown)
    was.retried = 0
    assert TaskMessage.FromString(stored) == was


def test_later_they_wait_in_scheduled(failed: Live, cli: Command) -> None:
    began = time.time()
    assert cli(*running(failed, "--yes", "--in", "2h", "--where", "task")).code == 0
    assert not pending(failed)
    assert len(due(failed)) == 10
    for moment in due(failed).values():
        assert began + 7200 <= moment <= time.time() + 7201
    assert {failed.client.hget(key(Q, one), "state") for one in due(failed)} == {b"scheduled"}
    assert not any(failed.client.hexists(key(Q, one), "pending_since") for one in due(failed))


def test_at_a_time(failed: Live, cli: Command) -> None:
    assert cli(*running(failed, "--yes", "--at", "2030-01-02T03:04", "--where", "id:task-1")).code == 0
    assert due(failed) == {"task-1": 1_893_553_440}


@pytest.mark.parametrize(("rate", "seconds"), [("4", 2), ("0.5", 18), ("100", 0)])
def test_a_rate_spreads_them_the_oldest_first(failed: Live, cli: Command, rate: str, seconds: int) -> None:
    ended = cli(*running(failed, "--yes", "--json", "--per-second", rate, "--where", "task"))
    assert ended.code == 0, ended.err
    moments = due(failed)
    assert len(moments) == 10
    first = moments["task-9"]
    assert [moments[f"task-{number}"] - first for number in range(9, -1, -1)] == [
        int(place / float(rate)) for place in range(10)
    ]
    assert max(moments.values()) - first == seconds
    assert ended.json["per_second"] == float(rate)


def plan_of(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return ended.json


def test_a_dry_run_says_all_and_changes_nothing(failed: Live, cli: Command) -> None:
    before = everything(failed.client)
    plan = plan_of(cli(*running(failed, "--dry-run", "--json", "--where", "task")))
    assert everything(failed.client) == before
    assert (plan["planned"], plan["one_attempt"], plan["left_out"], plan["report"]) == (10, 10, 0, None)
    text = cli(*running(failed, "--dry-run", "--where", "task")).text
    assert "exactly one attempt each" in text
    assert "as soon as a worker is free" in text


def test_what_stands_in_the_way_is_said(failed: Live, cli: Command) -> None:
    asynq, client = failed.asynq, failed.client
    asynq.add(Q, "task-late", deadline=int(time.time()) - 60)
    asynq.add(Q, "task-grouped", group_key="mail", fields={b"group": b"mail"})
    asynq.add(Q, "task-twin", unique=lock_key(Q, payload=b"1"))
    client.set(lock_key(Q, payload=b"1"), "another")
    asynq.add(Q, "task-over", unique=lock_key(Q, payload=b"2"))
    client.delete(lock_key(Q, payload=b"2"))
    client.set(prefix(Q) + b"paused", "1")
    plan = plan_of(cli(*running(failed, "--dry-run", "--json", "--where", "task")))
    assert [plan[name] for name in ("overdue", "grouped", "locks_free", "locks_held_by_others")] == [1, 1, 1, 1]
    text = " ".join(cli(*running(failed, "--dry-run", "--where", "task")).text.split())
    for said in (
        "1 task will fail at once: its deadline is past",
        "another task holds the lock of 1 task: the same work may be queued already",
        "the lock of 1 task has run out and is not taken again",
        "1 task was enqueued into a group, and runs alone",
        f"queue {Q} is paused: nothing runs until it is resumed",
        "exactly one attempt for 10; 4 have retries left",
    ):
        assert said in text
    client.delete(prefix(Q) + b"paused")
    text = " ".join(cli(*running(failed, "--dry-run", "--where", "task")).text.split())
    assert f"no running Asynq server serves queue {Q}: the tasks wait for one" in text


def test_a_deadline_is_compared_with_the_time_of_each(failed: Live, cli: Command) -> None:
    now = int(time.time())
    for number in range(4):
        failed.asynq.add(Q, f"dated-{number}", score=NOW - 100 + number, deadline=now + 15)
    plan = plan_of(cli(*running(failed, "--dry-run", "--json", "--where", "dated", "--per-second", "0.1")))
    assert plan["overdue"] == 2, "after 0, 10, 20 and 30 seconds"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--in", "2h", "--at", "2030-01-01"], "--in and --at exclude each other"),
        (["--in", "soon"], "is no length of time: write 30d"),
        (["--in", "5m"], "may be minutes or months"),
        (["--at", "tomorrow"], "is no time: write 2026-12-01T06:00, in UTC"),
        (["--at", "2020-01-01"], "2020-01-01 00:00:00 Z is in the past"),
        (["--per-second", "0"], "--per-second"),
        (["--per-second", "nan"], "nan is no number"),
        (["--where", "age>>3"], "filter"),
    ],
)
def test_bad_input_is_one_line(failed: Live, cli: Command, arguments: list[str], complaint: str) -> None:
    before = everything(failed.client)
    ended = cli(*running(failed, "--yes", *arguments))
    assert ended.code == 2
    assert complaint in ended.err
    assert "Traceback" not in ended.err
    assert everything(failed.client) == before


def test_it_is_refused_without_a_yes_and_where_nothing_may_be_written(failed: Live, cli: Command) -> None:
    before = everything(failed.client)
    assert cli(*running(failed)).code == 5
    assert cli(*running(failed, "--yes", "--read-only")).code == 5
    assert everything(failed.client) == before


def test_nothing_to_run_is_said(failed: Live, cli: Command) -> None:
    ended = cli(*running(failed, "--yes", "--where", "id:nobody"))
    assert (ended.code, "nothing to run: no archived task of queue work" in ended.text) == (0, True)


# The way back


def restored(cli: Command, live: Live, *arguments: str) -> Ended:
    return cli(*at(live, "restore", str(journal()), "--yes", *arguments))


@pytest.mark.parametrize("flags", [[], ["--fresh"], ["--in", "1h"], ["--fresh", "--per-second", "3"]])
def test_what_has_not_run_goes_back_as_it_was(failed: Live, cli: Command, flags: list[str]) -> None:
    failed.asynq.add(
        Q, "task-grouped", score=12.5, fields={b"group": b"mail", b"pending_since": b"17", b"result": b"half"}
    )
    before = content(failed)
    assert cli(*running(failed, "--yes", "--where", "task", *flags)).code == 0
    assert not any(one.startswith("task") for one in archived(failed))
    ended = restored(cli, failed)
    assert ended.code == 0, ended.text + ended.err
    assert "restored 11 of 11 tasks" in ended.text
    assert content(failed) == before
    again = restored(cli, failed)
    assert (again.code, content(failed)) == (0, before)
    assert "nothing to restore" in again.text


def test_what_has_run_or_runs_is_left_alone(failed: Live, cli: Command) -> None:
    """One is active, one has succeeded, one waits for a retry, one is archived again."""
    asynq = failed.asynq
    assert cli(*running(failed, "--yes", "--where", "task")).code == 0
    first, second, third, fourth = (asynq.take(Q).decode() for _ in range(4))
    asynq.succeed(Q, second)
    asynq.fail(Q, third, "retry", retried=4)
    asynq.fail(Q, fourth, "archived", retried=4)
    before = everything(failed.client)
    plan = cli(*at(failed, "restore", str(journal()), "--dry-run"))
    assert "Take 6 tasks back" in plan.text or "6 tasks of" in plan.text
    assert "4 wait for a worker no more" in plan.text
    ended = restored(cli, failed, "--json")
    assert ended.code == 4
    assert ended.json["report"]["outcomes"] == {"restored": 6, "no-data": 1, "has-run": 3}
    after = everything(failed.client)
    for one in (first, second, third, fourth):
        assert after.get(key(Q, one)) == before.get(key(Q, one))
    for index in ("active", "lease", "retry"):
        assert after.get(prefix(Q) + raw(index)) == before.get(prefix(Q) + raw(index))
    assert first not in archived(failed)
    assert not pending(failed)


def test_a_task_that_is_due_by_now_is_still_taken_back(failed: Live, cli: Command) -> None:
    """Asynq has moved it from `scheduled` to `pending`, and no worker has it yet."""
    assert cli(*running(failed, "--yes", "--in", "1h", "--where", "id:task-1")).code == 0
    failed.asynq.run(Q, "task-1", "scheduled")
    assert restored(cli, failed).code == 0
    assert "task-1" in archived(failed)
    assert not pending(failed)


def test_a_new_task_under_the_same_id_is_not_taken_for_it(failed: Live, cli: Command) -> None:
    assert cli(*running(failed, "--yes", "--where", "id:task-1")).code == 0
    failed.asynq.take(Q)
    failed.asynq.succeed(Q, "task-1")
    failed.asynq.add(Q, "task-1", "pending", type="other")
    before = everything(failed.client)
    assert restored(cli, failed).code == 4
    assert everything(failed.client) == before


def test_they_cannot_be_restored_to_run_once_more(failed: Live, cli: Command) -> None:
    assert cli(*running(failed, "--yes", "--where", "id:task-1")).code == 0
    before = everything(failed.client)
    ended = restored(cli, failed, "--run-once")
    assert ended.code == 2
    assert "they can only go back into the archive" in ended.complaint
    assert everything(failed.client) == before


def test_an_older_build_refuses_the_journal(failed: Live, cli: Command) -> None:
    """Restored as deleted ones, tasks that have run would be there again."""
    assert cli(*running(failed, "--yes", "--where", "id:task-1")).code == 0
    with gzip.open(journal()) as file:
        assert json.loads(file.readline())["version"] == 3


def test_without_a_journal_they_run_all_the_same(failed: Live, cli: Command) -> None:
    ended = cli(*running(failed, "--yes", "--no-journal", "--fresh", "--where", "task"))
    assert ended.code == 0, ended.err
    assert len(pending(failed)) == 10
    assert message(failed, "task-3").retried == 0
    assert not (Path(platformdirs.user_state_dir("archive-tui")) / "journal").exists()
