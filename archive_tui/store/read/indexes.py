"""Which tasks the indexes of a queue hold, read in pieces."""

from collections.abc import Iterable, Iterator, Sequence

from archive_tui.asynq import keys
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.store.link.pipe import Pipe, pack, raise_unless_wrong_type

PIECE = 2_500
"""How many ids one command takes from an index; the server needs less than a millisecond for them."""

_AHEAD = 4


def referenced(pipe: Pipe, queue: str, *, without_completed: bool = False) -> Iterator[Iterable[int]]:
    """The hash of the task data key of every id that stands in any index of a queue, in pieces; a set of these is a
    third as large as one of keys. Python's hash of bytes has 64 bits and a random seed: among millions of keys, two
    that share one are not to be expected. Some may come twice.

    The indexes may change meanwhile: what moves past us between two pieces is missing. So an id that is missing here
    need not be unreferenced, it is only worth a second look.
    """
    start = keys.task_prefix(queue)
    for index, command in _indexes(pipe, queue, without_completed=without_completed):
        for piece in _pieces(pipe, index, command):
            yield map(hash, map(start.__add__, piece))


def completed(pipe: Pipe, queue: str) -> Iterator[Iterable[int]]:
    """The same for the index of completed tasks alone."""
    start = keys.task_prefix(queue)
    for piece in _pieces(pipe, keys.index(queue, State.COMPLETED), b"ZRANGE"):
        yield map(hash, map(start.__add__, piece))


def _indexes(pipe: Pipe, queue: str, *, without_completed: bool) -> Iterator[tuple[bytes, bytes]]:
    """The indexes of a queue, each with the command that reads a range of it."""
    for state in LISTS:
        yield keys.index(queue, state), b"LRANGE"
    for state in SORTED_SETS:
        if not (without_completed and state is State.COMPLETED):
            yield keys.index(queue, state), b"ZRANGE"
    yield keys.lease(queue), b"ZRANGE"
    names, staged = pipe.call(
        [(b"SMEMBERS", keys.groups(queue)), (b"ZRANGE", keys.aggregation_sets(queue), b"0", b"-1")], errors="return"
    )
    raise_unless_wrong_type([names, staged])
    for name in names if isinstance(names, list) else []:
        yield keys.group(queue, name), b"ZRANGE"
    for key in staged if isinstance(staged, list) else []:
        yield key, b"ZRANGE"


def _pieces(pipe: Pipe, index: bytes, command: bytes) -> Iterator[Sequence[bytes]]:
    """An index piece by piece. Once it is known to be long, some pieces are always on their way."""
    sent = asked = 0
    full = True
    while full or asked < sent:
        for _ in range(0 if not full else (_AHEAD if asked else 1) - (sent - asked)):
            bounds = b"%d" % (sent * PIECE), b"%d" % ((sent + 1) * PIECE - 1)
            pipe.send([pack((command, index, *bounds))])
            sent += 1
        (piece,) = pipe.receive(1)
        asked += 1
        raise_unless_wrong_type([piece])
        if isinstance(piece, list) and piece:
            yield piece
        full = full and isinstance(piece, list) and len(piece) == PIECE
