"""A change as the engine sees it: what every kind of change says of itself, and the batches it is made in.

A change (`Change`) says how its batches are made, which script it sends and how the answers read, what its outcomes are
called, and how it looks again after a failover. Everything else is in the engine, once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import Outcome, Verb
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.auditing import Facts
from archive_tui.changes.kept_plan import KeptPlan
from archive_tui.jobs.batches import Batch
from archive_tui.jobs.job import Leaving
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.outcomes import CODES, DONE, UNKNOWN, UNTRIED
from archive_tui.journal.recorder import Recorder
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_answer
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots


@dataclass(slots=True)
class Call:
    """One script call for some tasks of a batch."""

    at: Sequence[int]
    """The positions of its tasks in the batch."""

    outcomes: Sequence[int] | None = None
    """Their outcomes, in the same order; None until they are known."""

    tries: int = 0
    """How often it was sent, where the server may have done it."""

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Count a try of this call, which is sent and answered at once. What the server refused is none."""
        self.tries += 1
        try:
            yield
        except Exception as error:
            if is_answer(error):
                self.tries -= 1
            raise


@dataclass(slots=True, eq=False, kw_only=True)
class ChangeBatch(Batch):
    """Some tasks of one queue that are journaled and changed together."""

    copies: list[Copy] | None = None
    """The tasks as they were read for the journal; None before, and once they are no longer needed."""

    places: Sequence[int] | None = None
    """The positions of the tasks that are as planned, and in the journal; None for all."""

    left_out: dict[int, Outcome] = field(default_factory=dict)
    """The outcomes of those that are not, by position."""

    calls: list[Call] | None = None
    """The script calls that change it; None until it is cut into calls."""

    number: int | None = None
    """Its number in the journal, as long as the journal must still be told what became of it."""

    kept: "Future[None] | None" = None
    """Done when the journal has it on disk."""

    read_sent: bool = False
    """Whether the request to read it is under way."""

    tries: int = 0
    """How often it was sent to be changed."""

    @property
    def alone(self) -> bool:
        """Whether nothing else may be under way when it is read and sent."""
        return False

    @property
    def chosen(self) -> Sequence[int]:
        """The positions of the tasks that are to be changed."""
        return range(len(self.ids)) if self.places is None else self.places

    @property
    def open_calls(self) -> list[Call]:
        """The calls whose outcomes are not known yet."""
        return [call for call in self.calls or () if call.outcomes is None]

    @property
    def unknown(self) -> int:
        """How many tasks were sent to be changed, with no answer."""
        return sum(len(call.at) for call in self.open_calls if call.tries)

    @property
    def finished(self) -> bool:
        """Whether every outcome is known."""
        return self.calls is not None and all(call.outcomes is not None for call in self.calls)

    def sent(self) -> None:
        """Count a try, for the batch and for every open call."""
        self.tries += 1
        for call in self.open_calls:
            call.tries += 1

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Count a try around a call that is sent and answered at once. What the server refused is none."""
        self.sent()
        try:
            yield
        except Exception as error:
            if is_answer(error):
                for call in self.open_calls:
                    call.tries -= 1
            raise

    def codes(self, doubtful: frozenset[Outcome]) -> str:
        """What became of the tasks that are in the journal, as its line says it. One with a `doubtful` outcome that was
        sent again may have been changed by the first try: its outcome is unknown.
        """
        calls = self.calls or ()
        done = sum(len(call.at) for call in calls if call.tries == 1 and set(call.outcomes or ()) == _DONE)
        if done == len(self.ids):
            return DONE * done
        known = [UNTRIED] * len(self.ids)
        for call in calls:
            for place, at in enumerate(call.at):
                if call.outcomes is None:
                    known[at] = UNKNOWN if call.tries else UNTRIED
                elif call.tries > 1 and call.outcomes[place] in doubtful:
                    known[at] = UNKNOWN
                else:
                    known[at] = CODES[call.outcomes[place]]
        return "".join([known[at] for at in self.chosen])


_DONE = {Outcome.DONE}

AnyBatch = TypeVar("AnyBatch", bound=ChangeBatch)


class Correction(NamedTuple):
    """A task that was accounted for, and that another server has undone."""

    queue: str
    id: bytes

    before: Outcome
    """The outcome as it was counted."""

    now: Outcome
    """The outcome that holds since the other server answers."""


class Change(ABC, Generic[AnyBatch]):
    """One kind of change, made for one plan. The methods are called in the order in which they stand here, from the
    job's thread; what raises is not caught.
    """

    verb: ClassVar[Verb]

    action: ClassVar[Action]
    """The right that it needs in each of its queues."""

    leaving: ClassVar[Leaving]
    """What to say to somebody who quits meanwhile."""

    caution: ClassVar[str]
    """What to say where another server took over, and the change cannot tell what that one has not heard of."""

    after_demotion: ClassVar[str]
    """What to say of the last batches where the server became a replica meanwhile."""

    journaled: ClassVar[bool] = True
    """Whether a journal of its own is written."""

    overlaps: ClassVar[bool] = False
    """Whether reading, journal and script overlap. `next_batch` must not use the pipe then, `take_read` and `take` must
    do no more than receive what was sent, and only a batch that is `alone` may ask for anything else in `send`.
    """

    starts_over: ClassVar[bool] = False
    """Whether each new connection begins from the start: what was under way is not taken up again."""

    ordinary: ClassVar[frozenset[Outcome]] = frozenset({Outcome.GONE, Outcome.DONE, Outcome.DONE_AND_UNLOCKED})
    """Outcomes after which there is nothing more to say of a task: its row leaves the table, and no report names it."""

    doubtful: ClassVar[frozenset[Outcome]] = frozenset({Outcome.GONE})
    """Outcomes of a second try behind which the first one may stand."""

    count: int | None
    """How many tasks the plan has; None where nobody knows beforehand."""

    queues: Sequence[str]

    stored_bytes: int = 0
    """About how many bytes its tasks take in Redis."""

    catalog: Catalog | None = None
    """The table from which the rows of what is gone are removed; None where there is none."""

    copied: bool = True
    """Whether the journal holds the tasks as they were; else only their ids."""

    keys: int = 0
    """Keys that were deleted so far, task data included; only a clean-up counts them."""

    @property
    def command(self) -> str:
        """How the journal names the run."""
        return self.verb.base

    @abstractmethod
    def facts(self) -> Facts:
        """What the audit says of the plan before anything is changed."""

    def report(self, progress: ChangeProgress) -> Facts:
        """What the audit says when it has ended."""
        return {
            "planned": progress.planned,
            self.verb.past: progress.made,
            "unlocked": progress.unlocked,
            "gone": progress.needless,
            "unconfirmed": progress.unconfirmed,
            "changed": progress.changed,
            "unknown": progress.unknown,
            "untouched": progress.untouched,
            "journal": str(progress.journal) if progress.journal is not None else None,
            **({"caution": progress.caution} if progress.caution else {}),
        }

    def kept(self) -> KeptPlan | None:
        """What of its plan is kept on disk until it has ended whole, so that the rest can be resumed; None where the
        change is simply planned again.
        """
        return None

    def refuse(self, server: Server) -> None:
        """Raise RefusedError where it must not be done on this server."""

    def opened(self, clock: Callable[[], float]) -> AbstractContextManager[None]:
        """What must be open as long as it runs. `clock` gives unix seconds."""
        return nullcontext()

    def begin(self, *, journaled: bool) -> None:
        """Make ready for `next_batch`; `journaled` says whether a journal is written."""

    def connected(self, pipe: Pipe) -> None:
        """A new connection is there; nothing is under way on it."""

    @abstractmethod
    def next_batch(self, pipe: Pipe) -> AnyBatch | None:
        """The next batch of the plan, None at its end."""

    def prepare(self, pipe: Pipe, queue: str) -> None:
        """Make sure, once for each queue and connection, that the queue may be changed."""

    def send_read(self, pipe: Pipe, batch: AnyBatch) -> None:
        """Ask for what the journal keeps of a batch."""

    def take_read(self, pipe: Pipe, batch: AnyBatch) -> list[Copy]:
        """Receive it: a copy of each task, in order."""
        return snapshots.whole(pipe, batch.queue, batch.ids, unnamed_locks=True)

    def missing(self, pipe: Pipe, copies: Sequence[Copy]) -> snapshots.Missing:
        """What is still to be read of these: their unique locks, and the times of their fields."""
        return snapshots.Missing()

    def check(self, batch: AnyBatch, copies: list[Copy]) -> None:
        """Say which tasks are as planned, now that all were read: sets `copies`, `places` and `left_out`."""
        batch.copies, batch.places = copies, range(len(copies))

    def slice(self, batch: AnyBatch) -> None:
        """Cut what is chosen of a batch into script calls."""
        batch.calls = [Call(batch.chosen)] if len(batch.chosen) else []

    def pack(self, batch: AnyBatch) -> None:
        """Do what can be done for `send` while the server works on something else."""

    def send(self, pipe: Pipe, batch: AnyBatch) -> None:
        """Send the open calls of a batch, and count the try: `batch.sent()`. Left to `take` where nothing overlaps."""

    @abstractmethod
    def take(self, pipe: Pipe, batch: AnyBatch) -> Iterator[Call]:
        """Receive the answers, and yield each call when its outcomes are set. What a refusal has left undone is no try:
        it is taken off `tries`, and what the server said is raised at the end.
        """

    def recheck(self, pipe: Pipe, recorder: Recorder | None) -> Iterator[list[Correction]] | None:
        """Compare what was done so far with what another server holds, some tasks at a time, and put the records right
        after each; None where the change cannot tell.
        """
        return None


class Plannable(Protocol):
    """A plan that was confirmed."""

    def change(self) -> Change[Any]:
        """The change that carries it out."""
