"""A copy of a text for another program's eyes: a file that only its owner may read, and that is gone afterwards.

Where we are killed, nobody removes it. So the folder is locked as long as it is in use, and one that nobody holds any
more is removed by whoever comes next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "archive-tui-copy-"
_TRIES = 3


@contextmanager
def private_copy(name: str, content: bytes, environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """A new file with this content, in a new folder of its own; both are gone at the end. `name` is the file's: its
    ending tells programs what it is. Raises OSError.
    """
    place = _place(environment)
    sweep(place)
    folder, lock = _locked_folder(place)
    try:
        path = folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # an editor may have put more files beside it
        os.close(lock)


def sweep(place: Path | None = None) -> None:
    """Remove the copies of programs of ours that were killed."""
    with suppress(OSError):
        for folder in (place or _place(os.environ)).glob(f"{_PREFIX}*"):
            _remove_unheld(folder)


def _place(environment: Mapping[str, str]) -> Path:
    """The folder for a while that is best kept from others: that of the login session, else the machine's."""
    if chosen := environment.get("XDG_RUNTIME_DIR"):
        with suppress(OSError):
            status = Path(chosen).stat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
                return Path(chosen)
    return Path(tempfile.gettempdir())


def _locked_folder(place: Path) -> tuple[Path, int]:
    """A new folder, and what holds its lock until it is closed."""
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        with suppress(OSError):  # somebody swept it away in between
            lock = _lock(folder)
            if lock is not None:
                return folder, lock
    raise FileExistsError(f"no folder of its own under {place}")


def _lock(folder: Path) -> int | None:
    """Lock a folder of ours; None where somebody else has it, or it is gone. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.getuid() and os.fstat(descriptor).st_nlink:
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _remove_unheld(folder: Path) -> None:
    with suppress(OSError):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
