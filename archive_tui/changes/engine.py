"""The engine of every change: read-only check → audit → journal → verified batches → failover check → report.

A change (`Change`) says how its batches are made, which script it sends and how the answers read, what its outcomes are
called, and how it looks again after a failover. Everything else is here, once: `ChangeJob` carries it out.

Sending and taking are apart. Where a change `overlaps`, the server works on one batch while the next one is read and
written to the journal; what is sent, and so what is answered, then comes in this order: reading of a batch, change of
the batch before it, reading of the next batch, change of this one. A batch is changed only when the journal has it on
disk.
"""

import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import Outcome, Verb
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes import failover
from archive_tui.changes.auditing import Facts, audited, whereabouts
from archive_tui.errors import RefusedError, ReplicaError
from archive_tui.jobs.batches import Batch, split
from archive_tui.jobs.job import Job, JobState, Leaving, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress, Example
from archive_tui.jobs.witness import Witness
from archive_tui.journal.audit import Audit
from archive_tui.journal.outcomes import CODES, DONE, UNKNOWN, UNTRIED
from archive_tui.journal.recorder import Recorder, Run
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_answer
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots

_EXAMPLES = 200
_REMOVED_AT_ONCE = 5_000
_REMOVED_EVERY = 0.2
"""Rows, and seconds, after which the catalog is rid of what is gone."""


@dataclass(slots=True)
class Call:
    """One script call for some tasks of a batch."""

    at: Sequence[int]
    """The positions of its tasks in the batch."""

    outcomes: Sequence[int] | None = None
    """Their outcomes, in the same order; None until they are known."""

    tries: int = 0
    """How often it was sent, where the server may have done it."""


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
        return snapshots.whole(pipe, batch.queue, batch.ids)

    def lacks_locks(self, copies: Sequence[Copy]) -> bool:
        """Whether the unique locks of these are still to be read."""
        return False

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


