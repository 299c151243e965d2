"""What all exports are: a selection of rows, written task by task to a file of its own form."""

from dataclasses import dataclass

from archive_tui.catalog.selection import Selection
from archive_tui.jobs.job import Job, JobState, Leaving
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.server import Server


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """Progress of an export; counts of tasks."""

    state: JobState
    """State of the job."""

    planned: int
    """Tasks to be written."""

    written: int = 0
    """Tasks written."""

    gone: int = 0
    """Tasks that had no data any more. A form for other programs has what is known of them all the same."""

    trouble: str = ""
    """Why the job waits for the server; empty: it does not."""


class Exporting(Job):
    """Writes a selection of rows; how, its kinds say."""

    def __init__(self, name: str, server: Server, selection: Selection, pace: Pace) -> None:
        super().__init__(name)
        self._server = server
        self._selection = selection
        self.pace = pace
        """How much of the server's time it takes; may change while it runs."""
        self._written = self._gone = 0

    @property
    def doing(self) -> str:
        return f"exporting {self._written:,} of {len(self._selection):,}"

    @property
    def leaving(self) -> Leaving:
        return Leaving("An export is running", "What was written so far stays in the file; the rest is not written.")

    @property
    def progress(self) -> ExportProgress:
        """The progress now; safe to read from any thread."""
        return ExportProgress(self.state, len(self._selection), self._written, self._gone, self.trouble)
