"""Leases of active tasks: by them Asynq takes a task from a worker that died. What has none is never recovered.

Asynq recovers what is active by its lease (`ListLeaseExpired`, 0.22 to 0.26.0), and by its entry in `deadlines` before
that (0.18 to 0.21). One script takes a task, and puts its id into `active` and there: an id that stands in `active` and
in neither of them at one moment was not taken just now. Reads only.
"""

from collections.abc import Sequence

from archive_tui.asynq.keys import Keys
from archive_tui.store.link.consistent_read import Moment, read_together
from archive_tui.store.link.pipe import Pipe


def sets(keys: Keys, queue: str) -> tuple[bytes, bytes]:
    """The sorted sets through which active tasks are recovered."""
    return keys.lease(queue), keys.deadlines(queue)


def without(ids: Sequence[bytes], *moments: Moment) -> set[bytes]:
    """The ids that stood in none of the sets that were asked for them, at none of these moments."""
    held = {
        task_id
        for moment in moments
        for scores in moment.scores
        for task_id, score in zip(ids, scores, strict=True)
        if score is not None
    }
    return set(ids) - held


def unrecoverable(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> set[bytes]:
    """Those of some active tasks that had neither lease nor deadline a moment ago; one round trip."""
    return without(ids, *read_together(pipe, [], [(key, ids) for key in sets(pipe.keys, queue)]))
