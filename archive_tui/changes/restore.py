"""Putting back what a journal holds: the job that carries a plan out (DESIGN.md section 6)."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from archive_tui.asynq.outcomes import RESTORE, Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.restore_plan import RestorePlan, restorable
from archive_tui.errors import RefusedError, ReplicaError
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress, Example
from archive_tui.journal.outcomes import UNKNOWN, is_back, merged, restored_code, restored_of
from archive_tui.journal.recorder import moment
from archive_tui.journal.writer import Appender
from archive_tui.store.link.clock import clock_of
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.write import restore as store

_BATCH_TASKS = 100
_BATCH_BYTES = 1024 * 1024
_EXAMPLES = 200


class RestoreJob(Job):
    """Carry out a plan. What was put back is noted in the journal, so that nothing is put back twice; it may be stopped
    at any moment and asked for again.
    """

    def __init__(
        self,
        server: Server,
        plan: RestorePlan,
        pace: Pace = Pace.POLITE,
        *,
        elsewhere: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`elsewhere`: also where the journal was written for another server; without it, that is refused."""
        super().__init__("restore")
        if server.settings.read_only:
            raise RefusedError("this is a read-only session: nothing can be restored")
        if plan.elsewhere and not elsewhere:
            raise RefusedError(f"the journal was written for {plan.elsewhere}, and this is {server.address}")
        self.plan = plan
        self.pace = pace
        self._server = server
        self._clock = self._now = clock
        self._outcomes: Counter[Outcome] = Counter()
        self._examples: list[Example] = []
        self._done = 0
        self._slices: Iterator[tuple[int, list[int], list[Copy]]] = iter(())
        self._slice: tuple[int, list[int], list[Copy]] | None = None
        self._noted: dict[int, list[str]] = {}
        self._told: dict[int, str] = {}
        self._notes: Appender | None = None
        self._witness = failover.Witness(server)
        self._unsure = False
        self._began = time.monotonic()
        self._ended_at: float | None = None

    @property
    def progress(self) -> ChangeProgress:
        """What was done so far; safe to read from any thread."""
        seconds = (self._ended_at or time.monotonic()) - self._began
        return ChangeProgress(
            RESTORE,
            self.state,
            self.plan.count,
            self._done,
            self._done / seconds if seconds > 0 else 0.0,
            self.trouble,
            str(self.error) if self.error else "",
            outcomes=dict(self._outcomes),
            examples=tuple(self._examples),
        )

    def work(self) -> None:
        self._began = time.monotonic()
        journal = self.plan.journal
        try:
            if journal.header.is_export or not os.access(journal.path, os.W_OK):
                self._work(None)
            else:
                with Appender(journal.path) as notes:
                    # Read again now that nobody else writes: another restore may have ended meanwhile
                    self.plan.outline.restored.update(journal.outline().restored)
                    if self.plan.outline.torn:
                        notes.cut(self.plan.outline.good_bytes)
                    self._work(notes)
        except ReplicaError as error:
            said = "what was put back last may not have reached the new one; `restore --again` there puts it back"
            raise (failover.demoted(error, said) if self._done else error) from None
        finally:
            self._ended_at = time.monotonic()

    def _work(self, notes: Appender | None) -> None:
        self._notes = notes
        self._slices = self._wanted()
        try:
            self.reconnecting(self._attempt)
        finally:
            self._note()

    def _attempt(self) -> None:
        if self._witness.look():
            self._unsure = self._done > 0
        with self._server.pipe() as pipe:
            self._now = clock_of(pipe)
            self.connected()
            if self._unsure:
                self._look_again(pipe)
            while True:
                self.checkpoint()
                if self._slice is None:
                    self._slice = next(self._slices, None)
                if self._slice is None:
                    return
                began = time.monotonic()
                self._write_back(pipe, *self._slice)
                self._slice = None
                self.rest(self.pace.rest_after(time.monotonic() - began))

    def _look_again(self, pipe: Pipe) -> None:
        """Another server answers than the one that took the tasks back: what that one had not passed on is not there.
        The journal is told, so that it can be put back once more.
        """
        self._note()
        for batch, digits in list(self._told.items()):
            self.checkpoint()
            copies = self.plan.journal.tasks(self.plan.outline, batch)
            places = [at for at, digit in enumerate(digits) if is_back(digit)]
            there = store.exist(pipe, [copies[at] for at in places])
            missing = [at for at, found in zip(places, there, strict=True) if not found]
            if not missing:
                continue
            self._noted[batch] = now = [UNKNOWN] * len(digits)
            for at in missing:
                now[at] = restored_code(Outcome.VANISHED)
                if (was := restored_of(digits[at])) is not None:
                    self._outcomes[was] -= 1
                self._outcomes[Outcome.VANISHED] += 1
                self._example(copies[at], Outcome.VANISHED)
        self._outcomes = +self._outcomes
        self._note()
        self._unsure = False

    def _example(self, copy: Copy, outcome: Outcome) -> None:
        if outcome is not Outcome.DONE and not outcome.needless and len(self._examples) < _EXAMPLES:
            self._examples.append(Example(copy.queue, copy.id, outcome))

    def _write_back(self, pipe: Pipe, batch: int, places: Sequence[int], copies: Sequence[Copy]) -> None:
        outcomes, failure = store.restore(pipe, copies, self.plan.target, self._now())
        digits = self._noted.setdefault(batch, [UNKNOWN] * self.plan.outline.tasks[batch])
        for place, copy, outcome in zip(places, copies, outcomes, strict=False):
            digits[place] = restored_code(outcome)
            self._example(copy, outcome)
        self._outcomes.update(outcomes)
        self._done += len(outcomes)
        if failure is not None:
            self._slice = batch, list(places[len(outcomes) :]), list(copies[len(outcomes) :])
            raise failure

    def _wanted(self) -> Iterator[tuple[int, list[int], list[Copy]]]:
        """What to put back, in slices of one queue and small for the server; a batch that is through is noted."""
        plan = self.plan
        for batch, copies in plan.journal.batches(plan.outline):
            may = restorable(plan.outline, batch, again=plan.again)
            by_queue: dict[str, list[int]] = {}
            for at, copy in enumerate(copies):
                if may[at] and copy.fields and (plan.chosen is None or (copy.queue, copy.id) in plan.chosen):
                    by_queue.setdefault(copy.queue, []).append(at)
            for places in by_queue.values():
                yield from ((batch, part, [copies[at] for at in part]) for part in _sliced(places, copies))
            self._note()
            del copies, by_queue  # they may be large, and so may be the next

    def _note(self) -> None:
        noted = {batch: "".join(digits) for batch, digits in self._noted.items()}
        self._noted = {}
        for batch, digits in noted.items():
            self._told[batch] = merged(self._told.get(batch, ""), digits)
        if self._notes is not None and noted:
            at = moment(self._clock())
            self._notes.add(*[{"restored": batch, "at": at, "outcomes": digits} for batch, digits in noted.items()])


def _sliced(places: Sequence[int], copies: Sequence[Copy]) -> Iterator[list[int]]:
    part: list[int] = []
    total = 0
    for at in places:
        size = sum(map(len, copies[at].fields))
        if part and (len(part) >= _BATCH_TASKS or total + size > _BATCH_BYTES):
            yield part
            part, total = [], 0
        part.append(at)
        total += size
    if part:
        yield part
