"""Stale locks: unique locks whose holder has no task data any more. Reads only.

A scan meets the locks of a queue beside its task data. Asynq takes a lock and writes its task's data in one script, and
deletes both in one: where lock and data are read at one moment, no task that comes or goes passes for a stale one.
"""

import re
from collections.abc import Iterator, Sequence

from archive_tui.asynq import keys
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import fingerprint
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.consistent_read import read_together
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.text import decode
from archive_tui.wording.programs import moment

_AT_ONCE = 500
_OVERHEAD = 100
"""Bytes that Redis needs for a lock beside its key and its holder."""

_LOCK = re.compile(rb"asynq:\{([^}]+)\}:unique:(.*):(?:[0-9a-f]{32})?", re.DOTALL)
"""A lock as Asynq 0.18 and newer names it (docs/asynq-storage.md). Queues whose names hold a brace are left out: their
keys can be read in several ways.
"""


def stale_locks(pipe: Pipe, lock_keys: Sequence[bytes]) -> Iterator[list[TaskRow]]:
    """Findings among some locks, in steps of which most find none. A step takes three round trips, and two where all
    holders have data.
    """
    for start in range(0, len(lock_keys), _AT_ONCE):
        named = [(key, match) for key in lock_keys[start : start + _AT_ONCE] if (match := _LOCK.fullmatch(key))]
        holders = pipe.call([(b"GET", key) for key, _ in named], errors="return")
        held = [
            (key, match, keys.task(decode(match[1]), holder), holder)
            for (key, match), holder in zip(named, holders, strict=True)
            if isinstance(holder, bytes)
        ]
        there = pipe.call([(b"EXISTS", task_key) for _, _, task_key, _ in held], errors="return")
        suspects = [one for one, exists in zip(held, there, strict=True) if exists == 0]
        yield _settled(pipe, suspects) if suspects else []


def _settled(pipe: Pipe, suspects: Sequence[tuple[bytes, re.Match[bytes], bytes, bytes]]) -> list[TaskRow]:
    commands = [pack((b"TIME",))]
    for key, _, task_key, _ in suspects:
        commands += [pack((b"GET", key)), pack((b"EXISTS", task_key)), pack((b"PTTL", key))]
    moments = read_together(pipe, commands)
    now = seconds_in(moments[0].replies[0])
    rows = []
    for number, (key, match, _, holder) in enumerate(suspects):
        at = 1 + 3 * number
        if all(list(one.replies[at : at + 2]) == [holder, 0] for one in moments):
            left = moments[0].replies[at + 2]
            until = int(now + left / 1000) if isinstance(left, int) and left >= 0 else None
            rows.append(_row(key, match, holder, until))
    return rows


def _row(key: bytes, match: re.Match[bytes], holder: bytes, until: int | None) -> TaskRow:
    ends = f"until {moment(until)}" if until is not None else "for ever"
    return TaskRow(
        decode(match[1]),
        key,
        None,
        Kind.STALE_LOCK,
        type=match[2].decode("utf-8", "replace"),
        error=f"held by {holder.decode('utf-8', 'replace')} {ends}",
        scored_at=until,
        stored_bytes=len(key) + len(holder) + _OVERHEAD,
        fingerprint=fingerprint(holder),
    )
