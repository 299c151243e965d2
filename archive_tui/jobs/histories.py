"""The job that finds the stale histories of schedulers alone, without a scan of the queues."""

import time

from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.server import Server
from archive_tui.store.read.histories import stale_among
from archive_tui.store.read.keyspace import pages
from archive_tui.store.read.schedulers import look, settled


class HistoryJob(Job):
    """Walk the keyspace for histories, and keep the stale ones in a catalog. `unsure` and `why_unsure` are those of
    `ScanProgress`.
    """

    def __init__(self, server: Server, catalog: Catalog, pace: Pace = Pace.POLITE) -> None:
        super().__init__("histories")
        self.catalog = catalog
        self.pace = pace
        self.unsure = 0
        self.why_unsure = ""
        self._server = server

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        """From the start each time: another server process may answer, to which a cursor means nothing."""
        self.catalog.clear()
        met: dict[bytes, None] = {}  # SCAN may return a key twice
        with self._server.pipe() as pipe:
            self.connected()
            before = look(pipe)
            began = time.monotonic()
            for found in pages(pipe, pipe.keys.histories_pattern()):
                met |= dict.fromkeys(found)
                self._rest(began)
                began = time.monotonic()
            schedulers = settled(pipe, self.rest, before)
            unsure = 0
            for judged in stale_among(pipe, list(met), schedulers):
                self.catalog.add([one.row() for one in judged.stale])
                unsure += judged.unsure
                self._rest(began)
                began = time.monotonic()
        self.unsure, self.why_unsure = unsure, schedulers.why_unsure if unsure else ""

    def _rest(self, began: float) -> None:
        self.checkpoint()
        self.rest(self.pace.rest_after(time.monotonic() - began))
