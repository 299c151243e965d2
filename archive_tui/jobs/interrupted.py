"""The job that looks for changes that were interrupted."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tui.jobs.job import Job

if TYPE_CHECKING:
    from archive_tui.journal.folder import Listed
    from archive_tui.settings.model import Settings


class InterruptedJob(Job):
    """Look for changes that were interrupted, of a server or of the cluster that has `nodes`: `found` is there when the
    job has ended, the newest first.
    """

    def __init__(self, folder: Path, settings: Settings, nodes: Collection[str] = ()) -> None:
        super().__init__("interrupted")
        self.found: list[Listed] = []
        self._folder = folder
        self._settings = settings
        self._nodes = nodes

    def work(self) -> None:
        # Here, off the UI loop: a journal takes much to be read
        from archive_tui.journal import folder as journal_folder
        from archive_tui.journal.interrupted import interrupted

        self.found = interrupted(journal_folder.listed(self._folder), self._settings, self._nodes)
