"""Parts of many rows at once, for whoever changes them by the million: added up, or column by column."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.asynq.task import FINGERPRINT_BYTES, GENERATED_ID
from archive_tui.catalog.fields import DIED

_STATES: dict[str | None, State | None] = {None: None} | {state.value: state for state in State}
KINDS: dict[str | None, Kind | None] = {None: None} | {kind.value: kind for kind in Kind}
"""States and kinds by how the table keeps them."""

SUMS = (
    "SELECT queue, kind, rows.type, count(*), coalesce(sum(stored_bytes), 0), sum(stored_bytes IS NULL), "
    f"sum(rows.\"unique\"), sum(typeof(rows.id) <> 'text' OR rows.id NOT GLOB '{GENERATED_ID}'), "
    f"min({DIED}), max({DIED}) "
    "FROM json_each(?) CROSS JOIN rows ON seq = value GROUP BY queue, kind, rows.type"
)
"""Adds up the rows with these numbers: queue, kind and type, and `Sums` of each."""

TARGETS = (
    "SELECT queue, state, kind, scored_at IS NULL, seq, CAST(rows.id AS BLOB), stored_bytes, fingerprint, "
    '"unique" OR NOT readable FROM json_each(?) AS wanted CROSS JOIN rows ON seq = wanted.value'
)
"""Reads `Targets` of the rows with these numbers, in this order."""

_ALIKE = itemgetter(0, 1, 2, 3)


class Sums(NamedTuple):
    """The sums of some rows of one queue, kind and type; as in `selection.Totals`."""

    rows: int
    """Rows."""

    stored_bytes: int
    """Estimate of their bytes in Redis."""

    unsized: int
    """Rows of unknown size, which are not in it."""

    locked: int
    """Tasks that name a unique lock."""

    fixed_ids: int
    """Tasks with an id that a producer chose."""

    oldest: int | None
    """When the first of them died or failed last, in unix seconds; None where none ever did."""

    newest: int | None
    """The same of the last of them."""


class Targets(NamedTuple):
    """The parts of rows that a deletion needs, of rows alike in queue, state and kind; by columns, because a deletion
    goes through millions of them.
    """

    queue: str
    """Name of the queue."""

    state: State | None
    """State that the task data named."""

    kind: Kind | None
    """Kind of the findings; None: rows of a listing."""

    scored: bool
    """All rows have a score; False: none has."""

    seqs: list[int]
    """Numbers of the rows."""

    ids: list[bytes]
    """Their ids."""

    sizes: list[int | None]
    """Estimates of their bytes in Redis; None: unknown."""

    fingerprints: list[bytes]
    """Fingerprints of their messages; empty: there was none."""

    unique: list[bool]
    """The task may hold a unique lock: its message names one, or cannot be read."""

    def extend(self, more: "Targets") -> None:
        """Append targets of the same queue, state and kind."""
        self.seqs.extend(more.seqs)
        self.ids.extend(more.ids)
        self.sizes.extend(more.sizes)
        self.fingerprints.extend(more.fingerprints)
        self.unique.extend(more.unique)


def targets_from(found: Iterable[tuple[Any, ...]], queues: Sequence[str]) -> Iterator[Targets]:
    """Put together what `TARGETS` has read, with the names of queues by their numbers."""
    for (queue, state, kind, unscored), group in groupby(found, _ALIKE):
        _, _, _, _, numbers, ids, sizes, seen, unique = map(list, zip(*group, strict=True))
        prints = [b"" if one is None else one.to_bytes(FINGERPRINT_BYTES, "big", signed=True) for one in seen]
        alike = queues[queue], _STATES[state], KINDS[kind], not unscored
        yield Targets(*alike, numbers, ids, sizes, prints, unique)
