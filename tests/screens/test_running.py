"""Running archived tasks again on the screens: the question how, the plan, and what happens to the list."""

import time

import pytest
from support.asynq_data import NOW, key, prefix
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.runs import RunMode
from archive_tui.errors import UsageError
from archive_tui.tui.dialogs.run import mode_of

Q = "work"


@pytest.fixture
def failed(valkey: Live) -> Live:
    """Six archived tasks without retries left, and a ghost."""
    valkey.asynq.register(Q)
    for number in range(6):
        kind = "email:send" if number % 2 else "report:gen"
        valkey.asynq.add(Q, f"task-{number}", score=NOW - number * 60 - 60, type=kind, retry=3, retried=3)
    valkey.client.zadd(prefix(Q) + b"archived", {"gone": NOW - 3600})
    return valkey


def pending(live: Live) -> list[str]:
    return [one.decode() for one in reversed(live.client.lrange(prefix(Q) + b"pending", 0, -1))]


def due(live: Live) -> dict[str, int]:
    found = live.client.zrange(prefix(Q) + b"scheduled", 0, -1, withscores=True)
    return {one.decode(): int(score) for one, score in found}


async def confirm(op: Operator, count: int) -> None:
    """Confirm the plan, and see its report off."""
    await op.arrives("ConfirmDialog")
    if count > 1:
        await op.type(str(count))
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.sees(f"Queued {count} of {count} tasks", "can be taken back")
        await op.press("escape")
    else:
        await op.press("tab", "enter")
        await op.hears("queued 1 task")
    await op.arrives("TasksScreen")


def test_the_task_under_the_cursor_once(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("R")
        await op.arrives("RunDialog")
        await op.sees("Run 1 archived task again")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "Run 1 task again?" in op.text
        assert "exactly one attempt" in op.words()
        assert "as soon as a worker is free" in op.words()
        await confirm(op, 1)
        await op.listed(6)

    operate(failed.settings, play)
    assert pending(failed) == ["task-0"]
    assert TaskMessage.FromString(failed.client.hget(key(Q, "task-0"), "msg")).retried == 3


def test_the_marked_ones_with_retries_reset_later_and_at_a_rate(failed: Live) -> None:
    began = time.time()

    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("space", "space", "R")
        await op.arrives("RunDialog")
        await op.press("down", "tab")
        await op.type("2h")
        await op.press("tab")
        await op.type("0.1")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.sees("with retries reset", "0.1 a second, from", "also when you quit")
        await confirm(op, 2)

    operate(failed.settings, play)
    assert not pending(failed)
    moments = due(failed)
    assert moments["task-1"] - moments["task-0"] == 10
    assert began + 7200 <= moments["task-0"] <= time.time() + 7201
    assert TaskMessage.FromString(failed.client.hget(key(Q, "task-0"), "msg")).retried == 0


def test_all_that_match_without_the_ghost(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("asterisk", "R")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.sees("1 row left out: no archived task that Asynq could run")
        await confirm(op, 6)
        await op.listed(1)

    operate(failed.settings, play)
    assert pending(failed) == [f"task-{number}" for number in range(6)]


def test_a_ghost_alone_is_not_run(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("G", "R")
        await op.hears("Asynq could run none of these: a scan says what they are")

    operate(failed.settings, play)
    assert failed.client.zscore(prefix(Q) + b"archived", "gone") is not None
    assert not pending(failed)


def test_whoever_turns_back_has_run_nothing(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("R")
        await op.arrives("RunDialog")
        await op.press("escape")
        await op.arrives("TasksScreen")
        await op.press("R")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.press("enter")
        await op.hears("nothing was queued")
        await op.press("space", "R")
        await op.arrives("RunDialog")

    operate(failed.settings, play)
    assert not pending(failed)


def test_what_cannot_be_read_is_said_in_the_dialog(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("R")
        await op.arrives("RunDialog")
        await op.press("tab")
        await op.type("soon")
        await op.press("enter")
        await op.sees("“soon” is no length of time")
        assert op.where == "RunDialog"
        await op.press("ctrl+u")
        await op.type("2020-01-01")
        await op.press("enter")
        await op.sees("is in the past")

    operate(failed.settings, play)


@pytest.mark.parametrize(
    ("begin", "rate", "mode"),
    [
        ("", "", RunMode()),
        ("2h", "", RunMode(delay=7200)),
        ("in 90min", "0.5", RunMode(delay=5400, per_second=0.5)),
        ("2030-01-02T03:04", "", RunMode(at=1_893_553_440)),
        ("at 2030-01-02", "1,000", RunMode(at=1_893_542_400, per_second=1000)),
    ],
)
def test_what_may_be_typed(begin: str, rate: str, mode: RunMode) -> None:
    assert mode_of(begin, rate, NOW, afresh=False) == mode


@pytest.mark.parametrize(
    ("begin", "rate"), [("soon", ""), ("5m", ""), ("2020-01-01", ""), ("", "0"), ("", "nan"), ("", "-3"), ("", "1e9")]
)
def test_what_may_not(begin: str, rate: str) -> None:
    with pytest.raises(UsageError):
        mode_of(begin, rate, NOW, afresh=False)


def test_a_read_only_session_has_no_such_key(failed: Live) -> None:
    from dataclasses import replace

    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("R")
        await op.hears("run: this is a read-only session")

    operate(replace(failed.settings, read_only=True), play)
    assert not pending(failed)


def test_the_report_undoes_what_has_not_run(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("space", "space", "R")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.press("u")
        await op.sees("Take 2 tasks back into the archive?")
        await op.type("2")
        await op.press("enter")
        await op.sees("Restored 2 of 2 tasks")

    operate(failed.settings, play)
    assert not pending(failed)
    assert failed.client.zcard(prefix(Q) + b"archived") == 7
