"""The columns of the list of queues: what a line knows, how it is shown and how it is sorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from archive_tui.asynq.limits import CAP_IS_DEFAULT, DEFAULTS, Limits
from archive_tui.asynq.states import State
from archive_tui.session import ScanSummary
from archive_tui.store.read.queues import QueueStats
from archive_tui.text import line
from archive_tui.tui.lists.queue_trouble import ORDER, Trouble
from archive_tui.tui.widgets.columns import Cell, Column, Tone
from archive_tui.wording.people import UNKNOWN, age, bar, number, roughly, sparkline

_BAR = 7


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the list of queues."""

    stats: QueueStats
    """How the queue is doing."""

    scan: ScanSummary | None
    """What the last scan found in it; None where there was none."""

    now: float
    """Unix seconds of the moment that the line shows."""

    limits: Limits = DEFAULTS
    """The limits of its archive."""

    marked: int = 0
    """Tasks that are marked in its list, which was left."""

    trouble: Trouble = Trouble.NONE
    """How much it needs attention."""

    def count(self, state: State) -> int:
        """How many tasks in a state."""
        return self.stats.counts.get(state, 0)

    def known(self, state: State) -> int | None:
        """The same; None where it could not be read."""
        unread = self.stats.refused or self.stats.away or state.value in self.stats.unreadable
        return None if unread else self.stats.counts.get(state)


def _name(row: QueueRow) -> str | Cell:
    name = line(row.stats.name)
    if row.stats.old:
        return f"{name} (before 0.18)"
    if row.stats.leftover:
        return f"{name} (leftover)"
    if row.stats.registered is None:
        return f"{name} (registered?)"
    marked = f" ●{row.marked:,}" if row.marked else ""
    return f"{name} ⏸{marked}" if row.stats.paused else f"{name}{marked}"


def _archived(row: QueueRow) -> str | Cell:
    if row.stats.refused:
        return Cell("not permitted", "dim")
    if row.stats.away:
        return Cell("no answer", "bad")
    if State.ARCHIVED.value in row.stats.unreadable:
        return Cell("wrong type", "bad")
    count = row.count(State.ARCHIVED)
    if row.stats.leftover and not count:
        return Cell("leftover", "dim")
    cap = row.limits.cap
    if row.limits.denies(count):
        return Cell(f"{bar(1, _BAR)} {count:>6,}/?", "warn")
    shown = f"{bar(count / cap, _BAR)} {count:>6,}/{cap:,}"
    if count >= cap:
        return Cell(shown, "bad")
    return Cell(shown, "warn") if count >= cap * 0.8 else shown


def _findings(row: QueueRow) -> str | Cell:
    if row.scan is None:
        return Cell(UNKNOWN, "dim")
    shown = number(row.scan.findings) if row.scan.complete else f"≥ {row.scan.findings:,}"
    return Cell(shown, "bad") if row.scan.findings else shown


def _state(state: State) -> Any:
    def cell(row: QueueRow) -> str | Cell:
        if state.value in row.stats.unreadable:
            return Cell("wrong type", "bad")
        count = row.stats.counts.get(state)
        return number(count) if count is not None and (count or not row.stats.leftover) else Cell(UNKNOWN, "dim")

    return cell


def _memory(row: QueueRow) -> str | Cell:
    estimate = row.stats.memory
    return Cell(UNKNOWN, "dim") if estimate is None else roughly(estimate.bytes, estimate.error)


def _oldest(row: QueueRow) -> str:
    return age(row.stats.oldest_archived_at, row.now)


def _failures(row: QueueRow) -> str | Cell:
    return Cell(sparkline(row.stats.failed), "warn") if any(row.stats.failed) else sparkline(row.stats.failed)


COLUMNS: list[Column[QueueRow]] = [
    Column("queue", "Queue", _name, 16, grow=1, most=60,
           help="its name; ⏸ where workers take nothing from it, leftover where Asynq no longer knows it, registered? "
                "where the node that knows does not answer"),
    Column("archived", "Archived", _archived, _BAR + 13,
           help=f"ids in the archive, of those that it keeps. {CAP_IS_DEFAULT}"),
    Column("findings", "Findings", _findings, 9, "right",
           help="what the last scan found. ≥: it was stopped; –: nobody has looked"),
    Column("pending", "Pending", _state(State.PENDING), 9, "right", priority=3, help="tasks that wait for a worker"),
    Column("active", "Active", _state(State.ACTIVE), 6, "right", priority=2, help="tasks that a worker has taken"),
    Column("retry", "Retry", _state(State.RETRY), 7, "right", priority=1,
           help="tasks that failed and will be tried again"),
    Column("scheduled", "Scheduled", _state(State.SCHEDULED), 9, "right", priority=7, help="tasks for later"),
    Column("completed", "Completed", _state(State.COMPLETED), 9, "right", priority=8,
           help="tasks that are done and are kept for a while"),
    Column("aggregating", "Grouped", _state(State.AGGREGATING), 8, "right", priority=9,
           help="tasks that wait for their group"),
    Column("memory", "Idx memory", _memory, 10, "right", priority=4,
           help="estimate, by samples from the indexes; orphans are not in it"),
    Column("oldest", "Oldest", _oldest, 7, "right", priority=5,
           help="how long ago the oldest archived task was archived"),
    Column("failed", "Failed 14 d", _failures, 14, priority=6, sortable=False,
           help="attempts that failed, by day, the newest last"),
]  # fmt: skip

HELP = {
    "Order of the queues": ORDER,
}

BY_TROUBLE = "trouble"
"""The order at the start; it is no column."""

SORTS: dict[str, Callable[[QueueRow], Any]] = {
    BY_TROUBLE: attrgetter("trouble", "stats.name"),
    "queue": attrgetter("stats.name"),
    "findings": lambda row: row.scan.findings if row.scan is not None else None,
    "memory": lambda row: row.stats.memory.bytes if row.stats.memory is not None else None,
    "oldest": lambda row: -row.stats.oldest_archived_at if row.stats.oldest_archived_at is not None else None,
    **{
        state.value: partial(QueueRow.known, state=state)
        for state in (
            State.ARCHIVED, State.PENDING, State.ACTIVE, State.RETRY, State.SCHEDULED, State.COMPLETED,
            State.AGGREGATING,
        )
    },
}  # fmt: skip
"""What queues are sorted by, by the name of the column; None where nobody knows it of a queue."""


def row_style(row: QueueRow) -> Tone | None:
    return "dim" if row.stats.leftover else None
