"""The engine of every change: read-only check → audit → journal → verified batches → failover check → report.

`ChangeJob` carries out any `Change`.

Sending and taking are apart. Where a change `overlaps`, the server works on one batch while the next one is read and
written to the journal; what is sent, and so what is answered, then comes in this order: reading of a batch, change of
the batch before it, reading of the next batch, change of this one. A batch is changed only when the journal has it on
disk.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from archive_tui.asynq.outcomes import Outcome
from archive_tui.changes import failover, kept_plan
from archive_tui.changes.auditing import audited, whereabouts
from archive_tui.changes.change import Change, ChangeBatch
from archive_tui.changes.gone_rows import GoneRows
from archive_tui.errors import ArchiveTuiError, RefusedError, ReplicaError
from archive_tui.jobs.batches import split
from archive_tui.jobs.job import Job, JobState, Leaving, Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress, Example
from archive_tui.jobs.witness import Witness
from archive_tui.journal.audit import Audit
from archive_tui.journal.recorder import Recorder, Run
from archive_tui.journal.writer import Appender
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.read import old_storage, snapshots

_EXAMPLES = 200

_LOOK_EVERY = 0.25
"""Seconds between two looks at a server that may be replaced."""


class ChangeJob(Job):
    """Carries out a change. A stop, or a server that stays away, leaves a clean prefix done and the rest untouched.

    `journal` is the folder of the journals; None where none is kept, and what is changed cannot be brought back.
    `choice` says in words how the tasks were chosen, `reason` why. `continues` is the journal of a change whose rest
    this one resumes. `clock` gives unix seconds, `stopwatch` seconds from
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
        continues: Path | None = None,
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
        self._continues = continues
        self._clock, self._stopwatch = clock, stopwatch
        self._recorder: Recorder | None = None
        self._journal_path: Path | None = None
        self._plan_kept = False
        self._witness = Witness(server)
        self._unsure = False
        self._first: ServerInfo | None = None
        self._doubt = ""
        self._waiting = False
        self._again: deque[ChangeBatch] = deque()
        self._prepared: set[str] = set()
        self._outcomes: Counter[int] = Counter()
        self._examples: list[Example] = []
        self._done = self._unknown = self._unconfirmed = 0
        self._ordinary = frozenset(outcome.value for outcome in change.ordinary)
        self._rows = GoneRows(change.catalog)
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
            caution=(change.caution if self._unsure else "") or self._doubt,
            waiting=self._waiting,
            keys=change.keys,
            resumable=self._plan_kept and self.state.ended,
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
            **({"continues": str(self._continues)} if self._continues is not None else {}),
        }
        with (
            audited(self._audit, self.change.verb.base, facts, lambda: self.change.report(self.progress)),
            self._alone(),
        ):
            self._carry_out()

    def _alone(self) -> AbstractContextManager[object]:
        """See to it that nobody else resumes the same change, or restores from its journal, meanwhile."""
        return Appender(self._continues) if self._continues is not None else nullcontext()

    def _carry_out(self) -> None:
        self._began = self._stopwatch()
        state = JobState.FAILED
        try:
            if self._journal is not None:
                change = self.change
                continues = self._continues.name if self._continues is not None else ""
                run = Run(
                    self._server.address,
                    change.command,
                    change.queues,
                    change.count,
                    self._reason,
                    continues,
                    self._server.keys.namespace,
                    self._server.settings.watchers,
                    self._server.node_names,
                )
                self._recorder = Recorder.in_folder(self._journal, run, change.stored_bytes, self._clock)
                self._journal_path = self._recorder.path
                if (kept := change.kept()) is not None:
                    kept_plan.keep(self._recorder.path, kept, self._choice)
                    self._plan_kept = True
            self.change.begin(journaled=self._recorder is not None)
            with self.change.opened(self._clock):
                self.reconnecting(self._attempt)
            state = JobState.DONE
        except Stopped:
            state = JobState.STOPPED
            self._look_back_if_there()
            raise
        except ReplicaError as error:
            raise (failover.demoted(error, self.change.after_demotion) if self._done else error) from None
        except RefusedError:
            self._look_back_if_there()
            raise
        finally:
            self._unknown = sum(batch.unknown for batch in self._again)
            self._ended_at = self._stopwatch()
            try:
                self._close_journal(state)
            finally:
                self._rows.close()

    def _close_journal(self, state: JobState) -> None:
        if self._recorder is None:
            if self._continues is not None and state is JobState.DONE:
                kept_plan.retire(self._continues)
            return
        for batch in self._again:
            self._conclude(batch)
        counts = {self.change.verb.name(Outcome(number)): count for number, count in sorted(self._outcomes.items())}
        counts |= {"unknown": self._unknown} if self._unknown else {}
        self._recorder.close(state.value, counts)
        nothing_done = self._recorder.empty
        whole = state is JobState.DONE and not self._outcomes[Outcome.BACK]
        if nothing_done or whole:
            kept_plan.forget(self._recorder.path)
            self._plan_kept = False
        if self._continues is not None and (not nothing_done or whole):
            kept_plan.retire(self._continues)
        if nothing_done:
            self._recorder.remove()
            self._journal_path = None

    # One connection

    def _attempt(self) -> None:
        """Work until all is done or the connection is lost; what was not finished is taken up again by the next one."""
        succeeded = self._witness.look()
        if succeeded or self._first is None:
            self._first, self._doubt = self._witness.info, ""
        if succeeded:
            self._unsure = self._unsure or self._has_changed
        with self._server.pipe() as pipe:
            self._prepared.clear()
            self._begin(pipe)
            self._work_through(pipe)
        if self._has_changed and not succeeded:
            self._watch_for_successor()

    @property
    def _has_changed(self) -> bool:
        return self._done > 0 or self.change.keys > 0

    def _watch_for_successor(self) -> None:
        """Hold the report back while another server may be taking over; a stop cuts that short. Whoever answers
        instead is compared with what was done.
        """
        until = time.monotonic() + failover.PATIENCE
        while True:
            now = self._look_back()
            if self._first is not None and now.is_another(self._first):
                return self._attempt()
            if not failover.may_be_under_way(now) or time.monotonic() >= until:
                return None
            self._waiting = True
            stopped = self._stop.wait(_LOOK_EVERY)
            self._waiting = False
            if stopped:
                return None

    def _look_back(self) -> ServerInfo:
        """Look whether the server is still what it was when the change began. Raises DisconnectedError."""
        now = self._server.identify()
        if self._first is not None and self._has_changed:
            self._doubt = failover.doubt(self._first, now, self.change.after_demotion)
        return now

    def _look_back_if_there(self) -> None:
        """The same where a change ends early, as long as the server answers."""
        if self._has_changed and not self.trouble:
            with suppress(ArchiveTuiError):
                self._look_back()

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
            old_storage.refuse(pipe, batch.queue)
            self.change.prepare(pipe, batch.queue)
            self._prepared.add(batch.queue)
        if self._recorder is None or batch.copies is not None:
            return
        if not batch.read_sent:
            self._read(pipe, batch)
        copies = self.change.take_read(pipe, batch)
        batch.read_sent = False
        lacking = self.change.missing(pipe, copies)
        if any(lacking):
            self._answers(pipe, asked)
            copies = snapshots.completed(pipe, copies, lacking)
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
