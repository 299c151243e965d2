"""Keys in one piece do what they do when typed slowly, or are dropped and said to be."""

import asyncio
import random
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from support.asynq_data import NOW, everything
from support.pilot import PATIENCE, Operator, operate
from support.servers import Live
from textual.widgets import Input

from archive_tui.catalog.marks import Marks
from archive_tui.tui import keystrokes

AGE = 10.5 * 86400
"""Seconds since the newest task died: so many that its age reads the same however long a test takes."""


@pytest.fixture(autouse=True)
def a_machine_as_busy_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are kept for as long as the screens take, since how long that is is not asked here."""
    monkeypatch.setattr(keystrokes, "_HOLD", PATIENCE)
    monkeypatch.setattr(keystrokes, "_REST", PATIENCE)


@pytest.fixture
def work(valkey: Live) -> Live:
    """Two queues with archived tasks of three types."""
    valkey.asynq.register("other", "work")
    for number in range(12):
        kind = ("mail:send", "report:make", "x:y")[number % 3]
        valkey.asynq.add("work", f"task-{number:02}", score=NOW - AGE - number, type=kind, error_msg=f"error {number}")
    valkey.asynq.add("other", "single", score=NOW - AGE)
    return valkey


EDITS = [
    ("abx⌫c", "abc"),
    ("abc⌃u" "def", "def"),
    ("ac←b", "abc"),
    ("bc⇱a", "abc"),
    ("ab⇱x⇲y", "xaby"),
    ("one two⌃w" "three", "one three"),
    ("abc⇱⌦", "bc"),
]  # fmt: skip
KEYS = {"⌫": "backspace", "←": "left", "→": "right", "⇱": "home", "⇲": "end", "⌃": "ctrl+", "⌦": "delete",
        "↓": "down", "↑": "up", "⏎": "enter", "⎋": "escape", "⇥": "tab"}  # fmt: skip


def keys(text: str) -> list[str]:
    """The keys of a text in which signs stand for those that write nothing."""
    found: list[str] = []
    for sign in text:
        if found and found[-1] == "ctrl+":
            found[-1] += sign
        else:
            found.append(KEYS.get(sign, sign))
    return found


def entry(op: Operator) -> str:
    """What stands in the line that is typed into."""
    focused = op.app.focused
    assert isinstance(focused, Input)
    return focused.value


FIELDS = {
    "filter of queues": "",
    "filter of tasks": "↓⏎",
    "search in a task": "↓⏎⏎",
}


@pytest.mark.parametrize(("typed", "expected"), EDITS)
@pytest.mark.parametrize("way", FIELDS.values(), ids=FIELDS)
def test_keys_that_edit_act_in_their_order(work: Live, way: str, typed: str, expected: str) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press(*keys(way))
        await op.burst(*keys(f"/{typed}"))
        await op.settle()
        assert entry(op) == expected

    operate(work.settings, play)


@pytest.mark.parametrize(("typed", "expected"), EDITS)
def test_a_reason_and_a_name_take_keys_in_their_order(work: Live, typed: str, expected: str) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        await op.plan()
        await op.press("shift+tab", "shift+tab")
        await op.burst(*keys(typed))
        await op.settle()
        assert entry(op) == expected
        await op.press("escape", "enter", "e", "ctrl+u")
        await op.burst(*keys(typed))
        await op.settle()
        assert entry(op) == expected

    operate(work.settings, play)


def test_what_is_typed_ahead_across_screens_goes_where_it_was_meant_for(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.burst(*keys("↓⏎/type:x:y⏎↓⏎"))
        await op.until(lambda: op.where.endswith("TaskScreen"), "one task")
        assert "task-05" in op.lines[1]

    operate(work.settings, play)


def test_nothing_acts_on_a_row_that_the_filter_is_about_to_hide(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.burst(*keys("/type:report:make⏎ "))
        await op.settle()
        assert op.marked == ["task-01"]

    operate(work.settings, play)


def test_escape_and_the_key_behind_it_are_two_keys(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.burst(*keys("/abc⎋ ↓ "))
        await op.settle()
        await op.unfiltered()
        assert op.marked == ["task-00", "task-02"]

    operate(work.settings, play)


def test_keys_typed_behind_a_deletion_do_not_answer_its_plan(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.burst("space", "space", "ctrl+d", "2", "enter")
        await op.arrives("ConfirmDialog")
        await op.settle()
        assert "2 keys dropped" in op.dialog
        assert op.app.screen.query_one("#count", Input).value == ""
        assert op.where == "ConfirmDialog"
        await op.press("2", "enter")
        await op.arrives("ReportDialog")

    operate(work.settings, play)
    assert len(everything(work.client)) < len(before)


@pytest.mark.parametrize("count", [1, 2])
def test_no_yes_counts_that_came_in_one_piece(work: Live, count: int) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press(*["space"] * count)
        await op.plan()
        await op.burst(*(["2", "enter"] if count == 2 else ["tab", "enter"]))
        await op.settle()
        assert op.where == "ConfirmDialog"
        assert "in one piece" in op.dialog
        assert everything(work.client) == before
        await op.until(lambda: not op.app.screen.query("Button.-active"))
        await op.press("enter")
        await op.arrives("TasksScreen" if count == 1 else "ReportDialog")

    operate(work.settings, play)


ALPHABET = [*"abx/ :?sjkGgqnv", *"↓↑⏎⎋⌫←⇱⇲⇥", "⏎", "⎋", "/"]
"""Keys of a random walk through the screens. Those that change Redis are not among them."""


async def outcome(op: Operator) -> tuple[object, ...]:
    """What came out: the screens, what is typed, where the cursor is, and what is marked."""
    await op.settle()
    focused = op.app.focused
    typed = (focused.value, focused.cursor_position) if isinstance(focused, Input) else None
    lists = op.where in {"TasksScreen", "QueuesScreen"}
    row = re.sub(r"\s+", " ", op.cursor[:22]) if lists and op.rows else None
    marked = op.marked if op.where == "TasksScreen" else None
    return (op.below, typed, type(focused).__name__, row, marked)


@pytest.mark.parametrize("seed", range(12))
def test_random_keys_in_one_piece_do_what_they_do_slowly(work: Live, seed: int) -> None:
    chance = random.Random(seed)
    walk = keys("↓⏎" + "".join(chance.choice(ALPHABET) for _ in range(30)))
    pieces: list[str] = []
    results: list[tuple[object, ...]] = []

    async def slowly(op: Operator) -> None:
        await op.queues()
        for key in walk:
            if key == "q" and op.where == "QueuesScreen" and not isinstance(op.app.focused, Input):
                continue  # it would leave the program
            pieces.append(key)
            await op.press(key)
            await op.until(lambda: not getattr(op.app.screen, "reading", bool)())
        results.append(await outcome(op))

    async def at_once(op: Operator) -> None:
        await op.queues()
        left = list(pieces)
        while left:
            size = chance.randint(1, len(left))
            await op.burst(*left[:size])
            left = left[size:]
        results.append(await outcome(op))
        assert not any("dropped" in remark for remark in op.remarks)

    operate(work.settings, slowly)
    operate(work.settings, at_once)
    assert results[1] == results[0], pieces


@contextmanager
def marking_held() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let no marking of many rows end until the second event is set; the first tells that one has begun."""
    begun, may, add = threading.Event(), threading.Event(), Marks.add

    def wait(marks: Marks, seqs: Sequence[int]) -> None:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert may.wait(PATIENCE)
        add(marks, seqs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Marks, "add", wait)
        try:
            yield begun, may
        finally:
            may.set()


