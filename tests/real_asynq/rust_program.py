"""The Rust programs that drive the crates asynq (`tests/asynq_rust`) and asynqrs (`tests/asynqrs_rust`): building them,
and running their commands, which have the same names.
"""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from .program import UnavailableError, wait_until

SOURCES = Path(__file__).parents[1]


def build(folder: Path, sources: str) -> Path:
    """Build a program, unless another process has built it in this folder. Raises UnavailableError.

    In one folder both programs take the libraries that they share, which are most of them, from one build.
    """
    if shutil.which("cargo") is None:
        raise UnavailableError("cargo is missing")
    target = folder / "rust"
    with (folder / "rust.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["fetch"], ["build", "--quiet", "--offline"]):
            ended = subprocess.run(
                ["cargo", *command, "--locked"],
                cwd=SOURCES / sources,
                env={**os.environ, "CARGO_TARGET_DIR": str(target)},
                capture_output=True,
                text=True,
                check=False,
            )
            if ended.returncode and command == ["fetch"]:
                raise UnavailableError(f"the crate cannot be had: {ended.stderr.strip().splitlines()[-1]}")
            assert not ended.returncode, ended.stderr
    return target / "debug" / sources.replace("_", "-")


class AsynqRust:
    """A Rust crate at one Redis."""

    def __init__(self, program: Path, url: str) -> None:
        self._program = program
        self._url = url

    def __call__(self, command: str, *arguments: object, fails: str = "") -> None:
        """Run a command to its end; one that `fails` must say so in these words."""
        ended = subprocess.run(self._line(command, *arguments), capture_output=True, text=True, check=False)
        assert bool(ended.returncode) is bool(fails), ended.stderr
        assert fails in ended.stderr

    def work_off(self, queue: str) -> None:
        """Let a worker work until the queue has nothing pending or active any more."""
        with redis.Redis.from_url(self._url) as client, self._working(queue):
            lists = [f"asynq:{{{queue}}}:{name}" for name in ("pending", "active")]
            wait_until(lambda: not client.exists(*lists), "the worker to have done all")

    @contextmanager
    def _working(self, queue: str) -> Iterator[None]:
        line = self._line("work", queue)
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
            assert process.poll() is None, "the worker died"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()

    def _line(self, command: str, *arguments: object) -> list[str]:
        return [os.fspath(self._program), self._url, command, *map(str, arguments)]
