"""Whether messages are carried along, or only asked for their length: for a check it is enough to know that one is
there.

To bring a small message along costs server and client half of what a second question for its length does. But messages
may be large, and over a slow link even a small one takes longer than a number. So some are measured before any is
carried, and of the two ways the faster one is gone, by the time that each has taken. Reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import raise_unless_wrong_type
from archive_tui.store.read.budget import REPLY_BUDGET
from archive_tui.store.read.indexes import Cursor, Order

SAMPLE = 500
"""Messages that are measured before others, in an order that has nothing to do with sizes, are carried."""

STRETCH = 20_000
"""Ids of an index that is walked in its order whose messages are measured by one sample."""

EVERY = 50
"""Of so many ids in such a stretch the message of one is measured. So no batch of large messages that stands together
is carried but its first.
"""

_CLEARLY = 2.0
"""How many times as long as measuring carrying must take to be given up. It costs client and server half the work, so
it takes longer only where the link is slow, or by chance: on a busy machine one batch takes three times as long as
another.
"""

_TRIES = 5
"""Batches that are carried before the times are compared."""

_AGAIN = 16
"""Batches after which carrying is tried once more where it was given up."""


@dataclass(slots=True)
class Sizes:
    """The message sizes of a queue, or of a part of it, as far as they were met."""

    seen: int = 0
    """Number of messages that were measured."""

    largest: int = 0
    """Bytes of the largest of them."""

    def note(self, lengths: Sequence[int]) -> None:
        """Take in the lengths of some messages, in bytes."""
        self.seen += len(lengths)
        self.largest = max(self.largest, max(lengths, default=0))

    def let_carry(self, count: int) -> bool:
        """Tell whether so many messages together stay within the budget of one batch, if none of them is larger than
        those that were met.
        """
        return self.largest * count <= REPLY_BUDGET


@dataclass(slots=True)
class Stretch:
    """The part of an index that comes next where it is walked in its order: that goes by time, and so may the sizes of
    messages. A sample tells of no more than the stretch it was taken in.
    """

    sizes: Sizes = field(default_factory=Sizes)
    """Sizes of the messages that were met in it."""

    end: int = 0
    """The rank up to which it goes."""

    def reach(self, pipe: Pipe, cursor: Cursor, start: bytes, ids: int, size: int) -> None:
        """Measure a sample of the stretch that begins at a cursor, unless the next so many `ids` are in this one.
        `start` is the start of the keys of task data, `size` about how many ids the index holds.
        """
        if cursor.at + ids <= self.end:
            return
        self.end = cursor.at + max(STRETCH, ids)
        ranks = [b"%d" % rank for rank in range(cursor.at, max(min(self.end, size), cursor.at + 1), EVERY)]
        asked: list[Command] = (
            [(b"LINDEX", cursor.key, rank) for rank in ranks]
            if cursor.order is Order.LIST
            else [(cursor.order.value, cursor.key, rank, rank) for rank in ranks]
        )
        found = pipe.call(asked, errors="return")
        raise_unless_wrong_type(found)
        met = [one[0] if isinstance(one, list) and one else one for one in found]
        measured: list[Command] = [(b"HSTRLEN", start + one, b"msg") for one in met if isinstance(one, bytes)]
        lengths = pipe.call(measured, errors="return")
        raise_unless_wrong_type(lengths)
        self.sizes = Sizes()
        self.sizes.note([length for length in lengths if isinstance(length, int)])


class Contest:
    """Carrying against measuring on one link, by the shortest time that each took for a member: others are longer by
    chance.
    """

    def __init__(self) -> None:
        self._best: dict[bool, float] = {}
        self._batches = self._carried = 0

    @property
    def measured(self) -> bool:
        """Tell whether it is known how long measuring takes."""
        return False in self._best

    def carry(self) -> bool:
        """Tell whether the next batch is to be carried."""
        if self._carried < _TRIES or not self.measured or self._best[True] <= _CLEARLY * self._best[False]:
            return True
        return self._batches % _AGAIN == 0

    def took(self, seconds: float, members: int, *, carried: bool) -> None:
        """Learn how long one way has taken for a batch of some members, one at least."""
        self._batches += 1
        self._carried += carried
        self._best[carried] = min(seconds / members, self._best.get(carried, seconds / members))