@pytest.mark.parametrize(
    ("packet", "count", "plan"),
    [
        ("/type:x:y⏎*R⏎", 4, "─ Run 4 "),
        ("v↓↓v⌃d", 3, "─ Delete 3 "),
        ("*e", 12, "─ Export 12 "),
        ("T ⌃d", 4, "─ Delete 4 "),
    ],
)
def test_what_is_typed_behind_marks_takes_all_of_them(work: Live, packet: str, count: int, plan: str) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        marks = op.app.screen.marks
        with op.holding(), marking_held() as (begun, may):
            await op.burst(*keys(packet))
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            await op.holds(lambda: not len(marks.marked) and not op.where.endswith("Dialog"))
            may.set()
            await op.sees(plan)
        assert len(marks.marked) == count

    operate(work.settings, play)


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "one by one"])
def test_what_waits_for_marks_for_too_long_is_dropped_and_does_nothing(
    work: Live, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    monkeypatch.setattr(keystrokes, "_HOLD", 0.1)

    async def play(op: Operator) -> None:
        await op.tasks("work")
        marks = op.app.screen.marks
        with op.holding(), marking_held() as (_, may):
            if apart:
                await op.press("asterisk", "R")
                await op.hears("in a moment: marking first")
                await op.press("s")  # another wish takes the place of the one that waits
                await op.arrives("ChoiceDialog")
            else:
                await op.burst("asterisk", "R", "enter")
                await op.hears("2 keys dropped: what they were typed for is still being read")
            may.set()
            await op.until(lambda: len(marks.marked) == 12, "marked")
        await op.holds(lambda: "RunDialog" not in op.below and "ConfirmDialog" not in op.below)

    operate(work.settings, play)
