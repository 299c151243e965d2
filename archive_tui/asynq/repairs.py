"""Repairs of findings: which fits which kind, where a task goes, and what Asynq will do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from archive_tui.asynq import findings, message
from archive_tui.asynq.findings import GROUP, Kind
from archive_tui.asynq.limits import DEFAULTS, Limits
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import LISTS, State

_DAY = 86_400
_LONGEST = 2**53


class Repair(StrEnum):
    """One way to repair a finding; the values are those of `archive-tui repair --action`."""

    ARCHIVE = "archive"
    ARCHIVE_NOW = "archive-now"
    RUN = "run"
    RUN_AFRESH = "run-afresh"
    FOLLOW_INDEX = "follow-index"
    FOLLOW_STATE = "follow-state"
    REMOVE_ID = "remove-id"
    CLEAN = "clean"
    DELETE_KEY = "delete-key"
    RELEASE = "release"

    @property
    def label(self) -> str:
        """The repair in a few words, for a menu, a plan and a journal's header."""
        return _LABELS[self]

    @property
    def brief(self) -> str:
        """What follows from it, in one short sentence for a menu."""
        return _BRIEF[self]

    @property
    def consequence(self) -> str:
        """The consequences, and what Asynq will do next, in one or two sentences."""
        return _CONSEQUENCES[self]

    @property
    def archives(self) -> bool:
        """It adds ids to the archive, which keeps 9,999 by default."""
        return self in (Repair.ARCHIVE, Repair.ARCHIVE_NOW)

    @property
    def runs(self) -> bool:
        """Workers will take the task."""
        return self in (Repair.RUN, Repair.RUN_AFRESH)

    @property
    def destroys(self) -> bool:
        """It deletes data, an id or a key."""
        return self in (Repair.CLEAN, Repair.REMOVE_ID, Repair.DELETE_KEY)

    @property
    def by_hand(self) -> bool:
        """It is offered only for findings that a person marked one by one: no copy is kept of what it deletes."""
        return self is Repair.DELETE_KEY


_LABELS = {
    Repair.ARCHIVE: "archive, as of its last failure",
    Repair.ARCHIVE_NOW: "archive, as of now",
    Repair.RUN: "run once",
    Repair.RUN_AFRESH: "run with retries reset",
    Repair.FOLLOW_INDEX: "let the state follow the index",
    Repair.FOLLOW_STATE: "let the index follow the state",
    Repair.REMOVE_ID: "remove the id from its index",
    Repair.CLEAN: "delete data and id",
    Repair.DELETE_KEY: "delete this key",
    Repair.RELEASE: "release the lock",
}

_BRIEF = {
    Repair.ARCHIVE: "Asynq lists it again at the age that it has, to be run or deleted later.",
    Repair.ARCHIVE_NOW: "Asynq lists it again as the newest, and keeps it for another 90 days.",
    Repair.RUN: "A worker takes it at once. What was archived gets exactly one more try.",
    Repair.RUN_AFRESH: "A worker takes it at once, with all its retries again.",
    Repair.FOLLOW_INDEX: "It counts as what its index says, and keeps its score there.",
    Repair.FOLLOW_STATE: "It goes to the index that its state names, and Asynq goes on from there.",
    Repair.REMOVE_ID: "Counts are right again. There is no data to lose.",
    Repair.CLEAN: "Gone, with a copy in the journal. Asynq can enqueue this id again.",
    Repair.DELETE_KEY: "Gone for good: no copy is kept.",
    Repair.RELEASE: "Asynq can enqueue this type and payload again. No task is touched.",
}

CAP = (
    "Whatever the archive holds beyond 9,999 goes when Asynq next archives something: what was archived first, and of "
    "one second what comes first in the alphabet. 9,999 and 90 days are its defaults."
)
"""What Asynq does with an archive that holds too many ids."""

_CONSEQUENCES = {
    Repair.ARCHIVE: (
        "Asynq lists it again at the age that it has, and drops it 90 days after its failure; what would be dropped at "
        "once, or never failed, counts as archived now."
    ),
    Repair.ARCHIVE_NOW: "Asynq lists it again as the newest of its archive, and drops it 90 days from now.",
    Repair.RUN: (
        "A worker takes it as soon as one is free. Its count of retries is kept: archived before, it gets exactly one "
        "more attempt. As with Asynq's own Run, its unique lock is not taken again where it has run out."
    ),
    Repair.RUN_AFRESH: (
        "A worker takes it as soon as one is free, and it may fail as often as a new task. Its message is written "
        "again with `retried` at 0, all other fields as they were. Its unique lock is not taken again where it has run "
        "out."
    ),
    Repair.FOLLOW_INDEX: (
        "The task counts as what its index says, and keeps its score there. Asynq's tools work on it again."
    ),
    Repair.FOLLOW_STATE: (
        "The id goes to the index that its state names, and Asynq goes on from there: a grouped task is in its group "
        "again, what was scheduled or waited for a retry is due at once, and what says `active` without a lease is "
        "taken for the task of a worker that died, and retried or archived."
    ),
    Repair.REMOVE_ID: (
        "Counts are right again, and “run all” can no longer make a husk of it. There is no data to lose: an "
        "id whose data stands under a prefix (`billing:asynq:{q}:t:…`), where forks of Asynq keep it, is left alone."
    ),
    Repair.CLEAN: "Asynq can enqueue this id again. A unique lock that it holds is released.",
    Repair.DELETE_KEY: (
        "Asynq did not write it, and whoever did will miss it. Where an index holds its id, the id goes as well: Asynq "
        "can enqueue it again."
    ),
    Repair.RELEASE: "Asynq can enqueue tasks of this type and payload again. No task is touched.",
}

