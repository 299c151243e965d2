"""Help with typing a filter: completion, what was typed before, and filters with a name."""

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with archived tasks of three types."""
    valkey.asynq.register("work")
    for number, kind in enumerate(["email:deliver", "email:digest", "report:generate"]):
        valkey.asynq.add("work", f"task-{number}", score=NOW - number, type=kind)
    return valkey


def typed(op: Operator) -> str:
    """What stands in the line of the filter."""
    return str(op.app.screen.query_one("FilterBar Input").value)


@pytest.mark.parametrize("size", [(160, 40), (60, 15)])
def test_tab_completes_fields_and_the_values_that_were_seen(work: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash")
        await op.type("ty")
        await op.press("tab", "tab")  # the only field, and its first value
        assert typed(op) == "type:email:deliver"
        assert "1/3 email:deliver email:digest report:gen" in op.words("#hint")
        await op.press("tab")
        assert typed(op) == "type:email:digest"
        await op.press("shift+tab", "shift+tab")
        assert typed(op) == "type:report:generate"
        await op.press("enter")
        await op.until(lambda: op.ids == ["task-2"], "only the reports")

    operate(work.settings, play, size=size)


def test_keys_in_one_packet_complete_as_if_typed_slowly(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.burst("slash", "t", "y", "tab", "tab", "tab", "enter", "space")
        await op.until(lambda: op.marked == ["task-1"], "the digest marked")

    operate(work.settings, play)


def test_up_and_ctrl_r_bring_back_what_was_typed(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        for text in ("email", "type:report*", "digest"):
            await op.press("slash")
            await op.type(text)
            await op.press("enter", "escape")
        await op.press("slash")
        await op.type("ma")
        await op.press("ctrl+r")
        assert typed(op) == "email"
        await op.press(*["backspace"] * 5, "x", "up")
        assert typed(op) == "digest"
        await op.press("up")
        assert typed(op) == "type:report*"
        await op.press("up", "up")
        assert typed(op) == "email"
        await op.press("down", "down", "down")
        assert typed(op) == "x"

    operate(work.settings, play)


def test_a_filter_gets_a_name_and_is_offered_by_it(work: Live) -> None:
    async def play(op: Operator) -> None:
        op.app.filters.named["reports"] = "type:report*"
        await op.tasks("work")
        await op.press("slash")
        await op.type("age<1d digest")
        await op.press("ctrl+s")
        assert op.where == "NameDialog"
        await op.type("young")
        await op.press("enter")
        assert "tab offers it as young in this run" in op.remarks[-1]
        await op.press(*["backspace"] * 20, "tab")
        assert typed(op) == "type:report*"
        await op.press("tab")
        assert typed(op) == "(age<1d digest)"
        await op.press("enter")
        await op.until(lambda: op.ids == ["task-1"], "the young digest")

    operate(work.settings, play)


def test_a_filter_goes_on_where_it_ended_and_no_key_wipes_it(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.burst("slash", *"type:email:*", "enter", "slash", *" -deliver", "enter")
        await op.until(lambda: op.ids == ["task-1"], "the digest alone")
        assert typed(op) == "type:email:* -deliver"
        assert op.text.count("type:email:*") == 1, "the head does not repeat it"
        await op.press("slash", "home", "right", "enter", "slash", "backspace")
        assert typed(op) == "type:email:* -delive"
        await op.press("ctrl+u")
        assert typed(op) == ""
        await op.press("up")
        assert typed(op) == "type:email:* -deliver"

    operate(work.settings, play)


def test_a_filter_that_is_not_the_one_that_is_typed_is_told_in_the_head(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash", *"digest age>", "enter")
        await op.sees("filter: “digest”", "age needs a value")
        await op.until(lambda: op.ids == ["task-1"], "what could be read last")

    operate(work.settings, play)


def test_a_word_that_is_not_whole_yet_hides_no_row(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash")
        for letter in "age>1":
            await op.press(letter)
            await op.holds(lambda: len(op.ids) == 3, 0.05)
            assert "age needs" not in op.words("#hint")
        await op.press("h")
        await op.until(lambda: not op.ids, "all are younger than an hour")
        await op.press("ctrl+u", *"type:report:gen")
        assert len(op.ids) == 3
        await op.press(*"erate")
        await op.until(lambda: op.ids == ["task-2"], "the whole value")
        await op.press("ctrl+u", *"type:report", "enter")
        await op.until(lambda: not op.ids, "enter says that it is whole")
        await op.press("slash", "ctrl+u", *"dig")
        await op.until(lambda: op.ids == ["task-1"], "a word is looked for as it is typed")
        await op.press("ctrl+u", *"kind:orph", "enter")
        await op.sees("kind")
        assert "-wrong" in str(op.app.screen.query_one("#hint").classes)

    operate(work.settings, play)


@pytest.mark.parametrize("size", [(160, 40), (80, 24), (60, 15)])
def test_the_footer_says_what_keys_do_while_a_filter_is_typed(work: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        at_rest = op.lines[-1].split()
        await op.press("slash")
        await op.until(lambda: op.lines[-1].split()[:6] == ["enter", "done", "esc", "clear", "tab", "complete"])
        assert "mark" not in op.lines[-1]
        await op.type("email")
        await op.press("enter")
        await op.until(lambda: op.lines[-1].split() == at_rest, "the keys of the list")
        await op.press("slash", "escape")
        await op.until(lambda: op.lines[-1].split() == at_rest, "the keys of the list")

    operate(work.settings, play, size=size)


def test_a_footer_that_is_clicked_works_while_a_filter_is_typed(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.press("slash")
        await op.type("ty")
        await op.pilot.click("KeyBar", offset=(op.lines[-1].index("complete"), 0))
        await op.until(lambda: typed(op) == "type:", "completed")
        await op.pilot.click("KeyBar", offset=(op.lines[-1].index("clear"), 0))
        await op.until(lambda: not op.app.screen.query_one("FilterBar").display, "cleared")

    operate(work.settings, play)
