"""The screen of one task: the whole payload, error and facts, moving on, searching, copying and saving."""

import base64
import gzip
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import NOW, key, lock_key, prefix
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.wording.people import size

MEBIBYTE = 1 << 20
STALL = 0.5
"""Seconds for which the UI loop may be kept from its work, on a machine that is busy with other things."""


def one(live: Live, payload: bytes, **facts: Any) -> None:
    """A queue with a single task in its archive."""
    live.asynq.register("q")
    live.asynq.add("q", "it", payload=payload, **facts)


async def opened(op: Operator) -> None:
    """Open the first task of the only queue."""
    await op.tasks("q")
    await op.task()


def several(live: Live, tasks: dict[str, dict[str, Any]]) -> None:
    """A queue with some tasks in its archive, the first the newest."""
    live.asynq.register("q")
    for number, (task_id, facts) in enumerate(tasks.items()):
        live.asynq.add("q", task_id, score=NOW - number, **facts)


async def following(op: Operator, number: int, count: int) -> None:
    """Go on to a task by its number in the list, and wait until it is read."""
    if number > 1:
        await op.press("n")
    await op.until(lambda: f"{number} of {count}" in op.lines[1] and "Payload ·" in op.text, f"task {number}")


def shown(op: Operator, selector: str = "#payload") -> list[str]:
    """The lines in a box, without what fills them up."""
    return [line.rstrip() for line in op.part(selector)]


async def read_through(op: Operator) -> str:
    """Everything in the payload box, from its top to its end, page by page."""
    await op.press("g")
    seen: list[str] = []
    while True:
        now = shown(op)
        overlap = next(count for count in range(len(now), -1, -1) if seen[len(seen) - count :] == now[:count])
        if overlap == len(now):
            return "".join(seen)
        seen += now[overlap:]
        await op.press("pagedown")


# What is shown


def test_json_is_laid_out_with_its_numbers_digit_for_digit(valkey: Live) -> None:
    numbers = [
        "9007199254740993",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1.10",
        "1E400",
        "-0.0",
        "0",
    ]
    rest = '"twice":1,"twice":2,"text":"ü ✓","none":null,"yes":true,"empty":{}}'
    payload = '{"numbers":[' + ",".join(numbers) + "]," + rest
    one(valkey, payload.encode())

    async def play(op: Operator) -> None:
        await opened(op)
        assert f"Payload · JSON · {size(len(payload.encode()))}" in op.text
        await op.press("v")
        await op.sees(" · pretty · ")
        expected = ["{", '  "numbers": [', *[f"    {number}," for number in numbers]]
        expected[-1] = expected[-1].rstrip(",")
        expected += ["  ],", '  "twice": 1,', '  "twice": 2,', '  "text": "ü ✓",', '  "none": null,', '  "yes": true,']
        expected += ['  "empty": {}', "}"]
        assert shown(op)[: len(expected)] == expected

    operate(valkey.settings, play)


def test_other_text_is_shown_as_it_is(valkey: Live) -> None:
    texts = ['{"cut": ', "plain text\n\twith a tab\nand a third line", "[1, 2", "NaN", "ünïcödé ✓"]
    several(valkey, {f"it-{text[:2]}": {"payload": text.encode()} for text in texts})

    async def play(op: Operator) -> None:
        await opened(op)
        for number, text in enumerate(texts, 1):
            await following(op, number, len(texts))
            assert "Payload · text · " in op.text
            lines = text.expandtabs(4).split("\n")
            assert shown(op)[: len(lines)] == [line.rstrip() for line in lines]

    operate(valkey.settings, play)


def test_binary_is_shown_in_hexadecimal_to_the_last_byte(valkey: Live) -> None:
    payload = random.Random(1).randbytes(1000) + b"\x00END"
    one(valkey, payload)

    async def play(op: Operator) -> None:
        await opened(op)
        assert "Payload · binary · 1.0 kB" in op.text
        for number, line in enumerate(shown(op)[:10]):
            part = payload[16 * number : 16 * number + 16]
            assert line.startswith(f"{16 * number:08x}  {part[:8].hex(' ')}  {part[8:].hex(' ')}  ")
        await op.press("G")
        await op.until(lambda: shown(op)[-1].endswith("END"), "the last line")
        assert shown(op)[-1].startswith("000003e0")

    operate(valkey.settings, play)


