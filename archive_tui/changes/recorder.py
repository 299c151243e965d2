"""The journal beside a job that changes a little at a time: write down, wait for the disk, change, tell the outcome."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from archive_tui.asynq.task_copy import Copy
from archive_tui.jobs.job import JobState
from archive_tui.journal.recorder import Keeping, moment
from archive_tui.settings.model import Settings
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import snapshots as reading

_PORTION_BYTES = 4 * 1024 * 1024
_LARGE = 8 * 1024 * 1024


class Ledger:
    """One journal, from its header to its last line. A batch of which nothing more is said is one of which nobody
    knows what became of it: that is how a restore reads it.
    """

    def __init__(
        self,
        keeping: Keeping,
        settings: Settings,
        queues: Sequence[str],
        planned: int | None,
        stored_bytes: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises JournalError where there is no room or no permission for it."""
        self._clock = clock
        self._writer = keeping.begin(settings, queues, planned, stored_bytes, clock)
        self._path: Path | None = self._writer.path

    @property
    def path(self) -> Path | None:
        """The file; None once it was closed with nothing in it."""
        return self._path

    def keep(self, copies: Sequence[Copy]) -> int:
        """Write a batch, and wait until the disk has it; returns its number. Raises JournalError: then nothing of it
        may be changed.
        """
        large = sum(len(value) for copy in copies for value in copy.fields) > _LARGE
        batch, kept = (self._writer.add_large if large else self._writer.add)(copies)
        kept.result()
        return batch

    def done(self, batch: int, outcomes: str) -> None:
        """Say what became of a batch, a digit for each of its tasks."""
        self._writer.done(batch, outcomes)

    def close(self, state: JobState, counts: Mapping[str, int]) -> None:
        """Write how the run ended; a journal with nothing in it is removed. Raises JournalError."""
        self._writer.close({"end": moment(self._clock()), "state": state.value, "counts": dict(counts)})
        if not self._writer.batches:
            self._writer.path.unlink(missing_ok=True)
            self._path = None


def portions(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> Iterator[range]:
    """Tasks in parts that may be in memory at once, as ranges of their places; a larger task is a part of its own."""
    start, total = 0, 0
    for at, size in enumerate(reading.sizes(pipe, queue, ids)):
        if at > start and total + size > _PORTION_BYTES:
            yield range(start, at)
            start, total = at, 0
        total += size
    if start < len(ids):
        yield range(start, len(ids))
