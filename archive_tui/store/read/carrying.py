"""Whether messages are carried along, or only asked for their length: for a check it is enough to know that one is
there.

To bring a small message along costs server and client half of what a second question for its length does. But messages
may be large, and over a slow link even a small one takes longer than a number. So some are measured before any is
carried, and of the two ways the faster one is gone, by the time that each has taken. Pure: no I/O, no clock.
"""

from dataclasses import dataclass

from archive_tui.store.read.budget import REPLY_BUDGET

SAMPLE = 500
"""Messages that are measured before others, in an order that has nothing to do with sizes, are carried."""

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

    def note(self, *lengths: int) -> None:
        """Take in the lengths of some messages, in bytes."""
        self.seen += len(lengths)
        self.largest = max(self.largest, *lengths, 0)

    def let_carry(self, count: int) -> bool:
        """Tell whether so many messages together stay within the budget of one batch, if none of them is larger than
        those that were met.
        """
        return self.largest * count <= REPLY_BUDGET


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
