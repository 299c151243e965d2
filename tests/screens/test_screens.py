"""Every screen, played by keys and compared with what plain redis-py reads from the same server."""

import asyncio
import re
import threading
from array import array
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from support.asynq_data import LISTS, NOW, SORTED_SETS, a_message, key, prefix
from support.oracle import findings
from support.pilot import Operator, operate, slowly
from support.servers import Live
from textual.widgets import OptionList

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.view import View
from archive_tui.demo import DEMO_SEED, fill
from archive_tui.tui.command_screen import FROM_PALETTE, Wait
from archive_tui.tui.commands import MOVES, QUITS

QUEUES = ["critical", "default", "email", "idle", "images:resize", "odd [*?] name", "reports"]
LEFTOVER = "old-reports"


@pytest.fixture
def shop(valkey: Live) -> Live:
    """A server with a small edition of the demo's installation."""
    fill(valkey.client, seed=DEMO_SEED, now=NOW, scale=0.006)
    return valkey


def archive(client: redis.Redis, queue: str) -> list[str]:
    """The ids of an archive, newest first."""
    return [task_id.decode() for task_id in client.zrevrange(prefix(queue) + b"archived", 0, -1)]


def messages(client: redis.Redis, queue: str) -> dict[str, Any]:
    """The messages of the tasks in an archive by their ids."""
    found = {}
    for task_id in archive(client, queue):
        message = a_message()
        message.ParseFromString(client.hget(key(queue, task_id), "msg"))
        found[task_id] = message
    return found


def texts(client: redis.Redis, queue: str, part: str) -> set[str]:
    """The ids of the archived tasks that have a text in their id, type or error."""
    return {
        task_id
        for task_id, message in messages(client, queue).items()
        if any(part.lower() in text.lower() for text in (task_id, message.type, message.error_msg))
    }


# Queues

ROW = re.compile(
    r"(?P<queue>.+?) {2,}(?:(?P<bar>[█▏▎▍▌▋▊▉]+) )? *(?P<archived>[\d,]+/9,999|leftover) {2,}(?P<findings>\S.*?)"
    r" {2,}(?P<pending>\S+) +(?P<active>\S+) +(?P<retry>\S+) +(?P<scheduled>\S+) +(?P<completed>\S+)"
    r" +(?P<aggregating>\S+) +(?P<memory>–|~\S+ k?M?B) +(?P<oldest>–|\d+ \S+) +(?P<failed>[▁▂▃▄▅▆▇█]{14}) *"
)


def name_of(shown: str) -> str:
    """The queue of a row, by what stands in its first cell."""
    return shown.removesuffix(" ⏸").removesuffix(" (leftover)")


def table(op: Operator) -> dict[str, dict[str, str]]:
    """The rows of the queues screen, 160 columns wide, by the names that they show."""
    found = {}
    for row in op.rows:
        match = ROW.fullmatch(row[3:])
        assert match is not None, row
        found[match["queue"]] = match.groupdict()
    return found


def sizes(client: redis.Redis, queue: str) -> dict[str, int]:
    """How many tasks of a queue are in each state."""
    start = prefix(queue)
    counts = {state: client.llen(start + state.encode()) for state in LISTS}
    counts |= {state: client.zcard(start + state.encode()) for state in SORTED_SETS}
    groups = [start + b"g:" + name for name in client.smembers(start + b"groups")]
    groups += client.zrange(start + b"aggregation_sets", 0, -1)
    return {**counts, "aggregating": sum(client.zcard(group) for group in groups)}


