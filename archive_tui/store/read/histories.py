"""Histories of schedulers that nobody will clear any more. Reads only.

A scan of all queues meets them on its own walk. One is stale where no living scheduler lists its entry, and its newest
event is so old that its scheduler has had its first heartbeat: `asynq.schedulers` has the rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.schedulers import MOST_EVENTS, History, Schedulers
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import raise_unless_wrong_type
from archive_tui.store.read.times import end_of

_AT_ONCE = 500
_ENDS = ((b"0", b"0"), (b"-1", b"-1"))

NOT_A_HISTORY: Sequence[bytes] = (b"",)
"""Stands for the content of a key that is no sorted set."""

TOO_LARGE: Sequence[bytes] = (b"", b"", b"")
"""Stands for the content of a history that is too large to be compared by the server at once."""


@dataclass(slots=True)
class Found:
    """The histories among some keys."""

    stale: list[History] = field(default_factory=list)

    unsure: int = 0
    """How many no living scheduler lists, and yet nobody can tell of."""


def stale_among(pipe: Pipe, history_keys: Sequence[bytes], schedulers: Schedulers) -> Iterator[Found]:
    """Judge histories by what was seen of the schedulers, in steps of one round trip."""
    begin = len(pipe.keys.histories)
    unlisted = [key[begin:] for key in history_keys if not schedulers.lists(key[begin:])]
    if schedulers.unknown:
        yield Found(unsure=len(unlisted))
        return
    for start in range(0, len(unlisted), _AT_ONCE):
        found = Found()
        for one in sizes(pipe, unlisted[start : start + _AT_ONCE]):
            if one.may_live(schedulers.at):
                continue  # as that of any scheduler at work
            if schedulers.why_unsure:
                found.unsure += 1
            else:
                found.stale.append(one)
        yield found


def sizes(pipe: Pipe, entry_ids: Sequence[bytes]) -> list[History]:
    """The histories of these entries by their size and their ends; what is gone, or no sorted set, is missing."""
    commands: list[Command] = []
    for key in map(pipe.keys.history, entry_ids):
        commands += [(b"ZCARD", key), *[(b"ZRANGE", key, *end, b"WITHSCORES") for end in _ENDS]]
    replies = pipe.call(commands, errors="return")
    raise_unless_wrong_type(replies)
    return [
        History.of(pipe.keys.history(one), one, events, first, last)
        for one, events, first, last in zip(entry_ids, replies[::3], replies[1::3], replies[2::3], strict=True)
        if isinstance(events, int) and events and first and last
    ]


def copies(pipe: Pipe, entry_ids: Sequence[bytes]) -> list[Copy]:
    """Histories whole, as they go into a journal: events and scores by turns in the place of fields; no fields: gone.
    See also `NOT_A_HISTORY` and `TOO_LARGE`.
    """
    counts = pipe.call([(b"ZCARD", pipe.keys.history(one)) for one in entry_ids], errors="return")
    raise_unless_wrong_type(counts)
    fitting = [one for one, count in zip(entry_ids, counts, strict=True) if isinstance(count, int) and fits(count)]
    commands: list[Command] = []
    for key in map(pipe.keys.history, fitting):
        commands += [(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"), (b"PTTL", key)]
    *replies, clock = pipe.call([*commands, (b"TIME",)], errors="return")
    now = seconds_in(clock)
    raise_unless_wrong_type(replies)
    read = dict(zip(fitting, zip(replies[::2], replies[1::2], strict=True), strict=True))
    return [
        Copy(INSTALLATION, one, TOO_LARGE if isinstance(count, int) else NOT_A_HISTORY)
        if one not in read
        else Copy(INSTALLATION, one, read[one][0], until=end_of(read[one][1], now))
        if isinstance(read[one][0], list)
        else Copy(INSTALLATION, one, NOT_A_HISTORY)
        for one, count in zip(entry_ids, counts, strict=True)
    ]


def fits(events: int) -> bool:
    """Tell whether the server can compare so many events at once."""
    return events <= MOST_EVENTS
