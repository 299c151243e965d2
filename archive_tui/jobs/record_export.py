"""The job that writes tasks for other programs: decoded, in their order, a batch at a time."""

import gzip
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from archive_tui.asynq.message import decode
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.selection import Selection
from archive_tui.errors import JournalError
from archive_tui.jobs.batches import in_order
from archive_tui.jobs.exporting import Exporting
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.records import RecordForm, Taken
from archive_tui.payloads.content import Content
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read import messages, old_storage
from archive_tui.store.read.budget import REPLY_BUDGET
from archive_tui.text import line

_ROWS = 1_000
"""Tasks that are read at once, at most."""

UNREAD = "message gone or too large"
"""Why a task may be written without its payload."""

_LARGEST = 64 * 1024 * 1024
"""Bytes of a message above which it is not read, as for a filter."""


class Sink(Protocol):
    """Takes what is written."""

    def write(self, part: bytes) -> object:
        """Take a part. Raises OSError."""

    def close(self) -> None:
        """Be done: all of it is where it belongs. Raises OSError."""


class PrivateFile:
    """A new file that its owner alone may read, compressed with gzip where its name ends with `.gz`.

    Raises JournalError where it exists or cannot be made, as it does where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._cannot(error) from None
        self._file = os.fdopen(descriptor, "wb")
        self._gzip = gzip.GzipFile("", "wb", 6, self._file, mtime=0) if path.name.endswith(".gz") else None

    def write(self, part: bytes) -> None:
        try:
            (self._gzip or self._file).write(part)
        except OSError as error:
            raise self._cannot(error) from None

    def close(self) -> None:
        try:
            if self._gzip is not None:
                self._gzip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._cannot(error) from None
        finally:
            with suppress(OSError):
                self._file.close()

    def _cannot(self, error: OSError) -> JournalError:
        reason = error.strerror or str(error)
        where = line(str(self._path))
        return JournalError(f"the export {where} cannot be written ({reason}): make room there, or choose another file")


class RecordJob(Exporting):
    """Write a selection of rows in a form for other programs. Messages are read only where the form needs them."""

    def __init__(
        self,
        server: Server,
        selection: Selection,
        form: RecordForm,
        sink: Callable[[], Sink],
        reader: PayloadReader,
        redaction: Redaction,
        pace: Pace = Pace.POLITE,
        *,
        ordered: bool = False,
    ) -> None:
        """`sink` makes what is written to, once the job begins. `ordered` keeps the selection's order, however many
        rows there are, at the price of time.
        """
        super().__init__("records", server, selection, pace)
        self.form = form
        self._sink = sink
        self._reader = reader
        self._redaction = redaction
        self._ordered = ordered
        self._at = 0
        self.reader_gone = False
        """Whether nobody reads any more what it writes, as where `head` has what it wants."""

    def work(self) -> None:
        sink = self._sink()
        try:
            sink.write(self.form.head())
            seqs = self._selection.seqs if self._ordered else in_order(self._selection)
            rows = Selection(self._selection.catalog, seqs)
            if self.form.in_message:
                self.reconnecting(lambda: self._read(sink, rows))
            else:
                self._list(sink, rows)
        except BrokenPipeError:
            self.reader_gone = True
        finally:
            try:
                with suppress(BrokenPipeError):
                    sink.write(self.form.tail())
            finally:
                with suppress(BrokenPipeError):
                    sink.close()

    def _list(self, sink: Sink, rows: Selection) -> None:
        for batch in rows.batches(_ROWS):
            self.checkpoint()
            self._write(sink, [Taken.of(row, self._redaction) for _, row in batch])

    def _read(self, sink: Sink, rows: Selection) -> None:
        """Write until all is written or the connection is lost; what was written stays written. A pipe for each batch:
        only where it ends well does what it read hold, also at a replica.
        """
        while self._at < len(rows):
            self.checkpoint()
            seqs = rows.seqs[self._at : self._at + _ROWS]
            found = rows.catalog.rows(seqs)
            batch = [found.get(seq) for seq in seqs]
            batch = batch[: _fitting(batch)]
            there = [row for row in batch if row is not None]
            began = time.monotonic()
            with self._server.pipe() as pipe:
                replies = self._ask(pipe, there)
            took = time.monotonic() - began  # of the server's time: to decode takes none of it
            self.connected()
            self._write(sink, [self._taken(row, reply) for row, reply in zip(there, replies, strict=True)])
            self._at += len(batch)
            self.rest(self.pace.rest_after(took))

    def _ask(self, pipe: Pipe, rows: Sequence[TaskRow]) -> list[bytes | None]:
        """The messages of rows; None for one that is not read."""
        asked = [row for row in rows if _is_read(row)]
        for queue, of_queue in groupby(asked, attrgetter("queue")):
            messages.send(pipe, queue, [row.id for row in of_queue])
        found = messages.take(pipe, len(asked))
        lacking = [row for row, raw in zip(asked, found, strict=True) if raw is None]
        whole = iter(old_storage.messages_of(pipe, lacking) if lacking else ())
        replies = (raw if raw is not None else next(whole) for raw in found)
        return [next(replies) if _is_read(row) else None for row in rows]

    def _taken(self, row: TaskRow, raw: bytes | None) -> Taken:
        message = decode(raw) if raw is not None else None
        if message is None:
            self._gone += bool(row.fingerprint) and row.readable
            return Taken.of(row, self._redaction)
        content = Content(
            message.payload, message.headers, message.type, reader=self._reader, redaction=self._redaction
        )
        return Taken.of(row, self._redaction, message, content)

    def _write(self, sink: Sink, tasks: Sequence[Taken]) -> None:
        for task in tasks:
            sink.write(self.form.line(task))
        self._written += len(tasks)


def _is_read(row: TaskRow) -> bool:
    return bool(row.fingerprint) and (row.stored_bytes or 0) <= _LARGEST


def _fitting(rows: Sequence[TaskRow | None]) -> int:
    """How many of the first rows may have their messages in memory at once; one at least."""
    room = REPLY_BUDGET
    for count, row in enumerate(rows):
        room -= (row.stored_bytes or 0) if row is not None else 0
        if count and room < 0:
            return count
    return len(rows)
