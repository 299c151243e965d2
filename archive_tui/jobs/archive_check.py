"""The job that checks every id of one archive, to find what is wrong in one that is stuck."""

import time

from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.witness import Witness
from archive_tui.store.link.server import Server
from archive_tui.store.read.index_check import IndexCheck


class ArchiveCheckJob(Job):
    """Check every id of one archive; the findings go into a catalog."""

    def __init__(self, server: Server, catalog: Catalog, queue: str, pace: Pace = Pace.POLITE) -> None:
        super().__init__("check")
        self.catalog = catalog
        self.queue = queue
        self.pace = pace
        self._server = server
        self._witness = Witness(server)
        self._check = IndexCheck([queue], {}, indexes=[State.ARCHIVED.value])

    @property
    def fraction(self) -> float:
        """The part of the archive that was checked, from 0 to 1."""
        return self._check.fraction

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        if self._witness.look():  # a cursor means nothing to another server process
            self._check.restart()
            self.catalog.clear()
        with self._server.pipe() as pipe:
            self.connected()
            while not self._check.done:
                self.checkpoint()
                began = time.monotonic()
                self.catalog.add(self._check.step(pipe).rows)
                self.rest(self.pace.rest_after(time.monotonic() - began))
