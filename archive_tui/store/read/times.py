"""Times to live on task data: of the whole key, and of single fields (Redis 7.4 and newer, Valkey 9). Reads only."""

from collections.abc import Sequence

from archive_tui.asynq.keys import Keys
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import Reply

USUAL_FIELDS = (b"msg", b"state", b"pending_since", b"unique_key", b"group", b"result")
"""The fields that Asynq writes (0.18 to 0.26)."""


def field_times(keys: Keys, queue: str, task_id: bytes, names: Sequence[bytes]) -> Command:
    """The command that asks when these fields of a task expire; `field_ends` takes the reply."""
    return (b"HPEXPIRETIME", keys.task(queue, task_id), b"FIELDS", b"%d" % len(names), *names)


def field_ends(names: Sequence[bytes], reply: Reply) -> dict[bytes, int]:
    """The moments at which fields expire, by name, in unix milliseconds; those that do not are missing."""
    if not isinstance(reply, list):
        return {}
    return {name: end for name, end in zip(names, reply, strict=False) if isinstance(end, int) and end > 0}


def life(pipe: Pipe) -> bytes:
    """The command that asks for the life of a key; `end_by` takes the reply."""
    return b"PTTL" if _by_clock(pipe) else b"PEXPIRETIME"


def end_by(pipe: Pipe, reply: Reply, now: float) -> int | None:
    """The moment at which a key expires, in unix milliseconds, by the reply to `life`; None for never. In a snapshot it
    may have passed. `now` is the server's time in unix seconds.
    """
    if _by_clock(pipe):
        return end_of(reply, now)
    return reply if isinstance(reply, int) and reply >= 0 else None


def _by_clock(pipe: Pipe) -> bool:
    """Tell whether nothing that is there has expired: `PTTL` says 0 of whatever has. A server that keeps it, as one
    that has loaded a snapshot whole, knows PEXPIRETIME (Redis 7.0).
    """
    return pipe.snapshot is None or pipe.snapshot.missing != 0


def end_of(left: Reply, now: float) -> int | None:
    """The moment at which a key expires, in unix milliseconds, by the reply to its `PTTL`; None for never. `now` is the
    server's time in unix seconds.
    """
    return int(now * 1000) + left if isinstance(left, int) and left >= 0 else None


def first_end(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> list[int | None]:
    """For each task the moment at which the first part of it expires, in unix milliseconds; None for never."""
    keys_ = [pipe.keys.task(queue, one) for one in ids]
    *replies, clock = pipe.call([*[(b"PTTL", key) for key in keys_], (b"TIME",)], errors="return")
    now = seconds_in(clock)
    ends = [end_of(left, now) for left in replies]
    if not pipe.abilities.has(Ability.FIELD_TIMES):
        return ends
    fields = pipe.call([field_times(pipe.keys, queue, one, USUAL_FIELDS) for one in ids], errors="return")
    for at, reply in enumerate(fields):
        pipe.abilities.lose(reply, Ability.FIELD_TIMES)
        moments = [*field_ends(USUAL_FIELDS, reply).values(), *([end] if (end := ends[at]) is not None else [])]
        ends[at] = min(moments, default=None)
    return ends
