"""A payload in the operator's own pager and editor, on a real terminal: the screens make way and come back."""

import contextlib
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from support.asynq_data import Asynq
from support.terminal import PATIENCE, Terminal, sane

from archive_tui.embedded.server import EmbeddedServer

PAYLOAD = b'{"customer": "cus_8812", "note": "\x1b]52;c;cHduZWQ=\x07"}'
"""With an escape sequence that writes the clipboard."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with one queue and one archived task."""
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        asynq = Asynq(client)
        asynq.register("work")
        asynq.add("work", "one", payload=PAYLOAD)
        yield server.url


@pytest.fixture
def outside(tmp_path: Path, url: str) -> Iterator[Callable[..., Terminal]]:
    """Starts the screens, opens the task, and presses the key."""
    running: list[Terminal] = []

    def begin(program: str, *, shell: bool = False, **environment: str) -> Terminal:
        script = tmp_path / "show"
        script.write_text(f"#!/bin/sh\n{program}\n")
        script.chmod(0o700)
        runtime = tmp_path / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        set_ = environment or {"PAGER": f"'{script}' --plain"}
        terminal = Terminal("--url", url, shell=shell, XDG_RUNTIME_DIR=str(runtime), **set_)
        running.append(terminal)
        terminal.sees("row 1 of 1")
        terminal.type("\r")
        terminal.sees("work ▸ archived")
        terminal.sees("row 1 of 1")
        terminal.type("\r")
        terminal.sees("cus_8812")
        terminal.type("o")
        return terminal

    yield begin
    for terminal in running:
        with contextlib.suppress(OSError):
            os.killpg(terminal.process.pid, signal.SIGKILL)
        terminal.close()


def copies(folder: Path) -> list[Path]:
    return list((folder / "run").glob("archive-tui-copy-*/*"))


def eventually(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def back(terminal: Terminal) -> None:
    """See the screens take the terminal again."""
    terminal.until(lambda: terminal.sent.count(b"\x1b[?1049h") == 2, "the other screen")
    terminal.sees("d delete")


READ = 'echo "arguments: $1"; cat "$2"; echo; sleep 0.6; echo "end of it"; read line'
"""A pager that somebody looks at for a while."""


def test_a_pager_has_the_terminal_until_it_ends(outside: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = outside(READ)
    terminal.sees("end of it")
    assert "arguments: --plain" in terminal.text
    assert '"customer": "cus_8812"' in terminal.text
    (copy,) = copies(tmp_path)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert b"\x1b]52" not in copy.read_bytes()
    assert b"\x1b]52" not in terminal.sent
    terminal.type("\n")
    back(terminal)
    eventually(lambda: not copies(tmp_path))
    assert not list((tmp_path / "run").iterdir())


def test_what_ends_at_once_stays_in_sight(outside: Callable[..., Terminal]) -> None:
    terminal = outside('cat "$2"')
    terminal.sees("enter goes back")
    assert "cus_8812" in terminal.text
    terminal.type("\n")
    back(terminal)


def test_ctrl_c_is_the_pagers(outside: Callable[..., Terminal]) -> None:
    terminal = outside("trap 'echo interrupted' INT; " + READ + "; read line; exit 3", shell=True)
    terminal.sees("end of it")
    terminal.type("\x03")
    terminal.sees("interrupted")
    terminal.type("\n\n")
    terminal.sees("show ended with exit code 3")


def test_stopped_and_brought_back_the_pager_goes_on(outside: Callable[..., Terminal]) -> None:
    terminal = outside(READ, shell=True)
    terminal.sees("end of it")
    terminal.type("\x1a")
    terminal.until(lambda: b"Stopped" in terminal.sent[-2000:], "the job is stopped")
    terminal.type("fg\n")
    eventually(lambda: "T" not in terminal.programs().values())
    terminal.type("\n")
    back(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_killed_meanwhile_nothing_stays(outside: Callable[..., Terminal], tmp_path: Path, number: int) -> None:
    terminal = outside(READ)
    terminal.sees("end of it")
    terminal.process.send_signal(number)
    assert terminal.ended() == 128 + number
    assert not list((tmp_path / "run").iterdir())
    assert sane(terminal.sent)


def test_what_a_killed_program_left_is_removed_by_the_next(outside: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = outside(READ)
    terminal.sees("end of it")
    terminal.process.kill()
    assert len(copies(tmp_path)) == 1
    terminal = outside(READ)
    terminal.sees("end of it")
    assert len(copies(tmp_path)) == 1


def test_an_editor_is_not_believed(outside: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = outside('echo changed >> "$1"', VISUAL=str(tmp_path / "show"))
    terminal.sees("changed in show, and not kept")


def test_a_program_that_is_not_there(outside: Callable[..., Terminal]) -> None:
    outside("", PAGER="no-such-pager -x").sees("PAGER names no-such-pager, and there is no such program")
