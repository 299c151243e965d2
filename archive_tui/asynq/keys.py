"""The names of Asynq's keys (docs/asynq-storage.md). Keys and ids are bytes, queue names `text.decode`d strings."""

import re

from archive_tui.asynq.states import State
from archive_tui.text import decode, encode

QUEUES = b"asynq:queues"
"""The set of registered queues. It has no hash tag: in a cluster it lives apart from the queues."""

SERVERS = b"asynq:servers"
"""The sorted set of the keys under which running Asynq servers say what they are doing."""

_GLOB = re.compile(rb"([*?\[\]\\^-])")
_QUEUE_KEY = re.compile(
    rb"asynq:\{(.+?)\}:(?:t:|unique:|g:|groups$|aggregation_sets$|lease$|paused$|processed|failed"
    rb"|pending$|active$|scheduled$|retry$|archived$|completed$|dead$|deadlines$)",
    re.DOTALL,
)


def prefix(queue: str) -> bytes:
    """The start of every key of a queue; the braces are the hash tag that keeps them in one cluster slot."""
    return b"asynq:{" + encode(queue) + b"}:"


def task_prefix(queue: str) -> bytes:
    """The start of every task data key of a queue."""
    return prefix(queue) + b"t:"


def task(queue: str, task_id: bytes) -> bytes:
    """The hash that holds the data of one task."""
    return task_prefix(queue) + task_id


def index(queue: str, state: State) -> bytes:
    """The list or sorted set of the tasks in a state. Tasks that aggregate have one set a group instead: `group`."""
    if state is State.AGGREGATING:
        raise ValueError("aggregating tasks stand in their group's set")
    return prefix(queue) + state.value.encode()


def lease(queue: str) -> bytes:
    """The sorted set of active tasks by the time when their lease runs out."""
    return prefix(queue) + b"lease"


def deadlines(queue: str) -> bytes:
    """The sorted set of active tasks by their deadline, which Asynq 0.18 to 0.21 keeps in the place of `lease`."""
    return prefix(queue) + b"deadlines"


def groups(queue: str) -> bytes:
    """The set of group names of a queue."""
    return prefix(queue) + b"groups"


def group(queue: str, name: bytes) -> bytes:
    """The sorted set of the tasks that wait in one group."""
    return prefix(queue) + b"g:" + name


def aggregation_sets(queue: str) -> bytes:
    """The sorted set whose members are the keys of the sets that are being aggregated right now."""
    return prefix(queue) + b"aggregation_sets"


def paused(queue: str) -> bytes:
    """The key that is present while the queue is paused."""
    return prefix(queue) + b"paused"


def unique_prefix(queue: str) -> bytes:
    """The start of the unique locks of a queue."""
    return prefix(queue) + b"unique:"


def failed_on(queue: str, day: str) -> bytes:
    """The counter of failures on a UTC day, written `yyyy-mm-dd`; Asynq keeps it 90 days."""
    return prefix(queue) + b"failed:" + day.encode()


def processed_on(queue: str, day: str) -> bytes:
    """The counter of processed tasks, failed ones included, on a UTC day."""
    return prefix(queue) + b"processed:" + day.encode()


def old_pending(queue: str) -> bytes:
    """The list of pending messages up to Asynq 0.17."""
    return prefix(queue)[:-1]


def old_pending_of(key: bytes) -> str | None:
    """The queue whose list of pending messages a key may be; None for any other key."""
    plain = key.startswith(b"asynq:{") and key.endswith(b"}") and len(key) > 8 and NAME_END not in key
    return decode(key[7:-1]) if plain else None


def old_archive(queue: str) -> bytes:
    """The archive up to Asynq 0.13, a sorted set of messages."""
    return prefix(queue) + b"dead"


def tasks_pattern(
    queue: str | None = None, *, groups: bool = False, locks: bool = False, histories: bool = False
) -> bytes:
    """A MATCH pattern for the task data of one queue, or of all, and if wanted for the sets of groups as well; glob
    characters in the name are escaped. With `locks` it meets both and the unique locks, and may meet keys that Asynq
    does not write. With `histories`, of all queues, it meets groups and the histories of schedulers, whose entries have
    random ids, and the counters of failures.
    """
    if histories and queue is None:
        return b"asynq:[{s]*[}y]:[0-9a-fgt%b]*" % (b"u" if locks else b"")
    start = b"asynq:{*}:" if queue is None else _GLOB.sub(rb"\\\1", prefix(queue))
    return start + (b"[gtu]*:*" if locks else b"[gt]:*" if groups else b"t:*")


def groups_pattern(queue: str | None = None) -> bytes:
    """A MATCH pattern for the group and aggregation sets of one queue, or of all."""
    if queue is None:
        return b"asynq:{*}:g:*"
    return _GLOB.sub(rb"\\\1", group(queue, b"")) + b"*"


def queue_pattern(queue: str) -> bytes:
    """A MATCH pattern for every key of one queue."""
    return _GLOB.sub(rb"\\\1", prefix(queue)) + b"*"


def everything_pattern() -> bytes:
    """A MATCH pattern for every key of every queue, the lists of pending messages up to Asynq 0.17 included."""
    return b"asynq:{*}*"


def prefixed_pattern() -> bytes:
    """A MATCH pattern for the keys of queues that stand under a prefix, as forks of Asynq write them."""
    return b"?*asynq:{*}:*"


def namespace_of(key: bytes) -> bytes:
    """The prefix under which a key of a queue stands; empty for none, and for a key that is not one of a queue's."""
    prefix, start, rest = key.partition(b"asynq:{")
    return prefix if queue_of(start + rest) is not None else b""


def queue_of(key: bytes) -> str | None:
    """The queue that a key belongs to, None for a key that is not one of a queue's. Where several names may be meant it
    is the shortest: `ownership` decides.
    """
    found = _QUEUE_KEY.match(key)
    return decode(found[1]) if found else None


def split_task(key: bytes) -> tuple[str, bytes] | None:
    """Queue and task id of a task data key, None for any other key.

    A queue's name, and a task's id, may themselves hold `}:t:`. Here the shortest name wins; `ownership` decides.
    """
    start, found, task_id = key.partition(b"}:t:")
    if not found or not start.startswith(b"asynq:{") or len(start) == 7:
        return None
    return decode(start[7:]), task_id


NAME_END = b"}:"
"""The text after the queue's name in every key. A key that holds it twice may be ambiguous: see `ownership`."""

GROUP_TAG_END = b"}:g:"
"""The text after the queue's name in the key of a group's set."""

LOCK_TAG_END = b"}:unique:"
"""The text after the queue's name in the key of a unique lock."""

TAG_END = b"}:t:"
"""The text after the queue's name in a task data key."""


def queues_in(key: bytes) -> list[bytes]:
    """Every name that a queue may have to which a key belongs, the shortest first: a name may itself hold `}:`."""
    names = []
    end = key.find(NAME_END, 8) if key.startswith(b"asynq:{") else -1
    while end >= 0:
        names.append(key[7:end])
        end = key.find(NAME_END, end + 1)
    return names
