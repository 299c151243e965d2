"""Register a leftover queue again, or delete its keys, as long as it is one."""

from collections.abc import Sequence

from archive_tui.asynq.ownership import is_tangled
from archive_tui.asynq.states import State
from archive_tui.errors import RefusedError
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_of_another_slot, is_refusal, raise_first
from archive_tui.store.read import owners
from archive_tui.store.read.leftover import is_leftover
from archive_tui.text import encode, line

_TO_DO = (State.PENDING, State.ACTIVE, State.SCHEDULED, State.RETRY)


def register(pipe: Pipe, queue: str) -> bool:
    """Put a queue back into `asynq:queues`, so that Asynq's tools show it and a server that serves it expires what is
    completed. False where it was registered already.
    """
    return bool(pipe.one(b"SADD", pipe.keys.queues, encode(queue)))


def remove(pipe: Pipe, queue: str, doomed_keys: Sequence[bytes]) -> int:
    """Delete keys of a queue in one atomic step, provided that it is a leftover queue at that moment; returns how many
    there were. Raises RefusedError where it is none any more, or a registered queue has one of them.
    """
    if not doomed_keys:
        return 0
    watched = [pipe.keys.queues, *[pipe.keys.index(queue, state) for state in _TO_DO]]
    (reply,) = pipe.call([(b"WATCH", *watched)], errors="return")
    # In a cluster the set of queues lives elsewhere: then the check a moment before must do for it
    if is_of_another_slot(reply):
        (reply,) = pipe.call([(b"WATCH", *watched[1:])], errors="return")
    if isinstance(reply, Exception) and not (is_refusal(reply) or is_of_another_slot(reply)):
        raise reply
    try:
        if not is_leftover(pipe, queue):
            raise RefusedError(f"queue {line(queue)!r} is no leftover any more: somebody uses it")
        ownership = owners.ownership(pipe)
        for key in filter(is_tangled, doomed_keys):
            if claims := ownership.registered_claims(key):
                raise RefusedError(
                    f"{line(key)!r} is a key of queue {line(claims[-1].queue)!r}, which was registered meanwhile: "
                    "clean up again"
                )
        *queued, result = pipe.call([(b"MULTI",), (b"UNLINK", *doomed_keys), (b"EXEC",)], errors="return")
        raise_first([*queued, result])
    finally:
        pipe.call([(b"UNWATCH",)], errors="return")
    if result is None:
        raise RefusedError(f"queue {line(queue)!r} is no leftover any more: somebody has just used it")
    return int(result[0])
