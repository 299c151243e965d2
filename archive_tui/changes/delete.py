"""Deleting task data: the change that carries out a `Plan`.

One path for one row and for two million, for the screen and for the command line. It is the change that overlaps: the
server works on one batch while the next is read and written to the journal.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from archive_tui.asynq.actions import Action
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.outcomes import DELETE, Outcome
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint, fingerprints
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.auditing import Facts
from archive_tui.changes.change import Call, Change, ChangeBatch, Correction
from archive_tui.changes.kept_plan import KeptPlan
from archive_tui.changes.plan import Plan
from archive_tui.jobs.batches import CALL_BYTES, TargetBatch, row_batches, slices
from archive_tui.jobs.job import Leaving
from archive_tui.journal.recorder import Recorder
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import snapshots
from archive_tui.store.read.leftover import is_leftover
from archive_tui.store.write import delete as store
from archive_tui.store.write.delete import Doomed, Standing, is_plain

_FIRST_CALL = 200
_LONGEST_CALL = 500
_FEWEST = 75
"""Tasks of one script call; several microseconds each. It begins small and grows where the server is fast."""

_CALL_SECONDS = 0.0005
"""How long one call should keep the server."""

_BATCH_CALLS = 2
"""Calls sent together where nothing is copied. A server carries out all that it has read of one client before it turns
to another: these calls together keep it for about a millisecond. With a journal a call has so many bytes that it is
nearly always alone (both seen by `eventloop_cycles` of Valkey 9.1.2).
"""

_CAREFUL_CALLS = 5
_WAITED = 0.0003
"""Seconds for which an answer must have been waited for to say anything about the server."""

_LOOKED_FOR_LOCKS = 10_000
"""Tasks of a plan up to which each is asked for a lock that it holds without naming it: two commands a task more. No
version of Go's library writes such a task.
"""

_REMEMBERED = 8
_RAW_STATES = {None: None} | {state: state.value.encode() for state in State}


@dataclass(slots=True, eq=False, kw_only=True)
class DeleteBatch(ChangeBatch):
    """Tasks of one queue, one state and one standing that are to be deleted."""

    doomed: Sequence[Doomed]
    """What must still be true of each when it is deleted."""

    standing: Standing

    indexes: Sequence[State | None]
    """The index in which each must stand, None for none."""

    plain: bool = False
    """Whether all copies have a message, a state, nothing else, and name no lock."""

    requests: list[bytes] | None = None
    """The open calls, packed to be sent."""

    asleep: bool = True
    """Whether its leftover queue was still one when it was about to be sent."""

    sent_at: float = 0.0
    """When it was sent, by the monotonic clock."""

    @property
    def alone(self) -> bool:
        return self.standing is Standing.LEFTOVER

    def cut(self, places: slice) -> "DeleteBatch":
        return DeleteBatch(
            queue=self.queue,
            ids=self.ids[places],
            seqs=self.seqs[places],
            doomed=self.doomed[places],
            standing=self.standing,
            indexes=self.indexes[places],
        )

    def slice(self, tasks: int) -> None:
        """Cut what is chosen into calls of so many tasks, and of what the server can compare in a moment."""
        places, copies = self.chosen, self.copies
        sizes = None
        # What is not plain may hold more than the message by which it was sized
        if copies is not None and (not self.plain or self.largest * tasks > CALL_BYTES):
            sizes = [sum(map(len, copy.fields)) for copy in copies]
        if copies is None or self.plain:
            forms: list[Sequence[int]] = [places]
        else:
            plain = [is_plain(copies[at]) for at in places]
            forms = [places] if len(set(plain)) < 2 else _parted(places, plain)
        self.calls = [Call(at) for alike in forms for at in slices(alike, tasks, sizes)]


def _batch(rows: TargetBatch) -> DeleteBatch:
    columns = rows.ids, repeat(rows.state), rows.fingerprints, repeat(rows.standing), rows.unique
    return DeleteBatch(
        queue=rows.queue,
        ids=rows.ids,
        seqs=rows.seqs,
        weight=rows.weight,
        largest=rows.largest,
        unsized=rows.unsized,
        doomed=list(map(Doomed._make, zip(*columns, strict=False))),
        standing=rows.standing,
        indexes=rows.indexes,
    )


class DeleteChange(Change[DeleteBatch]):
    """Deletes the rows of a plan, in its order (`row_batches` has it)."""

    verb = DELETE
    action = Action.DELETE
    leaving = Leaving("A deletion is running", "What was deleted stays deleted.")
    caution = failover.caution("deleted", "there again")
    after_demotion = "what was deleted last may not have reached the new one, and be there again; scan there to see it"
    overlaps = True
    doubtful = frozenset({Outcome.GONE, Outcome.QUEUE_AWAKE})

    def __init__(self, plan: Plan) -> None:
        totals = plan.totals
        self.plan = plan
        self.count = totals.count
        self.queues = list(totals.by_queue)
        self.stored_bytes = totals.stored_bytes
        self.catalog = plan.selection.catalog
        self._batches: Iterator[DeleteBatch] = iter(())
        self._times = True
        self._keys: Keys  # as of `connected`
        self._call_tasks = _FIRST_CALL
        self._calls = 0
        self._answered_at = 0.0
        self._seconds_a_task: deque[float] = deque(maxlen=_REMEMBERED)

    def facts(self) -> Facts:
        totals = self.plan.totals
        return {
            "queues": totals.by_queue,
            "kinds": kinds(totals.by_kind),
            "planned": totals.count,
            "bytes": totals.stored_bytes,
        }

    def kept(self) -> KeptPlan:
        return KeptPlan("delete", self.plan.selection, {"seen_at": self.plan.seen_at})

    def begin(self, *, journaled: bool) -> None:
        self._batches = map(_batch, row_batches(self.plan.selection, self._batch_tasks, copying=journaled))

    def _batch_tasks(self) -> int:
        """How many tasks the next batch may have where nothing is copied: after a careful beginning some calls, sent
        together, so that the server need not wait for us after each.
        """
        return self._call_tasks * (_BATCH_CALLS if self._calls > _CAREFUL_CALLS else 1)

    def connected(self, pipe: Pipe) -> None:
        self._keys = pipe.keys
        # Settled for the connection: replies are counted by it. Where no key at all expires, asking costs a twentieth
        self._times = pipe.abilities.has(Ability.TIMES)

    def next_batch(self, pipe: Pipe) -> DeleteBatch | None:
        return next(self._batches, None)

    def prepare(self, pipe: Pipe, queue: str) -> None:
        store.prepare(pipe, queue)

    # Reading

    def send_read(self, pipe: Pipe, batch: DeleteBatch) -> None:
        pipe.send(*snapshots.request(pipe.keys, batch.queue, batch.ids, batch.indexes, times=self._times))

    def take_read(self, pipe: Pipe, batch: DeleteBatch) -> list[Copy]:
        copies = snapshots.answer(pipe, batch.queue, batch.ids, batch.indexes, times=self._times)
        self._answered_at = time.monotonic()  # what was sent behind it begins only now
        return copies

    def missing(self, pipe: Pipe, copies: Sequence[Copy]) -> snapshots.Missing:
        return snapshots.missing(pipe, copies, unnamed=self.plan.count <= _LOOKED_FOR_LOCKS)

    def check(self, batch: DeleteBatch, copies: list[Copy]) -> None:
        batch.copies = copies
        if _all_as_planned(batch, copies):
            batch.places, batch.plain = range(len(copies)), True
            return
        places: list[int] = []
        for at, ((_, state, seen, _, _), copy) in enumerate(zip(batch.doomed, copies, strict=True)):
            fields = copy.fields
            message: bytes | None
            raw_state: bytes | None
            if len(fields) == 4 and fields[0] == b"msg" and fields[2] == b"state":
                message, raw_state = fields[1], fields[3]
            else:
                message, raw_state = copy.field(b"msg"), copy.field(b"state")
            as_planned = raw_state == _RAW_STATES[state] and message is not None and fingerprint(message) == seen
            outcome = None if as_planned else _difference(copy, state, raw_state, message, seen)
            if outcome is None:
                places.append(at)
            else:
                batch.left_out[at] = outcome
        batch.places = places

    # Deleting

    def slice(self, batch: DeleteBatch) -> None:
        batch.slice(self._call_tasks)

    def pack(self, batch: DeleteBatch) -> None:
        batch.requests = []
        for call in batch.open_calls:
            whole = len(call.at) == len(batch.doomed)
            doomed = batch.doomed if whole else [batch.doomed[at] for at in call.at]
            copies = [batch.copies[at] for at in call.at] if batch.copies is not None else None
            batch.requests.append(store.request(self._keys, batch.queue, doomed, copies))

    def send(self, pipe: Pipe, batch: DeleteBatch) -> None:
        if batch.standing is Standing.LEFTOVER:
            batch.asleep = is_leftover(pipe, batch.queue)
        requests, batch.requests = batch.requests or [], None
        if batch.asleep:
            batch.sent()
            batch.sent_at = time.monotonic()
            pipe.send(requests)

    def take(self, pipe: Pipe, batch: DeleteBatch) -> Iterator[Call]:
        refusal: Exception | None = None
        began = time.monotonic()
        calls = batch.open_calls
        for call in calls:
            if not batch.asleep:
                call.tries += call.tries > 0  # what was sent before the connection was lost may have been done
                call.outcomes = [Outcome.QUEUE_AWAKE] * len(call.at)
                yield call
                continue
            answer = store.answer(pipe, len(call.at))
            if isinstance(answer, Exception):
                refusal = refusal or answer
                call.tries -= 1
            else:
                call.outcomes = answer
                yield call
        if batch.asleep:
            self._adapt(batch, calls, began)
        if refusal is not None:
            raise refusal

    def _adapt(self, batch: DeleteBatch, calls: Sequence[Call], began: float) -> None:
        """Size calls to about half a millisecond of server time, judged by the fastest recent answer that was awaited:
        whatever else holds us up makes a server look slow, never fast.
        """
        now = time.monotonic()
        begun_at, self._answered_at = max(batch.sent_at, self._answered_at), now
        self._calls += len(calls)
        if not calls or self._calls <= _CAREFUL_CALLS or now - began < _WAITED:
            return
        self._seconds_a_task.append((now - begun_at) / sum(len(call.at) for call in calls))
        tasks = int(_CALL_SECONDS / min(self._seconds_a_task))
        self._call_tasks = max(_FEWEST, min(tasks, int(self._call_tasks * 1.25), _LONGEST_CALL))

    # After a failover

    def recheck(self, pipe: Pipe, recorder: Recorder | None) -> Iterator[list[Correction]] | None:
        if recorder is None:
            return None
        return failover.corrections(pipe, recorder)


def kinds(counts: dict[Kind | None, int]) -> Facts:
    """Counts by kind as the audit names them; tasks of an archive have no kind."""
    return {"archived" if kind is None else kind.value: count for kind, count in counts.items()}


def _parted(places: Sequence[int], plain: Sequence[bool]) -> list[Sequence[int]]:
    return [[at for at, is_one in zip(places, plain, strict=True) if is_one is form] for form in (True, False)]


def _all_as_planned(batch: DeleteBatch, copies: Sequence[Copy]) -> bool:
    """Whether all of a batch are plain and as they were planned, as nearly always: then nothing is done one by one."""
    count = len(copies)
    if any(doomed[4] for doomed in batch.doomed) or any(copy.lock is not None for copy in copies):
        return False
    try:
        names, messages, others, states = zip(*[copy[2] for copy in copies], strict=True)
    except ValueError:
        return False
    return names.count(b"msg") == others.count(b"state") == states.count(
        _RAW_STATES[batch.doomed[0].state]
    ) == count and fingerprints(messages) == [doomed[2] for doomed in batch.doomed]


def _difference(
    copy: Copy, state: State | None, raw_state: bytes | None, message: bytes | None, seen: bytes
) -> Outcome | None:
    """Why a task is not as it was planned; None where it is."""
    if copy.fields is snapshots.NOT_A_HASH:
        return Outcome.NOT_A_TASK
    if not copy.fields:
        return Outcome.GONE if seen else None  # the fields of a husk may have expired: the script asks for its key
    if State.parse(raw_state) is not state:
        return Outcome.STATE_CHANGED
    now = fingerprint(message) if message is not None else b""
    return None if now == seen else Outcome.MESSAGE_CHANGED
