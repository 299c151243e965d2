"""Queues stand by their trouble, and warnings about them stay when a filter hides them."""

from dataclasses import replace

import pytest
from support.asynq_data import NOW, key
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.asynq.forecast import Cause, Forecast
from archive_tui.asynq.limits import DEFAULTS
from archive_tui.asynq.states import State
from archive_tui.session import ScanSummary
from archive_tui.store.read.memory import Estimate
from archive_tui.store.read.queues import QueueStats
from archive_tui.tui.lists.in_order import in_order
from archive_tui.tui.lists.queue_columns import COLUMNS, SORTS, QueueRow
from archive_tui.tui.lists.queue_trouble import Trouble, trouble

CALM = QueueStats("work", registered=True, counts={State.ARCHIVED: 5})


@pytest.mark.parametrize(
    ("stats", "scan", "forecast", "expected"),
    [
        (CALM, None, None, Trouble.NONE),
        (CALM, ScanSummary(0, complete=True), Forecast(5), Trouble.NONE),
        (replace(CALM, paused=True), None, None, Trouble.PAUSED),
        (replace(CALM, counts={State.ARCHIVED: 9_000}), None, None, Trouble.FILLING),
        (replace(CALM, registered=False), None, None, Trouble.LEFTOVER),
        (replace(CALM, registered=None), None, None, Trouble.NONE),
        (CALM, ScanSummary(1, complete=False), None, Trouble.FINDINGS),
        (replace(CALM, counts={State.ARCHIVED: 9_999}), ScanSummary(1, complete=True), None, Trouble.FULL),
        (CALM, None, Forecast(9_000, cause=Cause.TOGETHER, together=8_000, breaks_at=NOW), Trouble.BREAKING),
        (CALM, None, Forecast(9_000, cause=Cause.EXPIRED, together=8_000), Trouble.BROKEN),
        (replace(CALM, unreadable=("archived",)), None, None, Trouble.BROKEN),
    ],
)
def test_the_worst_that_is_known_of_a_queue_decides(
    stats: QueueStats, scan: ScanSummary | None, forecast: Forecast | None, expected: Trouble
) -> None:
    assert trouble(stats, scan, forecast, DEFAULTS) is expected


@pytest.mark.parametrize(
    ("registered", "shown"), [(True, "work"), (False, "work (leftover)"), (None, "work (registered?)")]
)
def test_a_queue_is_called_leftover_only_where_that_is_known(*, registered: bool | None, shown: str) -> None:
    row = QueueRow(replace(CALM, registered=registered), None, NOW)
    assert COLUMNS[0].cell(row) == shown


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["findings", "memory", "oldest", "pending"])
def test_queues_of_which_a_column_knows_nothing_come_last_in_both_directions(column: str, *, descending: bool) -> None:
    counted = replace(CALM, counts={State.PENDING: 0}, memory=Estimate(0, 0), oldest_archived_at=int(NOW) - 5)
    unknown = replace(CALM, counts={}, memory=None, oldest_archived_at=None)
    known = [QueueRow(counted, ScanSummary(findings, complete=True), NOW) for findings in (0, 3)]
    rows = in_order([QueueRow(unknown, None, NOW), *known], SORTS[column], descending=descending)
    assert rows[-1].stats is unknown
    if column == "findings":
        assert rows[:2] == (known[::-1] if descending else known)


def names(op: Operator) -> list[str]:
    return [row[3:].split()[0] for row in op.rows]


def test_queues_stand_by_their_trouble_and_then_by_name(valkey: Live) -> None:
    valkey.asynq.register("bravo", "alpha", "zulu", "mike")
    valkey.asynq.add_many("zulu", [f"old-{number}" for number in range(9_999)], "archived")
    valkey.asynq.add("mike", "loose", referenced=False)
    valkey.client.set("asynq:{alpha}:paused", NOW)
    valkey.asynq.add("gone", "left", "completed")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.until(lambda: names(op) == ["zulu", "gone", "alpha", "bravo", "mike"], "in order")
        await op.press("a")
        await op.scanned()
        await op.press("q")
        await op.until(lambda: names(op)[:3] == ["zulu", "gone", "mike"], "findings come before what is calm")
        await op.press("s")
        await op.arrives("ChoiceDialog")
        await op.press("down", "enter")
        await op.until(lambda: names(op) == ["alpha", "bravo", "gone", "mike", "zulu"], "by name")
        await op.press("s", "home", "enter")
        await op.until(lambda: names(op)[0] == "zulu", "by trouble again")

    operate(valkey.settings, play)


def test_warnings_about_queues_stay_when_a_filter_hides_them(valkey: Live) -> None:
    valkey.asynq.register("work", "full")
    valkey.asynq.add_many("full", [f"old-{number}" for number in range(9_999)], "archived")
    valkey.client.set(key("gone", "left"), "no task")
    valkey.asynq.add("gone", "left-2", "completed")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("archive full", "leftover: gone")
        await op.press("slash", *"work", "enter")
        await op.until(lambda: names(op) == ["work"], "filtered")
        await op.holds(lambda: "archive full" in op.words("#notice") and "leftover: gone" in op.words("#notice"))

    operate(valkey.settings, play)


def test_a_low_terminal_shows_two_rows_of_what_is_wrong_and_says_that_there_is_more(valkey: Live) -> None:
    valkey.asynq.register("full", *[f"work-{number}" for number in range(12)])
    valkey.asynq.add_many("full", [f"old-{number}" for number in range(9_999)], "archived")
    valkey.asynq.add("gone", "left", "completed")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("leftover: gone")
        await op.sees_no("looking for leftover")  # that would be one more
        await op.resize(60, 15)
        await op.sees("1 more: ? shows it all")
        shown = op.part("#notice")
        assert len(shown) == 2
        assert "archive full" in shown[0]
        assert shown[0].rstrip().endswith("…")
        await op.press("question_mark")
        await op.until(lambda: "leftover: gone. Keys of a queue that Asynq no longer knows" in op.dialog, "all of it")
        await op.press("escape")
        await op.resize(120, 40)
        await op.sees("leftover: gone. Keys of a queue that Asynq no longer knows")
        await op.sees_no("shows it all")

    operate(valkey.settings, play)
