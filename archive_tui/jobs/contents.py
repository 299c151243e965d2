"""The job that reads the messages of rows, for filters and columns that look into them.

Messages are not in the catalog. What a filter asks of them, and no more, is kept there for each row: rows appear as
they match, and the next filter with the same term asks nobody.
"""

import struct
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

from archive_tui.asynq.message import decode
from archive_tui.asynq.rows import Plain, TaskRow
from archive_tui.asynq.task import fingerprint
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.extracts import Unread
from archive_tui.catalog.query import Query
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.journals import JournalJob
from archive_tui.jobs.pace import Pace
from archive_tui.payloads.content import Content
from archive_tui.payloads.paths import Path
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.store.link.server import Server
from archive_tui.store.read import messages, old_storage
from archive_tui.store.read.budget import REPLY_BUDGET

_ROWS = {Pace.FULL: 2_000, Pace.POLITE: 1_000, Pace.GENTLE: 400}
"""Messages that are asked for at once, at most."""

_LARGEST = 64 * 1024 * 1024
"""Bytes of a message above which it is not read: nobody can tell what is in it."""

_JOURNAL_ROWS = 50_000
"""Rows for which a journal is read once."""

_NUMBER = struct.Struct(">q").unpack
"""Reads a fingerprint as the catalog keeps it."""

_IDLE = 0.3
"""Seconds between two looks whether a scan or a listing has brought more rows."""


@dataclass(frozen=True, slots=True)
class ContentProgress:
    """Progress of reading messages."""

    state: JobState
    """State of the job."""

    read: int = 0
    """Rows whose messages were read, or that have none."""

    left: int = 0
    """Rows whose messages are still to be read; a minimum while rows come."""

    unknown: int = 0
    """Rows that were read, and of which still nobody can tell: the payload cannot be decoded, the message is gone or
    has changed.
    """

    complete: bool = False
    """Every row that there was at the end is read."""

    trouble: str = ""
    """Why the job waits for the server; empty: it does not."""


class Extract(Protocol):
    """Something to read out of a content: the answer to a criterion, or the value of a column."""

    @property
    def without(self) -> Plain:
        """The value for a message that cannot be read."""

    def answer(self, content: Content) -> Plain:
        """The value; None: nobody can tell."""


class ContentJob(Job):
    """Read the messages that a query needs, and of the rows that it shows those that `columns` need.

    What is cheap comes first: a row of which the rest of the filter tells is not read. `growing` tells whether rows may
    still come: then the job waits for them.
    """

    def __init__(
        self,
        catalog: Catalog,
        query: Query,
        reader: PayloadReader,
        pace: Pace = Pace.POLITE,
        *,
        columns: Sequence[Extract] = (),
        growing: Callable[[], bool] = lambda: False,
    ) -> None:
        """Raises FilterError where the query cannot be read."""
        super().__init__("contents")
        self.catalog = catalog
        self.query = query
        self.columns = tuple(columns)
        self.pace = pace
        self._reader = reader
        self._growing = growing
        self._extracts: tuple[Extract, ...] = (*query.criteria, *self.columns)
        self._read = self._left = self._unknown = 0
        self._kept = 0
        """Changes of the catalog that are ours."""
        self._complete = False
        self.complete_as_of = -1
        """Version of the catalog at which no row was left; -1: some still are."""

    @property
    def doing(self) -> str:
        return f"reading payloads, {self._read:,} of {self._read + self._left:,}"

    @property
    def progress(self) -> ContentProgress:
        """The progress now; cheap, and safe to read from any thread."""
        return ContentProgress(self.state, self._read, self._left, self._unknown, self._complete, self.trouble)

    def work(self) -> None:
        if self._extracts:
            self.reconnecting(self._attempt)
            self._unknown = self.catalog.count_unknown(self.query)
        self._complete = True

    @abstractmethod
    def _attempt(self) -> None:
        """Read until nothing is left; what was asked for when the connection was lost is asked for again."""

    def _count_left(self) -> None:
        self._left = self.catalog.count_unread(self.query, self.columns)

    def _take(self, rows: Sequence[Unread], found: Sequence[bytes | None]) -> None:
        """Read out of messages what is asked, and keep it; `found` has those of the rows that are read."""
        values: dict[Extract, list[Plain]] = {extract: [] for extract in self._extracts}
        columns = [(extract.answer, extract.without, column.append) for extract, column in values.items()]
        replies = iter(found)
        for row in rows:
            content = self._content(row, next(replies)) if _is_read(row) else self._empty(row)
            for answer, without, add in columns:
                add(without if content is None else answer(content))
        self.catalog.keep(rows, values)
        self._kept += 1
        self._read += len(rows)
        self._left = max(0, self._left - len(rows))
        if any(None in values[criterion] for criterion in self.query.criteria):  # else the filter tells of each
            self._unknown += self.catalog.count_unknown(self.query, rows[0].seq, rows[-1].seq)

    def _content(self, row: Unread, raw: bytes | None) -> Content | None:
        """The content of a message; None where it is gone, is another by now, or cannot be read."""
        if raw is None or _NUMBER(fingerprint(raw)) != (row.fingerprint,):
            return None
        message = decode(raw)
        if message is None:
            return None
        return Content(
            message.payload, message.headers, message.type, reader=self._reader, redaction=self.catalog.redaction
        )

    def _empty(self, row: Unread) -> Content | None:
        """The content of a row that is not read: it had no message, or one that is too large."""
        return Content(b"", reader=self._reader, redaction=self.catalog.redaction) if row.fingerprint is None else None