def test_no_payload_is_said_to_be_none(valkey: Live) -> None:
    one(valkey, b"")

    async def play(op: Operator) -> None:
        await opened(op)
        assert "Payload · empty · 0 B" in op.text
        assert shown(op)[0] == "(no payload)"

    operate(valkey.settings, play)


@pytest.mark.parametrize("width", [60, 120])
def test_long_lines_are_broken_and_no_character_is_lost(valkey: Live, width: int) -> None:
    texts = ["".join(f"{number:05}" for number in range(1000)), "".join(f"{number:04}é" for number in range(1000))]
    several(valkey, {f"it-{text[4]}": {"payload": text.encode()} for text in texts})

    async def play(op: Operator) -> None:
        await opened(op)
        for number, text in enumerate(texts, 1):
            await following(op, number, len(texts))
            assert await read_through(op) == text

    operate(valkey.settings, play, size=(width, 24))


def test_long_lines_can_be_scrolled_sideways(valkey: Live) -> None:
    one(valkey, b"begin " + b"-" * 300 + b" finish\nsecond")

    async def play(op: Operator) -> None:
        await opened(op)
        assert not shown(op)[1].startswith("second")
        await op.press("w")
        assert op.remarks == ["long lines scroll sideways"]
        await op.until(lambda: shown(op)[1] == "second", "one line each")
        assert shown(op)[0].startswith("begin ---")
        for _ in range(300):
            if "finish" in shown(op)[0]:
                break
            await op.press("right")
        assert shown(op)[0].endswith(" finish")
        await op.press("w")
        await op.until(lambda: shown(op)[0].startswith("begin"), "broken again")
        assert not shown(op)[1].startswith("second")

    operate(valkey.settings, play)


