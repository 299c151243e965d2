"""The account: what Asynq accepted, against what became of it. `asynq_go/account.go` says why it is exact.

For each task, once everything has ended,

    accepted - processed - aggregated - deleted by Asynq - trimmed by Asynq - present - deleted by us = 0
    orphaned - orphan now - deleted by us as an orphan = 0

where a present task that says "completed" was processed and kept, which makes its first line -1.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from .dump import Dump, Ref

_TALLIES = ("accepted", "processed", "aggregated", "deleted_by_asynq", "trimmed_by_asynq", "orphaned")
_ENDS = ("processed", "aggregated", "deleted_by_asynq", "trimmed_by_asynq")
_SHOWN = 20


class Fault(StrEnum):
    """What may be wrong with the account of a task."""

    LOST = "lost: accepted, neither processed nor deleted rightly, and not there"
    SURPLUS = "was deleted, or is there, more often than it was accepted"
    NO_ORPHAN = "was deleted as an orphan when it was none, or became one unnoticed"
    VANISHED = "was an orphan, and went without being deleted by us"
    STRANGER = "was never accepted"
    STRANDED = "is in no index, so that it will never run"
    HUSK = "has data without a message"
    GHOST = "stands in an index without data"
    REFUSED = "Asynq ran into an error"


class Attempt(NamedTuple):
    """What came of one attempt of archive_tui to delete a task, as an `orphan` or out of its index. What is neither
    `deleted` nor `refused` was gone.
    """

    ref: Ref
    orphan: bool
    deleted: bool
    refused: bool
    story: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, and all that is known about it."""

    fault: Fault
    ref: Ref
    history: str

    def __str__(self) -> str:
        return f"{'/'.join(self.ref)} {self.fault}\n    {self.history}"


class Account:
    """What the Go program says happened: how often each event happened to each task."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.tallies = {
            name: Counter({(entry["queue"], entry["id"]): entry["times"] for entry in report[name]})
            for name in _TALLIES
        }
        self.errors = [*report["problems"], *report["server_errors"]]
        self.counts = Counter[str](report["counts"])

    def __getitem__(self, name: str) -> Counter[Ref]:
        return self.tallies[name]

    def add(self, other: Self) -> None:
        """Carry on with what happened later."""
        for name, tally in other.tallies.items():
            self.tallies[name] += tally
        self.errors += other.errors
        self.counts += other.counts


def audit(account: Account, dump: Dump, attempts: Collection[Attempt] = ()) -> list[Complaint]:
    """Close the account; nothing to complain about means that every task is where it belongs."""
    ours = Counter(attempt.ref for attempt in attempts if attempt.deleted)
    ours_as_orphans = Counter(attempt.ref for attempt in attempts if attempt.deleted and attempt.orphan)
    faults: list[tuple[Fault, Ref]] = [
        *_apart(Fault.LOST, Fault.SURPLUS, _balances(account, dump, ours)),
        *_apart(Fault.VANISHED, Fault.NO_ORPHAN, _orphan_balances(account, dump, ours_as_orphans)),
        *((Fault.STRANGER, ref) for ref in _known(account, dump).difference(account["accepted"])),
        *((Fault.STRANDED, ref) for ref in dump.stranded),
        *((Fault.HUSK, ref) for ref in dump.husks),
        *((Fault.GHOST, ref) for ref in dump.ghosts),
    ]
    return [
        *(Complaint(Fault.REFUSED, ("", ""), error) for error in account.errors),
        *(Complaint(fault, ref, _history(ref, account, dump, attempts)) for fault, ref in sorted(faults)),
    ]


def report(complaints: Collection[Complaint]) -> str:
    """What to show when there are complaints."""
    counts = Counter(complaint.fault for complaint in complaints)
    return "\n".join([
        f"{len(complaints)} complaints",
        *(f"  {count:,} x {fault}" for fault, count in counts.items()),
        *(str(complaint) for complaint in list(complaints)[:_SHOWN]),
    ])  # fmt: skip


def _balances(account: Account, dump: Dump, ours: Counter[Ref]) -> dict[Ref, int]:
    """What is left of the first line for each task that was ever accepted."""
    return {
        ref: accepted
        - sum(account[end][ref] for end in _ENDS)
        - (b"msg" in dump.tasks.get(ref, {}))
        - ours[ref]
        + (dump.state(ref) == "completed")
        for ref, accepted in account["accepted"].items()
    }


def _orphan_balances(account: Account, dump: Dump, ours: Counter[Ref]) -> dict[Ref, int]:
    """What is left of the second line for each task that ever was an orphan, or was taken for one."""
    now = dump.orphans
    return {ref: account["orphaned"][ref] - (ref in now) - ours[ref] for ref in {*account["orphaned"], *now, *ours}}


def _apart(above: Fault, below: Fault, balances: Mapping[Ref, int]) -> Iterable[tuple[Fault, Ref]]:
    return ((above if balance > 0 else below, ref) for ref, balance in balances.items() if balance)


def _known(account: Account, dump: Dump) -> set[Ref]:
    return {*dump.tasks, *(ref for tally in account.tallies.values() for ref in tally)}


def _history(ref: Ref, account: Account, dump: Dump, attempts: Iterable[Attempt]) -> str:
    """All that is known about a task."""
    events = [f"{name} {tally[ref]}" for name, tally in account.tallies.items() if tally[ref]]
    present = f"data says {dump.state(ref)!r}, error {dump.error(ref)!r}" if ref in dump.tasks else "no data"
    places = f"stands in {', '.join(dump.stands_in(ref)) or 'no index'}"
    return "; ".join([*events, present, places, *(attempt.story for attempt in attempts if attempt.ref == ref)])
