"""Outcomes: what a change made of one task. One type for every change, and the words that each change has for it."""

from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """The outcome of one task of a plan. The Lua scripts of the store answer with these numbers; how a journal writes
    them down is the business of `journal.outcomes`.
    """

    GONE = 0
    DONE = 1
    DONE_AND_UNLOCKED = 2
    STATE_CHANGED = 3
    MESSAGE_CHANGED = 4
    NOW_REFERENCED = 5
    NOT_IN_INDEX = 6
    NOT_A_TASK = 7
    QUEUE_AWAKE = 8
    COPY_STALE = 9
    NOW_A_HASH = 10
    TYPE_CHANGED = 11
    ALIVE = 12
    NOT_A_GHOST = 13
    NO_DESTINATION = 14
    OTHER_STATE = 15
    WITHOUT_LOCK = 16
    LOCK_EXPIRED = 17
    ALREADY = 18
    TAKEN = 19
    ID_IN_USE = 20
    VANISHED = 21  # no script answers this: found out when another server has taken over
    WHOLE_MESSAGE = 22
    EXPIRED = 23
    WITHOUT_TIMES = 24
    OTHER_QUEUE = 25
    OTHER_INSTALLATION = 26
    BACK = 27  # no script answers this either
    LOCK_TAKEN = 28
    LOCK_OVER = 29
    NO_DATA = 30
    HAS_RUN = 31
    GROUP_SHARED = 32
    LISTED = 33
    MAY_LIVE = 34
    TOO_LARGE = 35
    HISTORY_THERE = 36
    STANDS_ELSEWHERE = 37
    NOT_EDITABLE = 38  # no script answers this: the payload cannot be written any more as it was planned

    @property
    def done(self) -> bool:
        """Whether this run changed the task as planned."""
        return self in _DONE

    @property
    def achieved(self) -> bool:
        """Whether the task is now as the plan wanted it, whoever saw to that."""
        return self.done or self.needless

    @property
    def needless(self) -> bool:
        """Whether nothing had to be changed any more: gone already, or restored already."""
        return self in (Outcome.GONE, Outcome.ALREADY)


_DONE = frozenset({
    Outcome.DONE, Outcome.DONE_AND_UNLOCKED, Outcome.WITHOUT_LOCK, Outcome.LOCK_EXPIRED, Outcome.WITHOUT_TIMES,
})  # fmt: skip

_SENTENCES = {
    Outcome.GONE: "already gone",
    Outcome.DONE: "{}",
    Outcome.DONE_AND_UNLOCKED: "{}, unique lock released",
    Outcome.STATE_CHANGED: "skipped: its state has changed",
    Outcome.MESSAGE_CHANGED: "skipped: its message has changed",
    Outcome.NOW_REFERENCED: "skipped: an index references it now",
    Outcome.NOT_IN_INDEX: "skipped: it left the index",
    Outcome.NOT_A_TASK: "skipped: it is not task data",
    Outcome.QUEUE_AWAKE: "skipped: its queue is no leftover any more",
    Outcome.COPY_STALE: "skipped: it changed after it was copied to the journal",
    Outcome.NOW_A_HASH: "skipped: it is a hash now, and may be task data",
    Outcome.TYPE_CHANGED: "skipped: it is of another type now",
    Outcome.ALIVE: "skipped: it also stands where its state says, and is alive: let the index follow the state",
    Outcome.NOT_A_GHOST: "skipped: its data is there again",
    Outcome.NO_DESTINATION: "skipped: its data does not say where it belongs",
    Outcome.OTHER_STATE: "skipped: it stands in the archive, and its state is another: a scan finds and repairs it",
    Outcome.BACK: "back: the new primary had not heard that it was {}",
    Outcome.WITHOUT_LOCK: "{}, but its unique lock is held by another task",
    Outcome.LOCK_EXPIRED: "{}; its unique lock has run out since",
    Outcome.ALREADY: "already there, byte for byte, and in its place",
    Outcome.STANDS_ELSEWHERE: "skipped: its data is there, byte for byte, but its id stands in another place",
    Outcome.TAKEN: "skipped: other task data stands under its id",
    Outcome.ID_IN_USE: "skipped: another index holds its id",
    Outcome.LOCK_TAKEN: "skipped: another task holds the lock",
    Outcome.LOCK_OVER: "skipped: the lock would have run out by now",
    Outcome.LISTED: "skipped: a living scheduler has it",
    Outcome.MAY_LIVE: "skipped: its scheduler may be alive: there was a sign of one within the last hour",
    Outcome.TOO_LARGE: "skipped: it has too many events to be compared at once",
    Outcome.HISTORY_THERE: "skipped: another history stands there",
    Outcome.VANISHED: "{}, but not there any more since another server took over: lost with the old one, or run",
    Outcome.OTHER_QUEUE: "skipped: it is a key of another queue, which is registered",
    Outcome.OTHER_INSTALLATION: "skipped: its data stands under a prefix: it is a task of another installation",
    Outcome.WHOLE_MESSAGE: "skipped: it is no id but a whole message, the only copy of a task of Asynq before 0.18",
    Outcome.NO_DATA: "skipped: its data is gone: it has run, or was deleted, since",
    Outcome.HAS_RUN: "skipped: it has run since, or runs now",
    Outcome.GROUP_SHARED: "skipped: its group holds other tasks as well, which would be lost with it",
    Outcome.EXPIRED: "skipped: its time to live has run out since",
    Outcome.NOT_EDITABLE: "skipped: its payload cannot be edited so",
    Outcome.WITHOUT_TIMES: "{}, but for ever: the server did not set the times to live of its fields",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """The words for one change: on the screens, in the audit, the journal and JSON."""

    base: str
    """As in "delete 3 tasks". The action in the audit, and the command in a journal's header."""

    past: str
    """As in "nothing was deleted"."""

    ongoing: str
    """As in "deleting 3 of 40"."""

    outcome: str
    """What a task is that was changed as planned: in a report, and as the name of its outcome."""

    def name(self, outcome: Outcome) -> str:
        """An outcome in a journal, the audit and JSON, in lower case with underscores."""
        name = outcome.name.lower()
        return name.replace("done", self.outcome, 1) if outcome in _NAMED else name

    def sentence(self, outcome: Outcome) -> str:
        """An outcome in words for a report."""
        return _SENTENCES[outcome].format(self.outcome)


_NAMED = (Outcome.DONE, Outcome.DONE_AND_UNLOCKED)

DELETE = Verb("delete", "deleted", "deleting", "deleted")
REPAIR = Verb("repair", "repaired", "repairing", "done")
RESTORE = Verb("restore", "restored", "restoring", "restored")
RUN = Verb("run", "queued", "queueing", "queued")
EDIT = Verb("edit", "edited", "editing", "edited")
CLEAN_UP = Verb("clean up", "cleaned up", "cleaning up", "deleted")

REGISTER = Verb("register", "registered", "registering", "registered")
"""The only change without a journal of its own: it touches nothing but the set of names."""

VERBS = {verb.base: verb for verb in (DELETE, REPAIR, RUN, EDIT, RESTORE, CLEAN_UP)}
"""The words for a change by the command in a journal's header; what that says after a colon is not part of it."""
