"""The job that sets findings right: journal place, verified batches, report. The same shape as a deletion."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.asynq.states import ARCHIVE_CAP
from archive_tui.asynq.task import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.errors import DisconnectedError, RefusedError, ReplicaError
from archive_tui.jobs import failover
from archive_tui.jobs.delete import Record
from archive_tui.jobs.job import Job, JobState, Stopped
from archive_tui.jobs.keeping import Keeping
from archive_tui.jobs.ledger import Ledger, portions
from archive_tui.jobs.lots import UNKNOWN
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan
from archive_tui.jobs.progress import ChangeProgress, Skipped
from archive_tui.present import plural
from archive_tui.store import copy as reading
from archive_tui.store import repair as store
from archive_tui.store.clock import now_of
from archive_tui.store.connection import Server
from archive_tui.store.pipe import Pipe
from archive_tui.store.repair import Repaired

_CHUNK = 5_000
_BATCH_TASKS = 100
_BATCH_BYTES = 1024 * 1024
_EXAMPLES = 200

Batch = Sequence[tuple[int, TaskRow]]
COMMAND = "repair"
"""How the journal of a repair names the run; after it, a colon and the repairs."""


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What will be set right, and how: the rows of a plan, with a repair for some kinds. Other kinds are left alone.
    `types` are those that foreign keys have now: a key that is of another type later is not deleted.
    """

    plan: Plan
    repairs: Mapping[Kind | None, Repair]
    types: store.Types = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, repair: Repair, types: store.Types | None = None) -> "RepairPlan":
        """One repair for every kind that it fits."""
        return cls(plan, {kind: repair for kind in Kind if repair in offered(kind)}, types or {})

    @property
    def count(self) -> int:
        """How many findings will be set right."""
        return sum(self.counts.values())

    @property
    def counts(self) -> dict[Repair, int]:
        """How many findings each repair will set right."""
        counts = Counter[Repair]()
        for kind, count in self.plan.totals.by_kind.items():
            if kind in self.repairs:
                counts[self.repairs[kind]] += count
        return dict(counts)

    @property
    def label(self) -> str:
        """What it does, in a few words."""
        return ", ".join(repair.label for repair in self.counts)

    @property
    def deletes_data(self) -> bool:
        """Whether there is any data that it deletes."""
        return any(repair in (Repair.CLEAN, Repair.DELETE_KEY) for repair in self.counts)

    @property
    def by_hand(self) -> bool:
        """Whether it destroys what no copy is kept of, so that its findings must have been picked one by one."""
        return any(repair.by_hand for repair in self.counts)

    @property
    def others(self) -> int:
        """How many rows of the plan will be left alone, because no repair fits their kind."""
        return self.plan.count - self.count

    @property
    def frees(self) -> str:
        """What becomes free, in words; empty where no id was ever held."""
        if not self.deletes_data:
            return "" if set(self.counts) == {Repair.REMOVE_ID} else "nothing: ids and unique locks stay as they are"
        if not self.plan.frees:
            return "no unique lock and no fixed id that anybody knows of"
        # Of a plan with rows of several kinds it is not known which of them hold the locks
        return f"at most {self.plan.frees}" if self.others else self.plan.frees

    def overflow(self, archived: Mapping[str, int]) -> str:
        """What Asynq will drop from archives that become too full, in words; empty where none does."""
        beyond = self.beyond_cap(archived)
        return f"{plural(beyond, 'id')} more than Asynq keeps: it drops as many of the oldest soon" if beyond else ""

    def why_not(self) -> str | None:
        """Why this must not be done at all."""
        ghosts = self.plan.totals.by_kind.get(Kind.GHOST, 0)
        if ghosts and any(repair.runs for repair in self.repairs.values()):
            return (
                f"{ghosts:,} of these are ghosts: running them would make husks, on which workers choke. "
                "Remove their ids first, or choose without them"
            )
        return None

    def beyond_cap(self, archived: Mapping[str, int]) -> int:
        """How many ids more than Asynq keeps the archives would hold; `archived` are their sizes now."""
        back = sum(count for repair, count in self.counts.items() if repair.archives)
        if not back:
            return 0
        # Of a queue's rows only some may be of a kind that goes there
        by_queue = {queue: min(count, back) for queue, count in self.plan.totals.by_queue.items()}
        return sum(max(0, archived.get(queue, 0) + count - ARCHIVE_CAP) for queue, count in by_queue.items())


MENDS_ARCHIVE: Mapping[Kind | None, Repair] = {
    Kind.GHOST: Repair.REMOVE_ID,
    Kind.MISMATCH: Repair.FOLLOW_INDEX,
    Kind.HUSK: Repair.CLEAN,
}
"""What sets an archive right that is stuck: without its ghosts Asynq's script has room again, and the tasks that it
failed to archive count as archived.
"""


def choices(plan: Plan, types: store.Types | None = None) -> list[RepairPlan]:
    """The repairs that fit at least one row of a plan, those that fit most first, and after all others what deletes
    data. Foreign keys are for deletion only where their `types` are known.
    """
    found = [RepairPlan.of(plan, one, types=types) for one in Repair if types or one is not Repair.DELETE_KEY]
    return sorted((one for one in found if one.count), key=lambda one: (one.deletes_data, -one.count))


