"""The command line. What a command needs is imported when it runs, so that it starts fast."""

from archive_tui.cli.running import main, run

__all__ = ["main", "run"]
