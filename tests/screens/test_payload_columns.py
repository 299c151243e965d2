"""Columns that show what is in payloads: chosen by a path, sorted and grouped by, kept for the queue."""

import json

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live

CUSTOMERS = ["cus_2", "cus_1", None, "cus_2", "cus_2", "cus_1"]
AMOUNTS = [9, 100, 10, 9.5, -1, 10]


@pytest.fixture
def shop(valkey: Live) -> Live:
    valkey.asynq.register("shop", "other")
    for number, (customer, amount) in enumerate(zip(CUSTOMERS, AMOUNTS, strict=True)):
        payload = {"amount": amount, "lines": [{}, {}]} | ({"customer": customer} if customer else {})
        raw = json.dumps(payload).encode()
        valkey.asynq.add("shop", f"a{number}", payload=raw, score=NOW - number)
        valkey.asynq.add("other", f"b{number}", payload=raw, score=NOW - number)
    valkey.asynq.add("shop", "bin", payload=bytes(range(256)), score=NOW - 100)
    return valkey


async def show(op: Operator, path: str) -> None:
    await op.press("C", "a")
    await op.type(path)
    await op.press("enter", "enter")


def test_a_path_becomes_a_column_by_which_rows_are_sorted_and_grouped(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await show(op, "amount")
        await op.until(
            lambda: [one.partition(" ")[0] for one in op.column("amount", "Type")[:-1]] == list(map(str, AMOUNTS))
        )
        await show(op, "payload.customer")
        await op.until(lambda: "cus_2 3" in op.words("GroupsPanel"))
        assert "cus_1 2" in op.words("GroupsPanel")
        await op.press("T")
        await op.until(lambda: "cus_2 3, 1 more" in op.text)
        await op.press("escape", "s", "down", "down", "enter")
        await op.until(lambda: op.ids == ["a4", "a0", "a3", "a2", "a5", "a1", "bin"])
        await op.press("slash")
        await op.type("payload.customer==cus_2")
        await op.press("enter")
        await op.until(lambda: op.ids == ["a4", "a0", "a3"])

    operate(shop.settings, play, size=(200, 40))


def test_the_triage_view_offers_to_sort_by_what_it_can_sort_by(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("A")
        await op.listed(13)
        await show(op, "payload.customer")
        await op.press("T")
        await op.until(lambda: "cus_2 6, 1 more" in op.text)
        await op.press("s")
        await op.arrives("ChoiceDialog")
        assert "Queue" in op.dialog
        assert "customer" not in op.dialog
        await op.press("home", "down", "down", "enter")
        await op.arrives("ArchiveTriageScreen")
        await op.sees("Queue ▲")

    operate(shop.settings, play, size=(200, 40))


def test_it_is_kept_for_the_queue(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await op.press("C", "a")
        await op.type("lines[")
        await op.press("enter")
        assert "in brackets" in op.dialog
        await op.press("backspace", "enter")
        assert '"archive:shop" = ["died", "payload.lines", ' in op.dialog
        await op.press("enter")
        await op.until(lambda: op.column("lines", "Type")[0] == "[2]")
        await op.press("escape")
        await op.tasks("other")
        assert "lines" not in op.part("VirtualTable")[0]
        await op.press("escape")
        await op.tasks("shop")
        await op.until(lambda: op.column("lines", "Type")[0] == "[2]")

    operate(shop.settings, play, size=(200, 40))


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
def test_what_was_asked_for_is_in_sight_in_a_narrow_terminal(shop: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await show(op, "customer")
        await op.until(lambda: "cus_2" in op.rows[0])
        assert "customer" in op.part("VirtualTable")[0]

    operate(shop.settings, play, size=size)
