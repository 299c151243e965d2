"""Times to live on the tasks of a plan: how many of them Redis would take away by itself, and when it begins to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from archive_tui.changes.sheet import Line
from archive_tui.store.link.server import Server
from archive_tui.store.read.times import first_end
from archive_tui.wording.people import exact, plural
from archive_tui.wording.programs import moment
from archive_tui.wording.tone import Tone

if TYPE_CHECKING:
    from archive_tui.changes.plan import Plan

_MOST = 10_000
"""Tasks of a plan that are asked for their times to live: a tenth of a second of the server's time. Of more than these,
so many are asked that stand evenly among all.
"""


@dataclass(frozen=True, slots=True)
class Expiring:
    """The tasks of a plan that have a time to live, as a whole or on a field."""

    count: int = 0
    """How many of those that were looked at."""

    first_at: float | None = None
    """Unix seconds when the first of these runs out; None where there are none."""

    looked_at: int | None = None
    """How many tasks were looked at; None for all."""

    def line(self, what_becomes: str) -> Iterator[Line]:
        """The line of a sheet; `what_becomes` of the times. No line where there is none to live."""
        if self.count:
            some = f" among {self.looked_at:,} that were looked at" if self.looked_at is not None else ""
            text = f"of {plural(self.count, 'task')}{some}, from {exact(self.first_at)} on: {what_becomes}"
            yield Line(text, "expires", Tone.CAUTION)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The same for programs."""
        return {
            "expiring": self.count,
            "expiring_among": self.looked_at,
            "first_expires_at": moment(self.first_at),
        }


def with_times(server: Server, plan: "Plan") -> "Plan":
    """The same plan, with the times to live on its tasks, or on some that stand evenly among them. Blocks. Raises
    ConnectError and kin.
    """
    ends: list[int] = []
    looked_at = 0
    sample = replace(plan.selection, seqs=plan.selection.seqs[:: -(-len(plan.selection) // _MOST) or 1])
    with server.pipe() as pipe:
        for rows in sample.batches():
            for queue, same in groupby(rows, key=lambda numbered: numbered[1].queue):
                found = first_end(pipe, queue, [row.id for _, row in same])
                ends += [end for end in found if end is not None]
            looked_at += len(rows)
    first = min(ends) / 1000 if ends else None
    return replace(plan, expiring=Expiring(len(ends), first, looked_at if len(sample) < len(plan.selection) else None))
