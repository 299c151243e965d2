"""A scheduler that was killed: the histories of its entries, which nobody clears any more."""

from random import Random

from archive_tui.asynq.keys import ASYNQ
from archive_tui.demo.job_types import make_id
from archive_tui.demo.layout import Writer
from archive_tui.demo.wire import field

_MOST = 1_000
"""Events that Asynq keeps of an entry."""

_INTERVALS = (60, 3_600, 86_400)
"""Seconds between two events of each entry."""

_RAN_FOR = 20 * 86_400


def killed(writer: Writer, random: Random, at: int) -> None:
    """Write what a scheduler leaves that ran for twenty days and was killed `at` (unix seconds)."""
    for interval in _INTERVALS:
        key = ASYNQ.history(make_id(random).encode())
        for number in range(min(_RAN_FOR // interval, _MOST)):
            moment = at - number * interval
            event = field(1, make_id(random)) + field(2, field(1, moment) + field(2, random.randrange(10**9)))
            writer.send(b"ZADD", key, moment, event)
