"""Restoring what a journal holds: the change that carries out a `RestorePlan`."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import RESTORE, Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch, Correction
from archive_tui.changes.restore_plan import RestorePlan
from archive_tui.errors import ArchiveTuiError, RefusedError
from archive_tui.jobs.batches import slices
from archive_tui.jobs.job import Leaving
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.outcomes import UNKNOWN, is_back, merged, restored_code, restored_of
from archive_tui.journal.recorder import Recorder
from archive_tui.journal.writer import Appender
from archive_tui.store.link.clock import clock_of
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_answer
from archive_tui.store.link.server import Server
from archive_tui.store.write import recall, unname
from archive_tui.store.write import restore as store
from archive_tui.wording.programs import moment

_BATCH_TASKS = 100


@dataclass(slots=True, eq=False, kw_only=True)
class RestoreBatch(ChangeBatch):
    """Tasks of one queue and one batch of the journal that are to be written back."""

    origin: int
    """The number of the journal's batch."""

    origin_places: Sequence[int]
    """The positions of the tasks in it."""

    tasks: Sequence[Copy]


class RestoreChange(Change[RestoreBatch]):
    """Writes back what a plan names. What was restored is noted in the journal, so that nothing is restored twice; it
    may be stopped at any moment and started again.
    """

    verb = RESTORE
    action = Action.RESTORE
    leaving = Leaving("A restore is running", "What was restored stays; the rest can be restored later.")
    caution = ""  # the journal tells what is to be looked for
    after_demotion = (
        "what was restored last may not have reached the new one; `restore --again` there restores it once more"
    )
    journaled = False
    ordinary = frozenset({Outcome.DONE, Outcome.ALREADY})
    doubtful = frozenset()

    def __init__(self, plan: RestorePlan) -> None:
        self.plan = plan
        self.count = plan.count
        self.queues = list(plan.by_queue)
        self._clock: Callable[[], float] | None = None
        self._now: Callable[[], float] | None = None
        self._batches: Iterator[RestoreBatch] = iter(())
        self._new_codes: dict[int, list[str]] = {}
        self._codes: dict[int, str] = {}
        self._notes: Appender | None = None
        self._ids: dict[tuple[str, str], set[bytes]] | None = None
        self._unnamed_now: set[tuple[str, str]] = set()

    def refuse(self, server: Server) -> None:
        if self.plan.elsewhere and not self.plan.anywhere:
            raise RefusedError(f"the journal was written for {self.plan.elsewhere}, and this is {server.address}")

    def facts(self) -> Facts:
        plan = self.plan
        return {
            "queues": plan.by_queue,
            "planned": plan.count,
            "target": plan.target.value,
            "journal": str(plan.journal.path),
            "elsewhere": plan.elsewhere or None,
        }

    def report(self, progress: ChangeProgress) -> Facts:
        return {
            "planned": progress.planned,
            "restored": progress.made,
            "outcomes": {self.verb.name(outcome): count for outcome, count in sorted(progress.outcomes.items())},
            "unknown": progress.unknown,
            "untouched": progress.untouched,
            **({"caution": progress.caution} if progress.caution else {}),
        }

    @contextmanager
    def opened(self, clock: Callable[[], float]) -> Iterator[None]:
        """The journal, to note in it what was restored; not where it cannot be written, and not an export."""
        self._clock, journal = clock, self.plan.journal
        with ExitStack() as stack:
            if not journal.header.is_export and os.access(journal.path, os.W_OK):
                self._notes = stack.enter_context(Appender(journal.path))
                # Read again now that nobody else writes: another restore may have ended meanwhile
                self.plan.outline.restored.update(journal.outline().restored)
                if self.plan.outline.torn:
                    self._notes.cut(self.plan.outline.good_bytes)
            self._batches = self._in_batches()
            try:
                yield
            finally:
                self._note()

    def connected(self, pipe: Pipe) -> None:
        self._now = clock_of(pipe)

    def _in_batches(self) -> Iterator[RestoreBatch]:
        """What to restore, in batches of one queue and small for the server. A batch of the journal that is through is
        noted.
        """
        plan = self.plan
        for origin, copies in plan.journal.batches(plan.outline):
            may = plan.outline.restorable(origin, again=plan.again)
            by_queue: dict[tuple[str, str], list[int]] = {}
            for at, copy in enumerate(copies):
                if may[at] and plan.takes(copy):
                    by_queue.setdefault((copy.queue, self._unnamed(copy)), []).append(at)
            sizes = [sum(map(len, copy.fields)) for copy in copies]
            for (queue, _), places in by_queue.items():
                for part in slices(places, _BATCH_TASKS, sizes):
                    tasks = [copies[at] for at in part]
                    ids = [copy.id for copy in tasks]
                    yield RestoreBatch(queue=queue, ids=ids, origin=origin, origin_places=part, tasks=tasks)
            self._note()
            del copies, by_queue  # they may be large, and so may be the next

    def next_batch(self, pipe: Pipe) -> RestoreBatch | None:
        return next(self._batches, None)

    def take(self, pipe: Pipe, batch: RestoreBatch) -> Iterator[Call]:
        (call,) = batch.open_calls
        assert self._now is not None  # noqa: S101 - a connection is there
        tasks = [batch.tasks[at] for at in call.at]
        with batch.trying():
            outcomes, failure = self._write_back(pipe, tasks, self._now())
        codes = self._new_codes.setdefault(batch.origin, [UNKNOWN] * self.plan.outline.tasks[batch.origin])
        for at, outcome in zip(call.at, outcomes, strict=False):
            codes[batch.origin_places[at]] = restored_code(outcome)
        if failure is None:
            call.outcomes = outcomes
            yield call
            return
        # What was answered is noted, and not sent again
        batch.calls = [Call(call.at[len(outcomes) :])]
        yield Call(call.at[: len(outcomes)], outcomes, call.tries)
        raise failure

    def _write_back(self, pipe: Pipe, tasks: Sequence[Copy], now: float) -> tuple[list[Outcome], Exception | None]:
        """Write back what was deleted, or take back what was queued to run: the outcomes, up to where the server
        refused, and what it said then.
        """
        if group := self._unnamed(tasks[0]):
            return self._unname(pipe, tasks, group, now)
        if not self.plan.journal.header.is_run:
            return store.restore(pipe, tasks, self.plan.target, now)
        outcomes: list[Outcome] = []
        try:
            recall.recall(pipe, tasks, now, outcomes)
        except ArchiveTuiError as error:
            if not (outcomes and is_answer(error)):
                raise
            return outcomes, error
        return outcomes, None

    def _unnamed(self, copy: Copy) -> str:
        """The group whose naming is to be taken back for a task; empty for none."""
        return copy.place if copy.in_unnamed_group and self.plan.target is store.Target.BACK else ""

    def _unname(
        self, pipe: Pipe, tasks: Sequence[Copy], group: str, now: float
    ) -> tuple[list[Outcome], Exception | None]:
        """Take back the naming of a group. What is gone is only written back where that was asked for: it may have been
        done since.
        """
        queue = tasks[0].queue
        begun = (queue, group) in self._unnamed_now
        outcomes = unname.unname(pipe, tasks, now, self._ids_of(queue, group), begun=begun)
        if any(outcome.done for outcome in outcomes):
            self._unnamed_now.add((queue, group))
        gone = [at for at, outcome in enumerate(outcomes) if outcome is Outcome.NO_DATA]
        if not (gone and self.plan.again):
            return outcomes, None
        written, failure = store.restore(pipe, [tasks[at] for at in gone], self.plan.target, now)
        for at, outcome in zip(gone, written, strict=False):
            outcomes[at] = outcome
        return outcomes if failure is None else outcomes[: gone[len(written)]], failure

    def _ids_of(self, queue: str, group: str) -> set[bytes]:
        """The ids of one group that this restore takes back, from the whole journal."""
        if self._ids is None:
            self._ids = {}
            plan = self.plan
            for origin, copies in plan.journal.batches(plan.outline):
                may = plan.outline.restorable(origin, again=plan.again)
                for copy, able in zip(copies, may, strict=False):
                    if able and plan.takes(copy) and copy.in_unnamed_group:
                        self._ids.setdefault((copy.queue, copy.place), set()).add(copy.id)
        return self._ids[queue, group]

    def recheck(self, pipe: Pipe, recorder: Recorder | None) -> Iterator[list[Correction]]:
        """Note what is not there any more, so that it can be restored once more."""
        self._note()
        for origin, codes in list(self._codes.items()):
            copies = self.plan.journal.tasks(self.plan.outline, origin)
            places = [at for at, code in enumerate(codes) if is_back(code)]
            are_back = recall.are_archived if self.plan.journal.header.is_run else store.are_back
            there = are_back(pipe, [copies[at] for at in places])
            missing = [at for at, exists in zip(places, there, strict=True) if not exists]
            corrections = [
                Correction(copies[at].queue, copies[at].id, before, Outcome.VANISHED)
                for at in missing
                if (before := restored_of(codes[at])) is not None
            ]
            yield corrections
            if missing:
                self._new_codes[origin] = [UNKNOWN] * len(codes)
                for at in missing:
                    self._new_codes[origin][at] = restored_code(Outcome.VANISHED)
        self._note()

    def _note(self) -> None:
        """Write into the journal what was restored since the last time."""
        new = {origin: "".join(codes) for origin, codes in self._new_codes.items()}
        self._new_codes = {}
        for origin, codes in new.items():
            self._codes[origin] = merged(self._codes.get(origin, ""), codes)
        if self._notes is not None and self._clock is not None and new:
            at = moment(self._clock())
            self._notes.add(*[{"restored": origin, "at": at, "outcomes": codes} for origin, codes in new.items()])
