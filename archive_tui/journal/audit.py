"""The audit: one line of JSON for every confirmed action and one for how it ended, in a private local file.

The line about an action is on disk before anything is changed: no audit, no deletion.
"""

import fcntl
import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

from archive_tui.errors import AuditError
from archive_tui.wording.programs import moment

_NOTICE = 13 * 8 + 5
"""What syslog calls an audit message (facility 13) worth a notice (severity 5)."""


def default_file() -> Path:
    """Where the audit is kept: beside the journals, in the user's state directory."""
    return Path(platformdirs.user_state_dir("archive-tui", appauthor=False)) / "audit.jsonl"


class Audit:
    """Writes lines to a file that only its owner may read (0600, in a folder of 0700), and, where the path of a syslog
    socket is given, to that as well. `clock` gives unix seconds.

    The folder of a file that was chosen is made, the folder above it is not: where that is gone, so is what the audit
    was about, such as a demo.
    """

    def __init__(
        self, file: Path | None = None, syslog: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.file = file or default_file()
        self._makes_parents = file is None
        self.syslog = syslog
        self._clock = clock

    def begin(self, action: str, facts: Mapping[str, object]) -> str:
        """Put down that somebody has confirmed an action; returns the name by which `end` refers to it.

        Raises AuditError where it cannot be written: then nothing may be done.
        """
        name = secrets.token_hex(8)
        self._write({"event": "confirmed", "action": action, "name": name, **_who(), **facts})
        return name

    def end(self, action: str, name: str, facts: Mapping[str, object]) -> None:
        """Put down how it ended. Raises AuditError."""
        self._write({"event": "ended", "action": action, "name": name, **facts})

    def _write(self, facts: Mapping[str, object]) -> None:
        line = json.dumps({"time": moment(self._clock()), **facts}).encode()
        try:
            self.file.parent.mkdir(mode=0o700, parents=self._makes_parents, exist_ok=True)
            _append(self.file, line + b"\n")
        except OSError as error:
            raise AuditError(
                f"the audit cannot be written to {self.file} ({error.strerror or error}): without it nothing is changed"
            ) from None
        if self.syslog is not None:
            self._tell_syslog(line)

    def _tell_syslog(self, line: bytes) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.settimeout(2)
                to.connect(self.syslog or "")
                to.send(b"<%d>archive-tui[%d]: %b" % (_NOTICE, os.getpid(), line))
        except OSError as error:
            raise AuditError(
                f"the audit cannot be sent to syslog at {self.syslog} ({error.strerror or error}): "
                "without it nothing is changed"
            ) from None


def _append(file: Path, line: bytes) -> None:
    """Add a whole line and see it onto the disk, or add nothing. Several programs may do so at the same time."""
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.fchmod(descriptor, 0o600)
        before = os.fstat(descriptor).st_size
        if before and os.pread(descriptor, 1, before - 1) != b"\n":
            line = b"\n" + line  # whoever wrote last was killed in the middle of it
        try:
            written = os.write(descriptor, line)
            if written < len(line):
                raise OSError(28, "no space left on the disk")
            os.fsync(descriptor)
            if not before:
                _sync_folder(file.parent)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """A new file is on disk when its name is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _who() -> dict[str, object]:
    """Who sits there, as far as the system knows; `via` is the account from which somebody became this one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return {"user": user, "via": os.environ.get("SUDO_USER"), "host": socket.gethostname(), "pid": os.getpid()}