class ChangeJob(Job):
    """Carries out a change. A stop, or a server that stays away, leaves a clean prefix done and the rest untouched.

    `journal` is the folder of the journals; None where none is kept, and what is changed cannot be brought back.
    `choice` says in words how the tasks were chosen, `reason` why. `clock` gives unix seconds, `stopwatch` seconds from
    any start. Raises RefusedError in a read-only session.
    """

    def __init__(
        self,
        server: Server,
        change: Change[Any],
        audit: Audit,
        pace: Pace = Pace.POLITE,
        *,
        journal: Path | None = None,
        choice: str = "",
        reason: str = "",
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(change.verb.base)
        if server.settings.read_only:
            raise RefusedError(f"this is a read-only session: nothing can be {change.verb.past}")
        change.refuse(server)
        self.change = change
        self.pace = pace
        self._server = server
        self._audit = audit
        self._journal = journal if change.journaled else None
        self._choice, self._reason = choice, reason
        self._clock, self._stopwatch = clock, stopwatch
        self._recorder: Recorder | None = None
        self._journal_path: Path | None = None
        self._witness = Witness(server)
        self._unsure = False
        self._again: deque[ChangeBatch] = deque()
        self._prepared: set[str] = set()
        self._outcomes: Counter[int] = Counter()
        self._examples: list[Example] = []
        self._done = self._unknown = self._unconfirmed = 0
        self._ordinary = frozenset(outcome.value for outcome in change.ordinary)
        self._rows = _GoneRows(change.catalog)
        self._began = stopwatch()
        self._ended_at: float | None = None

    @property
    def progress(self) -> ChangeProgress:
        """What was done so far, and in the end the report; safe to read from any thread."""
        seconds = (self._stopwatch() if self._ended_at is None else self._ended_at) - self._began
        change, done, unknown = self.change, self._done, self._unknown
        return ChangeProgress(
            change.verb,
            self.state,
            change.count if change.count is not None else done + unknown,
            done,
            done / seconds if seconds > 0 else 0.0,
            self.trouble,
            str(self.error) if self.error else "",
            outcomes={Outcome(number): count for number, count in dict(self._outcomes).items() if count},
            unknown=unknown,
            unconfirmed=self._unconfirmed,
            examples=tuple(self._examples),
            journal=self._journal_path,
            copied=change.copied,
            caution=change.caution if self._unsure else "",
            keys=change.keys,
        )

    @property
    def doing(self) -> str:
        of = f" of {self.change.count:,}" if self.change.count is not None else ""
        return f"{self.change.verb.ongoing} {self._done:,}{of}"

    @property
    def leaving(self) -> Leaving:
        return self.change.leaving

    def work(self) -> None:
        facts = {
            **whereabouts(self._server),
            **self.change.facts(),
            "choice": self._choice,
            "reason": self._reason,
        }
        with audited(self._audit, self.change.verb.base, facts, lambda: self.change.report(self.progress)):
            self._carry_out()

    def _carry_out(self) -> None:
        self._began = self._stopwatch()
        state = JobState.FAILED
        try:
            if self._journal is not None:
                change = self.change
                run = Run(self._server.address, change.command, change.queues, change.count, self._reason)
                self._recorder = Recorder.in_folder(self._journal, run, change.stored_bytes, self._clock)
                self._journal_path = self._recorder.path
            self.change.begin(journaled=self._recorder is not None)
            with self.change.opened(self._clock):
                self.reconnecting(self._attempt)
            state = JobState.DONE
        except Stopped:
            state = JobState.STOPPED
            raise
        except ReplicaError as error:
            raise (failover.demoted(error, self.change.after_demotion) if self._done else error) from None
        finally:
            self._unknown = sum(batch.unknown for batch in self._again)
            self._ended_at = self._stopwatch()
            try:
                self._close_journal(state)
            finally:
                self._rows.close()

    def _close_journal(self, state: JobState) -> None:
        if self._recorder is None:
            return
        for batch in self._again:
            self._conclude(batch)
        counts = {self.change.verb.name(Outcome(number)): count for number, count in sorted(self._outcomes.items())}
        counts |= {"unknown": self._unknown} if self._unknown else {}
        self._recorder.close(state.value, counts)
        if self._recorder.empty:
            self._recorder.remove()
            self._journal_path = None

    # One connection

    def _attempt(self) -> None:
        """Work until all is done or the connection is lost; what was not finished is taken up again by the next one."""
        if self._witness.look():
            self._unsure = self._unsure or self._done > 0 or self.change.keys > 0
        with self._server.pipe() as pipe:
            self._prepared.clear()
            self._begin(pipe)
            self._work_through(pipe)

    def _begin(self, pipe: Pipe) -> None:
        if self.change.starts_over:
            for lost in self._again:
                self._conclude(lost)
            self._again.clear()
        self.change.connected(pipe)
        self.connected()
        if self._unsure:
            self._recheck(pipe)

    def _work_through(self, pipe: Pipe) -> None:
        """One batch after the other. What is not finished when this ends is kept for the next connection."""
        asked: ChangeBatch | None = None
        following: ChangeBatch | None = None
        batch = self._next(pipe)
        try:
            while batch is not None:
                began = time.monotonic()
                if self._stop.is_set() or self.paused:
                    self._drain(pipe, batch, asked)
                    asked = None
                    self.checkpoint()
                if self._must_be_alone(batch):
                    self._answers(pipe, asked)
                    asked = None
                if batch.unsized and self._recorder is not None:
                    batch = self._first_part(pipe, batch)
                self._make_ready(pipe, batch, asked)
                if self.change.overlaps:
                    following = self._next(pipe)
                    if following is not None and self._may_read_ahead(batch, following):
                        self._read(pipe, following)
                if batch.calls is None:
                    self.change.slice(batch)
                self.change.pack(batch)
                self._answers(pipe, asked)
                asked = None
                if batch.kept is not None:
                    batch.kept.result()
                asked = batch
                self._send(pipe, batch)
                if not self.change.overlaps:
                    self._answers(pipe, asked)
                    asked = None
                batch, following = following, None
                self._rows.remove()
                self.rest(self.pace.rest_after(time.monotonic() - began))
                if not self.change.overlaps:
                    batch = self._next(pipe)
            self._answers(pipe, asked)
        except Stopped:
            self._drain(pipe, batch, asked)
            raise
        finally:
            for one in (following, batch, asked):
                if one is not None and not one.finished and one not in self._again:
                    one.read_sent = False
                    self._again.appendleft(one)

    def _next(self, pipe: Pipe) -> ChangeBatch | None:
        return self._again.popleft() if self._again else self.change.next_batch(pipe)

    def _drain(self, pipe: Pipe, batch: ChangeBatch | None, asked: ChangeBatch | None) -> None:
        """Take every answer that is under way; what was read of a batch that is not written down is forgotten."""
        if batch is not None and batch.read_sent:
            self.change.take_read(pipe, batch)
            batch.read_sent = False
        self._answers(pipe, asked)

    def _recheck(self, pipe: Pipe) -> None:
        """Another server answers than the one that was changed: what that one had not passed on is undone. A batch that
        was answered in part is sent as a whole again; of all before it, the change may know more.
        """
        for call in [call for batch in self._again for call in batch.calls or () if call.outcomes is not None]:
            outcomes = list(call.outcomes or ())
            self._outcomes.subtract(outcomes)
            self._done -= len(outcomes)
            if call.tries > 1:
                self._unconfirmed -= self._doubted(outcomes)
            call.outcomes = None
        corrections = self.change.recheck(pipe, self._recorder)
        if corrections is None:
            return
        for some in corrections:
            self.checkpoint()
            for correction in some:
                self._outcomes[correction.before] -= 1
                self._outcomes[correction.now] += 1
                self._example(correction.queue, correction.id, correction.now)
        self._unsure = False

    # Reading and writing down

    def _must_be_alone(self, batch: ChangeBatch) -> bool:
        """Whether something must be asked at once that cannot wait behind the answers under way."""
        if batch.read_sent:
            return False
        return batch.queue not in self._prepared or batch.alone or (self._recorder is not None and batch.copies is None)

    def _first_part(self, pipe: Pipe, batch: ChangeBatch) -> ChangeBatch:
        """Split a batch by the true sizes of its tasks; the other parts come next."""
        first, *others = split(batch, snapshots.sizes(pipe, batch.queue, batch.ids))
        self._again.extendleft(reversed(others))
        return first

    def _make_ready(self, pipe: Pipe, batch: ChangeBatch, asked: ChangeBatch | None) -> None:
        """Read a batch, leave out what is no longer as planned, and begin to write the rest to the journal."""
        if batch.queue not in self._prepared:
            self.change.prepare(pipe, batch.queue)
            self._prepared.add(batch.queue)
        if self._recorder is None or batch.copies is not None:
            return
        if not batch.read_sent:
            self._read(pipe, batch)
        copies = self.change.take_read(pipe, batch)
        batch.read_sent = False
        if self.change.lacks_locks(copies):
            self._answers(pipe, asked)
            copies = snapshots.with_locks(pipe, copies)
        self.change.check(batch, copies)
        if batch.left_out:
            self._account(batch, list(batch.left_out), list(batch.left_out.values()))
        places = batch.chosen
        if len(places):
            copies = batch.copies or copies
            chosen = copies if len(places) == len(copies) else [copies[at] for at in places]
            batch.number, batch.kept = self._recorder.begin(chosen, batch.weight)

    def _may_read_ahead(self, batch: ChangeBatch, following: ChangeBatch) -> bool:
        return (
            self._recorder is not None
            and following.copies is None
            and not following.unsized
            and not batch.alone
            and following.queue in self._prepared
        )

    def _read(self, pipe: Pipe, batch: ChangeBatch) -> None:
        self.change.send_read(pipe, batch)
        batch.read_sent = True

    # Changing

    def _send(self, pipe: Pipe, batch: ChangeBatch) -> None:
        if batch.finished:  # nothing of it is as planned
            self._conclude(batch)
        else:
            self.change.send(pipe, batch)

    def _answers(self, pipe: Pipe, batch: ChangeBatch | None) -> None:
        """Take what the server says of a batch, and account for it, also where it refuses in the middle."""
        if batch is None or batch.finished:
            return
        for call in self.change.take(pipe, batch):
            outcomes = call.outcomes or ()
            if call.tries > 1:
                self._unconfirmed += self._doubted(outcomes)
            self._account(batch, call.at, outcomes)
        self._conclude(batch)

    def _doubted(self, outcomes: Sequence[int]) -> int:
        return sum(map(outcomes.count, self.change.doubtful))

    def _account(self, batch: ChangeBatch, places: Sequence[int], outcomes: Sequence[int]) -> None:
        """Count outcomes that are known now."""
        for number in set(outcomes):
            self._outcomes[number] += outcomes.count(number)
        if self._ordinary.issuperset(outcomes):
            if batch.seqs:
                whole = len(places) == len(batch.seqs)
                self._rows.add(batch.seqs if whole else [batch.seqs[at] for at in places])
        else:
            for at, number in zip(places, outcomes, strict=True):
                if number not in self._ordinary:
                    self._example(batch.queue, batch.ids[at], Outcome(number))
                elif batch.seqs:
                    self._rows.add((batch.seqs[at],))
        self._done += len(outcomes)

    def _example(self, queue: str, task_id: bytes, outcome: Outcome) -> None:
        if len(self._examples) < _EXAMPLES:
            self._examples.append(Example(queue, task_id, outcome))

    def _conclude(self, batch: ChangeBatch) -> None:
        """Tell the journal what became of a batch."""
        if self._recorder is not None and batch.number is not None:
            self._recorder.done(batch.number, batch.codes(self.change.doubtful))
            batch.number = batch.copies = None


class _GoneRows:
    """Takes the rows of what is gone out of the catalog, some thousand at once and beside the change."""

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._waiting: list[int] = []
        self._removed_at = 0.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._removing: Future[None] | None = None

    def add(self, seqs: Sequence[int]) -> None:
        """Note rows by their numbers."""
        self._waiting += seqs

    def remove(self) -> None:
        """Begin to remove what was noted, where that is enough or has waited for long enough."""
        now = time.monotonic()
        due = len(self._waiting) >= _REMOVED_AT_ONCE or now - self._removed_at >= _REMOVED_EVERY
        if self._waiting and due and (self._removing is None or self._removing.done()):
            self._removed_at = now
            self._begin()

    def close(self) -> None:
        """Remove all that is left, and wait for it."""
        if self._waiting:
            self._begin()
        if self._removing is not None:
            self._removing.result()
        self._pool.shutdown()

    def _begin(self) -> None:
        if self._removing is not None:
            self._removing.result()
        seqs, self._waiting = self._waiting, []
        if self._catalog is not None:
            self._removing = self._pool.submit(self._catalog.remove, seqs)
