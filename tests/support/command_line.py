"""The command line as the tests meet it: how it ended, what it printed, its audit and journals."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from support.servers import Live


@dataclass
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(one) for one in self.out.splitlines()]

    @property
    def complaint(self) -> str:
        """The one line that a failure says, and it says it on stderr."""
        assert self.out == b""
        (line,) = self.err.splitlines()
        assert line.startswith("archive-tui: ")
        assert line.isprintable()
        return line.removeprefix("archive-tui: ")


Command = Callable[..., Ended]


def finish(started: "subprocess.Popen[bytes]") -> Ended:
    out, err = started.communicate(timeout=30)
    return Ended(started.returncode, out, err.decode())


def at(live: Live, command: str, *arguments: str) -> list[str]:
    return [command, "--url", live.url, *arguments]


def audit() -> list[Any]:
    """What the audit says."""
    file = Path(platformdirs.user_state_dir("archive-tui")) / "audit.jsonl"
    return [json.loads(one) for one in file.read_text().splitlines()] if file.exists() else []


def journals() -> list[str]:
    """The files of journals."""
    return [str(one) for one in (Path(platformdirs.user_state_dir("archive-tui")) / "journal").glob("*.journal.gz")]
