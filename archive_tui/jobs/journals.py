"""Jobs that read journals: the list of a folder, and the tasks of one."""

import time
from dataclasses import dataclass
from pathlib import Path

from archive_tui.asynq import large_message, schedulers
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.outcomes import VERBS, Outcome
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import State
from archive_tui.asynq.task import Task, UniqueLock, seconds_of
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.errors import NotFoundError
from archive_tui.jobs.job import Job, JobState
from archive_tui.journal import folder as journal_folder
from archive_tui.journal.folder import Listed
from archive_tui.journal.reader import Journal, Outline
from archive_tui.text import line

_MADE = {"exported"} | {verb.name(outcome) for verb in VERBS.values() for outcome in Outcome if outcome.done}


def tasks_of(listed: Listed) -> int | None:
    """The number of tasks that a run changed or exported; None: it did not end by itself."""
    if listed.ending is None:
        return None
    return sum(count for name, count in listed.ending.counts.items() if name in _MADE)


class FolderJob(Job):
    """List the journals of a folder: `journals` is there when the job has ended, the newest first."""

    def __init__(self, folder: Path) -> None:
        super().__init__("journals")
        self.journals: list[Listed] = []
        self._folder = folder

    def work(self) -> None:
        self.journals = journal_folder.listed(self._folder)


@dataclass(frozen=True, slots=True)
class JournalProgress:
    """Progress of reading a journal; counts of tasks."""

    state: JobState
    """State of the job."""

    read: int = 0
    """Tasks read."""

    back: int = 0
    """Tasks that were restored before; they are no rows, unless the job was made with `again`."""

    kept: int = 0
    """Tasks that the run did not change; they are no rows."""

    unsure: int = 0
    """Tasks of batches whose outcome the journal does not hold."""


class JournalJob(Job):
    """Read what can be restored from a journal into a catalog; with `again`, also what was restored before."""

    def __init__(self, path: Path, catalog: Catalog, *, again: bool = False) -> None:
        super().__init__("journal")
        self.path = path
        self.catalog = catalog
        self._again = again
        self.journal: Journal | None = None
        self.outline: Outline | None = None
        self._read = self._back = self._kept = self._unsure = 0

    @property
    def progress(self) -> JournalProgress:
        """The progress now; safe to read from any thread."""
        return JournalProgress(self.state, self._read, self._back, self._kept, self._unsure)

    def work(self) -> None:
        self.connected()
        self.journal = journal = Journal(self.path)
        self.outline = outline = journal.outline()
        keys = Keys(journal.header.namespace)
        self.catalog.clear()
        for batch, copies in journal.batches(outline):
            self.checkpoint()
            may = outline.restorable(batch)
            ever = outline.restorable(batch, again=True)
            shown = ever if self._again else may
            self.catalog.add([row_of_copy(keys, copy) for copy, able in zip(copies, shown, strict=True) if able])
            self._read += len(copies)
            self._kept += ever.count(False)
            self._back += ever.count(True) - may.count(True)
            if batch not in outline.outcomes and not journal.header.is_export:
                self._unsure += len(copies)

    def task(self, queue: str, task_id: bytes) -> Task:
        """One task in full, as it stood when it was deleted; blocks. Raises NotFoundError."""
        copy = None
        if self.journal is not None and self.outline is not None:
            copy = self.journal.find(self.outline, queue, task_id)
        if copy is None:
            raise NotFoundError(f"the journal holds no task {line(task_id)!r} of queue {line(queue)!r}")
        return task_of(copy)


def row_of_copy(keys: Keys, copy: Copy) -> TaskRow:
    """The row of a copy: a task, or the history of a scheduler."""
    if copy.queue == INSTALLATION and copy.fields:
        return schedulers.of_content(keys, copy.id, copy.fields).row(kind=None)
    return row_of(
        copy.queue,
        copy.id,
        State.parse(copy.field(b"state")),
        copy.field(b"msg"),
        scored_at=_died_at(copy),
        key_bytes=len(keys.task(copy.queue, copy.id)),
    )


def _died_at(copy: Copy) -> int | None:
    """When a task was archived; None where its score means another time, such as when a completed task expires."""
    archived = copy.stood is not None and copy.stood.value == State.ARCHIVED.value
    return seconds_of(copy.score) if archived and copy.score is not None else None


def task_of(copy: Copy) -> Task:
    """Make the task in full that a copy was taken of. Its lock counts as held until it expires."""
    raw = copy.field(b"msg")
    stands_in: dict[str, float | None] = {}
    if copy.index_name:
        stands_in[copy.index_name] = float(copy.score) if copy.score is not None else None
    lock = None
    if copy.lock is not None:
        seconds_left = copy.lock_until / 1000 - time.time() if copy.lock_until is not None else None
        lock = UniqueLock(copy.lock, copy.id if seconds_left is None or seconds_left > 0 else None, seconds_left)
    fields = dict(zip(copy.fields[::2], copy.fields[1::2], strict=True))
    message, large_payload = large_message.read(raw)
    return Task(
        copy.queue,
        copy.id,
        State.parse(fields.get(b"state")),
        fields,
        message,
        stands_in,
        lock,
        expires_at=copy.until / 1000 if copy.until is not None else None,
        fields_expire_at={name: until / 1000 for name, until in (copy.field_until or {}).items()},
        large_payload=large_payload,
    )
