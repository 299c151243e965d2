"""Reading messages for the filter of a list: begun when it looks into them, stopped when it does not any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.query import Query
from archive_tui.jobs.contents import ContentJob, SampleJob, StoredContentJob
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.tui import commands
from archive_tui.tui.widgets.pieces import Piece, piece

if TYPE_CHECKING:
    from archive_tui.tui.command_screen import CommandScreen

_TYPING = 0.6
"""Seconds without a key after which what is typed is looked for: each letter more would read all messages anew."""

_PENDING, _BAD, _HINT = "$text-warning", "$text-error", "$text-muted"


class ContentReading:
    """Keeps a job that reads what the list's filter asks of messages. `keep_up` is called a few times a second."""

    def __init__(self, screen: Callable[[], CommandScreen]) -> None:
        self._screen = screen
        self.new_job: Callable[..., ContentJob] = self._from_server
        """Makes the job that reads messages, given what `ContentJob` is given; from Redis where nobody sets it."""
        self._job: ContentJob | None = None
        self._query = Query()
        self._wanted = False
        self._asked_at = 0.0
        self._stopped = False
        self.columns: tuple[MessageValue, ...] = ()
        """What columns of the list show of messages."""
        self._columns: tuple[MessageValue, ...] = ()
        self._sample: SampleJob | None = None
        self.pace: Pace | None = None
        """The share of the server's time that it takes; None: that of the session."""

    # The job

    def _from_server(self, *what: Any, **options: Any) -> ContentJob:
        return StoredContentJob(self._screen().session.reader, *what, **options)

    def keep_up(self, catalog: Catalog, query: Query, *, growing: Callable[[], bool], typing: bool) -> None:
        """Read what a query needs. `growing` tells whether rows still come; while it is `typing`, the operator may
        not be through with the query.
        """
        other_columns = self._columns != self.columns
        if self._asks_anew(query) or other_columns or (self._job is not None and self._job.catalog is not catalog):
            self.stop()
            self._query, self._columns = query, self.columns
            self._wanted = bool(query.criteria or self.columns)
            self._job, self._stopped, self._asked_at = None, False, time.monotonic()
        if not self._wanted or self._stopped or (typing and time.monotonic() - self._asked_at < _TYPING):
            return
        if self._job is None or (self._job.state is JobState.DONE and not self._is_done(catalog)):
            session = self._screen().session
            options = {"columns": self.columns, "growing": growing}
            pace = self.pace or session.pace
            self._job = session.run(self.new_job(catalog, query, session.payloads, pace, **options))
        if self.pace is not None:
            self._job.pace = self.pace

    def _asks_anew(self, query: Query) -> bool:
        """Whether a query asks for other rows: their order does not matter."""
        return query.narrowed != self._query.narrowed

    def _is_done(self, catalog: Catalog) -> bool:
        job = self._job
        return job is not None and job.progress.complete and job.complete_as_of == catalog.version

    @property
    def running(self) -> bool:
        """Whether messages are being read."""
        return self._job is not None and not self._job.state.ended

    def stop(self) -> None:
        """Stop reading, and keep what was read."""
        if self._job is not None and not self._job.state.ended:
            self._job.stop()
            self._stopped = True

    def resume(self) -> None:
        """Go on where it was stopped, or has failed."""
        if self._job is not None and (self._stopped or self._job.state is JobState.FAILED):
            self._job, self._stopped = None, False

    # What payloads have

    def sample(self, rows: Sequence[TaskRow]) -> None:
        """Look which paths the payloads of some rows have, for whoever types a filter; once for a list."""
        if self._sample is None and rows:
            session = self._screen().session
            self._sample = session.run(SampleJob(session.reader, rows, session.payloads, session.redaction))

    @property
    def paths(self) -> Sequence[str]:
        """The fields of filters that lead into these payloads."""
        return self._sample.paths if self._sample is not None else ()

    # What it says

    def complete(self, catalog: Catalog, query: Query) -> bool:
        """Whether all is known that the query asks of messages, as far as anybody can tell."""
        return not query.criteria or (not self._asks_anew(query) and self._is_done(catalog))

    def columns_read(self, catalog: Catalog, query: Query) -> bool:
        """Whether all is known that the columns show of messages, as far as anybody can tell."""
        return not self._asks_anew(query) and self._columns == self.columns and self._is_done(catalog)

    def pieces(self) -> list[Piece]:
        """How far it is, for the head of the list."""
        return [piece(text, style, gives_way=2 * (style == _HINT), cut=style == _BAD) for text, style in self.said()]

    def said(self) -> list[tuple[str, str]]:
        """The same as texts with their styles."""
        if not self._wanted:
            return []
        if self._job is None:
            return [("   payloads not read yet", _PENDING)]
        now = self._job.progress
        parts: list[tuple[str, str]] = []
        if now.state is JobState.FAILED:
            parts.append((f"   payloads: {self._job.error}", _BAD))
        elif now.trouble:
            parts.append((f"   payloads: {now.trouble}, retrying", _BAD))
        elif self._stopped or now.state is JobState.STOPPED:
            parts.append((f"   {now.left:,} payloads not read", _PENDING))
            parts.append((f"   stopped: {commands.Filter} enter reads on", _HINT))
        elif not now.complete:
            parts.append((f"   {now.read:,} of {now.read + now.left:,} payloads read", _PENDING))
        if now.unknown:
            parts.append((f"   {now.unknown:,} not decoded", _PENDING))
        return parts
