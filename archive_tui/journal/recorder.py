"""Where deletions are kept: the journal of a run, its header, and whether there is room for it."""

import getpass
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive_tui.errors import JournalError
from archive_tui.journal import folder as journal_folder
from archive_tui.journal.writer import Writer
from archive_tui.settings.model import Settings
from archive_tui.text import encode, line, readable
from archive_tui.wording.people import size

_SHARE = 0.25
"""About how many bytes a journal takes for a byte in Redis; measured 0.15 to 0.4, by how well the payloads compress."""

_RESERVE = 64 * 1024 * 1024
"""Bytes that a journal leaves free for everybody else."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where journals go, and what the next one says of itself. What `command` says after a colon is not part of the
    file's name.
    """

    folder: Path
    reason: str = ""
    command: str = "delete"

    @classmethod
    def by(cls, settings: Settings, reason: str = "") -> "Keeping | None":
        """What the settings say; None where the journal was turned off."""
        if not settings.journal:
            return None
        return cls(settings.journal_dir or journal_folder.default_folder(), reason)

    def room(self, stored_bytes: int) -> "Room":
        """How much a journal of tasks that take so many bytes in Redis will need, and how much there is."""
        return Room.of(stored_bytes, journal_folder.free_bytes(self.folder))

    def begin(
        self,
        settings: Settings,
        queues: Sequence[str],
        planned: int | None,
        stored_bytes: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> Writer:
        """A new journal. Raises JournalError where there is no room or no permission for it."""
        room = self.room(stored_bytes)
        if not room.enough:
            raise JournalError(
                f"no room for the journal in {line(str(self.folder))}: it needs about {size(room.needed)}, and "
                f"{size(room.free)} are free: make room, or choose another folder with --journal-dir"
            )
        now = datetime.fromtimestamp(clock(), UTC)
        stem = f"{now:%Y%m%dT%H%M%SZ}-{self.command.partition(':')[0].replace(' ', '-')}"
        return Writer.new(self.folder, stem, self.header(settings, queues, planned, clock))

    def header(
        self, settings: Settings, queues: Sequence[str], planned: int | None, clock: Callable[[], float] = time.time
    ) -> Mapping[str, Any]:
        """Who, where, when and why."""
        return {
            "server": settings.address,
            "queues": [readable(encode(queue)) for queue in queues],
            "user": _user(),
            "host": socket.gethostname(),
            "command": self.command,
            "created": moment(clock()),
            "reason": self.reason,
            "planned": planned,
        }


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: an estimate of what is needed, and what is free (None where nobody knows)."""

    needed: int
    free: int | None

    @classmethod
    def of(cls, stored_bytes: int, free: int | None) -> "Room":
        """The room that a journal of tasks takes which take so many bytes in Redis."""
        return cls(int(stored_bytes * _SHARE), free)

    @property
    def enough(self) -> bool:
        """Whether it looks as if there were room."""
        return self.free is None or self.free >= self.needed + _RESERVE


def moment(seconds: float) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
