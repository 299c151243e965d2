"""Lines to type into: a paste of several lines is joined in sight, and no text is cut in a way that looks complete."""

import pytest
from support.asynq_data import NOW
from support.command_line import audit
from support.pilot import Operator, operate
from support.servers import Live


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with two archived tasks."""
    valkey.asynq.register("work")
    for number, error in enumerate(("connection refused\nby peer", "timeout")):
        valkey.asynq.add("work", f"task-{number}", score=NOW - number, error_msg=error)
    return valkey


def test_a_filter_of_several_lines_is_joined_in_sight(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash")
        await op.paste("connection refused\r\n\n  by peer\x1b[0m\n")
        assert "connection refused by peer␛[0m" in op.part("FilterBar")[0]
        await op.press(*["backspace"] * 4)
        await op.sees("1 match of 2")
        assert op.ids == ["task-0"]

    operate(work.settings, play)


def test_a_reason_of_several_lines_is_recorded_whole(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("space", "space")
        await op.plan()
        await op.press("shift+tab", "shift+tab")
        await op.paste("INC-1\nsee the notes\n")
        await op.press("enter")
        await op.paste("2\n")
        await op.press("enter")
        await op.sees("0 of 9,999")

    operate(work.settings, play)
    assert audit()[0]["reason"] == "INC-1 see the notes"


def test_a_filter_that_does_not_fit_has_an_ellipsis_at_each_end_that_goes_on(work: Live) -> None:
    text = "type:" + "x" * 100 + " -refused"

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash")
        await op.paste(text)
        line = op.part("FilterBar")[0]
        assert line.split("/")[1].strip().startswith("…x")
        assert line.rstrip().endswith("-refused")
        await op.press("home")
        line = op.part("FilterBar")[0]
        assert line.rstrip().endswith("x…")
        assert "type:x" in line
        await op.press("enter")
        await op.resize(230, 24)
        await op.sees(f"/ {text} ")
        assert op.text.count("type:x") == 1, "said once, and whole"

    operate(work.settings, play, size=(80, 24))
