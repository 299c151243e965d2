"""Changes that were interrupted: journals without a last line, or with a plan of which something is left, until
somebody has looked into them, restored them, or resumed the change.

The names of those that were dealt with stand in a file beside the journals: a journal stays as the crash left it.
"""

import fcntl
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from archive_tui.errors import JournalError
from archive_tui.journal.folder import Listed
from archive_tui.settings.model import Settings
from archive_tui.text import line

_FILE = "dealt-with"
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def interrupted(journals: Iterable[Listed], settings: Settings, nodes: Collection[str] = ()) -> list[Listed]:
    """The journals of the server and namespace of these settings, or of the cluster that has `nodes`, whose run did not
    end by itself, or not with all that it was to do, in their order, without those that somebody has dealt with. A run
    that goes on is none of them, and neither is one that another has taken up.
    """
    known = list(journals)
    open_ended = [
        one
        for one in known
        if not one.problem
        and (one.ending is None or one.resumable)
        and one.header.is_of(settings, nodes)
        and one.header.namespace == settings.namespace
    ]
    if not open_ended:
        return []
    passed_over = _names(open_ended[0].path.parent) | {one.header.continues for one in known if _has_taken_up(one)}
    return [one for one in open_ended if one.path.name not in passed_over and not is_being_written(one.path)]


def _has_taken_up(one: Listed) -> bool:
    """Whether a change has taken up what another left: it has a plan of its own, or has done all of it."""
    return one.resumable or (one.ending is not None and one.ending.state == "done")


def deal_with(path: Path) -> None:
    """Take note that somebody has looked into a journal, restored it, or resumed its change. Raises JournalError."""
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


def is_being_written(path: Path) -> bool:
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
