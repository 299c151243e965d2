"""Every use that the benchmark makes of the screens, in one place."""

from typing import Any

from data import QUEUE
from textual import events

from archive_tui.jobs.pace import Pace
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.tui.app import ArchiveApp, share_the_interpreter

_CHARACTERS = {"slash": "/", "asterisk": "*"}


class ScanOnScreen:
    """The scan screen, as far as the benchmark plays with it."""

    def __init__(self, settings: Settings) -> None:
        self.session = Session(settings)
        self.session.open()
        share_the_interpreter()
        self.app = ArchiveApp(self.session)
        self.rows: Any = None

    def press(self, key: str) -> None:
        """Press a key and go on at once, as a person does; the pilot would wait until nothing moves any more."""
        driver = self.app._driver
        assert driver is not None
        event = events.Key(key, key if len(key) == 1 else _CHARACTERS.get(key))
        event.set_sender(self.app)
        driver.send_message(event)

    def check(self) -> None:
        """A defect that the app has met ends the benchmark with it."""
        if self.app.failure is not None:
            raise self.app.failure

    @property
    def ready(self) -> bool:
        """Whether the queues are on screen."""
        return self.session.watch.overview.read_at is not None

    def open(self) -> None:
        """Open the scan of the queue."""
        self.app.open_scan(QUEUE)

    def opened(self) -> bool:
        """Whether it is on screen."""
        self.rows = self.app.screen
        return type(self.rows).__name__ == "ScanScreen" and bool(self.rows.is_mounted)

    @property
    def at_full_pace(self) -> bool:
        """Whether its jobs leave the server no rest; the key `p` changes the pace."""
        return self.rows.flow.pace is Pace.FULL

    @property
    def scanned(self) -> bool:
        """Whether the scan has ended."""
        return bool(self.rows.tasks.complete)

    @property
    def settled(self) -> bool:
        """Whether the table shows what was asked for last, and all of it."""
        rows = self.rows.tasks
        return rows.view.query == rows.query_now and rows.view.version == rows.catalog.version

    @property
    def shown(self) -> int:
        """How many rows the table has."""
        return len(self.rows.tasks.view)

    @property
    def marked(self) -> int:
        """How many rows are marked."""
        return len(self.rows.marks.marked)

    def sort_by(self, column: str) -> None:
        """Choose a column to sort by."""
        self.rows.tasks.sort_by(column)

    @property
    def confirming(self) -> bool:
        """Whether the plan of a deletion is open."""
        return type(self.app.screen).__name__ == "ConfirmDialog"

    @property
    def reported(self) -> bool:
        """Whether the report of a deletion is open."""
        return type(self.app.screen).__name__ == "ReportDialog"
