"""The payload as a tree: folding, moving, searching in what is folded, and taking a node to the list."""

import base64
import gzip
import json
import sys
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from support.asynq_data import NOW
from support.pilot import Operator, Stalls, operate
from support.servers import Live
from textual.geometry import Offset

from archive_tui.settings.model import PayloadSettings
from archive_tui.tui.task.boxes import TaskBoxes

ORDER: dict[str, Any] = {
    "user": {"id": 8812, "name": "Ada (née Byron)", "since": 1763860000},
    "items": [{"sku": f"A-{number}", "quantity": number, "note": "" if number else "gift"} for number in range(20)],
    "trace": "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12",
    "vip": True,
}
STALL = 0.5


def tasks(live: Live, *payloads: bytes) -> None:
    """An archive with these payloads, the first the newest."""
    live.asynq.register("q")
    for number, payload in enumerate(payloads):
        live.asynq.add("q", f"task-{number}", payload=payload, score=NOW - number)


def orders(live: Live, *users: int) -> None:
    """Orders of these users."""
    tasks(live, *(json.dumps({**ORDER, "user": {**ORDER["user"], "id": user}}).encode() for user in users))


async def opened(op: Operator) -> None:
    await op.tasks("q")
    await op.task()


def shown(op: Operator) -> list[str]:
    """The rows of the tree."""
    return [line.rstrip() for line in op.part("#tree")]


def path(op: Operator) -> str:
    """What stands below the box of the payload."""
    return str(op.app.screen.query_one("#payload-box").border_subtitle)


def at_cursor(op: Operator) -> str:
    node = op.app.screen.query_one(TaskBoxes).pointed_at
    assert node is not None
    return f"{node.path}"


def test_a_tree_is_shown_first_and_a_key_goes_on_to_the_other_views(valkey: Live) -> None:
    raw = base64.b64encode(gzip.compress(json.dumps(ORDER).encode()))
    tasks(valkey, raw)

    async def play(op: Operator) -> None:
        await opened(op)
        assert "Payload · base64 › gzip › JSON · " in op.text
        assert " · tree · v pretty, base64 › gzip › text, raw, hex · " in op.text
        assert shown(op)[:5] == [
            "▾ user",
            "    id     8812",
            "    name   Ada (née Byron)",
            "    since  1763860000  (2025-11-23 01:06:40 Z)",
            "▾ items    [20]",
        ]
        assert "goroutine 1 [running]:" in op.words("#tree")
        await op.press("v")
        await op.sees(" · pretty · v base64 › gzip › text, raw, hex, tree · ")
        assert op.part("#payload")[1].rstrip() == '  "user": {'
        await op.press("v", "v")
        await op.sees(" · raw · v hex, tree, ")
        assert op.part("#payload")[0].startswith("H4sI")
        await op.press("v")
        await op.sees(" · hex · v tree, ")
        assert op.part("#payload")[0].startswith("00000000  48 34 73 49")
        await op.press("v")
        await op.sees(" · tree · v pretty, ")

    operate(valkey.settings, play, size=(160, 45))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (140, 40)])
def test_folding_and_moving(valkey: Live, size: tuple[int, int]) -> None:
    orders(valkey, 8812)

    async def play(op: Operator) -> None:
        await opened(op)
        if size[1] < 20:
            await op.press("tab")
        await op.press("enter")
        assert shown(op)[0].startswith("▸ user     {3}  id 8812")
        await op.press("right")
        assert shown(op)[:2] == ["▾ user", "    id     8812"]
        await op.press("right")
        assert path(op).startswith(".user.id")
        await op.press("right")
        assert op.remarks == []
        await op.press("left")
        assert at_cursor(op) == "user"
        await op.press("left", "j", "j", "right", "right", "j")
        assert path(op).startswith(".items[0].quantity")
        await op.press("minus")
        assert shown(op)[:4] == [*shown(op)[:2], "▸ trace    panic: no…  (5 lines)", "  vip      true"]
        assert at_cursor(op) == "items"
        await op.press("plus", "G")
        assert at_cursor(op) == "vip"
        await op.press("k", "k", "pageup", "g")
        assert at_cursor(op) == "user"
        await op.press("j", "enter")
        assert "there is nothing to unfold here" in op.remarks[-1]

    operate(valkey.settings, play, size=size)


