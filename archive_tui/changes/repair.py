"""Repairing findings: the change that carries out a `RepairPlan`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import GROUP, Kind
from archive_tui.asynq.outcomes import REPAIR, Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import fingerprint
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch
from archive_tui.changes.delete import kinds
from archive_tui.changes.kept_plan import KeptPlan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.jobs.job import Leaving
from archive_tui.store.link.clock import now_of
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_answer
from archive_tui.store.read import namespaces, snapshots
from archive_tui.store.write import repair as store

_CHUNK = 5_000
_BATCH_TASKS = 100
_BATCH_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False, kw_only=True)
class RepairBatch(ChangeBatch):
    """Findings of one queue that are repaired in one way."""

    rows: Sequence[TaskRow]

    repair: Repair

    def cut(self, places: slice) -> "RepairBatch":
        return RepairBatch(
            queue=self.queue,
            ids=self.ids[places],
            seqs=self.seqs[places],
            rows=self.rows[places],
            repair=self.repair,
        )


class RepairChange(Change[RepairBatch]):
    """Repairs the findings of a plan that its repairs fit. What the first try of a batch did is no finding any more
    when it is sent again.
    """

    verb = REPAIR
    action = Action.RESTORE
    leaving = Leaving("A repair is running", "What was repaired stays repaired; the rest can be repaired later.")
    caution = failover.caution("repaired", "as it was before")
    after_demotion = "what was repaired last may not have reached the new one; scan there to see it"
    doubtful = frozenset(outcome for outcome in Outcome if not outcome.done)

    def __init__(self, plan: RepairPlan) -> None:
        totals = plan.plan.totals
        self.plan = plan
        self.count = plan.count
        self.queues = list(totals.by_queue)
        self.stored_bytes = totals.stored_bytes
        self.catalog = plan.plan.selection.catalog
        self.copied = not plan.by_hand
        self._batches: Iterator[RepairBatch] = iter(())
        self._prefixes: list[bytes] | None = None  # of other installations in the database; None: not searched for
        self._named: defaultdict[str, set[str]] = defaultdict(set)  # groups of each queue, as indexes

    @property
    def command(self) -> str:
        return f"{self.verb.base}: {self.plan.label}"

    def facts(self) -> Facts:
        totals = self.plan.plan.totals
        return {
            "queues": totals.by_queue,
            "kinds": kinds({kind: count for kind, count in totals.by_kind.items() if kind in self.plan.repairs}),
            "repairs": {repair.value: count for repair, count in self.plan.counts.items()},
            "planned": self.plan.count,
        }

    def kept(self) -> KeptPlan | None:
        if self.plan.by_hand:
            return None  # what no copy is kept of must be picked by hand each time
        repairs = {kind.value: repair.value for kind, repair in self.plan.repairs.items() if kind is not None}
        plan = self.plan.plan
        return KeptPlan("repair", plan.selection, {"seen_at": plan.seen_at, "repairs": repairs})

    def begin(self, *, journaled: bool) -> None:
        self._batches = self._in_batches(journaled=journaled)

    def _in_batches(self, *, journaled: bool) -> Iterator[RepairBatch]:
        """The rows that a repair fits, each batch of one queue and one repair, and small for the server."""
        chosen: list[tuple[int, TaskRow]] = []
        size = 0
        for rows in self.plan.plan.selection.batches(_CHUNK):
            fitting = [(seq, row) for seq, row in rows if row.kind in self.plan.repairs]
            for seq, row in sorted(fitting, key=lambda numbered: self._together(numbered[1])):
                weight = row.stored_bytes or 0
                if chosen and (
                    len(chosen) >= _BATCH_TASKS
                    or size + weight > _BATCH_BYTES
                    or self._together(row) != self._together(chosen[0][1])
                ):
                    yield self._batch(chosen, journaled=journaled)
                    chosen, size = [], 0
                chosen.append((seq, row))
                size += weight
        if chosen:
            yield self._batch(chosen, journaled=journaled)

    def _together(self, row: TaskRow) -> tuple[str, str]:
        return row.queue, self.plan.repairs[row.kind]

    def _batch(self, chosen: Sequence[tuple[int, TaskRow]], *, journaled: bool) -> RepairBatch:
        rows = [row for _, row in chosen]
        return RepairBatch(
            queue=rows[0].queue,
            ids=[row.id for row in rows],
            seqs=[seq for seq, _ in chosen],
            unsized=journaled,
            rows=rows,
            repair=self.plan.repairs[rows[0].kind],
        )

    def prepare(self, pipe: Pipe, queue: str) -> None:
        if self._prefixes is None and Repair.REMOVE_ID in self.plan.counts:
            self._prefixes = namespaces.prefixes(pipe)

    def next_batch(self, pipe: Pipe) -> RepairBatch | None:
        return next(self._batches, None)

    def take_read(self, pipe: Pipe, batch: RepairBatch) -> list[Copy]:
        if batch.repair is Repair.RELEASE:
            return snapshots.held_locks(pipe, batch.queue, batch.ids)
        places = [store.stands_in(row) for row in batch.rows]
        unnamed = batch.repair is Repair.CLEAN
        return snapshots.whole(pipe, batch.queue, batch.ids, places, unnamed_locks=unnamed)

    def check(self, batch: RepairBatch, copies: list[Copy]) -> None:
        places: list[int] = []
        for at, (row, copy) in enumerate(zip(batch.rows, copies, strict=True)):
            if batch.repair is Repair.DELETE_KEY:  # of what is no task data, only the id is written down
                copies[at] = copy._replace(fields=(), lock=None, lock_until=None, place="", until=None)
                places.append(at)
            elif batch.repair is Repair.RELEASE:
                if copy.lock is not None and fingerprint(copy.id) == row.fingerprint:
                    places.append(at)
                else:
                    batch.left_out[at] = Outcome.GONE
            elif copy.fields is snapshots.NOT_A_HASH:
                batch.left_out[at] = Outcome.NOT_A_TASK
            elif not copy.fields and row.kind not in (Kind.GHOST, Kind.HUSK):  # all fields of a husk may have expired
                batch.left_out[at] = Outcome.GONE
            else:
                if batch.repair is Repair.FOLLOW_STATE and _is_grouped(row):
                    copies[at] = copy._replace(place=row.index_name)  # what is to be unnamed again
                places.append(at)
        batch.copies, batch.places = copies, places

    def take(self, pipe: Pipe, batch: RepairBatch) -> Iterator[Call]:
        for call in batch.open_calls:
            rows = [batch.rows[at] for at in call.at]
            known: dict[int, Outcome] = {}
            try:
                with batch.trying():
                    call.outcomes = store.repair(
                        pipe,
                        batch.repair,
                        rows,
                        now_of(pipe),
                        self.plan.types,
                        known,
                        self._prefixes or (),
                        self.plan.limits(batch.queue),
                        self._named[batch.queue],
                    )
            except Exception as error:
                if known and is_answer(error):
                    yield _part(batch, call, known)
                raise
            yield call


def _is_grouped(row: TaskRow) -> bool:
    """Tell whether a task is lost in a group."""
    return row.kind is Kind.LOST and row.index_name.startswith(GROUP)


def _part(batch: RepairBatch, call: Call, known: Mapping[int, Outcome]) -> Call:
    """The part of a call that was carried out before the server refused the rest, by positions in the call. Only the
    rest stays open.
    """
    done = Call([call.at[at] for at in known], list(known.values()), call.tries + 1)
    rest = Call([place for at, place in enumerate(call.at) if at not in known], tries=call.tries)
    batch.calls = [*[other for other in batch.calls or () if other is not call], done, rest]
    return done
