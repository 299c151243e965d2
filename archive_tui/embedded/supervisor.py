"""The supervisor of the embedded server: starts it, waits until nobody needs it, and removes every trace of it.

A program of its own, run as `python supervisor.py SERVER-BINARY PARENT-DIRECTORY [DUMP KEEP]` by
`archive_tui.embedded.server`; it needs the standard library alone. The server begins with what the file DUMP holds, of
which it gets a link and never the file. KEEP is 1 for a server that can keep what has expired since, else 0.

Standard input is a pipe whose other end only the program holds: however that ends, be it by SIGKILL, the pipe ends with
it. In a session of its own the supervisor hears neither ctrl+c nor the terminal hanging up.

Standard output carries one answer, `ready <path of the socket>` or `failed <reason>`, and is closed after it. While a
dump is loaded, lines with `loading <percent>` stand before it, and then one with `dropped <number of expired keys>`.

A supervisor that is killed itself, with the program, cleans up nothing: the next one removes what it finds of it. A
directory belongs to a running supervisor as long as that holds the lock on a file in it.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DIRECTORY_PREFIX = "archive-tui-"
SOCKET_NAME = "valkey.sock"
_LOG_NAME = "valkey.log"
_LOCK_NAME = "supervisor.lock"
_PATIENCE = 10.0
"""Seconds that the server may take to answer."""
_LOOK_EVERY = 0.01
"""Seconds between two questions whether the server answers."""
_TELL_EVERY = 0.25
"""Seconds between two questions how far it has loaded: each holds it up."""
_DUMP_NAME = "dump.rdb"
_PR_SET_PDEATHSIG = 1


class Ending:
    """Waits for whatever ends the server's time: the program is gone, a signal asks us to stop, or the server has died.

    A signal only wakes the wait, it never interrupts the work, so that cleaning up is always done to its end.
    """

    def __init__(self) -> None:
        self._woken, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait, for ever or for some seconds; True when the end has come."""
        ready, _, _ = select.select([sys.stdin.fileno(), self._woken], [], [], seconds)
        return bool(ready)

    def wait_with(self, server: "subprocess.Popen[bytes]") -> None:
        """Wait for the end. A server that is only held, as by SIGSTOP, sends SIGCHLD as well, and goes on later."""
        while self.wait():
            try:
                signals = set(os.read(self._woken, 1024))
            except BlockingIOError:
                return  # no signal: the program is gone
            if signals != {signal.SIGCHLD} or server.poll() is not None:
                return


def main() -> int:
    """Keep one server from start to end; the exit code is 1 where it did not start."""
    binary, parent, *dump = sys.argv[1:]
    ending = Ending()
    _remove_abandoned(Path(parent))
    directory = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX, dir=parent))
    server = None
    try:
        _lock(directory)
        server = _start(binary, directory, _loading(directory, *dump) if dump else {})
        failure = _await_answer(directory, ending)
        if dump and not failure:
            _tell(f"dropped {_fact(directory / SOCKET_NAME, b'rdb_last_load_keys_expired')}\n")
        _tell(f"failed {failure}" if failure else f"ready {directory / SOCKET_NAME}", last=True)
        if not failure:
            ending.wait_with(server)
        return 1 if failure else 0
    except OSError as error:
        _tell(f"failed {error}", last=True)
        return 1
    finally:
        if server is not None:
            server.kill()  # it has nothing to save
            server.wait()
        _remove(directory)


def _lock(directory: Path) -> None:
    """Lock a directory for as long as we live. The file gets its name with the lock on it: nobody takes it before."""
    unnamed = directory / f"{_LOCK_NAME}.new"
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(directory / _LOCK_NAME)


def _remove_abandoned(parent: Path) -> None:
    """Remove our user's directories whose supervisor was killed, and a server that outlived it."""
    for lock in parent.glob(f"{DIRECTORY_PREFIX}*/{_LOCK_NAME}"):
        with contextlib.suppress(OSError):  # another user's, or gone a moment ago
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                ours = os.fstat(descriptor).st_uid == os.getuid() == lock.parent.lstat().st_uid
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if ours:
                    _exchange(lock.parent / SOCKET_NAME, b"SHUTDOWN NOSAVE\r\n")
                    _remove(lock.parent)
            finally:
                os.close(descriptor)