def test_queues_shows_what_redis_holds(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        shown = table(op)
        others = [queue for queue in sorted(QUEUES) if queue != "email"]
        assert list(shown) == [f"{LEFTOVER} (leftover)", "email ⏸", *others]  # by what needs attention
        for queue in QUEUES:
            row, counts = dict(shown["email ⏸" if queue == "email" else queue]), sizes(shop.client, queue)
            assert row.pop("archived") == f"{counts.pop('archived'):,}/9,999"
            assert {state: row[state] for state in counts} == {state: f"{n:,}" for state, n in counts.items()}
            assert row["findings"] == "–"  # nobody has scanned yet
        assert shown["default"]["bar"]
        assert not shown["idle"]["bar"]
        leftover, counts = shown[f"{LEFTOVER} (leftover)"], sizes(shop.client, LEFTOVER)
        assert leftover["completed"] == str(counts["completed"]) == "1"
        assert leftover["archived"] == "leftover"
        assert leftover["pending"] == "–"
        assert op.part("#notice")[0].rstrip().endswith("old-reports. Keys of a queue that Asynq no longer knows")
        await op.until(lambda: all(table(op)[name]["memory"].startswith("~") for name in shown), "estimates of memory")
        check_times(shop.client, table(op))

    operate(shop.settings, play)


def check_times(client: redis.Redis, shown: dict[str, dict[str, str]]) -> None:
    """Compare the oldest archived tasks and the failures of the last 14 days with those in Redis."""
    today = datetime.fromtimestamp(NOW, UTC)
    days = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in reversed(range(14))]
    for name, row in shown.items():
        start = prefix(name_of(name))
        failed = [int(count or 0) for count in client.mget([f"{start.decode()}failed:{day}" for day in days])]
        heights = ["▁▂▃▄▅▆▇█".index(block) for block in row["failed"]]
        assert [not height for height in heights] == [not count for count in failed]
        assert [height for _, height in sorted(zip(failed, heights, strict=True))] == sorted(heights)
        if any(failed):
            assert heights[failed.index(max(failed))] == 7
            assert all(height < 7 for count, height in zip(failed, heights, strict=True) if count * 2 <= max(failed))
        oldest = client.zrange(start + b"archived", 0, 0, withscores=True)
        if not oldest:
            assert row["oldest"] == "–"
            continue
        count, unit = row["oldest"].split()
        length = {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
        assert 0 <= NOW + 60 - oldest[0][1] - int(count) * length <= length + 60
    assert sum(bool(row["failed"].strip("▁")) for row in shown.values()) > 4


def test_queues_refreshes_by_itself(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        before = sizes(shop.client, "critical")
        shop.asynq.add("critical", "new", score=NOW)
        shop.asynq.add("critical", "newer", "pending")
        shop.client.set(prefix("critical") + b"paused", NOW)
        await op.sees("critical ⏸")
        await op.until(
            lambda: table(op)["critical ⏸"]["archived"] == f"{before['archived'] + 1}/9,999", "one more archived"
        )
        await op.until(lambda: table(op)["critical ⏸"]["pending"] == str(before["pending"] + 1), "one more pending")
        shop.asynq.register("brand-new")
        await op.sees("brand-new ")

    operate(shop.settings, play)


def test_z_holds_the_refresh_and_goes_on_with_it(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("z")
        await op.sees("paused, as of")
        shop.asynq.register("brand-new")
        await op.holds(lambda: "brand-new" not in op.text)
        await op.press("z")
        await op.sees("brand-new")
        await op.sees_no("paused")

    operate(shop.settings, play, interval=0.05)


def test_r_reads_again_at_once_and_looks_for_leftover_queues(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        shop.asynq.register("brand-new")
        shop.asynq.add("forgotten", "one", "completed")
        await op.press("r")
        await op.sees("brand-new ", "forgotten (leftover)")

    operate(shop.settings, play, interval=600)


def test_installations_in_other_namespaces_are_named(shop: Live) -> None:
    for namespace in ("billing:asynq", "asynq-prod"):
        shop.client.zadd(f"{namespace}:{{email}}:archived", {"one": 1})

    async def play(op: Operator) -> None:
        await op.sees("also here: asynq-prod, billing:asynq. Other installations: `--namespace")

    operate(shop.settings, play)

    async def play_in_theirs(op: Operator) -> None:
        await op.sees("billing:asynq", "email", "also here: asynq, asynq-prod.")

    operate(replace(shop.settings, namespace="billing:asynq"), play_in_theirs)


def test_queues_can_be_filtered_by_name_and_sorted(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("slash")
        await op.type("RE")
        assert list(table(op)) == ["old-reports (leftover)", "images:resize", "reports"]
        await op.press("enter", "g", "j")
        assert "images:resize" in op.cursor  # the keys are the table's again, and the filter stays
        await op.press("slash")
        await op.type("zzz")
        await op.sees("No queue matches the filter.")
        await op.press("escape")
        assert len(op.rows) == 8
        assert op.where == "QueuesScreen"
        await op.point_at("  critical ")
        await op.press("s", "down", "down", "enter")
        archived = [int(row["archived"].removesuffix("/9,999").replace("leftover", "0")) for row in table(op).values()]
        assert archived == sorted(archived, reverse=True)
        assert next(iter(table(op))) == "default"
        await op.press("s", "enter")  # the same column again turns the order round
        assert list(table(op))[-1] == "default"
        assert "critical" in op.cursor

    operate(shop.settings, play)


def test_queues_says_when_the_server_refuses_memory_usage(shop: Live) -> None:
    shop.user("watcher", "~*", "+@all", "-memory|usage")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("memory is not shown: the server refuses MEMORY USAGE")
        assert {row["memory"] for row in table(op).values()} == {"–"}
        assert table(op)["default"]["archived"] == "65/9,999"

    with_user = replace(shop.settings, username="watcher", password=shop.connect(password="word").settings.password)
    operate(with_user, play)


def test_the_top_line_says_where_we_are(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        assert op.lines[0].startswith(" archive-tui   ● ORDERS  ")
        assert all(part in op.lines[0] for part in ("somewhere:6379/0", "primary", "valkey 9", "read-write", "as of"))

    settings = replace(shop.settings, label="somewhere:6379/0", profile="orders", production=True)
    operate(settings, play)


# What all screens share


async def open_task(op: Operator) -> None:
    await op.tasks("default")
    await op.task()


SCREENS: dict[str, Callable[[Operator], Any]] = {
    "queues": lambda op: op.queues(),
    "tasks": lambda op: op.tasks("default"),
    "task": open_task,
    "scan": lambda op: op.scan(),
}
DEAD_KEYS = {
    "queues": {"x": "stop: nothing is running"},
    "tasks": {"x": "stop: nothing is running", "u": "unmark: nothing is marked"},
    "task": {"p": "previous: this is the first task of the list"},
    "scan": {
        "x": "stop: nothing is running",
        "z": "pause: the scan has ended: r scans again",
        "u": "unmark: nothing is marked",
    },
}


def without_scroll_bar(words: str) -> str:
    """Words without the end of a scroll bar that stood beside them."""
    return re.sub(r" ?[▁-█]", "", words)


on_every_screen = pytest.mark.parametrize("screen", SCREENS)


@pytest.mark.parametrize("key", ["pagedown", "pageup", "home", "end", "down", "up", "enter"])
def test_keys_in_a_palette_without_room_break_nothing(shop: Live, key: str) -> None:
    """Textual's list looked for a line that it had not drawn, and the program ended."""

    async def play(op: Operator) -> None:
        await op.queues()
        await op.resize(10, 2)
        await op.press("colon")
        found = op.app.screen.query_one(OptionList)
        await op.until(lambda: found.option_count > 10, "commands found")
        await op.press(key)
        await op.resize(80, 24)

    operate(shop.settings, play)


@on_every_screen
def test_help_palette_and_footer_hold_the_keys_of_the_screen(shop: Live, screen: str) -> None:
    async def play(op: Operator) -> None:
        await SCREENS[screen](op)
        here, commands = op.app.screen, op.app.screen.available()
        assert len(commands) > 10

        for closing in ("escape", "question_mark", "q", "enter"):
            await op.press("question_mark")
            assert op.where == "HelpDialog"
            for command in (*commands, *MOVES, *QUITS):
                keys = " ".join(command.keys())
                assert f" {keys} {command.help} " in f"{without_scroll_bar(op.dialog)} "
            await op.press(closing)
            assert op.app.screen is here

        for opening in ("colon", "ctrl+p"):
            await op.press(opening)
            assert op.where == "Palette"
            found = op.app.screen.query_one(OptionList)
            ids = [option.id for option in found.options]
            assert {one.id() for one in commands} <= set(ids)
            able = [one.id() for one in commands if here.refusal(one) is None]
            assert ids[: len(able)] == able  # what can act now comes first
            texts = {option.id: str(option.prompt) for option in found.options}
            for one in commands:
                assert one.keys()[0] in texts[one.id()]
                reason = here.refusal(one)
                assert (one.help if reason is None else f"not now: {reason}") in texts[one.id()] or isinstance(
                    reason, Wait
                )
            elsewhere = set(ids) - {one.id() for one in (*here.available(), *FROM_PALETTE)}
            assert elsewhere
            assert all("works on: " in texts[name] or here.session.read_only for name in elsewhere)
            await op.press("escape")
            assert op.app.screen is here
        await op.press("colon")
        await op.type("Show every key of this")
        await op.until(lambda: op.app.screen.query_one(OptionList).option_count == 1, "one command found")
        await op.press("enter")
        await op.arrives("HelpDialog")
        await op.press("escape")

        shown = {one.keys()[0]: one.title for one in commands}
        for width, height in ((120, 60), (60, 15)):
            await op.resize(width, height)
            await op.until(lambda: re.search(r"\? help {2,3}q (quit|back) *$", op.lines[-1]), "help and the way out")
            pairs = re.findall(r"(\S+) (\S+(?: \S+)*)(?: {2,3}|$)", op.lines[-1].strip())
            assert len(pairs) > 3
            assert all(shown[key_] == title for key_, title in pairs)

    operate(shop.settings, play, size=(120, 110))


@on_every_screen
def test_60_by_15_is_enough_and_the_size_may_change(shop: Live, screen: str) -> None:
    async def play(op: Operator) -> None:
        await SCREENS[screen](op)
        here = op.app.screen
        for key_, reason in DEAD_KEYS[screen].items():
            op.forget_remarks()
            await op.press(key_)
            assert op.remarks == [reason]
            await op.until(lambda reason=reason: reason in op.words("RemarkLine"), "the reason on the terminal")
        op.forget_remarks()

        for width, height in [(80, 24), (200, 60), (40, 10), (20, 4), (1, 1), (60, 15)]:
            await op.resize(width, height)
            assert len(op.lines) == height
            assert op.app.screen is here

        assert "read-write" in op.lines[0]
        await op.press("j", "k", "G", "g")
        if screen == "task":
            await op.until(lambda: "Payload" in op.text and "tab: facts" in op.text, "one box at a time")
        else:
            await op.until(lambda: len(op.rows) >= 7, "seven rows or more")
            first = op.cursor
            await op.press("j")
            assert op.cursor != first
        await op.press("question_mark")
        assert op.where == "HelpDialog"
        first_command = next(one for one in here.available() if not one.transient)
        assert first_command.help in without_scroll_bar(op.dialog)
        await op.press("end")
        await op.until(lambda: "until all that must be typed stands there" in op.dialog, "the last line")
        await op.press("escape")
        if screen != "task":
            await op.press("s")
            if screen != "queues":
                assert op.where == "ChoiceDialog"
            await op.press("escape")
        assert op.app.screen is here

    operate(shop.settings, play)


def test_a_dead_key_says_why_in_an_empty_archive(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("idle")
        await op.sees("The archive is empty.")
        await op.press("space", "asterisk", "ctrl+d", "v")
        assert op.remarks == [
            "mark: no task here",
            "mark all: there is nothing to mark",
            "delete: there is nothing to delete",
            "range: no task here",
        ]

    operate(shop.settings, play)


def test_enter_says_why_it_opens_nothing_in_an_empty_archive(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("idle")
        await op.sees("The archive is empty.")
        await op.press("enter")
        assert op.remarks == ["open: no task here"]

    operate(shop.settings, play)


def test_q_goes_back_and_quits_at_the_start(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await open_task(op)
        await op.press("q")
        assert op.where == "TasksScreen"
        await op.press("q")
        assert op.where == "QueuesScreen"
        assert op.app.is_running
        await op.burst("q")
        await op.ended()

    assert operate(shop.settings, play).return_code == 0


def test_escape_never_quits(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("escape", "escape", "escape")
        assert op.where == "QueuesScreen"
        await op.holds(lambda: op.app.is_running, 0.1)

    operate(shop.settings, play)


# Tasks


def test_tasks_are_listed_newest_first(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        assert op.ids == archive(shop.client, "default")
        found = messages(shop.client, "default")
        for task_id, row in zip(op.ids, op.rows, strict=True):
            assert re.search(rf" {found[task_id].retried}/{found[task_id].retry} ", row)
            assert found[task_id].type in row
            assert found[task_id].error_msg.split("\n")[0][:40] in row

    operate(shop.settings, play, size=(230, 80))


def test_an_archive_above_the_default_is_not_said_to_be_full(valkey: Live) -> None:
    valkey.asynq.register("large", "small")
    valkey.client.zadd("asynq:{large}:archived", {f"t{number}": NOW - number for number in range(10_239)})
    valkey.asynq.add("small", "one")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("10,239/?", "more than Asynq keeps by default (9,999): large")
        assert "archive full" not in op.text
        await op.press("enter")
        await op.sees("10,239, above the default 9,999")

    operate(valkey.settings, play)


def test_the_default_of_an_archive_is_said_to_be_one(valkey: Live) -> None:
    valkey.asynq.register("full")
    valkey.client.zadd("asynq:{full}:archived", {f"t{number}": NOW - number for number in range(9_999)})

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("archive full (9,999 by default): full")
        await op.press("question_mark")
        await op.sees("that it keeps. 9,999 is Asynq's")
        await op.press("escape", "enter")
        await op.sees("9,999 of 9,999 by default")

    operate(valkey.settings, play, size=(120, 100))
    known = replace(valkey.settings, archive_cap=9_999)

    async def play_known(op: Operator) -> None:
        await op.queues()
        await op.sees("archive full: full")
        await op.press("enter")
        await op.sees("9,999 of 9,999")
        assert "default" not in op.lines[1]

    operate(known, play_known, size=(120, 50))


def test_tasks_can_be_filtered_by_id_type_and_error(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        for part in ("refused", "REPORT:gen", "nightly-report:2026", op.ids[0][:6], "%", "no such text"):
            expected = texts(shop.client, "default", part)
            assert bool(expected) == (part not in {"%", "no such text"})
            await op.press("slash")
            await op.type(part)
            await op.sees(f"archived   {len(expected)} match of 65", f"/ {part}")
            await op.until(lambda expected=expected: set(op.ids) == expected, "the matching rows")
            if not expected:
                await op.sees("No task matches the filter: esc shows all.")
            await op.press("escape")
            await op.unfiltered()

    operate(shop.settings, play, size=(230, 80))


def test_a_filter_that_cannot_be_read_says_so_and_hides_nothing(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press("slash")
        await op.sees("field:value", "age>30d")  # what can be typed
        await op.type("error:~refused")
        expected = texts(shop.client, "default", "refused")
        await op.until(lambda: set(op.ids) == expected, "the matching rows")
        await op.type(' "x')
        assert "not closed" not in op.text  # it may be yet
        await op.press("enter")
        await op.sees('at “"x” (character 16): this quote is not closed')
        assert set(op.ids) == expected
        await op.press("slash", "backspace", "backspace")
        await op.type("typ:x ")
        await op.sees("at “typ:x” (character 16): no field “typ”, did you mean type?")
        await op.press("backspace", "enter", "asterisk")
        await op.hears("the filter cannot be read")
        await op.press("escape")
        await op.sees_no("did you mean")
        await op.unfiltered()
        await op.press("question_mark", "slash")
        await op.type("may say")
        await op.sees("What a filter may say")

    operate(shop.settings, play, size=(230, 120))


def test_keys_that_arrive_in_one_piece_reach_the_filter(shop: Live) -> None:
    """A link that stalls delivers keys in bundles: what was typed into the filter must not be obeyed as commands."""
    expected = texts(shop.client, "default", "refused")

    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.burst("/", *"refused", "enter")
        await op.until(lambda: f"{len(expected)} match of 65" in op.text, "filtered", seconds=3)
        assert op.remarks == []
        assert op.where == "TasksScreen"

    operate(shop.settings, play)


def test_escape_steps_back_through_filter_marks_and_screen(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press("space", "space", "slash", *"refused", "enter")
        await op.sees("match of 65")
        await op.press("escape")
        await op.sees_no("match of 65")
        assert "2 marked" in op.text
        await op.press("escape")
        assert "marked" not in op.text
        assert op.where == "TasksScreen"
        await op.press("escape")
        assert op.where == "QueuesScreen"

    operate(shop.settings, play)


def test_escape_while_the_filter_is_typed_clears_it_alone(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press("space", "slash", *"refused", "escape")
        await op.sees_no("match of 65")
        assert op.where == "TasksScreen"
        assert "1 marked" in op.text

    operate(shop.settings, play)


@pytest.mark.parametrize("marks", [0, 2])
def test_escape_in_an_empty_filter_closes_it_and_nothing_else(shop: Live, marks: int) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press(*["space"] * marks, "slash", "escape")
        assert op.where == "TasksScreen"
        assert not marks or f"{marks} marked" in op.text

    operate(shop.settings, play)


def test_marks_survive_sorting_and_filtering(shop: Live) -> None:
    chosen = archive(shop.client, "default")[:2]
    refused = texts(shop.client, "default", "refused")
    assert not set(chosen) & refused  # else they would not be hidden below

    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press("space", "space")
        assert op.marked == chosen
        await op.press("s", "down", "enter")  # by type
        await op.sees("Type ▲")
        await op.until(lambda: set(op.marked) == set(chosen), "the same tasks marked")
        await op.press("slash", *"refused", "enter")
        await op.sees("2 marked, 2 hidden by filter")
        assert op.marked == []
        await op.press("space")
        await op.sees("3 marked, 2 hidden by filter")
        (third,) = op.marked
        await op.press("escape")
        await op.until(lambda: set(op.marked) == {*chosen, third}, "all three marked")
        assert "hidden" not in op.text

    operate(shop.settings, play, size=(230, 80))


def test_space_marks_and_moves_on_and_unmarks(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        first, second, third = op.ids[:3]
        await op.press("space", "j", "space")
        assert op.marked == [first, third]
        await op.press("g", "space")
        assert op.marked == [third]
        assert second in op.cursor
        assert "   1 marked" in op.text

    operate(shop.settings, play)


def test_v_marks_a_range_in_either_direction(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("critical")
        ids = op.ids
        for start, moves, expected in [
            ("j", ["j", "j", "j"], ids[1:5]),
            ("j", ["G", "k", "k"], ids[1:6]),
            ("G", ["k", "k"], ids[-3:]),
        ]:
            await op.press("g", start, "v")
            await op.sees("range: v marks up to here")
            await op.press(*moves, "v")
            await op.until(lambda expected=expected: op.marked == expected, "the range marked")
            assert f"{len(expected)} marked" in op.text
            assert "range: v" not in op.text
            await op.press("u")
            assert op.marked == []
        await op.press("v")
        await op.sees("range: v marks up to here")
        await op.press("escape")
        assert "range: v" not in op.text
        assert op.where == "TasksScreen"

    operate(shop.settings, play)


def test_asterisk_marks_all_that_match_also_those_off_the_screen(shop: Live) -> None:
    expected = texts(shop.client, "default", "refused")

    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press("slash", *"refused", "enter")
        await op.sees(f"{len(expected)} match of 65")
        await op.press("asterisk")
        await op.sees(f"{len(expected)} marked ")
        assert len(expected) > len(op.rows)
        await op.press("escape")
        await op.unfiltered()
        await op.resize(230, 80)
        await op.until(lambda: set(op.marked) == expected, "exactly these marked")
        await op.press("u")
        assert op.marked == []
        assert " marked" not in op.text

    operate(shop.settings, play, size=(230, 24))


def test_asterisk_marks_what_matches_the_filter_also_before_the_answer_is_there(
    shop: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = texts(shop.client, "default", "refused")
    answers = threading.Event()
    find = Catalog.find

    async def play(op: Operator) -> None:
        def slow(catalog: Catalog, query: Query) -> "array[int]":
            """An archive of millions takes a while to be searched."""
            if query.text:
                answers.wait(5)
            return find(catalog, query)

        await op.tasks("default")
        monkeypatch.setattr(Catalog, "find", slow)
        with op.holding():
            await op.press("slash", *"refused", "enter", "asterisk")
            answers.set()
        await op.sees(f"{len(expected)} match of 65")
        if not op.remarks:  # a reason why it cannot mark now would do as well
            await op.sees(" marked")
            assert f"   {len(expected)} marked " in op.text

    operate(shop.settings, play)


def test_refresh_brings_new_tasks_and_keeps_cursor_and_marks(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("critical")
        await op.press("space", "space", "j")
        marked, cursor = op.marked, op.cursor
        shop.asynq.add("critical", "newest", score=NOW + 10, error_msg="just now")
        shop.asynq.run("critical", op.ids[-1])
        await op.press("r")
        await op.sees("newest")
        await op.listed(8)
        assert op.ids == archive(shop.client, "critical")
        assert op.marked == marked
        assert op.cursor == cursor
        assert "newest" not in op.cursor

    operate(shop.settings, play)


def test_refresh_forgets_the_marks_of_tasks_that_are_gone(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("critical")
        await op.press("space", "space", "space")
        shop.asynq.run("critical", op.ids[1])
        await op.press("r")
        await op.listed(7)
        await op.sees("   2 marked")
        await op.holds(lambda: len(op.marked) == 2, 0.2)
        assert "   2 marked" in op.text

    operate(shop.settings, play)


def test_a_mark_never_passes_to_another_task(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("critical")
        await op.press("G", "space")
        shop.asynq.run("critical", op.marked[0])  # somebody else runs the marked task
        await op.press("r")
        await op.listed(7)
        shop.asynq.add("critical", "innocent", score=NOW + 10)
        await op.press("r")
        await op.sees("innocent")
        await op.listed(8)
        assert "innocent" not in op.marked

    operate(shop.settings, play)


def test_tasks_that_cannot_be_read_are_listed_and_say_so(valkey: Live) -> None:
    valkey.asynq.register("broken")
    valkey.asynq.refer("broken", "ghost", "archived", score=NOW)
    valkey.asynq.add("broken", "garbled", message=b"\x0a\xff\x01", score=NOW - 10)
    valkey.client.hset(key("broken", "husk"), "state", "archived")
    valkey.asynq.refer("broken", "husk", "archived", score=NOW - 20)
    valkey.client.rpush(key("broken", "list"), "one")
    valkey.asynq.refer("broken", "list", "archived", score=NOW - 30)

    async def play(op: Operator) -> None:
        await op.tasks("broken")
        assert op.ids == ["ghost", "garbled", "husk", "list"]
        assert op.column("Type", "Tries") == ["no task data", "unreadable", "unreadable", "no task data"]
        for task_id, said in [
            ("ghost", "holds no data for task 'ghost'"),
            ("garbled", "does not decode as Asynq's TaskMessage"),
            ("husk", "missing: the hash has no field msg"),
            ("list", "is a list, not task data"),
        ]:
            await op.point_at(task_id)
            await op.press("enter")
            await op.arrives("ArchivedTaskScreen")
            await op.until(lambda said=said: said in op.words(), said)
            await op.press("escape")
            assert op.where == "TasksScreen"

    operate(valkey.settings, play)


def test_an_archive_that_is_being_read_is_called_neither_full_nor_empty(shop: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  critical ")
        with link.held():
            await op.press("enter")
            await op.sees("reading the")
            await op.sees_no("The archive is empty.")
            assert "≥ 0 of 9,999" in op.text
            await op.press("ctrl+d")
            assert op.remarks == ["delete: the archive is still being read"]
            await op.press("r")
            assert op.remarks[-1] == "refresh: still reading"
        await op.listed(8)
        await op.press("escape")
        await op.tasks("idle")
        await op.sees("The archive is empty.")

    with slowly(shop.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_a_full_archive_is_never_called_empty_while_it_opens(shop: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    read = threading.Event()
    of = View.of

    def late(*what: Any, **how: Any) -> View:
        """The answer comes while the archive has just been read to its end."""
        view = of(*what, **how)
        read.wait(5)
        return view

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  critical ")
        monkeypatch.setattr(View, "of", late)
        with op.holding():
            await op.press("enter")
            await op.sees("   8 of 9,999")
            await op.until(lambda: "reading the" not in op.text, "read to its end")
            read.set()
        seen = []

        def drawn() -> bool:
            seen.append("The archive is empty." in op.text)
            return bool(op.rows)

        await op.until(drawn, "tasks drawn")
        assert not any(seen)

    operate(shop.settings, play)


def vanish(client: redis.Redis, queue: str) -> None:
    """What deleting a queue does where nothing is left over."""
    client.delete(*[one for one in client.scan_iter() if one.startswith(prefix(queue))])
    client.srem("asynq:queues", queue)


def test_a_queue_may_vanish_while_its_tasks_are_on_screen(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("critical")
        vanish(shop.client, "critical")
        await op.press("enter")
        await op.arrives("ArchivedTaskScreen")
        await op.until(lambda: "it may have run or been deleted" in op.words(), "that the task is gone")
        await op.press("escape", "r")
        await op.listed(0)
        await op.press("ctrl+d")
        assert "delete: there is nothing to delete" in op.remarks
        await op.press("escape")
        assert op.where == "QueuesScreen"

    operate(shop.settings, play)


def test_a_queue_that_vanishes_is_gone_from_the_screens(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("critical")
        vanish(shop.client, "critical")
        await op.press("r")
        await op.listed(0)
        await op.until(lambda: "Queue critical is gone." in op.text, "that it is gone", seconds=3)
        await op.press("escape")
        await op.until(lambda: "critical" not in op.text, "gone from the queues", seconds=3)

    operate(shop.settings, play)


NASTY = 'a*?[b]{c} "x" \x1b[31m\n[/red][@click=app.quit]'


def test_a_nasty_queue_name_is_shown_and_used_as_it_is(valkey: Live) -> None:
    valkey.asynq.register(NASTY, "a_b", "abx")
    for queue in (NASTY, "a_b", "abx"):
        valkey.asynq.add(queue, f"kept in {queue}", score=NOW)
        valkey.asynq.add(queue, f"lost in {queue}", score=NOW, referenced=False)
    shown = 'a*?[b]{c} "x" ␛[31m␊[/red][@click=app.quit]'

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at(shown)
        await op.press("enter")
        await op.listed(1)
        assert f" {shown} ▸ archived " in op.text
        assert op.ids[0].startswith('kept in a*?[b]{c} "x" ␛[31m␊')
        await op.press("o")
        await op.scanned()
        assert f"Orphan scan ▸ {shown}   1 found" in op.text
        await op.plan()
        assert f"queue {shown} " in op.words()
        await op.press("tab", "enter")
        await op.hears("deleted 1 task")
        await op.press("escape", "escape")
        assert op.where == "QueuesScreen"

    operate(valkey.settings, play, size=(240, 40))
    for queue, expected in ((NASTY, 1), ("a_b", 2), ("abx", 2)):
        assert sum(one.startswith(prefix(queue) + b"t:") for one in valkey.client.scan_iter()) == expected


def test_a_long_queue_name_leaves_room_for_counts_and_marks(valkey: Live) -> None:
    queue = "tenant-4711:" + "very-" * 20 + "long"
    valkey.asynq.register(queue)
    for referenced in (True, False):
        valkey.asynq.add(queue, f"task-{referenced}", score=NOW, referenced=referenced)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("enter")
        await op.until(lambda: op.rows, "the task")
        await op.press("space")
        for part in ("tenant-4711:", "1 of 9,999", "1 marked"):
            await op.until(lambda part=part: part in op.lines[1], part, seconds=2)
        await op.press("o")
        await op.until(lambda: op.where == "ScanScreen" and op.rows, "the finding")
        await op.press("space")
        for part in ("tenant-4711:", "1 found", "1 marked"):
            await op.until(lambda part=part: part in op.lines[1], part, seconds=2)

    operate(valkey.settings, play, size=(80, 24))


# Scan


def found_ids(live: Live, *queues: str) -> set[str]:
    return {task_id.decode() for queue, task_id in findings(live.client) if queue in queues}


def groups(op: Operator) -> dict[str, int]:
    """The groups beside the table with their counts."""
    found = {}
    for line in op.lines[3:-1]:
        match = re.match(r"^[ ▸]{2}(\S.*?) +([\d,]+) .*?│", line)
        if match:
            found[match[1]] = int(match[2].replace(",", ""))
    return found


def test_groups_stay_where_they_are_scrolled_to_while_they_change_places(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        await op.sees(" Error ")
        panel = op.app.screen.query_one("#groups OptionList", OptionList)
        panel.scroll_end(animate=False)
        await op.until(lambda: panel.scroll_y > 0 and groups(op), "the end of the groups")
        before, at = [one.id for one in panel.options], panel.scroll_y
        catalog = op.app.screen.tasks.catalog
        commonest = next(iter(catalog.counts().by_type))
        most = catalog.find(Query(f"type=={commonest}"))[1:]
        await asyncio.to_thread(lambda: catalog.remove(most))
        await op.until(lambda: [one.id for one in panel.options] not in ([], before), "another order")
        assert panel.scroll_y == min(at, panel.max_scroll_y) > 0

    operate(shop.settings, play, size=(100, 14))


def test_the_scan_finds_the_orphans_of_a_queue_and_no_others(shop: Live) -> None:
    expected = found_ids(shop, "default")

    async def play(op: Operator) -> None:
        await op.scan("default")
        assert f"Orphan scan ▸ default   {len(expected)} found" in op.text
        await op.until(lambda: set(op.ids) == expected, "the orphans in the table")
        keys = sum(1 for _ in shop.client.scan_iter(match="asynq:{default}:t:*"))
        assert f"100%   {keys:,} task keys   complete in" in op.text
        await op.press("escape")
        assert op.where == "QueuesScreen"
        await op.until(lambda: table(op)["default"]["findings"] == str(len(expected)), "the number among the queues")
        assert table(op)["critical"]["findings"] == "–"

    operate(shop.settings, play, size=(240, 240))


def test_the_scan_of_all_queues_includes_leftover_ones(shop: Live) -> None:
    expected = {queue: len(found_ids(shop, queue)) for queue in (*QUEUES, LEFTOVER)}
    kinds = [kind for kind, _ in findings(shop.client).values()]

    async def play(op: Operator) -> None:
        await op.scan()
        assert f"Orphan scan ▸ all queues   {len(kinds)} found" in op.text
        shown = groups(op)
        assert shown.pop("orphan, archived") == kinds.count("orphan-archived")
        assert shown.pop("orphan, completed") == kinds.count("orphan-completed")
        for kind in ("husk", "foreign"):
            assert shown.pop(kind) == kinds.count(kind)
        assert max(shown.values()) <= len(kinds)  # types, and signatures of errors once they are counted
        await op.press("escape")
        await op.until(lambda: table(op)["default"]["findings"] == str(expected["default"]), "counts among the queues")
        shown_counts = {name_of(name): row["findings"] for name, row in table(op).items()}
        assert shown_counts == {queue: str(count) for queue, count in expected.items()}

    operate(shop.settings, play)


def test_groups_narrow_the_table_and_widen_it_again(shop: Live) -> None:
    every = findings(shop.client)
    completed = {task_id.decode() for (_, task_id), (kind, _) in every.items() if kind == "orphan-completed"}

    async def play(op: Operator) -> None:
        await op.scan()
        shown = groups(op)
        at = [name for name in shown if name in {kind.label for kind in Kind}].index("orphan, completed")
        await op.press("tab", "home", *["down"] * at, "enter")
        await op.sees(f"{len(completed)} match of {len(every)}", "/ kind==orphan-completed")
        await op.until(lambda: set(op.ids) == completed, "only the completed ones")
        assert "▸ orphan, completed" in op.text
        await op.press("enter")
        await op.unfiltered()
        await op.press("home", "right", "right", "enter")
        await op.until(lambda: "/ type==" in op.text and "match of" in op.text, "narrowed")
        narrowed = re.search(r"([\d,]+) match of .* / type==(\S+)", op.text, re.DOTALL)
        assert narrowed is not None
        assert shown[narrowed[2]] == int(narrowed[1].replace(",", ""))
        await op.press("escape")  # back from the groups to the table
        assert "match of" in op.text
        await op.press("escape")
        await op.unfiltered()
        assert op.where == "ScanScreen"
        await op.press("escape")
        assert op.where == "QueuesScreen"

    operate(shop.settings, play, size=(320, 60))


def test_groups_stay_where_they_are_scrolled_to_while_counts_change(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        await op.sees(" Error ")
        panel = op.app.screen.query_one("#groups OptionList", OptionList)
        panel.scroll_end(animate=False)  # as a wheel does: the highlight stays where it is
        await op.until(lambda: panel.scroll_y > 0, "the end of the groups")
        before, at = [one.prompt for one in panel.options], panel.scroll_y
        catalog = op.app.screen.tasks.catalog
        await asyncio.to_thread(lambda: catalog.remove(catalog.find(Query())[:1]))
        await op.until(lambda: [one.prompt for one in panel.options] not in ([], before), "other counts")
        assert panel.scroll_y == min(at, panel.max_scroll_y) > 0

    operate(shop.settings, play, size=(100, 14))


def test_errors_are_grouped_by_signature(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan()
        await op.sees(" Error ")
        name, count = next(one for one in groups(op).items() if one[0].startswith("dial tcp"))
        await op.press("tab", "home", "right", "enter")
        await op.sees(f"{count:,} match of", '/ signature=="dial tcp')
        assert f"▸ {name}" in op.text
        await op.press("enter")
        await op.unfiltered()

    operate(shop.settings, play, size=(240, 80))


def test_a_filter_of_the_scan_and_its_groups_add_up(shop: Live) -> None:
    every = found_ids(shop, "odd [*?] name")
    shouted = {task_id for task_id in every if "markup" in task_id}
    assert shouted

    async def play(op: Operator) -> None:
        await op.scan("odd [*?] name")
        await op.press("slash", *"MARKUP", "enter")
        await op.sees(f"match of {len(every)}")
        await op.until(lambda: shouted <= set(op.ids), "the matching ones")
        before = len(op.ids)
        await op.press("tab", "enter")
        await op.sees("/ MARKUP kind==orphan-archived")
        assert len(op.ids) == before
        await op.press("escape", "escape")
        await op.unfiltered()

    operate(shop.settings, play, size=(260, 40))


def populated(live: Live, count: int = 2000) -> None:
    """So many archived tasks and as many orphans, in one queue: more than one step of a scan takes."""
    live.asynq.register("work")
    live.asynq.add_many("work", [f"kept-{number:04}" for number in range(count)], score=NOW)
    live.asynq.add_many("work", [f"lost-{number:04}" for number in range(count)], referenced=False)


def test_how_many_groups_are_left_out_can_be_read(valkey: Live) -> None:
    valkey.asynq.register("work")
    for number in range(30):
        valkey.asynq.add("work", f"lost-{number}", referenced=False, type=f"type:{number}")

    async def play(op: Operator) -> None:
        await op.resize(120, 40)
        await op.scan("work")
        await op.sees("more")
        assert op.contrast("more") > 4

    operate(valkey.settings, play)


def test_the_scan_streams_and_can_be_held_and_stopped(valkey: Live, tmp_path: Path) -> None:
    populated(valkey)
    total = 4000

    def met(op: Operator) -> int:
        found = re.search(r"([\d,]+) task keys", op.text)
        return int(found[1].replace(",", "")) if found else 0

    async def play(op: Operator) -> None:
        await op.queues()
        link.delay = 0.05
        await op.press("o")
        await op.until(lambda: met(op) and op.rows, "first findings while the scan runs")
        assert re.search(r"work   ≥ [\d,]+ found", op.text)
        assert "complete" not in op.text
        assert re.search(r"scan \d+%", op.lines[0])
        await op.press("z")
        await op.sees("paused: z goes on")
        link.delay = 0.0
        await op.holds(lambda: "paused" in op.text, 0.5)  # meanwhile the step under way comes to its end
        before = met(op)
        await op.holds(lambda: met(op) == before, 0.4)
        assert 0 < before < total
        await op.press("slash")
        await op.type("kind:orphan-archived")
        await op.press("enter")
        await op.sees(" match of ≥ ")
        # As much a minimum as what it is a part of, and that is said once
        assert re.search(r"^ *Orphan scan[^≥]* ≥ [\d,]+ match of ≥ [\d,]+ found", op.text, re.MULTILINE)
        await op.press("escape")
        await op.sees_no(" match of ")
        link.delay = 0.05
        await op.press("z")
        await op.until(lambda: met(op) > before, "it goes on")
        await op.press("x")
        await op.sees("stopped: counts are minimums, r scans again")
        assert re.search(r"work   ≥ [\d,]+ found", op.text)
        kept = met(op)
        assert kept < total
        assert op.rows
        await op.press("x")
        assert op.remarks[-1] == "stop: nothing is running"
        link.delay = 0.0
        await op.press("r", "tab", "enter")
        await op.scanned()
        assert met(op) == total
        assert "work   2,000 found" in op.text

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_a_stopped_scan_counts_as_a_minimum_among_the_queues(valkey: Live, tmp_path: Path) -> None:
    populated(valkey)

    async def play(op: Operator) -> None:
        await op.queues()
        link.delay = 0.05
        await op.press("o")
        await op.until(lambda: op.rows, "first findings")
        await op.press("x")
        await op.sees("stopped: counts are minimums")
        link.delay = 0.0
        found = re.search(r"≥ ([\d,]+) found", op.text)
        assert found is not None
        await op.press("escape")
        await op.until(lambda: table(op)["work"]["findings"] == f"≥ {found[1]}", "a minimum")

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_the_pace_can_be_changed(valkey: Live, tmp_path: Path) -> None:
    populated(valkey)

    async def play(op: Operator) -> None:
        await op.queues()
        link.delay = 0.05
        await op.press("a")
        await op.sees("polite pace")
        for wanted in ("gentle", "full", "polite"):
            await op.press("p")
            assert op.remarks[-1] == f"{wanted} pace"
            await op.until(lambda wanted=wanted: f"   {wanted} pace" in op.lines[2], wanted)
        await op.press("x")

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_a_scan_that_is_left_goes_on_and_is_there_again(valkey: Live, tmp_path: Path) -> None:
    populated(valkey)

    async def play(op: Operator) -> None:
        await op.queues()
        link.delay = 0.05
        await op.press("o")
        await op.until(lambda: op.rows, "first findings")
        await op.press("space", "escape", "escape")
        assert op.where == "QueuesScreen"
        await op.until(lambda: re.search(r"scan \d+%", op.lines[0]), "that the scan goes on")
        link.delay = 0.0
        await op.until(lambda: not re.search(r"scan \d+%", op.lines[0]), "that it has ended")
        assert op.where == "QueuesScreen"
        calls = valkey.calls()["scan"]
        await op.press("o")
        await op.sees("complete in")
        assert valkey.calls()["scan"] == calls  # the same scan, not a new one
        await op.press("space", "slash", *"lost-1", "enter")
        await op.sees("match of")
        await op.press("q", "o")
        assert "1 marked" in op.text
        assert "match of" in op.text

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_a_leftover_queue_can_be_scanned_by_itself(shop: Live) -> None:
    expected = found_ids(shop, LEFTOVER)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at(LEFTOVER)
        await op.press("o")
        await op.scanned()
        assert f"Orphan scan ▸ {LEFTOVER}   {len(expected)} found" in op.text
        await op.until(lambda: set(op.ids) == expected, "its orphans")
        assert "orphan, completed" in op.text

    operate(shop.settings, play, size=(240, 40))


def test_a_finding_opens_as_a_task_that_no_index_holds(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        await op.task()
        assert "no index: orphaned task data" in op.words()
        assert " Orphan scan ▸ default ▸ " in op.lines[1]

    operate(shop.settings, play)


def test_a_scan_that_finds_nothing_says_so(shop: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  critical ")
        with link.held():
            await op.press("o")
            await op.sees("Nothing yet…")
        await op.scanned()
        await op.until(lambda: "Nothing wrong was found." in op.text, "that nothing was found", seconds=3)

    with slowly(shop.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_the_queues_show_what_the_last_scan_found(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        count = len(found_ids(shop, "default"))
        await op.press("escape")
        await op.until(lambda: table(op)["default"]["findings"] == str(count), "what the first scan found")
        for task_id in sorted(found_ids(shop, "default"))[:-1]:
            shop.client.delete(key("default", task_id))
        await op.press("a")
        await op.scanned()
        await op.holds(lambda: op.app.session.scans["default"].findings == 1, 1.0)
        await op.press("escape")
        await op.until(lambda: table(op)["default"]["findings"] == "1", "what the second scan found")

    operate(shop.settings, play)


def test_no_task_has_last_failed_in_the_future(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan(LEFTOVER)
        (row,) = op.rows
        assert "orphan, completed" in row
        assert not re.search(r" in \d+ (s|min|h|d) ", row)

    operate(shop.settings, play)


# A small terminal, and one that changes its size


@pytest.mark.parametrize("width", [60, 64])
def test_no_number_of_the_queues_is_ever_cut_off(shop: Live, width: int) -> None:
    shop.asynq.add_many("default", [f"more-{number}" for number in range(2000)])

    async def play(op: Operator) -> None:
        await op.until(lambda: len(op.rows) == 8, "queues drawn")
        for row in op.rows[:5]:
            assert "…" not in row[25:]
        await op.point_at("  default ")
        assert "2,065" in op.cursor

    operate(shop.settings, play, size=(width, 15))


def test_60_by_15_from_the_start_to_the_last_task(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.until(lambda: len(op.rows) == 8, "queues drawn")
        await op.point_at("  default")
        await op.press("enter")
        await op.sees("default ▸ archived   65 of 9,999")
        await op.until(lambda: op.rows, "tasks drawn")
        await op.press("space")
        await op.sees("1 marked")
        await op.task()
        await op.press("tab")
        assert "user_id" in op.text
        await op.press("n")
        await op.sees("3 of 65")
        await op.press("q", "o")
        await op.scanned()
        await op.press("tab")
        await op.sees("orphan, archived")
        await op.press("tab")
        await op.sees_no("orphan, archived   ")

    operate(shop.settings, play, size=(60, 15))


def test_a_dialog_survives_a_change_of_size(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("default")
        await op.press("asterisk")
        await op.sees("65 marked")
        await op.plan()
        for width, height in [(60, 15), (30, 8), (160, 40)]:
            await op.resize(width, height)
            assert op.where == "ConfirmDialog"
        await op.sees("Delete 65 tasks?")
        await op.press("enter")
        assert op.where == "TasksScreen"

    operate(shop.settings, play)


# A server that goes away and comes back


async def lose(op: Operator, live: Live) -> None:
    """Kill the server, and see it noticed."""
    assert live.process is not None
    live.process.kill()
    await op.sees("● disconnected, retrying")


async def regain(op: Operator, live: Live) -> None:
    """Start it again, and see that noticed."""
    assert live.process is not None
    live.process.start()
    await op.sees_no("disconnected, retrying")
    await op.until(lambda: not op.app.session.watch.trouble, "connected again")


def test_queues_survives_a_server_that_goes_away(lasting: Live) -> None:
    populated(lasting, 1000)

    async def play(op: Operator) -> None:
        await op.queues()
        await lose(op, lasting)
        assert "1,000/9,999" in op.text  # what was known stays on screen
        await op.press("j", "r", "slash", "escape")
        await regain(op, lasting)
        lasting.asynq.add("work", "after", score=NOW)
        await op.sees("1,001/9,999")
        assert "✗" not in op.text

    operate(lasting.settings, play)


def test_queues_says_at_once_why_the_server_is_away(lasting: Live) -> None:
    populated(lasting, 1000)

    async def play(op: Operator) -> None:
        await op.queues()
        await lose(op, lasting)
        await op.press("j")
        await op.sees("✗ cannot reach")

    operate(lasting.settings, play, clock=lambda: float(NOW))


def test_z_twice_while_the_server_is_away_changes_nothing(lasting: Live) -> None:
    populated(lasting, 1000)

    async def play(op: Operator) -> None:
        await op.queues()
        await lose(op, lasting)
        await op.press("z", "z")
        assert lasting.process is not None
        lasting.process.start()
        await op.until(lambda: "disconnected" not in op.text, "connected again", seconds=5)

    operate(lasting.settings, play)


def test_tasks_survives_a_server_that_goes_away(lasting: Live) -> None:
    populated(lasting, 1000)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        marked = op.marked
        await lose(op, lasting)
        await op.press("j", "slash", *"kept-00", "enter")
        await op.sees("100 match of 1,000")  # what was read can be worked with
        await op.press("escape")
        await op.unfiltered()
        await op.press("ctrl+d")
        assert op.remarks[-1] == "delete: the server is away"
        await op.press("r")
        await op.until(lambda: "cannot reach" in op.lines[1], "the trouble of the listing")
        assert len(op.rows) > 10
        await regain(op, lasting)
        await op.listed(1000)
        await op.press("g")
        assert op.marked == marked
        assert "cannot reach" not in op.text

    operate(lasting.settings, play)


def test_a_task_survives_a_server_that_goes_away(lasting: Live) -> None:
    populated(lasting, 1000)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.task()
        await lose(op, lasting)
        assert "user  1" in op.text
        await op.press("n")
        await op.until(lambda: "(r reads again)" in op.words(), "what to do")
        await regain(op, lasting)
        await op.press("r")
        await op.sees("user  1")
        assert "2 of 1,000" in op.lines[1]

    operate(lasting.settings, play)


def test_a_scan_survives_a_server_that_goes_away(lasting: Live, tmp_path: Path) -> None:
    populated(lasting, 600)
    expected = found_ids(lasting, "work")

    async def play(op: Operator) -> None:
        await op.queues()
        link.delay = 0.05
        await op.press("o")
        await op.until(lambda: op.rows, "first findings")
        await lose(op, lasting)
        await op.until(lambda: "disconnected, retrying" in op.lines[2], "the scan's own trouble")
        link.delay = 0.0
        await op.press("j", "space")
        await regain(op, lasting)
        await op.scanned()
        assert f"work   {len(expected):,} found" in op.text
        assert "began again 1 ×: another server answered" in op.text
        assert "1 marked" in op.text
        await op.resize(240, 650)
        await op.until(lambda: set(op.ids) == expected, "all findings, none of them twice")

    with slowly(lasting.settings, tmp_path) as (settings, link):
        operate(settings, play)
