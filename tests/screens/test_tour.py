"""The tour over the demo: it follows what the operator does, covers nothing, and can be skipped."""

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.demo import fill
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.keymap import all_screens
from archive_tui.tui.tour.steps import Situation, steps
from archive_tui.tui.tour.tour import TourLine


@pytest.fixture
def made_up(valkey: Live) -> Live:
    """The installation of the demo, a small one."""
    fill(valkey.client, seed=7, now=NOW, scale=0.01)
    return valkey


def said(op: Operator) -> str:
    """What the line of the tour says, also beneath a dialog; empty where there is none."""
    screens = [screen for screen in op.app.screen_stack if isinstance(screen, CommandScreen)]
    return screens[-1].query_one(TourLine).render().plain if screens else ""


async def step(op: Operator, number: int, of: int = 10) -> None:
    await op.until(lambda: said(op).startswith(f"Tour {number}/{of} "), f"step {number}")


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (140, 40)])
def test_it_follows_the_operator_from_the_queues_to_a_repair(made_up: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await step(op, 1)
        await op.until(lambda: len(op.rows) > 1, "the queues")
        await op.point_at("default")
        await op.press("enter")
        await step(op, 2)
        await op.press("tab")
        await step(op, 3)
        await op.press("tab")
        await op.until(lambda: len(op.rows) > 3, "the tasks")
        await op.press("enter")
        await step(op, 4)
        await op.press("escape")
        await step(op, 5)
        await op.press("space", "space", "ctrl+d")
        await op.arrives("ConfirmDialog")
        assert said(op).startswith("Tour 5/10 "), "nothing was deleted yet"
        await op.press("2", "enter")
        await step(op, 6)
        await op.arrives("ReportDialog")
        await op.press("u")
        await op.arrives("ConfirmDialog")
        await op.press("2", "enter")
        await step(op, 7)
        await op.press("escape", "escape", "escape")
        await op.arrives("QueuesScreen")
        await op.press("o")
        await step(op, 8)
        await op.scanned()
        await op.press("h")
        await step(op, 9)
        await op.press("escape", "m")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        await op.press("tab", "enter")
        await step(op, 10)

    operate(made_up.settings, play, size=size, tour=True)


def test_every_step_can_be_skipped_and_the_last_ends_it(made_up: Live) -> None:
    async def play(op: Operator) -> None:
        for number in range(1, 11):
            await step(op, number)
            await op.press("f9" if number % 2 else "ctrl+t")
        await op.until(lambda: said(op) == "", "the end of the tour")
        await op.press("f9")
        assert not op.remarks

    operate(made_up.settings, play, size=(80, 24), tour=True)


def test_on_another_screen_it_says_the_way_back(made_up: Live) -> None:
    async def play(op: Operator) -> None:
        await step(op, 1)
        await op.press("J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: "(esc goes back) A made-up" in said(op), "the way back")

    operate(made_up.settings, play, size=(80, 24), tour=True)


def test_it_gives_way_where_there_is_no_room_and_comes_back(made_up: Live) -> None:
    async def play(op: Operator) -> None:
        await step(op, 1)
        await op.resize(40, 10)
        await op.until(lambda: "Tour" not in op.text, "room for the table")
        await op.resize(60, 15)
        await op.sees("Tour 1/10")

    operate(made_up.settings, play, size=(80, 24), tour=True)


def test_without_it_there_is_no_line(made_up: Live) -> None:
    async def play(op: Operator) -> None:
        await op.until(lambda: len(op.rows) > 1, "the queues")
        assert not op.app.screen.query("TourLine")
        await op.press("f9")
        assert op.remarks[0].startswith("f9 does nothing here")

    operate(made_up.settings, play, size=(80, 24))


def test_a_read_only_tour_leaves_out_what_changes_something() -> None:
    told = steps(read_only=True)
    assert len(told) == 7
    assert not any(step.changes for step in told)


def test_every_screen_that_a_step_speaks_of_is_one_that_is_opened() -> None:
    opened = {screen.__name__ for screen in all_screens() if not screen.__subclasses__()}
    for one in steps(read_only=False):
        assert opened.issuperset(one.screens), one.text


@pytest.mark.parametrize("read_only", [False, True])
def test_a_step_fits_into_two_rows_of_a_narrow_terminal(read_only: bool) -> None:
    assert all(len(step.text) <= 2 * 58 for step in steps(read_only=read_only))


def test_the_last_step_is_never_done() -> None:
    everything = Situation(
        "ScanScreen", "ExplainDialog", ("GroupsPanel",), {"delete": 1, "restore": 1, "repair": 1}, True
    )
    assert not steps(read_only=False)[-1].done(everything)


def test_the_table_of_errors_answers_the_second_step_as_well(made_up: Live) -> None:
    async def play(op: Operator) -> None:
        await step(op, 1)
        await op.tasks("default")
        await step(op, 2)
        await op.press("T")
        await step(op, 3)
        assert not said(op).startswith("Tour 3/10  (esc"), "that screen is one of the ways"

    operate(made_up.settings, play, size=(80, 24), tour=True)
