"""Settings of a demo: its journals and its audit stay beside its server, and go when it goes."""

import os
import stat
from dataclasses import replace
from pathlib import Path

from archive_tui.settings.model import Settings

_FOLDER = "demo-state"


def make_state_folder(directory: Path) -> None:
    """Mark the private directory of a server as that of a demo, by the folder for what is recorded of its changes."""
    (directory / _FOLDER).mkdir(mode=0o700)


def with_demo_state(settings: Settings, *, chosen_journal_dir: Path | None = None) -> Settings:
    """Keep journals and audit in the demo, where the settings lead to one; other settings come back as they are.

    A demo is known by its state folder beside its socket, so that its URL is all that another terminal needs.
    `chosen_journal_dir` is the folder that the user asked for on the command line, and wins.
    """
    folder = _state_folder(settings.socket)
    if folder is None:
        return settings
    return replace(
        settings,
        profile="demo",
        label="embedded server",
        production=False,
        syslog=None,
        audit_file=folder / "audit.jsonl",
        journal_dir=chosen_journal_dir or folder / "journal",
    )


def _state_folder(socket: str | None) -> Path | None:
    """The state folder beside a socket; None where there is none, or where others than its owner may write there."""
    if socket is None:
        return None
    folder = Path(os.path.realpath(socket)).parent / _FOLDER
    try:
        status = folder.lstat()
    except (OSError, ValueError):
        return None
    private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    return folder if private else None