def _remove(directory: Path) -> None:
    """Remove a directory, also where somebody is writing a last file into it."""
    for _ in range(20):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.05)


def _loading(directory: Path, dump: str, keep: str) -> dict[str, str]:
    """Lay out a directory so that a server begins with a dump, and return the options for that.

    A server that loads a dump as such leaves out what has expired since. Loaded as the base of an append-only file
    everything is there, and a Valkey in import mode (8.1 and newer) neither deletes what has expired nor hides it from
    a client that says `CLIENT IMPORT-SOURCE ON`. Seen with Valkey 8.1.8 and 9.1.2. `aof-load-truncated` must be off:
    with it a server cuts a file that it cannot read to its end.
    """
    if keep != "1":
        (directory / _DUMP_NAME).symlink_to(dump)
        return {"dbfilename": _DUMP_NAME, "databases": _DATABASES}
    folder = directory / "appendonlydir"
    folder.mkdir(mode=0o700)
    (folder / _DUMP_NAME).symlink_to(dump)
    (folder / "appendonly.aof.manifest").write_text(f"file {_DUMP_NAME} seq 1 type b\n")
    return {
        "appendonly": "yes",
        "appendfsync": "no",
        "aof-load-truncated": "no",
        "auto-aof-rewrite-percentage": "0",
        "import-mode": "yes",
        "rdb-version-check": "relaxed",
        "databases": _DATABASES,
    }


_DATABASES = "1024"
"""A dump that holds more is refused."""


def _start(binary: str, directory: Path, loading: dict[str, str]) -> "subprocess.Popen[bytes]":
    options = {
        "port": "0",
        "unixsocket": str(directory / SOCKET_NAME),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "dir": str(directory),
        "loglevel": "warning",
        **loading,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with (directory / _LOG_NAME).open("wb") as log:
        return subprocess.Popen(
            [binary, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            preexec_fn=_die_first(),  # noqa: PLW1509  (this process has one thread)
        )


def _die_first() -> Callable[[], None] | None:
    """Have the server end with us even when we are killed, and before anybody else where memory runs out; None on
    every system but Linux.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")

    return prepare


def _await_answer(directory: Path, ending: Ending) -> str | None:
    """None as soon as the server answers, else why it does not: all that it has said, on the lines of its log. However
    long it loads, it is waited for as long as it says so.
    """
    deadline = time.monotonic() + _PATIENCE
    pause = _LOOK_EVERY
    while not (answer := _exchange(directory / SOCKET_NAME, b"PING\r\n")).startswith(b"+PONG"):
        if answer.startswith(b"-LOADING"):
            _tell(f"loading {_fact(directory / SOCKET_NAME, b'loading_loaded_perc')}\n")
            deadline, pause = time.monotonic() + _PATIENCE, _TELL_EVERY
        if ending.wait(pause):
            said = (directory / _LOG_NAME).read_text(errors="replace").strip()
            return said[-_LOG_SIZE:] or "it ended without a word"
        if time.monotonic() > deadline:
            return f"no answer within {_PATIENCE:.0f} seconds"
    return None


_LOG_SIZE = 4000
"""Characters of a log that tell why a server did not start."""


def _fact(path: Path, name: bytes) -> str:
    """A line of `INFO persistence`; empty where the server does not have it."""
    lines = _exchange(path, b"INFO persistence\r\n").splitlines()
    found = (line.partition(b":")[2] for line in lines if line.startswith(name + b":"))
    return next(found, b"").decode("ascii", "replace")


def _exchange(path: Path, command: bytes) -> bytes:
    """Send one command; the beginning of what the server answers, nothing where nobody does."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
            connection.sendall(command)
            return connection.recv(16_384)
    except OSError:
        return b""


def _tell(answer: str, *, last: bool = False) -> None:
    """Say something, and close our mouth with what is the `last`; who does not listen any more is noticed by the
    ending.
    """
    try:
        os.write(sys.stdout.fileno(), os.fsencode(answer))
        if not last:
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main())
