"""The task data that indexes explain, and that a scan need not probe.

Indexes are read in pieces and without overlap, so what moves past us between two pieces is missing here. An id that is
missing need not be unreferenced: it is only worth a probe.
"""

from collections.abc import Iterable, Iterator

from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import members_in
from archive_tui.store.read.indexes import Order, pieces_ahead
from archive_tui.store.read.leftover import is_leftover


class Referenced:
    """The contents of the indexes of some queues. Whoever scans has it `read` a queue; everybody else only reads its
    sets.

    Task data is known by the hash of its key: a set of these is a third as large as one of keys. Python's hash of bytes
    has 64 bits and a random seed: among millions of keys, two that share one are not to be expected.
    """

    def __init__(self) -> None:
        self.tasks: set[int] = set()
        """Hashes of the keys of what stands in an index; but what is among the completed tasks of a leftover queue."""

        self.completed: set[int] = set()
        """The same for the completed tasks of leftover queues."""

        self.queues: set[str] = set()
        """The queues whose indexes were read to their end."""

        self.leftover: set[str] = set()
        """Those of them that were leftover when they were met."""

    def read(self, pipe: Pipe, queue: str) -> Iterator[None]:
        """Read the indexes of a queue in steps. One that was begun, and cut off, is begun again."""
        self.leftover.discard(queue)
        if is_leftover(pipe, queue):
            self.leftover.add(queue)
            for piece in completed_keys(pipe, queue):
                self.completed.update(piece)
                yield
        for piece in referenced_keys(pipe, queue, without_completed=queue in self.leftover):
            self.tasks.update(piece)
            yield
        self.queues.add(queue)

    def clear(self) -> None:
        """Forget everything."""
        self.tasks.clear()
        self.completed.clear()
        self.queues.clear()
        self.leftover.clear()


def referenced_keys(pipe: Pipe, queue: str, *, without_completed: bool = False) -> Iterator[Iterable[int]]:
    """The hash of the task data key of every id that stands in any index of a queue, in pieces; some come twice."""
    start = pipe.keys.task_prefix(queue)
    for index, order in _indexes(pipe, queue, without_completed=without_completed):
        for piece in pieces_ahead(pipe, index, order):
            yield map(hash, map(start.__add__, piece.ids))


def completed_keys(pipe: Pipe, queue: str) -> Iterator[Iterable[int]]:
    """The same for the index of completed tasks alone."""
    start = pipe.keys.task_prefix(queue)
    for piece in pieces_ahead(pipe, pipe.keys.index(queue, State.COMPLETED), Order.LOWEST):
        yield map(hash, map(start.__add__, piece.ids))


def _indexes(pipe: Pipe, queue: str, *, without_completed: bool) -> Iterator[tuple[bytes, Order]]:
    """The indexes of a queue, each with the order in which it is walked."""
    for state in LISTS:
        yield pipe.keys.index(queue, state), Order.LIST
    for state in SORTED_SETS:
        if not (without_completed and state is State.COMPLETED):
            yield pipe.keys.index(queue, state), Order.LOWEST
    yield pipe.keys.lease(queue), Order.LOWEST
    yield pipe.keys.deadlines(queue), Order.LOWEST
    names, staged = map(
        members_in,
        pipe.call(
            [(b"SMEMBERS", pipe.keys.groups(queue)), (b"ZRANGE", pipe.keys.aggregation_sets(queue), b"0", b"-1")],
            errors="return",
        ),
    )
    for name in names:
        yield pipe.keys.group(queue, name), Order.LOWEST
    for key in staged:
        yield key, Order.LOWEST
