"""Filters that look into payloads on the screens: rows appear as they match, and nothing is said before it is known."""

import json
import threading
from typing import Any

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs import contents
from archive_tui.jobs.pace import Pace
from archive_tui.tui.lists.task_list import TaskList

TASKS = 12


@pytest.fixture
def shop(valkey: Live) -> Live:
    """Archived tasks and orphans, of which every third is of customer 8812, and one of either not decoded."""
    valkey.asynq.register("shop")
    for number in range(TASKS):
        payload = json.dumps({"user": {"id": 8812 if not number % 3 else number}, "note": "x" * number}).encode()
        valkey.asynq.add("shop", f"a{number:02}", payload=payload, score=NOW - number)
        valkey.asynq.add("shop", f"o{number:02}", payload=payload, referenced=False, last_failed_at=NOW - number)
    valkey.asynq.add("shop", "a-bin", payload=bytes(range(256)), score=NOW - 100)
    valkey.asynq.add("shop", "o-bin", payload=bytes(range(256)), referenced=False, last_failed_at=NOW - 100)
    return valkey


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Holds whatever reads messages up after its first five, until it is set."""
    opened = threading.Event()
    monkeypatch.setattr(contents, "_ROWS", dict.fromkeys(Pace, 5))
    keep, kept = Catalog.keep, []

    def held(catalog: Catalog, *arguments: Any) -> None:
        if kept:
            opened.wait(30)
        kept.append(arguments)
        keep(catalog, *arguments)

    monkeypatch.setattr(Catalog, "keep", held)
    return opened


async def look_for(op: Operator, text: str) -> None:
    await op.press("slash", "end")
    await op.type(text)
    await op.press("enter")


def test_rows_appear_as_they_match_and_the_head_says_how_far_it_is(shop: Live, gate: threading.Event) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await look_for(op, "payload.user.id=8812")
        await op.until(lambda: op.ids == ["a00", "a03"])
        head = op.words("#head")
        assert "≥ 2 match of 13" in head
        assert "5 of 13 payloads read" in head
        tasks = op.app.screen.query_one(TaskList)
        tasks.catalog._version += 1  # as another batch does
        tasks._show(tasks.view)
        assert tasks.shown  # no key has to wait for the last batch
        await op.press("*")
        assert op.marked == ["a00", "a03"]
        assert "not all payloads are read" in op.remarks[-1]
        gate.set()
        await op.until(lambda: op.ids == ["a00", "a03", "a06", "a09"])
        await op.until(lambda: "1 not decoded" in op.words("#head") and "≥" not in op.words("#head"))
        assert op.marked == ["a00", "a03"]
        await op.press("*")
        assert len(op.marked) == 4
        await op.press("escape")  # the filter
        assert len(op.ids) == 13
        assert "payload" not in op.words("#head")

    operate(shop.settings, play, size=(160, 30))


def test_it_stops_and_reads_on(shop: Live, gate: threading.Event) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await look_for(op, "-payload.user.id=8812")
        await op.until(lambda: op.ids == ["a01", "a02", "a04"])
        await op.press("x")
        gate.set()
        await op.until(lambda: "payloads not read" in op.words("#head"))
        assert "≥" in op.words("#head")
        await op.press("slash", "enter")
        await op.until(lambda: len(op.ids) == 8)
        assert "a-bin" not in op.ids
        await op.until(lambda: "8 match of 13" in op.words("#head"))

    operate(shop.settings, play, size=(160, 30))


def test_nothing_is_said_not_to_match_before_it_is_read(shop: Live, gate: threading.Event) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await look_for(op, "payload.user.id=77777")
        await op.until(lambda: "5 of 13 payloads read" in op.words("#head"))
        assert "≥ 0 match" in op.words("#head")
        assert "No task matches" not in op.text
        gate.set()
        await op.until(lambda: "No task matches the filter" in op.text)

    operate(shop.settings, play, size=(160, 30))


def test_a_scan_is_narrowed_by_what_is_in_payloads(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan()
        await op.until(lambda: len(op.ids) == 13)
        await look_for(op, "payload.user.id=8812 payload.note:~xxxx")
        await op.until(lambda: set(op.ids) == {"o06", "o09"})
        await op.until(lambda: "2 match of 13" in op.words("#head"))
        await look_for(op, " or decoder:none")
        await op.until(lambda: set(op.ids) == {"o06", "o09", "o-bin"})

    operate(shop.settings, play, size=(160, 30))


def test_groups_count_what_matches(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await look_for(op, "payload.user.id=8812")
        await op.until(lambda: "4 match of 13" in op.words("#head"))
        await op.until(lambda: "email:send 4" in op.words("GroupsPanel"))

    operate(shop.settings, play, size=(160, 30))


def test_paths_that_the_payloads_have_are_completed(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await op.press("slash")
        tasks = op.app.screen.query_one(TaskList)
        await op.until(lambda: tasks.contents.paths)
        await op.type("payload.us")
        await op.press("tab", "tab")
        assert "payload.user.id=" in op.text
        await op.type("8812")
        await op.press("enter")
        await op.until(lambda: len(op.ids) == 4)

    operate(shop.settings, play, size=(160, 30))


def test_what_cannot_be_searched_is_refused(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await look_for(op, "payload.user.id")
        assert "needs an operator and a value" in op.text
        assert "payloads" not in op.words("#head")

    operate(shop.settings, play, size=(160, 30))
