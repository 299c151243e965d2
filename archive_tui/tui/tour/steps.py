"""The steps of the tour as data: what to try, and how it shows that it was done. A new screen gets a step here."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from archive_tui.tui import commands


@dataclass(frozen=True, slots=True)
class Situation:
    """What the operator sees, and has done so far."""

    screen: str
    """The class of the screen that is open, beneath any dialog."""

    dialog: str = ""
    """The class of the dialog over it; empty for none."""

    focus: Collection[str] = ()
    """The classes of what has the focus and of all that is around it."""

    changes: Mapping[str, int] | None = None
    """How many changes have ended, by their action in the audit; None for none at all."""

    scanned: bool = False
    """A scan has come to its end, or was stopped."""

    def ended(self, action: str) -> int:
        """How many changes of this kind have ended."""
        return (self.changes or {}).get(action, 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try."""

    text: str
    """What to do and why, in one or two short sentences: two rows of 60 cells."""

    done: Callable[[Situation], bool]
    """Whether it was done."""

    screens: Collection[str] = ()
    """The classes of the screens that the text speaks of; empty for any. On another the way back is said."""

    changes: bool = False
    """It changes something, so that a read-only session leaves it out."""


def steps(*, read_only: bool) -> Sequence[Step]:
    """The steps of a tour, in order. The last is never done: the operator ends it."""
    return [step for step in _steps() if not (step.changes and read_only)]


def _steps() -> Sequence[Step]:
    opens = commands.Open
    return [
        Step(
            f"A made-up installation. The archive of “default” is full: put the cursor there, {opens} opens it.",
            lambda now: now.screen == "TasksScreen",
            {"QueuesScreen"},
        ),
        Step(
            f"Archived tasks, the newest first. Why did they fail? {commands.Groups} goes to the groups by error, "
            f"{commands.Triage} to a table of them.",
            lambda now: "GroupsPanel" in now.focus or now.screen in ("ArchiveGroupsScreen", "ArchiveTriageScreen"),
            {"TasksScreen"},
        ),
        Step(
            f"{commands.Narrow} shows one group alone, {commands.Groups} goes to the table, {opens} reads a task.",
            lambda now: now.screen == "ArchivedTaskScreen",
            {"TasksScreen", "ArchiveGroupsScreen", "ArchiveTriageScreen"},
        ),
        Step(
            f"Payload, error and facts of one task, and what Redis holds of it. {commands.Back} goes to the list.",
            lambda now: now.screen == "TasksScreen",
            {"ArchivedTaskScreen"},
        ),
        Step(
            f"Delete some: {commands.Mark} marks, {commands.Delete} shows the plan. Nothing goes unless you confirm.",
            lambda now: now.ended("delete") > 0,
            {"TasksScreen"},
            changes=True,
        ),
        Step(
            f"A copy is in the journal. {commands.UndoChange} on the report takes it back; or {commands.Journals}, "
            f"{opens}, {commands.Restore}.",
            lambda now: now.ended("restore") > 0,
            changes=True,
        ),
        Step(
            f"Back to the queues ({commands.Leave}). {commands.ScanQueue} finds task data that Asynq has lost.",
            lambda now: now.scanned,
            {"QueuesScreen", "ScanScreen"},
        ),
        Step(
            f"Each finding has a kind, and {commands.Explain} explains it.",
            lambda now: now.dialog == "ExplainDialog",
            {"ScanScreen"},
        ),
        Step(
            f"{commands.Repair} shows what can be done about it: choose one, and confirm its plan.",
            lambda now: now.ended("repair") > 0,
            {"ScanScreen"},
            changes=True,
        ),
        Step(f"That was the tour. {commands.Help} shows every key. It all goes when you leave.", lambda now: False),
    ]
