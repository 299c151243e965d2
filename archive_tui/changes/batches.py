"""A plan in lots: what is read, written to the journal and asked of the server together."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Targets
from archive_tui.catalog.selection import Selection
from archive_tui.journal import outcomes as codes
from archive_tui.journal.outcomes import UNKNOWN, UNTRIED
from archive_tui.store.write.delete import Doomed, Standing, is_plain

_CHUNK = 5_000
_IN_ORDER = 20_000
"""Rows that may be gone through in the order that a person sees. An archive has fewer; of millions, see `as_found`."""

_CALL_BYTES = 1024 * 1024
"""The server compares each message that it deletes: a mebibyte keeps it busy for a few milliseconds."""

_FIRST_COPIED_TASKS = 200
_COPIED_TASKS = 2_000
_COPIED_BYTES = 4 * 1024 * 1024
"""How much is read, and synced to the disk, at once; a larger message goes alone. It begins small and doubles, so that
a short deletion can be stopped and shows how far it is.
"""

_DELETED = {Outcome.DONE.value}


@dataclass(slots=True)
class Call:
    """One script call: the places in its lot of the tasks that it deletes, and their outcomes once they are known."""

    at: Sequence[int]
    outcomes: Sequence[int] | None = None
    tries: int = 0


@dataclass(slots=True, eq=False)
class Lot:
    """Some tasks of one queue, one standing and one state; `weight` is about how many bytes all have, `largest` one of
    them, and `plain` says that all copies are. `wanted` are the places of those that are as planned, `outcomes` of
    those that are not; `batch` is its number in the journal, `kept` is done when the journal has it on disk. `sent_at`
    is when it was sent to be deleted, by the monotonic clock.
    """

    queue: str
    standing: Standing
    seqs: Sequence[int]
    doomed: Sequence[Doomed]
    weight: int = 0
    largest: int = 0
    unsized: bool = False
    copies: list[Copy] | None = None
    plain: bool = False
    wanted: Sequence[int] | None = None
    outcomes: dict[int, int] = field(default_factory=dict)
    calls: list[Call] | None = None
    batch: int | None = None
    kept: "Future[None] | None" = None
    tries: int = 0
    asked_to_read: bool = False
    sent_at: float = 0.0

    @property
    def ids(self) -> list[bytes]:
        """The ids of its tasks."""
        return [doomed[0] for doomed in self.doomed]

    @property
    def indexes(self) -> list[State | None]:
        """The index in which each must stand, None for none."""
        if self.standing is Standing.ORPHAN:
            return [None] * len(self.doomed)
        return [doomed.state for doomed in self.doomed]

    @property
    def open_calls(self) -> list[Call]:
        """The calls whose outcomes are not known yet."""
        return [call for call in self.calls or () if call.outcomes is None]

    @property
    def unknown(self) -> int:
        """How many of its tasks were asked to be deleted, with no answer."""
        return sum(len(call.at) for call in self.open_calls if call.tries)

    @property
    def finished(self) -> bool:
        """Whether every outcome is known."""
        return self.calls is not None and all(call.outcomes is not None for call in self.calls)

    def digits(self) -> str:
        """What became of the tasks that are in the journal, for its line. One that was gone when it was asked for again
        may have been deleted by the first request: nobody knows.
        """
        calls = self.calls or ()
        asked = sum(len(call.at) for call in calls if call.tries == 1 and set(call.outcomes or ()) == _DELETED)
        if asked == len(self.doomed):
            return codes.DONE * asked
        found = [UNTRIED] * len(self.doomed)
        for call in calls:
            for place, at in enumerate(call.at):
                if call.outcomes is None:
                    found[at] = UNKNOWN if call.tries else UNTRIED
                elif call.tries > 1 and call.outcomes[place] == Outcome.GONE.value:
                    found[at] = UNKNOWN
                else:
                    found[at] = codes.CODES[call.outcomes[place]]
        wanted = range(len(self.doomed)) if self.wanted is None else self.wanted
        return "".join([found[at] for at in wanted])

    def slice(self, tasks: int) -> None:
        """Cut what is wanted into calls of so many tasks, and of what the server can compare in a moment."""
        wanted = range(len(self.doomed)) if self.wanted is None else self.wanted
        sizes = None
        # What is not plain may hold more than the message by which it was sized
        if self.copies is not None and (not self.plain or self.largest * tasks > _CALL_BYTES):
            sizes = [sum(map(len, copy.fields)) for copy in self.copies]
        if self.copies is None or self.plain:
            kinds: list[Sequence[int]] = [wanted]
        else:
            plain = [is_plain(self.copies[at]) for at in wanted]
            kinds = [wanted] if len(set(plain)) < 2 else _parted(wanted, plain)
        self.calls = [Call(at) for places in kinds for at in _cut(places, tasks, sizes)]


def _parted(places: Sequence[int], chosen: Sequence[bool]) -> list[Sequence[int]]:
    return [[at for at, one in zip(places, chosen, strict=True) if one is wanted] for wanted in (True, False)]


def _cut(places: Sequence[int], tasks: int, sizes: Sequence[int] | None) -> Iterator[Sequence[int]]:
    if sizes is None:
        for start in range(0, len(places), tasks):
            yield places[start : start + tasks]
        return
    part: list[int] = []
    total = 0
    for at in places:
        if part and (len(part) >= tasks or total + sizes[at] > _CALL_BYTES):
            yield part
            part, total = [], 0
        part.append(at)
        total += sizes[at]
    if part:
        yield part


def lots(selection: Selection, tasks: Callable[[], int], *, copying: bool) -> Iterator[Lot]:
    """A plan in lots, some thousand tasks at a time: in its order, or where it is long in the order in which its rows
    were found, except that queues and standings are kept apart.

    `tasks` says how many a lot may have; `copying` lots are read and written down first, and may have more.
    """
    most_bytes = _COPIED_BYTES if copying else _CALL_BYTES
    copied_tasks = _FIRST_COPIED_TASKS
    start = 0
    mixed = False
    seqs = selection.seqs if len(selection) <= _IN_ORDER else selection.as_found()
    while start < len(seqs):
        # Few at a time, so that the server need not wait for us; many, where they must be sorted first
        end = start + (_CHUNK if mixed else copied_tasks if copying else tasks())
        groups: dict[tuple[str, Standing, str], Targets] = {}
        for found in selection.catalog.targets(seqs[start:end]):
            key = (found.queue, standing_of(found.kind, found.scored), found.state or "")
            if key in groups:
                groups[key].extend(found)
            else:
                groups[key] = found
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
                unsized = None in sizes[: len(known)] or members.state is State.COMPLETED
                yield Lot(
                    queue, standing, members.seqs[part], _doomed(members, part, standing), weight, max(known), unsized
                )
                begin = part.stop


def _doomed(members: Targets, part: slice, standing: Standing) -> list[Doomed]:
    columns = (
        members.ids[part],
        repeat(members.state),
        members.fingerprints[part],
        repeat(standing),
        members.unique[part],
    )
    return list(map(Doomed._make, zip(*columns, strict=False)))


def _light(sizes: Sequence[int], most: int) -> tuple[list[int], int]:
    """As many of the first sizes as make up so many bytes, but one at least; and what they add up to."""
    total = 0
    for at, size in enumerate(sizes):
        if at and total + size > most:
            return list(sizes[:at]), total
        total += size
    return list(sizes), total


def split(lot: Lot, sizes: Sequence[int]) -> list[Lot]:
    """The lot in smaller ones, now that the true sizes of its tasks are known."""
    found: list[Lot] = []
    begin, total = 0, 0
    for at, size in enumerate([*sizes, _COPIED_BYTES + 1]):
        if at > begin and (at == len(sizes) or total + size > _COPIED_BYTES):
            found.append(
                Lot(lot.queue, lot.standing, lot.seqs[begin:at], lot.doomed[begin:at], total, max(sizes[begin:at]))
            )
            begin, total = at, 0
        total += size
    return found


def standing_of(kind: Kind | None, scored: bool) -> Standing:
    """Where a task was found: a finding is an orphan, unless its leftover queue still has the index."""
    if kind is None:
        return Standing.INDEXED
    return Standing.LEFTOVER if scored else Standing.ORPHAN
