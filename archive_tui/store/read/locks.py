"""Stale locks: unique locks whose holder has no task data any more. Reads only.

A scan meets the locks of a queue beside its task data. Asynq takes a lock and writes its task's data in one script, and
deletes both in one: where lock and data are read at one moment, no task that comes or goes passes for a stale one.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from archive_tui.asynq import locks
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.locks import LockName
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import fingerprint
from archive_tui.store.link.clock import seconds_in
from archive_tui.store.link.consistent_read import read_together
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.read.times import end_by, life
from archive_tui.wording.programs import moment

_Suspect: TypeAlias = tuple[bytes, LockName, bytes, bytes]
"""The key of a lock, what it says, the key of its holder's data, and the holder."""

_AT_ONCE = 500
_OVERHEAD = 100
"""Bytes that Redis needs for a lock beside its key and its holder."""


def stale_locks(pipe: Pipe, lock_keys: Sequence[bytes]) -> Iterator[list[TaskRow]]:
    """Findings among some locks, in steps of which most find none. A step takes three round trips, and two where all
    holders have data.
    """
    for start in range(0, len(lock_keys), _AT_ONCE):
        named = [(key, name) for key in lock_keys[start : start + _AT_ONCE] if (name := locks.read(pipe.keys, key))]
        holders = pipe.call([(b"GET", key) for key, _ in named], errors="return")
        held = [
            (key, name, pipe.keys.task(name.queue, holder), holder)
            for (key, name), holder in zip(named, holders, strict=True)
            if isinstance(holder, bytes)
        ]
        there = pipe.call([(b"EXISTS", task_key) for _, _, task_key, _ in held], errors="return")
        suspects: dict[str, list[_Suspect]] = {}
        for one, exists in zip(held, there, strict=True):
            if exists == 0:
                suspects.setdefault(one[1].queue, []).append(one)
        yield [row for some in suspects.values() for row in _settled(pipe, some)]


def _settled(pipe: Pipe, suspects: Sequence[_Suspect]) -> list[TaskRow]:
    """Those of a queue's locks that are stale at one moment."""
    commands = [pack((b"TIME",))]
    for key, _, task_key, _ in suspects:
        commands += [pack((b"GET", key)), pack((b"EXISTS", task_key)), pack((life(pipe), key))]
    moments = read_together(pipe, commands)
    now = seconds_in(moments[0].replies[0])
    rows = []
    for number, (key, name, _, holder) in enumerate(suspects):
        at = 1 + 3 * number
        if all(list(one.replies[at : at + 2]) == [holder, 0] for one in moments):
            left = moments[0].replies[at + 2]
            until = end_by(pipe, left, now)
            unknown = isinstance(left, Exception)
            rows.append(_row(key, name, holder, until // 1000 if until is not None else None, unknown=unknown))
    return rows


def _row(key: bytes, name: LockName, holder: bytes, until: int | None, *, unknown: bool) -> TaskRow:
    """A finding; `until` is None where it never runs out, and where that is `unknown`."""
    ends = "for an unknown time" if unknown else f"until {moment(until)}" if until is not None else "for ever"
    return TaskRow(
        name.queue,
        key,
        None,
        Kind.STALE_LOCK,
        type=name.type,
        error=f"held by {holder.decode('utf-8', 'replace')} {ends}",
        scored_at=until,
        stored_bytes=len(key) + len(holder) + _OVERHEAD,
        fingerprint=fingerprint(holder),
    )
