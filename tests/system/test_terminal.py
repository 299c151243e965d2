"""The program as it really runs: a process of its own on a pseudo-terminal, its bytes read as a terminal reads them."""

import fcntl
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from support.terminal import PATIENCE, Terminal, sane

from archive_tui.demo.hostile import ERRORS, IDS, TYPES
from archive_tui.embedded.server import EmbeddedServer
from archive_tui.text import encode


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with one queue in which everything is hostile, in the archive and as orphans."""
    from archive_tui.asynq import message
    from archive_tui.asynq.keys import ASYNQ
    from archive_tui.asynq.message import TaskMessage
    from archive_tui.asynq.states import State

    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        client.sadd(ASYNQ.queues, "q")
        for number, task_id in enumerate(IDS):
            name = task_id if isinstance(task_id, bytes) else encode(task_id)
            raw = message.encode(
                TaskMessage(
                    id=name.decode("utf-8", "replace"), queue="q", type=TYPES[number % len(TYPES)],
                    error_msg=ERRORS[number % len(ERRORS)], payload=b"\x1b]52;c;aGk=\x07 [/x] [@click=app.quit]x[/]",
                )
            )  # fmt: skip
            for key, indexed in ((name, True), (b"lost " + name, False)):
                client.hset(ASYNQ.task("q", key), mapping={"msg": raw, "state": "archived"})
                if indexed:
                    client.zadd(ASYNQ.index("q", State.ARCHIVED), {key: 1_700_000_000 + number})
        yield server.url


@pytest.fixture
def start(url: str) -> Iterator[Callable[..., Terminal]]:
    running: list[Terminal] = []

    def begin(*arguments: str, **options: Any) -> Terminal:
        terminal = Terminal("--url", url, *arguments, **options)
        running.append(terminal)
        return terminal

    yield begin
    for terminal in running:
        terminal.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_politely(start: Callable[..., Terminal], number: int, code: int) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    terminal.process.send_signal(number)
    assert terminal.ended() == code
    assert sane(terminal.sent)


def test_ctrl_c_interrupts(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    terminal.type("\x03")
    assert terminal.ended() == 130
    assert sane(terminal.sent)


def test_it_ends_when_the_terminal_goes(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    os.close(terminal.master)
    assert terminal.process.wait(PATIENCE) != 0


def stand_still(terminal: Terminal) -> None:
    """Read nothing of what it draws, as a link that stalls, until the terminal takes no more."""

    def unread() -> int:
        """Bytes that wait to be read."""
        return int.from_bytes(fcntl.ioctl(terminal.master, termios.FIONREAD, bytes(4)), sys.byteorder)

    give_up = time.monotonic() + PATIENCE
    before, since = unread(), time.monotonic()
    while time.monotonic() - since < 1:
        assert time.monotonic() < give_up, "it never stood still"
        terminal.type("?\x1b")
        time.sleep(0.05)
        if (now := unread()) != before:
            before, since = now, time.monotonic()


def test_keys_are_obeyed_while_the_terminal_stands_still(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    stand_still(terminal)

    def worked() -> int:
        """The processor time of the loop of the screens, in ticks."""
        stat = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[11])

    before, give_up = worked(), time.monotonic() + PATIENCE
    while worked() < before + 20:
        assert time.monotonic() < give_up, "the loop stands still as well"
        terminal.type("?\x1b")
        time.sleep(0.05)
    terminal.type("\x1b\r?")
    terminal.sees("Keys: Archived tasks")


@pytest.mark.parametrize(("how", "code"), [("it goes", 129), ("SIGTERM", 143)])
def test_it_ends_while_its_terminal_stands_still(start: Callable[..., Terminal], how: str, code: int) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    stand_still(terminal)
    if how == "it goes":
        os.close(terminal.master)
    else:
        terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(PATIENCE) == code


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "xterm"}, {"TERM": "linux"}])
def test_it_runs_on_poor_terminals(start: Callable[..., Terminal], environment: dict[str, str]) -> None:
    terminal = start(**environment)
    terminal.sees("orphan scan")
    terminal.type("q")
    assert terminal.ended() == 0


def test_a_small_terminal_is_enough(start: Callable[..., Terminal]) -> None:
    terminal = start(size=(60, 15))
    terminal.sees(f"{len(IDS)}/9,999")
    terminal.type("\r")
    terminal.sees("markup")
    terminal.sees(f"row 1 of {len(IDS)}")
    terminal.type("\r")
    terminal.sees("tab: payload")
    terminal.type("\t")
    terminal.sees("Payload")
    terminal.type("q")
    terminal.sees("Died")
    terminal.type("\x04")
    terminal.sees("Cancel")


def test_without_a_terminal_it_points_to_the_commands(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "archive_tui", "--url", url],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert "archive-tui queues" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("to", ["/dev/null", "&-"])
def test_screens_that_nobody_would_see_are_refused(url: str, to: str) -> None:
    """Textual draws on stderr: with that in a file, the terminal stayed dark and took keys."""
    master, slave = pty.openpty()
    try:
        command = f"exec {shlex.quote(sys.executable)} -m archive_tui --url {shlex.quote(url)} 2>{to}"
        code = subprocess.run(
            ["sh", "-c", command], stdin=slave, stdout=slave, timeout=PATIENCE, check=False
        ).returncode
        assert code == 2
    finally:
        os.close(slave)
        os.close(master)


def test_a_dumb_terminal_is_refused(start: Callable[..., Terminal]) -> None:
    terminal = start(TERM="dumb")
    assert terminal.ended() == 2
    assert "archive-tui queues" in terminal.text.replace("\n", "")


def test_the_password_shows_nowhere(tmp_path: Path) -> None:
    secret = "correct horse battery"
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "another")
        password = tmp_path / "password"
        password.touch(mode=0o600)
        password.write_text(secret)
        terminal = Terminal("--url", server.url, "--password-file", str(password))
        try:
            shown = Path(f"/proc/{terminal.process.pid}/cmdline").read_bytes()
            assert terminal.ended() == 3
            assert secret.encode() not in shown
            assert secret not in terminal.text
            assert "refused this user and password" in terminal.text.replace("\n", "")
        finally:
            terminal.close()


@pytest.mark.parametrize(
    ("packet", "typed"),
    [
        ("/abx\x7fc", "abc"),
        ("/abc\x15def", "def"),
        ("/bc\x1b[Ha\x1b[Fd", "abcd"),
        ("/abc\x1b/x\x1b[Dy", "yx"),
        ("/old\x1b/new", "new"),
    ],
)
def test_keys_in_one_packet_act_in_their_order(start: Callable[..., Terminal], packet: str, typed: str) -> None:
    terminal = start()
    terminal.sees("orphan scan")
    terminal.type(packet)
    terminal.until(lambda: f"/ {typed} " in terminal.text, typed)


MOUSE_MODES = re.compile(rb"\x1b\[\?(?:9|100[0-3]|1005|1006|1015|1016)h")


def test_the_footer_is_clicked_on_a_terminal_with_a_mouse() -> None:
    terminal = Terminal("demo", "--mouse", "--quiet-workers", size=(100, 30))
    try:
        terminal.sees("? help")
        assert MOUSE_MODES.search(terminal.sent)
        lines = terminal.text.splitlines()
        row = next(number for number, line in enumerate(lines, 1) if "? help" in line)
        column = lines[row - 1].index("? help") + 2
        terminal.type(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
        terminal.sees("Keys: Queues")
        terminal.type("\x11")
        assert terminal.ended() == 0
        last = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", terminal.sent))
        assert b"h" not in {last[mode] for mode in (b"1000", b"1003", b"1006")}  # the shell has no use for it
    finally:
        terminal.close()


def test_no_mouse_mode_is_ever_switched_on_without_being_asked_for() -> None:
    terminal = Terminal("demo", "--quiet-workers", size=(100, 30), shell=True)
    try:
        terminal.sees("critical")
        for keys, seen in (
            ("?", "Keys: Queues"),
            ("\x1b\r", "9,999 of 9,999"),
            ("\r", "Payload"),
            ("\x1a", "Stopped"),
            ("fg\r", "Payload"),
            ("q", "Died"),
        ):
            terminal.type(keys)
            terminal.sees(seen)
        assert MOUSE_MODES.search(terminal.sent) is None
        assert b"\x1b]22;" not in terminal.sent  # the shape of its pointer
    finally:
        terminal.type("\x03")
        terminal.close()


def test_without_a_server_one_chooses(home: Path) -> None:
    file = home / ".config" / "archive-tui" / "config.toml"
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        client.sadd("asynq:queues", "work")
        file.write_text(f'[orders]\nurl = "{server.url}"\nproduction = true\n')
        terminal = Terminal(HOME=str(home))
        try:
            terminal.sees("Where to?")
            terminal.sees("ORDERS")
            terminal.type("\r")
            terminal.sees("work")
            terminal.type("\x0f")
            terminal.sees("open now")
            terminal.type("\x11")
            assert terminal.ended() == 0
        finally:
            terminal.close()
