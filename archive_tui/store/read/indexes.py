"""The walk over an index: the ids of a list or a sorted set, in pieces. Whoever reads a whole index does it here.

An index changes while it is walked. This is what a walk guarantees: **an id that stands in the index from the first
piece to the last, in a sorted set with an unchanged score, is met at least once.** Where a walk begins at the lowest
score, scores may also grow.

- What comes in before us moves the rest away: some ids are met twice.
- What is taken out before us moves the rest nearer, past the rank where we go on. So each piece begins with the end of
  the piece before. Where nothing of that end is met again, more has come or gone than two pieces share: the next
  question asks for a wider stretch, to both sides, until the end is met or the walk is back at the start of the index.
- What is moved, and was part of that end, is met again in another place. So a walk that reads scores knows an id of the
  end again only where its score is what it was.
- `Order.ANY` leaves it to ZSCAN, which guarantees the same whatever becomes of the scores.

Without overlap (`overlap=0`) there is no guarantee: what moves past us is missed. Reads only.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import Reply, members_in, raise_first

PIECE = 2_500
"""Ids that one question asks for; the server needs less than a millisecond for them."""

OVERLAP = 50
"""Ids at the end of a piece that the next one begins with; half of a piece where that is less. One would do: more spare
us stepping back where a few are taken out, and cost as many replies again.
"""

_AHEAD = 4

_WIDEST = 10_000
"""Ids by which one question widens the stretch that is searched; from there on the walk only steps back."""


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
    """Ids that a question asks for, those that overlap included; at least two where pieces overlap."""

    overlap: int = OVERLAP
    """Ids that two pieces share at most; 0 for a walk without guarantee."""

    scores: bool = False
    """True to read the scores as well; not of a list."""

    strict: bool = False
    """True where a key of another type is an error; else it holds no ids."""

    at: int = 0
    """Rank of the first id to ask for; with `Order.ANY` the cursor of ZSCAN."""

    end: "frozenset[bytes | tuple[bytes, bytes]]" = frozenset()
    """The last ids of the piece before, each with its score where these are read."""

    wider: int = 0
    """Ids that the question asks for beyond `size`, to find that end again."""

    back: int = 0
    """Ids by which the next question widens the stretch, should this one not find it."""

    @property
    def span(self) -> int:
        """Ids that the question asks for."""
        return (max(2, self.size) if self.overlap else self.size) + self.wider

    def question(self) -> bytes:
        """The packed command that reads the next piece."""
        if self.order is Order.ANY:
            return pack((b"ZSCAN", self.key, b"%d" % self.at, b"COUNT", b"%d" % self.size))
        bounds = b"%d" % self.at, b"%d" % (self.at + self.span - 1)
        return pack((self.order.value, self.key, *bounds, *([b"WITHSCORES"] if self.scores else [])))

    def answer(self, reply: Reply) -> "tuple[Piece, Cursor | None]":
        """The piece in the reply to the question, and where to go on, None at the end. The piece is empty where the
        end of the one before is not met. Raises every error, but a wrong type only where the cursor is strict.
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
        if self.at and self.end and self.end.isdisjoint(self._marks(piece)):
            return _NOTHING, self._wider()
        following = None if len(piece.ids) < self.span else self._following(piece)
        return self._cut(piece) if self.wider else piece, following

    def _wider(self) -> "Cursor":
        """Ask for more to both sides: what has come in moved the end away, what was taken out moved it nearer."""
        at = max(0, self.at - self.back)
        wider = self.wider + self.at - at + self.back if self.back <= _WIDEST else 0
        return replace(self, at=at, wider=wider, back=2 * self.back)

    def _cut(self, piece: Piece) -> Piece:
        """Leave out what stands before the end that was met again: it was met before, or has come in since."""
        start = next((number for number, mark in enumerate(self._marks(piece)) if mark in self.end), 0)
        return Piece(piece.ids[start:], piece.scores[start:])

    def _marks(self, piece: Piece) -> "Iterable[bytes | tuple[bytes, bytes]]":
        """What tells each id of a piece, in the place where it is: with its score, where scores are read."""
        return zip(piece.ids, piece.scores, strict=True) if self.scores else piece.ids

    @property
    def _shared(self) -> int:
        return min(self.overlap, (self.span - self.wider) // 2)

    def _following(self, piece: Piece) -> "Cursor":
        shared, last = self._shared, Piece(piece.ids[-self._shared :], piece.scores[-self._shared :])
        end = frozenset(self._marks(last)) if shared else self.end
        back = max((self.span - self.wider) // 2, self.back // 4)  # where much comes and goes it will do so again
        return replace(self, at=self.at + self.span - shared, end=end, wider=0, back=back)

    def ahead(self) -> "Cursor":
        """The point where the next piece will begin, if this one is full and nothing moves. Its answer is read with
        the cursor that this one's answer gives.
        """
        return replace(self, at=self.at + self.span - self._shared, wider=0)

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
    (reply,) = pipe.call([(b"ZRANGE", pipe.keys.aggregation_sets(queue), b"0", b"-1")], errors="return")
    return members_in(reply)
