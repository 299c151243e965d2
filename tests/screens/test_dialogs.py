"""Deleting on the screens, from the plan to the report, compared with every key in Redis before and after; and what
read-only sessions and other questions take away or ask.
"""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from support.asynq_data import NOW, everything, key, lock_key, orphans, prefix
from support.oracle import findings
from support.pilot import Operator, SlowLink, operate, slowly
from support.servers import Live
from textual import events
from textual.widgets import Input, OptionList

from archive_tui.asynq.forecast import TOO_MANY
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.plan import Plan, plan_matching, plan_rows
from archive_tui.demo import DEMO_SEED, fill
from archive_tui.destinations import Destinations
from archive_tui.settings.file import read_settings_file
from archive_tui.settings.profiles import Choices
from archive_tui.tui.glossary import WORDS
from archive_tui.tui.lists import finding_changes

ARCHIVED = prefix("work") + b"archived"


@pytest.fixture
def shop(valkey: Live) -> Live:
    """A server with a small edition of the demo's installation."""
    fill(valkey.client, seed=DEMO_SEED, now=NOW, scale=0.006)
    return valkey


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with nine archived tasks, one of them with a lock, three that match “refused”, and three orphans."""
    valkey.asynq.register("work", "other")
    for number in range(9):
        error = "connection refused" if number % 3 == 0 else "deadline exceeded"
        lock = lock_key("work", payload=b"7") if number == 7 else None
        valkey.asynq.add("work", f"task-{number}", score=NOW - number, error_msg=error, unique=lock)
        valkey.asynq.add("other", f"task-{number}", score=NOW - number, error_msg=error)
    for number in range(3):
        valkey.asynq.add("work", f"lost-{number}", referenced=False)
    valkey.asynq.add("work", "waiting", "pending")
    return valkey


def tasks(*numbers: int) -> list[str]:
    return [f"task-{number}" for number in numbers]


def check_deleted(client: redis.Redis, before: dict[bytes, bytes], ids: Iterable[str], *locks: bytes) -> None:
    """Compare every key with what it was: these tasks of the queue `work` are gone, and nothing else has changed."""
    after = everything(client)
    gone = {key("work", task_id) for task_id in ids}
    expected = {*before} - gone - set(locks)
    if not client.exists(ARCHIVED):
        expected.discard(ARCHIVED)
    assert set(after) == expected
    changed = {one for one in after if after[one] != before[one]}
    assert changed <= {ARCHIVED}
    indexed = {member.decode() for member in client.zrange(ARCHIVED, 0, -1)}
    assert indexed == {f"task-{number}" for number in range(9)} - set(ids)


async def confirm(op: Operator, count: int) -> None:
    """Type the number that the plan asks for."""
    await op.type(str(count))
    await op.press("enter")
    await op.until(lambda: op.where != "ConfirmDialog", "confirmed")


async def reported(op: Operator, title: str = "") -> str:
    """Wait for the report with this title, and return its words."""
    await op.arrives("ReportDialog")
    await op.sees(title)
    return f" {op.words('ReportDialog > Vertical')} "


# The plan


def test_the_plan_says_what_will_happen(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "j", "space", "G", "k", "space")  # 0, 2 and 7
        await op.press("slash", *"refused", "enter")
        await op.sees("3 marked, 2 hidden by filter")
        await op.plan()
        assert "Delete 3 tasks?" in op.text
        assert "somewhere:6379/0" in op.text
        plan = f" {op.words('#plan')} "
        for part in (
            "queue work", "kind archived", "type email:send", "task-0, task-2, task-7",
            "2 tasks of these hidden by the filter",
            "up to 1 unique lock that these tasks still hold", "3 fixed ids that block new tasks",
            "THEN Asynq can enqueue these ids again, and others under the locks",
            "each is checked again by the server; what changed since is skipped", "the journal keeps a copy",
        ):  # fmt: skip
            assert f" {part} " in plan
        size = re.search(r"about (\S+) (k?B) in Redis", plan)
        assert size is not None
        shown = float(size[1]) * (1000 if size[2] == "kB" else 1)
        true = sum(work.client.memory_usage(key("work", task_id)) for task_id in tasks(0, 2, 7))
        assert true / 2 < shown < true * 2
        assert "Type 3 to confirm:" in op.text
        await op.press("enter")

    operate(replace(work.settings, label="somewhere:6379/0"), play)
    assert everything(work.client) == before


@pytest.mark.parametrize("marks", [0, 3])
def test_enter_and_escape_cancel(work: Live, marks: int) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press(*["space"] * marks)
        for leaving in (["enter"], ["escape"], ["left", "enter"], ["tab", "shift+tab", "enter"]):
            await op.plan()
            assert op.app.focused is not None
            assert op.app.focused.id == "cancel"
            op.forget_remarks()
            await op.press(*leaving)
            assert op.where == "TasksScreen"
            assert op.remarks == ["nothing was deleted"]
        assert len(op.marked) == marks

    operate(work.settings, play)
    assert everything(work.client) == before


def test_a_single_task_is_deleted_by_tab_and_enter(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.point_at("task-7")
        await op.plan()
        assert "Delete 1 task?" in op.text
        await op.press("tab", "enter")
        await op.hears("deleted 1 task")
        await op.listed(8)
        assert "task-7" not in op.ids
        assert "task-8" in op.cursor

    operate(work.settings, play)
    check_deleted(work.client, before, tasks(7), lock_key("work", payload=b"7"))


def test_several_tasks_want_their_number_typed(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.resize(80, 24)
        await op.tasks("work")
        await op.press("space", "space", "space")
        await op.plan()
        await op.press("tab", "enter")  # Delete cannot be reached: the focus goes round to where the number is typed
        if op.where != "ConfirmDialog":
            await op.plan()
        for wrong in ("4", "33", "03"):
            await op.type(wrong)
            await op.press("enter")
            assert op.where == "ConfirmDialog"
            await op.sees("Type 3 to confirm, or esc to cancel:")
            assert {"Cancel", "Delete"} <= set(op.dialog.split())
            await op.press("tab", "tab", "shift+tab", "shift+tab", *["backspace"] * len(wrong))
        assert everything(work.client) == before
        await confirm(op, 3)
        await reported(op, "Deleted 3 of 3 tasks")
        await op.press("enter")
        await op.listed(6)
        assert "marked" not in op.text

    operate(work.settings, play)
    check_deleted(work.client, before, tasks(0, 1, 2))


def test_the_number_typed_and_delete_chosen_deletes_as_well(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        await op.plan()
        await op.press("2", "tab", "tab", "enter")
        await reported(op, "Deleted 2 of 2 tasks")

    operate(work.settings, play)
    check_deleted(work.client, before, tasks(0, 1))


def test_a_production_server_wants_the_number_of_a_single_task_as_well(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.plan()
        frame = next(line for line in op.lines if "╰" in line)
        assert " ORDERS " in frame
        assert "Type 1 to confirm:" in op.text
        await op.press("tab", "enter")
        if op.where == "ConfirmDialog":
            await op.press("escape")
        assert everything(work.client) == before
        await op.plan()
        await confirm(op, 1)
        await op.hears("deleted 1 task")

    operate(replace(work.settings, profile="orders", production=True), play)
    check_deleted(work.client, before, tasks(0))


@pytest.mark.parametrize("keys", ["yes\r", "\ry", "d\r3\r", "3d\r", "\x1b[D", "s/*ux"])
def test_what_is_pasted_or_meant_for_another_window_deletes_nothing(work: Live, keys: str) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space", "space")
        await op.plan()
        await op.burst(*[{"\r": "enter", "\x1b": "escape"}.get(one, one) for one in keys])
        await op.pilot.pause()
        await op.holds(lambda: op.where in {"ConfirmDialog", "TasksScreen"}, 0.3)

    operate(work.settings, play)
    assert everything(work.client) == before


def test_no_key_of_the_screen_below_works_while_the_plan_is_open(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "j", "space")
        rows, marked = op.rows, op.marked
        await op.plan()
        for dead in ("j", "k", "s", "slash", "asterisk", "u", "v", "space", "x", "r", "o", "t", "w", "q", "z", "colon",
                     "question_mark", "ctrl+d", "delete", "down", "pagedown"):  # fmt: skip
            await op.press(dead)
            assert op.below[-2:] == ["TasksScreen", "ConfirmDialog"], dead
        work.asynq.add("work", "newer", score=NOW + 10)  # and its rows stand still
        await op.holds(lambda: op.where == "ConfirmDialog", 0.3)
        await op.press("escape")
        assert (op.rows, op.marked) == (rows, marked)
        assert op.remarks == ["nothing was deleted"]

    operate(work.settings, play, clock=lambda: NOW)  # the rows show their ages
    work.client.delete(key("work", "newer"))
    work.client.zrem(ARCHIVED, "newer")
    assert everything(work.client) == before


def test_no_palette_opens_over_a_dialog(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.plan()
        await op.press("ctrl+p")
        assert op.where == "ConfirmDialog"

    operate(work.settings, play)


# What is deleted


def test_filter_and_asterisk_delete_exactly_what_matches(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash", *"REFUSED", "enter")
        await op.sees("3 match of 9")
        await op.press("asterisk")
        await op.sees("3 marked")
        await op.plan()
        assert "hidden" not in op.words("#plan")
        await confirm(op, 3)
        await reported(op, "Deleted 3 of 3 tasks")
        await op.press("escape", "escape")
        await op.listed(6)

    operate(work.settings, play)
    check_deleted(work.client, before, tasks(0, 3, 6))


def test_marks_that_the_filter_hides_are_deleted_too_as_the_plan_says(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("j", "space", "space")
        await op.press("slash", *"refused", "enter")
        await op.sees("2 marked, 2 hidden by filter")
        await op.plan()
        assert "2 tasks of these hidden by the filter" in op.words("#plan")
        await confirm(op, 2)
        await reported(op, "Deleted 2 of 2 tasks")

    operate(work.settings, play)
    check_deleted(work.client, before, tasks(1, 2))


def test_all_findings_of_a_scan_are_deleted_and_nothing_else(shop: Live) -> None:
    queues = [name.decode() for name in shop.client.smembers("asynq:queues")] + ["old-reports"]
    every = findings(shop.client)
    found = [
        ref for ref, (kind, place) in every.items() if kind.startswith("orphan-") or (kind == "husk" and not place)
    ]
    strange = set(every) - set(found)
    before = everything(shop.client)

    async def play(op: Operator) -> None:
        await op.scan()
        await op.press("asterisk")
        await op.sees(f"{len(every)} marked")
        await op.plan()
        left_out = f"{len(strange)} findings of other kinds left out"
        for words in ("default 22", "orphan, archived 252", "husk 2", "orphan, completed 2", left_out):
            assert words in op.words("#plan")
        await confirm(op, len(found))
        report = await reported(op)
        assert f"Deleted {len(found)} of {len(found)} tasks" in op.text
        assert " deleted, unique lock released " in report
        await op.press("enter")
        assert f"{len(strange)} found" in op.text
        await op.press("r", "tab", "enter")
        await op.scanned()
        await op.sees(f"{len(strange)} found")

    operate(shop.settings, play)
    assert orphans(shop.client, queues) == set()
    after = everything(shop.client)
    released = {one for one in before if b":unique:" in one} - set(after)
    deleted = {key(queue, task_id) for queue, task_id in found}
    assert released
    assert set(before) - set(after) - released == deleted | {prefix("old-reports") + b"completed"}
    assert {one for one in after if after[one] != before[one]} == set()


def test_a_number_that_arrives_in_one_piece_is_read_whole(shop: Live) -> None:
    """All its keys were sent to Cancel, which had the focus, before the first of them moved it."""

    async def play(op: Operator) -> None:
        await op.scan("default")
        await op.press("asterisk")
        await op.plan()
        count = re.search(r"Type (\d\d+) to confirm", op.dialog)
        assert count is not None
        cancel = op.app.screen.query_one("#cancel")
        entry = op.app.screen.query_one("#count", Input)
        for digit in count[1]:
            cancel.post_message(events.Key(digit, digit))
            await op.until(lambda: entry.has_focus, "the first digit moves the focus")
        await op.until(lambda: entry.value == count[1], "the whole number")

    operate(shop.settings, play)


@contextmanager
def late(catalog: Catalog) -> Iterator[threading.Event]:
    """Have a catalog find nothing until an event is set."""
    may, find = threading.Event(), catalog.find

    def wait(*args: Any) -> Any:
        assert may.wait(30)
        return find(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "find", wait)
        yield may


@pytest.mark.parametrize("key", ["ctrl+d", "m"])
def test_a_plan_that_is_asked_for_while_tasks_are_marked_waits_for_all_of_them(shop: Live, key: str) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        with op.holding(), late(op.app.screen.tasks.catalog) as found:
            await op.press("asterisk", key)
            await op.hears("in a moment: marking first")
            assert op.where == "ScanScreen"
            found.set()
            await op.until(lambda: op.where.endswith("Dialog"), "the plan")
        assert f"{len(op.app.screen_stack[-2].marks.marked)} " in op.dialog
        await op.press("escape")
        await op.sees(f"{op.app.screen.tasks.catalog.counts().total} marked")

    operate(shop.settings, play)


def test_esc_takes_a_plan_back_that_waits_for_marks(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        with op.holding(), late(op.app.screen.tasks.catalog) as found:
            await op.press("asterisk", "ctrl+d", "s", "escape")
            await op.until(lambda: op.where == "ScanScreen", "back")
            found.set()
            await op.sees(f"{op.app.screen.tasks.catalog.counts().total} marked")
            await op.holds(lambda: op.where == "ScanScreen")

    operate(shop.settings, play)


def test_esc_takes_back_what_is_still_being_marked(shop: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("default")
        screen = op.app.screen
        await op.press("space")
        await op.sees("1 marked")
        with op.holding(), late(screen.tasks.catalog) as found:
            await op.press("asterisk", "escape")
            await op.until(lambda: "marked" not in op.text, "no marks")
            await op.press("asterisk", "escape", "space")
            await op.sees("1 marked")
            found.set()
            await op.holds(lambda: len(screen.marks.marked) == 1)
        assert op.where == "ScanScreen"

    operate(shop.settings, play)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_a_plan_says_what_it_leaves_out_once_and_nothing_covers_it(shop: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.scan()
        await op.press("asterisk")
        await op.sees(" marked")
        await op.plan()
        await op.sees("other kinds left out", "to confirm:", " Cancel ", " Delete ")
        assert op.text.count("other kinds left out") == 1
        await op.press("escape")
        await op.sees("nothing was deleted")
        assert op.text.count("nothing was deleted") == 1

    operate(shop.settings, play, size=size)


def test_what_has_changed_since_the_plan_is_skipped_and_reported(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("asterisk")
        await op.sees("9 marked")
        await op.plan()
        work.asynq.run("work", "task-0")  # somebody runs it
        work.asynq.add("work", "task-1", error_msg="failed once more")
        work.client.delete(key("work", "task-2"))
        work.client.zrem(ARCHIVED, "task-3")
        work.client.delete(key("work", "task-4"))
        work.client.rpush(key("work", "task-4"), "no task data")
        await confirm(op, 9)
        report = await reported(op)
        assert "Deleted 4 of 9 tasks" in op.text
        for words in (
            "3 deleted", "1 deleted, unique lock released", "1 already gone", "1 skipped: its state has changed",
            "1 skipped: its message has changed", "1 skipped: it left the index", "1 skipped: it is not task data",
            "task-0 skipped: its state has changed", "task-1 skipped: its message has changed",
        ):  # fmt: skip
            assert f" {words} " in report
        await op.press("enter")
        await op.until(lambda: set(op.ids) >= set(tasks(1, 2, 4)), "the list as it is now")

    operate(work.settings, play)
    assert work.client.hget(key("work", "task-0"), "state") == b"pending"
    for number, left in enumerate([True, True, False, True, True, False, False, False, False]):
        assert bool(work.client.exists(key("work", f"task-{number}"))) == left
    assert b"failed once more" in work.client.hget(key("work", "task-1"), "msg")


def test_a_task_that_is_gone_already_is_reported_as_such(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.plan()
        work.asynq.run("work", "task-0")
        work.client.delete(key("work", "task-0"))
        await op.press("tab", "enter")
        assert " 1 already gone " in await reported(op)
        assert "Deleted 0 of 1 task" in op.text

    operate(work.settings, play)
    after = everything(work.client)
    assert set(before) - set(after) == {key("work", "task-0")}


def test_ghosts_of_the_archive_are_left_out_of_a_deletion(work: Live) -> None:
    """Their data is gone: nothing is promised of them, and nothing is done."""
    work.client.delete(key("work", "task-0"))
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("ctrl+d")
        await op.until(lambda: "nothing to delete: a scan repairs these" in op.text, "that there is nothing to delete")

    operate(work.settings, play)
    assert everything(work.client) == before


# Stopping, losing the server, leaving


def many(live: Live) -> None:
    live.asynq.register("work")
    live.asynq.add_many("work", [f"task-{number:04}" for number in range(1500)], score=NOW)


async def deleting(op: Operator, link: SlowLink) -> None:
    """Begin to delete all 1,500 tasks over a link so slow that there is time to do something about it."""
    await op.tasks("work")
    await op.press("asterisk")
    await op.sees("1,500 marked")
    await op.plan()
    link.delay = 0.15
    await confirm(op, 1500)
    await op.until(lambda: re.search(r"deleting +[1-9][\d,]* of 1,500 ", op.lines[1]), "the first batch deleted")


def test_a_deletion_that_is_stopped_leaves_the_rest_alone(valkey: Live, tmp_path: Path) -> None:
    many(valkey)

    async def play(op: Operator) -> None:
        await deleting(op, link)
        assert "x stops" in op.lines[1]
        assert re.search(r"deleting [\d,]+ of 1,500", op.lines[0])
        for dead, reason in (
            ("q", "a deletion is running: x stops it"),
            ("ctrl+d", "another deletion is running: x stops it"),
            ("r", "not while a deletion is planned or running"),
        ):
            await op.press(dead)
            assert op.remarks[-1].endswith(reason)
            assert op.where == "TasksScreen"
        link.delay = 0.0
        await op.press("x")
        report = await reported(op)
        assert "stopped before the end" in report
        deleted = 1500 - valkey.client.zcard(ARCHIVED)
        assert 0 < deleted < 1500
        assert f" {deleted:,} deleted " in report
        assert f" {1500 - deleted:,} not touched " in report
        await op.press("enter")
        await op.listed(1500 - deleted)
        await op.sees(f"{1500 - deleted:,} marked")  # what is left can be deleted next

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)
    left = valkey.client.zrange(ARCHIVED, 0, -1)
    assert {key("work", task_id) for task_id in left} == set(valkey.client.keys(b"asynq:{work}:t:*"))


def test_a_deletion_survives_a_server_that_goes_away(lasting: Live, tmp_path: Path) -> None:
    many(lasting)

    async def play(op: Operator) -> None:
        await deleting(op, link)
        assert lasting.process is not None
        lasting.process.kill()
        await op.until(lambda: "cannot reach" in op.lines[1], "the trouble")
        link.delay = 0.0
        lasting.process.start()
        report = await reported(op)
        assert "not touched" not in report
        assert lasting.client.zcard(ARCHIVED) == 0

    with slowly(lasting.settings, tmp_path) as (settings, link):
        operate(settings, play)
    assert lasting.client.keys("*") == [b"asynq:queues"]


def test_going_to_another_connection_while_a_deletion_runs_asks_first(valkey: Live, tmp_path: Path) -> None:
    many(valkey)
    file = tmp_path / "config.toml"
    file.write_text(f'[other]\nurl = "unix://{valkey.settings.socket}"\n')
    destinations = Destinations(Choices(environment={}), file=read_settings_file(file))

    async def play(op: Operator) -> None:
        await deleting(op, link)
        before = op.app.session
        await op.press("ctrl+o")
        await op.arrives("ChooserScreen")
        await op.press("enter")
        await op.arrives("QuestionDialog")
        assert "Stop it and switch" in op.text
        await op.press("enter")  # the careful answer has the focus
        assert op.where == "ChooserScreen"
        assert op.app.session is before
        await op.press("enter")
        await op.arrives("QuestionDialog")
        await op.press("tab", "enter")
        await op.arrives("QueuesScreen")
        assert op.app.session is not before
        assert not before.running

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play, destinations=destinations)
    assert 0 < valkey.client.zcard(ARCHIVED) < 1500


def test_quitting_while_a_deletion_runs_asks_first(valkey: Live, tmp_path: Path) -> None:
    many(valkey)

    async def play(op: Operator) -> None:
        await deleting(op, link)
        await op.press("ctrl+q", "ctrl+q")
        await op.arrives("QuestionDialog")
        assert "Stop it and leave" in op.text
        await op.press("enter")  # the careful answer has the focus
        assert op.where == "TasksScreen"
        await op.press("ctrl+q")
        await op.arrives("QuestionDialog")
        await op.press("tab")
        await op.burst("enter")
        await op.ended()

    with slowly(valkey.settings, tmp_path) as (settings, link):
        assert operate(settings, play).return_code == 0
    assert 0 < valkey.client.zcard(ARCHIVED) < 1500


def test_a_question_about_a_deletion_goes_when_the_deletion_has_ended(valkey: Live, tmp_path: Path) -> None:
    many(valkey)

    async def play(op: Operator) -> None:
        await deleting(op, link)
        await op.press("ctrl+q")
        await op.arrives("QuestionDialog")
        link.delay = 0.0
        await op.arrives("ReportDialog")
        await op.press("escape")
        await op.until(lambda: op.where == "TasksScreen", "the list")

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_nothing_is_deleted_while_the_scan_runs(work: Live, tmp_path: Path) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  work ")
        with link.held():
            await op.press("o")
            await op.arrives("ScanScreen")
            await op.press("ctrl+d")
            assert op.remarks == ["delete: the scan is running: stop it (x) or pause it (z) first"]
        await op.scanned()

    with slowly(work.settings, tmp_path) as (settings, link):
        operate(settings, play)
    assert everything(work.client) == before


# Read-only, and small terminals

DESTROYING = ("delete", "clean-old", "repair", "restore", "run", "edit")


@pytest.mark.parametrize("screen", ["tasks", "scan"])
def test_a_read_only_session_has_no_delete(work: Live, screen: str) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        if screen == "tasks":
            await op.tasks("work")
        else:
            await op.scan("work")
        assert "read-only" in op.lines[0]
        assert "delete" not in op.lines[-1]
        here = op.app.screen
        for press in ("ctrl+d", "delete"):
            op.forget_remarks()
            await op.press("space", press)
            assert op.remarks == ["delete: this is a read-only session"]
            assert op.app.screen is here
        await op.press("question_mark")
        assert "ctrl+d" not in op.dialog
        assert "deletion" not in op.dialog
        await op.press("escape", "colon")
        found = op.app.screen.query_one(OptionList)
        await op.until(lambda: found.option_count > 8, "commands found")
        entries = {str(option.id): str(option.prompt) for option in found.options}
        for command in DESTROYING:
            assert re.search("(not|nowhere) now: this is a read-only session", entries[command]), entries[command]

    operate(replace(work.settings, read_only=True), play, size=(230, 60))
    assert everything(work.client) == before


def test_60_by_15_is_enough_to_delete(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.until(lambda: len(op.rows) == 2, "queues drawn")
        await op.press("j", "enter")
        await op.listed(9)
        await op.plan()
        await op.sees("Delete 1 task?", " Cancel ", " Delete ")
        await op.press("escape", "space", "space")
        await op.plan()
        await op.sees("Delete 2 tasks?", "Type 2 to confirm:", " Cancel ", " Delete ")
        await op.type("2")
        await op.until(lambda: re.search(r"Type 2 to confirm: +2 ", op.text), "what is typed")
        await op.press("enter")
        await reported(op, "Deleted 2 of 2 tasks")
        assert "Close" in op.text
        await op.press("enter")
        await op.listed(7)

    operate(work.settings, play, size=(60, 15))
    check_deleted(work.client, before, tasks(0, 1))


def test_the_whole_plan_can_be_read_at_60_by_15(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.until(lambda: len(op.rows) == 2, "queues drawn")
        await op.press("j", "enter")
        await op.listed(9)
        await op.press("space", "space")
        await op.plan()
        await op.sees("Type 2 to confirm:")
        seen = op.text
        assert "WHAT" in seen, "a sheet is read from its top"
        for scroll in ("up", "pageup", "up", "up", "home", "down", "pagedown"):
            await op.press(scroll)
            seen += op.text
        for part in ("queue work", "kind archived", "type email:send", "about ", "the journal keeps a copy", "Cancel"):
            assert part in seen

    operate(work.settings, play, size=(60, 15))


UUIDS = [f"0198c2aa-5f0e-7c3b-9d7d-00000000000{number}" for number in range(3)]


@pytest.mark.parametrize(
    ("ids", "lock", "said"),
    [
        (["nightly"], None, "THEN Asynq can enqueue this id again"),
        (UUIDS[:1], lock_key("work"), "THEN Asynq can enqueue others under this lock again"),
        (UUIDS[:1], None, "THEN Asynq's tools list and run it no more"),
        (UUIDS[:2], None, "THEN Asynq's tools list and run them no more"),
    ],
)
def test_the_plan_says_what_asynq_does_then(valkey: Live, ids: list[str], lock: bytes | None, said: str) -> None:
    valkey.asynq.register("work")
    for task_id in ids:
        valkey.asynq.add("work", task_id, unique=lock)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("asterisk")
        await op.sees(f"{len(ids)} marked")
        await op.plan()
        assert f" {said} " in f" {op.words('#plan')} "
        await op.press("escape")

    operate(valkey.settings, play)


def test_the_plan_says_when_its_rows_were_read(work: Live) -> None:
    """Of an archive when it was read, of findings when the scan began; a fixed clock is moved on by hand."""
    now = [float(NOW)]

    async def play(op: Operator) -> None:
        await op.tasks("work")
        now[0] += 720
        await op.plan()
        assert " read from the archive 12 min ago each is checked again " in f" {op.words('#plan')} "
        await op.press("escape", "escape")
        await op.scan("work")
        now[0] += 7200
        await op.plan()
        assert " found by a scan that began 2 h ago each is checked again " in f" {op.words('#plan')} "
        await op.press("escape")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert " found by a scan that began 2 h ago each is checked again " in f" {op.words('#plan')} "

    operate(work.settings, play, clock=lambda: now[0])


def test_the_fullest_plan_fits_80_by_24(valkey: Live) -> None:
    """Every line that a plan can have is on the screen at once, with what must be typed and the buttons."""
    for queue in ("work", "other"):
        valkey.asynq.register(queue)
        for number, task_id in enumerate([*UUIDS, "nightly"]):
            kind = f"type:of-a-task-with-a-long-name-{number}"
            lock = lock_key(queue, payload=task_id.encode())
            valkey.asynq.add(queue, task_id, ["archived", "completed"][number % 2], referenced=False, type=kind,
                             unique=lock)  # fmt: skip

    async def play(op: Operator) -> None:
        await op.press("a")
        await op.arrives("ScanScreen")
        await op.sees("8 found", "complete in")
        await op.press("asterisk")
        await op.sees("8 marked")
        await op.press("slash", *"with-a-long-name-1", "enter")
        await op.sees("8 marked, 6 hidden")
        await op.plan()
        await op.sees("Delete 8 tasks?", "Type 8 to confirm:", " Cancel ", " Delete ")
        for part in ("queue other 4", "hidden by the filter", "frees up to", "THEN Asynq can", "found by a scan",
                     "each is checked again", "the journal keeps a copy", "Why, for the journal"):  # fmt: skip
            assert part in op.words()
        await op.press("escape")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("down", "down", "enter")
        await op.arrives("ConfirmDialog")
        await op.sees("Type 8 to confirm:", " Cancel ", " Repair ")
        for part in ("found by a scan", "each is checked again", "a copy goes to the journal"):
            assert part in op.words()
        await op.press("escape")

    operate(valkey.settings, play, size=(80, 24))


def test_sorting_is_chosen_in_a_dialog(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("s")
        assert op.where == "ChoiceDialog"
        assert "▸ Died" in op.words("ChoiceDialog > Vertical")
        await op.press("escape")
        assert op.ids == tasks(*range(9))
        await op.press("s", "enter")  # the same once more turns the order round
        await op.until(lambda: op.ids == tasks(*reversed(range(9))), "oldest first")
        await op.press("s", "end", "up", "enter")
        await op.until(lambda: "Id ▲" in op.text and op.ids == tasks(*range(9)), "by id")

    operate(work.settings, play)


def test_the_help_is_written_as_wide_as_the_terminal(work: Live) -> None:
    words = {word for word, _ in WORDS} | {"Failed 14 d"}  # where they are too long, they have a line of their own

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("question_mark")
        for width in (60, 100, 60):
            await op.resize(width, 400)  # all of it is seen
            lines = [line for line in op.part("HelpDialog Static") if line.strip() and line.strip() not in words]
            assert len(lines) > 5
            column = 10 if width == 60 else 16  # where the sentences begin, less the gap of two
            assert not [line for line in lines if line[column : column + 2] != "  "]
            assert not [line for line in lines if line[: column - 1].strip() and line[column - 1] == " "]

    operate(work.settings, play)


@pytest.mark.parametrize("opened", ["enter", "s", "question_mark"], ids=["task", "sort", "help"])
@pytest.mark.parametrize("asked", ["ctrl+d", "m"])
def test_a_plan_that_comes_late_stays_away_from_what_was_opened_meanwhile(
    valkey: Live, monkeypatch: pytest.MonkeyPatch, asked: str, opened: str
) -> None:
    valkey.asynq.register("work")
    valkey.asynq.add("work", "loose", referenced=False)
    ready = threading.Event()

    def late(*args: Any) -> Plan:
        assert ready.wait(30)
        return plan_rows(*args)

    monkeypatch.setattr(finding_changes, "plan_rows", late)

    async def play(op: Operator) -> None:
        await op.scan("work")
        with op.holding():
            await op.press(asked, opened)
            await op.until(lambda: op.where != "ScanScreen", "opened")
            here = op.app.screen
            ready.set()
        await op.hears("cancelled: you opened another screen before the plan was ready")
        assert op.app.screen is here
        await op.press("escape", asked)  # what was dropped can be asked for again
        await op.arrives("ConfirmDialog" if asked == "ctrl+d" else "ChoiceDialog")

    operate(valkey.settings, play)


def test_a_mending_that_was_looked_into_late_stays_away_from_what_was_opened_meanwhile(
    valkey: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.register("work")
    now = time.time()
    valkey.asynq.add_many("work", [str(number) for number in range(TOO_MANY)], score=now - 91 * 86_400)
    valkey.client.delete(key("work", "1"))
    ready = threading.Event()

    def late(*args: Any) -> Plan:
        assert ready.wait(30)
        return plan_matching(*args)

    monkeypatch.setattr("archive_tui.changes.plan.plan_matching", late)

    async def play(op: Operator) -> None:
        await op.queues()
        with op.holding():
            await op.press("m", "question_mark")
            await op.arrives("HelpDialog")
            ready.set()
        await op.hears("cancelled: you opened another screen before the plan was ready")
        assert op.where == "HelpDialog"

    operate(valkey.settings, play, clock=time.time)


def test_a_clean_up_whose_archive_is_read_late_stays_away_from_the_task_that_was_opened_meanwhile(
    work: Live, tmp_path: Path
) -> None:
    with slowly(work.settings, tmp_path) as (settings, link):

        async def play(op: Operator) -> None:
            await op.queues()
            await op.point_at("  work")
            with link.held():
                await op.press("c", "question_mark")
                await op.arrives("HelpDialog")
            await op.hears("cancelled: you opened another screen before the plan was ready")
            assert op.where == "HelpDialog"

        operate(settings, play)


def test_a_remark_about_the_last_plan_does_not_stand_over_the_next(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.plan()
        await op.press("escape")
        await op.sees("nothing was deleted")
        await op.plan()
        assert "nothing was deleted" not in op.text

    operate(work.settings, play, size=(80, 24))
