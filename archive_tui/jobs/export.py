"""The job that writes tasks to a file in the form of a journal: what was exported can be restored."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from archive_tui.catalog.selection import Selection
from archive_tui.jobs.batches import TargetBatch, row_batches, split
from archive_tui.jobs.exporting import Exporting
from archive_tui.jobs.job import JobState, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.journal.reader import EXPORT
from archive_tui.journal.recorder import Recorder, Run
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots


class ExportJob(Exporting):
    """Write a selection of rows to a new file."""

    def __init__(
        self,
        server: Server,
        selection: Selection,
        path: Path,
        pace: Pace = Pace.POLITE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("export", server, selection, pace)
        self._path = path
        self._clock = clock

    def work(self) -> None:
        queues = list(self._selection.totals().by_queue)
        run = Run(
            self._server.address,
            EXPORT,
            queues,
            len(self._selection),
            namespace=self._server.keys.namespace,
            watchers=self._server.settings.watchers,
            nodes=self._server.node_names,
        )
        recorder = Recorder.at(self._path, run, self._clock)
        state = JobState.FAILED
        try:
            batches = row_batches(self._selection, lambda: 0, copying=True)
            waiting: deque[TargetBatch] = deque()
            self.reconnecting(lambda: self._attempt(recorder, waiting, batches))
            state = JobState.DONE
        except Stopped:
            state = JobState.STOPPED
            raise
        finally:
            recorder.close(state.value, {"exported": self._written, "gone": self._gone})

    def _attempt(self, recorder: Recorder, waiting: deque[TargetBatch], batches: Iterator[TargetBatch]) -> None:
        """Write until all is written or the connection is lost; the first of `waiting` is the batch at work."""
        with self._server.pipe() as pipe:
            self.connected()
            while True:
                self.checkpoint()
                began = time.monotonic()
                if not waiting:
                    waiting.extend(itertools.islice(batches, 1))
                if not waiting:
                    return
                batch = waiting[0]
                if batch.unsized:
                    parts = split(batch, snapshots.sizes(pipe, batch.queue, batch.ids))
                    waiting.popleft()
                    waiting.extendleft(reversed(parts))
                    continue
                pipe.send(*snapshots.request(pipe.keys, batch.queue, batch.ids, batch.indexes))
                copies = snapshots.answer(pipe, batch.queue, batch.ids, batch.indexes)
                copies = snapshots.completed(pipe, copies, snapshots.missing(pipe, copies))
                whole = [copy for copy in copies if copy.fields and copy.fields is not snapshots.NOT_A_HASH]
                if whole:
                    recorder.begin(whole, batch.weight)[1].result()
                self._written += len(whole)
                self._gone += len(copies) - len(whole)
                waiting.popleft()
                self.rest(self.pace.rest_after(time.monotonic() - began))