_OFFERED = {
    Kind.ORPHAN_ARCHIVED: (Repair.ARCHIVE, Repair.ARCHIVE_NOW, Repair.RUN, Repair.RUN_AFRESH),
    Kind.ORPHAN_COMPLETED: (Repair.ARCHIVE, Repair.ARCHIVE_NOW, Repair.RUN, Repair.RUN_AFRESH),
    Kind.LOST: (
        Repair.RUN,
        Repair.RUN_AFRESH,
        Repair.FOLLOW_STATE,
        Repair.ARCHIVE,
        Repair.ARCHIVE_NOW,
        Repair.CLEAN,
    ),
    Kind.GHOST: (Repair.REMOVE_ID,),
    Kind.MISMATCH: (Repair.FOLLOW_INDEX, Repair.FOLLOW_STATE, Repair.RUN, Repair.RUN_AFRESH, Repair.CLEAN),
    Kind.HUSK: (Repair.CLEAN,),
    Kind.FOREIGN: (Repair.DELETE_KEY,),
    Kind.STALE_LOCK: (Repair.RELEASE,),
    Kind.STALE_HISTORY: (),  # it is deleted
}


def offered(kind: Kind | None) -> tuple[Repair, ...]:
    """The repairs that fit a kind, the likeliest first; none for a row that is no finding (None)."""
    return _OFFERED[kind] if kind is not None else ()


def done_already(repair: Repair, by_kind: Mapping[Kind | None, int]) -> str:
    """Warn where a repair takes up work again that was done already; empty where it does not. `by_kind` counts the
    findings that it is for.
    """
    completed = by_kind.get(Kind.ORPHAN_COMPLETED, 0)
    if not completed or not (repair.runs or repair.archives):
        return ""
    whose = f"The work of {completed:,}"
    if completed == sum(by_kind.values()):
        whose = "Its work" if completed == 1 else "Their work"
    return f"{whose} was done already: {'running does it again' if repair.runs else 'the archive lists it as failed'}."


@dataclass(frozen=True, slots=True)
class Destination:
    """The place to which a repair moves a task."""

    state: State
    """State that its data will name."""

    index: str
    """Index that will hold its id, by the last part of the key."""

    score: int
    """Score there; of no meaning in a list."""

    message: bytes = b""
    """Message that replaces the task's; empty: it stays as it is."""


def destination(
    repair: Repair, row: TaskRow, raw_message: bytes, group: bytes, now: float, limits: Limits = DEFAULTS
) -> Destination | None:
    """Find the place to which a repair moves a task; None: its data does not say. `now` is unix seconds, `limits` are
    those of its archive.

    A task whose last failure is so long ago that Asynq would drop it at once is archived as of now.
    """
    decoded = message.decode(raw_message)
    if decoded is None:
        return None
    if repair.archives:
        score = _archived_at(decoded, now, limits) if repair is Repair.ARCHIVE else int(now)
        return Destination(State.ARCHIVED, State.ARCHIVED.value, score)
    if repair.runs:
        afresh = b""
        if repair is Repair.RUN_AFRESH:
            decoded.retried = 0
            afresh = message.encode(decoded)
        return Destination(State.PENDING, State.PENDING.value, int(now), afresh)
    if repair is Repair.FOLLOW_INDEX:
        state = findings.state_of(row.index_name)
        index = State.ACTIVE.value if state is State.ACTIVE else row.index_name
        return Destination(state, index, _score_of(row, int(now)))
    if repair is Repair.FOLLOW_STATE and row.state is not None:
        return _by_state(row.state, decoded, group, now, limits)
    return None


def _score_of(row: TaskRow, now: int) -> int:
    return row.scored_at if row.scored_at is not None and abs(row.scored_at) < _LONGEST else now


def _archived_at(decoded: TaskMessage, now: float, limits: Limits) -> int:
    failed = decoded.last_failed_at
    recent = now - limits.seconds + _DAY < failed <= now
    return failed if recent else int(now)


def _by_state(state: State, decoded: TaskMessage, group: bytes, now: float, limits: Limits) -> Destination | None:
    if state is State.AGGREGATING:
        name = group or decoded.group_key.encode()
        return Destination(state, GROUP + name.decode("utf-8", "surrogateescape"), int(now)) if name else None
    if state is State.ARCHIVED:
        return Destination(state, state.value, _archived_at(decoded, now, limits))
    if state is State.COMPLETED:
        return Destination(state, state.value, (decoded.completed_at or int(now)) + decoded.retention)
    return Destination(state, state.value, int(now))


def lists_to_search(row: TaskRow, goal: Destination | None) -> list[State]:
    """The lists in which the repair must search for the id; that takes time in proportion to their length."""
    searched: set[State] = set()
    if row.index_name in LISTS:
        searched.update(LISTS)  # a finding names one index, and the id may stand in the other as well
    if row.index_name in findings.LEASES:
        searched.add(State.ACTIVE)
    if row.kind is Kind.MISMATCH:
        searched.update(state for state in (row.state, goal.state if goal else None) if state in LISTS)
    return [state for state in LISTS if state in searched]
