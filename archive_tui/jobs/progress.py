"""What a job that changes tasks has done so far; once it has ended, this is its report."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from archive_tui.jobs.job import JobState


class Verdict(Protocol):
    """What became of one task: it was changed as planned, it was gone already, or there is a reason for neither."""

    @property
    def done(self) -> bool:
        """Whether it was changed as planned."""

    @property
    def gone(self) -> bool:
        """Whether nothing was there any more."""


AnyVerdict = TypeVar("AnyVerdict", bound=Verdict)


@dataclass(frozen=True, slots=True)
class Skipped(Generic[AnyVerdict]):
    """One task that was left alone, with the reason."""

    queue: str
    id: bytes
    outcome: AnyVerdict


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is that knows how many tasks there are: `done` is how many of these it is through with.

    `rate` is in tasks a second. `trouble` says why it does not go on now, `error` why it ended before it was done.
    """

    state: JobState
    planned: int
    done: int = 0
    rate: float = 0.0
    trouble: str = ""
    error: str = ""

    @property
    def share(self) -> float:
        """How much is done, between 0 and 1."""
        return self.done / self.planned if self.planned else 1.0


@dataclass(frozen=True, slots=True)
class ChangeProgress(Progress, Generic[AnyVerdict]):
    """Counts of tasks by what became of them.

    `unknown` tasks were in a batch whose answer had not come when the job was stopped: they were changed, or not.
    `unconfirmed` tasks were no longer as planned when a batch was sent again after the connection had broken in the
    middle of it: that batch changed them, or somebody else did. `journal` is the file that holds a copy of everything
    that was changed. `caution` says in words why the counts may not be true any more.
    """

    outcomes: dict[AnyVerdict, int] = field(default_factory=dict)
    unknown: int = 0
    unconfirmed: int = 0
    skipped: tuple[Skipped[AnyVerdict], ...] = ()
    journal: Path | None = None
    caution: str = ""

    @property
    def made(self) -> int:
        """How many were changed as planned."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.done)

    @property
    def gone(self) -> int:
        """How many were gone already."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.gone)

    @property
    def changed(self) -> int:
        """How many were left alone because they are no longer what the plan was made for."""
        return sum(self.outcomes.values()) - self.made - self.gone

    @property
    def untouched(self) -> int:
        """How many the job did not come to."""
        return self.planned - self.done - self.unknown

    @property
    def in_part(self) -> bool:
        """Whether anything of the plan was not done, or may not have been."""
        return self.untouched > 0 or self.changed > 0 or self.unknown > 0 or bool(self.caution)
