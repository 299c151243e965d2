"""Delete and restore histories of schedulers: one script call a batch, each checked again by the server.

In a cluster they live anywhere: each gets a call of its own there, as soon as a node refuses several at once.
"""

from collections.abc import Callable, Sequence

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.schedulers import GRACE, Schedulers, digest
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply, error_of, is_of_another_slot
from archive_tui.store.read.histories import copies as read
from archive_tui.store.write.scripts import load

Answer = tuple[list[Outcome], Exception | None]
"""One outcome for each history, in order; and where the server refused in the middle, what it said."""


def delete(pipe: Pipe, copies: Sequence[Copy], schedulers: Schedulers, *, copied: bool) -> Answer:
    """Delete histories that no living scheduler has, and that are still as they were `copied`. `schedulers` are those
    seen so far, now included: the server looks at them itself as well, if it has all of them.
    """

    def call(part: Sequence[Copy]) -> Answer:
        arguments = [b"%d" % int(schedulers.at), b"%d" % GRACE, pipe.keys.schedulers]
        arguments += [b"%d" % len(schedulers.empty), *schedulers.empty]
        for copy in part:
            arguments += (copy.id, digest(copy.fields) if copied else b"")
        return _outcomes(
            pipe.script(*load("delete_history"), list(map(pipe.keys.history, [copy.id for copy in part])), arguments)
        )

    return _together_or_one_by_one(call, copies)


def restore(pipe: Pipe, copies: Sequence[Copy], now: float) -> Answer:
    """Write histories back where nothing stands in their place. `now` is unix seconds by the server's clock."""

    def call(part: Sequence[Copy]) -> Answer:
        arguments = [b"%d" % int(now * 1000)]
        for copy in part:
            until = b"" if copy.until is None else b"%d" % copy.until
            arguments += (until, b"%d" % len(copy.fields), *copy.fields)
        return _outcomes(
            pipe.script(*load("restore_history"), list(map(pipe.keys.history, [copy.id for copy in part])), arguments)
        )

    return _together_or_one_by_one(call, copies)


def unchanged(pipe: Pipe, copies: Sequence[Copy]) -> list[bool]:
    """Which of these have the very same events in Redis now."""
    there = read(pipe, [copy.id for copy in copies])
    return [now.fields == list(copy.fields) for now, copy in zip(there, copies, strict=True)]


def _together_or_one_by_one(call: Callable[[Sequence[Copy]], Answer], copies: Sequence[Copy]) -> Answer:
    try:
        return call(copies)
    except Exception as error:
        if not is_of_another_slot(error):
            raise
    outcomes: list[Outcome] = []
    for copy in copies:
        some, failure = call([copy])
        outcomes += some
        if failure is not None:
            return outcomes, failure
    return outcomes, None


def _outcomes(reply: Reply) -> Answer:
    outcomes = [Outcome(number) for number in reply if isinstance(number, int)]
    return outcomes, error_of(reply[-1]) if len(outcomes) < len(reply) else None
