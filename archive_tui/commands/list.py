"""`archive-tui list`: archived tasks, or those of another index, for people and for programs."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query, Sort
from archive_tui.catalog.selection import Selection
from archive_tui.commands.foreground import attend
from archive_tui.commands.output import TableForm
from archive_tui.commands.queues import refuse_unknown
from archive_tui.commands.reading import catalog_for, finish, read_archive, read_contents
from archive_tui.errors import ArchiveTuiError, ExitCode, UsageError
from archive_tui.jobs.contents import StoredContentJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListAllJob
from archive_tui.jobs.record_export import UNREAD, RecordJob
from archive_tui.jobs.records import CsvForm, JsonForm, RecordForm, columns_of
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.store.read import queues as store
from archive_tui.text import clip, line
from archive_tui.wording.people import plural

LISTED = tuple(state for state in State if state is not State.AGGREGATING)
"""The states whose tasks stand in one index."""

_SORTS = (Sort.DIED, Sort.ID, Sort.TYPE, Sort.TRIES, Sort.SIZE, Sort.ERROR, Sort.QUEUE)
_LARGEST_FIRST = (Sort.DIED, Sort.TRIES, Sort.SIZE)

SORT_NAMES = (*_SORTS, "payload.PATH", "header.NAME")
"""The names of orders, for help and errors."""

_TABLE = ("died", "type", "retried", "retry", "size", "id", "error")
"""The columns of the table for people, unless some are chosen; the queue stands first where there are several."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice of tasks to print, and how."""

    queue: str | None = None
    """None: all queues."""
    state: State = State.ARCHIVED
    """The index that is listed."""
    where: str = ""
    """A filter; empty for all."""
    sort: str = Sort.DIED.value
    """The name of an order."""
    reverse: bool = False
    """True turns the order round."""
    limit: int | None = None
    """At most so many, the first of the order."""
    form: str = "text"
    """`text`, `json`, `ndjson` or `csv`."""
    payload: bool = False
    """True prints headers and decoded payload, too."""
    columns: tuple[str, ...] = ()
    """Columns of a table; none: the usual ones."""

    def query(self, now: float) -> Query:
        """The filter and the order. Raises UsageError and FilterError where they cannot be read."""
        by, sort = None, Sort.DIED
        if self.sort in _SORTS:
            sort = Sort(self.sort)
        elif self.sort.startswith(("payload.", "payload[", "header.")):
            by = MessageValue.parse(self.sort)
        else:
            raise UsageError(f"there is no order “{clip(self.sort, 40)}”: choose --sort from {', '.join(SORT_NAMES)}")
        descending = (by is None and sort in _LARGEST_FIRST) != self.reverse
        query = Query(self.where, sort=sort, descending=descending, by=by, now=now)
        query.where()
        return query


def list_tasks(session: Session, wish: Wish, *, out: TextIO, progress: bool) -> ExitCode:
    """Print the tasks of an index, of one queue or of all, as they are read from the catalog: bounded memory."""
    query = wish.query(session.clock())
    form = _form(session, wish, out)
    if wish.queue is not None:
        refuse_unknown(session, [wish.queue])
    with catalog_for(session) as catalog:
        left_out: Mapping[str, str] = {}
        lacking: Sequence[str] = ()
        if wish.queue is not None:
            if not read_archive(session, catalog, wish.queue, state=wish.state, progress=progress):
                return ExitCode.INTERRUPTED
        else:
            known, lacking = _queues(session)
            listing = ListAllJob(
                session.reader, catalog, known, clock=session.clock, state=wish.state, for_plans=False
            )  # fmt: skip
            status = (lambda job: f"{job.progress.listed:,} tasks read") if progress else None
            if not finish(lambda: session.run(listing), status):
                return ExitCode.INTERRUPTED
            left_out = listing.progress.left_out
        contents = read_contents(session, catalog, query, pace=session.pace, progress=progress)
        if contents is None or not _read_order(session, catalog, query):
            return ExitCode.INTERRUPTED
        contents.say(sys.stderr)
        found = catalog.find(query)
        chosen = Selection(catalog, found[: wish.limit] if wish.limit is not None else found)
        job, interrupted = _print(session, chosen, form, out)
        if job.reader_gone:
            raise BrokenPipeError
        for why in lacking:
            print(f"archive-tui: {why}: this list is not complete", file=sys.stderr)
        _say_what_is_missing(catalog, left_out, job.progress.gone)
        if interrupted:
            return ExitCode.INTERRUPTED
        whole = job.progress.written == len(chosen) and not (
            left_out or lacking or catalog.trouble or job.progress.gone
        )
        return ExitCode.DONE if whole and not contents.unknown else ExitCode.IN_PART


