"""The job that sets findings right: journal place, verified batches, report. The same shape as a deletion."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import REPAIR, Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.changes import failover
from archive_tui.changes.delete import Record
from archive_tui.changes.recorder import Ledger, portions
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.errors import DisconnectedError, RefusedError, ReplicaError
from archive_tui.jobs.job import Job, JobState, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress, Example
from archive_tui.journal.outcomes import CODES, UNKNOWN
from archive_tui.journal.recorder import Keeping
from archive_tui.store.link.clock import now_of
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots as reading
from archive_tui.store.write import repair as store

_CHUNK = 5_000
_BATCH_TASKS = 100
_BATCH_BYTES = 1024 * 1024
_EXAMPLES = 200

Batch = Sequence[tuple[int, TaskRow]]
COMMAND = "repair"
"""How the journal of a repair names the run; after it, a colon and the repairs."""


@dataclass(slots=True, eq=False)
class _Part:
    """Some rows of one batch. `wanted` are the places of those that are asked for: where there is a journal, those that
    are in it as its batch `kept`.
    """

    batch: Batch
    outcomes: dict[int, Outcome] = field(default_factory=dict)
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
        self._outcomes: Counter[Outcome] = Counter()
        self._skipped: list[Example] = []
        self._unknown = self._unconfirmed = self._done = 0
        self._witness = failover.Witness(server)
        self._unsure = False
        self._began = time.monotonic()
        self._ended_at: float | None = None

    @property
    def progress(self) -> ChangeProgress:
        """What was done so far; safe to read from any thread."""
        seconds = (self._ended_at or time.monotonic()) - self._began
        return ChangeProgress(
            REPAIR,
            self.state,
            self.plan.count,
            self._done,
            self._done / seconds if seconds > 0 else 0.0,
            self.trouble,
            str(self.error) if self.error else "",
            outcomes=dict(self._outcomes),
            unknown=self._unknown,
            unconfirmed=self._unconfirmed,
            examples=tuple(self._skipped),
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
                counts = {REPAIR.name(outcome): count for outcome, count in sorted(self._outcomes.items())}
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
                part.outcomes[at] = Outcome.NOT_A_TASK
            elif not copy.fields and row.kind is not Kind.GHOST:
                part.outcomes[at] = Outcome.GONE
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
            digits = [UNKNOWN if again and not outcome.done else CODES[outcome] for outcome in told]
            self._ledger.done(part.kept, "".join(digits))
        for row, outcome in zip(part.rows, outcomes, strict=True):
            if not outcome.done and outcome is not Outcome.GONE and len(self._skipped) < _EXAMPLES:
                self._skipped.append(Example(row.queue, row.id, outcome))
        self._outcomes.update(outcomes)
        self._done += len(outcomes)
        self.plan.plan.selection.catalog.remove(
            seq
            for (seq, _), outcome in zip(part.batch, outcomes, strict=True)
            if outcome.done or outcome is Outcome.GONE
        )
