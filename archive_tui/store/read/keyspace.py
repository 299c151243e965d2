"""The keyspace, walked with SCAN: a page of keys at a time, and how far a cursor is in it.

SCAN returns every key that is there from the first page to the last, some of them twice, and a page may hold nothing.
A cursor means nothing to another server process.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from archive_tui.errors import DisconnectedError, MovedError
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server_info import ServerInfo

COUNT = 1_000
"""Keys that the server visits for one page, matching or not; it needs less than a millisecond for them."""

_CURSOR_BITS = 64


def page(pipe: Pipe, cursor: int, pattern: bytes, count: int = COUNT) -> tuple[int, list[bytes]]:
    """One page: the cursor of the page that follows, 0 after the last one, and the keys that match a pattern."""
    following, found = pipe.one(b"SCAN", b"%d" % cursor, b"MATCH", pattern, b"COUNT", b"%d" % count)
    return int(following), found


def pages(pipe: Pipe, pattern: bytes, count: int = COUNT) -> Iterator[list[bytes]]:
    """All pages of every server that holds keys, empty ones too, so that the caller can rest after each. A lenient pipe
    passes over those that do not answer.
    """
    for one in pipe.everywhere():
        cursor = 0
        while True:
            try:
                cursor, found = page(one, cursor, pattern, count)
            except DisconnectedError as error:
                if not pipe.lenient or isinstance(error, MovedError):
                    raise
                break
            yield found
            if not cursor:
                break


def fraction_of(cursor: int) -> float:
    """The share of the keyspace that a cursor has behind it, from 0 to 1. Cursors count with their bits reversed, so
    reversing all 64 of them gives the fraction whatever the table's size.
    """
    return int(f"{cursor:0{_CURSOR_BITS}b}"[::-1], 2) / (1 << _CURSOR_BITS)


_SLOT_BITS = 14
"""Bits of a cluster's cursor that name the slot: the lowest of them."""


def fraction_in_slot(cursor: int) -> float:
    """The same where a cluster walks one slot alone, as for a pattern that begins with a queue's tag."""
    return fraction_of(cursor >> _SLOT_BITS)


class FractionBySlots:
    """The same where a cluster's node walks its slots one after the other: by the number of keys in each of them, for
    most slots are empty, and one may hold nearly all.
    """

    def __init__(self, keys_in: Mapping[int, int]) -> None:
        self._keys_in = keys_in
        self._slots = sorted(keys_in)
        self._behind = [0, *accumulate(keys_in[slot] for slot in self._slots)]

    def __call__(self, cursor: int) -> float:
        slot = cursor & ((1 << _SLOT_BITS) - 1)
        behind, here = self._behind[bisect_left(self._slots, slot)], self._keys_in.get(slot, 0)
        return (behind + here * fraction_in_slot(cursor)) / self._behind[-1] if self._behind[-1] else 0.0


def walks_by_slots(info: ServerInfo) -> bool:
    """Whether the cursors of a server name the slot that they are in, so that a pattern with a tag walks that slot
    alone: nodes of a cluster do from Redis 7.4 and Valkey 8.0 on.
    """
    if info.mode != "cluster":
        return False
    version = [int(part) for part in re.findall(r"\d+", info.version)]
    return version >= ([8] if info.product == "valkey" else [7, 4])


def keys_by_slot(pipe: Pipe, slots: Iterable[int]) -> dict[int, int]:
    """Number of keys in each of these slots of the node that the pipe is at home at; empty slots are missing, and all
    are where the server does not tell.
    """
    wanted = sorted(slots)
    counts = pipe.call([(b"CLUSTER", b"COUNTKEYSINSLOT", b"%d" % slot) for slot in wanted], errors="return")
    return {slot: count for slot, count in zip(wanted, counts, strict=True) if isinstance(count, int) and count}
