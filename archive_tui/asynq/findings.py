"""Kinds of findings: what can be wrong in a queue, why, what follows from it, and what can be done.

The texts stand once, here: the help pages show them, and the table of docs/guide.md repeats them (a test compares).
The rules are those of docs/asynq-storage.md.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from archive_tui.asynq import message
from archive_tui.asynq.states import State

LEASE = "lease"
"""The index of leases, beside `active`: every active task stands in both."""

DEADLINES = "deadlines"
"""The index of active tasks that Asynq 0.18 to 0.21 kept in the place of `lease`."""

LEASES = (LEASE, DEADLINES)
"""Indexes of active tasks by the time when somebody else may take them."""

GROUP = "g:"
"""Prefix of the names that groups have as indexes: `g:<group>`, `g:<group>:<set id>`."""


class Kind(StrEnum):
    """The kind of a finding; the values are those of the file formats. Each task has one finding at most."""

    ORPHAN_ARCHIVED = "orphan-archived"
    ORPHAN_COMPLETED = "orphan-completed"
    LOST = "lost"
    GHOST = "ghost"
    MISMATCH = "mismatch"
    HUSK = "husk"
    FOREIGN = "foreign"
    STALE_LOCK = "stale-lock"
    STALE_HISTORY = "stale-history"

    @property
    def label(self) -> str:
        """The kind in a word or two, for a screen."""
        return self.value.replace("-", " " if self in (Kind.STALE_LOCK, Kind.STALE_HISTORY) else ", ", 1)

    @property
    def explained(self) -> "Explanation":
        """The texts about the kind, for its help page."""
        return _EXPLAINED[self]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The texts about one kind of finding, each a sentence or a few."""

    what: str
    """What it is."""

    cause: str
    """How it comes about, with the versions of Asynq that make it."""

    consequence: str
    """What follows from it."""

    way_out: str
    """What can be done about it."""


_EXPLAINED = {
    Kind.ORPHAN_ARCHIVED: Explanation(
        "A task's data says `archived`, but no index holds its id.",
        "A worker of Asynq 0.24 or before, or `ArchiveTask` and `ArchiveAll…` of any version up to 0.26.0, dropped ids "
        "from the archive and left their data: what a full archive had no room for (it keeps 9,999 ids by default), "
        "and, full or not, what was archived more than (by default) 90 days ago. `ArchiveAll…` does the latter even "
        "where it finds nothing to archive. A worker of any version up to 0.26.0 leaves the very task that it "
        "archives, where a full archive drops that first: one of the same second, or with a clock that is behind.",
        "Nothing lists, runs or expires it. It takes memory for ever, and its id stays taken; its unique lock only "
        "until that runs out.",
        "Delete it, archive it, or run it once more.",
    ),
    Kind.ORPHAN_COMPLETED: Explanation(
        "A task's data says `completed`, but nothing will ever expire it.",
        "`DeleteQueue` of any version up to 0.26.0 removes a queue and leaves the data of its completed tasks.",
        "It takes memory for ever, and its id stays taken if the queue is used again.",
        "Delete it, or register the leftover queue again so that Asynq expires it. Such a queue may hold grouped tasks "
        "as well, which are still work to do.",
    ),
    Kind.LOST: Explanation(
        "A task should still run, but is in none of the indexes that workers look into, or is active without a lease.",
        "A grouped task that failed after `RunTask`, or whose aggregator died: it stands in a group that `groups` does "
        "not name, and where Asynq up to 0.26.0 does not look. An active task whose lease was evicted, or lost in a "
        "failover: Asynq recovers by the lease alone. Or a crash, or a change by hand, between two structures.",
        "Its work is never done, nothing lists it, and its id stays taken; its unique lock only until that runs out.",
        "Run it again, put it where its state says, or archive it. Delete it only if its work is no longer wanted.",
    ),
    Kind.GHOST: Explanation(
        "An index holds an id whose task data is gone.",
        "Somebody deleted task data by hand. Or 8,000 archived ids and more turned 90 days old before the next archive "
        "operation: Asynq 0.25 and newer then deletes their data and fails to remove the ids. Or a fork of Asynq that "
        "keeps its data under a prefix put the id here: then it is somebody's task.",
        "It counts as a task, Asynq's figures of the queue can fail on it, and “run all” or “archive all” over it "
        "makes a husk.",
        "Remove the id from the index.",
    ),
    Kind.MISMATCH: Explanation(
        "An index holds an id whose task data names another state.",
        "A script of Asynq that failed half-way: in a stuck archive, and on Redis before 6.2, Asynq 0.25 and newer "
        "leaves each task that fails for good with the state `active` inside `archived`. Or a change by hand.",
        "Asynq's tools can neither run nor delete it.",
        "Repair it: let the state follow the index, or the index follow the state. Or delete it.",
    ),
    Kind.HUSK: Explanation(
        "Task data without a readable message, so what should have been done is unknown.",
        "“Run all” or “archive all” over a ghost makes a hash with a state and nothing else; so does a worker that "
        "takes a ghost out of `pending`. A message that does not decode was not written by Asynq; in a task that is in "
        "its place, only a scan that reads all messages finds it.",
        "A worker that takes it pauses for a second, and it stays in `active` for ever.",
        "Delete what is left of it together with its id.",
    ),
    Kind.FOREIGN: Explanation(
        "A key in the place of task data that is not a hash.",
        "Asynq did not write it: another program did, or somebody by hand.",
        "Every command of Asynq fails on it, and its id stays taken.",
        "Look at it. If nobody needs it, pick it by hand and delete it; no copy is kept.",
    ),
    Kind.STALE_LOCK: Explanation(
        "A unique lock whose holder has no task data any more.",
        "`DeleteQueue`, `DeleteTask` of a task with group and unique lock, and an enqueue with `TaskID` and `Unique` "
        "that was refused leave it (0.26.0). So does every unique task that a worker of the Rust crate finishes.",
        "Asynq refuses every task of this type and payload as a duplicate until the lock runs out.",
        "Release it, or wait until it has run out.",
    ),
    Kind.STALE_HISTORY: Explanation(
        "The history of a scheduler's entry that no living scheduler has. It belongs to no queue.",
        "A scheduler deletes the histories of its entries when it is stopped, but not when it is killed, and "
        "`Unregister` never does (0.26.0). A scheduler that starts again gives its entries new ids.",
        "It holds up to 1,000 events, has no time to live, and takes memory for ever. Asynq's web console shows the "
        "histories of living entries only.",
        "Delete it.",
    ),
}

