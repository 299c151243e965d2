"""Editing archived tasks on the screens: one in an editor, several by paths and values, and the way back."""

from pathlib import Path

import pytest
from support.asynq_data import NOW, key, prefix
from support.contents import content
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.asynq.message import TaskMessage

Q = "work"


def payload(number: int, region: str = "us") -> bytes:
    return b'{"user":%d,"region":"%b"}' % (number, region.encode())


@pytest.fixture
def failed(valkey: Live) -> Live:
    valkey.asynq.register(Q)
    for number in range(4):
        valkey.asynq.add(Q, f"task-{number}", score=NOW - number * 60 - 60, payload=payload(number))
    valkey.asynq.add(Q, "text", score=NOW - 3600, payload=b"there are no paths in here")
    return valkey


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "editor"
    monkeypatch.setenv("VISUAL", str(path))
    return path


def script(editor: Path, *lines: str) -> None:
    editor.write_text("#!/bin/sh\n" + "\n".join(lines))
    editor.chmod(0o755)


CHANGE = """sed -i 's/"us"/"eu"/' "$1" """


def payload_of(live: Live, task_id: str) -> bytes:
    return TaskMessage.FromString(live.client.hget(key(Q, task_id), "msg")).payload


def pending(live: Live) -> list[str]:
    return [one.decode() for one in reversed(live.client.lrange(prefix(Q) + b"pending", 0, -1))]


@pytest.mark.parametrize("where", ["list", "task"])
def test_one_task_in_the_editor_and_undone(failed: Live, editor: Path, where: str) -> None:
    script(editor, CHANGE)
    before = content(failed)

    async def play(op: Operator) -> None:
        await op.tasks(Q)
        if where == "task":
            await op.press("enter")
            await op.task()
        await op.press("E")
        await op.arrives("RunDialog")
        await op.sees("Run 1 task with the new payload")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.sees("Edit and run 1 task?", 'region: "us" → "eu"', "its payload back")
        await op.press("tab", "enter")
        await op.hears("edited 1 task")
        if where == "list":
            await op.listed(4)
            assert pending(failed) == ["task-0"]
            assert payload_of(failed, "task-0") == payload(0, "eu")
            await op.press("u")
            await op.arrives("ConfirmDialog")
            await op.press("enter")
            await op.hears("restored 1 task")
            assert content(failed) == before

    operate(failed.settings, play)
    if where == "task":
        assert payload_of(failed, "task-0") == payload(0, "eu")


def test_what_does_not_read_opens_again_as_it_was_typed(failed: Live, editor: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script(editor, f'cat "$1" >> {seen}; echo ---- >> {seen}', """sed -i 's/"us"/oops/' "$1" """)

    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("E")
        await op.arrives("QuestionDialog")
        await op.sees("JSON, line 3, column 13: expecting value")
        await op.press("enter")  # in passing: what was typed is not lost
        await op.arrives("QuestionDialog")
        await op.press("tab", "enter")
        await op.hears("nothing was edited")
        await op.arrives("TasksScreen")

    operate(failed.settings, play)
    first, second, _ = seen.read_text().split("----\n")
    assert ('"us"' in first, '"region": oops' in second) == (True, True)
    assert payload_of(failed, "task-0") == payload(0)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["true"], "the payload is as it was: nothing was edited"),
        (["exit 4"], "has failed (exit code 4): nothing was edited"),
        (['rm "$1"'], "No such file or directory: nothing was edited"),
        ([": > $1"], None),
    ],
)
def test_an_editor_that_does_nothing_changes_nothing(
    failed: Live, editor: Path, lines: list[str], said: str | None
) -> None:
    script(editor, *lines)
    before = content(failed)

    async def play(op: Operator) -> None:
        await op.tasks(Q)
        if said is None:
            await op.press("G")
        await op.press("E")
        await op.hears(said or "nothing would be left of the payload")
        await op.arrives("TasksScreen")

    operate(failed.settings, play)
    assert content(failed) == before


def test_without_an_editor_it_says_so(failed: Live, editor: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("E")
        await op.hears("there is no such program")

    operate(failed.settings, play)


def test_a_value_for_the_marked_ones(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("asterisk", "E")
        await op.arrives("EditDialog")
        await op.sees("Edit the payloads of 5 tasks", "payload.user, payload.region")
        await op.type("payload.region=eu")
        await op.sees("a text stands in double quotes")
        await op.press("enter")
        await op.arrives("EditDialog")
        await op.press(*["backspace"] * 2)
        await op.type('"eu"')
        await op.sees("of these, 4 would change", 'region: "us" → "eu"', "its payload is text, which has no paths")
        await op.press("enter")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.sees("Edit and run 4 tasks?", 'payload.region="eu"', "1 task left out")
        await op.type("4")
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.sees("Edited 4 of 4 tasks")
        await op.press("escape")
        await op.listed(1)

    operate(failed.settings, play)
    assert pending(failed) == [f"task-{number}" for number in range(4)]
    assert [payload_of(failed, f"task-{number}") for number in range(4)] == [payload(n, "eu") for n in range(4)]


def test_several_values_at_once_for_tasks_that_stay_in_the_archive(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("space", "space", "E")
        await op.arrives("EditDialog")
        await op.type('payload.region="eu"')
        await op.press("tab")
        await op.type("payload.user=7")
        await op.sees("of these, 2 would change", 'region: "us" → "eu"', "user: 0 → 7")
        await op.press("enter")
        await op.arrives("RunDialog")
        await op.press("end", "tab", "2", "h", "enter")
        await op.sees("what stays in the archive does not run: empty both lines")
        await op.press("backspace", "backspace", "enter")
        await op.arrives("ConfirmDialog")
        await op.sees("Edit 2 tasks in the archive?", 'payload.region="eu"', "payload.user=7")
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")

    operate(failed.settings, play)
    assert pending(failed) == []
    assert [payload_of(failed, f"task-{number}") for number in range(3)] == [
        b'{"user":7,"region":"eu"}',
        b'{"user":7,"region":"eu"}',
        payload(2),
    ]


def test_the_first_wrong_line_is_said_and_nothing_is_planned(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("space", "space", "E")
        await op.arrives("EditDialog")
        await op.press("enter")
        await op.sees("write payload, a path and a value")
        await op.type("payload.user=7")
        await op.press("tab")
        await op.type("region=2")
        await op.press("enter")
        await op.sees("region=2: write payload, a path and a value")
        assert op.where == "EditDialog"

    operate(failed.settings, play)


def test_a_row_of_the_triage_view_is_edited_as_a_whole(failed: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("T")
        await op.arrives("ArchiveTriageScreen")
        await op.until(lambda: op.app.screen._shown, "counted")
        await op.press("E")
        await op.arrives("EditDialog")
        await op.sees("Edit the payloads of 5 tasks")
        await op.type('payload.region="eu"')
        await op.press("enter")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.type("4")
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.sees("Edited 4 of 4 tasks")

    operate(failed.settings, play)
    assert len(pending(failed)) == 4


def test_whoever_turns_back_has_edited_nothing(failed: Live) -> None:
    before = content(failed)

    async def play(op: Operator) -> None:
        await op.tasks(Q)
        await op.press("space", "space", "E")
        await op.arrives("EditDialog")
        await op.press("escape")
        await op.arrives("TasksScreen")
        await op.press("E")
        await op.arrives("EditDialog")
        await op.type("payload.region=1")
        await op.press("enter")
        await op.arrives("RunDialog")
        await op.press("escape")
        await op.hears("nothing was edited")

    operate(failed.settings, play)
    assert content(failed) == before
