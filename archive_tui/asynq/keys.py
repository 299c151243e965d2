"""The names of Asynq's keys (docs/asynq-storage.md), in one namespace. Keys and ids are bytes, queue names
`text.decode`d strings.

Asynq itself always writes `asynq:…`. Forks put a prefix before it (`billing:asynq`), or replace it (`asynq-prod`).
A session reads and writes one namespace: its `Keys` hang on every `Pipe`.
"""

import re
from dataclasses import dataclass, field

from archive_tui.asynq.states import State
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, why_not
from archive_tui.text import decode, encode

_GLOB = re.compile(rb"([*?\[\\])")
_REST_OF_QUEUE_KEY = re.compile(
    rb"(.+?)\}:(?:t:|unique:|g:|groups$|aggregation_sets$|lease$|paused$|processed|failed"
    rb"|pending$|active$|scheduled$|retry$|archived$|completed$|dead$|deadlines$)",
    re.DOTALL,
)

NAME_END = b"}:"
"""The text after the queue's name in every key. A key that holds it twice may be ambiguous: see `ownership`."""

GROUP_TAG_END = b"}:g:"
"""The text after the queue's name in the key of a group's set."""

LOCK_TAG_END = b"}:unique:"
"""The text after the queue's name in the key of a unique lock."""

TAG_END = b"}:t:"
"""The text after the queue's name in a task data key."""


def is_plain(queue: str) -> bool:
    """Whether a queue's name stands in patterns as it is: then a server finds the tag by which to walk one slot."""
    return _GLOB.search(encode(queue)) is None


