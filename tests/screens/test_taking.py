"""Taking a task along: what the menu copies, and the forms in which a payload and a list are saved."""

import csv
import json
import os
import shlex
import stat
import subprocess
from pathlib import Path

import msgpack
import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live
from textual.widgets import OptionList

from archive_tui.errors import UsageError
from archive_tui.outside.programs import Program, viewers
from archive_tui.settings.model import Secret, Settings, Tls
from archive_tui.settings.redis_cli import redis_cli
from archive_tui.tui.task import copies

SECRET = b'{"user": {"id": 9007199254740993}, "password": "hunter22", "note": "=1+1"}'


async def opened(op: Operator) -> None:
    await op.tasks("q")
    await op.task()


async def copied(op: Operator, title: str) -> str:
    """Choose from the menu, and see what was sent."""
    await op.press("Y")
    await op.arrives("ChoiceDialog")
    titles = [str(option.prompt).strip() for option in op.app.screen.query_one(OptionList).options]
    await op.press(*["down"] * next(number for number, one in enumerate(titles) if one.startswith(title)))
    await op.press("enter")
    return op.app.clipboard


def test_the_menu_copies_what_is_shown_and_a_line_that_prints_the_message(valkey: Live) -> None:
    task_id = "it's; rm -rf ~ \x1b[2J\n$(x)"
    valkey.asynq.register("q")
    valkey.asynq.add("q", task_id, payload=SECRET, error_msg="refused")

    async def play(op: Operator) -> None:
        await opened(op)
        shown = await copied(op, "payload, as it is shown")
        assert json.loads(shown)["user"] == {"id": 9007199254740993}
        assert "hunter22" not in shown
        assert "hunter22" not in await copied(op, "payload, as it was sent")
        assert await copied(op, "error") == "refused"
        assert await copied(op, "id") == task_id
        line = await copied(op, "redis-cli line")
        assert line.isprintable()
        assert line.startswith(f"redis-cli -s {valkey.settings.socket} HGET $'asynq:{{q}}:t:it\\'s; rm -rf ~ \\x1b[2J")
        lines.append(line)

    lines: list[str] = []
    operate(valkey.settings, play, size=(120, 40))
    shell = f'redis-cli() {{ printf "%s\\0" "$@"; }}; {lines[0]}'
    echoed = subprocess.run(["bash", "-c", shell], capture_output=True, check=True)
    assert echoed.stdout.split(b"\0")[-3:-1] == [f"asynq:{{q}}:t:{task_id}".encode(), b"msg"]


def test_the_node_under_the_cursor_is_copied_and_its_path_filters(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "it", payload=SECRET)

    async def play(op: Operator) -> None:
        await opened(op)
        assert await copied(op, "path under the cursor") == "payload.user"
        assert json.loads(await copied(op, "value under the cursor")) == {"id": 9007199254740993}
        await op.press("down")
        assert await copied(op, "value under the cursor") == "9007199254740993"
        assert await copied(op, "path under the cursor") == "payload.user.id"
        await op.press("q", "slash", *"payload.user.id=9007199254740993", "enter")
        await op.sees("1 of 1")
        await op.task()
        await op.press("down", "down")
        assert "hunter22" not in await copied(op, "value under the cursor")

    operate(valkey.settings, play, size=(120, 40))


