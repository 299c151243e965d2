"""Time: the server's own clock, and how long a question takes on its way.

What is written for Asynq, and how long a lock is to live, goes by the server's clock: the clock of our own machine may
be wrong, and may be set back while we work.
"""

import time
from collections.abc import Callable

from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply

_QUESTIONS = 3


def seconds_in(reply: Reply) -> float:
    """The unix seconds in a reply to `TIME`; our own time where the server refused to tell its."""
    return int(reply[0]) + int(reply[1]) / 1e6 if isinstance(reply, list) else time.time()


def now_of(pipe: Pipe) -> float:
    """The server's time in unix seconds: what Asynq's workers would call now, more or less."""
    (reply,) = pipe.call([(b"TIME",)], errors="return")
    return seconds_in(reply)


def clock_of(pipe: Pipe) -> Callable[[], float]:
    """A clock that goes on from the server's time, asked for once, whatever happens to our own."""
    ahead = now_of(pipe) - time.monotonic()
    return lambda: ahead + time.monotonic()


def round_trip(pipe: Pipe) -> float:
    """Seconds that a question takes which is no work for the server: the shortest of three."""
    durations = []
    for _ in range(_QUESTIONS):
        began = time.perf_counter()
        pipe.one(b"SCAN", b"0", b"COUNT", b"1")
        durations.append(time.perf_counter() - began)
    return min(durations)
