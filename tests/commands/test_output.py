"""Standard output of every command: closed, cut off, not UTF-8, and safe for a terminal."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import Command, at, finish
from support.servers import Live


@pytest.fixture
def talkative(valkey: Live) -> Live:
    """An installation about which there is a lot to print."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(1500)], referenced=False, error_msg="x" * 500)
    return valkey


@pytest.mark.parametrize(
    ("arguments", "reads"),
    [
        (["scan", "--ndjson", "--pace", "full"], 10),
        (["list", "q", "--ndjson"], 10),
        (["scan", "--json"], 0),
        (["queues"], 0),
        (["show", "q", "huge"], 10),
    ],
    ids=["ndjson", "list", "json", "queues", "show"],
)
def test_who_reads_no_further_is_no_error(
    talkative: Live, process: Callable[..., "subprocess.Popen[bytes]"], arguments: list[str], reads: int
) -> None:
    talkative.asynq.add("q", "huge", payload=b"line\n" * 100_000)
    started = process(*arguments, "--url", talkative.url)
    assert started.stdout is not None
    if reads:
        assert started.stdout.read(reads)
    started.stdout.close()
    assert started.stderr is not None
    with started.stderr:
        assert started.stderr.read() == b""
    assert started.wait(30) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["queues"], ["scan", "--ndjson"], ["list", "q"]], ids=" ".join)
def test_a_full_disk_is_said_to_be_that_of_the_output(talkative: Live, arguments: list[str]) -> None:
    talkative.asynq.add("q", "one")
    command = [sys.executable, "-m", "archive_tui", *arguments, "--url", talkative.url]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["archive-tui: standard output cannot be written: No space left on device"]


@pytest.mark.parametrize("command", [["scan", "--ndjson"], ["show", "--json", "q", "one"]])
def test_json_sends_a_terminal_nothing_that_it_obeys(any_server: Live, cli: Command, command: list[str]) -> None:
    error = "\x9b31m\x9d0;title\x9c \u202e"
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False, error_msg=error)
    ended = cli(*at(any_server, *command))
    shown = ended.json if ended.text.count("\n") == 1 else None
    assert shown is not None
    assert error in (shown.get("error"), (shown.get("message") or {}).get("error"))
    assert not any(sign in ended.text for sign in "\x9b\x9d\x9c\u202e")


@pytest.mark.parametrize("arguments", [["queues"], ["scan", "--ndjson"], ["show", "q", "one"]], ids=" ".join)
def test_a_terminal_that_is_not_utf8_is_no_reason_to_fail(
    valkey: Live, process: Callable[..., "subprocess.Popen[bytes]"], arguments: list[str]
) -> None:
    valkey.asynq.register("q", "grüße")
    valkey.asynq.add("q", "one", referenced=False, error_msg="größer \x1b €")
    ended = finish(process(*arguments, "--url", valkey.url, env={"PYTHONIOENCODING": "ascii"}))
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("command", [["queues"], ["scan", "--json"], ["show", "q", "one"]], ids=" ".join)
def test_a_closed_error_output_is_no_reason_to_fail(valkey: Live, command: list[str]) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one")
    ended = closed("2>&-", *command, "--url", valkey.url)
    assert ended.returncode == 0
    assert b"q" in ended.stdout


@pytest.mark.parametrize("outputs", [">&-", ">&- 2>&-"], ids=["output", "both"])
def test_a_closed_output_is_a_failure_in_one_line(valkey: Live, outputs: str) -> None:
    ended = closed(outputs, "queues", "--url", valkey.url)
    told = b"archive-tui: there is no standard output to write to\n" if "2" not in outputs else b""
    assert (ended.returncode, ended.stderr) == (2, told)


def closed(outputs: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """The console script, run by a shell that closes some of its outputs."""
    script = str(Path(sys.executable).parent / "archive-tui")
    command = ["sh", "-c", f'"$0" "$@" {outputs}', script, *arguments]
    return subprocess.run(command, check=False, capture_output=True, timeout=60)
