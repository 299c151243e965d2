"""The journal of one run: header, room, batches in before they are changed, their outcomes after, the last line."""

import getpass
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive_tui.asynq.installation import written
from archive_tui.asynq.outcomes import EDIT, RUN
from archive_tui.asynq.task_copy import Copy
from archive_tui.errors import JournalError
from archive_tui.journal import format, place
from archive_tui.journal.outcomes import command_of
from archive_tui.journal.writer import Writer
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, namespace_field
from archive_tui.text import line
from archive_tui.wording.people import size
from archive_tui.wording.programs import moment

_SHARE = 0.25
"""About how many bytes a journal takes for a byte in Redis; measured 0.15 to 0.4, by how well the payloads compress."""

_RESERVE = 64 * 1024 * 1024
"""Bytes that a journal leaves free for everybody else."""

_LARGE = 8 * 1024 * 1024
"""Bytes of a batch above which its lines are not all made at once."""


@dataclass(frozen=True, slots=True)
class Run:
    """Who, where, when and why: what a journal says of itself in its first line."""

    server: str
    """The address, without secrets."""

    command: str
    """What is done; what it says after a colon is not part of the file's name."""

    queues: Sequence[str]

    planned: int | None
    """How many tasks the plan has; None where nobody knows beforehand."""

    reason: str = ""

    continues: str = ""
    """The name of the journal whose change it resumes; empty where it resumes none."""

    namespace: str = DEFAULT_NAMESPACE
    """The namespace of the queues."""

    watchers: Sequence[str] = ()
    """The addresses of the Sentinels that named the server; empty for none."""

    nodes: Collection[str] = ()
    """The names that the nodes of the cluster have for themselves; empty for a single server."""

    def header(self, now: float) -> Mapping[str, Any]:
        """The first line. `now` is unix seconds."""
        namespace = namespace_field(self.namespace)
        versions = {RUN.base: format.RUN_VERSION, EDIT.base: format.EDIT_VERSION}
        version = max(versions.get(command_of(self.command), 0), format.NAMESPACE_VERSION if namespace else 0)
        return {
            **({"version": version} if version else {}),
            "server": self.server,
            **namespace,
            "queues": [written(queue) for queue in self.queues],
            "user": _user(),
            "host": socket.gethostname(),
            "command": self.command,
            "created": moment(now),
            "reason": self.reason,
            "planned": self.planned,
            **({"continues": self.continues} if self.continues else {}),
            **({"sentinels": list(self.watchers)} if self.watchers else {}),
            **({"nodes": sorted(self.nodes)} if self.nodes else {}),
        }


class Recorder:
    """One journal, from its header to its last line. A batch without a `done` line has an unknown outcome; restore
    relies on that. Not for several threads at once.
    """

    def __init__(self, writer: Writer, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._clock = clock
        self.path = writer.path

    @classmethod
    def in_folder(cls, folder: Path, run: Run, stored_bytes: int, clock: Callable[[], float]) -> "Recorder":
        """Begin a journal in a folder, which is made where it is missing. `stored_bytes` is what the tasks take in
        Redis. Raises JournalError where there is no room or no permission for it.
        """
        room = Room.of(stored_bytes, place.free_bytes(folder))
        if not room.enough:
            raise JournalError(
                f"no room for the journal in {line(str(folder))}: it needs about {size(room.needed)}, and "
                f"{size(room.free)} are free: make room, or choose another folder with --journal-dir"
            )
        now = clock()
        stem = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{command_of(run.command).replace(' ', '-')}"
        return cls(Writer.new(folder, stem, run.header(now)), clock)

    @classmethod
    def at(cls, path: Path, run: Run, clock: Callable[[], float]) -> "Recorder":
        """Begin an export in a new file: one gzip member, or plain by its name. Raises JournalError."""
        return cls(Writer(path, run.header(clock()), whole=True), clock)

    @property
    def empty(self) -> bool:
        """Whether no task was written down yet."""
        return not self._writer.batches

    def begin(self, copies: Sequence[Copy], weight: int) -> "tuple[int, Future[None]]":
        """Begin to write a batch of about `weight` bytes; returns its number, and what to wait for before anything of
        it is changed: the disk has it then. The future raises JournalError.
        """
        add = self._writer.add_large if weight > _LARGE else self._writer.add
        return add(copies)

    def done(self, batch: int, codes: str) -> None:
        """Say what became of a batch, a code for each of its tasks; written with the next batch, or at the end."""
        self._writer.done(batch, codes)

    def flush(self) -> None:
        """Write what is still to be said of earlier batches, so that a reader sees it. Raises JournalError."""
        self._writer.flush()

    def close(self, state: str, counts: Mapping[str, int]) -> None:
        """Write how the run ended. Raises JournalError."""
        self._writer.close({"end": moment(self._clock()), "state": state, "counts": dict(counts)})

    def remove(self) -> None:
        """Remove the closed file: there is nothing in it."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Room:
    """Room for a journal, in bytes."""

    needed: int
    """An estimate."""

    free: int | None
    """None where nobody knows."""

    @classmethod
    def of(cls, stored_bytes: int, free: int | None) -> "Room":
        """The room for a journal of tasks that take so many bytes in Redis."""
        return cls(int(stored_bytes * _SHARE), free)

    @property
    def enough(self) -> bool:
        """Whether it looks as if there were room."""
        return self.free is None or self.free >= self.needed + _RESERVE


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
