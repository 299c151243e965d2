"""What a start imports before the first queues are on the screen, and what comes behind them: see `tui/ahead.py`."""

import subprocess
import sys

START = "import archive_tui.cli, archive_tui.session, archive_tui.destinations, archive_tui.tui.app"
LATER = {
    "archive_tui.catalog",
    "archive_tui.changes",
    "archive_tui.comparison",
    "archive_tui.embedded.server",
    "archive_tui.jobs.scan",
    "archive_tui.journal.reader",
    "archive_tui.payloads",
    "archive_tui.store.link.cluster",
    "archive_tui.store.link.diagnosis",
    "archive_tui.store.link.sentinels",
    "archive_tui.store.link.tls",
    "archive_tui.store.write",
    "archive_tui.tui.dialogs.confirm",
    "archive_tui.tui.screens.scan",
    "archive_tui.tui.screens.tasks",
    "archive_tui.tui.task",
    "google",
    "multiprocessing",
    "sqlite3",
}


def modules_after(statements: str) -> set[str]:
    """The modules that are there after some statements in a fresh interpreter."""
    code = f"{statements}; import sys; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


def test_the_first_queues_wait_for_no_module_that_shows_nothing_of_them() -> None:
    found = modules_after(START)
    assert "archive_tui.tui.screens.queues" in found
    assert sorted(found & LATER) == []


def test_what_keys_open_is_imported_ahead() -> None:
    ahead = "from archive_tui.tui.ahead import import_ahead; import_ahead().join()"
    found = modules_after(f"{START}; {ahead}")
    # What a dump, a cluster, Sentinels and TLS need was imported as one connected, or is not needed at all
    later_still = ("archive_tui.embedded.", "archive_tui.store.link.")
    assert {name for name in LATER - found if not name.startswith(later_still)} == set()
