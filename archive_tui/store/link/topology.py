"""The topology of a cluster: which of its nodes serves which slots, as one of them says.

All keys of a queue have the same hash tag, so they lie in one slot. What belongs to no queue, `asynq:queues` first of
all, has a slot of its own, mostly on another node.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from archive_tui.settings.address import Address
from archive_tui.store.link.replies import Reply
from archive_tui.text import decode, encode

SLOTS = REDIS_CLUSTER_HASH_SLOTS


Remap = Callable[[Address], Address]
"""Gives the address at which we reach a node that names another one, as through a tunnel."""


class Shard(NamedTuple):
    """A range of slots, and who has them."""

    first: int
    last: int
    """The last slot of the range, inclusive."""
    primary: Address
    replicas: tuple[Address, ...]


@dataclass(frozen=True)
class Topology:
    """The shards of a cluster, by their first slot."""

    shards: tuple[Shard, ...]

    ids: frozenset[str] = frozenset()
    """The names that the nodes of the cluster have for themselves; none is in two clusters."""

    @cached_property
    def _firsts(self) -> list[int]:
        return [shard.first for shard in self.shards]

    def owner(self, slot: int) -> Address | None:
        """The primary that serves a slot; None where none does."""
        at = bisect_right(self._firsts, slot) - 1
        return self.shards[at].primary if at >= 0 and slot <= self.shards[at].last else None

    @cached_property
    def primaries(self) -> tuple[Address, ...]:
        """The primaries that serve slots, each once."""
        return tuple(dict.fromkeys(shard.primary for shard in self.shards))

    def replicas(self, primary: Address) -> tuple[Address, ...]:
        """The replicas of a primary, each once."""
        return tuple(dict.fromkeys(one for shard in self.shards if shard.primary == primary for one in shard.replicas))

    def slots(self, primary: Address) -> frozenset[int]:
        """The slots that a primary serves."""
        mine = (range(shard.first, shard.last + 1) for shard in self.shards if shard.primary == primary)
        return frozenset(slot for some in mine for slot in some)

    @cached_property
    def unserved(self) -> int:
        """Number of slots that no node serves."""
        return SLOTS - sum(shard.last - shard.first + 1 for shard in self.shards)


def slot_of(key: bytes) -> int:
    """The slot of a key."""
    return key_slot(key)


def slot_of_queue(queue: str) -> int:
    """The slot of a queue's keys. A name that begins with a brace that closes makes no tag: its keys lie in many."""
    return slot_of(b"{%b}" % encode(queue))


_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_MARK = re.compile(r"\[(\d+)-[<>]-")
"""How a node marks a slot that it gives away, or takes in, in its own line of `CLUSTER NODES`."""


class OwnSlots(NamedTuple):
    """The slots of a node as it says itself."""

    served: frozenset[int]
    """Those that it serves."""

    in_flux: frozenset[int]
    """Those that it gives away, or takes in, key by key: a part of each may be on another node."""


def own_slots(reply: Reply) -> OwnSlots | None:
    """The slots of the node that gave this reply to `CLUSTER NODES`; None where it was refused."""
    if not isinstance(reply, bytes):
        return None
    mine = [words for text in reply.decode().splitlines() if len(words := text.split()) > 7 and "myself" in words[2]]
    served: set[int] = set()
    for words in mine:
        for first, last in (match.groups() for word in words[8:] if (match := _RANGE.fullmatch(word))):
            served.update(range(int(first), int(last or first) + 1))
    marked = (_MARK.match(word) for words in mine for word in words[8:])
    return OwnSlots(frozenset(served), frozenset(int(mark[1]) for mark in marked if mark))


def topology_of(reply: Reply, asked: Address, remap: Remap = lambda address: address) -> Topology:
    """The topology in a reply to `CLUSTER SLOTS`; `asked` is the node that gave it.

    A node that does not know its own address, or is told not to give any (`cluster-preferred-endpoint-type`, Redis 7),
    leaves it out: it is the one at which it was asked.
    """

    def address(node: Sequence[Reply]) -> Address:
        host = decode(node[0]) if node[0] else ""
        return remap(Address(host if host not in ("", "?") else asked.host, int(node[1])))

    shards = [
        Shard(int(first), int(last), address(primary), tuple(map(address, replicas)))
        for first, last, primary, *replicas in _entries(reply)
    ]
    named = (decode(node[2]) for _, _, *nodes in _entries(reply) for node in nodes if len(node) > 2)
    return Topology(tuple(sorted(shards)), frozenset(named))


def _entries(reply: Reply) -> Iterable[Sequence[Reply]]:
    return reply if isinstance(reply, list) else ()