_ORPHAN_OF = {State.ARCHIVED: Kind.ORPHAN_ARCHIVED, State.COMPLETED: Kind.ORPHAN_COMPLETED}

DELETABLE = (Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED, Kind.HUSK, Kind.STALE_HISTORY)
"""Kinds that can be deleted: task data that no index references, and what belongs to no queue. A husk that stands in an
index is skipped.
"""

ORPHAN_STATES = frozenset(_ORPHAN_OF)
"""States whose unreferenced task data is an orphan: nothing will ever run, list or expire it."""


def judge(state: State | None, *, referenced: bool, leftover: bool = False) -> Kind | None:
    """Judge task data that has a message, and whose state and index were read in one atomic step; None where nothing
    is wrong with it.

    Asynq changes hash and index in one script, so a pair that was read together and does not match is no torn read.

    In a `leftover` queue completed tasks are orphans although their index stands: `DeleteQueue(force)` forgets to
    delete both (seen with 0.24.1, 0.25.1 and 0.26.0), and nothing expires them any more.

    A state that Asynq never writes, or none, counts as lost where no index holds the id: nothing will ever run it, and
    nothing says that it need not run.
    """
    if referenced and not (leftover and state is State.COMPLETED):
        return None
    return _ORPHAN_OF.get(state, Kind.LOST) if state is not None else Kind.LOST


def fits(state: State | None, index: str) -> bool:
    """Tell whether task data in this state may stand in this index (`g:<group>` for a group)."""
    if state is State.AGGREGATING:
        return index.startswith(GROUP)
    if state is State.ACTIVE and index in LEASES:
        return True
    return state is not None and state.value == index


def state_of(index: str) -> State:
    """The state that an index stands for."""
    if index.startswith(GROUP):
        return State.AGGREGATING
    return State.ACTIVE if index in LEASES else State(index)


def readable(raw_message: bytes | None) -> bool:
    """Tell whether Asynq can work with a message: it is there (not None), not empty, and decodes."""
    return bool(raw_message) and message.decode(raw_message or b"") is not None


def stands_in_order(indexes: Collection[str]) -> list[str]:
    """Sort the names of indexes: lists, leases, sorted sets, groups by name. A finding names the first."""
    known = {name: number for number, name in enumerate(INDEXES)}
    return sorted(indexes, key=lambda name: (known.get(name, len(known)), name))


INDEXES = ("pending", "active", *LEASES, "scheduled", "retry", "archived", "completed")
"""Every index of a queue but its groups, by the last part of their keys."""
