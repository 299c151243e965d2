"""Running archived tasks: the change that carries out a `RunPlan`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from archive_tui.asynq import message, runs
from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import RUN, Outcome
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch, Correction
from archive_tui.changes.kept_plan import KeptPlan
from archive_tui.changes.run_plan import RunPlan
from archive_tui.jobs.batches import in_order, row_batches, slices
from archive_tui.jobs.job import Leaving
from archive_tui.journal.recorder import Recorder
from archive_tui.store.link.clock import clock_of
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import snapshots
from archive_tui.store.write import recall
from archive_tui.store.write import run as store
from archive_tui.store.write.run import Runnable
from archive_tui.wording.programs import moment

_CALL_TASKS = 100
"""Tasks of one script call: each is several commands, and together they keep the server a millisecond."""


@dataclass(slots=True, eq=False, kw_only=True)
class RunBatch(ChangeBatch):
    """Archived tasks of one queue that are to be run."""

    fingerprints: Sequence[bytes]
    """The fingerprint that each message must still have."""

    positions: Sequence[int]
    """The place of each in the plan: by it a task is due."""

    def cut(self, places: slice) -> "RunBatch":
        return RunBatch(
            queue=self.queue,
            ids=self.ids[places],
            seqs=self.seqs[places],
            fingerprints=self.fingerprints[places],
            positions=self.positions[places],
        )


class RunChange(Change[RunBatch]):
    """Puts the tasks of a plan into `pending`, or into `scheduled` where they are to run later: Asynq takes them from
    there, so nothing is lost when we end. What the first try of a batch did is not archived any more when it is sent
    again.
    """

    verb = RUN
    action = Action.RESTORE
    leaving = Leaving("Tasks are being queued to run", "What was queued will run; the rest stays in the archive.")
    caution = failover.caution("queued", "in the archive still")
    after_demotion = "what was queued last may not have reached the new one, and be in the archive still; look there"
    ordinary = frozenset({Outcome.DONE})
    doubtful = frozenset(outcome for outcome in Outcome if not outcome.done)

    def __init__(self, plan: RunPlan) -> None:
        totals = plan.plan.totals
        self.plan = plan
        self.count = plan.count
        self.queues = list(totals.by_queue)
        self.stored_bytes = totals.stored_bytes
        self.catalog = plan.plan.selection.catalog
        self._batches: Iterator[RunBatch] = iter(())
        self._clock: Callable[[], float] = time.time
        self._started_at = 0.0

    @property
    def command(self) -> str:
        return f"{self.verb.base}: {self.plan.mode.label}"

    def facts(self) -> Facts:
        totals, mode = self.plan.plan.totals, self.plan.mode
        return {
            "queues": totals.by_queue,
            "planned": totals.count,
            "bytes": totals.stored_bytes,
            "retries_reset": mode.afresh,
            "delay_seconds": mode.delay,
            "at": moment(mode.at),
            "per_second": mode.per_second,
        }

    def kept(self) -> KeptPlan:
        plan = self.plan.plan
        return KeptPlan("run", plan.selection, {"seen_at": plan.seen_at, "mode": asdict(self.plan.mode)})

    def begin(self, *, journaled: bool) -> None:
        self._batches = self._in_batches(journaled=journaled)

    def _in_batches(self, *, journaled: bool) -> Iterator[RunBatch]:
        position = 0
        places = self._places()
        for rows in row_batches(self.plan.plan.selection, lambda: _CALL_TASKS, copying=journaled):
            yield RunBatch(
                queue=rows.queue,
                ids=rows.ids,
                seqs=rows.seqs,
                weight=rows.weight,
                largest=rows.largest,
                unsized=rows.unsized,
                fingerprints=rows.fingerprints,
                positions=[places[seq] for seq in rows.seqs] if places else range(position, position + len(rows)),
            )
            position += len(rows)

    def _places(self) -> Mapping[int, int]:
        """The place in the plan of each row, by its number, where tasks of several queues begin one after the other:
        batches are of one queue. Else empty, for batches follow the plan.
        """
        if self.plan.mode.per_second is None or len(self.queues) < 2:
            return {}
        return {seq: place for place, seq in enumerate(in_order(self.plan.plan.selection))}

    def connected(self, pipe: Pipe) -> None:
        self._clock = clock_of(pipe)
        self._started_at = self._started_at or self._clock()  # a connection that was lost puts nothing off

    def next_batch(self, pipe: Pipe) -> RunBatch | None:
        return next(self._batches, None)

    def take_read(self, pipe: Pipe, batch: RunBatch) -> list[Copy]:
        return _read(pipe, batch.queue, batch.ids)

    def check(self, batch: RunBatch, copies: list[Copy]) -> None:
        places: list[int] = []
        for at, (seen, copy) in enumerate(zip(batch.fingerprints, copies, strict=True)):
            outcome = _difference(copy, seen)
            if outcome is None:
                places.append(at)
            else:
                batch.left_out[at] = outcome
        batch.copies, batch.places = copies, places

    def slice(self, batch: RunBatch) -> None:
        copies = batch.copies
        sizes = [sum(map(len, copy.fields)) for copy in copies] if copies is not None else None
        batch.calls = [Call(at) for at in slices(batch.chosen, _CALL_TASKS, sizes)]

    def take(self, pipe: Pipe, batch: RunBatch) -> Iterator[Call]:
        for call in batch.open_calls:
            with call.trying():
                call.outcomes = self._run(pipe, batch, call.at)
            yield call

    def _run(self, pipe: Pipe, batch: RunBatch, places: Sequence[int]) -> list[Outcome]:
        """Run the tasks at these positions of a batch. What no journal has copied is read now."""
        ids = [batch.ids[at] for at in places]
        copies = batch.copies
        read = [copies[at] for at in places] if copies is not None else _read(pipe, batch.queue, ids)
        outcomes: dict[int, Outcome] = {}
        tasks: dict[int, Runnable] = {}
        for at, copy in zip(places, read, strict=True):
            outcome = _difference(copy, batch.fingerprints[at]) if copies is None else None
            task = outcome if outcome is not None else self.runnable(copy, batch.positions[at])
            if isinstance(task, Runnable):
                tasks[at] = task
            else:
                outcomes[at] = task
        if tasks:
            outcomes.update(zip(tasks, store.run(pipe, batch.queue, list(tasks.values()), self._clock()), strict=True))
        return [outcomes[at] for at in places]

    def recheck(self, pipe: Pipe, recorder: Recorder | None) -> Iterator[list[Correction]] | None:
        if recorder is None:
            return None
        return failover.corrections(pipe, recorder, recall.not_queued)

    def runnable(self, copy: Copy, position: int) -> Runnable | Outcome:
        """What the script needs of a task at a position of the plan, or the reason why it is left alone."""
        raw_message = copy.field(b"msg") or b""
        afresh = runs.afresh(raw_message) if self.plan.mode.afresh else None
        return Runnable(
            copy.id, store.digest_of(raw_message), self.plan.mode.due(position, self._started_at), afresh or b""
        )


def _read(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> list[Copy]:
    return snapshots.whole(pipe, queue, ids, [State.ARCHIVED.value] * len(ids))


def _difference(copy: Copy, seen: bytes) -> Outcome | None:
    """Why a task cannot be run as it was planned; None where it can. `seen` is the fingerprint of its message."""
    raw_message = copy.field(b"msg")
    if copy.fields is snapshots.NOT_A_HASH:
        return Outcome.NOT_A_TASK
    if not copy.fields:
        return Outcome.NO_DATA
    if State.parse(copy.field(b"state")) is not State.ARCHIVED:
        return Outcome.STATE_CHANGED
    if raw_message is None or fingerprint(raw_message) != seen:
        return Outcome.MESSAGE_CHANGED
    if copy.stood is not State.ARCHIVED:
        return Outcome.NOT_IN_INDEX
    return Outcome.NO_DESTINATION if message.decode(raw_message) is None else None
