"""Reading what a plan or an export is made of: the archived tasks of a queue, or its findings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.commands.foreground import AnyJob, attend, scan_line
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.contents import ContentJob, StoredContentJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session
from archive_tui.wording.people import plural


@contextmanager
def catalog_for(session: Session) -> Iterator[Catalog]:
    """An empty catalog. When it closes, the jobs that may use it have ended."""
    catalog = Catalog(redaction=session.redaction)
    try:
        yield catalog
    finally:
        session.stop_jobs()
        catalog.close()


def read_archive(
    session: Session, catalog: Catalog, queue: str, *, state: State = State.ARCHIVED, progress: bool
) -> bool:
    """Fill a catalog with the archived tasks of a queue, or those of another index; False where somebody interrupted
    it. `progress` shows on stderr how it goes. Raises what the job has failed with.
    """
    job = ListJob(session.reader, catalog, queue, state, session.clock)
    return finish(lambda: session.run(job), (lambda job: f"{job.progress.listed:,} tasks read") if progress else None)


def read_findings(
    session: Session,
    catalog: Catalog,
    queue: str,
    *,
    pace: Pace,
    messages: bool = False,
    locks: bool = False,
    progress: bool,
) -> bool:
    """Fill a catalog with the findings of a queue, as `read_archive`. With `messages`, those of all tasks are read, to
    find husks; with `locks` the unique locks, to find stale ones.
    """
    status = (lambda job: scan_line(job.progress)) if progress else None
    return finish(lambda: session.scan(catalog, [queue], pace, messages=messages, locks=locks), status)


def read_kind(session: Session, catalog: Catalog, queue: str, kind: Kind | None, *, pace: Pace, progress: bool) -> bool:
    """Fill a catalog with the archived tasks of a queue, or with its findings where a kind is named."""
    if kind is None:
        return read_archive(session, catalog, queue, progress=progress)
    return read_findings(session, catalog, queue, pace=pace, progress=progress)


@dataclass(frozen=True, slots=True)
class Contents:
    """What reading messages for a filter came to."""

    looked_into: bool = False
    """The filter asks for what is in messages; False: none was read."""

    read: int = 0
    """Tasks whose messages were read: those of which the rest of the filter does not tell."""

    unknown: int = 0
    """Tasks that the filter does not show because nobody can tell: the payload cannot be decoded, or the message is
    gone or has changed.
    """

    @property
    def facts(self) -> Mapping[str, Any] | None:
        """The same for programs; None where no message was read."""
        return {"read": self.read, "unknown": self.unknown, "complete": True} if self.looked_into else None

    def say(self, err: TextIO) -> None:
        """Warn of the tasks of which nobody can tell."""
        if self.unknown:
            print(
                f"archive-tui: {plural(self.unknown, 'task')} left out: the payload cannot be decoded, or the message "
                "is gone or has changed; --where decoder:none chooses them",
                file=err,
            )


def read_contents(session: Session, catalog: Catalog, query: Query, *, pace: Pace, progress: bool) -> Contents | None:
    """Read the messages that a filter looks into; None where somebody interrupted it. Raises what the job has failed
    with.
    """
    if not query.criteria:
        return Contents()
    job = StoredContentJob(session.reader, catalog, query, session.payloads, pace)
    if not finish(lambda: session.run(job), content_line if progress else None):
        return None
    return Contents(True, job.progress.read, job.progress.unknown)


def read_matching(
    session: Session, catalog: Catalog, queue: str, query: Query, verb: str, *, err: TextIO, progress: bool
) -> Contents | None:
    """Fill a catalog with the archived tasks of a queue, and with what a filter asks of their messages, and warn of
    what is not to be had; None where somebody interrupted it.
    """
    if not read_archive(session, catalog, queue, progress=progress):
        return None
    contents = read_contents(session, catalog, query, pace=session.pace, progress=progress)
    if contents is not None:
        contents.say(err)
        say_what_is_missing(catalog, verb, err)
    return contents


def content_line(job: ContentJob) -> str:
    """The progress of reading messages in one line."""
    now = job.progress
    return f"{now.read:,} of {now.read + now.left:,} messages read for the filter"


def say_what_is_missing(catalog: Catalog, verb: str, err: TextIO) -> None:
    """Warn that more was found than fits into the catalog: first what is there, then the rest."""
    if catalog.trouble:
        print(f"archive-tui: {catalog.trouble}: {verb} these, and then run it again", file=err)


def finish(start: Callable[[], AnyJob], status: Callable[[AnyJob], str] | None) -> bool:
    """Run a job to its end; False where somebody interrupted it. `status` puts its progress into words, for stderr.
    Raises what it has failed with.
    """
    job, interrupted = attend(start, status)
    if interrupted:
        return False
    if job.error is not None:
        raise job.error
    if job.state is not JobState.DONE:
        raise ArchiveTuiError("the queue could not be read whole: nothing was done")
    return True
