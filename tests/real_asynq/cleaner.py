"""archive_tui as its screens use it: scan or list, plan, delete. Keeps a log of every attempt to delete a task."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

import pytest
from support.catalogs import seq_of
from support.changes import cleaning_up, deleting_histories, deletion, repairing, restoring_job, running

from archive_tui.asynq.forecast import Forecast
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.outcomes import DELETE, Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.runs import RunMode
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.changes.delete import DeleteBatch, DeleteChange
from archive_tui.changes.edit_plan import SetValues, plan_edit
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.history_plan import plan_histories
from archive_tui.changes.plan import Plan, plan_matching, plan_oldest, plan_rows
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.changes.run_plan import plan_run, runnable
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.payloads.editing.assignments import Assignments
from archive_tui.session import Session
from archive_tui.settings.url import parse_url
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.write import cleanup
from archive_tui.store.write import delete as store
from archive_tui.store.write.delete import Doomed, Standing
from archive_tui.store.write.restore import Target

from .account import Attempt
from .dump import Ref

AnyJob = TypeVar("AnyJob", bound=Job)
Delete = Callable[[Pipe, str, Sequence[Doomed]], list[Outcome]]

_PATIENCE = 120.0
_AS_WISHED = {Outcome.DONE, Outcome.DONE_AND_UNLOCKED, Outcome.GONE}


def ref(row: TaskRow) -> Ref:
    """Queue and id of a row."""
    return row.queue, row.id.decode()


class Cleaner:
    """One operator, for a `with`. `delete` takes the place of archive_tui's own where a test wants a careless one."""

    def __init__(self, url: str, patch: pytest.MonkeyPatch, delete: Delete | None = None) -> None:
        self.attempts: list[Attempt] = []
        self.doing = ""
        self._url = url
        self._delete = delete
        self._open = ExitStack()
        self._began = time.monotonic()
        self._asked: dict[Pipe, deque[tuple[str, Sequence[Doomed]]]] = defaultdict(deque)
        self._request, self._answer = store.request, store.answer
        patch.setattr(store, "request", self._pack)
        patch.setattr(store, "answer", self._logged)
        patch.setattr(DeleteChange, "send", self._noting(DeleteChange.send))

    def __enter__(self) -> Self:
        self._server = Server(parse_url(self._url))
        self._open.callback(self._server.close)
        self._server.identify()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def refused_orphans(self) -> int:
        """How many tasks were taken for orphans and were none any more when they should have been deleted."""
        return sum(attempt.refused and attempt.orphan for attempt in self.attempts)

    def catalog(self, rows: Sequence[TaskRow] = ()) -> Catalog:
        """A catalog that is closed when we are done."""
        catalog = Catalog()
        self._open.callback(catalog.close)
        catalog.add(rows)
        return catalog

    def scan(self, *queues: str, pace: Pace = Pace.FULL, messages: bool = False, locks: bool = False) -> Catalog:
        """Scan some queues, or all, to the end."""
        job = ended(self.scanning(*queues, pace=pace, messages=messages, locks=locks))
        assert job.progress.complete
        return job.catalog

    def scanning(self, *queues: str, pace: Pace = Pace.FULL, messages: bool = False, locks: bool = False) -> ScanJob:
        """The job that scans some queues, or all; not yet started."""
        return ScanJob(self._server, self.catalog(), queues or None, pace, messages=messages, locks=locks)

    def findings(
        self, *queues: str, pace: Pace = Pace.FULL, messages: bool = False, locks: bool = False
    ) -> dict[tuple[str, bytes], tuple[str, str]]:
        """Scan some queues, or all, to the end: kind and place of each finding."""
        found = rows(self.scan(*queues, pace=pace, messages=messages, locks=locks))
        return {(row.queue, row.id): (str(row.kind), row.index_name) for row in found}

    def repair(self, how: Repair, ids: Collection[str] | None = None, *, locks: bool = False) -> ChangeProgress:
        """Scan everything, and set right what can be set right in this way, or only these of it."""
        plan = everything(self.scan(locks=locks))
        if ids is not None:
            plan = chosen(
                plan.selection.catalog,
                [(row.queue, row.id.decode()) for row in rows(plan.selection.catalog) if row.id.decode() in ids],
            )
        return ended(repairing(self._server, RepairPlan.of(plan, how), Pace.FULL)).progress

    def run(self, queue: str, mode: RunMode, folder: Path | None = None, *, where: str = "") -> ChangeProgress:
        """Run the archived tasks of a queue that match a filter; with a folder, with a journal in it."""
        plan, left_out = runnable(plan_oldest(self.list_archive(queue), Query(where)))
        assert not left_out
        return ended(running(self._server, plan_run(self._server, plan, mode), Pace.FULL, journal_dir=folder)).progress

    def edit(self, queue: str, assignment: str, folder: Path | None = None) -> ChangeProgress:
        """Set a value in the payloads of all archived tasks of a queue, and run these."""
        plan, left_out = runnable(plan_oldest(self.list_archive(queue), Query()))
        assert not left_out
        edit = SetValues(Assignments.parse([assignment]))
        planned = plan_edit(self._server, plan, edit, RunMode())
        return ended(running(self._server, planned, Pace.FULL, journal_dir=folder)).progress

    def register(self, queue: str) -> bool:
        """Register a leftover queue again."""
        with self._server.pipe() as pipe:
            return cleanup.register(pipe, queue)

    def delete_histories(self, folder: Path, *, deleted: int) -> Path:
        """Scan everything, and delete the histories of schedulers that are stale; the journal of it."""
        plan = plan_histories(self._server, everything(self.scan()))
        progress = ended(deleting_histories(self._server, plan, Pace.FULL, journal_dir=folder)).progress
        assert progress.outcomes == {Outcome.DONE: deleted}
        assert progress.journal is not None
        return progress.journal

    def clean_up(self, queue: str, folder: Path) -> Path:
        """Clean up a leftover queue; the journal of it."""
        job = ended(cleaning_up(self._server, queue, Pace.FULL, journal_dir=folder))
        assert job.progress.journal is not None
        return job.progress.journal

    def restoring(self, journal: Path, target: Target = Target.BACK) -> ChangeJob:
        """The job that puts back what a journal holds: planned, and not yet started."""
        plan = plan_restore(self._server, Journal(journal), target)
        return restoring_job(self._server, plan, Pace.FULL)

    def restore(self, journal: Path, target: Target = Target.BACK) -> ChangeProgress:
        """Put back what a journal holds."""
        return ended(self.restoring(journal, target)).progress

    def forecast(self, queue: str) -> Forecast:
        """What is foreseeable for an archive."""
        session = Session(parse_url(self._url))
        self._open.callback(session.close)
        return session.archive_forecast(queue)

    def list_archive(self, queue: str) -> Catalog:
        """List the archive of a queue."""
        job = ended(ListJob(self._server, self.catalog(), queue))
        assert job.progress.complete
        return job.catalog

    def job(self, plan: Plan, pace: Pace = Pace.FULL, journal_dir: Path | None = None) -> ChangeJob:
        """The job that carries out a plan, not yet started."""
        return deletion(self._server, plan, pace, journal_dir=journal_dir)

    def delete(self, plan: Plan, pace: Pace = Pace.FULL, journal_dir: Path | None = None) -> ChangeProgress:
        """Carry out a plan to its end."""
        progress = ended(self.job(plan, pace, journal_dir)).progress
        assert not progress.untouched
        return progress

    def _pack(self, keys: Keys, queue: str, batch: Sequence[Doomed], copies: Sequence[Copy] | None = None) -> bytes:
        """A careless `delete` asks nothing before it is its turn."""
        return self._request(keys, queue, batch, copies) if self._delete is None else b""

    def _noting(self, send: Callable[[DeleteChange, Pipe, DeleteBatch], None]) -> Callable[..., None]:
        """Note what a deletion has really asked for, by the pipe that the answers come on: what is packed may yet be
        dropped, and what was asked on a pipe that was lost is answered by nobody.
        """

        def sending(change: DeleteChange, pipe: Pipe, batch: DeleteBatch) -> None:
            before = [(call, call.tries) for call in batch.open_calls]
            send(change, pipe, batch)
            self._asked[pipe].extend(
                (batch.queue, [batch.doomed[at] for at in call.at]) for call, tries in before if call.tries > tries
            )

        return sending

    def _logged(self, pipe: Pipe, count: int) -> list[int] | Exception:
        queue, batch = self._asked[pipe].popleft()
        assert len(batch) == count
        if self._delete is None:
            said = self._answer(pipe, count)
        else:
            pipe.owed -= 1
            said = [outcome.value for outcome in self._delete(pipe, queue, batch)]
        assert not isinstance(said, Exception), said
        story = f"{time.monotonic() - self._began:.3f} s {self.doing}:"
        self.attempts += [
            Attempt(
                (queue, doomed.id.decode()), doomed.standing is Standing.ORPHAN,
                outcome.done, outcome not in _AS_WISHED,
                f"{story} {DELETE.sentence(outcome)} (wanted {doomed.state}, message {doomed.fingerprint.hex()})",
            )
            for doomed, outcome in zip(batch, map(Outcome, said), strict=True)
        ]  # fmt: skip
        return said


