"""The rows of what a change has deleted, on their way out of the catalog."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.seqs import seqs_of

_REMOVED_AT_ONCE = 5_000
_REMOVED_EVERY = 0.2
"""Rows, and seconds, after which the catalog is rid of what is gone."""


class GoneRows:
    """Takes the rows of what is gone out of the catalog, some thousand at once and beside the change."""

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._waiting = seqs_of()  # where others need the processor, hundreds of thousands wait
        self._removed_at = 0.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._removing: Future[None] | None = None

    def add(self, seqs: Sequence[int]) -> None:
        """Note rows by their numbers."""
        self._waiting.extend(seqs)

    def remove(self) -> None:
        """Begin to remove what was noted, where that is enough or has waited for long enough."""
        now = time.monotonic()
        due = len(self._waiting) >= _REMOVED_AT_ONCE or now - self._removed_at >= _REMOVED_EVERY
        if self._waiting and due and (self._removing is None or self._removing.done()):
            self._removed_at = now
            self._begin()

    def close(self) -> None:
        """Remove all that is left, and wait for it."""
        if self._waiting:
            self._begin()
        if self._removing is not None:
            self._removing.result()
        self._pool.shutdown()

    def _begin(self) -> None:
        if self._removing is not None:
            self._removing.result()
        seqs, self._waiting = self._waiting, seqs_of()
        if self._catalog is not None:
            self._removing = self._pool.submit(self._catalog.remove, seqs)
