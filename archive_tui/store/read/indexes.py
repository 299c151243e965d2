"""The walk over an index: the ids of a list or a sorted set, in pieces. Whoever reads a whole index does it here.

An index changes while it is walked. This is what a walk guarantees: **an id that stands in the index from the first
piece to the last, in a sorted set with an unchanged score, is met at least once.**

- What comes in before us moves the rest away: some ids are met twice.
- What is taken out before us moves the rest nearer, past the rank where we go on. So each piece begins with the end of
  the piece before. Where nothing of that end is met again, the walk steps back, further each time, until something is.
- `Order.ANY` leaves it to ZSCAN, which guarantees the same whatever becomes of the scores.

Without overlap (`overlap=0`) there is no guarantee: what moves past us is missed. Reads only.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from archive_tui.asynq import keys
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import Reply, members_in, raise_first

PIECE = 2_500
"""Ids that one question asks for; the server needs less than a millisecond for them."""

OVERLAP = 100
"""Ids at the end of a piece that the next one begins with; half of a piece where that is less."""

_AHEAD = 4


class Order(Enum):
    """The order in which an index is walked; the value is the command that reads a piece of it."""

    LIST = b"LRANGE"
    """A list from its head."""

    LOWEST = b"ZRANGE"
    """A sorted set from its lowest score."""

    HIGHEST = b"ZREVRANGE"
    """A sorted set from its highest score."""

    ANY = b"ZSCAN"
    """A sorted set in no order. A small one comes in one piece, however large that is."""


class Piece(NamedTuple):
    """Some ids of an index, in its order."""

    ids: Sequence[bytes]
    scores: Sequence[bytes]
    """One for each id, where scores were asked for; else empty."""


_NOTHING = Piece((), ())


@dataclass(frozen=True, slots=True)
class Cursor:
    """The point that a walk has reached: it makes the question for the next piece, and reads the answer."""

    key: bytes
    """The key of the index. One that is missing holds no ids."""

    order: Order

    size: int = PIECE
    """Ids that the question asks for, those that overlap included."""

    overlap: int = OVERLAP
    """Ids that two pieces share at most; 0 for a walk without guarantee."""

    scores: bool = False
    """True to read the scores as well; not of a list."""

    strict: bool = False
    """True where a key of another type is an error; else it holds no ids."""

    at: int = 0
    """Rank of the first id to ask for; with `Order.ANY` the cursor of ZSCAN."""

    end: frozenset[bytes] = frozenset()
    """The last ids of the piece before."""

    back: int = 0
    """Ids to step back where none of these is met again."""

    def question(self) -> bytes:
        """The packed command that reads the next piece."""
        if self.order is Order.ANY:
            return pack((b"ZSCAN", self.key, b"%d" % self.at, b"COUNT", b"%d" % self.size))
        bounds = b"%d" % self.at, b"%d" % (self.at + self.size - 1)
        return pack((self.order.value, self.key, *bounds, *([b"WITHSCORES"] if self.scores else [])))

    def answer(self, reply: Reply) -> "tuple[Piece, Cursor | None]":
        """The piece in the reply to the question, and where to go on, None at the end. The piece is empty where the
        walk steps back. Raises every error, but a wrong type only where the cursor is strict.
        """
        if self.strict:
            raise_first([reply])
        flat = members_in(reply)
        if self.order is Order.ANY:
            if not flat:
                return _NOTHING, None
            at, flat = int(flat[0]), flat[1]
            return Piece(flat[::2], flat[1::2] if self.scores else ()), replace(self, at=at) if at else None
        piece = Piece(flat[::2], flat[1::2]) if self.scores else Piece(flat, ())
        if self.at and self.end and self.end.isdisjoint(piece.ids):
            return _NOTHING, replace(self, at=max(0, self.at - self.back), back=2 * self.back)
        return piece, None if len(piece.ids) < self.size else self._following(piece.ids)

    def _following(self, ids: Sequence[bytes]) -> "Cursor":
        shared = min(self.overlap, self.size // 2)
        end = frozenset(ids[-shared:]) if shared else self.end
        return replace(self, at=self.at + self.size - shared, end=end, back=shared)

    def skip(self) -> "Cursor":
        """The point where a walk without overlap goes on, should the piece be a full one."""
        return replace(self, at=self.at + self.size)


def pieces(pipe: Pipe, cursor: Cursor) -> Iterator[Piece]:
    """The pieces of an index, none of them empty. The pipe may be used for something else between two of them."""
    following: Cursor | None = cursor
    while following is not None:
        pipe.send([following.question()])
        piece, following = following.answer(pipe.receive(1)[0])
        if piece.ids:
            yield piece


def pieces_ahead(pipe: Pipe, key: bytes, order: Order) -> Iterator[Piece]:
    """The same without guarantee, but faster: once an index is known to be long, four pieces are always on their way.
    Until it has ended the pipe is good for nothing else.
    """
    to_ask: Cursor | None = Cursor(key, order, overlap=0)
    asked: deque[Cursor] = deque()
    room = 1
    while to_ask is not None or asked:
        while to_ask is not None and len(asked) < room:
            pipe.send([to_ask.question()])
            asked.append(to_ask)
            to_ask = to_ask.skip()
        piece, following = asked.popleft().answer(pipe.receive(1)[0])
        room = _AHEAD
        if following is None:
            to_ask = None
        if piece.ids:
            yield piece


def aggregation_sets(pipe: Pipe, queue: str) -> Sequence[bytes]:
    """The keys of the sets that are being aggregated right now."""
    (reply,) = pipe.call([(b"ZRANGE", keys.aggregation_sets(queue), b"0", b"-1")], errors="return")
    return members_in(reply)
