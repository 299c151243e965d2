"""How long it takes to start: programs as a shell starts them, screens on a terminal of our own."""

import contextlib
import fcntl
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from installation import Installation
from others import archive_tui, run

OTHER = ", other version"
"""What the name of a start ends with that is another version's."""

Taken = dict[str, float]
"""What one start took: `seconds`, and `cpu_seconds` where that is known."""

_PATIENCE = 60.0
_ROWS, _COLUMNS = 40, 140
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^X].*?(?:\x07|\x1b\\)|[()#][0-9A-Za-z]|.)", re.DOTALL)
_FIRST_QUEUE = b"/9,999"
"""What stands on the terminal as soon as a queue does: how full its archive is."""


def measure(url: str, environment: dict[str, str], times: int, against: Installation | None = None) -> dict[str, Any]:
    """Medians in seconds, everything in turn so that a busy moment of the machine hits all alike."""
    python = [sys.executable, "-c"]
    starts: dict[str, Callable[[], Taken]] = {
        "importing click": lambda: _run([*python, "import click"], environment),
        "--version": lambda: _run([*archive_tui(), "--version"], environment),
        "importing textual.app and redis": lambda: _run([*python, "import textual.app, redis"], environment),
        "first queues on screen": lambda: _until_queues([*archive_tui(), "--url", url], environment),
    }
    if against is not None:
        program = against.program
        starts |= {
            f"--version{OTHER}": lambda: _run([*program, "--version"], environment),
            f"first queues on screen{OTHER}": lambda: _until_queues([*program, "--url", url], environment),
        }
    for start in starts.values():
        start()  # what Python compiles the first time counts for nobody
    taken: dict[str, list[Taken]] = {name: [] for name in starts}
    for _ in range(times):
        for name, start in starts.items():
            taken[name].append(start())
    return {
        name: {"seconds": statistics.median(run["seconds"] for run in runs), "runs": runs}
        for name, runs in taken.items()
    }


def _run(command: list[str], environment: dict[str, str]) -> Taken:
    ended = run(command, environment)
    return {"seconds": ended.seconds, "cpu_seconds": ended.cpu_seconds}


def _until_queues(command: list[str], environment: dict[str, str]) -> Taken:
    """From the start of the program until the terminal has shown a queue."""
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=far, stdout=far, stderr=far, start_new_session=True,
        env=environment | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )  # fmt: skip
    os.close(far)
    try:
        shown = b""
        while _FIRST_QUEUE not in _ESCAPES.sub(b"", shown):
            ready, _, _ = select.select([near], [], [], _PATIENCE)
            piece = os.read(near, 65_536) if ready else b""
            if not piece:
                raise RuntimeError(f"no queue on screen after {_PATIENCE:.0f} s: {_ESCAPES.sub(b'', shown)[-500:]!r}")
            shown += piece
        return {"seconds": time.perf_counter() - began} | _cpu(process.pid)
    finally:
        _end(process, near)


def _cpu(pid: int) -> Taken:
    """The processor time that a process has taken so far, where the system tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return {}
    return {"cpu_seconds": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")}


def _end(process: "subprocess.Popen[bytes]", near: int) -> None:
    """End the screens as a person would, taking what they still say."""
    with contextlib.suppress(OSError):
        os.write(near, b"\x03")
        while select.select([near], [], [], 10)[0] and os.read(near, 65_536):
            pass
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()
    os.close(near)
