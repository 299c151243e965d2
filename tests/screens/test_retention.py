"""Cleaning up an archive by age and number on the screens, and the forecast that leads there."""

import json
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from support.asynq_data import NOW, everything, prefix
from support.pilot import Operator, operate
from support.servers import Live

DAY = 86_400


@pytest.fixture
def aged(valkey: Live) -> Live:
    """Ten archived tasks, a day apart."""
    valkey.asynq.register("work", "empty")
    for number in range(10):
        kind = "email:send" if number % 2 else "report:gen"
        valkey.asynq.add("work", f"task-{number}", score=NOW - number * DAY - 60, type=kind)
    return valkey


def left(live: Live) -> set[int]:
    """The numbers of the tasks that are still there, in the index and as data."""
    indexed = {int(one.decode()[5:]) for one in live.client.zrange(prefix("work") + b"archived", 0, -1)}
    assert len(list(live.client.scan_iter(match="asynq:{work}:t:*"))) == len(indexed)
    return indexed


def audit() -> list[Any]:
    file = Path(platformdirs.user_state_dir("archive-tui")) / "audit.jsonl"
    return [json.loads(one) for one in file.read_text().splitlines()]


async def delete(op: Operator, count: int) -> None:
    """Confirm the plan of so many, and see its report off."""
    await op.arrives("ConfirmDialog")
    assert f"Delete {count:,} tasks?" in op.text
    await op.type(str(count))
    await op.press("enter")
    await op.arrives("ReportDialog")
    await op.sees(f"Deleted {count:,} of {count:,} tasks")
    await op.press("escape")


def test_by_age(aged: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("c")
        await op.arrives("RetentionDialog")
        await op.type("7d")
        await op.press("enter")
        await delete(op, 3)

    operate(aged.settings, play)
    assert left(aged) == set(range(7))
    begun, ended = audit()
    assert begun["choice"] == "older than 604800 s"
    assert (begun["planned"], ended["deleted"], ended["result"]) == (3, 3, "done")


def test_by_number_from_the_queues_and_among_what_the_filter_shows(aged: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  work")
        await op.press("c")
        await op.arrives("RetentionDialog")
        assert "Clean up 10 archived tasks" in op.text
        await op.press("tab", "8", "enter")
        await delete(op, 2)
        await op.listed(8)
        await op.press("slash", *"type:email:send", "enter")
        await op.sees("4 match of 8")
        await op.press("c", "tab", "1", "enter")
        await delete(op, 3)

    operate(aged.settings, play)
    assert left(aged) == {0, 1, 2, 4, 6}
    assert audit()[-2]["choice"] == "beyond the newest 1, filter type:email:send"


def test_what_cannot_be_read_or_keeps_all(aged: Live) -> None:
    before = everything(aged.client)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  empty")
        await op.press("c")
        await op.hears("its archive is empty")
        await op.point_at("  work")
        await op.press("c")
        await op.arrives("RetentionDialog")
        await op.press("enter")
        await op.sees("say how long, or how many, to keep")
        await op.type("30x")
        await op.press("enter")
        await op.sees("“30x” is no length of time")
        await op.press("backspace", "d", "tab", *"many", "enter")
        await op.sees("the newest how many?")
        await op.press(*["backspace"] * 4, "enter")
        await op.hears("all of them are kept")
        await op.press("c", "escape")
        await op.arrives("TasksScreen")
        await op.press("space", "ctrl+d")  # nothing is left hanging
        await op.arrives("ConfirmDialog")
        await op.press("escape")

    operate(aged.settings, play)
    assert everything(aged.client) == before


def test_a_read_only_session_has_no_such_key(aged: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("c")
        await op.hears("clean old: this is a read-only session")
        await op.press("question_mark")
        await op.sees("Keys: Archived tasks")
        assert "long, or is beyond" not in op.text

    operate(aged.connect(read_only=True).settings, play)


def test_the_forecast_leads_to_the_way_out(valkey: Live) -> None:
    valkey.asynq.register("busy", "calm")
    valkey.asynq.add_many("busy", [f"old-{number}" for number in range(8_012)], score=NOW - 81 * DAY)
    valkey.asynq.add("calm", "one", score=NOW - 81 * DAY)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("⚠ busy: 8,012 archived tasks cross 90 days together on 2026-11-27")
        assert "calm:" not in op.text
        await op.point_at("  busy")
        await op.press("c")
        await op.arrives("RetentionDialog")
        await op.sees("8,012 archived tasks cross 90 days together")
        await op.press("enter")  # 5,000 are suggested
        await delete(op, 3_012)
        await op.press("escape")
        await op.arrives("QueuesScreen")
        await op.sees_no("cross 90 days together")

    operate(valkey.settings, play)
    assert valkey.client.zcard("asynq:{busy}:archived") == 5_000


def test_examples_do_not_look_like_what_was_typed(aged: Live) -> None:
    """They differed by their colour alone, and enter then asked for what seemed to stand there."""

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("c")
        await op.arrives("RetentionDialog")
        assert "last such as 30d" in op.dialog
        assert "newest such as 5000" in op.dialog
        for example in ("such as 30d", "such as 5000"):
            assert op.contrast(example) > 4

    operate(aged.settings, play)
