"""Writing tasks into a file of the journal's form, without deleting them: what was exported can be restored."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archive_tui.catalog.selection import Selection
from archive_tui.changes.batches import lots, split
from archive_tui.jobs.job import Job, JobState, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.journal.reader import EXPORT
from archive_tui.journal.recorder import Keeping
from archive_tui.journal.writer import Writer
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots as reading
from archive_tui.wording.programs import moment


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is. `gone` tasks had no data any more when they were read."""

    state: JobState
    planned: int
    written: int = 0
    gone: int = 0
    trouble: str = ""


class ExportJob(Job):
    """Write a selection of rows to a new file."""

    def __init__(
        self,
        server: Server,
        selection: Selection,
        path: Path,
        pace: Pace = Pace.POLITE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("export")
        self._server = server
        self._selection = selection
        self._path = path
        self._pace = pace
        self._clock = clock
        self._written = self._gone = 0

    @property
    def progress(self) -> ExportProgress:
        """How far it is; safe to read from any thread."""
        return ExportProgress(self.state, len(self._selection), self._written, self._gone, self.trouble)

    def work(self) -> None:
        queues = list(self._selection.totals().by_queue)
        keeping = Keeping(self._path.parent, command=EXPORT)
        header = keeping.header(self._server.settings, queues, len(self._selection), self._clock)
        writer = Writer(self._path, header)
        state = JobState.FAILED
        try:
            self._waiting = lots(self._selection, lambda: 0, copying=True)
            self._ready = [next(self._waiting, None)]
            self.reconnecting(lambda: self._attempt(writer))
            state = JobState.DONE
        except Stopped:
            state = JobState.STOPPED
            raise
        finally:
            counts = {"exported": self._written, "gone": self._gone}
            writer.close({"end": moment(self._clock()), "state": state.value, "counts": counts})

    def _attempt(self, writer: Writer) -> None:
        with self._server.pipe() as pipe:
            self.connected()
            while (lot := self._ready[0]) is not None:
                self.checkpoint()
                began = time.monotonic()
                if lot.unsized:
                    self._ready[:1] = split(lot, reading.sizes(pipe, lot.queue, lot.ids))
                    continue
                pipe.send(*reading.request(lot.queue, lot.ids, lot.indexes))
                copies = reading.answer(pipe, lot.queue, lot.ids, lot.indexes)
                copies = reading.with_locks(pipe, copies)
                whole = [copy for copy in copies if copy.fields and copy.fields is not reading.NOT_A_HASH]
                if whole:
                    writer.add_large(whole)[1].result()
                self._written += len(whole)
                self._gone += len(copies) - len(whole)
                del self._ready[0]
                if not self._ready:
                    self._ready.append(next(self._waiting, None))
                self.rest(self._pace.rest_after(time.monotonic() - began))
