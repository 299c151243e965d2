"""A change that another server process has undone: one that was started anew, or a replica that took over, may never
have heard of what the one before had acknowledged last.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes.change import Correction
from archive_tui.errors import ReplicaError
from archive_tui.journal.outcomes import OUTCOMES, UNKNOWN, was_deleted
from archive_tui.journal.reader import Journal
from archive_tui.journal.recorder import Recorder
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.write import restore as store

PATIENCE = 15.0
"""Seconds for which a report waits for a takeover: about eleven after `SENTINEL FAILOVER`, the old primary becomes a
replica (Redis 7.0.15).
"""


def caution(did: str, now: str) -> str:
    """The warning where nobody can know what the new server has heard of."""
    return f"another server answers than the one that began: what that one had {did} last may be {now}; scan to see it"


class Undone(NamedTuple):
    """A batch of a journal, compared with what another server holds."""

    batch: int
    """Its number."""

    tasks: list[tuple[Copy, Outcome]]
    """Its tasks that are as they were although they were changed, each with the outcome that it had."""

    codes: str
    """The codes that the journal must have for the batch now: nobody knows what the server keeps of `tasks` in the end.
    """


Comparing = Callable[[Pipe, Sequence[Copy]], list[bool]]
"""Tells which of some tasks stand in Redis as they were before the change."""


def undone(pipe: Pipe, path: Path, as_before: Comparing) -> Iterator[Undone]:
    """Every batch of a journal that is being written, compared with what the server holds. A new task under the same id
    is not the one that was changed.
    """
    journal = Journal(path)
    outline = journal.outline()
    for batch, copies in journal.batches(outline):
        codes = list(outline.outcomes.get(batch, ""))
        places = [at for at, code in enumerate(codes) if was_deleted(code)]
        unchanged = as_before(pipe, [copies[at] for at in places])
        tasks = []
        for at, there in zip(places, unchanged, strict=True):
            if there:
                tasks.append((copies[at], OUTCOMES[codes[at]]))
                codes[at] = UNKNOWN
        yield Undone(batch, tasks, "".join(codes))


def corrections(pipe: Pipe, recorder: Recorder, as_before: Comparing = store.unchanged) -> Iterator[list[Correction]]:
    """What is as it was before a change, by its own journal, which is put right after each batch."""
    recorder.flush()
    for back in undone(pipe, recorder.path, as_before):
        yield [Correction(copy.queue, copy.id, before, Outcome.BACK) for copy, before in back.tasks]
        if back.tasks:
            recorder.done(back.batch, back.codes)


def demoted(error: ReplicaError, what: str) -> ReplicaError:
    """The error of a server that became a replica while a job changed something on it."""
    return ReplicaError(f"{error}. It was the primary until now: {what}")


def may_be_under_way(info: ServerInfo) -> bool:
    """Whether a replica may have taken over from this server. A planned failover by Sentinel cuts all replicas off from
    the old primary, and leaves it taking writes that are lost: 25,000 of 30,000 deletions, seen with Redis 7.0.15.
    """
    return info.role == "primary" and info.replicas == 0 and info.had_replicas


def doubt(before: ServerInfo, now: ServerInfo, what: str) -> str:
    """The warning where a server ends a change otherwise than it began it; empty where there is no reason for one.
    `what` may have happened to the change.
    """
    if before.role == "primary" and now.role == "replica":
        return f"the server was the primary until now, and is a replica: {what}"
    if before.replicas and now.replicas == 0:
        return f"the server has lost its replicas since it began; if one of them took over: {what}"
    return ""
