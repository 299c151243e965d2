"""Where a password comes from: an environment variable, the first line of a file, or that of what a program prints.

A file that others can read or write is refused as ssh refuses a private key (OpenSSH 9, `sshkey_perm_ok`): where it is
the user's own; whoever else owns it decides for themselves. Pipes, such as `<(pass show orders)`, are nobody's.
"""

import os
import selectors
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from archive_tui.errors import NotFoundError, UsageError
from archive_tui.settings.model import Secret
from archive_tui.text import line

COMMAND_PATIENCE = 60.0
"""Seconds that a program may take: it may have to ask somebody for a passphrase first."""

_LONGEST = 64 * 1024
"""Bytes that a program may print."""


def read_password_file(path: Path, *, what: str = "password") -> Secret:
    """Read a password, or what else it is, from the first line of a file. Raises NotFoundError or UsageError."""
    shown = line(str(path))
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            lines = file.read().decode().splitlines()
    except FileNotFoundError:
        raise NotFoundError(f"no {what} file {shown}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the {what} file {shown} cannot be read: {reason}") from None
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and status.st_mode & 0o077:
        raise UsageError(f"others can get at the {what} file {shown}: chmod 600 {shown}")
    if not lines or not lines[0]:
        raise UsageError(f"the {what} file {shown} is empty: put the {what} on its first line")
    return Secret(lines[0])


def read_password_variable(name: str, environment: Mapping[str, str], place: str) -> Secret:
    """Read a password from an environment variable; `place` says who names it. Raises UsageError."""
    if not (value := environment.get(name)):
        raise UsageError(f"{place} names the environment variable {line(name)}, which is not set")
    return Secret(value)


def run_password_command(command: Sequence[str], place: str, patience: float = COMMAND_PATIENCE) -> Secret:
    """Run a program, without a shell, and read the password from the first line that it prints. `place` says who names
    it. Nothing that it prints is repeated. Raises UsageError.
    """
    program = f"{line(Path(command[0]).name)} of {place}"
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise UsageError(f"{program} cannot be run: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{program} cannot be run: a word of it holds a null byte") from None
    try:
        printed = _printed(process, time.monotonic() + patience)
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
    if printed is None:
        raise UsageError(f"{program} was stopped: it gave no password within {patience:g} s")
    if len(printed) > _LONGEST:
        raise UsageError(f"{program} prints more than a password")
    if process.returncode != 0:
        ended = f"exit code {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        raise UsageError(f"{program} failed ({ended}): run it by hand to see why")
    try:
        first = printed.split(b"\n", 1)[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise UsageError(f"{program} prints what is not UTF-8 text") from None
    if not first:
        raise UsageError(f"{program} printed no password on its first line")
    return Secret(first)


def _printed(process: "subprocess.Popen[bytes]", until: float) -> bytes | None:
    """What a program prints until it ends, or more than `_LONGEST` bytes; None where it takes too long. A program that
    it left in the background, with the same output, is not waited for.
    """
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    printed = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        open_still = True
        while open_still and len(printed) <= _LONGEST:
            if (left := until - time.monotonic()) <= 0:
                return None
            if selector.select(min(left, _LOOK_EVERY)):
                piece = os.read(process.stdout.fileno(), _LONGEST)
                printed += piece
                open_still = bool(piece)
            elif process.poll() is not None:
                return printed
    if len(printed) > _LONGEST:
        return printed
    try:
        process.wait(max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        return None
    return printed


_LOOK_EVERY = 0.2
"""Seconds between two looks whether a program has ended whose output stays open."""