def keeps_together(queue: str) -> bool:
    """Whether all keys of a queue lie in one slot of a cluster: an empty hash tag is none, so those of one whose name
    begins with a closing brace lie in many.
    """
    return not queue.startswith("}")


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of one namespace. Two of one namespace are equal."""

    namespace: str = DEFAULT_NAMESPACE
    """The text before the first colon that Asynq writes; without braces (see `settings.namespace`)."""

    start: bytes = field(init=False, repr=False, compare=False)
    """The start of every key of every queue; the queue's name follows, and `NAME_END`."""

    queues: bytes = field(init=False, repr=False, compare=False)
    """The set of registered queues. It has no hash tag: in a cluster it lives apart from the queues."""

    servers: bytes = field(init=False, repr=False, compare=False)
    """The sorted set of the keys under which running Asynq servers say what they are doing."""

    schedulers: bytes = field(init=False, repr=False, compare=False)
    """The sorted set of the keys under which schedulers list their entries; score: unix seconds at which the list ends.
    """

    histories: bytes = field(init=False, repr=False, compare=False)
    """The start of the keys of histories of schedulers; the id of the entry follows."""

    _glob: bytes = field(init=False, repr=False, compare=False)
    """The namespace with its colon, as a MATCH pattern has it."""

    def __post_init__(self) -> None:
        stem = encode(self.namespace) + b":"
        for name, value in {
            "start": stem + b"{",
            "queues": stem + b"queues",
            "servers": stem + b"servers",
            "schedulers": stem + b"schedulers",
            "histories": stem + b"scheduler_history:",
            "_glob": _GLOB.sub(rb"\\\1", stem),
        }.items():
            object.__setattr__(self, name, value)

    def prefix(self, queue: str) -> bytes:
        """The start of every key of a queue; the braces are the hash tag that keeps them in one cluster slot."""
        return self.start + encode(queue) + b"}:"

    def task_prefix(self, queue: str) -> bytes:
        """The start of every task data key of a queue."""
        return self.prefix(queue) + b"t:"

    def task(self, queue: str, task_id: bytes) -> bytes:
        """The hash that holds the data of one task."""
        return self.task_prefix(queue) + task_id

    def index(self, queue: str, state: State) -> bytes:
        """The list or sorted set of the tasks in a state. Tasks that aggregate have one set a group instead: see
        `group`.
        """
        if state is State.AGGREGATING:
            raise ValueError("aggregating tasks stand in their group's set")
        return self.prefix(queue) + state.value.encode()

    def lease(self, queue: str) -> bytes:
        """The sorted set of active tasks by the time when their lease runs out."""
        return self.prefix(queue) + b"lease"

    def deadlines(self, queue: str) -> bytes:
        """The sorted set of active tasks by their deadline, which Asynq 0.18 to 0.21 keeps in the place of `lease`."""
        return self.prefix(queue) + b"deadlines"

    def groups(self, queue: str) -> bytes:
        """The set of group names of a queue."""
        return self.prefix(queue) + b"groups"

    def group(self, queue: str, name: bytes) -> bytes:
        """The sorted set of the tasks that wait in one group."""
        return self.prefix(queue) + b"g:" + name

    def aggregation_sets(self, queue: str) -> bytes:
        """The sorted set whose members are the keys of the sets that are being aggregated right now."""
        return self.prefix(queue) + b"aggregation_sets"

    def paused(self, queue: str) -> bytes:
        """The key that is present while the queue is paused."""
        return self.prefix(queue) + b"paused"

    def unique_prefix(self, queue: str) -> bytes:
        """The start of the unique locks of a queue."""
        return self.prefix(queue) + b"unique:"

    def failed_on(self, queue: str, day: str) -> bytes:
        """The counter of failures on a UTC day, written `yyyy-mm-dd`; Asynq keeps it 90 days."""
        return self.prefix(queue) + b"failed:" + day.encode()

    def processed_on(self, queue: str, day: str) -> bytes:
        """The counter of processed tasks, failed ones included, on a UTC day."""
        return self.prefix(queue) + b"processed:" + day.encode()

    def old_pending(self, queue: str) -> bytes:
        """The list of pending messages up to Asynq 0.17."""
        return self.prefix(queue)[:-1]

    def old_pending_of(self, key: bytes) -> str | None:
        """The queue whose list of pending messages a key may be; None for any other key."""
        plain = key.startswith(self.start) and key.endswith(b"}") and NAME_END not in key
        name = key[len(self.start) : -1]
        return decode(name) if plain and name else None

    def old_archive(self, queue: str) -> bytes:
        """The archive up to Asynq 0.13, a sorted set of messages."""
        return self.prefix(queue) + b"dead"

    def tasks_pattern(
        self, queue: str | None = None, *, groups: bool = False, locks: bool = False, histories: bool = False
    ) -> bytes:
        """A MATCH pattern for the task data of one queue, or of all, and if wanted for the sets of groups as well; glob
        characters in the names are escaped. With `locks` it meets both and the unique locks, and may meet keys that
        Asynq does not write. With `histories`, of all queues, it meets groups and the histories of schedulers, whose
        entries have random ids, and the counters of failures.
        """
        if histories and queue is None:
            return self._glob + b"[{s]*[}y]:[0-9a-fgt%b]*" % (b"u" if locks else b"")
        start = self._glob + b"{*}:" if queue is None else _GLOB.sub(rb"\\\1", self.prefix(queue))
        return start + (b"[gtu]*:*" if locks else b"[gt]:*" if groups else b"t:*")

    def groups_pattern(self, queue: str | None = None) -> bytes:
        """A MATCH pattern for the group and aggregation sets of one queue, or of all."""
        if queue is None:
            return self._glob + b"{*}:g:*"
        return _GLOB.sub(rb"\\\1", self.group(queue, b"")) + b"*"

    def histories_pattern(self) -> bytes:
        """A MATCH pattern for the histories of schedulers."""
        return self._glob + b"scheduler_history:[0-9a-f]*"

    def queue_pattern(self, queue: str) -> bytes:
        """A MATCH pattern for every key of one queue."""
        return _GLOB.sub(rb"\\\1", self.prefix(queue)) + b"*"

    def history(self, entry_id: bytes) -> bytes:
        """The sorted set of what a scheduler enqueued for an entry; score: unix seconds."""
        return self.histories + entry_id

    def prefixed_pattern(self) -> bytes:
        """A MATCH pattern for the keys of queues whose namespace is this one behind a prefix, as forks of Asynq write
        them.
        """
        return b"?*" + self._glob + b"{*}:*"

    def prefix_of(self, key: bytes) -> bytes:
        """The prefix under which a key of a queue stands in such a namespace; empty for none, and for a key that is
        not one of a queue's.
        """
        prefix, start, rest = key.partition(self.start)
        return prefix if self.queue_of(start + rest) is not None else b""

    def everything_pattern(self) -> bytes:
        """A MATCH pattern for every key of every queue, the lists of pending messages up to Asynq 0.17 included."""
        return self._glob + b"{*}*"

    def queue_of(self, key: bytes) -> str | None:
        """The queue that a key belongs to, None for a key that is not one of a queue's. Where several names may be
        meant it is the shortest: `ownership` decides.
        """
        found = _REST_OF_QUEUE_KEY.match(key, len(self.start)) if key.startswith(self.start) else None
        return decode(found[1]) if found else None

    def split_task(self, key: bytes) -> tuple[str, bytes] | None:
        """Queue and task id of a task data key, None for any other key.

        A queue's name, and a task's id, may themselves hold `}:t:`. Here the shortest name wins; `ownership` decides.
        """
        start, found, task_id = key.partition(TAG_END)
        if not found or not start.startswith(self.start) or len(start) == len(self.start):
            return None
        return decode(start[len(self.start) :]), task_id

    def queues_in(self, key: bytes) -> list[bytes]:
        """Every name that a queue may have to which a key belongs, the shortest first: a name may itself hold `}:`."""
        names = []
        begin = len(self.start)
        end = key.find(NAME_END, begin + 1) if key.startswith(self.start) else -1
        while end >= 0:
            names.append(key[begin:end])
            end = key.find(NAME_END, end + 1)
        return names


ASYNQ = Keys()
"""The keys that Asynq itself writes."""


ANYWHERE = b"*:[{q]*[}s]*"
"""A MATCH pattern for the keys of queues, and the sets of registered queues, of every namespace; it meets others, too.
"""

_NAMESPACED = re.compile(rb"([^{}]+):(?:\{(?=.+\}:)|queues$)", re.DOTALL)


def namespace_of(key: bytes) -> str | None:
    """The namespace of a key that is a queue's, or that may be a set of registered queues; None for any other key."""
    found = _NAMESPACED.match(key)
    if found is None:
        return None
    namespace = decode(found[1])
    its_own = key.endswith(b":queues") or _REST_OF_QUEUE_KEY.match(key, found.end()) is not None
    return namespace if its_own and not why_not(namespace) else None
