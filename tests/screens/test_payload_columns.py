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


def test_a_path_is_completed_and_one_that_leads_nowhere_is_said(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await op.press("C")
        await op.until(op.app.screen._seen, "paths were seen")
        await op.press("a")
        assert "Columns of this list" not in op.text  # it makes way
        await op.type("CUST")
        await op.press("tab")
        assert op.app.focused.value == "payload.customer"
        assert "1/1 payload.customer" in op.dialog
        await op.press("ctrl+u")
        await op.press("tab", "tab")
        assert op.app.focused.value == op.app.screen._seen()[1]
        await op.press("shift+tab", "shift+tab")
        assert op.app.focused.value == op.app.screen._seen()[-1]
        await op.press("ctrl+u")
        await op.type("custmer")
        await op.press("tab")
        await op.sees("no path that was seen begins so")
        await op.press("enter")
        await op.arrives("ColumnsDialog")
        assert "Columns of this list" in op.text
        await op.press("down", "enter")
        await op.hears("no task in view has anything at payload.custmer")
        op.forget_remarks()
        await show(op, "amount")
        await op.until(lambda: "9.5" in op.text, "read")
        await op.settle()
        assert not op.remarks

    operate(shop.settings, play, size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (160, 40)])
def test_the_tasks_of_a_group_by_payload_are_marked_and_deleted(shop: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("shop")
        await show(op, "customer")
        await op.until(lambda: "cus_2" in op.rows[0] and op.app.screen.groups.current, "counted")
        await op.press("tab")
        while "cus_1" not in (op.app.screen.groups.panel._options.highlighted_option.id or ""):
            await op.press("down")
        await op.press("space")
        await op.sees("2 marked")
        await op.press("space")
        await op.sees_no("marked")
        (value,) = op.app.screen.tasks.contents.columns
        op.app.screen.groups.show_all(value.facet)
        await op.arrives("ArchiveGroupsScreen")
        await op.until(lambda: "cus_2" in op.cursor and not op.app.screen.reading(), "the largest group")
        await op.press("ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.sees("Delete 3 tasks?", "payload.customer==cus_2")

    operate(shop.settings, play, size=size)