def _queues(session: Session) -> tuple[Sequence[str], Sequence[str]]:
    """The queues beside those that are registered, where nobody can say which are: all that have keys; and why not all
    queues may be known.
    """
    with session.server.pipe(lenient=True) as pipe:
        registered, unknown = store.registered_if_there(pipe)
        lacking = session.server.look(pipe).lacking
        found = store.discover(pipe) if registered is None else ()
    return sorted(name for name in found if name is not None), [why for why in (lacking, unknown) if why]


def _read_order(session: Session, catalog: Catalog, query: Query) -> bool:
    """Read the values by which tasks are sorted; False where somebody interrupted it."""
    if query.by is None:
        return True
    job = StoredContentJob(session.reader, catalog, query, session.payloads, session.pace, columns=[query.by])
    return finish(lambda: session.run(job), None)


class _Output:
    """Standard output, or what stands for it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._raw: BinaryIO | None = getattr(out, "buffer", None)

    def write(self, part: bytes) -> None:
        self._do(lambda: self._raw.write(part) if self._raw is not None else self._out.write(part.decode()))

    def close(self) -> None:
        self._do((self._raw or self._out).flush)

    def _do(self, act: Callable[[], object]) -> None:
        """Raises BrokenPipeError where nobody reads it any more."""
        try:
            act()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ArchiveTuiError(f"standard output cannot be written: {error.strerror or error}") from None


def _print(session: Session, chosen: Selection, form: RecordForm, out: TextIO) -> tuple[RecordJob, bool]:
    """Print tasks; True where somebody interrupted it. Raises what the job has failed with."""
    out.flush()
    job = RecordJob(
        session.reader, chosen, form, lambda: _Output(out), session.payloads, session.redaction, session.pace,
        ordered=True,
    )  # fmt: skip
    _, interrupted = attend(lambda: session.run(job), None)
    if job.error is not None:
        raise job.error
    return job, interrupted or job.state is JobState.STOPPED


def _form(session: Session, wish: Wish, out: TextIO) -> RecordForm:
    """The form that was asked for. Raises UsageError for columns that there are not."""
    if wish.form in ("json", "ndjson"):
        namespace = namespace_field(session.server.keys.namespace)
        return JsonForm(payload=wish.payload, array=wish.form == "json", namespace=namespace)
    names: Sequence[str] = wish.columns or (*(() if wish.queue is not None else ("queue",)), *_TABLE)
    if wish.payload and "payload" not in names:
        names = (*names, "payload")
    columns = columns_of(names)
    if wish.form == "csv":
        return CsvForm(columns)
    return TableForm(columns, shutil.get_terminal_size().columns if out.isatty() else None)


def _say_what_is_missing(catalog: Catalog, left_out: Mapping[str, str], gone: int) -> None:
    for queue, reason in left_out.items():
        print(f"archive-tui: queue {line(queue)} is left out: {reason}", file=sys.stderr)
    if catalog.trouble:
        print(f"archive-tui: {catalog.trouble}", file=sys.stderr)
    if gone:
        print(f"archive-tui: {plural(gone, 'task')} without payload: {UNREAD}", file=sys.stderr)
