"""Stopped by ctrl+z and brought back, the terminal is as it should be each time; hung up, nothing stays."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from support.asynq_data import Asynq
from support.terminal import PATIENCE, Terminal, sane

from archive_tui.embedded.server import EmbeddedServer

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell with jobs")

SCREENS = "orphan scan"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with one queue and two archived tasks."""
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        asynq = Asynq(client)
        asynq.register("work")
        asynq.add("work", "one")
        asynq.add("work", "two")
        yield server.url


@pytest.fixture
def start() -> Iterator[Callable[..., Terminal]]:
    running: list[Terminal] = []

    def begin(*arguments: str, shell: bool = True) -> Terminal:
        terminal = Terminal(*arguments, shell=shell)
        running.append(terminal)
        return terminal

    yield begin
    for terminal in running:
        for process in terminal.programs():
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        terminal.close()


def until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, what()
        time.sleep(0.05)


def stop(terminal: Terminal) -> None:
    """Press ctrl+z, and see the shell take over."""
    terminal.type("\x1a")
    terminal.until(lambda: b"Stopped" in terminal.sent[-2000:], "the job is stopped")
    until(lambda: set(terminal.programs().values()) == {"T"}, terminal.programs)


def test_it_stops_and_comes_back_with_a_sane_terminal(start: Callable[..., Terminal], url: str) -> None:
    terminal = start("--url", url)
    terminal.sees(SCREENS)
    on_screens = terminal.settings
    stop(terminal)
    at_the_shell = terminal.settings
    assert at_the_shell != on_screens
    for _ in range(2):
        assert sane(terminal.sent)
        assert terminal.settings == at_the_shell
        terminal.type("fg\n")
        terminal.sees(SCREENS)
        terminal.until(lambda: terminal.settings == on_screens, "raw again")
        terminal.type("?")
        terminal.sees("Keys: Queues")
        terminal.type("\x1b")
        terminal.until(lambda: "Keys: Queues" not in terminal.text, "help closed")
        stop(terminal)
    terminal.type("fg\n")
    terminal.sees(SCREENS)
    terminal.type("q")
    terminal.until(lambda: not terminal.programs(), "ended")
    terminal.type("echo the shell is back\n")
    terminal.until(lambda: terminal.sent.count(b"the shell is back") >= 2, "echoed and said")
    assert sane(terminal.sent)


def test_in_the_background_it_stays_stopped_and_draws_nothing(start: Callable[..., Terminal], url: str) -> None:
    terminal = start("--url", url)
    terminal.sees(SCREENS)
    stop(terminal)
    (program,) = terminal.programs()
    os.kill(program, signal.SIGCONT)
    until(lambda: terminal.programs() != {program: "T"}, terminal.programs)
    until(lambda: terminal.programs() == {program: "T"}, terminal.programs)
    terminal.read()
    assert sane(terminal.sent)
    terminal.type("fg\n")
    terminal.sees(SCREENS)


def test_stopped_without_notice_it_draws_all_again(start: Callable[..., Terminal], url: str) -> None:
    terminal = start("--url", url)
    terminal.sees(SCREENS)
    (program,) = terminal.programs()
    os.kill(program, signal.SIGSTOP)
    terminal.until(lambda: b"Stopped" in terminal.sent, "the job is stopped")
    terminal.type("fg\n")
    before = len(terminal.sent)
    terminal.until(lambda: b"read-write" in terminal.sent[before:], "drawn again")
    terminal.type("?")
    terminal.sees("Keys: Queues")


def test_without_a_shell_it_does_not_stop(start: Callable[..., Terminal], url: str) -> None:
    terminal = start("--url", url, shell=False)
    terminal.sees(SCREENS)
    terminal.type("\x1a")
    terminal.sees("no shell to go back to")
    terminal.type("q")
    assert terminal.ended() == 0


def test_all_is_drawn_again_on_request(start: Callable[..., Terminal], url: str) -> None:
    terminal = start("--url", url, shell=False)
    terminal.sees(SCREENS)
    terminal.sees("work")
    os.write(terminal.master, b"")
    before = len(terminal.sent)
    terminal.type("\x0c")
    terminal.until(lambda: all(part in terminal.sent[before:] for part in (b"work", b"Archived", b"quit")), "all again")


FORMS = {
    "screens": ([], SCREENS),
    "delete": (["delete", "--archived", "--queue", "work"], "type"),
    "demo": (["demo"], SCREENS),
    "serve": (["demo", "--serve"], "serving until"),
}


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("form", FORMS)
def test_a_hangup_ends_every_form(
    start: Callable[..., Terminal], url: str, tmp_path: Path, form: str, stopped: bool
) -> None:
    arguments, seen = FORMS[form]
    terminal = start(*arguments, *(["--url", url] if form in {"screens", "delete"} else []))
    terminal.sees(seen)
    if stopped:
        stop(terminal)
    terminal.hang_up()
    until(lambda: not terminal.programs(), terminal.programs)


@pytest.mark.parametrize("order", [(signal.SIGHUP, signal.SIGCONT), (signal.SIGCONT, signal.SIGHUP)])
@pytest.mark.parametrize("form", ["screens", "serve"])
def test_a_signal_to_a_stopped_job_ends_it(
    start: Callable[..., Terminal], url: str, form: str, order: tuple[int, int]
) -> None:
    arguments, seen = FORMS[form]
    terminal = start(*arguments, *(["--url", url] if form == "screens" else []))
    terminal.sees(seen)
    stop(terminal)
    for number in order:
        for program in terminal.programs():
            os.kill(program, number)
    until(lambda: not terminal.programs(), terminal.programs)
    terminal.read()
    assert form == "serve" or sane(terminal.sent)
