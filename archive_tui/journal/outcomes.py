"""The codes by which a journal says what became of each task: one character a task, stable for journals of every age.

A `done` line says what a change did, a `restored` line what a restore did later; each has its own codes, because notes
of a restore are added to journals that older builds wrote, and older builds read them.
"""

from collections.abc import Sequence

from archive_tui.asynq.outcomes import REPAIR, VERBS, Outcome

UNKNOWN = "-"
"""Stands for an outcome that never came, in both kinds of line."""

UNTRIED = "x"
"""Stands for a task that is in the journal, and that the run did not come to."""

CODES: dict[int, str] = dict(enumerate("0123456789abcdef")) | {
    Outcome.WHOLE_MESSAGE: "m",
    Outcome.OTHER_QUEUE: "q",
    Outcome.OTHER_INSTALLATION: "i",
    Outcome.NO_DATA: "g",
    Outcome.ID_IN_USE: "u",
    Outcome.LISTED: "s",
    Outcome.MAY_LIVE: "y",
    Outcome.TOO_LARGE: "l",
    Outcome.LOCK_TAKEN: "t",
    Outcome.NOT_EDITABLE: "n",
}
"""The codes of `done` lines, by the number of the outcome. Other outcomes are not written down there."""

OUTCOMES = {code: Outcome(number) for number, code in CODES.items()}
"""The outcomes by their codes in `done` lines."""

DONE = CODES[Outcome.DONE]

_FORMER_REPAIRS = {"8": Outcome.NOT_A_GHOST, "9": Outcome.NO_DESTINATION}
"""Codes that meant something else in repairs until each outcome got a code of its own: no repair writes them now."""

_RESTORED = {
    Outcome.DONE: "0",
    Outcome.WITHOUT_LOCK: "1",
    Outcome.LOCK_EXPIRED: "2",
    Outcome.ALREADY: "3",
    Outcome.TAKEN: "4",
    Outcome.ID_IN_USE: "5",
    Outcome.VANISHED: "6",
    Outcome.EXPIRED: "7",
    Outcome.WITHOUT_TIMES: "8",
    Outcome.LOCK_TAKEN: "9",
    Outcome.LOCK_OVER: "a",
    Outcome.NO_DATA: "b",
    Outcome.HAS_RUN: "c",
    Outcome.NOT_A_TASK: "d",
    Outcome.OTHER_QUEUE: "e",
    Outcome.GROUP_SHARED: "f",
    Outcome.HISTORY_THERE: "g",
    Outcome.STANDS_ELSEWHERE: "h",
}
_OF_RESTORED = {code: outcome for outcome, code in _RESTORED.items()}


def command_of(command: str) -> str:
    """The command in a header without what it says after a colon."""
    return command.partition(":")[0]


def outcome_of(code: str, command: str) -> Outcome | None:
    """The outcome of a task by its code in a `done` line; None where nobody knows it, or the run did not come to it.
    `command` is the one in the journal's header.
    """
    if command_of(command) == REPAIR.base and code in _FORMER_REPAIRS:
        return _FORMER_REPAIRS[code]
    return OUTCOMES.get(code)


def name_of(outcome: Outcome, command: str) -> str:
    """The name of an outcome in a journal's last line and in JSON."""
    verb = VERBS.get(command_of(command))
    return verb.name(outcome) if verb is not None else outcome.name.lower()


def restored_code(outcome: Outcome) -> str:
    """The code of an outcome in a `restored` line."""
    return _RESTORED[outcome]


def restored_of(code: str) -> Outcome | None:
    """The outcome of a task by its code in a `restored` line; None where that restore did not touch it."""
    return _OF_RESTORED.get(code)


def was_deleted(code: str) -> bool:
    """Whether a code of a `done` line says that the run changed the task as planned."""
    return code in _CHANGED


def may_be_gone(code: str) -> bool:
    """Whether a code of a `done` line leaves open that the run took the task away."""
    return code == UNKNOWN or code in _CHANGED


def is_back(code: str) -> bool:
    """Whether a code of a `restored` line says that the task was in Redis again then."""
    outcome = restored_of(code)
    return outcome is not None and outcome.achieved


_CHANGED = frozenset({CODES[Outcome.DONE], CODES[Outcome.DONE_AND_UNLOCKED]})


def merged(before: Sequence[str], after: Sequence[str]) -> str:
    """What is known of a batch after one more restore: a code stands for a task that it touched."""
    width = max(len(before), len(after))
    pairs = zip("".join(before).ljust(width, UNKNOWN), "".join(after).ljust(width, UNKNOWN), strict=True)
    return "".join(new if new != UNKNOWN else old for old, new in pairs)
