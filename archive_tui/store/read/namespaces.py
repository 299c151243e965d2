"""Other installations in the same database: forks of Asynq keep their keys under a prefix (`billing:asynq:{q}:t:…`).

Some are said to put ids into the unprefixed indexes of a queue. There such an id looks like a ghost, and is somebody's
task. Reads only.
"""

from collections.abc import Collection, Sequence

from archive_tui.asynq import keys
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_not_permitted
from archive_tui.store.read.keyspace import pages


def prefixes(pipe: Pipe) -> list[bytes]:
    """What stands before `asynq:` in the keys of queues, sorted; walks over the whole keyspace."""
    found = {keys.namespace_of(key) for page in pages(pipe, keys.prefixed_pattern()) for key in page}
    return sorted(found - {b""})


def elsewhere(pipe: Pipe, known: Collection[bytes], queue: str, ids: Sequence[bytes]) -> dict[bytes, bytes]:
    """Those of some ids that have task data under one of these prefixes, each with its key there; also where this user
    may not look.
    """
    there = [(task_id, prefix + keys.task(queue, task_id)) for task_id in ids for prefix in known]
    exist = pipe.call([(b"EXISTS", key) for _, key in there], errors="return")
    return {task_id: key for (task_id, key), one in zip(there, exist, strict=True) if one == 1 or is_not_permitted(one)}
