"""Other installations in the same database: forks of Asynq keep their keys under a prefix (`billing:asynq:{q}:t:…`).

Some are said to put ids into the unprefixed indexes of a queue. There such an id looks like a ghost, and is somebody's
task. Reads only.
"""

from collections.abc import Callable, Collection, Sequence

from archive_tui.asynq import keys
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_not_permitted
from archive_tui.store.read.keyspace import pages


def prefixes(pipe: Pipe, after_page: Callable[[], None] = lambda: None) -> list[bytes]:
    """What stands before `asynq:` in the keys of queues, sorted; walks over the whole keyspace."""
    found: set[bytes] = set()
    for page in pages(pipe, keys.prefixed_pattern()):
        found |= {keys.namespace_of(key) for key in page}
        after_page()
    return sorted(found - {b""})


def elsewhere(pipe: Pipe, known: Collection[bytes], queue: str, ids: Sequence[bytes]) -> dict[bytes, bool]:
    """Those of some ids that have task data under one of these prefixes; False where this user may not see whether
    they do.
    """
    there = [(task_id, prefix + pipe.keys.task(queue, task_id)) for task_id in ids for prefix in known]
    replies = pipe.call([(b"EXISTS", key) for _, key in there], errors="return")
    found: dict[bytes, bool] = {}
    for (task_id, _), reply in zip(there, replies, strict=True):
        if reply == 1 or is_not_permitted(reply):
            found[task_id] = found.get(task_id, False) or reply == 1
    return found
