"""`=` on lists and on the screens of tasks, and the screen on which two tasks stand beside each other."""

import json
from typing import Any

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live


def three(live: Live) -> None:
    """Three archived tasks of queue q, and one of another."""
    live.asynq.register("q", "other")
    for number in range(3):
        payload = json.dumps({"user": {"id": number}, "region": "eu", "items": [1, 2, 3][number:]}).encode()
        live.asynq.add("q", f"task-{number}", score=NOW - number, payload=payload, error_msg=f"error {number}")
    live.asynq.add("other", "far", payload=b'{"user": {"id": 9}}')


async def compared(op: Operator) -> None:
    """Wait until a comparison is shown."""
    await op.arrives("ComparisonScreen")
    await op.until(lambda: not op.app.screen.reading(), "the comparison")


def shown(op: Operator) -> list[str]:
    return [line.rstrip() for line in op.part("#comparison")]


def row(op: Operator, label: str) -> str:
    """The row of a label, with every run of spaces made one."""
    return next((" ".join(line.split()) for line in shown(op) if line[2:].startswith(f"{label} ")), "")


def test_two_marked_tasks_are_compared(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("equals_sign")
        await op.hears("compare: mark two tasks (space), or one and go to another")
        await op.press("space", "j", "space", "equals_sign")
        await compared(op)
        assert [line.split(" · ")[0] for line in shown(op)[:2]] == ["‹ q ▸ task-0", "› q ▸ task-2"]
        assert row(op, "user.id") == "≠ user.id 0 2"
        assert row(op, "items[0]") == "‹ items[0] 1 –"
        assert not row(op, "region")
        await op.press("v")
        await op.until(lambda: row(op, "region"), "what is the same")
        assert row(op, "region") == '= region "eu" "eu"'
        await op.press("escape")
        await op.arrives("TasksScreen")
        assert len(op.marked) == 2

    operate(valkey.settings, play)


def test_a_marked_task_is_compared_with_the_example_of_a_row_of_the_triage_view(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("G", "space", "T")
        await op.arrives("ArchiveTriageScreen")
        await op.until(lambda: op.app.screen._shown, "counted")
        await op.press("equals_sign")
        await compared(op)
        assert [line.split(" · ")[0] for line in shown(op)[:2]] == ["‹ q ▸ task-2", "› q ▸ task-0"]
        await op.press("escape")
        await op.arrives("ArchiveTriageScreen")

    operate(valkey.settings, play)


def test_what_differs_has_colours_beside_its_signs(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("space", "j", "space", "equals_sign")
        await compared(op)
        await op.press("v")
        await op.until(lambda: row(op, "region"), "what is the same")
        view = op.app.screen.query_one("#comparison")
        colours: dict[str, object] = {}
        for number, line in enumerate(shown(op)):
            colours.setdefault(line[:1], view.style_of(number).color)
        signs = [colours[sign] for sign in "≠‹›="]
        assert len({str(colour) for colour in signs}) == 4

    operate(valkey.settings, play)


def test_the_marked_task_is_compared_with_the_one_under_the_cursor(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("space", "g", "equals_sign")
        await op.hears("compare: go to the task to compare the marked one with, or mark a second")
        await op.press("j", "equals_sign")
        await compared(op)
        assert [line.split(" · ")[0] for line in shown(op)[:2]] == ["‹ q ▸ task-0", "› q ▸ task-1"]
        await op.press("escape", "asterisk", "equals_sign")
        await op.hears("compare: 3 are marked: mark two, or one and go to another")

    operate(valkey.settings, play)


async def ask(op: Operator, choice: int) -> None:
    """Open the first task of queue q, and take one of the choices of what to compare it with."""
    await op.tasks("q")
    await op.task()
    await op.press("equals_sign")
    await op.arrives("ChoiceDialog")
    await op.press(*["down"] * choice, "enter")


def test_a_task_is_compared_with_the_next_one(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await ask(op, 0)
        await compared(op)
        assert row(op, "user.id") == "≠ user.id 0 1"

    operate(valkey.settings, play)


def test_a_task_is_compared_with_one_whose_id_is_typed(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await ask(op, 2)
        await op.arrives("TaskNameDialog")
        await op.press("enter")
        assert "an id is missing" in op.dialog
        await op.type("far")
        await op.press("tab", "ctrl+u")
        await op.type("other")
        await op.press("enter")
        await compared(op)
        assert row(op, "user.id") == "≠ user.id 0 9"
        assert row(op, "Queue") == "≠ Queue q other"

    operate(valkey.settings, play)


def test_what_is_gone_is_said_and_read_again(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await ask(op, 2)
        await op.type("late")
        await op.press("enter")
        await op.sees("queue 'q' holds no data for task 'late'")
        await op.press("v")
        await op.hears("all: queue 'q' holds no data for task 'late'")
        valkey.asynq.add("q", "late", payload=b'{"user": {"id": 7}}')
        await op.press("r")
        await compared(op)
        assert row(op, "user.id") == "≠ user.id 0 7"

    operate(valkey.settings, play)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (140, 40)])
def test_a_task_is_compared_with_those_that_ended_well(valkey: Live, size: tuple[int, int]) -> None:
    three(valkey)
    for number in range(4):
        payload = json.dumps({"user": {"id": number}, "region": "us", "items": [1], "to": "x"}).encode()
        valkey.asynq.add("q", f"ok-{number}", "completed", payload=payload, retention=60)

    async def play(op: Operator) -> None:
        await ask(op, 1)
        await compared(op)
        text = " ".join(" ".join(shown(op)).split())
        assert "4 completed tasks of the queue q looked at; 4 of this type" in text
        assert "only 4 tasks: what they have in common may be chance" in text
        await op.press("G")
        assert 'to – "x" · in 4 of 4' in " ".join(op.text.split()) or 'to "x" · in 4 of 4' in " ".join(op.text.split())
        assert max(map(len, shown(op))) <= size[0]

    operate(valkey.settings, play, size=size)


def test_without_any_that_ended_well_a_sentence_says_why(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await ask(op, 1)
        await op.sees("the queue q keeps no completed task: Asynq keeps only those that were enqueued with Retention")

    operate(valkey.settings, play)


def test_a_comparison_is_searched_and_copied(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    three(valkey)
    copied: list[str] = []

    async def play(op: Operator) -> None:
        monkeypatch.setattr(op.app, "copy_to_clipboard", copied.append)
        await ask(op, 0)
        await compared(op)
        await op.press("slash")
        await op.type("user.id")
        await op.sees("1 of 1")
        await op.press("enter", "y")
        assert copied[0].startswith("‹ q ▸ task-0 · email:send · archived\n")
        assert "user.id" in copied[0]
        await op.press("escape")
        assert op.where == "ComparisonScreen"
        await op.press("escape")
        assert op.where == "ArchivedTaskScreen"

    operate(valkey.settings, play)


def test_findings_are_compared_and_ghosts_have_nothing_to_compare(valkey: Live) -> None:
    three(valkey)
    for number in range(2):
        valkey.asynq.add("q", f"orphan-{number}", referenced=False, payload=b'{"n": %d}' % number)
    valkey.asynq.refer("q", "ghost", "archived")

    async def play(op: Operator) -> None:
        await op.scan("q")
        await op.point_at("orphan-0")
        await op.press("space")
        await op.point_at("orphan-1")
        await op.press("equals_sign")
        await compared(op)
        assert row(op, "n") == "≠ n 0 1"
        await op.press("escape")
        await op.point_at("ghost")
        await op.press("equals_sign")
        await op.sees("queue 'q' holds no data for task 'ghost'")

    operate(valkey.settings, play)


def test_tasks_of_a_journal_are_compared_though_redis_has_them_no_more(valkey: Live) -> None:
    three(valkey)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("asterisk")
        await op.plan()
        await op.type("3")
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.press("escape", "J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: op.rows and op.rows[0].startswith("▌"), "the journals")
        await op.press("enter")
        await op.read()
        await op.until(lambda: len(op.ids) == 3, "the rows")
        await op.press("space", "equals_sign")
        await compared(op)
        assert row(op, "user.id") in ("≠ user.id 0 1", "≠ user.id 2 1", "≠ user.id 1 0", "≠ user.id 1 2")

    operate(valkey.settings, play)


def escapes() -> dict[str, Any]:
    return {"payload": b'{"a\\u001b[2J": "\\u001b]52;c;x\\u0007[/x]"}', "error_msg": "\x1b[2J[@click=app.bell]x"}


def test_nothing_of_a_task_reaches_the_terminal_as_it_is(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one", **escapes())
    valkey.asynq.add("q", b"two\x1b[2J", score=NOW - 1)

    async def play(op: Operator) -> None:
        await ask(op, 0)
        await compared(op)
        assert "\x1b" not in op.text
        assert "[@click=app.bell]x" in op.text

    operate(valkey.settings, play)


def test_what_is_masked_is_shown_when_it_is_asked_for(valkey: Live) -> None:
    valkey.asynq.register("q")
    for number in range(2):
        payload = b'{"password": "word-%d", "n": 1}' % number
        valkey.asynq.add("q", f"task-{number}", score=NOW - number, payload=payload)

    async def play(op: Operator) -> None:
        await ask(op, 0)
        await compared(op)
        assert "word-" not in op.text
        assert "masked: they differ" in op.text
        await op.press("exclamation_mark")
        await compared(op)
        assert row(op, "password") == '≠ password "word-0" "word-1"'
        await op.hears("! masks it again")
        await op.press("exclamation_mark")
        await compared(op)
        assert "word-" not in op.text

    operate(valkey.settings, play)
