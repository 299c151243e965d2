"""What is done from the screen of one task: its boxes, its search, and changes of exactly the task that is shown."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from support.asynq_data import NOW, key
from support.pilot import PATIENCE, Operator, Stalls, operate
from support.servers import Live

from archive_tui.asynq.task import Task
from archive_tui.session import Session
from archive_tui.tui.app import ArchiveApp
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.widgets.keybar import KeyBar

STALL = 0.5
"""Seconds for which the UI loop may be kept from its work, on a machine that is busy with other things."""


def several(live: Live, tasks: dict[str, dict[str, Any]], queue: str = "q") -> None:
    """A queue with some tasks in its archive, the first the newest."""
    live.asynq.register(queue)
    for number, (task_id, facts) in enumerate(tasks.items()):
        live.asynq.add(queue, task_id, score=NOW - number, **facts)


def plain(count: int) -> dict[str, dict[str, Any]]:
    """Tasks with a payload and an error of their own."""
    return {
        f"task-{number}": {"payload": b"payload %d" % number, "error_msg": f"error {number}"} for number in range(count)
    }


async def opened(op: Operator) -> None:
    """Open the first task of the only queue."""
    await op.tasks("q")
    await op.task()


def shown(op: Operator, selector: str = "#payload") -> list[str]:
    """The lines in a box, without what fills them up."""
    return [line.rstrip() for line in op.part(selector)]


def boxes(op: Operator) -> list[str]:
    """The boxes on the screen, from the top."""
    found = [box for box in op.app.screen.query(".box") if box.display and all(up.display for up in box.ancestors)]
    return [str(box.id).removesuffix("-box") for box in sorted(found, key=lambda box: box.region.offset.transpose)]


def in_heavy_frames(op: Operator) -> list[str]:
    """The titles of the boxes whose frames are heavy, from the top."""
    return [line.partition("┏━ ")[2].split()[0] for line in op.lines if "┏━ " in line]


def focused(op: Operator) -> str:
    """The box that keys go to."""
    assert op.app.focused is not None
    return {"tree": "payload"}.get(str(op.app.focused.id), str(op.app.focused.id).removesuffix("-box"))


# Boxes


@pytest.mark.parametrize(
    ("size", "expected"),
    [((160, 40), ["error", "facts", "payload"]), ((110, 40), ["error", "payload"]), ((80, 24), ["error", "payload"])],
)
def test_the_error_stands_first(valkey: Live, size: tuple[int, int], expected: list[str]) -> None:
    several(valkey, plain(1))

    async def play(op: Operator) -> None:
        await opened(op)
        assert boxes(op) == expected
        assert shown(op, "#error") == ["error 0"]
        assert shown(op)[0] == "payload 0"
        assert focused(op) == "payload"

    operate(valkey.settings, play, size=size)


@pytest.mark.parametrize("size", [(160, 40), (80, 24), (60, 15)])
def test_the_box_that_keys_go_to_is_seen_without_colours(valkey: Live, size: tuple[int, int]) -> None:
    several(valkey, plain(1))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("f")  # where there is room, all three boxes are there
        for _ in range(4):
            assert in_heavy_frames(op) == [focused(op).capitalize()]
            await op.press("tab")

    operate(valkey.settings, play, size=size)


def test_the_footer_names_the_key_for_the_next_match_as_long_as_something_is_looked_for(valkey: Live) -> None:
    several(valkey, plain(1))

    async def play(op: Operator) -> None:
        await opened(op)
        assert "next match" not in op.lines[-1]
        await op.press("slash")
        await op.type("0")
        keys = ["enter", "done", "esc", "clear", "ctrl+n", "next", "match"]
        await op.until(lambda: op.lines[-1].split() == keys, "the keys of the search")
        await op.press("enter")
        await op.until(lambda: "ctrl+n next match  /" in op.lines[-1], "the keys of the task")
        await op.press("escape")
        await op.until(lambda: "next match" not in op.lines[-1], "nothing is looked for")

    operate(valkey.settings, play, size=(80, 24))


def test_the_facts_say_in_full_how_the_payload_is_read(valkey: Live) -> None:
    several(valkey, {"it": {"payload": b'{"a": 1, "b": [1, 2,, 3], "c": "x"}'}})

    async def play(op: Operator) -> None:
        await opened(op)
        assert "expecting value" not in op.text  # the title has no room for it
        await op.press("f", "tab", "end")
        said = "Read as text: not JSON: line 1, column 21: expecting value"
        await op.until(lambda: said in op.words("#facts"), said)

    operate(valkey.settings, play, size=(80, 24))


@pytest.mark.parametrize("size", [(160, 40), (80, 24), (60, 15)])
def test_an_error_and_a_value_are_broken_between_words(valkey: Live, size: tuple[int, int]) -> None:
    words = " ".join(f"word{number:03}" for number in range(60))
    several(valkey, {"it": {"payload": b'{"text": "%s"}' % words.encode(), "error_msg": words}})

    async def play(op: Operator) -> None:
        await opened(op)
        for selector in ("#error", "#tree"):
            while focused(op) != {"#error": "error", "#tree": "payload"}[selector]:
                await op.press("tab")
            lines = [line for line in shown(op, selector) if "word" in line]
            assert len(lines) > 1
            assert {part for line in lines for part in line.split() if "word" in part} <= set(words.split())

    operate(valkey.settings, play, size=size)


def test_a_long_error_leaves_room_for_the_payload_and_scrolls(valkey: Live) -> None:
    error = "\n".join(f"frame {number}" for number in range(60))
    several(valkey, {"it": {"payload": b"payload", "error_msg": error}})

    async def play(op: Operator) -> None:
        await opened(op)
        assert shown(op)[0] == "payload"
        await op.press("shift+tab", "G")
        await op.until(lambda: shown(op, "#error")[-1] == "frame 59", "the end of the error")

    operate(valkey.settings, play, size=(80, 24))


def test_the_facts_fold_to_the_most_telling(valkey: Live) -> None:
    several(valkey, {"it": {"retried": 25, "retry": 25, "payload": b"{}"}})

    async def play(op: Operator) -> None:
        await opened(op)
        assert "email:send · died 3 min ago (11:06:40 Z) · 25 of 25 tries · 2 B" in op.words("#summary")
        assert op.lines[2].rstrip().endswith("f facts")
        await op.press("f")
        assert boxes(op) == ["error", "payload", "facts"]
        assert "Tries 25 of 25; the next run is the last" in op.words("#facts")
        assert "f facts" not in op.text
        await op.press("tab")
        assert focused(op) == "facts"
        await op.press("f")
        assert boxes(op) == ["error", "payload"]
        assert focused(op) == "payload"

    operate(valkey.settings, play, size=(80, 24), clock=lambda: NOW + 200)


def test_whether_facts_are_folded_is_remembered_from_task_to_task(valkey: Live) -> None:
    several(valkey, plain(2))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("f")
        assert boxes(op) == ["error", "payload", "facts"]
        await op.press("q", "j", "enter")
        await op.until(lambda: boxes(op) == ["error", "payload", "facts"], "facts of the next task")
        await op.press("f", "q", "enter")
        await op.until(lambda: boxes(op) == ["error", "payload"], "folded again")

    operate(valkey.settings, play, size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (160, 40)])
def test_z_gives_a_box_the_whole_screen_and_takes_it_back(valkey: Live, size: tuple[int, int]) -> None:
    several(valkey, plain(1))

    async def play(op: Operator) -> None:
        await opened(op)
        before = op.part("#texts")
        await op.press("z")
        assert boxes(op) == ["payload"]
        assert op.app.screen.query_one("#payload-box").region.width > size[0] - 4
        await op.press("tab")
        assert boxes(op) == ["facts"]
        await op.press("tab")
        assert boxes(op) == ["error"]
        await op.press("tab", "escape")
        assert op.where == "ArchivedTaskScreen"
        assert op.part("#texts") == before
        await op.press("escape")
        assert op.where == "TasksScreen"

    operate(valkey.settings, play, size=size)


def test_a_low_terminal_shows_one_box_at_a_time_the_error_first(valkey: Live) -> None:
    several(valkey, plain(2))

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("enter")
        await op.sees("error 0", "tab: payload", "f facts")
        assert boxes(op) == ["error"]
        await op.press("tab")
        await op.sees("payload 0", "tab: facts")
        assert boxes(op) == ["payload"]
        await op.press("tab")
        assert boxes(op) == ["facts"]
        assert "Id task-0" in op.words("#facts")
        await op.press("tab", "n")
        await op.sees("error 1")
        await op.resize(80, 24)
        assert boxes(op) == ["error", "payload"]
        await op.resize(60, 15)
        assert boxes(op) == ["error"]

    operate(valkey.settings, play, size=(60, 15))


def test_the_id_stays_whole_where_the_way_to_it_has_no_room(valkey: Live) -> None:
    task_id = "4f4a5d7b-1c55-49de-abd4-5af773f89445"
    several(valkey, {task_id: {}})

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("enter")
        await op.sees("tab: payload")
        assert f"▸ {task_id} " in op.lines[1]
        assert "1 of 1" in op.lines[1]

    operate(valkey.settings, play, size=(60, 15))


# Searching


def matches(op: Operator) -> str:
    """What the line of the search says about its matches."""
    return op.words("#note").strip()


async def search(op: Operator, needle: str) -> None:
    """Type what to look for."""
    await op.press("slash")
    await op.type(needle)


def test_a_search_walks_through_error_and_payload(valkey: Live) -> None:
    payload = "\n".join("The word" if number in {0, 90} else f"line {number}" for number in range(100))
    several(valkey, {"it": {"payload": payload.encode(), "error_msg": "no word, WORD"}})

    async def play(op: Operator) -> None:
        await opened(op)
        await search(op, "word")
        assert matches(op) == "1 of 4"
        await op.press("enter", "ctrl+n", "f3")
        assert matches(op) == "3 of 4"
        assert "line 90" not in op.text
        await op.press("ctrl+n")
        assert matches(op) == "4 of 4"
        assert "The word" in shown(op)
        assert "line 89" in shown(op)
        await op.press("ctrl+n", "N")
        assert matches(op) == "4 of 4"
        await op.press("escape")
        assert matches(op) == ""
        assert op.where == "ArchivedTaskScreen"

    operate(valkey.settings, play)


@pytest.mark.parametrize("size", [(160, 40), (60, 15)])
def test_the_word_itself_is_lit_and_can_be_read(valkey: Live, size: tuple[int, int]) -> None:
    several(valkey, {"it": {"payload": b"one needle and another needle here", "error_msg": "none"}})

    def looks(op: Operator, part: str) -> int:
        """In how many ways a text is drawn."""
        found = next(strip for strip in op._strips("#payload") if part in strip.text)
        at = found.text.find(part)
        styles = [segment.style for segment in found.crop(at, at + len(part))]
        return len({(style.bgcolor, style.reverse) for style in styles if style is not None})

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("enter")
        await op.sees("1 of 1")
        await search(op, "NEEDLE")
        assert matches(op) == "1 of 2"
        assert [looks(op, word) for word in ("one needle", "another needle", "needle")] == [2, 2, 1]
        assert looks(op, "needle and another needle") == 3  # the current one stands out
        for part in ("needle and", "another needle"):
            assert op.contrast(part) >= 4.5

    operate(valkey.settings, play, size=size)


def test_a_search_moves_sideways_in_wide_lines(valkey: Live) -> None:
    several(
        valkey, {"it": {"payload": ("é" + "-" * 900 + "needle" + "-" * 900 + "\n" + "-" * 500 + "needle").encode()}}
    )

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("w")
        await search(op, "needle")
        assert any("needle" in line for line in shown(op))
        assert matches(op) == "1 of 2"
        await op.press("enter", "ctrl+n")
        await op.until(lambda: "needle" in shown(op)[1], "the match in the second line")

    operate(valkey.settings, play, size=(80, 24))


def test_a_match_across_the_edge_of_a_wrapped_line_is_lit_on_both_sides(valkey: Live) -> None:
    several(valkey, {"it": {"payload": b"-" * 5000 + b"x" * 100 + b"-" * 500}})

    async def play(op: Operator) -> None:
        await opened(op)
        await search(op, "x" * 100)
        assert matches(op) == "1 of 1"
        await op.until(lambda: sum(line.count("x") for line in shown(op)) == 100, "the match in view")
        strips = [strip for strip in op._strips("#payload") if "x" in strip.text]
        assert len(strips) > 1
        for strip in strips:
            lit = {segment.style for segment in strip if "x" in segment.text}
            rest = {segment.style for segment in strip if "-" in segment.text}
            assert lit
            assert not lit & rest

    operate(valkey.settings, play, size=(80, 24))


def test_a_search_in_a_large_payload_does_not_stall(valkey: Live) -> None:
    large = ("{" + ",".join(f'"key {number}": "välue {number}"' for number in range(30_000)) + "}").encode()
    several(valkey, {"it": {"payload": large}})

    async def play(op: Operator) -> None:
        await opened(op)
        async with Stalls() as stalls:
            await search(op, "VÄLUE 5")
            await op.until(lambda: matches(op).startswith("1 of "), "matches counted", seconds=60)
            await op.press("enter", "N")
        assert stalls.longest < STALL
        await op.until(lambda: "välue 5999" in op.words("#tree"), "the last match")

    operate(valkey.settings, play)


def test_keys_that_come_in_one_piece_go_to_the_search_in_their_order(valkey: Live) -> None:
    several(valkey, {"it": {"payload": b"needle needle needle"}})

    async def play(op: Operator) -> None:
        await opened(op)
        await op.burst("slash", *"needle", "enter", "ctrl+n", "ctrl+n")
        await op.until(lambda: matches(op) == "3 of 3", "the third match")

    operate(valkey.settings, play)


# Changes


def test_a_task_is_deleted_from_its_own_screen_and_the_next_is_shown(valkey: Live) -> None:
    several(valkey, plain(4))

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("space")  # marked in the list, and not what is deleted here
        await op.press("j")
        await op.task()
        assert "▸ task-2 " in op.lines[1]
        assert "3 of 4" in op.lines[1]
        await op.plan()
        assert "task-2" in op.dialog
        assert "task-0" not in op.dialog
        await op.press("tab", "enter")
        await op.hears("deleted")
        await op.until(lambda: "▸ task-3 " in op.lines[1] and shown(op)[0] == "payload 3", "the next task")
        assert "3 of 3" in op.lines[1]
        assert "1 marked" in op.lines[1]
        await op.press("escape")
        await op.listed(3)
        assert op.ids == ["task-0", "task-1", "task-3"]
        assert op.marked == ["task-0"]
        assert "task-3" in op.cursor

    operate(valkey.settings, play)
    assert valkey.client.exists(*[key("q", f"task-{number}") for number in range(4)]) == 3
    assert not valkey.client.exists(key("q", "task-2"))


def test_the_last_task_gives_way_to_the_one_before_and_then_to_the_list(valkey: Live) -> None:
    several(valkey, plain(2))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("n")
        await op.until(lambda: shown(op)[0] == "payload 1", "the last task")
        for rest in ("task-0", ""):
            await op.plan()
            await op.press("tab", "enter")
            await op.hears("deleted")
            if rest:
                await op.until(lambda rest=rest: f"▸ {rest} " in op.lines[1], "the one before")
            op.forget_remarks()
        await op.arrives("TasksScreen")
        await op.sees("The archive is empty.")

    operate(valkey.settings, play)
    assert not valkey.client.exists(key("q", "task-0"), key("q", "task-1"))


def test_a_plan_is_for_the_task_that_was_on_screen(valkey: Live) -> None:
    several(valkey, plain(3))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.burst("ctrl+d", "n", "n")
        await op.arrives("ConfirmDialog")
        assert "task-0" in op.dialog
        await op.press("escape")
        assert "▸ task-0 " in op.lines[1]
        await op.press("n")
        await op.until(lambda: shown(op)[0] == "payload 1", "the next task")

    operate(valkey.settings, play)
    assert valkey.client.exists(*[key("q", f"task-{number}") for number in range(3)]) == 3


def test_what_changed_meanwhile_is_left_alone_and_stays_on_screen(valkey: Live) -> None:
    several(valkey, plain(2))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.plan()
        valkey.asynq.run("q", "task-0")
        await op.press("tab", "enter")
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.until(lambda: "▸ task-0 (gone)" in op.lines[1], "that it has left the list")
        assert "State pending" in op.words("#facts")
        await op.press("ctrl+d")
        assert op.remarks[-1] == "delete: this task has left the list"

    operate(valkey.settings, play)
    assert valkey.client.exists(key("q", "task-0"))


def test_what_became_of_a_task_is_shown_also_where_the_list_lets_it_go_first(valkey: Live) -> None:
    several(valkey, plain(2))

    async def play(op: Operator) -> None:
        await opened(op)
        screen: Any = op.app.screen
        below, seq = screen._below, screen._key
        assert seq is not None
        catalog = below.only(seq).catalog
        screen._below = replace(below, changed=lambda: catalog.remove([seq]))
        await op.plan()
        valkey.asynq.run("q", "task-0")
        await op.press("tab", "enter")
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.until(lambda: "▸ task-0 (gone)" in op.lines[1], "that it has left the list")
        await op.until(lambda: "State pending" in op.words("#facts"), "what became of it")

    operate(valkey.settings, play)


def test_space_marks_the_task_and_shows_the_next(valkey: Live) -> None:
    several(valkey, plain(3))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("space", "space")
        await op.until(lambda: "▸ task-2 " in op.lines[1], "the third task")
        assert "2 marked" in op.lines[1]
        assert "● 2 marked" not in op.lines[1]
        await op.press("p")
        assert "● 2 marked" in op.lines[1]
        await op.press("space")
        assert "1 marked" in op.lines[1]
        await op.press("escape")
        assert op.marked == ["task-0"]

    operate(valkey.settings, play)


def test_a_finding_is_explained_repaired_and_deleted_from_its_own_screen(valkey: Live) -> None:
    valkey.asynq.register("q")
    for number in range(3):
        valkey.asynq.add("q", f"orphan-{number}", referenced=False, last_failed_at=NOW - 60)

    async def play(op: Operator) -> None:
        await op.scan("q")
        await op.point_at("orphan-1")
        await op.press("enter")
        await op.arrives("FindingTaskScreen")
        await op.sees("Payload ·")
        await op.press("h")
        assert op.where == "ExplainDialog"
        await op.press("escape", "m")
        await op.arrives("ChoiceDialog")
        assert "What to do with 1 finding?" in op.text
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "orphan-1" in op.dialog
        await op.press("tab", "enter")
        await op.until(lambda: op.where == "FindingTaskScreen" and "2 of 2" in op.lines[1], "the next finding")
        await op.until(lambda: "Payload ·" in op.text, "read")
        await op.plan()
        await op.press("tab", "enter")
        await op.until(lambda: op.where == "FindingTaskScreen" and "1 of 1" in op.lines[1], "the last finding")

    operate(valkey.settings, play)
    assert valkey.client.zrange(key("q", "")[: -len(b"t:")] + b"archived", 0, -1) == [b"orphan-1"]
    left = [number for number in range(3) if valkey.client.exists(key("q", f"orphan-{number}"))]
    assert len(left) == 2
    assert 1 in left


def test_a_task_is_run_again_from_its_own_screen(valkey: Live) -> None:
    several(valkey, plain(3))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("n")
        await op.until(lambda: shown(op)[0] == "payload 1", "the second task")
        await op.press("R")
        await op.arrives("RunDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "task-1" in op.dialog
        await op.press("tab", "enter")
        await op.until(lambda: "▸ task-2 " in op.lines[1] and "2 of 2" in op.lines[1], "the next task")

    operate(valkey.settings, play)
    assert valkey.client.lrange(key("q", "")[: -len(b"t:")] + b"pending", 0, -1) == [b"task-1"]
    assert valkey.client.zcard(key("q", "")[: -len(b"t:")] + b"archived") == 2


def test_a_read_only_session_takes_the_changes_away(valkey: Live) -> None:
    several(valkey, plain(2))

    async def play(op: Operator) -> None:
        await opened(op)
        assert "ctrl+d" not in op.lines[-1]
        await op.press("ctrl+d")
        assert op.where == "ArchivedTaskScreen"
        assert "read-only" in op.remarks[-1]
        await op.press("space")
        assert "1 marked" in op.lines[1]

    operate(replace(valkey.settings, read_only=True), play)


def test_opening_a_task_lays_out_its_own_screen_alone(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual lays out and draws the screen beneath as well, though all of it is covered."""
    valkey.asynq.register("q")
    valkey.asynq.add("q", "t", payload=b'{"n": 1}')
    laid_out: list[tuple[str, bool]] = []
    original = CommandScreen._refresh_layout

    def count(screen: CommandScreen, *how: Any, **more: Any) -> None:
        laid_out.append((type(screen).__name__, screen.on_top))
        original(screen, *how, **more)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        monkeypatch.setattr(CommandScreen, "_refresh_layout", count)
        await op.press("enter")
        await op.arrives("ArchivedTaskScreen")
        await op.until(lambda: not op.app.screen.reading(), "the task")
        assert {name for name, _ in laid_out} == {"ArchivedTaskScreen"}
        await op.resize(120, 30)
        await op.press("escape")
        await op.arrives("TasksScreen")
        await op.until(lambda: len(op.lines) == 30 and op.rows, "the list at its new size")
        await op.press("question_mark")  # a dialog lets the list show through
        await op.resize(90, 24)
        await op.until(lambda: ("TasksScreen", False) in laid_out, "laid out beneath it")
        assert not op.app.screen_stack[-2].query_one(KeyBar).visible

    operate(valkey.settings, play, size=(100, 40))


# The first picture


def test_a_task_whose_answer_is_late_is_drawn_before_it_comes(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    several(valkey, plain(1))
    read, answers, drawn = Session.read_task, threading.Event(), []
    display = ArchiveApp._display

    def held(session: Session, queue: str, task_id: bytes) -> Task:
        assert answers.wait(PATIENCE)
        return read(session, queue, task_id)

    def noted(app: ArchiveApp, screen: CommandScreen, picture: Any) -> None:
        drawn.append(type(screen).__name__)
        display(app, screen, picture)

    monkeypatch.setattr(Session, "read_task", held)
    monkeypatch.setattr(ArchiveApp, "_display", noted)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        try:
            with op.holding():
                await op.press("enter")
                await op.until(lambda: drawn[-1:] == ["ArchivedTaskScreen"], "the first picture")
                assert "reading…" in op.text
        finally:
            answers.set()
        await op.sees("payload 0")

    operate(valkey.settings, play)
