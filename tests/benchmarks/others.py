"""The programs of others, run as a user would run them: redis-cli, Asynq's library, Asynq's own command line."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import QUEUE
from gauges import Family

from archive_tui.asynq import keys

HERE = Path(__file__).parent
ASYNQ = "0.26.0"
_POLL = 0.01


class MissingError(Exception):
    """A tool that this machine does not have; the message says which."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended."""

    seconds: float
    cpu_seconds: float
    peak_mib: float | None
    output: str


def run(command: Sequence[str], environment: dict[str, str], *, keep: bool = False) -> Ended:
    """Run a program; what it prints goes nowhere, or is kept where it is asked for."""
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as kept:
        out: Any = kept if keep else subprocess.DEVNULL
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment)
        family = Family(process.pid)
        while True:
            family.look()
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(_POLL)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for here
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{Path(command[0]).name} failed:\n{errors.read()[-2000:]}")
        kept.seek(0)
        return Ended(seconds, usage.ru_utime + usage.ru_stime, family.peak_mib, kept.read())


def redis_cli(port: int) -> list[str]:
    """`redis-cli --scan` over all task data of the queue."""
    program = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if program is None:
        raise MissingError("neither redis-cli nor valkey-cli is installed")
    return [program, "-p", str(port), "--scan", "--pattern", keys.ASYNQ.tasks_pattern(QUEUE).decode()]


def headless(url: str) -> list[str]:
    """archive-tui's own scan without screens, as a whole program."""
    return [*archive_tui(), "scan", "--url", url, "--queue", QUEUE, "--pace", "full", "--json"]


def archive_tui() -> list[str]:
    """The console script, else the module."""
    script = Path(sys.executable).parent / "archive-tui"
    return [str(script)] if script.exists() else [sys.executable, "-m", "archive_tui"]


def asynq_program(folder: Path) -> Path:
    """The Go program of the tests, built against the newest pinned Asynq. Raises MissingError."""
    if shutil.which("go") is None:
        raise MissingError("Go is missing")
    sys.path.insert(0, str(HERE.parent))
    from real_asynq.program import UnavailableError, build

    try:
        return build(ASYNQ, folder).program
    except UnavailableError as reason:
        raise MissingError(str(reason)) from None


def asynq_task_ls(port: int, tasks: int) -> list[str]:
    """Asynq's own command line, with the whole archive on one page. Raises MissingError."""
    program = shutil.which("asynq")
    if program is None:
        raise MissingError(
            "no `asynq` on PATH: `go install github.com/hibiken/asynq/tools/asynq@latest` brings it. "
            "“Asynq lists the archive” makes the same calls of its library"
        )
    page = ["--queue", QUEUE, "--state", "archived", "--size", str(tasks)]
    return [program, "task", "ls", *page, "--uri", f"127.0.0.1:{port}"]


def answer(ended: Ended) -> dict[str, Any]:
    """What the Go program says."""
    said: dict[str, Any] = json.loads(ended.output)
    return said
