"""The folder of journals: which there are, how much room there is, and which are old enough to go."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from archive_tui.errors import ArchiveTuiError, JournalError
from archive_tui.journal.reader import Ending, Header, Journal
from archive_tui.journal.writer import SUFFIX, Appender
from archive_tui.text import line


@dataclass(frozen=True, slots=True)
class Listed:
    """One journal of the list."""

    path: Path
    """The file."""

    size: int
    """Bytes."""

    modified_at: float
    """Unix seconds."""

    header: Header
    """Its first line; an empty header where it cannot be read."""

    ending: Ending | None = None
    """Its last line; None where the run did not end by itself."""

    problem: str = ""
    """The reason why it cannot be read; empty where it can."""


def default_folder() -> Path:
    """Where journals are kept unless a setting says otherwise."""
    return Path(platformdirs.user_state_dir("archive-tui", appauthor=False)) / "journal"


def listed(folder: Path) -> list[Listed]:
    """The journals of a folder, the newest first; one that cannot be read is listed with its problem."""
    return sorted(_listed(folder), key=_when, reverse=True)


def _when(journal: Listed) -> tuple[float, float]:
    return journal.header.created_at or journal.modified_at, journal.modified_at


def _listed(folder: Path) -> Iterator[Listed]:
    try:
        paths = [path for path in folder.iterdir() if path.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalError(f"the journals in {line(str(folder))} cannot be listed: {error.strerror}") from None
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue  # removed a moment ago
        try:
            journal = Journal(path)
            yield Listed(path, stat.st_size, stat.st_mtime, journal.header, journal.ending())
        except ArchiveTuiError as error:
            yield Listed(path, stat.st_size, stat.st_mtime, Header(), problem=str(error))


def free_bytes(folder: Path) -> int | None:
    """How much room the disk of a folder has, also where the folder is still to be made; None where nobody knows."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def stale(journals: Sequence[Listed], now: float, *, keep_days: float | None, keep_bytes: int | None) -> list[Listed]:
    """The journals that go beyond what is to be kept: older than so many days, or, from the newest on, above so many
    bytes in all. Nothing is removed by this.
    """
    kept = 0
    found = []
    for one in sorted(journals, key=lambda one: one.modified_at, reverse=True):
        kept += one.size
        old = keep_days is not None and now - one.modified_at > keep_days * 86_400
        if old or (keep_bytes is not None and kept > keep_bytes):
            found.append(one)
    return found


def remove(one: Listed) -> None:
    """Remove a journal for good. Raises JournalError, also where it is being written."""
    with Appender(one.path):
        try:
            one.path.unlink()
        except OSError as error:
            raise JournalError(f"the journal {line(str(one.path))} cannot be removed: {error.strerror}") from None
