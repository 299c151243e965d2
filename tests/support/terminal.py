"""A running archive_tui on a pseudo-terminal, its bytes read as a terminal reads them."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte
from pyte.screens import Char

PATIENCE = 40.0
"""Seconds after which something that is waited for has failed to come about."""


class Terminal:
    """A running archive-tui with everything that it ever sent. Where the terminal is `controlling`, its end is told by
    a signal, as that of an SSH session is. With a `shell` it is started from one that has jobs.
    """

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (100, 30),
        controlling: bool = False,
        program: Sequence[str] = (),
        shell: bool = False,
        **environment: str,
    ) -> None:
        self.master, slave = pty.openpty()
        columns, lines = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.sent = b""
        self.emulator = pyte.Screen(columns, lines)
        """The screen, cell by cell, by what was read so far."""
        self._stream = pyte.ByteStream(self.emulator)
        self._drawn: str | None = None
        command = [*(program or (sys.executable, "-m", "archive_tui")), *arguments]
        if controlling or shell:  # a leader of a session gets the first terminal that it opens
            first = ["bash", "--norc", "--noediting", "-i"] if shell else command
            on_it = 'exec "$@" <{0} >{0} 2>{0}'.format(os.ttyname(slave))
            line, command = shlex.join(command), ["sh", "-c", on_it, "sh", *first]
        self.process = subprocess.Popen(
            command,
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TERM": "xterm-256color",
                 "LANG": "C.UTF-8", "PS1": "$ ", **environment},
        )  # fmt: skip
        os.close(slave)
        if shell:
            self.sees("$ ")
            self.type(f"{line}\n")

    def read(self) -> None:
        """Take what is there, and what comes in the moments after."""
        while self.read_part(0.02):
            pass

    def read_part(self, seconds: float) -> bool:
        """Take what comes next; False where nothing comes for some seconds, or the terminal is gone."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            part = os.read(self.master, 65536)
        except OSError:
            return False
        self.sent += part
        self._drawn = None
        with contextlib.suppress(Exception):  # pyte does not know every sequence that Textual asks about
            self._stream.feed(part)
        return bool(part)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        self.read()
        return self.drawn

    @property
    def drawn(self) -> str:
        """What stands on the screen by what was read so far."""
        if self._drawn is None:  # to compose it takes longer than to look whether something came
            self._drawn = "\n".join(self.emulator.display)
        return self._drawn

    def fill(self, cell: Char) -> None:
        """Have something else in every cell than what was drawn."""
        for line in range(self.emulator.lines):
            for column in range(self.emulator.columns):
                self.emulator.buffer[line][column] = cell
        self._drawn = None

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, f"{what} never came about:\n{self.text}"
            self.read()

    def sees(self, text: str) -> None:
        """Wait for a text on the screen."""
        self.until(lambda: text in self.text, text)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.emulator.resize(lines, columns)
        self._drawn = None
        self.process.send_signal(signal.SIGWINCH)  # the kernel tells it only where the terminal is a controlling one

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        give_up = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < give_up, self.text
            self.read()
        self.read()
        return self.process.returncode

    @property
    def settings(self) -> list[object]:
        """The settings of the terminal: whether it echoes what is typed, for instance."""
        return list(termios.tcgetattr(self.master))

    def programs(self) -> dict[int, str]:
        """The archive-tui that run in this session, with the state of each: T is stopped."""
        found: dict[int, str] = {}
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                command = (process / "cmdline").read_bytes()
                state, _, _, session = (process / "stat").read_text().rpartition(") ")[2].split()[:4]
                if int(session) == self.process.pid and b"archive_tui" in command and state != "Z":
                    found[int(process.name)] = state
        return found

    def hang_up(self) -> None:
        """The terminal goes, as at the end of an SSH session."""
        os.close(self.master)

    def close(self) -> None:
        """End it if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self.master)


def sane(sent: bytes) -> bool:
    """Whether the alternate screen was left, the cursor is shown again, and nothing was drawn after that."""
    if re.search(rb"\x1b\[[0-9;]*H", sent[sent.rfind(b"\x1b[?1049l") :]):
        return False
    return sent.rfind(b"\x1b[?1049l") > sent.rfind(b"\x1b[?1049h") and sent.rfind(b"\x1b[?25h") > sent.rfind(
        b"\x1b[?25l"
    )
