"""Changes that were interrupted: journals without a last line, until somebody has looked into them or restored them.

The names of those that were dealt with stand in a file beside the journals: a journal stays as the crash left it.
"""

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from archive_tui.errors import JournalError
from archive_tui.journal.folder import Listed
from archive_tui.text import line

_FILE = "dealt-with"
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def interrupted(journals: Iterable[Listed], server: str) -> list[Listed]:
    """The journals of this server whose run did not end by itself, in their order, without those that somebody has
    dealt with. A run that goes on is none of them.
    """
    open_ended = [one for one in journals if not one.problem and one.ending is None and one.header.server == server]
    if not open_ended:
        return []
    dealt_with = _names(open_ended[0].path.parent)
    return [one for one in open_ended if one.path.name not in dealt_with and not _is_being_written(one.path)]


def deal_with(path: Path) -> None:
    """Take note that somebody has looked into a journal, or restored it. Raises JournalError."""
    folder = path.parent
    if path.name in _names(folder):
        return
    try:
        descriptor = os.open(folder / _FILE, _FLAGS, 0o600)
        try:
            os.write(descriptor, os.fsencode(path.name) + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise JournalError(f"{line(str(folder / _FILE))} cannot be written: {error.strerror}") from None


def _names(folder: Path) -> set[str]:
    with suppress(OSError):
        return {os.fsdecode(name) for name in (folder / _FILE).read_bytes().splitlines()}
    return set()


def _is_being_written(path: Path) -> bool:
    """Whether a run holds the lock of its journal."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # removed a moment ago, or not ours to look into
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
