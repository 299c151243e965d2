"""Other installations in the same database. Reads only.

Forks of Asynq keep their keys in a namespace of their own: behind a prefix (`billing:asynq:{q}:t:…`), or with another
word (`asynq-prod:{q}:t:…`). Some that use a prefix are said to put ids into the indexes without it. There such an id
looks like a ghost, and is somebody's task.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from archive_tui.asynq.keys import ANYWHERE, TAG_END, namespace_of
from archive_tui.asynq.states import State
from archive_tui.settings.namespace import DEFAULT_NAMESPACE
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_not_permitted
from archive_tui.store.read.keyspace import pages

_TRIES = 5
"""Keys of a namespace without `asynq` in its name that are looked into before it counts as somebody else's."""

_MOST_SUSPECTS = 1_000
"""Such namespaces that are looked into at all: other programs may have one for each of their users."""


class Others:
    """Collects the other namespaces of a database from the keys that a walk meets.

    Other programs have keys of the same form. A namespace with `asynq` in its name is one of Asynq's; every other has
    to show task data: a hash with a state and a message.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        """The namespaces found so far."""
        self._tries = Counter[str]()

    def meet(self, pipe: Pipe, keys: Iterable[bytes]) -> None:
        """Take in keys of any namespace; asks the server about some of them."""
        suspects: list[tuple[str, bytes]] = []
        own = pipe.keys.start
        for key in keys:
            if key.startswith(own) or (name := namespace_of(key)) is None or name in self.names:
                continue
            if DEFAULT_NAMESPACE in name:
                if name != pipe.keys.namespace:
                    self.names.add(name)
            elif TAG_END in key and self._may_try(name):
                self._tries[name] += 1
                suspects.append((name, key))
        replies = pipe.call([(b"HMGET", key, b"state", b"msg") for _, key in suspects], errors="return")
        for (name, _), reply in zip(suspects, replies, strict=True):
            if isinstance(reply, list) and State.parse(reply[0]) is not None and reply[1] is not None:
                self.names.add(name)

    def search(self, pipe: Pipe) -> Iterator[None]:
        """Walk over the whole keyspace, in steps."""
        for page in pages(pipe, ANYWHERE):
            self.meet(pipe, page)
            yield

    def _may_try(self, name: str) -> bool:
        return self._tries[name] < _TRIES and (name in self._tries or len(self._tries) < _MOST_SUSPECTS)


def others(pipe: Pipe) -> list[str]:
    """The namespaces of the other installations in this database, sorted; walks over the whole keyspace."""
    found = Others()
    for _ in found.search(pipe):
        pass
    return sorted(found.names)


def prefixes(pipe: Pipe, after_page: Callable[[], None] = lambda: None) -> list[bytes]:
    """What stands before our own namespace in the keys of queues, sorted; walks over the whole keyspace."""
    found: set[bytes] = set()
    for page in pages(pipe, pipe.keys.prefixed_pattern()):
        found |= {pipe.keys.prefix_of(key) for key in page}
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
