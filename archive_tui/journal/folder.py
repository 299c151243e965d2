"""The folder of journals: which there are, and which are old enough to go."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path

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
    """Bytes, those of its plan included."""

    modified_at: float
    """Unix seconds."""

    header: Header
    """Its first line; an empty header where it cannot be read."""

    ending: Ending | None = None
    """Its last line; None where the run did not end by itself."""

    problem: str = ""
    """The reason why it cannot be read; empty where it can."""

    resumable: bool = False
    """Whether its change ended before all was done, and its plan is kept: the rest of it can be resumed."""


PLAN_SUFFIX = ".plan"


def plan_path(journal: Path) -> Path:
    """The file beside a journal in which the plan of its change is kept, until that has ended whole."""
    return journal.with_name(journal.name.removesuffix(SUFFIX) + PLAN_SUFFIX)


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
            plan = _size(plan_path(path))
            ending = journal.ending()
            yield Listed(
                path, stat.st_size + (plan or 0), stat.st_mtime, journal.header, ending, resumable=plan is not None
            )
        except ArchiveTuiError as error:
            yield Listed(path, stat.st_size, stat.st_mtime, Header(), problem=str(error))


def _size(path: Path) -> int | None:
    """The bytes of a file; None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def with_plan(folder: Path) -> list[Path]:
    """The journals beside which a plan is kept, the one with the newest plan first."""
    written: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        if path.name.endswith(PLAN_SUFFIX):
            with suppress(FileNotFoundError):  # removed a moment ago
                written.append((path.stat().st_mtime, path))
    return [path.with_name(path.name.removesuffix(PLAN_SUFFIX) + SUFFIX) for _, path in sorted(written, reverse=True)]


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
    """Remove a journal for good, and the plan that is kept beside it. Raises JournalError, also where it is being
    written.
    """
    plan = plan_path(one.path)
    with Appender(one.path):
        try:
            one.path.unlink()
            for left in plan.parent.glob(f"{escape(plan.name)}*"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise JournalError(f"the journal {line(str(one.path))} cannot be removed: {error.strerror}") from None
