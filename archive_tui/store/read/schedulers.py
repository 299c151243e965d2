"""The schedulers that live, by what they list at their heartbeats. Reads only."""

from collections.abc import Callable

from archive_tui.asynq.schedulers import Schedulers
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply, is_answer, is_not_permitted, is_wrong_type

_AT_ONCE = 500
_LOOKS = 5
_BETWEEN = 0.5
"""Seconds between two looks at a scheduler whose list is missing: a heartbeat takes less."""


def look(pipe: Pipe) -> Schedulers:
    """The schedulers as of now, in two round trips. Raises only where the connection is lost.

    A list that is there is a living scheduler's, whatever its score says: that is cut to a second, and may go by
    another clock.
    """
    members, allowed, clock = pipe.call(
        [
            (b"ZRANGE", pipe.keys.schedulers, b"0", b"-1", b"WITHSCORES"),
            (b"ZCARD", pipe.keys.history(b"archive-tui:probe")),
            (b"TIME",),
        ],
        errors="return",
    )
    now = seconds_in(clock) if pipe.snapshot is None else pipe.snapshot.taken_at
    if pipe.snapshot is not None and pipe.snapshot.missing != 0:
        return Schedulers(now, unknown="what schedulers list had expired before the dump was loaded")
    if not isinstance(members, list):
        return Schedulers(now, unknown=_why(members, pipe.keys.schedulers.decode()))
    if is_not_permitted(allowed):
        return Schedulers(now, unknown=_why(allowed, "the histories of schedulers"))
    listed: list[bytes] = []
    silent: dict[bytes, float] = {}
    for start in range(0, len(members), 2 * _AT_ONCE):
        part = members[start : start + 2 * _AT_ONCE]
        lists = pipe.call([(b"LRANGE", key, b"0", b"-1") for key in part[::2]], errors="return")
        for key, score, entries in zip(part[::2], part[1::2], lists, strict=True):
            if not isinstance(entries, list):
                return Schedulers(now, unknown=_why(entries, "the list of a scheduler"))
            if entries:
                listed += entries
            else:
                silent[key] = float(score)
    return Schedulers(now, b"\n".join(listed), silent)


def settled(pipe: Pipe, wait: Callable[[float], object], before: Schedulers | None = None) -> Schedulers:
    """The schedulers as of now, added to what was seen `before`. While one is between two heartbeats, or has written no
    list, it looks again, up to two seconds long; `wait` waits for some seconds.
    """
    seen = look(pipe) if before is None else before + look(pipe)
    for _ in range(_LOOKS - 1):
        if not seen.between_heartbeats:
            break
        wait(_BETWEEN)
        seen += look(pipe)
    return seen


def _why(reply: Reply, what: str) -> str:
    """Why something could not be read, in words."""
    if is_wrong_type(reply):
        return f"{what} is not of the type that Asynq writes"
    if is_not_permitted(reply):
        return f"this user may not read {what}"
    if isinstance(reply, Exception) and not is_answer(reply):
        raise reply
    return f"the server does not tell {what}: in a cluster it may live on another node"