def ended(job: AnyJob) -> AnyJob:
    """A job, started if need be, once it has come to a good end."""
    if not job.begun:
        job.start()
    assert job.wait(_PATIENCE), "the job does not end"
    assert job.state is JobState.DONE, job.error
    return job


def everything(catalog: Catalog) -> Plan:
    """The plan to delete all that a catalog holds."""
    return plan_matching(catalog, Query())


def rows(catalog: Catalog) -> list[TaskRow]:
    """All that a catalog holds."""
    return list(catalog.rows(catalog.find(Query())).values())


def refs(catalog: Catalog) -> set[Ref]:
    """Whom a catalog holds."""
    return set(map(ref, rows(catalog)))


def every(step: int, catalog: Catalog) -> Plan:
    """The plan to delete every second row, or third, and so on, as if a person had marked them."""
    return _marked(catalog, catalog.find(Query())[::step])


def chosen(catalog: Catalog, wanted: Iterable[Ref]) -> Plan:
    """The plan to delete just these, as if a person had marked them."""
    seqs = [seq for queue, task_id in wanted if (seq := seq_of(catalog, queue, task_id.encode())) is not None]
    return _marked(catalog, seqs)


def _marked(catalog: Catalog, seqs: Iterable[int]) -> Plan:
    marks = Marks()
    marks.add(seqs)
    return plan_rows(catalog, marks, catalog.find(Query()))