def not_picked(catalog: Catalog, marks: Marks, picked: Marks) -> list[int]:
    """The marked findings that are set right only where a person has picked them one by one. Not for the UI loop."""
    kinds = [kind for kind in Kind if any(repair.by_hand for repair in offered(kind))]
    return [seq for kind in kinds for seq in catalog.find(Query(kind=kind)) if seq in marks and seq not in picked]


def types_of(server: Server, plan: Plan) -> store.Types:
    """What the foreign keys of a plan are. Blocks. Raises ConnectError and kin."""
    found: dict[tuple[str, bytes], bytes] = {}
    if Kind.FOREIGN not in plan.totals.by_kind:
        return found
    with server.pipe() as pipe:
        for rows in plan.selection.batches():
            found |= store.types_of(pipe, [row for _, row in rows if row.kind is Kind.FOREIGN])
    return found


def not_deletable(catalog: Catalog) -> list[int]:
    """The findings of a catalog that are not for a `DeleteJob`, by their row numbers: it deletes what no index
    references. Not for the UI loop.
    """
    seqs: list[int] = []
    for kind in catalog.counts().by_kind:
        if kind is Kind.HUSK:
            rows = catalog.rows(catalog.find(Query(kind=kind)))
            seqs += [seq for seq, row in rows.items() if row.place]
        elif kind not in (Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED):
            seqs += catalog.find(Query(kind=kind))
    return seqs


class RepairProgress(ChangeProgress[Repaired]):
    """What was set right so far; once `state` has ended, this is the report."""

    __slots__ = ()

    @property
    def repaired(self) -> int:
        """How many were set right."""
        return self.made


@dataclass(slots=True, eq=False)
class _Part:
    """Some rows of one batch. `wanted` are the places of those that are asked for: where there is a journal, those that
    are in it as its batch `kept`.
    """

    batch: Batch
    outcomes: dict[int, Repaired] = field(default_factory=dict)
    wanted: Sequence[int] | None = None
    kept: int | None = None
    tries: int = 0

    @property
    def rows(self) -> list[TaskRow]:
        return [row for _, row in self.batch]

    @property
    def unknown(self) -> int:
        return len(self.wanted or ()) if self.tries else 0


