"""Progress of a change; once its job has ended, this is its report."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from archive_tui.asynq.outcomes import Outcome, Verb
from archive_tui.jobs.job import JobState


class Example(NamedTuple):
    """One task that a report names, because it was left alone or did not turn out quite as planned."""

    queue: str
    id: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ChangeProgress:
    """Counts of tasks by what became of them. Safe to pass between threads: nothing in it changes any more."""

    verb: Verb
    """The words for this change."""

    state: JobState

    planned: int
    """Tasks of the plan; of a clean-up, which has no list of them, those that it has met so far."""

    done: int = 0
    """Tasks of the plan that the job is through with, whatever became of them."""

    rate: float = 0.0
    """Tasks a second, over the whole run."""

    trouble: str = ""
    """Why it does not go on now; empty while it does."""

    error: str = ""
    """Why it ended before it was done; empty where it did not."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    """How many tasks had which outcome."""

    unknown: int = 0
    """Tasks in a batch whose answer had not come when the job was stopped: they were changed, or not."""

    unconfirmed: int = 0
    """Tasks that were no longer as planned when their batch was sent again after the connection had broken in the
    middle of it: that batch changed them, or somebody else did.
    """

    examples: tuple[Example, ...] = ()
    """The first tasks that were left alone or did not turn out quite as planned, 200 at most."""

    journal: Path | None = None
    """The file that holds a copy of everything that was changed; None where there is none."""

    copied: bool = True
    """Whether the journal holds the tasks as they were; else only their ids."""

    caution: str = ""
    """Why the counts may not be true any more, in words; empty where they are."""

    waiting: bool = False
    """Whether all is done, and the report waits: the server may be being replaced by one of its replicas."""

    keys: int = 0
    """Keys that were deleted, task data included; only a clean-up counts them."""

    resumable: bool = False
    """Whether its plan is kept beside the journal, because it ended before all was done: the rest can be resumed."""

    @property
    def share(self) -> float:
        """How much is done, between 0 and 1."""
        return self.done / self.planned if self.planned else 1.0

    @property
    def made(self) -> int:
        """How many tasks were changed as planned."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.done)

    @property
    def unlocked(self) -> int:
        """How many unique locks were released with their tasks."""
        return self.outcomes.get(Outcome.DONE_AND_UNLOCKED, 0)

    @property
    def needless(self) -> int:
        """How many tasks needed no change any more: gone already, or restored already."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.needless)

    @property
    def achieved(self) -> int:
        """How many tasks are now as the plan wanted them."""
        return self.made + self.needless

    @property
    def changed(self) -> int:
        """How many tasks were left alone because they are no longer what the plan was made for."""
        return sum(self.outcomes.values()) - self.achieved

    @property
    def untouched(self) -> int:
        """How many tasks the job did not come to."""
        return self.planned - self.done - self.unknown

    @property
    def in_part(self) -> bool:
        """Whether anything of the plan was not done, or may not have been."""
        return self.untouched > 0 or self.changed > 0 or self.unknown > 0 or bool(self.caution)