def test_what_a_clipboard_cannot_take_is_not_written_out(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_SURELY_TOO_MUCH", 100)
    monkeypatch.setattr(copies, "_MOST_NODES", 20)
    valkey.asynq.register("q")
    valkey.asynq.add("q", "it", payload=json.dumps({"few": [1, 2], "many": [*range(100)]}).encode())

    async def play(op: Operator) -> None:
        await opened(op)
        assert json.loads(await copied(op, "value under the cursor")) == [1, 2]
        await op.press("left", "down")
        await copied(op, "value under the cursor")
        await op.hears("it holds too much for a terminal's clipboard")

    operate(valkey.settings, play, size=(120, 40))


def test_bytes_that_are_no_text_are_saved_not_copied(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", b"nul\0", payload=bytes(range(256)))

    async def play(op: Operator) -> None:
        await opened(op)
        await copied(op, "payload, as it was sent")
        await op.hears("it is no text: e saves its bytes")
        await copied(op, "redis-cli line")
        await op.hears("its id holds a NUL")

    operate(valkey.settings, play, size=(120, 40))


def test_a_payload_is_saved_decoded(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    valkey.asynq.register("q")
    valkey.asynq.add("q", "packed", payload=msgpack.packb({"id": 7, "tags": ["a"]}), score=NOW)
    valkey.asynq.add("q", "secret", payload=SECRET, score=NOW - 1)

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("e")
        await op.arrives("SaveDialog")
        assert "packed.bin" in op.dialog
        await op.press("down")
        await op.until(lambda: "packed.json" in op.dialog, "another ending")
        await op.press("enter")
        await op.hears("saved ")
        await op.press("n")
        await op.sees("2 of 2", "Payload · JSON")
        await op.press("e", "down")
        await op.until(lambda: "secret.json" in op.dialog, "the form")
        await op.press("enter")
        await op.until((tmp_path / "secret.json").exists, "the file")
        await op.press("e")
        await op.arrives("SaveDialog")
        assert "It holds what is masked here, too." in " ".join(op.dialog.split())
        await op.press("ctrl+u")
        await op.type("truth")
        await op.press("enter")
        await op.until((tmp_path / "truth").exists, "the bytes")

    operate(valkey.settings, play, size=(120, 40))
    assert json.loads((tmp_path / "packed.json").read_text()) == {"id": 7, "tags": ["a"]}
    decoded = (tmp_path / "secret.json").read_text()
    assert '"id": 9007199254740993' in decoded
    assert "hunter22" not in decoded
    assert (tmp_path / "truth").read_bytes() == SECRET
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())


def test_a_list_is_exported_in_forms_for_other_programs(
    valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    valkey.asynq.register("q")
    for number in range(3):
        valkey.asynq.add("q", f"t{number}", payload=SECRET, error_msg="=refused", score=NOW - number)

    async def play(op: Operator) -> None:
        await op.tasks("q")
        for keys, ending in (["down"], ".jsonl"), (["up"], ".csv"):
            await op.press("e")
            await op.arrives("SaveDialog")
            await op.press(*keys)
            await op.until(lambda ending=ending: ending in op.dialog, ending)
            assert "Cannot be restored" in op.dialog
            await op.press("ctrl+u")
            await op.type(f"out{ending}")
            await op.press("enter")
            await op.arrives("ReportDialog")
            assert "Exported 3 of 3 tasks" in op.text
            assert "this file cannot be restored" in op.dialog
            await op.press("escape")

    operate(valkey.settings, play, size=(120, 40))
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["t0", "t1", "t2"]
    assert lines[0]["decoded"]["value"]["user"] == {"id": 9007199254740993}
    assert lines[0]["decoded"]["masked"] == ["password"]
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows[0][0] == "queue"
    assert {"id", "type", "error"} <= set(rows[0])
    assert rows[1][rows[0].index("error")] == "'=refused"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())


def test_the_line_has_every_flag_and_no_password() -> None:
    tls = Tls(ca_file="/etc/my ca.pem", cert_file="/c.pem", server_name="redis.internal", verify=False)
    settings = Settings(host="10.0.0.7", port=6380, database=2, username="ada", password=Secret("hunter22"), tls=tls)
    line = redis_cli(settings, [b"HGET", b"asynq:{q}:t:1", b"msg"], cluster=True)
    assert line is not None
    assert shlex.split(line) == [
        "redis-cli", "-h", "10.0.0.7", "-p", "6380", "-n", "2", "--tls", "--cacert", "/etc/my ca.pem", "--cert",
        "/c.pem", "--key", "/c.pem", "--sni", "redis.internal", "--insecure", "--user", "ada", "--askpass", "-c",
        "HGET", "asynq:{q}:t:1", "msg",
    ]  # fmt: skip
    assert "hunter22" not in line


@pytest.mark.parametrize(("keys", "program"), [(["enter"], "pager"), (["down", "enter"], "editor"), (["escape"], "")])
def test_what_is_shown_opens_in_pager_or_editor(
    valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str], program: str
) -> None:
    """Both are set: it asks. What another program sees is what the screen shows: masked, and no escape sequence."""
    for name in ("pager", "editor"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\ncp "$2" "{tmp_path}/seen-{name}"; basename "$2" > "{tmp_path}/name"\n')
        script.chmod(0o700)
        monkeypatch.setenv("PAGER" if name == "pager" else "VISUAL", f"'{script}' --flag")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    valkey.asynq.register("q")
    valkey.asynq.add("q", "../it", payload=SECRET, error_msg="boom \x1b]52;c;x\x07")

    async def play(op: Operator) -> None:
        await opened(op)
        await op.press("shift+tab")
        await op.press("o")
        await op.arrives("ChoiceDialog")
        await op.press(*keys)
        if program:
            await op.until((tmp_path / "name").exists, "another program saw it")
        await op.arrives("ArchivedTaskScreen")

    operate(valkey.settings, play, size=(100, 30))
    seen = [path.read_text() for path in tmp_path.glob("seen-*")]
    assert seen == (["boom ␛]52;c;x␇\n"] if program else [])
    if program:
        assert (tmp_path / f"seen-{program}").exists()
        assert (tmp_path / "name").read_text() == "_it.txt\n"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PAGER": "no-such-pager"}, "PAGER names no-such-pager, and there is no such program"),
        ({"EDITOR": "vi 'unclosed"}, "EDITOR is “vi 'unclosed”: a quote in it is not closed"),
        ({"PATH": "/nowhere"}, "there is neither less nor more here: set PAGER or EDITOR"),
    ],
)
def test_programs_that_cannot_be_used_are_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        viewers({"PATH": os.environ["PATH"], **environment})
    assert str(refused.value).startswith(said)


def test_editors_are_asked_to_show_only() -> None:
    assert Program(("/usr/bin/vim",), edits=True).read_only == ("/usr/bin/vim", "-R")
    assert Program(("/usr/bin/nano", "-v"), edits=True).read_only == ("/usr/bin/nano", "-v")
    assert Program(("/usr/bin/code", "--wait"), edits=True).read_only == ("/usr/bin/code", "--wait")
    assert Program(("/usr/bin/less",)).read_only == ("/usr/bin/less",)