class RepairJob(Job):
    """Carry out a repair. A stop, or a server that stays away, leaves a clean prefix done and the rest untouched.

    With `keeping`, what a batch changes is in the journal, as it was, and on disk before it is changed.
    """

    def __init__(
        self,
        server: Server,
        plan: RepairPlan,
        pace: Pace = Pace.POLITE,
        record: Record | None = None,
        keeping: Keeping | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("repair")
        if server.settings.read_only:
            raise RefusedError("this is a read-only session: nothing can be changed")
        self.plan = plan
        self.pace = pace
        self.keeping = replace(keeping, command=f"{COMMAND}: {plan.label}") if keeping is not None else None
        self._server = server
        self._record = record
        self._clock = clock
        self._ledger: Ledger | None = None
        self._witness = failover.Witness(server)
        self._unsure = False
        self._feed: Iterator[Batch] = iter(())
        self._batch: Batch = ()
        self._parts: deque[_Part] = deque()
        self._outcomes: Counter[Repaired] = Counter()
        self._skipped: list[Skipped[Repaired]] = []
        self._unknown = self._unconfirmed = self._done = 0
        self._witness = failover.Witness(server)
        self._unsure = False
        self._began = time.monotonic()
        self._ended_at: float | None = None

    @property
    def progress(self) -> RepairProgress:
        """What was done so far; safe to read from any thread."""
        seconds = (self._ended_at or time.monotonic()) - self._began
        return RepairProgress(
            self.state,
            self.plan.count,
            self._done,
            self._done / seconds if seconds > 0 else 0.0,
            self.trouble,
            str(self.error) if self.error else "",
            outcomes=dict(self._outcomes),
            unknown=self._unknown,
            unconfirmed=self._unconfirmed,
            skipped=tuple(self._skipped),
            journal=self._ledger.path if self._ledger is not None else None,
            caution=failover.caution("set right", "as it was before") if self._unsure else "",
        )

    def work(self) -> None:
        self._began = time.monotonic()
        state = JobState.FAILED
        try:
            if self.keeping is not None:
                totals = self.plan.plan.totals
                self._ledger = Ledger(
                    self.keeping,
                    self._server.settings,
                    list(totals.by_queue),
                    self.plan.count,
                    totals.stored_bytes,
                    self._clock,
                )
            self._feed = self._batches()
            self.reconnecting(self._attempt)
            state = JobState.DONE
        except (Stopped, DisconnectedError) as end:
            state = JobState.STOPPED if isinstance(end, Stopped) else state
            self._unknown = sum(part.unknown for part in self._parts)
            raise
        except ReplicaError as error:
            said = "what was set right last may not have reached the new one; scan there to see it"
            raise (failover.demoted(error, said) if self._done else error) from None
        finally:
            self._ended_at = time.monotonic()
            if self._ledger is not None:
                counts = {outcome.name.lower(): count for outcome, count in sorted(self._outcomes.items())}
                self._ledger.close(state, counts | ({"unknown": self._unknown} if self._unknown else {}))

    def _batches(self) -> Iterator[Batch]:
        """The rows that a repair fits, each batch of one queue and one repair, and small for the server."""
        batch: list[tuple[int, TaskRow]] = []
        size = 0
        for rows in self.plan.plan.selection.batches(_CHUNK):
            fitting = [(seq, row) for seq, row in rows if row.kind in self.plan.repairs]
            for seq, row in sorted(fitting, key=lambda one: self._together(one[1])):
                weight = row.stored_bytes or 0
                if batch and (
                    len(batch) >= _BATCH_TASKS
                    or size + weight > _BATCH_BYTES
                    or self._together(row) != self._together(batch[0][1])
                ):
                    yield batch
                    batch, size = [], 0
                batch.append((seq, row))
                size += weight
        if batch:
            yield batch

    def _together(self, row: TaskRow) -> tuple[str, str]:
        return row.queue, self._how(row)

    def _how(self, row: TaskRow) -> Repair:
        return self.plan.repairs[row.kind]

    def _attempt(self) -> None:
        """Work until all is done or the connection is lost. Then the next one goes on with the part that was cut off:
        what the first try did of it is no finding any more.
        """
        if self._witness.look():
            self._unsure = self._unsure or self._done > 0
        with self._server.pipe() as pipe:
            self.connected()
            while self._has_parts(pipe):
                self.checkpoint()
                began = time.monotonic()
                self._set_right(pipe, self._parts[0])
                self._account(self._parts.popleft())
                self.rest(self.pace.rest_after(time.monotonic() - began))

    def _has_parts(self, pipe: Pipe) -> bool:
        """Whether anything is left to do; the next batch is cut into parts that are small enough to be read whole."""
        if not self._parts:
            self._batch = self._batch or next(self._feed, ())
            self._parts.extend(self._parts_of(pipe, self._batch))
            self._batch = ()
        return bool(self._parts)

    def _parts_of(self, pipe: Pipe, batch: Batch) -> list[_Part]:
        if self._ledger is None or not batch:
            return [_Part(batch)] if batch else []
        ids = [row.id for _, row in batch]
        return [_Part([batch[at] for at in places]) for places in portions(pipe, batch[0][1].queue, ids)]

    def _set_right(self, pipe: Pipe, part: _Part) -> None:
        rows = part.rows
        if part.wanted is None:
            part.wanted = self._keep(pipe, part, self._ledger) if self._ledger is not None else range(len(rows))
        if self._record is not None and not part.tries:
            self._record(pipe, rows)
        part.tries += 1
        wanted = [rows[at] for at in part.wanted]
        outcomes = store.repair(pipe, self._how(rows[0]), wanted, now_of(pipe), self.plan.types)
        part.outcomes.update(zip(part.wanted, outcomes, strict=True))

    def _keep(self, pipe: Pipe, part: _Part, ledger: Ledger) -> list[int]:
        """Write down what a part is about to change; what is there no more is not written down, nor asked for."""
        rows = part.rows
        ids, places = [row.id for row in rows], [store.stands_in(row) for row in rows]
        copies = reading.whole(pipe, rows[0].queue, ids, places)
        wanted = []
        for at, (row, copy) in enumerate(zip(rows, copies, strict=True)):
            if self._how(row) is Repair.DELETE_KEY:  # of what is no task data, only the id is written down
                copies[at] = copy._replace(fields=(), lock=None, lock_until=None)
                wanted.append(at)
            elif copy.fields is reading.NOT_A_HASH:
                part.outcomes[at] = Repaired.NOT_A_TASK
            elif not copy.fields and row.kind is not Kind.GHOST:
                part.outcomes[at] = Repaired.GONE
            else:
                wanted.append(at)
        if wanted:
            part.kept = ledger.keep([copies[at] for at in wanted])
        return wanted

    def _account(self, part: _Part) -> None:
        """Count what became of a part, tell the journal, and take what is no finding any more out of the list."""
        outcomes = [part.outcomes[at] for at in range(len(part.batch))]
        again = part.tries > 1
        if again:
            self._unconfirmed += sum(not outcome.done for outcome in outcomes)
        if part.kept is not None and self._ledger is not None:
            told = [part.outcomes[at] for at in part.wanted or ()]
            digits = [UNKNOWN if again and not outcome.done else outcome.digit for outcome in told]
            self._ledger.done(part.kept, "".join(digits))
        for row, outcome in zip(part.rows, outcomes, strict=True):
            if not outcome.done and outcome is not Repaired.GONE and len(self._skipped) < _EXAMPLES:
                self._skipped.append(Skipped(row.queue, row.id, outcome))
        self._outcomes.update(outcomes)
        self._done += len(outcomes)
        self.plan.plan.selection.catalog.remove(
            seq
            for (seq, _), outcome in zip(part.batch, outcomes, strict=True)
            if outcome.done or outcome is Repaired.GONE
        )
