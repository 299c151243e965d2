"""The memory of a queue, estimated from a sample that is spread over each of its indexes."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from archive_tui.asynq.states import LISTS, SORTED_SETS
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import Reply

SAMPLE = 50
"""Tasks of an index that are weighed; an index of no more is weighed whole."""

_MOST_GROUPS = 500
"""Groups of a queue whose tasks are counted in."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of the bytes that a queue takes in Redis."""

    bytes: int
    """The referenced tasks and the indexes; what no index holds is not in it."""

    error: int
    """The true size is within so many bytes of it, unless single tasks are far heavier than all that were weighed;
    0: all were.
    """


@dataclass(frozen=True, slots=True)
class _Index:
    """One index of a queue."""

    queue: int
    """Position of the queue among those asked for."""

    name: str
    """Name of the queue."""

    key: bytes
    is_list: bool
    size: int


def memory(pipe: Pipe, names: Sequence[str]) -> list[Estimate | None]:
    """Estimate the memory of each queue: its indexes, and of each the average over a sample times its size.

    None where the server refuses `MEMORY USAGE`. Five round trips for all queues.
    """
    if not pipe.abilities.has(Ability.MEMORY_USAGE):
        return [None] * len(names)
    found = _indexes(pipe, names)
    places = [_places(one.size) for one in found]
    commands: list[Command] = [
        (b"LINDEX", one.key, b"%d" % at) if one.is_list else (b"ZRANGE", one.key, b"%d" % at, b"%d" % at)
        for one, some in zip(found, places, strict=True)
        for at in some
    ]
    members = iter(pipe.call(commands, errors="return"))
    asked: list[bytes] = []
    counts: list[int] = []
    for one, some in zip(found, places, strict=True):
        ids = [task_id for _ in some if (task_id := _member(next(members))) is not None]
        counts.append(len(ids))
        asked += [one.key, *[pipe.keys.task(one.name, task_id) for task_id in ids]]
    replies = pipe.call([(b"MEMORY", b"USAGE", key) for key in asked], errors="return")
    if any(pipe.abilities.lose(reply, Ability.MEMORY_USAGE) for reply in replies):
        return [None] * len(names)
    weights = iter(replies)
    totals: list[list[tuple[float, float]] | None] = [[] for _ in names]
    for one, count in zip(found, counts, strict=True):
        own, sample = next(weights), [next(weights) for _ in range(count)]
        known = totals[one.queue]
        if any(isinstance(weight, Exception) for weight in (own, *sample)):
            totals[one.queue] = None
        elif known is not None:
            known += [(own or 0, 0.0), _extrapolated(one.size, [weight or 0 for weight in sample])]
    return [None if parts is None else _sum(parts) for parts in totals]


def _indexes(pipe: Pipe, names: Sequence[str]) -> list[_Index]:
    """The indexes of the queues that hold anything, with their sizes."""
    candidates: list[tuple[int, bytes, bool]] = []
    for number, (name, sets) in enumerate(zip(names, _groups(pipe, names), strict=True)):
        candidates += [(number, pipe.keys.index(name, state), True) for state in LISTS]
        candidates += [(number, pipe.keys.index(name, state), False) for state in SORTED_SETS]
        candidates += [(number, key, False) for key in sets]
    sizes = pipe.call([(b"LLEN" if is_list else b"ZCARD", key) for _, key, is_list in candidates], errors="return")
    return [
        _Index(number, names[number], key, is_list, size)
        for (number, key, is_list), size in zip(candidates, sizes, strict=True)
        if isinstance(size, int) and size
    ]


def _groups(pipe: Pipe, names: Sequence[str]) -> list[list[bytes]]:
    """The keys of the sets in which the tasks of each queue's groups stand; those of too many groups are left out."""
    counts = pipe.call([(b"SCARD", pipe.keys.groups(name)) for name in names], errors="return")
    commands: list[Command] = []
    for name, count in zip(names, counts, strict=True):
        able = isinstance(count, int) and 0 < count <= _MOST_GROUPS
        commands += [
            (b"SMEMBERS", pipe.keys.groups(name)) if able else (b"EXISTS", pipe.keys.groups(name)),
            (b"ZRANGE", pipe.keys.aggregation_sets(name), b"0", b"%d" % (_MOST_GROUPS - 1)),
        ]
    replies = pipe.call(commands, errors="return")
    return [
        [*[pipe.keys.group(name, group) for group in _listed(waiting)], *_listed(staged)]
        for name, waiting, staged in zip(names, replies[::2], replies[1::2], strict=True)
    ]


def _listed(reply: Reply) -> list[bytes]:
    return sorted(reply) if isinstance(reply, list | set) else []


def _member(reply: Reply) -> bytes | None:
    """The id in the reply to LINDEX or ZRANGE; None where it has gone meanwhile."""
    if isinstance(reply, list):
        reply = reply[0] if reply else None
    return reply if isinstance(reply, bytes) else None


def _places(size: int) -> list[int]:
    """Choose the places of an index to look at: one at random in each of equal parts of it. The same for the same
    size, so that an idle queue keeps its figure.
    """
    if size <= SAMPLE:
        return list(range(size))
    random = Random(size)
    edges = [size * part // SAMPLE for part in range(SAMPLE + 1)]
    return [random.randrange(begin, end) for begin, end in itertools.pairwise(edges)]


def _extrapolated(size: int, sample: Sequence[int]) -> tuple[float, float]:
    """The weight of `size` tasks by those of a sample, and its error.

    The error is three standard errors of a sample without repetition, and what would be missing if as many tasks as
    such a sample may miss (three in its number) were as heavy as the heaviest in it.
    """
    count = len(sample)
    if not count:
        return 0.0, 0.0
    mean = sum(sample) / count
    if count >= size:
        return mean * size, 0.0
    spread = math.sqrt(sum((weight - mean) ** 2 for weight in sample) / max(count - 1, 1))
    deviation = spread * size * math.sqrt((1 - count / size) / count)
    missed = min(3 * size / count, size - count)
    return mean * size, min(3 * deviation + missed * max(sample), (size - count) * max(sample))


def _sum(parts: Sequence[tuple[float, float]]) -> Estimate:
    """Add estimates up; errors of different indexes are taken to be alike, so they are added as they are."""
    return Estimate(int(sum(weight for weight, _ in parts)), math.ceil(sum(error for _, error in parts)))
