"""Deleting histories of schedulers: the change that carries out a `HistoryPlan`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.outcomes import DELETE, Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.schedulers import Schedulers
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch, Correction
from archive_tui.changes.history_plan import HistoryPlan
from archive_tui.changes.kept_plan import KeptPlan
from archive_tui.jobs.job import Leaving
from archive_tui.journal.recorder import Recorder
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import histories
from archive_tui.store.read.schedulers import look
from archive_tui.store.write import histories as store

_MOST = 100
_BYTES = 512 * 1024
"""What one script call compares: it keeps the server busy for a few milliseconds."""


@dataclass(slots=True, eq=False, kw_only=True)
class HistoryBatch(ChangeBatch):
    """Histories that are deleted together."""


class HistoryChange(Change[HistoryBatch]):
    """Deletes histories that no living scheduler has. What was seen of the schedulers when the plan was made counts;
    they are looked at again before each batch, and then by the server itself.
    """

    verb = DELETE
    action = Action.DELETE
    leaving = Leaving("A deletion is running", "What was deleted stays deleted.")
    caution = failover.caution("deleted", "there again")
    after_demotion = "what was deleted last may not have reached the new one, and be there again; scan there to see it"

    def __init__(self, plan: HistoryPlan) -> None:
        self.plan = plan
        self.count = plan.count
        self.queues = [INSTALLATION]
        self.stored_bytes = plan.plan.totals.stored_bytes
        self.catalog = plan.plan.selection.catalog
        self._batches: Iterator[HistoryBatch] = iter(())
        self._schedulers: Schedulers = plan.schedulers

    def facts(self) -> Facts:
        return {
            "kinds": {Kind.STALE_HISTORY.value: self.plan.count},
            "planned": self.plan.count,
            "events": self.plan.events,
            "bytes": self.stored_bytes,
        }

    def kept(self) -> KeptPlan:
        plan = self.plan.plan
        return KeptPlan("histories", plan.selection, {"seen_at": plan.seen_at})

    def begin(self, *, journaled: bool) -> None:
        self._batches = self._in_batches()

    def _in_batches(self) -> Iterator[HistoryBatch]:
        chosen: list[tuple[int, TaskRow]] = []
        size = 0
        for rows in self.plan.plan.selection.batches():
            for seq, row in rows:
                weight = row.stored_bytes or 0
                if chosen and (len(chosen) >= _MOST or size + weight > _BYTES):
                    yield _batch(chosen, size)
                    chosen, size = [], 0
                chosen.append((seq, row))
                size += weight
        if chosen:
            yield _batch(chosen, size)

    def next_batch(self, pipe: Pipe) -> HistoryBatch | None:
        return next(self._batches, None)

    def take_read(self, pipe: Pipe, batch: HistoryBatch) -> list[Copy]:
        return histories.copies(pipe, batch.ids)

    def check(self, batch: HistoryBatch, copies: list[Copy]) -> None:
        batch.copies, places = copies, []
        for at, copy in enumerate(copies):
            if copy.fields is histories.NOT_A_HISTORY:
                batch.left_out[at] = Outcome.TYPE_CHANGED
            elif copy.fields is histories.TOO_LARGE:
                batch.left_out[at] = Outcome.TOO_LARGE
            elif not copy.fields:
                batch.left_out[at] = Outcome.GONE
            else:
                places.append(at)
        batch.places = places

    def take(self, pipe: Pipe, batch: HistoryBatch) -> Iterator[Call]:
        for call in batch.open_calls:
            copies = [batch.copies[at] if batch.copies else Copy(INSTALLATION, batch.ids[at]) for at in call.at]
            with batch.trying():
                known, failure = self._delete(pipe, copies, copied=batch.copies is not None)
            if failure is not None:
                # What was answered is accounted for, and not sent again
                left = [at for at in range(len(copies)) if at not in known]
                batch.calls = [*[other for other in batch.calls or () if other is not call], Call(_at(call, left))]
                call = Call(_at(call, list(known)), tries=call.tries)  # noqa: PLW2901 - the part of it that was answered
                batch.calls.append(call)
            call.outcomes = list(known.values())
            yield call
            if failure is not None:
                raise failure

    def _delete(
        self, pipe: Pipe, copies: Sequence[Copy], *, copied: bool
    ) -> tuple[dict[int, Outcome], Exception | None]:
        """Delete those that are still stale: the outcomes by position, in order, and what the server refused."""
        schedulers = self._schedulers + look(pipe)
        known = {
            at: Outcome.LISTED if schedulers.lists(copy.id) else Outcome.MAY_LIVE
            for at, copy in enumerate(copies)
            if schedulers.why_unsure or schedulers.lists(copy.id)
        }
        asked = [at for at in range(len(copies)) if at not in known]
        failure = None
        if asked:
            outcomes, failure = store.delete(pipe, [copies[at] for at in asked], schedulers, copied=copied)
            known |= dict(zip(asked, outcomes, strict=False))
        return dict(sorted(known.items())), failure

    def recheck(self, pipe: Pipe, recorder: Recorder | None) -> Iterator[list[Correction]] | None:
        if recorder is None:
            return None
        return failover.corrections(pipe, recorder)


def _at(call: Call, places: Sequence[int]) -> list[int]:
    return [call.at[place] for place in places]


def _batch(chosen: Sequence[tuple[int, TaskRow]], weight: int) -> HistoryBatch:
    return HistoryBatch(
        queue=INSTALLATION,
        ids=[row.id for _, row in chosen],
        seqs=[seq for seq, _ in chosen],
        weight=weight,
        largest=max(row.stored_bytes or 0 for _, row in chosen),
    )
