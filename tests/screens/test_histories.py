"""Stale histories on the screens: listed for the installation, explained, deleted, restored."""

import pytest
from support.asynq_data import NOW, everything, history_key
from support.pilot import Operator, operate
from support.schedulers import ALIVE, DEAD, HOUR, OTHER, beat, enqueue, vanish
from support.servers import Live


@pytest.fixture
def scheduled(valkey: Live) -> Live:
    """An orphan, the histories of two entries that are gone, and that of one that lives."""
    valkey.asynq.register("work")
    valkey.asynq.add("work", "loose", referenced=False, last_failed_at=NOW - 100)
    enqueue(valkey.client, DEAD, 3 * HOUR, 2 * HOUR)
    enqueue(valkey.client, OTHER, 30 * HOUR)
    enqueue(valkey.client, ALIVE, 3 * HOUR)
    beat(valkey.client, [ALIVE], ttl=600)
    return valkey


async def narrow(op: Operator, text: str) -> None:
    await op.press("slash")
    await op.type(text)
    await op.press("enter")


def test_a_scan_of_all_queues_lists_them_and_the_first_screen_says_so(scheduled: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan()
        await op.sees("3 found")
        assert op.text.count("(no queue)") >= 2
        assert "stale history" in op.text
        await narrow(op, "kind:stale-history")
        await op.until(lambda: "loose" not in op.text, "the histories alone")
        await op.press("enter")
        await op.sees("this is no task: its row says all there is")
        await op.press("h")
        await op.sees("What is this? stale history")
        await op.press("escape", "m")
        await op.sees("nothing but deleting helps here")
        await op.press("escape", "q")
        await op.sees("2 histories of dead schedulers")

    operate(scheduled.settings, play)


def test_they_are_deleted_by_themselves(scheduled: Live) -> None:
    before = everything(scheduled.client)

    async def play(op: Operator) -> None:
        await op.scan()
        await op.sees("3 found")
        await op.press("asterisk", "ctrl+d")
        await op.arrives("ConfirmDialog")
        assert "Delete 1 task?" in op.text
        assert "2 findings of other kinds left out: histories are deleted by themselves" in op.dialog
        await op.press("escape")
        await op.until(lambda: op.where != "ConfirmDialog", "cancelled")
        await op.press("u")
        await narrow(op, "kind:stale-history")
        await op.until(lambda: "loose" not in op.text, "the histories alone")
        await op.press("asterisk", "ctrl+d")
        await op.arrives("ConfirmDialog")
        assert "Delete 2 histories?" in op.text
        assert "events 3, from 20" in op.dialog
        assert "Asynq's web console shows the history of living entries only" in op.dialog
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")
        assert "Deleted 2 of 2 histories" in op.text
        gone = {history_key(DEAD), history_key(OTHER)}
        assert everything(scheduled.client) == {key: value for key, value in before.items() if key not in gone}
        await op.press("u")
        await op.arrives("ConfirmDialog")
        assert "Restore 2 histories?" in op.text
        await op.type("2")
        await op.press("enter")
        await op.until(lambda: everything(scheduled.client) == before, "the histories back")
        await op.arrives("ReportDialog")
        assert "Restored 2 of 2 histories" in op.text

    operate(scheduled.settings, play)


def test_the_scan_says_what_is_not_judged(scheduled: Live) -> None:
    vanish(scheduled.client, 60)

    async def play(op: Operator) -> None:
        await op.scan()
        await op.sees("1 found")
        await op.sees("2 histories not judged: a scheduler was last heard")

    operate(scheduled.settings, play)


def test_one_is_restored_from_its_journal(scheduled: Live) -> None:
    before = everything(scheduled.client)

    async def play(op: Operator) -> None:
        await op.scan()
        await narrow(op, f"id:{DEAD}")
        await op.until(lambda: OTHER not in op.text and "loose" not in op.text, "one history alone")
        await op.press("ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.press("tab", "enter")
        await op.sees("deleted 1 history")
        await op.press("escape", "q", "J")
        await op.sees("(no queue)")
        await op.press("enter")
        await op.sees("2 events from 20")
        await op.press("b")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "Restore 1 history?" in op.text
        assert "keeps 1 history for ever: no scheduler clears it" in op.dialog
        await op.press("tab", "enter")
        await op.hears("restored 1 history")

    operate(scheduled.settings, play)
    assert everything(scheduled.client) == before
