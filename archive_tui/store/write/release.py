"""Release stale locks: one script call a batch, each lock and its holder checked again by the server."""

from collections.abc import Sequence

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import fingerprint
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write.scripts import load


def release(pipe: Pipe, queue: str, rows: Sequence[TaskRow]) -> list[Outcome]:
    """Delete stale locks of one queue; one outcome for each, in order. One that its holder has lost is gone."""
    holders = pipe.call([(b"GET", row.id) for row in rows], errors="return")
    held = [
        (number, row.id, holder)
        for number, (row, holder) in enumerate(zip(rows, holders, strict=True))
        if isinstance(holder, bytes) and fingerprint(holder) == row.fingerprint
    ]
    outcomes = [Outcome.GONE] * len(rows)
    if held:
        names = [key for _, lock, holder in held for key in (lock, pipe.keys.task(queue, holder))]
        arguments = [pipe.keys.prefix(queue), *[holder for _, _, holder in held]]
        for (number, _, _), outcome in zip(held, pipe.script(*load("release"), names, arguments), strict=True):
            outcomes[number] = Outcome(outcome)
    return outcomes
