"""Deleting task data: one script call a batch, each task checked again by the server.

`request` and `answer` are apart, so that the server works on one batch while the next one is made.
"""

import hashlib
from binascii import hexlify
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from archive_tui.asynq.keys import Keys
from archive_tui.asynq.locks import name_in
from archive_tui.asynq.states import LISTS, State
from archive_tui.asynq.task_copy import Copy
from archive_tui.errors import DisconnectedError
from archive_tui.store.link.pipe import Pipe, pack_each
from archive_tui.store.link.replies import Reply, is_unknown_script
from archive_tui.store.write.scripts import load

_LONG = 1024
"""Bytes of a value above which its SHA-1 is compared instead of itself; known to delete.lua."""


class Standing(StrEnum):
    """Places where a task must still stand, or not stand, when it is deleted; the values are those of delete.lua."""

    ORPHAN = "orphan"
    INDEXED = "indexed"
    LEFTOVER = "leftover"


class Doomed(NamedTuple):
    """A task of a plan, with what must still be true of it when it is deleted.

    A named tuple, because a deletion makes millions of them.
    """

    id: bytes

    state: State | None
    """The state that its hash must still name; None: it named none that Asynq writes, and must still name none."""

    fingerprint: bytes
    """The fingerprint that its message must still have; empty for no message."""

    standing: Standing
    """The place where it must still stand, or not stand."""

    unique: bool = True
    """Whether it may hold a unique lock."""


def prepare(pipe: Pipe, queue: str) -> None:
    """Make sure that this connection may delete from a queue, and that the server knows the script. Deletes nothing;
    raises NotPermittedError, or RefusedError on a replica.
    """
    for mode in (b"seen", b"copied"):
        pipe.script(*load("delete"), _indexes(pipe.keys, queue), [pipe.keys.unique_prefix(queue), b"orphan", b"", mode])


def request(keys: Keys, queue: str, batch: Sequence[Doomed], copies: Sequence[Copy] | None = None) -> bytes:
    """A batch, not empty and none twice, packed to be sent: of one standing and one state, with copies that are all
    plain or none. A leftover queue must have been asked for with `is_leftover`.
    """
    _, state, _, standing, _ = batch[0]
    indexes = _indexes(keys, queue)
    mode, seen = _recognised(batch, copies)
    asked = (keys.unique_prefix(queue), standing.value.encode(), _STATES[state], mode)
    parts = [
        b"*%d\r\n" % (3 + len(indexes) + len(batch) + len(asked) + len(seen)),
        pack_each(b"", (b"EVALSHA", load("delete").digest, b"%d" % (len(indexes) + len(batch)), *indexes)),
        pack_each(b"", [doomed[0] for doomed in batch], start=keys.task_prefix(queue)),
        pack_each(b"", asked),
        pack_each(b"", seen),
    ]
    return b"".join(parts)


def answer(pipe: Pipe, count: int) -> list[int] | Exception:
    """The numbers of the outcomes of a batch of `count` whose `request` was sent, or what the server said where it
    refused: then nothing of this batch was deleted. Raises where the connection is lost.
    """
    (reply,) = pipe.receive(1)
    if is_unknown_script(reply):
        return DisconnectedError("the server has forgotten our script: it is sent again")
    return reply if isinstance(reply, Exception) else _numbers(reply, count)


def _numbers(reply: Reply, count: int) -> list[int]:
    return [reply] * count if isinstance(reply, int) else reply


def is_plain(copy: Copy) -> bool:
    """Whether a copy has a message, a state, nothing else, and neither names nor holds a lock: most are so."""
    fields = copy[2]
    return (
        len(fields) == 4
        and fields[0] == b"msg"
        and fields[2] == b"state"
        and copy.lock is None
        and name_in(None, fields[1]) is None
    )


@cache
def _indexes(keys: Keys, queue: str) -> tuple[bytes, ...]:
    zsets = (State.ARCHIVED, State.COMPLETED, State.SCHEDULED, State.RETRY)
    return (
        *[keys.index(queue, state) for state in zsets],
        keys.lease(queue),
        *[keys.index(queue, state) for state in LISTS],
    )


def _recognised(batch: Sequence[Doomed], copies: Sequence[Copy] | None) -> tuple[bytes, Sequence[bytes]]:
    """How the tasks are recognised, and what by: the mode of delete.lua, and its arguments for each task."""
    if copies is None:
        digests = list(map(hexlify, [doomed[2] for doomed in batch]))
        if any(map(itemgetter(4), batch)):
            digests = [one + b"!" if doomed[4] else one for one, doomed in zip(digests, batch, strict=True)]
        return b"seen", digests
    if batch[0].state is None or not is_plain(copies[0]):
        return b"copied", [part for copy in copies for part in _parts(copy)]
    messages = [copy[2][1] for copy in copies]
    if max(map(len, messages)) > _LONG:
        messages = list(map(_short, messages))
    if batch[0].standing is Standing.ORPHAN:
        return b"plain", messages
    scores = [copy.score or b"" for copy in copies]
    return b"plain", list(chain.from_iterable(zip(messages, scores, strict=True)))


def _parts(copy: Copy) -> Iterator[bytes]:
    """A copy that is not plain, as delete.lua takes it."""
    fields = copy.fields
    yield from (copy.score or b"", copy.lock or b"", b"%d" % len(fields))
    for at in range(0, len(fields), 2):
        yield from (fields[at], _short(fields[at + 1]))


_STATES = {None: b""} | {state: state.value.encode() for state in State}


def _short(value: bytes) -> bytes:
    """A value, or the SHA-1 of a long one."""
    return value if len(value) <= _LONG else hashlib.sha1(value, usedforsecurity=False).hexdigest().encode()
