"""Which tasks the indexes of a queue hold, read in pieces."""

from collections.abc import Iterator, Sequence

from archive_tui.asynq import keys
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.store.pipe import Pipe, pack, raise_unless_wrong_type

PIECE = 2_500
"""How many ids one command takes from an index; the server needs less than a millisecond for them."""

_AHEAD = 4


def referenced_keys(pipe: Pipe, queue: str, *, without_completed: bool = False) -> Iterator[list[bytes]]:
    """The task data key of every id that stands in any index of a queue, in pieces. Some may come twice.

    The indexes may change meanwhile: what moves past us between two pieces is missing. So an id that is missing here
    need not be unreferenced, it is only worth a second look.
    """
    start = keys.task_prefix(queue)
    for index, command in _indexes(pipe, queue, without_completed=without_completed):
        for piece in _pieces(pipe, index, command):
            yield [start + task_id for task_id in piece]


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
    """An index piece by piece; the first alone, and once it is known to be long, several are asked for together."""
    start, ahead = 0, 1
    while True:
        pipe.send(
            [
                pack((command, index, b"%d" % at, b"%d" % (at + PIECE - 1)))
                for at in range(start, start + ahead * PIECE, PIECE)
            ]
        )
        pieces = pipe.receive(ahead)
        raise_unless_wrong_type(pieces)
        for piece in pieces:
            if isinstance(piece, list) and piece:
                yield piece
        if not isinstance(pieces[-1], list) or len(pieces[-1]) < PIECE:
            return
        start += ahead * PIECE
        ahead = _AHEAD