class StoredContentJob(ContentJob):
    """Read the messages from Redis."""

    def __init__(self, server: Server, *what: Any, **options: Any) -> None:
        """The rest as for `ContentJob`."""
        super().__init__(*what, **options)
        self._server = server
        self._after = 0

    def _attempt(self) -> None:
        self._after = 0
        with self._server.pipe() as pipe:
            self.connected()
            self._count_left()
            sent: list[Unread] = []
            asked_before: list[Unread] = []
            while True:
                self.checkpoint()
                began = time.monotonic()
                if not self._after:  # a pass begins: before the look at the rows
                    growing, changes = self._growing(), self.catalog.version - self._kept
                batch = self._next()
                asked = list(filter(_is_read, batch))
                for queue, rows in groupby(asked, attrgetter("queue")):
                    messages.send(pipe, queue, [row.id for row in rows])
                if sent:  # the server reads the next while these are decoded
                    self._take(sent, self._whole(asked_before, messages.take(pipe, len(asked_before))))
                elif not batch:
                    version = self.catalog.version
                    if not growing and version - self._kept == changes:  # nobody else has changed the rows since
                        self.complete_as_of = version
                        return
                    self._after = 0  # rows may have come to lack something that were passed already
                    self._count_left()
                    if growing:
                        self.idle(_IDLE)
                sent, asked_before = batch, asked
                self.rest(self.pace.rest_after(time.monotonic() - began))

    def _whole(self, rows: Sequence[Unread], found: list[bytes | None]) -> list[bytes | None]:
        """The messages of rows, those as well that are members of an index, as before Asynq 0.18; `found` has those
        that task data holds.
        """
        if None not in found:
            return found
        asked = [row.seq for row in rows]
        lacking = [at for at, raw in enumerate(found) if raw is None]
        known = self.catalog.rows([asked[at] for at in lacking])
        at_hand = [at for at in lacking if asked[at] in known]
        with self._server.pipe() as pipe:  # the other one has the next rows on their way
            whole = old_storage.messages_of(pipe, [known[asked[at]] for at in at_hand])
        for at, raw in zip(at_hand, whole, strict=True):
            found[at] = raw
        return found

    def _next(self) -> list[Unread]:
        """The next rows, as many as may be in memory at once."""
        rows = self.catalog.unread(self.query, self.columns, self._after, _ROWS[self.pace])
        room = REPLY_BUDGET
        for count, row in enumerate(rows):
            room -= row.stored_bytes or 0
            if count and room < 0:
                rows = rows[:count]
                break
        if rows:
            self._after = rows[-1].seq
        return rows


class JournalContentJob(ContentJob):
    """Read the messages from the journal that the rows are of: all of it for some ten thousand rows at a time."""

    def __init__(self, journal: JournalJob, *what: Any, **options: Any) -> None:
        """`journal` is the job that reads the rows; the rest as for `ContentJob`."""
        super().__init__(*what, **options)
        self._journal = journal

    def _attempt(self) -> None:
        self.connected()
        while True:
            self.checkpoint()
            growing, version = self._growing(), self.catalog.version  # before the look at the rows
            rows = self.catalog.unread(self.query, self.columns, 0, _JOURNAL_ROWS)
            if not rows and not growing:
                self.complete_as_of = version
                return
            self._count_left()
            if growing:
                self.idle(_IDLE)  # the journal is read whole first
            else:
                self._read_journal({(row.queue, row.id): row for row in rows})

    def _read_journal(self, rows: dict[tuple[str, bytes], Unread]) -> None:
        journal, outline = self._journal.journal, self._journal.outline
        if journal is not None and outline is not None:
            for _, copies in journal.batches(outline):
                self.checkpoint()
                found = [(row, copy) for copy in copies if (row := rows.pop((copy.queue, copy.id), None)) is not None]
                if found:
                    self._take([row for row, _ in found], [copy.field(b"msg") for row, copy in found if _is_read(row)])
        if rows:
            lost = sorted(rows.values())
            self._take(lost, [None for row in lost if _is_read(row)])


def _is_read(row: Unread) -> bool:
    return row.fingerprint is not None and (row.stored_bytes or 0) <= _LARGEST


class SampleJob(Job):
    """Read the messages of some rows, and note which paths their payloads have and which headers there are."""

    def __init__(self, server: Server, rows: Sequence[TaskRow], reader: PayloadReader, redaction: Redaction) -> None:
        """Of the rows, those are read that may be in memory at once."""
        super().__init__("sample")
        self._server = server
        self._reader = reader
        self._redaction = redaction
        self._rows: list[TaskRow] = []
        room = REPLY_BUDGET
        for row in rows:
            room -= row.stored_bytes or 0
            if room < 0:
                break
            if row.fingerprint:
                self._rows.append(row)
        self.paths: Sequence[str] = ()
        """Fields of filters, such as `payload.user.id` and `header.trace-id`: in the most payloads first."""

    def work(self) -> None:
        counts = Counter[str]()
        with self._server.pipe() as pipe:
            self.connected()
            for queue, of_queue in groupby(self._rows, attrgetter("queue")):
                rows = list(of_queue)
                ids = [row.id for row in rows]
                messages.send(pipe, queue, ids)
                found = messages.take(pipe, len(ids))
                if not any(found):
                    found = old_storage.messages_of(pipe, rows)
                for raw in found:
                    self.checkpoint()
                    counts.update(self._fields(raw))
        self.paths = [name for name, _ in sorted(counts.items(), key=lambda counted: -counted[1])]

    def _fields(self, raw: bytes | None) -> Iterator[str]:
        message = decode(raw) if raw is not None else None
        if message is None:
            return
        content = Content(
            message.payload, message.headers, message.type, reader=self._reader, redaction=self._redaction
        )
        yield from (f"payload{path.suffix}" for path in content.shown_paths())
        yield from (f"header{Path((name,)).suffix}" for name in message.headers)