def test_a_click_moves_the_cursor_and_folds(valkey: Live) -> None:
    orders(valkey, 8812)

    async def play(op: Operator) -> None:
        await opened(op)
        corner = op.app.screen.query_one("#tree").content_region.offset
        await op.pilot.click(offset=corner + Offset(6, 2))
        await op.settle()
        assert at_cursor(op) == "user.name"
        await op.pilot.click(offset=corner)
        await op.settle()
        assert shown(op)[0].startswith("▸ user     {3}")
        await op.pilot.click(offset=corner + Offset(9, 0))
        await op.settle()
        assert shown(op)[0] == "▾ user"

    operate(valkey.settings, play, size=(80, 24))


def test_a_search_finds_what_is_folded_and_lights_the_word(valkey: Live) -> None:
    orders(valkey, 8812)

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("minus", "slash", *"GIFT")
        await op.sees("1 of 1")
        assert at_cursor(op) == "items[0].note"
        (strip,) = [strip for strip in op._strips("#tree") if "gift" in strip.text]
        assert [segment.text for segment in strip if "gift" in segment.text] == ["gift"]
        await op.press("enter", "escape", "minus", "slash", *"main.go")
        await op.sees("1 of 1")
        assert at_cursor(op) == "trace"
        assert "/app/main.go:12" in op.text

    operate(valkey.settings, play, size=(80, 30))


def test_a_search_without_a_match_gives_the_cursor_back_its_place(valkey: Live) -> None:
    orders(valkey, 8812)

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("down", "down")
        before = at_cursor(op)
        await op.press("slash", *"main.go")
        await op.until(lambda: at_cursor(op) == "trace", "the match")
        await op.press("x")
        await op.sees("no match")
        assert at_cursor(op) == before

    operate(valkey.settings, play, size=(80, 30))


def test_a_search_shows_what_is_written_exactly_so_before_the_rest(valkey: Live) -> None:
    tasks(valkey, json.dumps({"a": "error", "b": "Error", "c": "ERROR"}).encode())

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("slash", *"Error", "enter")
        await op.sees("2 of 3")
        assert at_cursor(op) == "b"
        await op.press("ctrl+n", "ctrl+n")
        assert at_cursor(op) == "a"

    operate(valkey.settings, play, size=(80, 24))


def test_a_search_says_which_other_view_has_matches(valkey: Live) -> None:
    tasks(valkey, gzip.compress(b'{"a": "\\u00fc"}', mtime=0))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("slash", *"u00fc", "enter")
        await op.sees("no match here, 1 in gzip › text: v")
        await op.press("v", "v")
        await op.sees("1 of 1")

    operate(valkey.settings, play, size=(100, 24))


def test_the_value_under_the_cursor_filters_the_list(valkey: Live) -> None:
    orders(valkey, 8812, 7, 8812)

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("j", "F")
        await op.arrives("TasksScreen")
        await op.until(lambda: op.ids == ["task-0", "task-2"], "filtered")
        assert "payload.user.id=8812" in op.text
        await op.task()
        await op.press("j", "j", "F")
        await op.arrives("TasksScreen")
        await op.until(lambda: 'payload.user.id=8812 payload.user.name=="Ada (née Byron)"' in op.text, "both terms")
        await op.until(lambda: op.ids == ["task-0", "task-2"], "filtered by both")
        await op.task()
        await op.press("G", "k", "F")  # the text of several lines
        await op.until(lambda: op.where == "TasksScreen" and "payload.trace==" in op.text, "filtered by the trace")

    operate(valkey.settings, play, size=(140, 40))


def test_a_filter_by_an_element_takes_every_element_and_a_column_that_one(valkey: Live) -> None:
    tasks(valkey, b'{"a": [{"b c": "none"}]}', b'{"a": [1, {"b c": "none"}]}', b'{"a": []}')

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("j", "j")
        assert path(op) == '.a[0]."b c"'
        await op.press("C")
        assert 'payload.a[0]."b c" is a column of the list now' in op.remarks[-1]
        await op.press("C")
        assert "is a column already" in op.remarks[-1]
        await op.press("F")
        await op.arrives("TasksScreen")
        assert 'payload.a[*]."b c"=="none"' in op.text
        await op.until(lambda: op.ids == ["task-0", "task-1"], "filtered")
        await op.until(lambda: op.column('a[0]."b c"', "Type") == ["none", ""], "the column")

    operate(valkey.settings, play, size=(140, 40))