@pytest.mark.parametrize("letters", [400, 600, 12_000])
def test_a_long_line_of_wide_letters_can_be_scrolled_to_its_end_and_searched(valkey: Live, letters: int) -> None:
    half = "漢字" * (letters // 4)
    one(valkey, f"{half}MIDDLE{half}finish".encode())

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("w")
        await op.press("slash", *"middle", "enter")
        await op.until(lambda: "MIDDLE" in shown(op)[0], "the match")
        await op.press("escape")
        for _ in range(2 * letters):
            if "finish" in shown(op)[0]:
                break
            await op.press(*("ctrl+pagedown",) * 20)
        assert shown(op)[0].endswith("字finish")

    operate(valkey.settings, play)


def test_an_error_is_shown_in_full(valkey: Live) -> None:
    error = "panic: it broke\n\n\tgoroutine 1\n" + "\n".join(f"frame {number}" for number in range(60))
    one(valkey, b"{}", error_msg=error)

    async def play(op: Operator) -> None:
        await opened(op)
        assert shown(op, "#error")[:5] == ["panic: it broke", "", "    goroutine 1", "frame 0", "frame 1"]
        await op.press("shift+tab", "G")
        await op.until(lambda: shown(op, "#error")[-1] == "frame 59", "the end of the error")

    operate(valkey.settings, play)


def test_the_facts_are_those_in_redis(valkey: Live) -> None:
    valkey.asynq.register("q")
    lock = lock_key("q")
    valkey.asynq.add(
        "q", "it", score=NOW - 200, unique=lock, retried=25, retry=25, timeout=1800, deadline=NOW + 86_400,
        last_failed_at=NOW - 180, error_msg="no", headers={"trace": "abc", "x": "1"}, fields={b"odd": b"field"},
    )  # fmt: skip

    async def play(op: Operator) -> None:
        await opened(op)
        facts = op.words("#facts")
        memory = valkey.client.memory_usage(key("q", "it"))
        for fact in (
            "Id it", "Queue q", "State archived", "Type email:send", "Tries 25 of 25; the next run is the last",
            "Died 3 minutes ago 2026-11-18 11:03:20 Z", "Last failed 3 minutes ago 2026-11-18 11:03:40 Z",
            "Timeout 30 minutes", "2026-11-19 11:06:40 Z", "Payload 11 B",
            "Header trace: abc", "Header x: 1", f"In Redis {size(memory)}", "Stands in archived",
            "Lock held, 59 min left", "Field odd: field",
        ):  # fmt: skip
            assert f" {fact} " in f" {facts}", facts
        assert lock.decode() in "".join("".join(op.part("#facts")).split())

    operate(valkey.settings, play)


def test_the_facts_are_broken_anew_for_every_width(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "it", unique=lock_key("q"), headers={"trace": "a word " * 12})

    async def play(op: Operator) -> None:
        await opened(op)
        for width in (120, 200, 60):
            await op.resize(width, 60)
            if width < 120:
                await op.press("f")
            await op.until(lambda: "trace" in op.words("#facts"), "facts drawn")
            lines = [line for line in op.part("#facts") if line.strip()]
            broken = [line for line in lines if line.strip().startswith(("a word", "word"))]
            assert broken
            assert all(line.startswith(" " * 12) for line in broken)

    operate(valkey.settings, play)


def test_what_would_move_the_terminal_is_shown_as_signs(valkey: Live) -> None:
    hostile = "a\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\u202eb[/x][@click=app.quit]c\x7f"
    signs = "a␛]52;c;ZXZpbA==␇␛[2J\\x9b31m⟨U+202E⟩b[/x][@click=app.quit]c␡"
    tasks: dict[str, dict[str, Any]] = {
        "payload": {"payload": hostile.encode()},
        "error": {"error_msg": hostile},
        "type": {"type": hostile},
        "header": {"headers": {hostile: "value"}},
        "field": {"fields": {b"odd": hostile.encode()}},
        hostile: {},
    }
    several(valkey, tasks)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        assert [signs[:20] in row for row in op.rows] == [False, True, True, False, False, True]
        await op.task()
        for number, name in enumerate(tasks, 1):
            await following(op, number, len(tasks))
            box = name if name in {"payload", "error"} else "facts"
            assert signs in "".join("".join(op.part(f"#{box}")).split())
            assert not set(op.text) & set("\x1b\x07\x9b\u202e\x7f")

    operate(valkey.settings, play, size=(260, 40))


# Moving on


def test_n_and_p_go_through_the_list_and_the_list_follows(valkey: Live) -> None:
    several(valkey, {f"task-{number}": {"payload": b"payload %d" % number} for number in range(3)})

    async def play(op: Operator) -> None:
        await opened(op)
        assert shown(op)[0] == "payload 0"
        for number in (1, 2):
            await op.press("n")
            await op.until(lambda number=number: shown(op)[0] == f"payload {number}", "the next")
            assert f"{number + 1} of 3" in op.lines[1]
            assert f"▸ task-{number} " in op.lines[1]
        await op.press("n")
        assert op.remarks == ["next: this is the last task of the list"]
        await op.press("p")
        await op.until(lambda: shown(op)[0] == "payload 1", "the one before")
        await op.press("escape")
        assert op.where == "TasksScreen"
        assert "task-1" in op.cursor

    operate(valkey.settings, play)


def test_a_task_that_vanished_is_said_to_be_gone(valkey: Live) -> None:
    several(valkey, {f"task-{number}": {"payload": b"payload %d" % number} for number in range(3)})

    async def play(op: Operator) -> None:
        await opened(op)
        valkey.client.delete(key("q", "task-0"), key("q", "task-1"))
        assert shown(op)[0] == "payload 0"  # what was read stays
        for press in ("r", "n"):
            await op.press(press)
            await op.until(lambda: "it may have run or been deleted" in op.words("#payload"), "that it is gone")
            for dead, name in (("y", "copy"), ("e", "save")):
                await op.press(dead)
                assert op.remarks[-1] == f"{name}: nothing was read"
        await op.press("n")
        await op.until(lambda: shown(op)[0] == "payload 2", "one that is there")

    operate(valkey.settings, play)


def test_r_reads_the_task_again(valkey: Live) -> None:
    one(valkey, b"before")

    async def play(op: Operator) -> None:
        await opened(op)
        one(valkey, b"after")
        valkey.client.zrem(prefix("q") + b"archived", "it")
        await op.press("r")
        await op.until(lambda: shown(op)[0] == "after", "the new payload")
        assert "no index: orphaned task data" in op.words("#facts")

    operate(valkey.settings, play)


# Searching


def test_search_goes_from_match_to_match_and_round_the_end(valkey: Live) -> None:
    lines = [f"line {number}" + (" Needle" if number in {70, 140} else "") for number in range(200)]
    one(valkey, "\n".join(lines).encode())

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("slash")
        await op.type("needle")
        await op.until(lambda: "line 70 Needle" in shown(op), "the first match")
        await op.press("enter", "ctrl+n")
        await op.until(lambda: "line 140 Needle" in shown(op), "the second match")
        assert "line 70 Needle" not in shown(op)
        await op.press("f3")
        await op.until(lambda: "line 70 Needle" in shown(op), "the first match again")
        await op.press("escape")
        assert op.where == "ArchivedTaskScreen"
        await op.press("slash", "q", "q")
        await op.sees("no match")
        await op.press("escape")
        assert op.where == "ArchivedTaskScreen"

    operate(valkey.settings, play)


def test_a_search_without_a_match_gives_the_view_back_its_place(valkey: Live) -> None:
    lines = [f"line {number}" + (" Needle" if number == 140 else "") for number in range(200)]
    one(valkey, "\n".join(lines).encode())

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("pagedown")
        top = shown(op)[0]
        await op.press("slash")
        await op.type("needle")
        await op.until(lambda: "line 140 Needle" in shown(op), "the match")
        await op.type("s")
        await op.sees("no match")
        assert shown(op)[0] == top
        await op.press("backspace")
        await op.until(lambda: "line 140 Needle" in shown(op), "the match again")
        await op.press("escape")
        assert shown(op)[0] == top
        await op.press("slash")
        await op.type("needle")
        await op.press("enter", "escape")  # a match that somebody has gone to stays in view
        assert "line 140 Needle" in shown(op)

    operate(valkey.settings, play)


def test_binary_can_be_searched_for_text_and_for_hexadecimal_digits(valkey: Live) -> None:
    payload = bytearray(random.Random(2).randbytes(8192))
    payload[4000:4004] = b"\xde\xad\xbe\xef"
    payload[6000:6005] = b"HeLLo"
    one(valkey, bytes(payload))

    async def play(op: Operator) -> None:
        await opened(op)
        for needle, offset in (("de ad be ef", 4000), ("hello", 6000), ("deadbeef", 4000)):
            await op.press("slash")
            await op.type(needle)
            line = f"{offset // 16 * 16:08x}"
            await op.until(lambda line=line: any(text.startswith(line) for text in shown(op)), f"the line of {needle}")
            await op.press("escape", "g")

    operate(valkey.settings, play)


def test_escape_in_an_empty_search_closes_it_and_nothing_else(valkey: Live) -> None:
    one(valkey, b"text")

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("slash", "escape")
        assert op.where == "ArchivedTaskScreen"

    operate(valkey.settings, play)


# Copying and saving


def test_y_copies_what_is_shown_and_i_the_id(valkey: Live) -> None:
    payloads = {
        "json": b'{"user":9007199254740993,"text":"\xc3\xbc"}',
        "half": b'{"half": "\\ud800", "whole": "x"}',
        "much": b"x" * 200_000,
    }
    several(valkey, {name: {"payload": payload} for name, payload in payloads.items()})

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("y")
        assert op.app.clipboard == '{\n  "user": 9007199254740993,\n  "text": "ü"\n}'
        assert "sent to the terminal's clipboard" in op.remarks[-1]  # nobody knows whether it took it
        await op.press("i")
        assert op.app.clipboard == "json"
        await following(op, 2, 3)
        await op.press("y")
        assert '"whole": "x"' in op.app.clipboard
        before = op.app.clipboard
        await following(op, 3, 3)
        await op.press("y")
        assert op.app.clipboard == before
        assert "is too much for a terminal's clipboard: e saves the payload to a file" in op.remarks[-1]

    operate(valkey.settings, play)


def test_e_saves_every_byte_to_a_private_file(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.json": b'{ "a" : 1 }', "b.txt": b"plain\r\ntext", "c.bin": bytes(range(256)) * 3, "d.bin": b""}
    several(valkey, {name[0]: {"payload": payload} for name, payload in files.items()})
    monkeypatch.chdir(tmp_path)
    before = os.umask(0)

    async def play(op: Operator) -> None:
        await opened(op)
        for number, (name, payload) in enumerate(files.items(), 1):
            await following(op, number, len(files))
            await op.press("e")
            assert op.where == "SaveDialog"
            assert name in op.dialog
            await op.press("enter")
            assert op.where == "ArchivedTaskScreen"
            await op.hears(f"saved {size(len(payload))} to {tmp_path / name}")

    try:
        operate(valkey.settings, play)
    finally:
        os.umask(before)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def save_as(op: Operator, name: str) -> None:
    """Save under a name that is typed instead of the one that is offered."""
    await op.press("e")
    assert op.where == "SaveDialog"
    await op.press("ctrl+u")
    await op.type(name)
    await op.press("enter")
    assert op.where == "ArchivedTaskScreen"


def test_saving_never_overwrites(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one(valkey, b"payload")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()

    async def play(op: Operator) -> None:
        await opened(op)
        for name in ("kept", "dangling", "folder"):
            await save_as(op, name)
            await op.hears(f"{name} exists already: choose another name")
        await save_as(op, "nowhere/file")
        await op.hears("not saved: nowhere/file: No such file or directory")
        await op.press("e", "escape")
        assert op.where == "ArchivedTaskScreen"
        await save_as(op, "new")
        await op.hears("saved 7 B")

    operate(valkey.settings, play)
    assert (tmp_path / "kept").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "folder", "kept", "new"]


def test_saving_to_the_home_of_nobody_says_why_not(valkey: Live) -> None:
    one(valkey, b"payload")

    async def play(op: Operator) -> None:
        await opened(op)
        await save_as(op, "~no-such-user/file")
        await op.hears("not saved: ~no-such-user/file: ")

    operate(valkey.settings, play)


def test_the_name_that_is_offered_is_a_plain_one(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ["../../etc/passwd", "a/b\nc", ".hidden", "x" * 500, "\x1b[31m"]
    several(valkey, {task_id: {"payload": b"payload"} for task_id in ids})
    monkeypatch.chdir(tmp_path)

    async def play(op: Operator) -> None:
        await opened(op)
        for number in range(1, len(ids) + 1):
            await following(op, number, len(ids))
            await op.press("e", "enter")
            await op.until(lambda number=number: len(list(tmp_path.iterdir())) == number, "one more file")

    operate(valkey.settings, play)
    assert all(re.fullmatch(r"[\w-][\w.-]{0,90}\.txt", path.name) for path in tmp_path.iterdir())


# A payload of 50 MiB


def rows_of_json(count: int) -> bytes:
    return json.dumps([{"id": number, "email": f"customer{number}@example.com"} for number in range(count)]).encode()


BIG = {
    "binary": lambda: random.Random(3).randbytes(MEBIBYTE) * 50,
    "lines": lambda: b"a line of a log that is not very long at all\n" * (50 * MEBIBYTE // 45),
    "one line": lambda: b"x" * (50 * MEBIBYTE),
    "JSON": lambda: rows_of_json(250_000),  # not 50 MiB, or the test would take half a minute
}


@pytest.mark.parametrize("kind", ["binary", "lines", "one line", "JSON"])
def test_a_huge_payload_is_shown_and_walked_through(valkey: Live, kind: str) -> None:
    payload = BIG[kind]()
    one(valkey, payload)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.task()
        assert size(len(payload)) in op.text
        await op.press("G")
        await op.press("g", "w", "w", "slash", "q", "q", "escape")

    operate(valkey.settings, play)


# Readings


def test_a_key_goes_through_every_reading_that_fits(valkey: Live) -> None:
    inner = json.dumps({"order": 8812, "note": "first\nsecond"}).encode()
    one(valkey, base64.b64encode(gzip.compress(inner)))

    async def play(op: Operator) -> None:
        await opened(op)
        assert "Payload · base64 › gzip › JSON · " in op.text
        await op.press("v")
        await op.sees(" · pretty · ")
        assert shown(op)[:5] == ["{", '  "order": 8812,', '  "note": "first', '    second"', "}"]
        await op.press("v")
        await op.sees("Payload · base64 › gzip › text · ")
        assert shown(op)[0] == inner.decode()
        await op.press("v")
        await op.sees(" · raw · ")
        assert shown(op)[0].startswith("H4sI")
        await op.press("v")
        await op.sees(" · hex · ")
        assert shown(op)[0].startswith("00000000  48 34 73 49")
        await op.press("v")
        await op.sees("Payload · base64 › gzip › JSON · ")

    operate(valkey.settings, play, size=(140, 40))


def test_the_title_names_the_other_readings_and_the_reason(valkey: Live) -> None:
    one(valkey, b'{"a": NaN}')

    async def play(op: Operator) -> None:
        await opened(op)
        title = "Payload · JSON · 10 B · tree · v pretty, raw, hex · it holds NaN, which JSON does not have · an object"
        assert title in op.text

    operate(valkey.settings, play, size=(200, 40))


def test_a_search_goes_through_the_reading_that_is_shown(valkey: Live) -> None:
    one(valkey, gzip.compress(b'{"customer": "cus_8812"}'))

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("slash", *"cus_88")
        await op.sees("1 of 1")
        await op.press("enter", "v", "v")
        await op.sees("gzip › text · ", "1 of 1")
        await op.press("v")
        await op.sees(" · raw · ", "no match")

    operate(valkey.settings, play)


def test_a_payload_of_one_view_says_so(valkey: Live) -> None:
    one(valkey, b"")

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("v")
        await op.sees("this payload can only be read as empty")

    operate(valkey.settings, play)


def test_a_bomb_is_one_sentence_and_its_bytes_are_a_key_away(valkey: Live) -> None:
    one(valkey, gzip.compress(bytes(70 * MEBIBYTE), compresslevel=1))

    async def play(op: Operator) -> None:
        await opened(op)
        assert shown(op)[0].startswith("gzip: more than 67.1 MB come out of ")
        await op.press("v", "v")
        await op.sees(" · hex · ")
        assert shown(op)[0].startswith("00000000  1f 8b 08")

    operate(valkey.settings, play)


TRACE = (
    "panic: out of range\ngoroutine 7 [running]:\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:860 +0x13a\n"
    "main.charge(...)\n\t/app/main.go:10"
)


def test_a_stack_trace_shows_the_programs_frames_and_a_key_shows_all(valkey: Live) -> None:
    one(valkey, b"{}", error_msg=TRACE)

    async def play(op: Operator) -> None:
        await opened(op)
        assert "Error · stack trace · v text · 1 of 2 frames are of Go's runtime or Asynq" in op.text
        assert shown(op, "#error")[2:5] == [
            "  … 1 frame of Go's runtime or Asynq",
            "main.charge(...)",
            "    /app/main.go:10",
        ]
        await op.press("shift+tab", "v")
        await op.sees("Error · text · v stack trace", "/usr/local/go/src/runtime/panic.go:860 +0x13a")
        await op.press("v")
        await op.sees("Error · stack trace")
        await op.press("tab", "v")
        await op.sees(" · pretty · ")

    operate(valkey.settings, play)
