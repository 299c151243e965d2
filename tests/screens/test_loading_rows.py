"""Keys that are pressed before a list has its first rows wait for these; the palette has every command once."""

from pathlib import Path

from support.asynq_data import NOW
from support.pilot import Operator, operate, slowly
from support.servers import Live
from textual.widgets import OptionList


def test_space_and_enter_wait_for_the_first_rows(valkey: Live, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    for number in range(3):
        valkey.asynq.add("q", f"task-{number}", score=NOW - number)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  q")
        with link.held():
            await op.press("enter")
            await op.arrives("TasksScreen")
            await op.press("space")
            await op.hears("in a moment: the list is being read")
        await op.listed()
        await op.until(lambda: op.marked == ["task-0"], "the first row marked")
        await op.press("escape", "escape")
        await op.arrives("QueuesScreen")
        assert not any("no task here" in remark for remark in op.remarks)

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_an_empty_list_says_that_there_is_no_task(valkey: Live, tmp_path: Path) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  q")
        with link.held():
            await op.press("enter")
            await op.arrives("TasksScreen")
            await op.press("enter")
            await op.hears("in a moment: the list is being read")
        await op.hears("open: no task here")

    with slowly(valkey.settings, tmp_path) as (settings, link):
        operate(settings, play)


def test_the_palette_has_every_command_once(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one")

    async def titles(op: Operator) -> list[tuple[str, str]]:
        await op.press("colon")
        await op.arrives("Palette")
        found = []
        for option in op.app.screen.query_one(OptionList).options:
            line = str(option.prompt)
            found.append((line[:10].strip(), line[10:28].strip()))
        await op.press("escape")
        return found

    async def play(op: Operator) -> None:
        await op.queues()
        for _ in range(2):
            found = await titles(op)
            assert ("space", "mark") in found
            assert len(found) == len(set(found))
            await op.tasks("q") if op.where == "QueuesScreen" else None

    operate(valkey.settings, play)
