"""The Go program that drives the real Asynq library (`tests/asynq_go`): building it, and running its commands."""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from .account import Account

VERSIONS = ("0.24.1", "0.25.1", "0.26.0")
SOURCES = Path(__file__).parents[1] / "asynq_go"
_PATIENCE = 90.0


class Library(NamedTuple):
    """One version of Asynq, and the program that was built against it."""

    version: str
    program: Path


class UnavailableError(Exception):
    """The library cannot be had here; the message says why."""


def build(version: str, folder: Path) -> Library:
    """Build the program against one version of the library, unless another process has built it in this folder."""
    modules = f"-modfile=asynq-{version}.mod"
    binary = folder / f"asynqreal-{version}"
    with (folder / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if binary.exists():
            return Library(version, binary)
        listed = _go("list", modules, "-deps", ".")
        if listed.returncode:
            raise UnavailableError(f"Asynq {version} cannot be had: {listed.stderr.strip().splitlines()[-1]}")
        built = _go("build", modules, "-o", str(binary), ".")
        assert not built.returncode, built.stderr
    return Library(version, binary)


def _go(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["go", *arguments], cwd=SOURCES, capture_output=True, text=True, check=False)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


class Asynq:
    """Real Asynq of one version at one Redis."""

    def __init__(self, library: Library, url: str) -> None:
        self._library = library
        self._url = url

    def at(self, url: str) -> "Asynq":
        """The same library at another Redis."""
        return Asynq(self._library, url)

    @property
    def forgets_what_workers_trim(self) -> bool:
        """Whether workers, and not only inspectors, leave orphans when they archive into a full archive."""
        return self._library.version == "0.24.1"

    def __call__(self, command: str, **flags: object) -> dict[str, Any]:
        """Run a command to its end and return what it says."""
        ended = subprocess.run(self._line(command, flags), capture_output=True, text=True, check=False)
        assert not ended.returncode, f"{ended.args}: {ended.stderr}"
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer

    def traffic(self, folder: Path, **flags: object) -> "Traffic":
        """A busy installation, for a `with`; its files go to a fresh folder."""
        files = {name: folder / name for name in ("stop-file", "ready-file", "account")}
        return Traffic(self._line("traffic", {"seconds": 0, **flags, **files}), folder)

    def scheduler(self, folder: Path, **flags: object) -> "Scheduler":
        """A scheduler with some entries, for a `with`; its files go to a fresh folder."""
        files = {"ready-file": folder / "ready", "unregister-file": folder / "unregister"}
        return Scheduler(self._line("schedule", {**flags, **files}), folder)

    def process(self, queue: str) -> Account:
        """Let workers succeed with every task of a queue that should still run."""
        return Account(self("process", queue=queue, run_delayed=True))

    def _line(self, command: str, flags: dict[str, object]) -> list[str]:
        given = [f"--{name.replace('_', '-')}={_flag(value)}" for name, value in flags.items()]
        return [os.fspath(self._library.program), "--redis", self._url, command, *given]


def _flag(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Traffic:
    """Clients, workers and an inspector that are busy for as long as the `with` lasts, or until `end`."""

    def __init__(self, line: list[str], folder: Path) -> None:
        self._line = line
        self._folder = folder

    def __enter__(self) -> Self:
        self._folder.mkdir()
        with (self._folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(self._line, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            self.wait_until((self._folder / "ready-file").exists, "the traffic to begin")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    @property
    def running(self) -> bool:
        """Whether the installation is still busy."""
        return self._process.poll() is None

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition for as long as the installation is busy."""
        wait_until(lambda: condition() or not self.running, what)
        assert self.running, self._said()

    def end(self) -> Account:
        """Let everybody finish what they are at, and hear what happened."""
        assert self.running, self._said()
        (self._folder / "stop-file").touch()
        assert self._process.wait(_PATIENCE) == 0, self._said()
        return Account(json.loads((self._folder / "account").read_bytes()))

    def _said(self) -> str:
        return (self._folder / "stderr").read_text()[-2000:]

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Scheduler:
    """A scheduler that enqueues for as long as the `with` lasts, or until it is stopped or killed."""

    def __init__(self, line: list[str], folder: Path) -> None:
        self._line = line
        self._folder = folder
        self.entries: list[str] = []
        """Ids of its entries, in the order in which they were registered."""

    def __enter__(self) -> Self:
        self._folder.mkdir()
        with (self._folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(self._line, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            wait_until((self._folder / "ready").exists, "the scheduler to begin")
        except BaseException:
            self.kill()
            raise
        self.entries = json.loads((self._folder / "ready").read_bytes())
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def unregister(self) -> None:
        """Take the first entry away."""
        (self._folder / "unregister").touch()
        wait_until(lambda: not (self._folder / "unregister").exists(), "the entry to be taken away")

    def stop(self) -> None:
        """Let it shut down."""
        self._process.terminate()
        assert self._process.wait(_PATIENCE) == 0, (self._folder / "stderr").read_text()[-2000:]

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()
