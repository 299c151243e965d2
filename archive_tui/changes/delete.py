"""The job that carries out a plan: journal, verified deletion, report (DESIGN.md section 6).

One path for one row and for two million, for the screen and for the command line. The server works on one lot while
the next is read and written to the journal; a lot is sent to be deleted only when the journal has it on disk.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from archive_tui.asynq.outcomes import DELETE, Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint, fingerprints
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.batches import Call, Lot, lots, split
from archive_tui.changes.plan import Plan
from archive_tui.errors import RefusedError, ReplicaError
from archive_tui.jobs.job import Job, JobState, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress, Example
from archive_tui.journal.recorder import Keeping, moment
from archive_tui.journal.writer import Writer
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read import snapshots as reading
from archive_tui.store.read.leftover import is_leftover
from archive_tui.store.write import delete as store
from archive_tui.store.write.delete import Standing

_FIRST_CALL = 200
_LONGEST_CALL = 500
"""Tasks of one script call; several microseconds each. It begins small and grows where the server is fast."""

_CALL_SECONDS = 0.001
"""How long one call should keep the server: other clients wait for that long."""

_LOT_CALLS = 3
_CAREFUL_CALLS = 5
_WAITED = 0.0003
_REMEMBERED = 8
_FEWEST = 50
_REMOVED_AT_ONCE = 5_000
_REMOVED_EVERY = 0.2
_EXAMPLES = 200
_AWAY = frozenset({Outcome.GONE.value, Outcome.DONE.value, Outcome.DONE_AND_UNLOCKED.value})
_RAW_STATES = {None: None} | {state: state.value.encode() for state in State}
_LARGE = 8 * 1024 * 1024

Record = Callable[[Pipe, Sequence[TaskRow]], None]
"""Called before a lot is deleted; raises where that must not happen."""


class DeleteJob(Job):
    """Carry out a plan. A stop, or a server that stays away, leaves a clean prefix done (`lots` has the
    order) and the rest untouched.

    Without `keeping` there is no journal, and what is deleted cannot be brought back.
    """

    def __init__(
        self,
        server: Server,
        plan: Plan,
        pace: Pace = Pace.POLITE,
        record: Record | None = None,
        keeping: Keeping | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("delete")
        if server.settings.read_only:
            raise RefusedError("this is a read-only session: nothing can be deleted")
        self.plan = plan
        self.pace = pace
        self.keeping = keeping
        self._server = server
        self._witness = failover.Witness(server)
        self._unsure = False
        self._record = record
        self._clock = clock
        self._writer: Writer | None = None
        self._journal_path: Path | None = None
        self._feed: Iterator[Lot] = iter(())
        self._again: deque[Lot] = deque()
        self._prepared: set[str] = set()
        self._call_tasks = _FIRST_CALL
        self._calls = 0
        self._answered_at = 0.0
        self._seconds_a_task: deque[float] = deque(maxlen=_REMEMBERED)
        self._outcomes: Counter[int] = Counter()
        self._skipped: list[Example] = []
        self._unconfirmed = self._unknown = 0
        self._done = 0
        self._removed: list[int] = []
        self._removed_at = 0.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._removing: Future[None] | None = None
        self._began = time.monotonic()
        self._ended_at: float | None = None

    @property
    def progress(self) -> ChangeProgress:
        """What was done so far; safe to read from any thread."""
        seconds = (self._ended_at or time.monotonic()) - self._began
        return ChangeProgress(
            DELETE,
            self.state,
            self.plan.count,
            self._done,
            self._done / seconds if seconds > 0 else 0.0,
            self.trouble,
            str(self.error) if self.error else "",
            outcomes={Outcome(number): count for number, count in dict(self._outcomes).items()},
            unknown=self._unknown,
            unconfirmed=self._unconfirmed,
            examples=tuple(self._skipped),
            journal=self._journal_path,
            caution=failover.caution("deleted", "there again") if self._unsure else "",
        )

    def work(self) -> None:
        self._began = time.monotonic()
        self._feed = lots(self.plan.selection, self._lot_tasks, copying=self.keeping is not None)
        state = JobState.FAILED
        try:
            if self.keeping is not None:
                totals = self.plan.totals
                self._writer = self.keeping.begin(
                    self._server.settings, list(totals.by_queue), totals.count, totals.stored_bytes, self._clock
                )
                self._journal_path = self._writer.path
            self.reconnecting(self._attempt)
            state = JobState.DONE
        except Stopped:
            state = JobState.STOPPED
            raise
        except ReplicaError as error:
            said = "what was deleted last may not have reached the new one, and be there again; scan there to see it"
            raise (failover.demoted(error, said) if self._done else error) from None
        finally:
            self._unknown = sum(lot.unknown for lot in self._again)
            self._ended_at = time.monotonic()
            try:
                self._close_journal(state)
            finally:
                self._forget_rows(at_last=True)
                self._pool.shutdown()

    def _lot_tasks(self) -> int:
        """How many tasks the next lot may have where nothing is copied: after a careful beginning some calls, sent
        together, so that the server need not wait for us after each.
        """
        return self._call_tasks * (_LOT_CALLS if self._calls > _CAREFUL_CALLS else 1)

    # One connection

    def _attempt(self) -> None:
        """Work until all is done or the connection is lost; what was not finished is taken up again by the next one.

        What is sent, and so what is answered, comes in this order: reading of a lot, deletion of the lot before it,
        reading of the next lot, deletion of this one.
        """
        if self._witness.look():
            self._unsure = self._done > 0
        with self._server.pipe() as pipe:
            self._prepared.clear()
            self.connected()
            if self._unsure:
                self._look_again(pipe)
            asked: Lot | None = None
            following: Lot | None = None
            lot = self._take()
            try:
                while lot is not None:
                    began = time.monotonic()
                    if self._stop.is_set() or self.paused:
                        self._drain(pipe, lot, asked)
                        asked = None
                        self.checkpoint()
                    if self._must_be_alone(lot):
                        self._answers(pipe, asked)
                        asked = None
                    self._make_ready(pipe, lot, asked)
                    following = self._take()
                    if following is not None and self._may_read_ahead(lot, following):
                        self._read(pipe, following)
                    requests = self._requests(lot)
                    self._answers(pipe, asked)
                    asked = None
                    if lot.kept is not None:
                        lot.kept.result()
                    if self._record is not None and not lot.tries:
                        self._record(pipe, self._rows(lot))
                    asked = lot
                    self._ask(pipe, lot, requests)
                    lot, following = following, None
                    self._forget_rows()
                    self.rest(self.pace.rest_after(time.monotonic() - began))
                self._answers(pipe, asked)
            except Stopped:
                self._drain(pipe, lot, asked)
                raise
            finally:
                for one in (following, lot, asked):
                    if one is not None and not one.finished and one not in self._again:
                        one.asked_to_read = False
                        self._again.appendleft(one)

    def _look_again(self, pipe: Pipe) -> None:
        """Another server answers than the one that deleted: what that one had not passed on is there again. A lot that
        was answered in part is asked for as a whole; of all before it, the journal knows what they were.
        """
        for call in [call for lot in self._again for call in lot.calls or () if call.outcomes is not None]:
            self._outcomes = self._outcomes - Counter(call.outcomes)
            self._done -= len(call.at)
            if call.tries > 1:
                self._unconfirmed -= list(call.outcomes or ()).count(Outcome.GONE.value)
            call.outcomes = None
        if self._writer is None:
            return
        self._writer.flush()
        for found in failover.undone(pipe, self._writer.path):
            self.checkpoint()
            for copy, outcome in found.tasks:
                self._outcomes = self._outcomes - Counter([outcome.value]) + Counter([Outcome.BACK.value])
                if len(self._skipped) < _EXAMPLES:
                    self._skipped.append(Example(copy.queue, copy.id, Outcome.BACK))
            if found.tasks:
                self._writer.done(found.batch, found.digits)
        self._unsure = False

    def _take(self) -> Lot | None:
        return self._again.popleft() if self._again else next(self._feed, None)

    def _drain(self, pipe: Pipe, lot: Lot | None, asked: Lot | None) -> None:
        """Take every answer that is under way; what was read of a lot that is not written down yet is forgotten."""
        if lot is not None and lot.asked_to_read:
            reading.answer(pipe, lot.queue, lot.ids, lot.indexes)
            lot.asked_to_read = False
        self._answers(pipe, asked)

    # Reading and writing down

    def _must_be_alone(self, lot: Lot) -> bool:
        """Whether something must be asked at once that cannot wait behind the answers under way."""
        if lot.asked_to_read:
            return False
        return (
            lot.queue not in self._prepared
            or lot.standing is Standing.LEFTOVER
            or (self._writer is not None and lot.copies is None)
        )

    def _make_ready(self, pipe: Pipe, lot: Lot, asked: Lot | None) -> None:
        """Read a lot, leave out what is no longer as planned, and begin to write the rest to the journal."""
        if lot.queue not in self._prepared:
            store.prepare(pipe, lot.queue)
            self._prepared.add(lot.queue)
        if self._writer is None or lot.copies is not None:
            return
        if lot.unsized:
            first, *others = split(lot, reading.sizes(pipe, lot.queue, lot.ids))
            self._again.extendleft(reversed(others))
            lot.seqs, lot.doomed, lot.unsized = first.seqs, first.doomed, False
            lot.weight, lot.largest = first.weight, first.largest
        if not lot.asked_to_read:
            self._read(pipe, lot)
        copies = reading.answer(pipe, lot.queue, lot.ids, lot.indexes)
        self._answered_at = time.monotonic()  # what was sent behind it begins only now
        lot.asked_to_read = False
        if reading.name_locks(copies):
            self._answers(pipe, asked)
            copies = reading.with_locks(pipe, copies)
        self._judge(lot, copies)
        if lot.wanted:
            wanted = copies if len(lot.wanted) == len(copies) else [copies[at] for at in lot.wanted]
            add = self._writer.add_large if lot.weight > _LARGE else self._writer.add
            lot.batch, lot.kept = add(wanted)

    def _may_read_ahead(self, lot: Lot, following: Lot) -> bool:
        return (
            self._writer is not None
            and following.copies is None
            and not following.unsized
            and lot.standing is not Standing.LEFTOVER
            and following.queue in self._prepared
        )

    def _read(self, pipe: Pipe, lot: Lot) -> None:
        pipe.send(*reading.request(lot.queue, lot.ids, lot.indexes))
        lot.asked_to_read = True

    def _judge(self, lot: Lot, copies: list[Copy]) -> None:
        """Leave out what is no longer as it was planned: it is neither written down nor deleted."""
        if _all_as_planned(lot, copies):
            lot.copies, lot.wanted, lot.plain = copies, range(len(copies)), True
            return
        wanted: list[int] = []
        for at, ((_, state, seen, _, _), copy) in enumerate(zip(lot.doomed, copies, strict=True)):
            fields = copy.fields
            message: bytes | None
            found: bytes | None
            if len(fields) == 4 and fields[0] == b"msg" and fields[2] == b"state":
                message, found = fields[1], fields[3]
            else:
                message, found = copy.field(b"msg"), copy.field(b"state")
            if found == _RAW_STATES[state] and message is not None and fingerprint(message) == seen:
                wanted.append(at)
            else:
                outcome = _difference(copy, state, found, message, seen)
                if outcome is None:
                    wanted.append(at)
                else:
                    lot.outcomes[at] = outcome.value
        lot.copies, lot.wanted = copies, wanted
        self._account(lot, list(lot.outcomes), list(lot.outcomes.values()))

    # Deleting

    def _requests(self, lot: Lot) -> list[bytes]:
        if lot.calls is None:
            lot.slice(self._call_tasks)
        packed = []
        for call in lot.open_calls:
            whole = len(call.at) == len(lot.doomed)
            doomed = lot.doomed if whole else [lot.doomed[at] for at in call.at]
            copies = [lot.copies[at] for at in call.at] if lot.copies is not None else None
            packed.append(store.request(lot.queue, doomed, copies))
        return packed

    def _rows(self, lot: Lot) -> list[TaskRow]:
        rows = self.plan.selection.catalog.rows(lot.seqs)
        return [rows[seq] for seq in lot.seqs if seq in rows]

    def _ask(self, pipe: Pipe, lot: Lot, requests: Sequence[bytes]) -> None:
        calls = lot.open_calls
        lot.tries += 1
        if lot.standing is Standing.LEFTOVER and calls and not is_leftover(pipe, lot.queue):
            for call in calls:
                call.outcomes = [Outcome.QUEUE_AWAKE.value] * len(call.at)
                self._account(lot, call.at, call.outcomes)
        else:
            for call in calls:
                call.tries += 1
            lot.sent_at = time.monotonic()
            pipe.send(requests)
        if lot.finished:
            self._conclude(lot)

    def _answers(self, pipe: Pipe, lot: Lot | None) -> None:
        """Take what the server says of a lot, and account for it, also where it refuses in the middle."""
        if lot is None or lot.finished:
            return
        refusal: Exception | None = None
        began = time.monotonic()
        calls = lot.open_calls
        for call in calls:
            said = store.answer(pipe, len(call.at))
            if isinstance(said, Exception):
                refusal = refusal or said
                call.tries -= 1  # nothing of this call was done
            else:
                call.outcomes = said
                if call.tries > 1:
                    self._unconfirmed += list(said).count(Outcome.GONE.value)
                self._account(lot, call.at, said)
        self._adapt(lot, calls, began)
        if refusal is not None:
            raise refusal
        self._conclude(lot)

    def _adapt(self, lot: Lot, calls: Sequence[Call], began: float) -> None:
        """Calls as large as the server answers in a moment. Told only where we had to wait for it, and by the
        best of some answers: whatever else holds us up makes a server look slow, never fast.
        """
        now = time.monotonic()
        begun_at, self._answered_at = max(lot.sent_at, self._answered_at), now
        self._calls += len(calls)
        if not calls or self._calls <= _CAREFUL_CALLS or now - began < _WAITED:
            return
        self._seconds_a_task.append((now - begun_at) / sum(len(call.at) for call in calls))
        wanted = int(_CALL_SECONDS / min(self._seconds_a_task))
        self._call_tasks = max(_FEWEST, min(wanted, int(self._call_tasks * 1.25), _LONGEST_CALL))

    def _account(self, lot: Lot, places: Sequence[int], numbers: Sequence[int]) -> None:
        """Count outcomes that are known now."""
        for number in set(numbers):
            self._outcomes[number] += numbers.count(number)
        if _AWAY.issuperset(numbers):
            self._removed += lot.seqs if len(places) == len(lot.seqs) else [lot.seqs[at] for at in places]
        else:
            for at, number in zip(places, numbers, strict=True):
                if number in _AWAY:
                    self._removed.append(lot.seqs[at])
                elif len(self._skipped) < _EXAMPLES:
                    self._skipped.append(Example(lot.queue, lot.doomed[at].id, Outcome(number)))
        self._done += len(numbers)

    def _conclude(self, lot: Lot) -> None:
        """Tell the journal what became of a lot."""
        if self._writer is not None and lot.batch is not None:
            self._writer.done(lot.batch, lot.digits())
            lot.batch = lot.copies = None

    def _close_journal(self, state: JobState) -> None:
        if self._writer is None:
            return
        for lot in self._again:
            self._conclude(lot)
        counts = {DELETE.name(Outcome(number)): count for number, count in sorted(self._outcomes.items())}
        counts |= {"unknown": self._unknown} if self._unknown else {}
        self._writer.close({"end": moment(self._clock()), "state": state.value, "counts": counts})
        if not self._writer.batches:
            self._writer.path.unlink(missing_ok=True)
            self._journal_path = None

    def _forget_rows(self, *, at_last: bool = False) -> None:
        """Take what is gone out of the catalog, some thousand rows at once and beside the deletion."""
        now = time.monotonic()
        due = len(self._removed) >= _REMOVED_AT_ONCE or now - self._removed_at >= _REMOVED_EVERY
        if self._removed and (due or at_last):
            if self._removing is not None:
                if not self._removing.done() and not at_last:
                    return
                self._removing.result()
            seqs, self._removed = self._removed, []
            self._removed_at = now
            self._removing = self._pool.submit(self.plan.selection.catalog.remove, seqs)
        if at_last and self._removing is not None:
            self._removing.result()


def _all_as_planned(lot: Lot, copies: Sequence[Copy]) -> bool:
    """Whether all of a lot are plain and as they were planned, as nearly always: then nothing is done one by one."""
    count = len(copies)
    try:
        names, messages, others, states = zip(*[copy[2] for copy in copies], strict=True)
    except ValueError:
        return False
    return names.count(b"msg") == others.count(b"state") == states.count(
        _RAW_STATES[lot.doomed[0].state]
    ) == count and fingerprints(messages) == [doomed[2] for doomed in lot.doomed]


def _difference(
    copy: Copy, state: State | None, found: bytes | None, message: bytes | None, seen: bytes
) -> Outcome | None:
    """Why a task is not as it was planned; None where it is."""
    if copy.fields is reading.NOT_A_HASH:
        return Outcome.NOT_A_TASK
    if not copy.fields:
        return Outcome.GONE
    if state is None or found != _RAW_STATES[state]:
        return Outcome.STATE_CHANGED
    now = fingerprint(message) if message is not None else b""
    return None if now == seen else Outcome.MESSAGE_CHANGED
