"""Delete a batch of any make and wait for it, by the calls a deletion sends: `request` and `answer`."""

from collections.abc import Sequence

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.leftover import is_leftover
from archive_tui.store.write.delete import Doomed, Standing, answer, is_plain, prepare, request


def delete(pipe: Pipe, queue: str, batch: Sequence[Doomed], copies: Sequence[Copy] | None = None) -> list[Outcome]:
    """Delete tasks of one queue and one standing; one outcome for each, in order. With `copies`, the tasks as the
    journal has them, only what is still the same in every field.
    """
    if not batch:
        return []
    prepare(pipe, queue)
    if batch[0].standing is Standing.LEFTOVER and not is_leftover(pipe, queue):
        return [Outcome.QUEUE_AWAKE] * len(batch)
    outcomes: dict[int, int] = {}
    for places in _calls(batch, copies):
        part = [batch[at] for at in places]
        pipe.send([request(pipe.keys, queue, part, None if copies is None else [copies[at] for at in places])])
        said = answer(pipe, len(part))
        if isinstance(said, Exception):
            raise said
        outcomes |= zip(places, said, strict=True)
    return [Outcome(outcomes[at]) for at in range(len(batch))]


def _calls(batch: Sequence[Doomed], copies: Sequence[Copy] | None) -> list[list[int]]:
    """The places of tasks that one call can delete: of one state, alike in form, and none twice."""
    calls: dict[tuple[State | None, bool, int], list[int]] = {}
    met: dict[bytes, int] = {}
    for at, doomed in enumerate(batch):
        times = met[doomed.id] = met.get(doomed.id, 0) + 1
        plain = copies is not None and is_plain(copies[at])
        calls.setdefault((doomed.state, plain, times), []).append(at)
    return list(calls.values())