def test_why_a_list_cannot_be_filtered(valkey: Live) -> None:
    secret = {"password": "hunter2", "long": "x" * 400}
    tasks(valkey, json.dumps(secret).encode(), b"just text")

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("j", "F")
        assert "400 characters, too many for a filter" in op.remarks[-1]
        await op.press("n")
        await op.sees("Payload · text")
        await op.press("F")
        assert "no tree of the payload is shown" in op.remarks[-1]

    operate(valkey.settings, play, size=(140, 40))


def test_what_a_program_of_the_profile_writes_cannot_be_searched_by_lists(valkey: Live) -> None:
    tasks(valkey, b"just text")
    program = (sys.executable, "-c", """print('{"number": 7}')""")

    async def play(op: Operator) -> None:
        await opened(op)
        for key in ("F", "C"):
            op.forget_remarks()
            await op.press("j", key)
            await op.hears("reads only the task on screen: lists cannot search what it writes")
        assert op.where == "ArchivedTaskScreen"

    settings = replace(valkey.settings, payloads=PayloadSettings(programs={"*": program}))
    operate(settings, play, size=(140, 40))


def test_the_view_that_was_chosen_stays_from_task_to_task(valkey: Live) -> None:
    tasks(valkey, b'{"a": 1}', b'{"a": 2}', b"text")

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("v", "n")
        await op.sees(" · pretty · ")
        assert op.part("#payload")[1].rstrip() == '  "a": 2'
        await op.press("n")
        await op.sees("Payload · text")
        await op.press("p")
        await op.sees(" · pretty · ")

    operate(valkey.settings, play, size=(140, 40))


@pytest.mark.parametrize(
    ("payload", "rows"),
    [
        (b'{"a": 1}\n{"a": [2]}\n', ["▾ [0]", "    a    1", "▾ [1]", "  ▾ a    [1]", "      [0]  2"]),
        (msgpack.packb({1: b"\x00\xff", "name": "Ada"}), ["  1     h'00ff'", "  name  Ada"]),
        (b"<a><b>1</b><b x='y'/></a>", ["▾ a", "  ▾ b      [2]", '      [0]  "1"', "    ▾ [1]", "        @x  y"]),
        (b"a=1&b=two+words&a=2", ['  a  "1"', "  b  two words", '  a  "2"']),
        (b"[]", ["  []"]),
        (b'["\\u001b[31m", "\\u202e"]', ["  [0]  ␛[31m", "  [1]  ⟨U+202E⟩"]),
    ],
)  # fmt: skip
def test_payloads_of_every_format_have_a_tree(valkey: Live, payload: bytes, rows: list[str]) -> None:
    tasks(valkey, payload)

    async def play(op: Operator) -> None:
        await opened(op)
        assert [row.split() for row in shown(op) if row] == [row.split() for row in rows]
        await op.press("v", "v", "v")
        await op.sees(" · hex · ")

    operate(valkey.settings, play, size=(120, 40))


def test_many_mib_are_a_tree_as_well(valkey: Live) -> None:
    rows = [{"number": number, "text": "x" * 40} for number in range(40_000)]
    tasks(valkey, json.dumps(rows).encode())

    async def play(op: Operator) -> None:
        await opened(op)
        assert " · tree · v pretty, raw, hex" in op.text
        assert shown(op)[0].startswith("▸ [0]")
        await op.until(lambda: "still checking" not in op.text, "all of it read")
        await op.press("G", "enter")
        assert path(op) == "[39999]"
        await op.until(lambda: "39999" in op.words("#tree"), "the last element")

    operate(valkey.settings, play, size=(140, 40))


def test_a_large_tree_does_not_stall(valkey: Live) -> None:
    large = json.dumps({f"key {number}": {"value": number} for number in range(30_000)}).encode()
    tasks(valkey, large)

    async def play(op: Operator) -> None:
        await opened(op)
        async with Stalls() as stalls:
            await op.press("plus", "G", "enter", "right", "pageup", "minus")
            await op.press("slash", *"29998")
            await op.until(lambda: "1 of 2" in op.text, "matches")
        assert stalls.longest < STALL
        assert "key 29998" in op.text

    operate(valkey.settings, play, size=(120, 40))
