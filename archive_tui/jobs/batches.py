"""Batches: the part of a selection of rows that is read, journaled and changed together."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Self, TypeVar

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.row_parts import Targets
from archive_tui.catalog.selection import Selection
from archive_tui.store.write.delete import Standing

_CHUNK = 5_000
_IN_ORDER = 20_000
"""Rows that may be gone through in the order that a person sees. An archive has fewer; of millions, see `as_found`."""

CALL_BYTES = 1024 * 1024
"""The server compares each message that it deletes: a mebibyte keeps it busy for a few milliseconds."""

_FIRST_COPIED_TASKS = 200
_COPIED_TASKS = 2_000
_COPIED_BYTES = 4 * 1024 * 1024
"""How much is read, and synced to the disk, at once; a larger message goes alone. It begins small and doubles, so that
a short deletion can be stopped and shows how far it is.
"""


@dataclass(slots=True, eq=False, kw_only=True)
class Batch:
    """Some tasks of one queue that are read together."""

    queue: str

    ids: Sequence[bytes]

    seqs: Sequence[int] = ()
    """Their row numbers in the catalog, in the same order; empty where no table shows them."""

    weight: int = 0
    """About how many bytes all of them have."""

    largest: int = 0
    """About how many bytes the largest of them has."""

    unsized: bool = False
    """Whether some sizes are unknown: the server must be asked for them before the batch is read."""

    def __len__(self) -> int:
        return len(self.ids)

    def cut(self, places: slice) -> Self:
        """A batch of some of these tasks, by their positions. Made before anything was done with this one."""
        return type(self)(queue=self.queue, ids=self.ids[places], seqs=self.seqs[places])


AnyBatch = TypeVar("AnyBatch", bound=Batch)


@dataclass(slots=True, eq=False, kw_only=True)
class TargetBatch(Batch):
    """Rows of one queue, one state and one standing, as columns."""

    standing: Standing

    state: State | None

    fingerprints: Sequence[bytes]
    """The start of the SHA-1 of each message, as it was when the row was made."""

    unique: Sequence[bool]
    """Whether each may hold a unique lock."""

    @property
    def indexes(self) -> list[State | None]:
        """The index in which each must stand, None for none."""
        index = self.state or State.ARCHIVED  # a husk without a state is listed in the archive
        return [None if self.standing is Standing.ORPHAN else index] * len(self.ids)

    def cut(self, places: slice) -> "TargetBatch":
        return TargetBatch(
            queue=self.queue,
            ids=self.ids[places],
            seqs=self.seqs[places],
            standing=self.standing,
            state=self.state,
            fingerprints=self.fingerprints[places],
            unique=self.unique[places],
        )


def in_order(selection: Selection) -> "array[int]":
    """The numbers of a selection's rows in the order in which they are gone through, queues and standings aside."""
    return selection.seqs if len(selection) <= _IN_ORDER else selection.as_found()


def row_batches(selection: Selection, tasks: Callable[[], int], *, copying: bool) -> Iterator[TargetBatch]:
    """A selection in batches, some thousand tasks at a time: in its order, or where it is long in the order in which
    its rows were found, except that queues and standings are kept apart.

    `tasks` says how many a batch may have; `copying` batches are read and written down first, and may have more.
    """
    most_bytes = _COPIED_BYTES if copying else CALL_BYTES
    copied_tasks = _FIRST_COPIED_TASKS
    start = 0
    mixed = False
    seqs = in_order(selection)
    while start < len(seqs):
        # Few at a time, so that the server need not wait for us; many, where they must be sorted first
        end = start + (_CHUNK if mixed else copied_tasks if copying else tasks())
        groups: dict[tuple[str, Standing, str], Targets] = {}
        for targets in selection.catalog.targets(seqs[start:end]):
            key = (targets.queue, standing_of(targets.kind, targets.scored), targets.state or "")
            if key in groups:
                groups[key].extend(targets)
            else:
                groups[key] = targets
        start, mixed = end, len(groups) > 1
        for (queue, standing, _), members in sorted(groups.items(), key=itemgetter(0)):
            begin = 0
            while begin < len(members.seqs):
                sizes = members.sizes[begin : begin + (copied_tasks if copying else tasks())]
                copied_tasks = min(copied_tasks * 2, _COPIED_TASKS)
                known = [size or 0 for size in sizes]
                weight = sum(known)
                if weight > most_bytes:
                    known, weight = _light(known, most_bytes)
                part = slice(begin, begin + len(known))
                yield TargetBatch(
                    queue=queue,
                    ids=members.ids[part],
                    seqs=members.seqs[part],
                    weight=weight,
                    largest=max(known),
                    unsized=None in sizes[: len(known)] or members.state is State.COMPLETED,
                    standing=standing,
                    state=members.state,
                    fingerprints=members.fingerprints[part],
                    unique=members.unique[part],
                )
                begin = part.stop


def _light(sizes: Sequence[int], most: int) -> tuple[list[int], int]:
    """As many of the first sizes as make up so many bytes, but one at least; and what they add up to."""
    total = 0
    for at, size in enumerate(sizes):
        if at and total + size > most:
            return list(sizes[:at]), total
        total += size
    return list(sizes), total


def split(batch: AnyBatch, sizes: Sequence[int]) -> list[AnyBatch]:
    """The batch in smaller ones that may be in memory at once, now that the true sizes of its tasks are known."""
    parts: list[AnyBatch] = []
    begin, total = 0, 0
    for at, size in enumerate([*sizes, _COPIED_BYTES + 1]):
        if at > begin and (at == len(sizes) or total + size > _COPIED_BYTES):
            part = batch.cut(slice(begin, at))
            part.weight, part.largest = total, max(sizes[begin:at])
            parts.append(part)
            begin, total = at, 0
        total += size
    return parts


def slices(places: Sequence[int], most: int, sizes: Sequence[int] | None = None) -> Iterator[Sequence[int]]:
    """Positions in a batch, cut into calls of at most `most` tasks and `CALL_BYTES`. `sizes` are the bytes of each task
    of the batch; None where none is large.
    """
    if sizes is None:
        for start in range(0, len(places), most):
            yield places[start : start + most]
        return
    part: list[int] = []
    total = 0
    for at in places:
        if part and (len(part) >= most or total + sizes[at] > CALL_BYTES):
            yield part
            part, total = [], 0
        part.append(at)
        total += sizes[at]
    if part:
        yield part


def standing_of(kind: Kind | None, scored: bool) -> Standing:
    """Where a task was found: a finding is an orphan, unless its leftover queue still has the index."""
    if kind is None:
        return Standing.INDEXED
    return Standing.LEFTOVER if scored else Standing.ORPHAN
